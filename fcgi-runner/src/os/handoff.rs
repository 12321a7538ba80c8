//! Connections handed from one worker to another: a queue that all workers share.
//!
//! In go connections of which nothing, or only what nobody has begun to serve, was read, with what was read; whichever worker is
//! idle takes them out. It is a pair of stream sockets, not of `SOCK_SEQPACKET`: of those `net.unix.max_dgram_qlen` lets as few as
//! eleven messages wait. A message carries descriptors, so the kernel neither cuts it nor joins it with the next (`unix(7)`).

#![expect(unsafe_code, reason = "descriptors arrive from the kernel here")]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use super::clock;
use super::heritage::{Bequest, Heirloom};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, MsgFlags, SockFlag, SockType, SockaddrIn, recvmsg,
    sendmsg, socketpair,
};

/// What goes along with a connection.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Luggage {
    /// What was read of a request that is not whole.
    pub begun: Vec<u8>,
    /// Since when that has been on its way.
    pub head_since: Option<Instant>,
    /// Since when input has waited to be read.
    pub waits_since: Option<Instant>,
}

/// What was found in the queue.
#[derive(Debug)]
pub enum Handed {
    Connection(OwnedFd, Luggage),
    /// Nobody is waiting any more: a sibling was faster. Or somebody only wanted to wake this process.
    Nobody,
    /// The process or the machine is out of descriptors: pause before the next try.
    Exhausted(io::Error),
}

/// The queue.
#[derive(Debug)]
pub struct Handoff {
    give: OwnedFd,
    take: OwnedFd,
    /// Times travel as milliseconds since then.
    epoch: Instant,
}

impl Handoff {
    /// Makes the queue; every process forked afterwards shares it.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let (give, take) = socketpair(AddressFamily::Unix, SockType::Stream, None, SockFlag::SOCK_CLOEXEC)?;
        // Times before it can be told as well: nothing waits for as long as that.
        let epoch = Instant::now().checked_sub(Duration::from_secs(3600)).unwrap_or_else(Instant::now);
        Ok(Self { give, take, epoch })
    }

    /// Hands the queue to the server that takes the place of this one.
    pub fn bequeath(&self, bequest: &mut Bequest) {
        // The epochs of two processes agree by a clock that they share.
        let age = Instant::now().saturating_duration_since(self.epoch);
        let epoch = clock::monotonic().saturating_sub(age).as_nanos();
        let numbers = [FORMAT, u64::try_from(epoch).unwrap_or(u64::MAX)];
        bequest.add("handoff", &[self.give.as_fd(), self.take.as_fd()], &numbers);
    }

    /// Takes over the queue of the server before; `None` if messages in it are not as they are here.
    pub fn inherit(heirloom: Heirloom) -> Option<Self> {
        let &[FORMAT, epoch] = &heirloom.numbers[..] else { return None };
        let age = clock::monotonic().saturating_sub(Duration::from_nanos(epoch));
        let epoch = Instant::now().checked_sub(age)?;
        let [give, take] = heirloom.fds()?;
        Some(Self { give, take, epoch })
    }

    /// Puts a connection into the queue; `false` when the queue is full: keep it and try later.
    pub fn give(&self, connection: BorrowedFd<'_>, luggage: &Luggage) -> bool {
        let mut message = [0; MESSAGE];
        message[..8].copy_from_slice(&self.pack(luggage.head_since).to_ne_bytes());
        message[8..].copy_from_slice(&self.pack(luggage.waits_since).to_ne_bytes());
        if luggage.begun.is_empty() {
            return self.send(&message, &[connection.as_raw_fd()]);
        }
        write_down(&luggage.begun)
            .is_ok_and(|file| self.send(&message, &[connection.as_raw_fd(), file.as_raw_fd()]))
    }

    /// Wakes a process that waits for the queue, without anything for it to take.
    pub fn nudge(&self) {
        // A queue that is full wakes them as well.
        let _ = self.send(&[0; MESSAGE], &[]);
    }

    /// Takes a connection out of the queue, if one is there, and if this process has room for it: the kernel throws a
    /// descriptor away for which there is no number. Nudges are taken out as well.
    pub fn take(&self) -> Handed {
        if let Err(error) = self.take.try_clone().and_then(|_first| self.take.try_clone()) {
            return Handed::Exhausted(error);
        }
        while let Ok(message) = self.receive() {
            if let Some((connection, luggage)) = message {
                return Handed::Connection(connection, luggage);
            }
        }
        Handed::Nobody
    }

    fn send(&self, message: &[u8; MESSAGE], fds: &[RawFd]) -> bool {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        let rights = [ControlMessage::ScmRights(fds)];
        let control = if fds.is_empty() { &[][..] } else { &rights };
        sendmsg::<SockaddrIn>(self.give.as_raw_fd(), &[IoSlice::new(message)], control, flags, None).is_ok()
    }

    /// Takes one message, a nudge if there is no connection in it.
    fn receive(&self) -> io::Result<Option<(OwnedFd, Luggage)>> {
        let mut message = [0u8; MESSAGE];
        let mut parts = [IoSliceMut::new(&mut message)];
        let mut space = nix::cmsg_space!([RawFd; 2]);
        let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_CMSG_CLOEXEC;
        let received = recvmsg::<SockaddrIn>(self.take.as_raw_fd(), &mut parts, Some(&mut space), flags)?;
        if received.bytes == 0 {
            // Nobody is left who could put something into the queue.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let raw = received.cmsgs()?.find_map(|control| match control {
            ControlMessageOwned::ScmRights(fds) => Some(fds),
            _ => None,
        });
        // SAFETY: the kernel has just made these descriptors for us.
        let owned = |raw| unsafe { OwnedFd::from_raw_fd(raw) };
        let mut fds = raw.unwrap_or_default().into_iter().map(owned);
        let Some(connection) = fds.next() else { return Ok(None) };
        let time = |at: usize| {
            let bytes = message.get(at..at + 8).and_then(|bytes| bytes.try_into().ok());
            bytes.and_then(|bytes| self.unpack(u64::from_ne_bytes(bytes)))
        };
        let begun = fds.next().map_or_else(|| Ok(Vec::new()), read_up)?;
        Ok(Some((connection, Luggage { begun, head_since: time(0), waits_since: time(8) })))
    }

    /// Milliseconds since the epoch; 0 is none.
    fn pack(&self, time: Option<Instant>) -> u64 {
        time.map_or(0, |time| {
            let since = time.saturating_duration_since(self.epoch).as_millis();
            u64::try_from(since).unwrap_or(u64::MAX).max(1)
        })
    }

    fn unpack(&self, packed: u64) -> Option<Instant> {
        (packed > 0).then(|| self.epoch.checked_add(Duration::from_millis(packed))).flatten()
    }
}

impl AsFd for Handoff {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.take.as_fd()
    }
}

/// Puts bytes into memory that can be passed on.
fn write_down(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"begun", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}

fn read_up(file: OwnedFd) -> io::Result<Vec<u8>> {
    let file = File::from(file);
    let length = file.metadata()?.len();
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| io::ErrorKind::InvalidData)?];
    file.read_exact_at(&mut bytes, 0)?;
    Ok(bytes)
}

/// The form of messages; a change of it is a new number.
const FORMAT: u64 = 1;

/// Bytes of a message: two times.
const MESSAGE: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::socket;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn a_connection_changes_hands() {
        let handoff = Handoff::new().unwrap();
        assert!(matches!(handoff.take(), Handed::Nobody));
        let (mut near, far) = UnixStream::pair().unwrap();
        assert!(handoff.give(far.as_fd(), &Luggage::default()));
        drop(far);
        let Handed::Connection(taken, luggage) = handoff.take() else { panic!("nothing there") };
        assert_eq!(luggage, Luggage::default());
        let mut taken = UnixStream::from(taken);
        near.write_all(b"hi").unwrap();
        drop(near);
        let mut text = String::new();
        taken.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hi");
    }

    #[test]
    fn what_was_read_goes_along_with_its_times() {
        let handoff = Handoff::new().unwrap();
        let (near, _far) = UnixStream::pair().unwrap();
        let begun = vec![b'x'; 300_000];
        let now = Instant::now();
        let (head, wait) = (now.checked_sub(Duration::from_secs(7)).unwrap(), now);
        let luggage = Luggage { begun: begun.clone(), head_since: Some(head), waits_since: Some(wait) };
        assert!(handoff.give(near.as_fd(), &luggage));
        assert!(handoff.give(near.as_fd(), &Luggage::default()));
        let Handed::Connection(_, taken) = handoff.take() else { panic!("nothing there") };
        assert_eq!(taken.begun, begun);
        let close = |left: Option<Instant>, right: Instant| {
            let left = left.unwrap();
            left.max(right) - left.min(right) <= Duration::from_millis(1)
        };
        assert!(close(taken.head_since, head) && close(taken.waits_since, wait), "{:?}", taken.head_since);
        let Handed::Connection(_, taken) = handoff.take() else { panic!("only one there") };
        assert_eq!(taken, Luggage::default());
    }

    #[test]
    fn a_nudge_wakes_and_is_nobody() {
        let handoff = Handoff::new().unwrap();
        handoff.nudge();
        let wait = || socket::wait(handoff.as_fd(), true, false, Duration::from_millis(1)).unwrap();
        assert!(wait().readable);
        assert!(matches!(handoff.take(), Handed::Nobody));
        assert!(wait().timed_out());
        handoff.nudge();
        assert!(handoff.give(handoff.as_fd(), &Luggage::default()));
        assert!(matches!(handoff.take(), Handed::Connection(..)));
    }

    #[test]
    fn a_queue_holds_many_and_says_when_it_is_full() {
        let handoff = Handoff::new().unwrap();
        let (near, _far) = UnixStream::pair().unwrap();
        let given = (0..100_000).take_while(|_| handoff.give(near.as_fd(), &Luggage::default())).count();
        assert!(given > 100 && given < 100_000, "{given}");
        assert!((0..given).all(|_| matches!(handoff.take(), Handed::Connection(..))));
        assert!(matches!(handoff.take(), Handed::Nobody));
    }
}
