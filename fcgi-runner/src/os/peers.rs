//! Who is at the other end of a connection, and whether that is one of those who may connect.
//!
//! A list of numbers comes in, and a connection that was just accepted; out goes who it is and whether it is on the list. No
//! name is looked up here. Sources: `SO_PEERCRED` and `SO_PEERGROUPS` in `unix(7)` and `socket(7)`.

#![expect(unsafe_code, reason = "the groups of a peer are written by the kernel here")]

use std::fmt;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::socket;

/// Those who may connect.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct PeerList {
    /// Over TCP.
    pub networks: Vec<Network>,
    /// Over a Unix socket.
    pub uids: Vec<u32>,
    pub gids: Vec<u32>,
}

/// A network: addresses whose leading bits are the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Network {
    pub address: IpAddr,
    /// Up to 32 or 128.
    pub bits: u8,
}

/// Who is at the other end, without what changes from one connection to the next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Peer {
    Address(IpAddr),
    User(u32),
    /// It has gone, or is nobody of whom one could know.
    Unknown,
}

impl PeerList {
    /// Who is at the other end, if it may not connect.
    pub fn refuses(&self, connection: BorrowedFd<'_>, tcp: bool) -> Option<Peer> {
        if tcp {
            let address = socket::peer_address(connection);
            let admitted = address.is_some_and(|address| self.has_address(address));
            return (!admitted).then(|| address.map_or(Peer::Unknown, Peer::Address));
        }
        let Ok(who) = getsockopt(&connection, PeerCredentials) else { return Some(Peer::Unknown) };
        let admitted = self.has_user(who.uid(), &[who.gid()])
            || !self.gids.is_empty() && groups_of(connection).iter().any(|gid| self.gids.contains(gid));
        (!admitted).then(|| Peer::User(who.uid()))
    }

    /// Whether a user with these groups may come in.
    pub fn has_user(&self, uid: u32, groups: &[u32]) -> bool {
        self.uids.contains(&uid) || groups.iter().any(|gid| self.gids.contains(gid))
    }

    /// Whether connections from an address may come in.
    pub fn has_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(address))
    }
}

impl Network {
    /// Whether an address lies in it. IPv4 and IPv6 are strangers here.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let differing = own.to_bits() ^ other.to_bits();
                differing.leading_zeros() >= u32::from(self.bits)
            }
            _ => false,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(formatter),
            Self::User(uid) => formatter.write_str(&super::users::name_of(*uid)),
            Self::Unknown => formatter.write_str("unknown"),
        }
    }
}

/// The supplementary groups that the peer had when it connected.
fn groups_of(connection: BorrowedFd<'_>) -> Vec<u32> {
    let mut room = vec![0u32; MOST_GROUPS];
    let mut length = libc::socklen_t::try_from(size_of_val(&room[..])).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes, which is the size of the room, and says how many.
    let result = unsafe {
        libc::getsockopt(
            connection.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            room.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    let count = if result == 0 { length as usize / size_of::<u32>() } else { 0 };
    room.truncate(count);
    room
}

/// As many as a process may have.
const MOST_GROUPS: usize = 65_536;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::{getegid, geteuid};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    fn network(address: &str, bits: u8) -> Network {
        Network { address: address.parse().unwrap(), bits }
    }

    #[test]
    fn networks_hold_what_begins_like_them() {
        for (held, address, bits, asked) in [
            (true, "10.1.2.3", 32, "10.1.2.3"),
            (false, "10.1.2.3", 32, "10.1.2.4"),
            (true, "10.1.2.3", 8, "10.255.0.1"),
            (false, "10.0.0.0", 8, "11.0.0.0"),
            (true, "192.0.2.128", 25, "192.0.2.255"),
            (false, "192.0.2.128", 25, "192.0.2.127"),
            (true, "0.0.0.0", 0, "203.0.113.9"),
            (false, "0.0.0.0", 0, "::1"),
            (true, "fd00::", 8, "fdff::1"),
            (false, "fd00::", 8, "fe00::1"),
            (true, "::1", 128, "::1"),
            (true, "::", 0, "2001:db8::1"),
            (false, "::", 0, "10.0.0.1"),
            (true, "10.0.0.0", 8, "::ffff:10.2.3.4"),
            (false, "::", 0, "::ffff:10.2.3.4"),
        ] {
            let list = PeerList { networks: vec![network(address, bits)], ..PeerList::default() };
            assert_eq!(list.has_address(asked.parse().unwrap()), held, "{asked} in {address}/{bits}");
        }
        assert!(!PeerList::default().has_address("127.0.0.1".parse().unwrap()));
    }

    #[test]
    fn tcp_peers_are_known_by_their_address() {
        for (host, peer) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let listener = TcpListener::bind(host).unwrap();
            let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (connection, _) = listener.accept().unwrap();
            let peer: IpAddr = peer.parse().unwrap();
            let list = |networks| PeerList { networks, ..PeerList::default() };
            assert_eq!(list(vec![]).refuses(connection.as_fd(), true), Some(Peer::Address(peer)));
            let own = Network { address: peer, bits: 32 };
            assert_eq!(list(vec![own]).refuses(connection.as_fd(), true), None);
        }
    }

    #[test]
    fn unix_peers_are_known_by_user_and_group() {
        let (near, _far) = UnixStream::pair().unwrap();
        let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
        let refuses = |uids: &[u32], gids: &[u32]| {
            let list = PeerList { uids: uids.to_vec(), gids: gids.to_vec(), ..PeerList::default() };
            list.refuses(near.as_fd(), false)
        };
        assert_eq!(refuses(&[uid], &[]), None);
        assert_eq!(refuses(&[], &[gid]), None);
        assert_eq!(refuses(&[uid + 1], &[4_100_000_000]), Some(Peer::User(uid)));
        for gid in crate::os::users::own_groups() {
            assert_eq!(refuses(&[], &[gid]), None);
        }
        assert!(Peer::User(uid).to_string().starts_with("user "));
    }
}
