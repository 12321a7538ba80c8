//! One connection of a web server: bytes in, requests out, answers back.
//!
//! Reading ([`Connection::pump`]) and writing (the [`Link`] of its requests) may happen in different threads. Two locks keep
//! them apart: `output` is held while records are written, for as long as the peer needs, and only ever waited for through a
//! [`Blocker`]; `input` guards the protocol's state and is never held across a wait. Whoever needs both takes `output`
//! first.

mod link;

use std::io::{self};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use fcgi_proto::RequestKey;
use fcgi_proto::server::{self};

use super::intake::{self, Work};
use super::settings::{Feeding, Settings};
use crate::app::{Link, Request};
use crate::os::channel::Handoff;
use crate::os::poller::Token;
use crate::os::socket::{self};

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

    pub(super) fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
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

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Bytes asked of the kernel at first: the head of nearly every request fits.
const FIRST_READ: usize = 8 * 1024;

/// Bytes asked of the kernel while a body streams in.
const LARGE_READ: usize = 128 * 1024;
