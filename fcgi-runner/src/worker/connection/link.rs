//! The side of a connection that the application writes to: records gathered into one write, waiting, ending.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use bytes::{BufMut, Bytes};
use fcgi_proto::encode::{self, StreamChunk};
use fcgi_proto::server::Disposition;
use fcgi_proto::{EndRequest, RecordType, RequestKey};
use smallvec::SmallVec;

use super::super::settings::Feeding;
use super::Connection;
use super::direct::Wish;
use super::input::{Ended, Turn};
use crate::app::{Blocker, Body, FilePart, Link, LinkGone, Request};
use crate::messages::Code;
use crate::os::socket::{self, Shutdown};

impl Connection {
    /// Puts a disposition into practice, after the last byte of a request has left.
    fn settle(&self, disposition: Disposition) {
        if disposition == (Disposition::Drain { close: true }) && !self.input().is_over() {
            self.input().lingers = Some((Instant::now(), 0));
            socket::shut(&self.fd, Shutdown::Write);
        } else if let Feeding::Loop(handle) = &self.settings.feeding
            && (disposition.closes() || self.input().is_over())
        {
            handle.finish(self.token);
            return;
        }
        // What the application has left of the body still has to be read.
        self.resume();
    }

    /// Writes records, all of them, with `output` held by the caller; `more`: the next write follows at once.
    pub(super) fn write_all(
        &self,
        parts: &mut [IoSlice<'_>],
        more: bool,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        let mut rest = parts;
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match socket::send(self.fd.as_fd(), rest, more) {
                Ok(sent) => IoSlice::advance_slices(&mut rest, sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_write(blocker)?,
                Err(_) => return Err(self.gone()),
            }
        }
        Ok(())
    }

    /// Waits until the peer takes more. Where nobody else does it, what the peer sends meanwhile is read.
    pub(super) fn wait_to_write(&self, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.writer_waits.store(true, Ordering::Release);
        let pulls = self.settings.feeding.is_pull();
        let _reader = self.settings.feeding.need();
        if !pulls {
            self.resume();
        }
        let result = loop {
            let (read, mut found) = (pulls && !self.input().eof, Ok(socket::Readiness::default()));
            blocker.block(&mut || {
                found = socket::wait(self.fd.as_fd(), read, true, self.settings.limits.write_timeout);
            });
            match found {
                Ok(found) if found.timed_out() => {
                    let code = Code::ANSWER_NOT_READ;
                    tracing::warn!(%code, peer = self.peer_name(), "the web server has not read the answer in time");
                    break Err(self.gone());
                }
                Ok(found) if found.writable || found.hung_up => break Ok(()),
                Ok(_) => self.read(&mut self.input()),
                Err(_) => break Err(self.gone()),
            }
        };
        self.writer_waits.store(false, Ordering::Release);
        result
    }

    /// Lets the loop read again, unless another thread does.
    pub(super) fn resume(&self) {
        let Feeding::Loop(handle) = &self.settings.feeding else { return };
        let mut input = self.input();
        if !input.pulled && std::mem::take(&mut input.paused) {
            handle.resume(&self.fd, self.token);
        }
    }

    pub(super) fn can_write(&self, key: RequestKey) -> bool {
        let input = self.input();
        !input.dead && input.requests.iter().any(|active| active.request.key() == key)
    }

    pub(super) fn gone(&self) -> LinkGone {
        let mut input = self.input();
        input.die();
        input.abandon();
        drop(input);
        socket::shut(&self.fd, Shutdown::Both);
        LinkGone
    }

    /// Writes a piece of an answer, and ends the request if it is the `last`.
    pub(super) fn write_piece(
        &self,
        writing: MutexGuard<'_, ()>,
        key: RequestKey,
        parts: &[&[u8]],
        last: bool,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        let begun = (!last).then(Instant::now);
        // In a statement of its own: the lock must be free again.
        let turn = self.input().begin_write(key, last);
        let Turn { waiting, ended, given_up } = match turn {
            Ok(turn) => turn,
            Err(ended) => {
                if let Some(ended) = ended {
                    self.settle(ended.disposition);
                }
                return Err(LinkGone);
            }
        };
        let total = parts.iter().map(|part| part.len()).sum();
        let records = encode::stream_records(RecordType::STDOUT, key.id(), total);
        let closing = ended.map(|ended| closing_records(key, ended.stderr_used));
        let closing = closing.as_ref().map_or(&[][..], |(bytes, length)| &bytes[..*length]);
        let result = if total <= COPIED && waiting.is_empty() {
            // To copy so little is cheaper than to have the kernel gather it.
            let joined = Joined::new(records, parts, closing);
            self.write_all(&mut [IoSlice::new(joined.bytes())], false, blocker)
        } else {
            let records: SmallVec<[_; 1]> = records.collect();
            let mut slices: Slices<'_> = waiting.slices().collect();
            gather(&mut slices, &records, parts);
            slices.push(IoSlice::new(closing));
            self.write_all(&mut slices, false, blocker)
        };
        if let Some(begun) = begun {
            self.input().note_write(key, begun, waiting.ahead);
        }
        drop(writing);
        self.flush_outbox();
        if let Some(ended) = ended {
            self.settle(ended.disposition);
        }
        if given_up && !last { Err(LinkGone) } else { result }
    }

    /// Ends a request as not whole, without waiting for the peer.
    pub(super) fn cut_off(&self, writing: MutexGuard<'_, ()>, key: RequestKey) {
        let mut input = self.input();
        let Ok(Ended { disposition, .. }) = input.retire(key) else { return };
        if input.requests.is_empty() {
            drop(input);
            self.gone();
        } else {
            // Others use the connection: all that is left to say is a status that is not success.
            let end = encode::end_request(key.id(), EndRequest::complete(1));
            input.post(Bytes::copy_from_slice(&end));
            drop((input, writing));
            self.flush_outbox();
        }
        self.settle(disposition);
    }

    pub(super) fn output(&self, blocker: &dyn Blocker) -> MutexGuard<'_, ()> {
        match self.output.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let mut guard = None;
                blocker.block(&mut || {
                    guard = Some(self.output.lock().unwrap_or_else(PoisonError::into_inner));
                });
                guard.unwrap_or_else(|| self.output.lock().unwrap_or_else(PoisonError::into_inner))
            }
        }
    }
}

impl Link for Connection {
    fn stdout(
        &self,
        key: RequestKey,
        parts: &[&[u8]],
        last: bool,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        if !last && self.leave_to_courier(key, parts) {
            return Ok(());
        }
        self.write_piece(self.output(blocker), key, parts, last, blocker)
    }

    fn stdout_file(&self, key: RequestKey, part: FilePart, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.send_file(key, part, blocker)
    }

    fn stderr(&self, key: RequestKey, text: &[u8], blocker: &dyn Blocker) {
        let _writing = self.output(blocker);
        if !self.can_write(key) || self.write_waiting(blocker).is_err() {
            return;
        }
        self.input().note_stderr(key);
        let records: Vec<_> = encode::stream_records(RecordType::STDERR, key.id(), text.len()).collect();
        let (parts, mut slices) = ([text], Slices::new());
        gather(&mut slices, &records, &parts);
        let _ = self.write_all(&mut slices, false, blocker);
    }

    fn cut(&self, key: RequestKey, blocker: &dyn Blocker) {
        let writing = self.output(blocker);
        if self.can_write(key) {
            // What was given before is not lost.
            let _ = self.write_waiting(blocker);
        }
        self.cut_off(writing, key);
    }

    fn end_with(&self, request: &Request, code: u16, page: &[u8]) {
        self.end_late(request, code, page);
    }

    fn wait_for_input(&self, request: &Request, body: &Body, room: &mut dyn BufMut, blocker: &dyn Blocker) {
        if !self.pull(Wish::new(request, body, room), blocker) && !request.is_ended() {
            tracing::warn!(
                code = %Code::BODY_TIMEOUT,
                peer = self.peer_name(),
                "the web server has not sent the request body in time"
            );
            // The application is told, and may still answer.
            request.break_off();
        }
    }

    fn peer(&self) -> String {
        self.peer_name()
    }
}

/// The buffers of a gathered write; the answer to a small request has four or five.
type Slices<'a> = SmallVec<[IoSlice<'a>; 8]>;

/// Pieces of an answer up to this length are copied into one, in bytes.
const COPIED: usize = 960;

/// Lays records out for one gathered write: each header, its share of the parts, its padding.
fn gather<'a>(slices: &mut Slices<'a>, records: &'a [StreamChunk], parts: &'a [&'a [u8]]) {
    let mut rest = parts.iter();
    let mut part: &[u8] = &[];
    for record in records {
        slices.push(IoSlice::new(&record.header));
        let mut wanted = record.content.len();
        while wanted > 0 {
            if part.is_empty() {
                let Some(next) = rest.next() else { break };
                part = next;
                continue;
            }
            let (taken, left) = part.split_at(part.len().min(wanted));
            slices.push(IoSlice::new(taken));
            wanted -= taken.len();
            part = left;
        }
        if record.padding > 0 {
            slices.push(IoSlice::new(&encode::PADDING[..record.padding]));
        }
    }
}

/// A small piece of an answer, which is one record at most, with what closes it behind.
struct Joined {
    room: [u8; COPIED + 64],
    length: usize,
}

impl Joined {
    fn new(records: impl Iterator<Item = StreamChunk>, parts: &[&[u8]], closing: &[u8]) -> Self {
        let mut joined = Self { room: [0; COPIED + 64], length: 0 };
        for record in records {
            joined.push(&record.header);
            for part in parts {
                joined.push(part);
            }
            joined.push(&encode::PADDING[..record.padding]);
        }
        joined.push(closing);
        joined
    }

    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        self.room[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    fn bytes(&self) -> &[u8] {
        &self.room[..self.length]
    }
}

/// The records that close the streams and end the request, and how many bytes of the array they take.
fn closing_records(key: RequestKey, stderr_used: bool) -> ([u8; 32], usize) {
    let (mut bytes, mut at) = ([0; 32], 0);
    let mut put = |record: &[u8]| {
        bytes[at..at + record.len()].copy_from_slice(record);
        at += record.len();
    };
    put(&encode::stream_end(RecordType::STDOUT, key.id()));
    if stderr_used {
        put(&encode::stream_end(RecordType::STDERR, key.id()));
    }
    put(&encode::end_request(key.id(), EndRequest::complete(0)));
    (bytes, at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_parts_across_records() {
        let (left, right) = (vec![1u8; 65_000], vec![2u8; 1_000]);
        let parts: [&[u8]; 3] = [&left, &[], &right];
        let id = fcgi_proto::RequestId::new(1).unwrap();
        let records: Vec<_> = encode::stream_records(RecordType::STDOUT, id, 66_000).collect();
        let mut slices = Slices::new();
        gather(&mut slices, &records, &parts);
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(&bytes[..8], [1, 6, 0, 1, 0xff, 0xf8, 0, 0]);
        assert!(bytes[8..65_008].iter().all(|byte| *byte == 1));
        assert!(bytes[65_008..65_536].iter().all(|byte| *byte == 2));
        assert_eq!(&bytes[65_536..65_544], [1, 6, 0, 1, 0x01, 0xd8, 0, 0]);
        assert_eq!(bytes.len(), 66_000 + 16);
    }

    #[test]
    fn joins_a_small_piece_with_its_end() {
        let id = fcgi_proto::RequestId::new(1).unwrap();
        let records = |length| encode::stream_records(RecordType::STDOUT, id, length);
        let joined = Joined::new(records(9), &[b"Head:", b"", b"body"], b"the end");
        assert_eq!(joined.bytes(), b"\x01\x06\0\x01\0\x09\x07\0Head:body\0\0\0\0\0\0\0the end");
        assert_eq!(Joined::new(records(0), &[b""], b"the end").bytes(), b"the end");
        // The longest one, with as much padding as there can be.
        let body = [b'x'; COPIED - 7];
        let joined = Joined::new(records(body.len()), &[&body], &[0; 32]);
        assert_eq!(joined.bytes().len(), 8 + COPIED + 32);
    }

    #[test]
    fn gathers_nothing_from_nothing() {
        let mut slices = Slices::new();
        gather(&mut slices, &[], &[b""]);
        assert!(slices.is_empty());
    }
}
