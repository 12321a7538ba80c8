//! Messages between processes of ours that may carry descriptors.
//!
//! What is sent arrives whole or not at all; descriptors arrive close-on-exec. Whoever reads says how many it takes: of a
//! process that is not trusted, none.

#![expect(unsafe_code, reason = "descriptors arrive from the kernel here")]

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};

use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, sendmsg};

use super::stdio::OpenLogs;

/// What was received.
#[derive(Debug)]
pub(super) struct Received {
    /// Bytes of the message; 0 is the end of the other process.
    pub bytes: usize,
    pub fds: Vec<OwnedFd>,
    /// It was longer than there was room for it, or brought more descriptors.
    pub is_cut: bool,
}

/// Sends a message; `false` when the other process is gone or far behind.
pub(super) fn send(to: BorrowedFd<'_>, parts: &[IoSlice<'_>], fds: &[RawFd]) -> bool {
    let control = [ControlMessage::ScmRights(fds)];
    let control = if fds.is_empty() { &control[..0] } else { &control[..] };
    let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
    sendmsg::<SockaddrIn>(to.as_raw_fd(), parts, control, flags, None).is_ok()
}

/// Receives a message, with as many descriptors as are wanted; up to [`MOST`].
///
/// # Errors
/// `WouldBlock` with [`MsgFlags::MSG_DONTWAIT`] when there is none.
pub(super) fn receive(
    from: BorrowedFd<'_>,
    parts: &mut [IoSliceMut<'_>],
    with_fds: bool,
    flags: MsgFlags,
) -> io::Result<Received> {
    let mut space = nix::cmsg_space!([RawFd; MOST]);
    let mut space = with_fds.then_some(space.as_mut_slice());
    let flags = flags | MsgFlags::MSG_CMSG_CLOEXEC;
    let mut message = recvmsg::<SockaddrIn>(from.as_raw_fd(), parts, space.as_deref_mut(), flags);
    if message == Err(nix::Error::ECONNRESET) {
        // Told once: the other process has ended without reading all that it was sent. What it has sent comes all the same.
        message = recvmsg(from.as_raw_fd(), parts, space, flags);
    }
    let message = message?;
    let cut = MsgFlags::MSG_TRUNC | MsgFlags::MSG_CTRUNC;
    let mut fds = Vec::new();
    if with_fds {
        // Descriptors for which there is no number are not among them; those that are belong to this process.
        for control in message.cmsgs()? {
            if let ControlMessageOwned::ScmRights(raw) = control {
                // SAFETY: the kernel has just made these descriptors for us.
                fds.extend(raw.into_iter().map(|raw| unsafe { OwnedFd::from_raw_fd(raw) }));
            }
        }
    }
    Ok(Received { bytes: message.bytes, fds, is_cut: message.flags.intersects(cut) })
}

/// Log files as they travel: which of them are there, and their descriptors.
pub(super) fn pack_logs(files: &OpenLogs) -> (u8, Vec<RawFd>) {
    let all = [&files.out, &files.err, &files.access, &files.slow];
    let there = all.iter().enumerate().filter(|(_, file)| file.is_some());
    let which = there.fold(0, |which, (index, _)| which | 1 << index);
    (which, all.into_iter().flatten().map(AsRawFd::as_raw_fd).collect())
}

/// The other way round.
pub(super) fn unpack_logs(which: u8, fds: Vec<OwnedFd>) -> OpenLogs {
    let mut fds = fds.into_iter().map(File::from);
    let mut next = |index: u8| (which >> index & 1 == 1).then(|| fds.next()).flatten();
    OpenLogs { out: next(0), err: next(1), access: next(2), slow: next(3) }
}

/// The most descriptors that a message may carry.
const MOST: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Seek, Write};
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn log_files_arrive_as_what_they_are() {
        let (left, right) = UnixDatagram::pair().unwrap();
        let mut files = [tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()];
        let mut open = files.iter().map(|file| file.try_clone().unwrap());
        let sent = OpenLogs { out: None, err: open.next(), access: open.next(), slow: None };
        let (which, fds) = pack_logs(&sent);
        assert!(send(left.as_fd(), &[IoSlice::new(&[which])], &fds));
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let got = receive(right.as_fd(), &mut parts, true, MsgFlags::empty()).unwrap();
        assert!(!got.is_cut);
        let got = unpack_logs(byte[0], got.fds);
        assert!(got.out.is_none());
        got.err.unwrap().write_all(b"err").unwrap();
        got.access.unwrap().write_all(b"access").unwrap();
        let texts = files.each_mut().map(|file| {
            let mut text = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut text).unwrap();
            text
        });
        assert_eq!(texts, ["err", "access"]);
    }

    #[test]
    fn last_words_are_heard_of_a_process_that_has_not_read_its_own() {
        let (ours, theirs) = crate::os::channel::seqpacket_pair().unwrap();
        let mut byte = [0];
        for word in [b"a", b"b"] {
            assert!(send(theirs.as_fd(), &[IoSlice::new(word)], &[]));
        }
        assert!(send(ours.as_fd(), &[IoSlice::new(b"x")], &[]));
        drop(theirs);
        for (bytes, word) in [(1, b"a"), (1, b"b"), (0, b"b")] {
            let mut parts = [IoSliceMut::new(&mut byte)];
            let got = receive(ours.as_fd(), &mut parts, false, MsgFlags::MSG_DONTWAIT).unwrap();
            assert_eq!((got.bytes, &byte), (bytes, word));
        }
    }

    #[test]
    fn descriptors_that_nobody_wants_are_thrown_away_and_noticed() {
        let (left, right) = UnixDatagram::pair().unwrap();
        let (watched, given) = UnixDatagram::pair().unwrap();
        assert!(send(left.as_fd(), &[IoSlice::new(b"x")], &[given.as_raw_fd()]));
        drop(given);
        let mut byte = [0];
        let mut parts = [IoSliceMut::new(&mut byte)];
        let got = receive(right.as_fd(), &mut parts, false, MsgFlags::empty()).unwrap();
        assert!(got.is_cut && got.fds.is_empty() && got.bytes == 1);
        // Nobody holds the other end any more.
        assert_eq!(watched.send(b"x").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
