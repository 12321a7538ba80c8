//! One who asks over the control socket: a line that comes in, an answer that goes out, and for how long either may take.
//!
//! Nothing here blocks. There is at most one question and one answer in memory; the next question stays in the socket until
//! the answer has been taken.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use bytes::BytesMut;

use super::message::LONGEST_QUESTION;
use crate::os::socket;
use crate::supervisor::policy::WorkerId;

/// A connection.
#[derive(Debug)]
pub(super) struct Client {
    fd: OwnedFd,
    input: BytesMut,
    output: Vec<u8>,
    sent: usize,
    /// When something has happened last.
    since: Instant,
    stage: Stage,
    /// Nothing more will come in.
    ended: bool,
    /// No answer follows the one that goes out.
    closing: bool,
}

/// What a client waits for, or we for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// Its first question.
    New,
    /// Another question, perhaps.
    Idle,
    /// It is to take its answer.
    Answered,
    /// The end of what it has asked for.
    Waiting(Awaited),
}

/// What takes its time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Awaited {
    Reload,
    Upgrade,
    /// What this worker tells of its threads.
    Stacks(WorkerId),
    /// The end of the server, which is the end of the connection.
    End,
}

/// What became of a look at a connection.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Heard {
    /// A question, without the end of its line.
    Line(Vec<u8>),
    /// The line is longer than any question.
    TooLong,
    Nothing,
    /// Nobody is there any more.
    Gone,
}

impl Client {
    pub(super) fn new(fd: OwnedFd, now: Instant) -> Self {
        Self {
            fd,
            input: BytesMut::new(),
            output: Vec::new(),
            sent: 0,
            since: now,
            stage: Stage::New,
            ended: false,
            closing: false,
        }
    }

    pub(super) fn stage(&self) -> Stage {
        self.stage
    }

    /// Since when nothing has happened.
    pub(super) fn since(&self) -> Instant {
        self.since
    }

    /// Sends what is to be sent and looks for a question, once.
    pub(super) fn look(&mut self, now: Instant) -> Heard {
        if self.stage == Stage::Answered && !self.flush(now) {
            return Heard::Gone;
        }
        match self.stage {
            Stage::Answered | Stage::Waiting(_) => Heard::Nothing,
            Stage::New | Stage::Idle => self.receive(now),
        }
    }

    fn receive(&mut self, now: Instant) -> Heard {
        if !self.has_line() && !self.ended {
            match socket::receive(self.fd.as_fd(), &mut self.input, LONGEST_QUESTION) {
                Ok(0) => self.ended = true,
                Ok(_) => self.since = now,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Heard::Gone,
            }
        }
        let end = self.input.iter().take(LONGEST_QUESTION).position(|byte| *byte == b'\n');
        match end {
            Some(end) => {
                let line = self.input.split_to(end + 1);
                Heard::Line(line[..end].to_vec())
            }
            None if self.input.len() >= LONGEST_QUESTION => Heard::TooLong,
            // The end of the stream ends a line as well.
            None if self.ended && !self.input.is_empty() => Heard::Line(self.input.split().to_vec()),
            None if self.ended => Heard::Gone,
            None => Heard::Nothing,
        }
    }

    fn has_line(&self) -> bool {
        self.input.contains(&b'\n')
    }

    /// Gives the answer to the last question.
    pub(super) fn answer(&mut self, line: Vec<u8>, now: Instant) {
        self.output = line;
        self.sent = 0;
        self.since = now;
        self.stage = Stage::Answered;
    }

    /// Sends at once what can be sent of an answer.
    pub(super) fn send(&mut self, now: Instant) {
        // Who is gone is noticed at the next look.
        let _ = self.stage == Stage::Answered && self.flush(now);
    }

    /// As [`Self::answer`], and that was all.
    pub(super) fn dismiss(&mut self, line: Vec<u8>, now: Instant) {
        self.closing = true;
        self.answer(line, now);
    }

    /// The answer comes later.
    pub(super) fn wait_for(&mut self, what: Awaited) {
        self.stage = Stage::Waiting(what);
    }

    /// Gives an answer, and leaves the connection open until the end of the server.
    pub(super) fn answer_and_stay(&mut self, line: &[u8]) {
        // It has just been heard, so there is room for a short line; who has left none did not want to hear.
        let _ = socket::send(self.fd.as_fd(), &[IoSlice::new(line)], false);
        self.stage = Stage::Waiting(Awaited::End);
    }

    /// Sends what the socket takes; `false` when the connection is over.
    fn flush(&mut self, now: Instant) -> bool {
        match socket::send(self.fd.as_fd(), &[IoSlice::new(&self.output[self.sent..])], false) {
            Ok(count) => {
                self.sent += count;
                self.since = now;
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
            Err(_) => return false,
        }
        if self.sent == self.output.len() {
            self.output = Vec::new();
            self.stage = Stage::Idle;
            return !self.closing;
        }
        true
    }

    /// Whether it is to be woken by input, and by room for output. Of a line that is in memory already no input tells.
    pub(super) fn wants(&self) -> (bool, bool) {
        match self.stage {
            Stage::Answered => (false, true),
            Stage::Waiting(_) => (false, false),
            Stage::New | Stage::Idle => (!self.ended, self.has_line() || self.ended),
        }
    }

    /// When its patience, or ours, is over.
    pub(super) fn limit(&self) -> Option<Instant> {
        match self.stage {
            Stage::New => Some(self.since + FIRST_QUESTION),
            Stage::Idle => Some(self.since + IDLE),
            Stage::Answered => Some(self.since + TAKE),
            Stage::Waiting(_) => None,
        }
    }
}

impl AsFd for Client {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// From piece to piece of the first question.
const FIRST_QUESTION: Duration = Duration::from_secs(5);

/// Between two questions.
const IDLE: Duration = Duration::from_secs(60);

/// Without taking anything of an answer.
const TAKE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, Client, Instant) {
        let (theirs, ours) = UnixStream::pair().unwrap();
        let now = Instant::now();
        (theirs, Client::new(ours.into(), now), now)
    }

    #[test]
    fn questions_come_in_pieces_and_several_at_once() {
        let (mut theirs, mut client, now) = pair();
        assert_eq!(client.look(now), Heard::Nothing);
        theirs.write_all(b"on").unwrap();
        assert_eq!(client.look(now), Heard::Nothing);
        theirs.write_all(b"e\ntwo\nthr").unwrap();
        assert_eq!(client.look(now), Heard::Line(b"one".to_vec()));
        client.answer(b"1\n".to_vec(), now);
        assert_eq!(client.wants(), (false, true), "first the answer");
        assert_eq!(client.look(now), Heard::Line(b"two".to_vec()));
        client.answer(b"2\n".to_vec(), now);
        theirs.write_all(b"ee").unwrap();
        theirs.shutdown(std::net::Shutdown::Write).unwrap();
        assert_eq!(client.look(now), Heard::Nothing);
        assert_eq!(client.look(now), Heard::Line(b"three".to_vec()), "the end ends a line");
        client.dismiss(b"3\n".to_vec(), now);
        assert_eq!(client.look(now), Heard::Gone);
        drop(client);
        let mut text = String::new();
        theirs.read_to_string(&mut text).unwrap();
        assert_eq!(text, "1\n2\n3\n");
    }

    #[test]
    fn a_line_without_end_is_noticed_and_kept_small() {
        let (mut theirs, mut client, now) = pair();
        theirs.write_all(&[b'x'; 3 * LONGEST_QUESTION]).unwrap();
        let mut looks = 0;
        while client.look(now) != Heard::TooLong {
            looks += 1;
            assert!(looks < 10);
        }
        assert!(client.input.len() < 4 * LONGEST_QUESTION);
    }

    #[test]
    fn one_who_does_not_read_is_given_up_and_delays_nobody() {
        let (theirs, mut client, now) = pair();
        client.answer(vec![b'x'; 10 << 20], now);
        for _ in 0..100 {
            assert_eq!(client.look(now), Heard::Nothing);
        }
        assert_eq!(client.wants(), (false, true));
        assert_eq!(client.limit(), Some(now + TAKE));
        drop(theirs);
        assert_eq!(client.look(now), Heard::Gone);
    }

    #[test]
    fn who_waits_is_not_hurried() {
        let (_theirs, mut client, now) = pair();
        assert_eq!(client.limit(), Some(now + FIRST_QUESTION));
        client.wait_for(Awaited::Reload);
        assert_eq!((client.limit(), client.wants()), (None, (false, false)));
    }
}
