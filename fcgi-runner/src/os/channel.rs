//! Messages between the master and its workers.
//!
//! A line is a pair of `SOCK_SEQPACKET` sockets: a message arrives whole or not at all, and the end of the other process is the
//! end of the stream. The master trusts nothing that a worker sends: a message has to be one that workers send, to the last byte,
//! and a descriptor that comes along is thrown away by the kernel.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockType, socketpair};

use super::passing::{pack_logs, receive, send, unpack_logs};
use super::reason::Reason;
use super::stdio::OpenLogs;

/// What a worker tells the master.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Report {
    /// The application is imported and is tried with a request of the server's own.
    Probing,
    /// The application is imported, requests are served.
    Ready,
    /// The application cannot be imported; the text is for the operator.
    ImportFailed(String),
    /// Something else failed before the worker could serve.
    StartFailed(String),
    /// Files of which the application is made, one a line.
    Sources(String),
    /// The worker takes no more connections and ends by itself.
    Leaving,
    /// The worker is to be replaced, and serves until it is; `urgent`: as soon as others can do without it.
    Due { reason: Reason, urgent: bool },
    /// Where the threads of the worker are, as it was asked (`os::ask`), in pieces: there is `more` to come.
    Stacks { text: String, more: bool },
}

/// What the master tells a worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// Finish the running requests and leave; siblings stay, so idle connections may be handed to them.
    Retire,
    /// Finish the running requests and leave; the whole server stops.
    Stop,
    /// Go on in the log files that [`Line::take_logs`] gives.
    ReopenLogs,
}

/// One end of the line between the master and a worker.
#[derive(Debug)]
pub struct Line {
    fd: OwnedFd,
    /// Log files that have come with an order.
    logs: Mutex<OpenLogs>,
}

/// What a read on a line came to.
#[derive(Debug, Eq, PartialEq)]
pub enum Heard<T> {
    Message(T),
    /// Nothing is there now.
    Silence,
    /// The other process is gone.
    Gone,
    /// The other process has said what no process of ours says.
    Garbage,
}

/// Opens a line: the master's end and the worker's.
///
/// # Errors
/// When the process is out of descriptors.
pub fn line() -> io::Result<(Line, Line)> {
    let (left, right) = seqpacket_pair()?;
    Ok((left.into(), right.into()))
}

impl Line {
    /// Sends a report to the master; a master that is gone hears nothing.
    pub fn report(&self, report: &Report) {
        let (kind, text): (u8, &str) = match report {
            Report::Probing => (b'P', ""),
            Report::Ready => (b'R', ""),
            Report::ImportFailed(text) => (b'I', text),
            Report::StartFailed(text) => (b'F', text),
            Report::Sources(text) => (b'S', text),
            Report::Leaving => (b'L', ""),
            Report::Due { reason, urgent } => {
                return self.send(&[IoSlice::new(&[b'D', reason.code(), u8::from(*urgent)])], &[]);
            }
            Report::Stacks { text, more: true } => (b'K', text),
            Report::Stacks { text, more: false } => (b'k', text),
        };
        let text = &text[..fitting(text, MAX_TEXT)];
        self.send(&[IoSlice::new(&[kind]), IoSlice::new(text.as_bytes())], &[]);
    }

    /// Sends where the threads are, in as many reports as it takes. A text beyond [`MAX_STACKS`] is cut.
    pub fn report_stacks(&self, text: &str) {
        let mut rest = &text[..fitting(text, MAX_STACKS)];
        loop {
            let (piece, others) = rest.split_at(fitting(rest, STACKS_PIECE));
            let more = !others.is_empty();
            self.report(&Report::Stacks { text: piece.to_owned(), more });
            if !more {
                return;
            }
            rest = others;
        }
    }

    /// Sends an order to the worker; a worker that is gone needs none.
    pub fn order(&self, order: Order) {
        let kind = match order {
            Order::Retire => b'r',
            Order::Stop => b's',
            Order::ReopenLogs => return self.order_logs(&OpenLogs::default()),
        };
        self.send(&[IoSlice::new(&[kind])], &[]);
    }

    /// Hands the worker other log files: it perhaps may not open them itself.
    pub fn order_logs(&self, files: &OpenLogs) {
        let (which, fds) = pack_logs(files);
        self.send(&[IoSlice::new(&[b'l', which])], &fds);
    }

    /// The log files that came with the last order to change them.
    pub fn take_logs(&self) -> OpenLogs {
        std::mem::take(&mut *self.logs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the next report, on the master's end.
    pub fn next_report(&self) -> Heard<Report> {
        self.receive(false, |message, _| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).ok();
            match message {
                b"P" => Some(Report::Probing),
                b"R" => Some(Report::Ready),
                [b'I', rest @ ..] => text(rest).map(Report::ImportFailed),
                [b'F', rest @ ..] => text(rest).map(Report::StartFailed),
                [b'S', rest @ ..] => text(rest).map(Report::Sources),
                b"L" => Some(Report::Leaving),
                [b'D', code, urgent @ 0..=1] => {
                    Reason::from_code(*code).map(|reason| Report::Due { reason, urgent: *urgent == 1 })
                }
                [b'K', rest @ ..] => text(rest).map(|text| Report::Stacks { text, more: true }),
                [b'k', rest @ ..] => text(rest).map(|text| Report::Stacks { text, more: false }),
                _ => None,
            }
        })
    }

    /// Reads the next order, on the worker's end.
    pub fn next_order(&self) -> Heard<Order> {
        self.receive(true, |message, fds| match message {
            b"r" => Some(Order::Retire),
            b"s" => Some(Order::Stop),
            [b'l', which] => {
                *self.logs.lock().unwrap_or_else(PoisonError::into_inner) = unpack_logs(*which, fds);
                Some(Order::ReopenLogs)
            }
            _ => None,
        })
    }

    /// Waits for the next order, on the worker's end; never gives silence.
    pub fn wait_for_order(&self) -> Heard<Order> {
        loop {
            match self.next_order() {
                Heard::Silence => {
                    // Whatever ends the wait, the next read tells what it was.
                    let _ = super::socket::wait(self.fd.as_fd(), true, false, Duration::from_secs(3600));
                }
                heard => return heard,
            }
        }
    }

    fn send(&self, parts: &[IoSlice<'_>], fds: &[RawFd]) {
        // A full or closed line belongs to a process that is about to be reaped.
        send(self.fd.as_fd(), parts, fds);
    }

    fn receive<T>(&self, with_fds: bool, read: impl Fn(&[u8], Vec<OwnedFd>) -> Option<T>) -> Heard<T> {
        let mut buffer = vec![0u8; MAX_TEXT + 1];
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            match receive(self.fd.as_fd(), &mut parts, with_fds, MsgFlags::MSG_DONTWAIT) {
                Ok(got) if got.bytes == 0 => return Heard::Gone,
                // What an order was to bring, and had no number here, is missed where it is used.
                Ok(got) if got.is_cut && !with_fds => return Heard::Garbage,
                Ok(got) => return read(&buffer[..got.bytes], got.fds).map_or(Heard::Garbage, Heard::Message),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Heard::Silence,
                Err(_) => return Heard::Gone,
            }
        }
    }
}

impl From<OwnedFd> for Line {
    /// Takes an end that has come from another process.
    fn from(fd: OwnedFd) -> Self {
        Self { fd, logs: Mutex::default() }
    }
}

impl AsFd for Line {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

pub(super) fn seqpacket_pair() -> io::Result<(OwnedFd, OwnedFd)> {
    Ok(socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC)?)
}

/// Longest text of a report: a traceback, cut at the end.
const MAX_TEXT: usize = 65_536;

/// Longest text about threads: so much waits in a line without that anybody reads.
pub const MAX_STACKS: usize = 96 * 1024;

/// The size of its pieces.
const STACKS_PIECE: usize = 16 * 1024;

/// How much of a text can be sent in so many bytes without cutting a character.
fn fitting(text: &str, most: usize) -> usize {
    let mut cut = text.len().min(most);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_arrive_whole_and_the_end_is_noticed() {
        let (master, worker) = line().unwrap();
        assert_eq!(master.next_report(), Heard::Silence);
        worker.report(&Report::ImportFailed("no module named `x`".into()));
        worker.report(&Report::Ready);
        worker.report(&Report::Due { reason: Reason::Memory, urgent: true });
        assert_eq!(master.next_report(), Heard::Message(Report::ImportFailed("no module named `x`".into())));
        assert_eq!(master.next_report(), Heard::Message(Report::Ready));
        let due = Report::Due { reason: Reason::Memory, urgent: true };
        assert_eq!(master.next_report(), Heard::Message(due));
        assert_eq!(master.next_report(), Heard::Silence);
        master.order(Order::Retire);
        master.order(Order::ReopenLogs);
        assert_eq!(worker.next_order(), Heard::Message(Order::Retire));
        assert_eq!(worker.next_order(), Heard::Message(Order::ReopenLogs));
        drop(master);
        assert_eq!(worker.next_order(), Heard::Gone);
        worker.report(&Report::Leaving);
    }

    #[test]
    fn what_no_worker_says_is_garbage() {
        let (master, worker) = line().unwrap();
        let long = vec![b'I'; MAX_TEXT + 2];
        let garbage: [&[u8]; 12] = [
            b"D",
            b"D\0\x01",
            b"D\x01\x02",
            b"X",
            b"\0",
            b"RR",
            b"Ready",
            b"L\0",
            b"r",
            b"I\xff",
            b"F\xc3",
            &long,
        ];
        for message in garbage {
            assert!(send(worker.as_fd(), &[IoSlice::new(message)], &[]), "{} bytes", message.len());
            assert_eq!(master.next_report(), Heard::Garbage, "{:?}", &message[..message.len().min(9)]);
        }
        // A descriptor is none of the master's business, whatever it comes with.
        let fd = [std::os::fd::AsRawFd::as_raw_fd(&worker.fd)];
        assert!(send(worker.as_fd(), &[IoSlice::new(b"R")], &fd));
        assert_eq!(master.next_report(), Heard::Garbage);
        worker.report(&Report::Ready);
        assert_eq!(master.next_report(), Heard::Message(Report::Ready));
    }

    #[test]
    fn log_files_come_with_their_order() {
        let (master, worker) = line().unwrap();
        let file = tempfile::tempfile().unwrap();
        master.order_logs(&OpenLogs { access: Some(file), ..OpenLogs::default() });
        master.order(Order::ReopenLogs);
        assert_eq!(worker.next_order(), Heard::Message(Order::ReopenLogs));
        let files = worker.take_logs();
        assert!(files.access.is_some() && files.out.is_none() && files.err.is_none());
        assert!(worker.take_logs().access.is_none());
        assert_eq!(worker.next_order(), Heard::Message(Order::ReopenLogs));
        assert!(worker.take_logs().access.is_none());
    }

    #[test]
    fn a_text_too_long_is_cut_between_characters() {
        let (master, worker) = line().unwrap();
        worker.report(&Report::ImportFailed("é".repeat(MAX_TEXT)));
        let Heard::Message(Report::ImportFailed(text)) = master.next_report() else { panic!("no report") };
        assert_eq!(text, "é".repeat(MAX_TEXT / 2));
    }
    #[test]
    fn a_long_text_about_threads_comes_in_pieces_although_nobody_reads_meanwhile() {
        let (master, worker) = line().unwrap();
        let text = "é".repeat(MAX_STACKS);
        worker.report_stacks(&text);
        let (mut heard, mut goes_on) = (String::new(), true);
        while goes_on {
            let Heard::Message(Report::Stacks { text, more }) = master.next_report() else {
                panic!("a piece is lost")
            };
            heard.push_str(&text);
            goes_on = more;
        }
        assert_eq!(heard, text[..MAX_STACKS]);
        worker.report_stacks("");
        let empty = Report::Stacks { text: String::new(), more: false };
        assert_eq!(master.next_report(), Heard::Message(empty));
    }
}
