//! Messages between the master and a nursery, the process of which workers are forked.
//!
//! A pair of `SOCK_SEQPACKET` sockets, as between the master and its workers. The master's orders carry the worker's end of
//! its line; what a nursery answers is believed as little as what a worker says.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::MsgFlags;

use super::channel::{Heard, Line, seqpacket_pair};
use super::fork::ProcessId;
use super::passing::{self, pack_logs, unpack_logs};
use super::stdio::{OpenLogs, Streams};

/// What the master tells a nursery.
#[derive(Debug)]
pub enum NurseryOrder {
    /// Fork a worker, which is to have the slot and the line, and to print into the streams.
    Bear { worker: u32, slot: u32, line: Line, streams: Option<Streams> },
    /// Go on in other log files, which the master has opened.
    ChangeLogs(OpenLogs),
    /// Do what was ordered before, then end.
    Leave,
}

/// What a nursery tells the master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum News {
    /// All is prepared.
    Ready,
    /// Nothing was prepared that workers could share: it ends, and they have to be forked without it.
    Unfit,
    /// The worker lives.
    Born { worker: u32, process: ProcessId },
    /// The worker could not be forked.
    Failed { worker: u32 },
}

/// One end of the line between the master and a nursery.
#[derive(Debug)]
pub struct NurseryLine {
    fd: OwnedFd,
}

/// Opens a line: the master's end and the nursery's.
///
/// # Errors
/// When the process is out of descriptors.
pub fn nursery_line() -> io::Result<(NurseryLine, NurseryLine)> {
    let (left, right) = seqpacket_pair()?;
    Ok((NurseryLine { fd: left }, NurseryLine { fd: right }))
}

impl NurseryLine {
    /// Orders a worker; `false` when the nursery is gone or far behind.
    pub fn order_worker(&self, worker: u32, slot: u32, line: &Line, streams: Option<&Streams>) -> bool {
        let streams = streams.into_iter().flat_map(|streams| [streams.out.as_fd(), streams.err.as_fd()]);
        let fds: Vec<_> = std::iter::once(line.as_fd()).chain(streams).map(|fd| fd.as_raw_fd()).collect();
        self.send(b'w', worker, slot, &fds)
    }

    /// Hands the nursery other log files.
    pub fn order_logs(&self, files: &OpenLogs) {
        let (which, fds) = pack_logs(files);
        self.send(b'l', u32::from(which), 0, &fds);
    }

    /// Lets the nursery end when it has done what was ordered; `false` as for [`NurseryLine::order_worker`].
    pub fn order_end(&self) -> bool {
        self.send(b'e', 0, 0, &[])
    }

    /// Waits for the next order, on the nursery's end; never gives silence.
    pub fn wait_for_order(&self) -> Heard<NurseryOrder> {
        loop {
            match self.receive(true, MsgFlags::empty()) {
                Ok((b'w', worker, slot, fds)) => {
                    let mut fds = fds.into_iter();
                    // Without its line a worker would be seen to be gone: so it is, where there is no number for one.
                    let Some(line) = fds.next().map(Line::from) else { continue };
                    let streams = fds.next().zip(fds.next()).map(|(out, err)| Streams { out, err });
                    return Heard::Message(NurseryOrder::Bear { worker, slot, line, streams });
                }
                Ok((b'l', which, _, fds)) => {
                    let which = u8::try_from(which).unwrap_or(0);
                    return Heard::Message(NurseryOrder::ChangeLogs(unpack_logs(which, fds)));
                }
                Ok((b'e', ..)) => return Heard::Message(NurseryOrder::Leave),
                Err(error) if error.kind() != io::ErrorKind::Interrupted => return Heard::Gone,
                _ => {}
            }
        }
    }

    /// Sends news to the master; a master that is gone hears nothing.
    pub fn tell(&self, news: News) {
        match news {
            News::Ready => self.send(b'R', 0, 0, &[]),
            News::Unfit => self.send(b'U', 0, 0, &[]),
            News::Born { worker, process } => self.send(b'B', worker, process.0.cast_unsigned(), &[]),
            News::Failed { worker } => self.send(b'F', worker, 0, &[]),
        };
    }

    /// Reads the next news, on the master's end.
    pub fn next_news(&self) -> Heard<News> {
        loop {
            return Heard::Message(match self.receive(false, MsgFlags::MSG_DONTWAIT) {
                Ok((b'R', ..)) => News::Ready,
                Ok((b'U', ..)) => News::Unfit,
                Ok((b'B', worker, process, _)) => {
                    News::Born { worker, process: ProcessId(process.cast_signed()) }
                }
                Ok((b'F', worker, ..)) => News::Failed { worker },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Silence,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::InvalidData => return Heard::Garbage,
                Err(_) => return Heard::Gone,
                Ok(_) => return Heard::Garbage,
            });
        }
    }

    /// Waits until there is news, or certainty that none will come; no longer than that.
    pub fn await_news(&self, limit: Duration) {
        let limit = PollTimeout::try_from(limit).unwrap_or(PollTimeout::ZERO);
        // Whatever it comes to, the next look finds it.
        let _ = poll(&mut [PollFd::new(self.as_fd(), PollFlags::POLLIN)], limit);
    }

    fn send(&self, kind: u8, first: u32, second: u32, fds: &[RawFd]) -> bool {
        let (first, second) = (first.to_ne_bytes(), second.to_ne_bytes());
        let parts = [IoSlice::new(std::slice::from_ref(&kind)), IoSlice::new(&first), IoSlice::new(&second)];
        passing::send(self.fd.as_fd(), &parts, fds)
    }

    /// Reads a message, from the master with descriptors; `InvalidData` when it is none of these.
    fn receive(&self, from_master: bool, flags: MsgFlags) -> io::Result<(u8, u32, u32, Vec<OwnedFd>)> {
        let (mut kind, mut first, mut second) = ([0; 1], [0; 4], [0; 4]);
        let mut parts =
            [IoSliceMut::new(&mut kind), IoSliceMut::new(&mut first), IoSliceMut::new(&mut second)];
        let got = passing::receive(self.fd.as_fd(), &mut parts, from_master, flags)?;
        match got.bytes {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            9 if from_master || !got.is_cut => {
                Ok((kind[0], u32::from_ne_bytes(first), u32::from_ne_bytes(second), got.fds))
            }
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

impl AsFd for NurseryLine {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::os::channel::{Report, line};

    #[test]
    fn an_order_brings_the_line_of_its_worker() {
        let (master, nursery) = nursery_line().unwrap();
        let (ours, theirs) = line().unwrap();
        assert!(master.order_worker(7, 3, &theirs, None));
        master.order_logs(&OpenLogs::default());
        assert!(master.order_end());
        drop((theirs, master));
        let Heard::Message(NurseryOrder::Bear { worker: 7, slot: 3, line, streams: None }) =
            nursery.wait_for_order()
        else {
            panic!("no order")
        };
        line.report(&Report::Ready);
        assert_eq!(ours.next_report(), Heard::Message(Report::Ready));
        assert!(matches!(nursery.wait_for_order(), Heard::Message(NurseryOrder::ChangeLogs(_))));
        assert!(matches!(nursery.wait_for_order(), Heard::Message(NurseryOrder::Leave)));
        assert!(matches!(nursery.wait_for_order(), Heard::Gone));
    }

    #[test]
    fn an_order_brings_the_streams_of_its_worker() {
        let (master, nursery) = nursery_line().unwrap();
        let (_ours, theirs) = line().unwrap();
        let (readers, streams) = Streams::open().unwrap();
        let [mut out, mut err] = readers.map(std::fs::File::from);
        assert!(master.order_worker(7, 3, &theirs, Some(&streams)));
        drop(streams);
        let Heard::Message(NurseryOrder::Bear { streams: Some(theirs), .. }) = nursery.wait_for_order()
        else {
            panic!("no streams")
        };
        for (end, reader) in [(theirs.out, &mut out), (theirs.err, &mut err)] {
            std::fs::File::from(end).write_all(b"x").unwrap();
            let mut text = String::new();
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text, "x", "and nobody else holds it open");
        }
    }

    #[test]
    fn news_arrive_in_order_and_the_end_is_noticed() {
        let (master, nursery) = nursery_line().unwrap();
        assert_eq!(master.next_news(), Heard::Silence);
        let born = News::Born { worker: 1, process: ProcessId(42) };
        for news in [News::Ready, born, News::Failed { worker: 2 }, News::Unfit] {
            nursery.tell(news);
        }
        drop(nursery);
        for news in [News::Ready, born, News::Failed { worker: 2 }, News::Unfit] {
            assert_eq!(master.next_news(), Heard::Message(news));
        }
        assert_eq!(master.next_news(), Heard::Gone);
        let (master, nursery) = nursery_line().unwrap();
        for garbage in [&b"R"[..], b"R00000000\0", b"X00000000"] {
            assert!(passing::send(nursery.as_fd(), &[IoSlice::new(garbage)], &[]));
            assert_eq!(master.next_news(), Heard::Garbage, "{garbage:?}");
        }
        assert!(passing::send(nursery.as_fd(), &[IoSlice::new(b"R00000000")], &[nursery.fd.as_raw_fd()]));
        assert_eq!(master.next_news(), Heard::Garbage);
        drop(nursery);
        assert!(!master.order_end());
    }
}
