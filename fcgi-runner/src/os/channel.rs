//! Messages between the master and its workers.
//!
//! A line is a pair of `SOCK_SEQPACKET` sockets: a message arrives whole or not at all, and the end of the other process is the
//! end of the stream. The master reads only what it understands from a worker and trusts nothing else.

use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use super::reason::Reason;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, SockaddrIn, recvmsg, sendmsg, socketpair,
};

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
    /// Open the log files anew.
    ReopenLogs,
}

/// One end of the line between the master and a worker.
#[derive(Debug)]
pub struct Line {
    fd: OwnedFd,
}

/// What a read on a line came to.
#[derive(Debug, Eq, PartialEq)]
pub enum Heard<T> {
    Message(T),
    /// Nothing is there now.
    Silence,
    /// The other process is gone.
    Gone,
}

/// Opens a line: the master's end and the worker's.
///
/// # Errors
/// When the process is out of descriptors.
pub fn line() -> io::Result<(Line, Line)> {
    let (left, right) = seqpacket_pair()?;
    Ok((Line { fd: left }, Line { fd: right }))
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
                return self.send(&[IoSlice::new(&[b'D', reason.code(), u8::from(*urgent)])]);
            }
            Report::Stacks { text, more: true } => (b'K', text),
            Report::Stacks { text, more: false } => (b'k', text),
        };
        let text = &text[..fitting(text, MAX_TEXT)];
        self.send(&[IoSlice::new(&[kind]), IoSlice::new(text.as_bytes())]);
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
            Order::ReopenLogs => b'l',
        };
        self.send(&[IoSlice::new(&[kind])]);
    }

    /// Reads the next report, on the master's end.
    pub fn next_report(&self) -> Heard<Report> {
        self.receive(|message| {
            let text = || String::from_utf8_lossy(&message[1..]).into_owned();
            match message[0] {
                b'P' => Some(Report::Probing),
                b'R' => Some(Report::Ready),
                b'I' => Some(Report::ImportFailed(text())),
                b'F' => Some(Report::StartFailed(text())),
                b'S' => Some(Report::Sources(text())),
                b'L' => Some(Report::Leaving),
                b'D' => {
                    let reason = message.get(1).and_then(|code| Reason::from_code(*code))?;
                    Some(Report::Due { reason, urgent: message.get(2) == Some(&1) })
                }
                b'K' => Some(Report::Stacks { text: text(), more: true }),
                b'k' => Some(Report::Stacks { text: text(), more: false }),
                _ => None,
            }
        })
    }

    /// Reads the next order, on the worker's end.
    pub fn next_order(&self) -> Heard<Order> {
        self.receive(|message| match message[0] {
            b'r' => Some(Order::Retire),
            b's' => Some(Order::Stop),
            b'l' => Some(Order::ReopenLogs),
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

    fn send(&self, parts: &[IoSlice<'_>]) {
        let flags = MsgFlags::MSG_NOSIGNAL | MsgFlags::MSG_DONTWAIT;
        // A full or closed line belongs to a process that is about to be reaped.
        let _ = sendmsg::<SockaddrIn>(self.fd.as_raw_fd(), parts, &[], flags, None);
    }

    fn receive<T>(&self, read: impl Fn(&[u8]) -> Option<T>) -> Heard<T> {
        let mut buffer = vec![0u8; MAX_TEXT + 1];
        loop {
            let mut parts = [IoSliceMut::new(&mut buffer)];
            let got = recvmsg::<SockaddrIn>(self.fd.as_raw_fd(), &mut parts, None, MsgFlags::MSG_DONTWAIT);
            match got.map(|message| message.bytes) {
                Ok(0) => return Heard::Gone,
                Ok(length) => {
                    if let Some(message) = read(&buffer[..length]) {
                        return Heard::Message(message);
                    }
                }
                Err(nix::Error::EINTR) => {}
                Err(nix::Error::EAGAIN) => return Heard::Silence,
                Err(_) => return Heard::Gone,
            }
        }
    }
}

impl From<OwnedFd> for Line {
    /// Takes an end that has come from another process.
    fn from(fd: OwnedFd) -> Self {
        Self { fd }
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
        worker.send(&[IoSlice::new(&[b'D', 0, 1])]);
        worker.send(&[IoSlice::new(b"D")]);
        assert_eq!(master.next_report(), Heard::Message(Report::ImportFailed("no module named `x`".into())));
        assert_eq!(master.next_report(), Heard::Message(Report::Ready));
        let due = Report::Due { reason: Reason::Memory, urgent: true };
        assert_eq!(master.next_report(), Heard::Message(due));
        assert_eq!(master.next_report(), Heard::Silence, "what makes no sense is passed over");
        master.order(Order::Retire);
        master.order(Order::ReopenLogs);
        assert_eq!(worker.next_order(), Heard::Message(Order::Retire));
        assert_eq!(worker.next_order(), Heard::Message(Order::ReopenLogs));
        drop(master);
        assert_eq!(worker.next_order(), Heard::Gone);
        worker.report(&Report::Leaving);
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
