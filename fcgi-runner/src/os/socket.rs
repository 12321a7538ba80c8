//! Non-blocking stream sockets: accept, receive, send gathered buffers, wait.
//!
//! Accepted descriptors are close-on-exec and non-blocking, TCP ones with `TCP_NODELAY`. Sends never raise `SIGPIPE`.

#![expect(unsafe_code, reason = "descriptors and buffers are handed to the kernel here")]

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::time::{Duration, Instant};

use super::stdio::borrow;
use bytes::{BufMut, BytesMut};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::sendfile::sendfile;
use nix::sys::socket::{
    MsgFlags, SockFlag, SockaddrIn, SockaddrStorage, accept4, getpeername, getsockname, getsockopt, sendmsg,
    setsockopt, shutdown,
    sockopt::{PeerCredentials, TcpNoDelay},
};
use smallvec::SmallVec;

pub use nix::sys::socket::Shutdown;

/// What an `accept` came to.
#[derive(Debug)]
pub enum Accepted {
    Connection(OwnedFd),
    /// Nobody is waiting any more: a sibling was faster, or the peer gave up.
    Nobody,
    /// The process or the machine is out of descriptors or memory: pause before the next try.
    Exhausted(io::Error),
}

/// Takes one waiting connection from a non-blocking listener.
///
/// # Errors
/// When the listener itself is broken.
pub fn accept(listener: BorrowedFd<'_>, tcp: bool) -> io::Result<Accepted> {
    use nix::Error as E;
    match accept4(listener.as_raw_fd(), SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC) {
        Ok(raw) => {
            // SAFETY: accept4 has just given us this descriptor, nobody else owns it.
            let fd = unsafe { OwnedFd::from_raw_fd(raw) };
            if tcp {
                // A socket that cannot be told is slower, not wrong.
                let _ = setsockopt(&fd, TcpNoDelay, &true);
            }
            Ok(Accepted::Connection(fd))
        }
        Err(error) => match error {
            E::EAGAIN
            | E::EINTR
            | E::ECONNABORTED
            | E::EPROTO
            | E::ECONNRESET
            | E::ETIMEDOUT
            | E::EHOSTUNREACH
            | E::ENETUNREACH
            | E::EPERM => Ok(Accepted::Nobody),
            E::EMFILE | E::ENFILE | E::ENOBUFS | E::ENOMEM => Ok(Accepted::Exhausted(error.into())),
            other => Err(other.into()),
        },
    }
}

/// Receives once into the spare room of `buffer`, of which it makes at least `room` bytes; 0 is the end of the stream.
///
/// # Errors
/// `WouldBlock` when nothing is there; everything else means that the connection is gone.
pub fn receive(fd: BorrowedFd<'_>, buffer: &mut BytesMut, room: usize) -> io::Result<usize> {
    buffer.reserve(room);
    let spare = buffer.spare_capacity_mut();
    let (start, size) = (spare.as_mut_ptr().cast::<libc::c_void>(), spare.len());
    loop {
        // SAFETY: the kernel writes at most `size` bytes to room that belongs to the buffer.
        let got = unsafe { libc::recv(fd.as_raw_fd(), start, size, libc::MSG_DONTWAIT) };
        if let Ok(got) = usize::try_from(got) {
            let len = buffer.len() + got;
            // SAFETY: the kernel has written the `got` bytes after the old end.
            unsafe { buffer.set_len(len) };
            return Ok(got);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Receives once into the first bytes of `room`, cut into pieces of these lengths, and eight bytes behind each of them beside it:
/// piece, eight bytes, piece, eight bytes. `take` is shown what has come of each, in turn, and gives how many bytes of the room
/// are filled now. Gives the number of all bytes that have come; 0 is the end of the stream.
///
/// # Errors
/// As [`receive`].
///
/// # Panics
/// When there are more than [`MOST_CUTS`] lengths, or they add up to more than the room.
pub fn receive_between(
    fd: BorrowedFd<'_>,
    room: &mut dyn BufMut,
    lengths: &[usize],
    take: &mut dyn FnMut(&[&[u8]]) -> usize,
) -> io::Result<usize> {
    let spare = room.chunk_mut();
    assert!(lengths.len() <= MOST_CUTS && lengths.iter().sum::<usize>() <= spare.len(), "more than fits");
    let mut beside = [[0; BESIDE]; MOST_CUTS];
    let mut slices: SmallVec<[libc::iovec; 2 * MOST_CUTS]> = SmallVec::new();
    let mut at = 0;
    for (length, beside) in lengths.iter().zip(&mut beside) {
        let piece = &mut spare[at..at + length];
        slices.push(libc::iovec { iov_base: piece.as_mut_ptr().cast(), iov_len: *length });
        slices.push(libc::iovec { iov_base: beside.as_mut_ptr().cast(), iov_len: BESIDE });
        at += length;
    }
    let got = receive_slices(fd, &mut slices)?;
    let mut left = got;
    let come: SmallVec<[&[u8]; 2 * MOST_CUTS]> = slices
        .iter()
        .map(|slice| {
            let come = left.min(slice.iov_len);
            left -= come;
            // SAFETY: the kernel has written so many bytes there, which nobody changes before they have been shown.
            unsafe { std::slice::from_raw_parts(slice.iov_base.cast::<u8>(), come) }
        })
        .collect();
    let written = come.iter().step_by(2).map(|piece| piece.len()).sum();
    let filled = take(&come).min(written);
    // SAFETY: the kernel fills one slice after the other, so as many bytes at the front of the room as it has written to pieces.
    unsafe { room.advance_mut(filled) };
    Ok(got)
}

fn receive_slices(fd: BorrowedFd<'_>, slices: &mut [libc::iovec]) -> io::Result<usize> {
    // SAFETY: zeros are a message without address, buffers and control data.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = slices.as_mut_ptr();
    message.msg_iovlen = slices.len() as _;
    loop {
        // SAFETY: the kernel writes to the slices, which belong to the caller, and to the message.
        let got = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut message, libc::MSG_DONTWAIT) };
        if let Ok(got) = usize::try_from(got) {
            return Ok(got);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Sends as much of the gathered buffers as the kernel takes now; with `more`, TCP waits with a packet that is not full.
///
/// # Errors
/// `WouldBlock` when it takes nothing; everything else means that the peer is gone.
pub fn send(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>], more: bool) -> io::Result<usize> {
    let parts = &parts[..parts.len().min(MAX_PARTS)];
    let mut flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    flags.set(MORE, more);
    loop {
        let sent = match parts {
            // Nothing is to be gathered, which spares the kernel to read where.
            [part] => nix::sys::socket::send(fd.as_raw_fd(), part, flags),
            parts => sendmsg::<SockaddrIn>(fd.as_raw_fd(), parts, &[], flags, None),
        };
        match sent {
            Err(nix::Error::EINTR) => {}
            other => return Ok(other?),
        }
    }
}

/// Sends as much of a file, from an offset on, as the kernel takes now, without a copy in this process; 0 is the end of the
/// file. The caller has made sure that a broken pipe raises no signal ([`super::signals::ignores_broken_pipes`]).
///
/// # Errors
/// `WouldBlock` when the socket takes nothing, `InvalidInput` when the file cannot be sent in this way; everything else means
/// that the peer is gone or the file cannot be read.
pub fn send_file(fd: BorrowedFd<'_>, file: RawFd, offset: u64, length: usize) -> io::Result<usize> {
    let file = borrow(file).ok_or_else(|| io::Error::from_raw_os_error(libc::EIO))?;
    let mut offset = libc::off_t::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput)?;
    loop {
        match sendfile(fd, file, Some(&mut offset), length) {
            Err(nix::Error::EINTR) => {}
            Err(nix::Error::ENOSYS) => return Err(io::ErrorKind::InvalidInput.into()),
            other => return Ok(other?),
        }
    }
}

/// What a wait for a connection found.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Readiness {
    pub readable: bool,
    pub writable: bool,
    pub hung_up: bool,
}

impl Readiness {
    /// Whether the time was over before anything happened.
    pub fn timed_out(self) -> bool {
        self == Self::default()
    }
}

/// Waits until `fd` can be read (if asked), written (if asked), or its peer is gone, `timeout` at most.
///
/// # Errors
/// Never in practice: only for a descriptor that is not open.
pub fn wait(fd: BorrowedFd<'_>, read: bool, write: bool, timeout: Duration) -> io::Result<Readiness> {
    wait_unless(fd, read, write, timeout, &mut || false)
}

/// Waits as [`wait`] does; asks `ends` at every signal whether to stop waiting.
///
/// # Errors
/// `Interrupted` when it is to.
pub fn wait_unless(
    fd: BorrowedFd<'_>,
    read: bool,
    write: bool,
    timeout: Duration,
    ends: &mut dyn FnMut() -> bool,
) -> io::Result<Readiness> {
    let mut wanted = PollFlags::empty();
    wanted.set(PollFlags::POLLIN, read);
    wanted.set(PollFlags::POLLOUT, write);
    let mut fds = [PollFd::new(fd, wanted)];
    let begun = Instant::now();
    loop {
        let millis = timeout.saturating_sub(begun.elapsed()).as_millis().clamp(1, i32::MAX as u128);
        match poll(&mut fds, PollTimeout::try_from(millis).unwrap_or(PollTimeout::MAX)) {
            Err(nix::Error::EINTR) if ends() => return Err(io::ErrorKind::Interrupted.into()),
            Err(nix::Error::EINTR) => {}
            Err(other) => return Err(other.into()),
            Ok(_) => break,
        }
    }
    let found = fds[0].revents().unwrap_or(PollFlags::empty());
    Ok(Readiness {
        readable: found.contains(PollFlags::POLLIN),
        writable: found.contains(PollFlags::POLLOUT),
        hung_up: found.intersects(PollFlags::POLLHUP | PollFlags::POLLERR),
    })
}

/// Whether the peer is gone for both directions; one that has only said that it sends nothing more is not. Over TCP the two
/// look the same as long as nothing is sent.
pub fn is_hung_up(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::empty())];
    let found = poll(&mut fds, PollTimeout::ZERO).is_ok_and(|count| count > 0);
    found && fds[0].revents().is_some_and(|events| events.intersects(PollFlags::POLLHUP | PollFlags::POLLERR))
}

/// Whether the peer is on the same machine, over a Unix socket.
pub fn is_local(fd: BorrowedFd<'_>) -> bool {
    getsockname::<SockaddrStorage>(fd.as_raw_fd()).is_ok_and(|name| name.as_unix_addr().is_some())
}

/// The address at the other end, over TCP; one of IPv4 as such, on whatever socket it has come.
pub fn peer_address(fd: BorrowedFd<'_>) -> Option<std::net::IpAddr> {
    let name = getpeername::<SockaddrStorage>(fd.as_raw_fd()).ok()?;
    let v4 = name.as_sockaddr_in().map(|address| address.ip().into());
    v4.or_else(|| name.as_sockaddr_in6().map(|address| std::net::IpAddr::from(address.ip()).to_canonical()))
}

/// Who is at the other end, for the log: an address and a port, or a process and its user.
pub fn peer_name(fd: BorrowedFd<'_>) -> String {
    let tcp = || {
        let name = getpeername::<SockaddrStorage>(fd.as_raw_fd()).ok()?;
        let v4 = name.as_sockaddr_in().map(ToString::to_string);
        v4.or_else(|| name.as_sockaddr_in6().map(ToString::to_string))
    };
    let unix = || {
        let peer = getsockopt(&fd, PeerCredentials).ok().filter(|peer| peer.pid() > 0)?;
        Some(format!("pid {} of user {}", peer.pid(), peer.uid()))
    };
    tcp().or_else(unix).unwrap_or_else(|| "a closed connection".to_owned())
}

/// The user of the process that has connected over a Unix socket, as the kernel knows it.
pub fn peer_user(fd: BorrowedFd<'_>) -> Option<u32> {
    getsockopt(&fd, PeerCredentials).ok().map(|peer| peer.uid())
}

/// Ends one or both directions; a peer that is gone already is no error.
pub fn shut(fd: impl AsFd, how: Shutdown) {
    let _ = shutdown(fd.as_fd().as_raw_fd(), how);
}

/// Lets the number of `fd` stand for `other`: the share that it had in a socket ends at once, whoever still knows the number.
///
/// # Errors
/// Never in practice: only for a descriptor that is not open.
pub fn replace(fd: BorrowedFd<'_>, other: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: both are open; the number stays open throughout, with the same owner.
    match unsafe { libc::dup3(other.as_raw_fd(), fd.as_raw_fd(), libc::O_CLOEXEC) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// `MSG_MORE`: this is not the end.
const MORE: MsgFlags = MsgFlags::from_bits_retain(libc::MSG_MORE);

/// Pieces that one call of [`receive_between`] receives.
pub const MOST_CUTS: usize = 8;

/// Bytes behind each of them.
const BESIDE: usize = 8;

/// The kernel's limit of buffers in one call (`IOV_MAX`).
const MAX_PARTS: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_replaced_socket_is_closed_although_its_number_is_kept() {
        let (left, right) = UnixStream::pair().unwrap();
        let (blank, _) = UnixStream::pair().unwrap();
        replace(right.as_fd(), blank.as_fd()).unwrap();
        let mut buffer = BytesMut::new();
        assert_eq!(receive(left.as_fd(), &mut buffer, 64).unwrap(), 0);
        assert_eq!(receive(right.as_fd(), &mut buffer, 64).unwrap(), 0);
        assert_eq!(
            send(right.as_fd(), &[IoSlice::new(b"x")], false).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }

    #[test]
    fn sends_a_part_of_a_file_up_to_its_end() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, b"0123456789").unwrap();
        assert_eq!(send_file(left.as_fd(), file.as_raw_fd(), 3, 4).unwrap(), 4);
        assert_eq!(send_file(left.as_fd(), file.as_raw_fd(), 8, 100).unwrap(), 2);
        assert_eq!(send_file(left.as_fd(), file.as_raw_fd(), 10, 100).unwrap(), 0);
        let mut buffer = BytesMut::new();
        assert_eq!(receive(right.as_fd(), &mut buffer, 64).unwrap(), 6);
        assert_eq!(&buffer[..], b"345689");
        assert!(send_file(left.as_fd(), -1, 0, 1).is_err());
    }

    #[test]
    fn sends_gathered_and_receives_what_is_there() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut buffer = BytesMut::new();
        assert_eq!(receive(right.as_fd(), &mut buffer, 64).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        assert!(buffer.is_empty());
        assert_eq!(
            send(left.as_fd(), &[IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"c")], false).unwrap(),
            3
        );
        assert!(wait(right.as_fd(), true, false, Duration::from_secs(5)).unwrap().readable);
        assert_eq!(receive(right.as_fd(), &mut buffer, 64).unwrap(), 3);
        assert_eq!(&buffer[..], b"abc");
        drop(left);
        assert_eq!(receive(right.as_fd(), &mut buffer, 64).unwrap(), 0);
        assert_eq!(
            send(right.as_fd(), &[IoSlice::new(b"x")], false).unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}
