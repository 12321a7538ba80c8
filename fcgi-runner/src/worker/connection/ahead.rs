//! Blocks of an answer that an application makes faster than they can be written.
//!
//! A block is written before the next is asked for, as that costs least, until an application is seen to come back sooner than a
//! write takes. What it makes from then on the [`Courier`](super::super::courier::Courier) writes, in another thread, while the
//! application goes on: many blocks with one write, in records as long as can be. No block waits for another one to come.
//! Source: PEP 3333 "Buffering and Streaming", which has these two ways.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use fcgi_proto::encode::{self, MAX_ALIGNED_CONTENT};
use fcgi_proto::{RecordHeader, RecordType, RequestKey};

use super::{Connection, Input};

/// What an application has made of its answer, and nobody has begun to write.
#[derive(Debug)]
pub(super) struct Ahead {
    key: RequestKey,
    blocks: Blocks,
    /// Where the content begins of the record that may become longer.
    open: Option<usize>,
    /// Where blocks find room while others are written.
    room: Vec<u8>,
    /// The courier looks after it.
    called: bool,
    /// A block has come since the courier last looked.
    grown: bool,
    /// When the last block had been taken or written.
    since: Instant,
    /// What the last write has cost.
    cost: Duration,
}

/// Records that leave before anything else, and how much of them has left.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    bytes: Vec<u8>,
    sent: usize,
}

/// What a try of the courier's has come to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::worker) enum Carried {
    /// Nothing is left, and nothing has come.
    All,
    /// More may come.
    Some,
    /// The peer has to read first.
    Full,
}

impl Ahead {
    fn new(key: RequestKey, since: Instant, cost: Duration) -> Self {
        let (blocks, room) = (Blocks::default(), Vec::new());
        Self { key, blocks, open: None, room, called: false, grown: false, since, cost }
    }

    /// Whether a block came sooner than it could be written, and finds room.
    fn wants(&self, length: usize, now: Instant) -> bool {
        let fits = self.blocks.bytes.len() + length <= MOST_AHEAD;
        fits && now.saturating_duration_since(self.since) < self.cost
    }

    fn push(&mut self, mut part: &[u8]) {
        while !part.is_empty() {
            let length = |begin| self.blocks.bytes.len() - begin;
            let begin = match self.open {
                Some(begin) if length(begin) < MAX_ALIGNED_CONTENT => begin,
                _ => self.open(),
            };
            let left = MAX_ALIGNED_CONTENT - (self.blocks.bytes.len() - begin);
            let (now, later) = part.split_at(part.len().min(left));
            self.blocks.bytes.extend_from_slice(now);
            part = later;
        }
    }

    /// Begins another record; gives where its content begins.
    fn open(&mut self) -> usize {
        self.close();
        self.blocks.bytes.extend_from_slice(&[0; RecordHeader::LEN]);
        *self.open.insert(self.blocks.bytes.len())
    }

    /// Ends the last record.
    fn close(&mut self) {
        let Some(begin) = self.open.take() else { return };
        let bytes = &mut self.blocks.bytes;
        for record in encode::stream_records(RecordType::STDOUT, self.key.id(), bytes.len() - begin) {
            bytes[begin - RecordHeader::LEN..begin].copy_from_slice(&record.header);
            bytes.extend_from_slice(&encode::PADDING[..record.padding]);
        }
    }

    fn take(&mut self) -> Blocks {
        self.close();
        let room = Blocks { bytes: std::mem::take(&mut self.room), sent: 0 };
        std::mem::replace(&mut self.blocks, room)
    }

    /// Takes back what could not leave, before everything that has come since, or only the room.
    fn put_back(&mut self, mut blocks: Blocks) {
        if !blocks.is_empty() {
            self.close();
            blocks.bytes.extend_from_slice(&self.blocks.bytes);
            blocks = std::mem::replace(&mut self.blocks, blocks);
        }
        blocks.bytes.clear();
        self.room = blocks.bytes;
    }
}

impl Blocks {
    pub(super) fn is_empty(&self) -> bool {
        self.rest().is_empty()
    }

    /// What has not left.
    pub(super) fn rest(&self) -> &[u8] {
        &self.bytes[self.sent..]
    }

    /// Whether a part of a record has left, and nothing else can before the rest.
    pub(super) fn is_cut(&self) -> bool {
        self.sent > 0 && !self.is_empty()
    }

    /// Takes off what has left, of so many bytes at most; gives how many.
    pub(super) fn advance(&mut self, most: usize) -> usize {
        let left = most.min(self.rest().len());
        self.sent += left;
        left
    }

    pub(super) fn into_rest(self) -> Bytes {
        Bytes::from(self.bytes).slice(self.sent..)
    }

    /// Room for others, once all has left.
    fn emptied(self) -> Self {
        Self { sent: self.bytes.len(), ..self }
    }
}

impl Input {
    /// Takes the blocks that nobody has begun to write, or not to the end.
    pub(super) fn take_ahead(&mut self) -> Blocks {
        self.ahead.as_mut().map(|ahead| ahead.take()).unwrap_or_default()
    }

    /// Takes back what could not leave of them.
    pub(super) fn put_back_ahead(&mut self, blocks: Blocks) {
        if let Some(ahead) = &mut self.ahead {
            ahead.put_back(blocks);
        }
    }

    /// Notes a write since `begun` that was not the last of its answer, and takes back what was written before as room.
    pub(super) fn note_write(&mut self, key: RequestKey, begun: Instant, written: Blocks) {
        if !self.expects(key) {
            return;
        }
        let now = Instant::now();
        let cost = now.saturating_duration_since(begun).min(MOST_COST);
        let ahead = self.ahead.get_or_insert_with(|| Box::new(Ahead::new(key, now, cost)));
        if ahead.key == key {
            (ahead.since, ahead.cost) = (now, cost);
        }
        ahead.put_back(written.emptied());
    }

    /// Has a block wait for the courier whose answer has begun.
    #[cfg(test)]
    pub(super) fn push_ahead(&mut self, block: &[u8]) {
        self.ahead.as_mut().unwrap().push(block);
    }

    /// Ends what an answer that has ended was ahead; what is left of that leaves all the same.
    pub(super) fn end_ahead(&mut self, key: RequestKey) {
        if self.ahead.as_ref().is_none_or(|ahead| ahead.key != key) {
            return;
        }
        let blocks = self.take_ahead();
        self.ahead = None;
        if !blocks.is_empty() {
            self.post_blocks(blocks);
        }
    }

    /// Whether more of an answer may leave.
    fn expects(&self, key: RequestKey) -> bool {
        let mut requests = self.requests.iter();
        !self.dead && requests.any(|active| active.request.key() == key && !active.given_up)
    }
}

impl Connection {
    /// Leaves a block to the courier that has come sooner than it could be written; `false` when the caller is to write it.
    pub(super) fn leave_to_courier(&self, key: RequestKey, parts: &[&[u8]]) -> bool {
        let length = parts.iter().map(|part| part.len()).sum();
        if length > MOST_COPIED {
            return false;
        }
        let mut input = self.input();
        if !input.ahead.as_ref().is_some_and(|ahead| ahead.key == key)
            || input.has_outbox()
            || !input.expects(key)
        {
            return false;
        }
        let now = Instant::now();
        let Some(ahead) = input.ahead.as_mut().filter(|ahead| ahead.wants(length, now)) else { return false };
        ahead.called = ahead.called || self.settings.courier.call(&self.this);
        if !ahead.called {
            return false;
        }
        for part in parts {
            ahead.push(part);
        }
        (ahead.since, ahead.grown) = (now, true);
        true
    }

    /// Writes what the application is ahead, as much as the socket takes; done by the courier.
    pub(in crate::worker) fn carry(&self) -> Carried {
        // Whoever writes has taken what was there, and not what has come since.
        if let Ok(writing) = self.output.try_lock() {
            match self.send_waiting() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Carried::Full,
                Err(_) => {
                    self.gone();
                    return Carried::All;
                }
            }
            drop(writing);
            self.flush_outbox();
        }
        let mut input = self.input();
        let Some(ahead) = &mut input.ahead else { return Carried::All };
        ahead.called = std::mem::take(&mut ahead.grown) || !ahead.blocks.is_empty();
        if ahead.called { Carried::Some } else { Carried::All }
    }
}

/// Bytes that an application may be ahead.
const MOST_AHEAD: usize = 128 * 1024;

/// Longer blocks are written from where they are.
const MOST_COPIED: usize = 16 * 1024;

/// The most that a write is taken to cost: it may have been interrupted.
const MOST_COST: Duration = Duration::from_micros(20);

#[cfg(test)]
mod tests {
    use super::*;

    const COST: Duration = Duration::from_micros(10);

    fn ahead() -> Ahead {
        Ahead::new(RequestKey::OF_NOBODY, Instant::now(), COST)
    }

    #[test]
    fn blocks_share_a_record_which_is_padded_when_it_leaves() {
        let mut ahead = ahead();
        ahead.push(b"one,");
        ahead.push(b"");
        ahead.push(b"two,");
        ahead.push(b"three");
        let blocks = ahead.take();
        assert_eq!(blocks.rest(), b"\x01\x06\0\x01\0\x0d\x03\0one,two,three\0\0\0");
        ahead.put_back(blocks.emptied());
        assert!(ahead.take().is_empty());
        ahead.push(b"12345678");
        assert_eq!(ahead.take().rest(), b"\x01\x06\0\x01\0\x08\0\x0012345678");
    }

    #[test]
    fn a_full_record_is_followed_by_another() {
        let mut ahead = ahead();
        ahead.push(&vec![1; 65_527]);
        ahead.push(&[2; 9]);
        let blocks = ahead.take();
        let (first, second) = blocks.rest().split_at(8 + 65_528);
        assert_eq!(first[..8], [1, 6, 0, 1, 0xff, 0xf8, 0, 0]);
        assert_eq!(first[8 + 65_526..], [1, 2]);
        assert_eq!(second, [1, 6, 0, 1, 0, 8, 0, 0, 2, 2, 2, 2, 2, 2, 2, 2]);
    }

    #[test]
    fn what_could_not_leave_stays_before_what_has_come_since() {
        let mut ahead = ahead();
        ahead.push(b"earlier.");
        let mut blocks = ahead.take();
        blocks.sent = 10;
        ahead.push(b"later...");
        ahead.put_back(blocks);
        ahead.push(b"last....");
        let expected = b"rlier.\x01\x06\0\x01\0\x08\0\0later...\x01\x06\0\x01\0\x08\0\0last....";
        assert_eq!(ahead.take().rest(), expected);
    }

    #[test]
    fn only_a_block_that_comes_sooner_than_it_can_be_written_and_finds_room_is_taken() {
        let mut ahead = ahead();
        let since = ahead.since;
        assert!(ahead.wants(1, since) && ahead.wants(1, since + COST / 2));
        assert!(!ahead.wants(1, since + COST));
        ahead.push(&vec![0; MOST_AHEAD - 1000]);
        assert!(ahead.wants(900, since) && !ahead.wants(1000, since));
    }
}
