//! How many connections wait in a listen queue.
//!
//! The kernel tells it for TCP by `TCP_INFO` of the listener, for Unix sockets by `sock_diag(7)` (`UNIX_DIAG_RQLEN`), where that is
//! built in. A listener goes in, a number comes out; nothing is accepted, and nobody is disturbed.

#![expect(unsafe_code, reason = "the kernel fills a plain struct here")]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};
use nix::sys::stat::fstat;

/// How full a listen queue is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Queue {
    /// Connections that wait to be accepted.
    pub waiting: u32,
    /// So many may; the kernel lets one more in.
    pub limit: u32,
}

/// A listener whose queue can be looked at.
#[derive(Debug)]
pub struct Backlog(Kind);

#[derive(Debug)]
enum Kind {
    /// The listener.
    Tcp(OwnedFd),
    /// The number of the socket, and a line to the kernel.
    Unix { inode: u32, line: OwnedFd },
}

impl Backlog {
    /// Opens what is needed to look at the queue of a listener.
    ///
    /// # Errors
    /// When the kernel does not tell, or the process is out of descriptors.
    pub fn of(listener: BorrowedFd<'_>, tcp: bool) -> io::Result<Self> {
        let kind = if tcp {
            Kind::Tcp(listener.try_clone_to_owned()?)
        } else {
            let inode = u32::try_from(fstat(listener)?.st_ino).map_err(|_| io::ErrorKind::InvalidData)?;
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            let protocol = SockProtocol::NetlinkSockDiag;
            Kind::Unix { inode, line: socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)? }
        };
        let backlog = Self(kind);
        backlog.depth()?;
        Ok(backlog)
    }

    /// How many connections wait to be accepted.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn depth(&self) -> io::Result<u32> {
        self.queue().map(|queue| queue.waiting)
    }

    /// How many connections wait to be accepted, and how many may.
    ///
    /// # Errors
    /// When the kernel does not tell.
    pub fn queue(&self) -> io::Result<Queue> {
        match &self.0 {
            Kind::Tcp(listener) => tcp_queue(listener.as_fd()),
            Kind::Unix { inode, line } => unix_queue(line.as_fd(), *inode),
        }
    }
}

/// Of a socket that listens, the field for segments that were not acknowledged holds the length of its queue, and the one for
/// those that were acknowledged out of order its limit.
fn tcp_queue(listener: BorrowedFd<'_>) -> io::Result<Queue> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let mut length = libc::socklen_t::try_from(size_of::<libc::tcp_info>()).unwrap_or(0);
    // SAFETY: the kernel writes at most `length` bytes into the struct.
    let result = unsafe {
        libc::getsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is plain numbers, zero before.
    let info = unsafe { info.assume_init() };
    Ok(Queue { waiting: info.tcpi_unacked, limit: info.tcpi_sacked })
}

/// Asks `sock_diag` for one socket by its number. The answer is there when the question has been sent.
fn unix_queue(line: BorrowedFd<'_>, inode: u32) -> io::Result<Queue> {
    let mut question = Vec::with_capacity(QUESTION);
    question.extend_from_slice(&u32::try_from(QUESTION).unwrap_or(0).to_ne_bytes());
    question.extend_from_slice(&SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    question.extend_from_slice(&NLM_F_REQUEST.to_ne_bytes());
    question.extend_from_slice(&[0; 8]);
    // The family, three bytes of nothing, all states, the socket, what is asked, and no cookie.
    question.extend_from_slice(&[AF_UNIX, 0, 0, 0]);
    for number in [u32::MAX, inode, UDIAG_SHOW_RQLEN, u32::MAX, u32::MAX] {
        question.extend_from_slice(&number.to_ne_bytes());
    }
    send(line.as_raw_fd(), &question, MsgFlags::empty())?;
    let mut answer = [0; 512];
    let length = recv(line.as_raw_fd(), &mut answer, MsgFlags::empty())?;
    queue_in(&answer[..length]).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Finds the queue in an answer: a header of a message, one of a socket, and attributes.
fn queue_in(answer: &[u8]) -> Option<Queue> {
    let half = |at: usize| Some(u16::from_ne_bytes(answer.get(at..at + 2)?.try_into().ok()?));
    let whole = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    if half(4)? != SOCK_DIAG_BY_FAMILY {
        return None;
    }
    let mut at = ATTRIBUTES;
    loop {
        let length = usize::from(half(at)?);
        if half(at + 2)? == UNIX_DIAG_RQLEN {
            return Some(Queue { waiting: whole(at + 4)?, limit: whole(at + 8)? });
        }
        at += length.max(4).next_multiple_of(4);
    }
}

/// Bytes of a question: a header, and what is asked.
const QUESTION: usize = 16 + 24;

/// Where the attributes of an answer begin: behind a header, and a description of the socket.
const ATTRIBUTES: usize = 16 + 16;

/// From `linux/sock_diag.h`, `linux/netlink.h` and `linux/unix_diag.h`.
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;
const UDIAG_SHOW_RQLEN: u32 = 0x10;
const UNIX_DIAG_RQLEN: u16 = 4;
const AF_UNIX: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn counts_who_waits_at_a_unix_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let backlog = Backlog::of(listener.as_fd(), false).unwrap();
        assert_eq!(backlog.depth().unwrap(), 0);
        let _waiting: Vec<_> = (0..3).map(|_| UnixStream::connect(&path).unwrap()).collect();
        assert_eq!(backlog.depth().unwrap(), 3);
        let _taken = listener.accept().unwrap();
        assert_eq!(backlog.depth().unwrap(), 2);
    }

    #[test]
    fn counts_who_waits_at_a_tcp_port() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let backlog = Backlog::of(listener.as_fd(), true).unwrap();
        let address = listener.local_addr().unwrap();
        let _waiting: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
        assert_eq!(backlog.depth().unwrap(), 3);
        let _taken = listener.accept().unwrap();
        assert_eq!(backlog.depth().unwrap(), 2);
    }

    #[test]
    fn an_answer_without_the_length_is_no_length() {
        assert_eq!(queue_in(&[]), None);
        assert_eq!(queue_in(&[0; 64]), None);
        let mut refusal = [0; 36];
        refusal[4] = 2;
        assert_eq!(queue_in(&refusal), None);
        let mut short = [0; 44];
        short[4] = 20;
        assert_eq!(queue_in(&short), None);
    }
}
