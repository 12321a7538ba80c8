//! Who may connect, as it is typed: addresses, networks, users and groups. No name is looked up here.

use std::net::IpAddr;

use super::networks::{items, read_network};

/// One that may connect.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Client {
    /// Whoever can.
    Anybody,
    /// Over TCP, from an address of this network; a single address is a network of its own.
    Network {
        /// Its first address, or any other; an IPv4 address is never written as an IPv6 one.
        address: IpAddr,
        /// How many of its leading bits count, up to 32 or 128.
        bits: u8,
    },
    /// Over a Unix socket, a process of this user, a name or a number.
    User(String),
    /// Over a Unix socket, a process with this group, a name or a number.
    Group(String),
}

/// Reads a list; `None` when one of its items is none, or when it is empty: whoever forgets to fill it in has not let everybody in.
pub(super) fn read_list(text: &str) -> Option<Vec<Client>> {
    items(text).map(read).collect::<Option<Vec<_>>>().filter(|list| !list.is_empty())
}

fn read(item: &str) -> Option<Client> {
    if item.eq_ignore_ascii_case("any") {
        return Some(Client::Anybody);
    }
    for (prefix, client) in [
        ("user:", Client::User as fn(String) -> Client),
        ("uid:", Client::User),
        ("group:", Client::Group),
        ("gid:", Client::Group),
    ] {
        if let Some(name) = item.strip_prefix(prefix) {
            return (!name.is_empty()).then(|| client(name.to_owned()));
        }
    }
    read_network(item).map(|(address, bits)| Client::Network { address, bits })
}

#[cfg(test)]
mod tests {
    use super::{Client, read_list};

    fn network(address: &str, bits: u8) -> Client {
        Client::Network { address: address.parse().unwrap(), bits }
    }

    #[test]
    fn lists_are_read() {
        let list = read_list("127.0.0.1, 10.0.0.0/8,::1 [fd00::]/8,user:www-data,uid:33,group:web,gid:7,ANY");
        let wanted = [
            network("127.0.0.1", 32),
            network("10.0.0.0", 8),
            network("::1", 128),
            network("fd00::", 8),
            Client::User("www-data".into()),
            Client::User("33".into()),
            Client::Group("web".into()),
            Client::Group("7".into()),
            Client::Anybody,
        ];
        assert_eq!(list.unwrap(), wanted);
        assert_eq!(read_list("::ffff:192.0.2.1").unwrap(), [network("192.0.2.1", 32)]);
        assert_eq!(read_list("::ffff:10.0.0.0/104").unwrap(), [network("10.0.0.0", 8)]);
        assert_eq!(read_list("0.0.0.0/0,::/0").unwrap(), [network("0.0.0.0", 0), network("::", 0)]);
    }

    #[test]
    fn what_is_none_is_refused() {
        for text in [
            "localhost",
            "10.0.0.0/33",
            "::1/129",
            "10.0.0/8",
            "1.2.3.4/+8",
            "1.2.3.4/",
            "user:",
            "gid:",
            "x",
            "",
            " , ",
        ] {
            assert_eq!(read_list(text), None, "{text}");
        }
    }
}
