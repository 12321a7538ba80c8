//! Who the workers run as, what they may have, and who may connect to them; names are looked up at the start.

use std::path::PathBuf;

use super::Config;
use super::Listen;
use super::build::Reader;
use crate::options::{Client, UsageError};

/// What was decided about rights.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Security {
    /// The user of the application, a name or a number.
    pub user: Option<String>,
    /// Its group, likewise.
    pub group: Option<String>,
    /// Its supplementary groups, likewise; `None` are those of the user.
    pub groups: Option<Vec<String>>,
    /// The root of its files.
    pub chroot: Option<PathBuf>,
    /// Whether nothing it starts may gain rights.
    pub no_new_privs: bool,
    /// Files and connections that a worker may have open.
    pub open_files: Option<u64>,
    /// Bytes of a core file.
    pub core_size: Option<u64>,
    /// Bytes of address space of a worker.
    pub memory_limit: Option<u64>,
    /// The owner of the Unix socket.
    pub socket_owner: Option<String>,
    /// The group of the Unix socket.
    pub socket_group: Option<String>,
    /// Who may connect; `None` if not said.
    pub allowed_clients: Option<Vec<Client>>,
}

/// Reads what belongs here.
///
/// # Errors
///
/// The operator is at fault.
pub(super) fn security(read: &Reader<'_>) -> Result<Security, UsageError> {
    let words = read.words("groups")?;
    let groups = (!words.is_empty()).then(|| {
        let is_none = |word: &String| word.eq_ignore_ascii_case("none");
        words.into_iter().filter(|word| !is_none(word)).collect()
    });
    Ok(Security {
        user: read.text("user")?,
        group: read.text("group")?,
        groups,
        chroot: read.path("chroot")?,
        no_new_privs: read.flag("nonewprivs")?.unwrap_or_default(),
        open_files: read.number("openfiles")?,
        core_size: read.number("coresize")?,
        memory_limit: read.number("memorylimit")?.filter(|size| *size > 0),
        socket_owner: read.text("socketowner")?,
        socket_group: read.text("socketgroup")?,
        allowed_clients: read.clients("allowedclients")?,
    })
}

/// The options about the socket file that do nothing where there is none.
pub(super) fn idle_options(config: &Config) -> impl Iterator<Item = &'static str> {
    let no_file = matches!(config.listen, Listen::Tcp { .. } | Listen::Fd(_));
    let given = [
        ("socketmode", config.socket_mode.is_some()),
        ("socketowner", config.security.socket_owner.is_some()),
        ("socketgroup", config.security.socket_group.is_some()),
    ];
    given.into_iter().filter(move |(_, given)| no_file && *given).map(|(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::Security;
    use crate::config::tests::{cause, config};
    use crate::options::Client;

    #[test]
    fn nothing_is_decided_unless_it_is_said() {
        assert_eq!(config("").security, Security::default());
    }

    #[test]
    fn everything_can_be_said() {
        let line = "user=www-data Group=web groups=a,b --groups=12 chroot=jail no-new-privs open_files=4096 coresize=0 \
                    memorylimit=1g socketowner=0 socketgroup=nginx allowedclients=10.0.0.0/8,user:web \
                    allowedclients=any";
        let network = Client::Network { address: [10, 0, 0, 0].into(), bits: 8 };
        let wanted = Security {
            user: Some("www-data".into()),
            group: Some("web".into()),
            groups: Some(vec!["a".into(), "b".into(), "12".into()]),
            chroot: Some("/start/jail".into()),
            no_new_privs: true,
            open_files: Some(4096),
            core_size: Some(0),
            memory_limit: Some(1 << 30),
            socket_owner: Some("0".into()),
            socket_group: Some("nginx".into()),
            allowed_clients: Some(vec![network, Client::User("web".into()), Client::Anybody]),
        };
        assert_eq!(config(line).security, wanted);
        assert_eq!(config("groups=none").security.groups, Some(Vec::new()));
        assert_eq!(config("groups=").security.groups, None);
    }

    #[test]
    fn a_list_of_clients_that_says_nothing_is_no_list() {
        assert_eq!(cause("allowedclients="), "option `allowedclients` needs a value");
        let cause = cause("allowedclients=localhost");
        assert_eq!(
            cause,
            "`allowedclients=localhost` is not a list of addresses, networks, users and groups"
        );
    }

    #[test]
    fn the_file_of_a_tcp_socket_has_no_owner() {
        let config = config("host=::1 port=1 socketowner=www-data socketgroup=www-data");
        let wanted =
            ["socketowner", "socketgroup"].map(|name| format!("`{name}` does nothing without `socket`"));
        assert_eq!(config.warnings, wanted);
    }
}
