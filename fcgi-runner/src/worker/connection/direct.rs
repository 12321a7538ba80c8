//! A body that is read into the room which the application has made for it, with no buffer between.
//!
//! Web servers send a body in records of one length, of which only the last is shorter. So where the headers will be that come
//! next can be foretold, and one call has the kernel put the contents into the room, one behind the other, and the headers
//! beside it. What was foretold wrong goes through the buffer, as if it had been read as usual.
//!
//! Between two reads the buffer holds what the protocol would find there: where a record has been read in part, a header with
//! the length of its rest, because a stream may be cut into records anywhere. Source: FastCGI 1.0 section 3.3.

use std::os::fd::AsFd;

use bytes::{Buf, BufMut};
use fcgi_proto::{RecordHeader, RecordType, RequestId};
use smallvec::SmallVec;

use super::{Connection, Input};
use crate::app::{Body, Request};
use crate::os::socket::{self, MOST_CUTS};

/// A thread's wish for more of a body.
pub(super) struct Wish<'w> {
    pub(super) request: &'w Request,
    pub(super) body: &'w Body,
    room: &'w mut dyn BufMut,
    /// Bytes of the room that are free at first.
    wanted: usize,
}

/// The records that are about to come, as far as there is room for them.
#[derive(Debug)]
struct Forecast {
    id: RequestId,
    /// Bytes that go into the room, and the content of the record that they are the beginning of.
    cuts: SmallVec<[(usize, usize); MOST_CUTS]>,
}

/// What is known of the records of a body.
#[derive(Clone, Copy, Debug)]
struct Records {
    /// Bytes that are still to come of the record that was read last.
    left: usize,
    /// The content of those before.
    usual: usize,
    /// Bytes of the body that are still to come.
    rest: usize,
}

/// What has come of a forecast.
#[derive(Debug, Default, Eq, PartialEq)]
struct Outcome {
    /// Bytes in the room.
    filled: usize,
    /// Bytes that are still to come of the record that was read last.
    left: usize,
    /// Whatever else has come, in order.
    other: Vec<u8>,
}

impl<'w> Wish<'w> {
    pub(super) fn new(request: &'w Request, body: &'w Body, room: &'w mut dyn BufMut) -> Self {
        let wanted = room.remaining_mut();
        Self { request, body, room, wanted }
    }

    /// Whether there is nothing to wait for any more.
    pub(super) fn is_over(&self, input: &Input) -> bool {
        let has_come = self.room.remaining_mut() < self.wanted || self.body.has_news();
        has_come || input.is_over() || self.request.is_ended()
    }
}

impl Connection {
    /// Reads once, as [`Connection::read`] does, into the room that somebody has for it where that can be done.
    pub(super) fn read_for(&self, input: &mut Input, wish: &mut Wish<'_>) {
        let (key, before) = (wish.request.key(), wish.room.remaining_mut());
        let is_one_piece = wish.room.chunk_mut().len() == before;
        let is_stdin = std::ptr::eq(wish.body, wish.request.body()) && input.protocol.stdin_open(key);
        // What somebody else has read meanwhile comes first.
        let is_next = is_stdin && !wish.body.has_news();
        if before < LEAST || !is_one_piece || !is_next || input.is_over() || input.passed {
            return self.read(input);
        }
        let Some(left) = input.open_record(key.id(), wish.room) else { return self.read(input) };
        wish.body.note_passed_by(before - wish.room.remaining_mut());
        if input.buffer.is_empty() {
            let records = Records { left, usual: input.pulls.record, rest: wish.body.outstanding() };
            let forecast = Forecast::new(key.id(), records, wish.room.remaining_mut());
            let lengths: SmallVec<[usize; MOST_CUTS]> = forecast.cuts.iter().map(|(cut, _)| *cut).collect();
            let most = lengths.iter().map(|length| length + RecordHeader::LEN).sum();
            let mut outcome = Outcome { left, ..Outcome::default() };
            let received = socket::receive_between(self.fd.as_fd(), wish.room, &lengths, &mut |come| {
                outcome = forecast.compare(come);
                outcome.filled
            });
            wish.body.note_passed_by(outcome.filled);
            input.close_record(key.id(), &outcome);
            if self.digest(input, received, most) {
                self.heed_end(input);
            }
        }
        input.note_body(key);
    }
}

impl Input {
    /// Moves what the buffer has of a record of the body into the room, and gives how much of the record is still to come, 0 between
    /// records. The buffer is empty then, unless the room is full. `None` where the buffer has something else, or nothing is known.
    fn open_record(&mut self, id: RequestId, room: &mut dyn BufMut) -> Option<usize> {
        let Self { buffer, pulls, .. } = self;
        if buffer.is_empty() {
            return (pulls.record > 0).then_some(0);
        }
        let length = content_of_stdin(buffer, id)?;
        if pulls.record == 0 {
            pulls.record = length;
        }
        let here = buffer.len() - RecordHeader::LEN;
        let moved = here.min(room.remaining_mut());
        room.put_slice(&buffer[RecordHeader::LEN..][..moved]);
        let left = length - moved;
        if moved == here {
            buffer.clear();
        } else {
            // The header of what is left lies where that has been moved from.
            buffer.advance(moved);
            buffer[..RecordHeader::LEN].copy_from_slice(&header(id, left));
        }
        Some(left)
    }

    /// Leaves in the buffer what the protocol has to go on from.
    fn close_record(&mut self, id: RequestId, outcome: &Outcome) {
        if outcome.left > 0 {
            self.buffer.extend_from_slice(&header(id, outcome.left));
        } else if let Some(length) = content_of_stdin(&outcome.other, id) {
            self.pulls.record = length;
        }
        self.buffer.extend_from_slice(&outcome.other);
    }
}

impl Forecast {
    fn new(id: RequestId, records: Records, mut room: usize) -> Self {
        let (mut next, mut rest) = (records.left, records.rest);
        let mut cuts = SmallVec::new();
        loop {
            let cut = next.min(room);
            cuts.push((cut, next));
            room -= cut;
            rest = rest.saturating_sub(next);
            let is_whole = cut == next;
            next = records.usual.min(rest);
            if !is_whole || room == 0 || next == 0 || cuts.len() == MOST_CUTS {
                return Self { id, cuts };
            }
        }
    }

    /// Finds out how far what has come is what was foretold.
    fn compare(&self, come: &[&[u8]]) -> Outcome {
        let mut filled = 0;
        for (at, (_, record)) in self.cuts.iter().enumerate() {
            let [piece, behind @ ..] = &come[2 * at..] else { break };
            filled += piece.len();
            let left = record - piece.len();
            let next = self.cuts.get(at + 1).map(|(_, next)| header(self.id, *next));
            if left > 0 || next.is_none_or(|next| behind[0] != next) {
                return Outcome { filled, left, other: behind.concat() };
            }
        }
        Outcome { filled, ..Outcome::default() }
    }
}

/// The header of a record of STDIN without padding.
fn header(id: RequestId, length: usize) -> [u8; RecordHeader::LEN] {
    let content_length = u16::try_from(length).unwrap_or(u16::MAX);
    let (record_type, request_id) = (RecordType::STDIN, id.value());
    RecordHeader { record_type, request_id, content_length, padding_length: 0 }.to_bytes()
}

/// The length of such a record that is not the end of the stream, where the bytes begin with its header.
fn content_of_stdin(bytes: &[u8], id: RequestId) -> Option<usize> {
    let found = RecordHeader::from_bytes(*bytes.first_chunk()?).ok()?;
    let length = usize::from(found.content_length);
    (length > 0 && found.to_bytes() == header(id, length)).then_some(length)
}

/// Smaller rooms are filled from a buffer, with fewer system calls. In bytes.
const LEAST: usize = 32 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RequestId = RequestId::ONE;

    fn cuts(left: usize, usual: usize, rest: usize, room: usize) -> Vec<(usize, usize)> {
        Forecast::new(ID, Records { left, usual, rest }, room).cuts.to_vec()
    }

    #[test]
    fn foretells_records_of_one_length_of_which_the_last_is_shorter() {
        assert_eq!(cuts(100, 300, 1000, 1000), [(100, 100), (300, 300), (300, 300), (300, 300)]);
        assert_eq!(cuts(100, 300, 550, 550), [(100, 100), (300, 300), (150, 150)]);
        assert_eq!(cuts(0, 300, 700, 450), [(0, 0), (300, 300), (150, 300)]);
        // The room ends within a record, or with one.
        assert_eq!(cuts(500, 300, 1000, 200), [(200, 500)]);
        assert_eq!(cuts(200, 300, 1000, 200), [(200, 200)]);
        // More than was announced is on its way.
        assert_eq!(cuts(500, 300, 200, 200), [(200, 500)]);
        assert_eq!(cuts(0, 10, 1000, 1000).len(), MOST_CUTS);
    }

    fn compare(come: &[&[u8]]) -> (usize, usize, Vec<u8>) {
        let forecast = Forecast::new(ID, Records { left: 2, usual: 4, rest: 100 }, 8);
        let Outcome { filled, left, other } = forecast.compare(come);
        (filled, left, other)
    }

    const NEXT: &[u8] = b"\x01\x05\0\x01\0\x04\0\0";

    #[test]
    fn what_was_foretold_is_in_the_room_and_the_rest_is_not() {
        assert_eq!(compare(&[b"a", b"", b"", b"", b"", b""]), (1, 1, vec![]));
        assert_eq!(compare(&[b"ab", b"", b"", b"", b"", b""]), (2, 0, vec![]));
        assert_eq!(compare(&[b"ab", &NEXT[..3], b"", b"", b"", b""]), (2, 0, NEXT[..3].to_vec()));
        assert_eq!(compare(&[b"ab", NEXT, b"", b"", b"", b""]), (2, 4, vec![]));
        assert_eq!(compare(&[b"ab", NEXT, b"cdef", NEXT, b"g", b""]), (7, 3, vec![]));
        // All that there is room for, and what comes behind it.
        assert_eq!(compare(&[b"ab", NEXT, b"cdef", NEXT, b"gh", b"ij"]), (8, 2, b"ij".to_vec()));
        // Another length, and the end of the stream.
        let other = b"\x01\x05\0\x01\0\x05\0\0";
        let expected = [&other[..], b"cdef", NEXT].concat();
        assert_eq!(compare(&[b"ab", other, b"cdef", NEXT, b"", b""]), (2, 0, expected));
        let end = b"\x01\x05\0\x01\0\0\0\0";
        assert_eq!(compare(&[b"ab", end, b"", b"", b"", b""]), (2, 0, end.to_vec()));
    }
}
