//! Who may connect, found out while somebody is still there to be told.
//!
//! A list comes from `allowedclients` or, for TCP, from the variable `FCGI_WEB_SERVER_ADDRS` (FastCGI 1.0 §3.2). Names become
//! numbers here. Whoever speaks FastCGI to the server runs what it wants as any visitor: so all addresses of a machine are served
//! only when it was said to whom.

use std::net::IpAddr;
use std::sync::Arc;

use super::address::{Address, Own};
use super::rights::{group, user};
use super::{Problem, tell};
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::options::{Client, Value, ValueKind};
use crate::os::listener::{self, Listener};
use crate::os::peers::{Network, PeerList};
use crate::os::refusals::Refusals;
use crate::worker::gate::Gate;

/// Who may connect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Access {
    /// `None`: whoever can.
    list: Option<PeerList>,
    /// It was said that anybody may.
    is_open: bool,
    /// The list is that of the web server's variable, which is about TCP alone.
    is_inherited: bool,
}

impl Access {
    /// Finds out; `workers` is the user of the workers, among whom a preview would be.
    ///
    /// # Errors
    /// Names that nobody has, a list that lets nobody in, or all addresses without one.
    pub(super) fn decide(
        config: &Config,
        address: &Address,
        workers: u32,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        let mut access = match &config.security.allowed_clients {
            Some(clients) => Self::of(clients)?,
            None => Self::inherited(environment(WEB_SERVER_ADDRS))?,
        };
        match address {
            Address::Own(Own::Unix(_)) => {
                access.check_kind(false)?;
                if let Some(list) =
                    access.list.as_mut().filter(|_| config.http.is_some() && !access.is_inherited)
                {
                    list.uids.push(workers);
                }
            }
            Address::Own(Own::Tcp { host, .. }) => {
                access.check_kind(true)?;
                let addresses = listener::addresses(host);
                access.check_wildcard(host, &addresses)?;
                access.check_preview(config, &addresses)?;
            }
            Address::Own(Own::Private) | Address::Cgi => access = Self::default(),
            Address::WebServer | Address::Inherited(_) => {}
        }
        Ok(access)
    }

    fn of(clients: &[Client]) -> Result<Self, Problem> {
        let mut list = PeerList::default();
        for client in clients {
            match client {
                Client::Anybody => return Ok(Self { is_open: true, ..Self::default() }),
                Client::Network { address, bits } => {
                    list.networks.push(Network { address: *address, bits: *bits });
                }
                Client::User(name) => list.uids.push(user("allowedclients", name)?.uid),
                Client::Group(name) => list.gids.push(group("allowedclients", name)?),
            }
        }
        Ok(Self { list: Some(list), ..Self::default() })
    }

    fn inherited(value: Option<String>) -> Result<Self, Problem> {
        let Some(value) = value.filter(|value| !value.trim().is_empty()) else { return Ok(Self::default()) };
        let read = ValueKind::Clients.read(value.as_ref(), "/".as_ref());
        let Ok(Value::Clients(clients)) = read else { return Err(bad_variable(&value)) };
        if !clients.iter().all(|client| matches!(client, Client::Network { .. })) {
            return Err(bad_variable(&value));
        }
        Ok(Self { is_inherited: true, ..Self::of(&clients)? })
    }

    /// A list has to name somebody who could come at all.
    fn check_kind(&self, tcp: bool) -> Result<(), Problem> {
        let Some(list) = self.list.as_ref().filter(|_| !self.is_inherited) else { return Ok(()) };
        let (fits, message, hint) = if tcp {
            let message = "`allowedclients` names users alone, and a peer over TCP has an address";
            (
                !list.networks.is_empty(),
                message,
                "write addresses or networks, as in allowedclients=10.0.0.5,10.1.0.0/16",
            )
        } else {
            let message = "`allowedclients` names addresses alone, and a peer over a Unix socket has a user";
            let fits = !list.uids.is_empty() || !list.gids.is_empty();
            (fits, message, "write users or groups, as in allowedclients=user:www-data, or see socketmode=")
        };
        if fits {
            Ok(())
        } else {
            Err(Problem::new(ExitStatus::Usage, Code::CLIENTS_OF_OTHER_KIND, message, hint))
        }
    }

    fn check_wildcard(&self, host: &str, addresses: &[IpAddr]) -> Result<(), Problem> {
        let is_wildcard = host == "*" || addresses.iter().any(|address| is_unspecified(*address));
        if !is_wildcard || self.is_open || self.list.is_some() {
            return Ok(());
        }
        let message =
            format!("`host={host}` serves all who reach this machine, and FastCGI knows no password");
        Err(Problem::new(ExitStatus::Usage, Code::OPEN_TO_ALL, message, ""))
    }

    /// The preview comes from the address that it asks.
    fn check_preview(&self, config: &Config, addresses: &[IpAddr]) -> Result<(), Problem> {
        let Some(list) = self.list.as_ref().filter(|_| config.http.is_some()) else { return Ok(()) };
        let Some(address) = addresses.first().filter(|address| !list.has_address(**address)) else {
            return Ok(());
        };
        let message =
            format!("the preview itself comes from {address}, which `allowedclients` does not let in");
        let hint = format!("add {address}, or leave out host= and port=");
        Err(Problem::new(ExitStatus::Usage, Code::CLIENTS_OF_OTHER_KIND, message, &hint))
    }

    /// Whether connections of a user over a Unix socket are not closed at once.
    pub(super) fn admits(&self, uid: u32, groups: &[u32]) -> bool {
        self.list.as_ref().is_none_or(|list| self.is_inherited || list.has_user(uid, groups))
    }

    /// For sockets that somebody else has made, once they are there.
    ///
    /// # Errors
    /// As for [`Access::decide`].
    pub(super) fn check_inherited(&self, listeners: &[Listener]) -> Result<(), Problem> {
        for listener in listeners {
            self.check_kind(listener.is_tcp())?;
            let is_open = listener.address().is_some_and(|address| is_unspecified(address.ip()));
            if is_open && self.list.is_none() && !self.is_open {
                tell(&format!(
                    "warning[{}]: all who reach `{}` can have requests run: see allowedclients=\n",
                    Code::OPEN_TO_ALL,
                    listener.name()
                ));
            }
        }
        Ok(())
    }

    /// The gate for the workers; without a list there is none.
    pub(super) fn gate(&self) -> std::io::Result<Option<Arc<Gate>>> {
        let Some(list) = self.list.clone() else { return Ok(None) };
        Ok(Some(Arc::new(Gate::new(list, Refusals::new()?))))
    }
}

fn is_unspecified(address: IpAddr) -> bool {
    address.to_canonical().is_unspecified()
}

fn bad_variable(value: &str) -> Problem {
    let message =
        format!("the variable {WEB_SERVER_ADDRS} is no list of addresses: `{}`", value.escape_debug());
    Problem::new(ExitStatus::Usage, Code::WEB_SERVER_ADDRS, message, "")
}

/// Addresses of web servers, with commas between them. Source: FastCGI 1.0 §3.2.
const WEB_SERVER_ADDRS: &str = "FCGI_WEB_SERVER_ADDRS";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};

    fn decide(line: &str, variable: Option<&str>) -> Result<Access, String> {
        let words: Vec<_> = line.split_whitespace().map(Into::into).collect();
        let Ok(Command::Run(config)) = parse(&words, &[], "/".as_ref()) else { panic!("{line}") };
        let environment = |name: &str| variable.filter(|_| name == WEB_SERVER_ADDRS).map(str::to_owned);
        let address = Address::decide(&config, false, environment).unwrap();
        Access::decide(&config, &address, 33, environment).map_err(|problem| problem.to_string())
    }

    #[track_caller]
    fn refused(line: &str, variable: Option<&str>, code: &str) {
        let text = decide(line, variable).unwrap_err();
        assert!(text.starts_with(&format!("error[{code}]: ")), "{line}: {text}");
    }

    #[test]
    fn all_addresses_want_a_list() {
        for host in ["0.0.0.0", "::", "[::]", "0", "::ffff:0.0.0.0", "*"] {
            refused(&format!("host={host} port=1"), None, "FR530");
            for allowed in ["any", "10.0.0.0/8", "::1,user:root"] {
                decide(&format!("host={host} port=1 allowedclients={allowed}"), None).unwrap();
            }
            decide(&format!("host={host} port=1"), Some("10.0.0.5")).unwrap();
            decide(&format!("host={host} port=1"), Some(" ")).unwrap_err();
        }
        for host in ["127.0.0.1", "::1", "localhost", "192.0.2.1"] {
            assert_eq!(decide(&format!("host={host} port=1"), None), Ok(Access::default()), "{host}");
        }
    }

    #[test]
    fn a_list_has_to_let_somebody_in() {
        refused("host=::1 port=1 allowedclients=user:root", None, "FR531");
        refused("socket=/s allowedclients=10.0.0.1", None, "FR531");
        refused("socket=/s allowedclients=user:no-such-user", None, "FR520");
        refused("socket=/s allowedclients=group:no-such-group", None, "FR521");
        refused("http=8000 host=127.0.0.1 port=1 allowedclients=10.0.0.1", None, "FR531");
        let both = "allowedclients=10.0.0.1,user:root";
        assert_eq!(
            decide(&format!("socket=/s {both}"), None),
            decide(&format!("host=::1 port=1 {both}"), None)
        );
    }

    #[test]
    fn the_variable_of_the_web_server_is_about_addresses() {
        let list = decide("host=::1 port=1", Some("127.0.0.1,10.0.0.5")).unwrap().list.unwrap();
        assert!(list.has_address([10, 0, 0, 5].into()) && !list.has_address([10, 0, 0, 6].into()));
        // The operator's own list comes first, and a Unix socket has no addresses.
        let list = decide("host=::1 port=1 allowedclients=::1", Some("10.0.0.5")).unwrap().list.unwrap();
        assert!(!list.has_address([10, 0, 0, 5].into()));
        assert!(decide("socket=/s", Some("10.0.0.5")).is_ok());
        for wrong in ["any", "user:root", "web.example", "10.0.0.5;10.0.0.6"] {
            refused("host=::1 port=1", Some(wrong), "FR533");
        }
    }

    #[test]
    fn the_preview_is_one_of_the_workers() {
        let list = decide("http=8000 socket=/s allowedclients=user:root", None).unwrap().list.unwrap();
        assert_eq!(list.uids, [0, 33]);
        assert_eq!(decide("http=8000 allowedclients=user:root", None), Ok(Access::default()));
    }
}
