//! One connection of a web server: bytes in, requests out, answers back.
//!
//! Reading ([`Connection::pump`]) and writing (the [`Link`] of its requests) may happen in different threads. Two locks keep
//! them apart: `output` is held while records are written, for as long as the peer needs, and only ever waited for through a
//! [`Blocker`]; `input` guards the protocol's state and is never held across a wait. Whoever needs both takes `output`
//! first.

use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError, Weak};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use fcgi_proto::encode::{self, StreamChunk};
use fcgi_proto::server::{self, Disposition};
use fcgi_proto::{EndRequest, RecordType, RequestKey};

use super::intake::{self, Work};
use super::settings::{Feeding, Settings};
use crate::app::{Blocker, Link, LinkGone, Request};
use crate::os::channel::Handoff;
use crate::os::poller::Token;
use crate::os::socket::{self, Shutdown};

/// A connection that a worker serves.
pub(super) struct Connection {
    this: Weak<Self>,
    fd: OwnedFd,
    token: Token,
    peer: String,
    settings: Arc<Settings>,
    input: Mutex<Input>,
    output: Mutex<()>,
    /// An answer waits for the peer to read: input must go on being read, or both sides wait for ever.
    writer_waits: AtomicBool,
}

/// What the reading side knows.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub(super) struct Input {
    pub(super) protocol: server::Connection,
    buffer: BytesMut,
    pub(super) requests: Vec<Active>,
    /// Requests that can be served, until the loop asks for them.
    pub(super) ready: Vec<Work>,
    /// Bytes for the peer that have to wait for the writer.
    outbox: Vec<Bytes>,
    room: usize,
    eof: bool,
    dead: bool,
    paused: bool,
    /// It belongs to another process now: nothing is read from it any more, and it is closed without a word.
    passed: bool,
    /// Since when the connection only waits for the peer to close it.
    lingers: Option<Instant>,
    last_progress: Instant,
    served_any: bool,
}

/// A request that was begun and not ended.
pub(super) struct Active {
    pub(super) request: Arc<Request>,
    /// It was handed to the application, or is being refused.
    pub(super) given: bool,
    /// It is refused: what still comes of it is thrown away.
    pub(super) refused: bool,
    /// Something was sent on its STDERR, which has to be closed then.
    stderr_used: bool,
}

/// What to do with a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Wait for more.
    Keep,
    /// Close it at once: nothing is lost.
    Close,
}

/// What a connection is busy with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Phase {
    /// Nothing: no request is there, not even a part of one.
    Idle { served_any: bool },
    /// A request is on its way from the peer.
    Arriving,
    /// The application has at least one of its requests.
    Running,
    /// It waits for the peer to close.
    Lingering,
    /// Another process has it.
    Passed,
}

/// What came of the wish to pass a connection on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Passing {
    /// A sibling has it, or will.
    Done,
    /// The end of an answer is on its way, although the request counts as ended.
    Later,
    /// Something is going on, or the siblings take no more.
    Refused,
}

impl Connection {
    pub(super) fn new(fd: OwnedFd, token: Token, peer: String, settings: Arc<Settings>) -> Arc<Self> {
        let protocol = server::Connection::new(settings.protocol);
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            fd,
            token,
            peer,
            settings,
            input: Mutex::new(Input {
                protocol,
                buffer: BytesMut::new(),
                requests: Vec::new(),
                ready: Vec::new(),
                outbox: Vec::new(),
                room: FIRST_READ,
                eof: false,
                dead: false,
                paused: false,
                passed: false,
                lingers: None,
                last_progress: Instant::now(),
                served_any: false,
            }),
            output: Mutex::new(()),
            writer_waits: AtomicBool::new(false),
        })
    }

    /// Reads what is there, once, and gives out the requests that can be served now.
    pub(super) fn pump(&self, ready: &mut Vec<Work>) {
        self.read();
        ready.append(&mut self.input().ready);
        self.flush_outbox();
    }

    /// Reads once; what comes is put where it belongs.
    fn read(&self) {
        let mut input = self.input();
        if input.dead || input.eof || input.passed {
            return;
        }
        let Input { buffer, room, .. } = &mut *input;
        match socket::receive(self.fd.as_fd(), buffer, *room) {
            Ok(0) => {
                input.eof = true;
                input.protocol.handle_eof();
            }
            Ok(got) => input.take(got, &self.peer),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Err(_) => input.die(),
        }
        let link = || self.this.clone() as Weak<dyn Link>;
        intake::drain(&mut input, &link, &self.settings);
    }

    /// Decides about the connection after a read or after a request.
    pub(super) fn fate(&self) -> Fate {
        let input = self.input();
        let gone = input.dead || input.eof || input.passed;
        let finished = gone || input.protocol.should_close() && input.lingers.is_none();
        if finished && !input.requests.iter().any(|active| active.given) { Fate::Close } else { Fate::Keep }
    }

    pub(super) fn phase(&self) -> Phase {
        let input = self.input();
        if input.passed {
            Phase::Passed
        } else if input.requests.iter().any(|active| active.given) {
            Phase::Running
        } else if input.lingers.is_some() {
            Phase::Lingering
        } else if !input.requests.is_empty() || !input.protocol.is_idle() || !input.buffer.is_empty() {
            Phase::Arriving
        } else {
            Phase::Idle { served_any: input.served_any }
        }
    }

    /// Gives the connection to a sibling if nothing is going on, so that nothing can be lost; any thread may do it.
    ///
    /// Only a connection that was passed on has to be closed here; otherwise it is as it was.
    pub(super) fn pass_on(&self, handoff: &Handoff) -> Passing {
        let Ok(_writing) = self.output.try_lock() else { return Passing::Later };
        let mut input = self.input();
        input.passed = input.passed || input.is_untouched() && handoff.give(self.as_fd());
        if input.passed { Passing::Done } else { Passing::Refused }
    }

    /// How long nothing has come from the peer, and nothing gone to it.
    pub(super) fn quiet_for(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.input().last_progress)
    }

    /// Gives up waiting for the peer: the requests that still arrive are broken off.
    pub(super) fn give_up(&self) {
        let mut input = self.input();
        input.die();
        for active in &input.requests {
            active.request.abort();
        }
    }

    /// Stops reading for now if the only request does not take what has come.
    pub(super) fn pause_if_full(&self) {
        let Feeding::Loop(handle) = &self.settings.feeding else { return };
        let mut input = self.input();
        let full = match &input.requests[..] {
            [active] if active.given => active.request.body().is_full(),
            _ => false,
        };
        if full && !input.paused && !input.eof && !self.writer_waits.load(Ordering::Acquire) {
            // Under the lock: otherwise the request could end, and resume, before this has paused.
            input.paused = handle.pause(&self.fd, self.token);
        }
    }

    /// Whether nothing more comes from the peer, so that there is nothing to wait for but the end of what runs.
    pub(super) fn is_over(&self) -> bool {
        self.input().is_over()
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    pub(super) fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(super) fn peer_name(&self) -> &str {
        &self.peer
    }

    /// Takes a request off the list, once it has ended.
    fn retire(&self, key: RequestKey) -> Result<(Disposition, bool), LinkGone> {
        let mut input = self.input();
        let at = input.requests.iter().position(|active| active.request.key() == key).ok_or(LinkGone)?;
        let active = input.requests.swap_remove(at);
        active.request.mark_ended();
        input.served_any = true;
        input.last_progress = Instant::now();
        let disposition = input.protocol.retire(key).map_err(|_| LinkGone)?;
        Ok((disposition, active.stderr_used))
    }

    /// Puts a disposition into practice, after the last byte of a request has left.
    fn settle(&self, disposition: Disposition) {
        let over = self.input().is_over();
        if disposition == (Disposition::Drain { close: true }) && !over {
            self.input().lingers = Some(Instant::now());
            socket::shut(&self.fd, Shutdown::Write);
        } else if let Feeding::Loop(handle) = &self.settings.feeding
            && (over || disposition.closes())
        {
            handle.finish(self.token);
            return;
        }
        // What the application has left of the body still has to be read.
        self.resume();
    }

    /// Writes records, all of them, with `output` held by the caller.
    fn write_all(&self, parts: &mut [IoSlice<'_>], blocker: &dyn Blocker) -> Result<(), LinkGone> {
        let mut rest = parts;
        while !rest.is_empty() {
            match socket::send(self.fd.as_fd(), rest) {
                Ok(sent) => IoSlice::advance_slices(&mut rest, sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_write(blocker)?,
                Err(_) => return Err(self.gone()),
            }
        }
        Ok(())
    }

    /// Waits until the peer takes more. Where nobody else does it, what the peer sends meanwhile is read.
    fn wait_to_write(&self, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.writer_waits.store(true, Ordering::Release);
        let pulls = self.settings.feeding.is_pull();
        if !pulls {
            self.resume();
        }
        let result = loop {
            let (read, mut found) = (pulls && !self.input().eof, Ok(socket::Readiness::default()));
            blocker.block(&mut || {
                found = socket::wait(self.fd.as_fd(), read, true, self.settings.write_timeout);
            });
            match found {
                Ok(found) if found.timed_out() => {
                    tracing::warn!(peer = %self.peer, "the web server has not read the answer in time");
                    break Err(self.gone());
                }
                Ok(found) if found.writable || found.hung_up => break Ok(()),
                Ok(_) => self.read(),
                Err(_) => break Err(self.gone()),
            }
        };
        self.writer_waits.store(false, Ordering::Release);
        result
    }

    fn resume(&self) {
        let Feeding::Loop(handle) = &self.settings.feeding else { return };
        let mut input = self.input();
        if std::mem::take(&mut input.paused) {
            handle.resume(&self.fd, self.token);
        }
    }

    fn can_write(&self, key: RequestKey) -> bool {
        let input = self.input();
        !input.dead && input.requests.iter().any(|active| active.request.key() == key)
    }

    fn gone(&self) -> LinkGone {
        self.input().die();
        socket::shut(&self.fd, Shutdown::Both);
        LinkGone
    }

    pub(super) fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn output(&self, blocker: &dyn Blocker) -> MutexGuard<'_, ()> {
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

    /// Sends what the protocol itself has to say, unless somebody is writing: that one sends it then.
    fn flush_outbox(&self) {
        loop {
            if self.input().outbox.is_empty() {
                return;
            }
            let Ok(_writing) = self.output.try_lock() else { return };
            let pieces = std::mem::take(&mut self.input().outbox);
            let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut rest = &mut slices[..];
            while !rest.is_empty() {
                let Ok(sent) = socket::send(self.fd.as_fd(), rest) else {
                    // These few bytes fit into an empty socket buffer; a peer that reads nothing gets no more.
                    self.gone();
                    return;
                };
                IoSlice::advance_slices(&mut rest, sent);
            }
        }
    }
}

impl Input {
    fn take(&mut self, got: usize, peer: &str) {
        self.last_progress = Instant::now();
        self.room = if got >= self.room { LARGE_READ } else { FIRST_READ };
        if let Err(error) = self.protocol.handle_input(&mut self.buffer) {
            let hint = error.hint().unwrap_or("");
            tracing::warn!(peer, error = %error, hint, "protocol error, the connection is closed");
            self.dead = true;
        }
        while let Some(piece) = self.protocol.poll_transmit() {
            self.outbox.push(piece);
        }
        if self.buffer.is_empty() && self.buffer.capacity() < FIRST_READ {
            self.buffer = BytesMut::new();
        }
    }

    fn die(&mut self) {
        self.dead = true;
        self.protocol.handle_eof();
    }

    /// Whether nothing more comes from the peer.
    pub(super) fn is_over(&self) -> bool {
        self.dead || self.eof
    }

    /// Whether the next byte from the peer begins something new, which any process could take up.
    fn is_untouched(&self) -> bool {
        let nothing_here = self.requests.is_empty() && self.protocol.is_idle() && self.buffer.is_empty();
        let nothing_left = self.ready.is_empty() && self.outbox.is_empty();
        let stays = !self.is_over() && self.lingers.is_none() && !self.protocol.should_close();
        nothing_here && nothing_left && stays
    }

    pub(super) fn is_given(&self, key: RequestKey) -> bool {
        self.requests.iter().any(|active| active.request.key() == key && active.given)
    }

    pub(super) fn add(&mut self, request: Arc<Request>) {
        self.requests.push(Active { request, given: false, refused: false, stderr_used: false });
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
        let writing = self.output(blocker);
        if !self.can_write(key) {
            if let Ok((disposition, _)) = self.retire(key) {
                self.settle(disposition);
            }
            return Err(LinkGone);
        }
        let ended = if last { Some(self.retire(key)?) } else { None };
        let total = parts.iter().map(|part| part.len()).sum();
        let records: Vec<_> = encode::stream_records(RecordType::STDOUT, key.id(), total).collect();
        let mut slices = gather(&records, parts);
        let closing = ended.map(|(_, stderr_used)| closing_records(key, stderr_used));
        slices.extend(closing.iter().map(|(bytes, length)| IoSlice::new(&bytes[..*length])));
        let result = self.write_all(&mut slices, blocker);
        drop(writing);
        self.flush_outbox();
        if let Some((disposition, _)) = ended {
            self.settle(disposition);
        }
        result
    }

    fn stderr(&self, key: RequestKey, text: &[u8], blocker: &dyn Blocker) {
        let _writing = self.output(blocker);
        if !self.can_write(key) {
            return;
        }
        if let Some(active) = self.input().requests.iter_mut().find(|active| active.request.key() == key) {
            active.stderr_used = true;
        }
        let records: Vec<_> = encode::stream_records(RecordType::STDERR, key.id(), text.len()).collect();
        let _ = self.write_all(&mut gather(&records, &[text]), blocker);
    }

    fn cut(&self, key: RequestKey, blocker: &dyn Blocker) {
        let _writing = self.output(blocker);
        let Ok((disposition, _)) = self.retire(key) else { return };
        let alone = self.input().requests.is_empty();
        if alone {
            self.gone();
        } else {
            // Others use the connection: all that is left to say is a status that is not success.
            let end = encode::end_request(key.id(), EndRequest::complete(1));
            let _ = self.write_all(&mut [IoSlice::new(&end)], blocker);
        }
        self.settle(disposition);
    }

    fn wait_for_input(&self, request: &Request, blocker: &dyn Blocker) {
        if !self.settings.feeding.is_pull() {
            self.resume();
            blocker.block(&mut || request.body().wait());
            return;
        }
        let ended = {
            let input = self.input();
            input.eof || input.dead
        };
        if ended {
            request.abort();
            return;
        }
        let mut found = Ok(socket::Readiness::default());
        blocker.block(&mut || found = socket::wait(self.fd.as_fd(), true, false, self.settings.read_timeout));
        if request.is_ended() {
            // What arrives now belongs to the next request, and the loop reads it.
            return;
        }
        if found.is_ok_and(|found| !found.timed_out()) {
            self.read();
        } else {
            tracing::warn!(peer = %self.peer, "the web server has not sent the request body in time");
            self.input().die();
            request.abort();
        }
    }

    fn peer(&self) -> String {
        self.peer.clone()
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Lays records out for one gathered write: each header, its share of the parts, its padding.
fn gather<'a>(records: &'a [StreamChunk], parts: &'a [&'a [u8]]) -> Vec<IoSlice<'a>> {
    let mut slices = Vec::with_capacity(records.len() * 3 + parts.len() + 1);
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
    slices
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

/// Bytes asked of the kernel at first: the head of nearly every request fits.
const FIRST_READ: usize = 8 * 1024;

/// Bytes asked of the kernel while a body streams in.
const LARGE_READ: usize = 128 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gathers_parts_across_records() {
        let (left, right) = (vec![1u8; 65_000], vec![2u8; 1_000]);
        let parts: [&[u8]; 3] = [&left, &[], &right];
        let id = fcgi_proto::RequestId::new(1).unwrap();
        let records: Vec<_> = encode::stream_records(RecordType::STDOUT, id, 66_000).collect();
        let slices = gather(&records, &parts);
        let bytes: Vec<u8> = slices.iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(&bytes[..8], [1, 6, 0, 1, 0xff, 0xf8, 0, 0]);
        assert!(bytes[8..65_008].iter().all(|byte| *byte == 1));
        assert!(bytes[65_008..65_536].iter().all(|byte| *byte == 2));
        assert_eq!(&bytes[65_536..65_544], [1, 6, 0, 1, 0x01, 0xd8, 0, 0]);
        assert_eq!(bytes.len(), 66_000 + 16);
    }

    #[test]
    fn gathers_nothing_from_nothing() {
        assert!(gather(&[], &[b""]).is_empty());
    }
}
