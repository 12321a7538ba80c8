//! Who the workers are to be, found out while somebody is still there to be told.
//!
//! Names become numbers here, and what this process may not do is refused before anything is forked. The master stays who it
//! is: its socket, pidfile and logs are its own, and an upgrade may bind what only it may bind. Python runs nowhere but in
//! processes that have given up their rights.

use std::io;
use std::path::Path;

use super::Problem;
use super::access::Access;
use crate::app::Host;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::options;
use crate::os::listener::FileRights;
use crate::os::privileges::{Identity, Limits, Rights, RightsError, Root};
use crate::os::users::{self, Account};

/// What workers become, and what is made for them.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    rights: Rights,
    /// The user of the workers.
    uid: u32,
    /// The user was named.
    is_chosen: bool,
    /// Whose home and name the application is to find; `None`: as inherited.
    account: Option<Account>,
    /// Owner, group and mode of the Unix socket.
    pub(super) socket: FileRights,
    /// Who may connect.
    pub(super) access: Access,
}

impl Standing {
    /// Finds out.
    ///
    /// # Errors
    /// A name that nobody has, or rights that this process does not have.
    pub(super) fn decide(config: &Config) -> Result<Self, Problem> {
        let asked = &config.security;
        let own = Identity { uid: users::own_user(), gid: users::own_group(), groups: users::own_groups() };
        let account = asked.user.as_deref().map(|name| user("user", name)).transpose()?;
        let is_root = own.uid == 0;
        let uid = account.as_ref().map_or(own.uid, |account| account.uid);
        let gid = match (&asked.group, &account) {
            (Some(name), _) => group("group", name)?,
            (None, Some(account)) => home_group(account, &own)?,
            (None, None) => own.gid,
        };
        let groups = match (&asked.groups, account.as_ref().and_then(|account| account.known.as_ref())) {
            (Some(names), _) => names.iter().map(|name| group("groups", name)).collect::<Result<_, _>>()?,
            (None, Some(known)) if is_root => {
                users::groups_of(&known.name, gid).map_err(|error| lost(&error))?
            }
            (None, None) if account.is_some() && is_root => vec![gid],
            (None, _) => own.groups.clone(),
        };
        let wanted = Identity { uid, gid, groups };
        let socket = socket_rights(config, &wanted, &own)?;
        if !is_root {
            refuse_without_root(config, &wanted, &own)?;
        }
        let root = asked.chroot.as_ref().map(|folder| Root {
            folder: folder.clone(),
            workdir: config.workdir.clone().unwrap_or_else(|| "/".into()),
        });
        if let Some(root) = &root {
            root.check()
                .map_err(|error| Problem::new(ExitStatus::Usage, Code::NEW_ROOT, error.to_string(), ""))?;
        }
        let limits =
            Limits { open_files: asked.open_files, core: asked.core_size, address_space: asked.memory_limit };
        check_limits(limits, is_root)?;
        let is_it = wanted.uid == own.uid
            && wanted.gid == own.gid
            && sorted(&wanted.groups, wanted.gid) == sorted(&own.groups, own.gid);
        let account = account.filter(|account| is_root && account.uid != own.uid);
        let identity = (is_root && !is_it).then_some(wanted);
        let rights = Rights { identity, root, no_new_privs: asked.no_new_privs, limits };
        Ok(Self { rights, uid, is_chosen: asked.user.is_some(), account, socket, access: Access::default() })
    }

    /// The plain truth about workers that run as root, if nobody has said that they should.
    pub(super) fn warning(&self) -> Option<String> {
        self.is_root_by_default().then(|| {
            let known = users::user_names();
            let fitting = ["www-data", "http", "nginx", "apache", "nobody"];
            let name = fitting.into_iter().find(|name| known.iter().any(|user| user == name)).unwrap_or("NAME");
            format!(
                "warning[{}]: the application runs as root: whoever finds a hole in it owns this machine. Add user={name}\n",
                Code::RUNS_AS_ROOT
            )
        })
    }

    /// The user of the workers.
    pub(super) fn uid(&self) -> u32 {
        self.uid
    }

    /// They are root, and nobody has said that they should be.
    pub(super) fn is_root_by_default(&self) -> bool {
        self.uid == 0 && !self.is_chosen
    }

    /// Workers are somebody else than who starts the server, or see other files.
    pub(super) fn changes(&self) -> bool {
        self.rights.identity.is_some() || self.rights.root.is_some()
    }

    /// What workers become.
    pub(super) fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Becomes what a process that runs Python is to be.
    ///
    /// # Errors
    /// The process has to end then.
    pub(super) fn assume(&self, host: &dyn Host) -> Result<(), RightsError> {
        self.rights.assume()?;
        if let Some(account) = &self.account {
            host.set_environment(&variables(account));
        }
        Ok(())
    }

    /// Runs the life of a process of ours that runs no application, but has doors of its own; its files are outside of any new
    /// root. Gives the exit status.
    pub(super) fn live_outside(&self, life: impl FnOnce() -> i32) -> i32 {
        match (Rights { root: None, ..self.rights.clone() }).assume() {
            Ok(()) => life(),
            Err(error) => {
                tracing::error!(code = %Code::RIGHTS, %error, "a process cannot start");
                1
            }
        }
    }

    /// Where a daemon is at home, when no other folder is named, or the named one is in another root.
    pub(super) fn workdir<'c>(&self, config: &'c Config) -> Option<&'c Path> {
        config.workdir.as_deref().filter(|_| self.rights.root.is_none())
    }

    /// As [`Self::assume`], in a process without a master, which has its files open by now.
    ///
    /// # Errors
    /// As there.
    pub(super) fn assume_alone(&self, config: &Config, host: &dyn Host) -> Result<(), RightsError> {
        if let Some(pidfile) = config.pidfile.as_deref().filter(|_| self.changes()) {
            let (path, user) = (pidfile.display(), users::name_of(self.uid));
            tracing::warn!(code = %Code::PIDFILE_STAYS, "`{path}` cannot be removed at the end by {user}");
        }
        self.assume(host)
    }
}

/// What an application finds in its environment of its user: as after a login, for `~` is asked for by many.
fn variables(account: &Account) -> [(&'static str, Option<String>); 3] {
    let known = account.known.as_ref();
    let home = known.map_or_else(|| "/".to_owned(), |known| known.home.to_string_lossy().into_owned());
    let name = known.map(|known| known.name.clone());
    [("HOME", Some(home)), ("USER", name.clone()), ("LOGNAME", name)]
}

pub(super) fn user(option: &str, typed: &str) -> Result<Account, Problem> {
    let found = users::user(typed).map_err(|error| lost(&error))?;
    found.ok_or_else(|| unknown(option, "user", typed, &users::user_names()))
}

pub(super) fn group(option: &str, typed: &str) -> Result<u32, Problem> {
    let found = users::group(typed).map_err(|error| lost(&error))?;
    found.ok_or_else(|| unknown(option, "group", typed, &users::group_names()))
}

/// The group of a user that comes with no other.
fn home_group(account: &Account, own: &Identity) -> Result<u32, Problem> {
    match &account.known {
        Some(known) => Ok(known.gid),
        None if account.uid == own.uid => Ok(own.gid),
        None => {
            let message = format!("the system does not know the user {}, nor its group", account.uid);
            Err(Problem::new(ExitStatus::Usage, Code::GROUP_NEEDED, message, ""))
        }
    }
}

fn unknown(option: &str, what: &str, typed: &str, known: &[String]) -> Problem {
    let near = options::nearest_of(typed, known.iter());
    let hint = near.map(|near| format!("did you mean `{option}={near}`")).unwrap_or_default();
    let code = if what == "user" { Code::UNKNOWN_USER } else { Code::UNKNOWN_GROUP };
    Problem::new(ExitStatus::Usage, code, format!("there is no {what} `{typed}`"), &hint)
}

fn lost(error: &io::Error) -> Problem {
    Problem::new(
        ExitStatus::Failure,
        Code::SYSTEM_REFUSES,
        format!("the list of users cannot be read: {error}"),
        "",
    )
}

/// Owner and group of the socket file: those of the workers, unless others are named.
fn socket_rights(config: &Config, wanted: &Identity, own: &Identity) -> Result<FileRights, Problem> {
    let asked = &config.security;
    let owner = asked.socket_owner.as_deref().map(|name| user("socketowner", name)).transpose()?;
    let owner = owner.map_or(wanted.uid, |account| account.uid);
    let group = asked.socket_group.as_deref().map(|name| group("socketgroup", name)).transpose()?;
    let group = group.unwrap_or(wanted.gid);
    if own.uid != 0 && asked.socket_owner.is_some() && owner != own.uid {
        return Err(needs_root("socketowner", "leave it out: the socket is yours"));
    }
    let is_own_group = group == own.gid || own.groups.contains(&group);
    if own.uid != 0 && asked.socket_group.is_some() && !is_own_group {
        return Err(needs_root("socketgroup", "start as root, or become a member of the group"));
    }
    Ok(FileRights {
        owner: (owner != own.uid).then_some(owner),
        group: (group != own.gid).then_some(group),
        mode: config.socket_mode,
    })
}

fn refuse_without_root(config: &Config, wanted: &Identity, own: &Identity) -> Result<(), Problem> {
    let asked = &config.security;
    let named =
        |option: &str, name: &Option<String>| format!("{option}={}", name.as_deref().unwrap_or_default());
    if wanted.uid != own.uid {
        let hint = format!("start it as root, or as {} and without `user=`", users::name_of(wanted.uid));
        return Err(needs_root(&named("user", &asked.user), &hint));
    }
    if wanted.gid != own.gid {
        return Err(needs_root(&named("group", &asked.group), "start it as root, or leave it out"));
    }
    if asked.groups.is_some() && sorted(&wanted.groups, wanted.gid) != sorted(&own.groups, own.gid) {
        return Err(needs_root("groups", "start it as root, or leave it out"));
    }
    if asked.chroot.is_some() {
        return Err(needs_root("chroot", "start it as root, with user="));
    }
    Ok(())
}

/// Groups as a set to which the own one belongs.
fn sorted(groups: &[u32], own: u32) -> Vec<u32> {
    let mut all = [groups, &[own]].concat();
    all.sort_unstable();
    all.dedup();
    all
}

fn needs_root(option: &str, hint: &str) -> Problem {
    Problem::new(ExitStatus::Usage, Code::NEEDS_ROOT, format!("`{option}` needs root"), hint)
}

fn check_limits(limits: Limits, is_root: bool) -> Result<(), Problem> {
    let Some((option, allowed)) = limits.beyond().filter(|_| !is_root) else { return Ok(()) };
    let message = format!("`{option}` is more than this user may have, which is {allowed}");
    Err(Problem::new(ExitStatus::Usage, Code::LIMIT_TOO_HIGH, message, ""))
}

/// The folder of a socket that nobody but processes of ours use.
pub(super) fn give_folder(folder: &Path, rights: FileRights) -> Result<(), Problem> {
    std::os::unix::fs::chown(folder, rights.owner, rights.group).map_err(|error| {
        let message = format!("the folder `{}` cannot be given away: {error}", folder.display());
        Problem::new(ExitStatus::AddressInUse, Code::PRIVATE_FOLDER, message, "")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_nobody_has_are_met_with_the_nearest() {
        let problem = user("user", "roott").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "error[FR520]: there is no user `roott`\nhint: did you mean `user=root`\n"
        );
        assert_eq!(problem.status, ExitStatus::Usage);
        let problem = group("socketgroup", "xyzzy-xyzzy").unwrap_err();
        assert_eq!(
            problem.to_string(),
            "error[FR521]: there is no group `xyzzy-xyzzy`\nhint: write the name of a group of this machine, or its number\n"
        );
    }

    #[test]
    fn the_application_finds_the_home_of_its_user() {
        let root = user("user", "root").unwrap();
        let home = root.known.as_ref().unwrap().home.to_str().unwrap().to_owned();
        let wanted =
            [("HOME", Some(home)), ("USER", Some("root".to_owned())), ("LOGNAME", Some("root".to_owned()))];
        assert_eq!(variables(&root), wanted);
        let nobody = Account { uid: 4_100_000_000, known: None };
        assert_eq!(variables(&nobody), [("HOME", Some("/".to_owned())), ("USER", None), ("LOGNAME", None)]);
    }

    #[test]
    fn a_user_without_an_entry_needs_a_group() {
        let own = Identity { uid: 0, gid: 0, groups: Vec::new() };
        let account = Account { uid: 4_100_000_000, known: None };
        assert_eq!(home_group(&account, &own).unwrap_err().code, Code::GROUP_NEEDED);
        assert_eq!(home_group(&account, &Identity { uid: account.uid, gid: 7, ..own }).unwrap(), 7);
    }
}
