//! What the reading side of a connection knows: the protocol's state, the requests that were begun, and since when.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use fcgi_proto::RequestKey;
use fcgi_proto::server::{self, Disposition};

use super::super::intake::Work;
use super::ahead::Ahead;
use super::outbox::Waiting;
use crate::app::{LinkGone, Request};
use crate::config::Limits;
use crate::messages::Code;

/// The reading side.
#[expect(clippy::struct_excessive_bools, reason = "facts that do not exclude each other")]
pub(crate) struct Input {
    pub(crate) protocol: server::Connection,
    pub(super) buffer: BytesMut,
    pub(crate) requests: Vec<Active>,
    /// Requests that can be served, until the loop asks for them.
    pub(crate) ready: Vec<Work>,
    /// Bytes for the peer that have to wait for the writer.
    pub(super) outbox: Vec<Bytes>,
    /// How many.
    pub(super) outbox_size: usize,
    /// What an application has made faster than it could be written.
    pub(super) ahead: Option<Box<Ahead>>,
    pub(super) room: usize,
    pub(super) eof: bool,
    pub(super) dead: bool,
    /// Nobody is at the other end any more, as far as can be known; the requests have been told.
    pub(super) gone: bool,
    /// The loop does not read for now, because the only request does not take what has come.
    pub(super) paused: bool,
    /// That lasted too long: others may wait behind, so what comes goes to a file.
    pub(super) spools: bool,
    /// The thread that serves a request waits for input by itself: nobody else may read.
    pub(super) pulled: bool,
    /// How that went so far.
    pub(super) pulls: super::pull::Pulls,
    /// The loop reads again in a moment, if it is `paused`.
    pub(super) will_resume: bool,
    /// It belongs to another process now: nothing is read from it any more, and it is closed without a word.
    pub(super) passed: bool,
    /// Since when the connection only waits for the peer to close it, and what was thrown away meanwhile.
    pub(super) lingers: Option<(Instant, usize)>,
    /// Since when nothing but the head of a request has been on its way, or nothing at all on a new connection.
    pub(super) head_since: Option<Instant>,
    /// Since when the rest of answered requests has been on its way, and nothing else.
    pub(super) draining_since: Option<Instant>,
    pub(super) last_progress: Instant,
    pub(super) served_any: bool,
    /// All that was read since a request could begin, while it is not whole; `None` when that is not known.
    pub(super) begun: Option<Vec<u8>>,
    /// Since when input has waited to be read, as far as somebody has seen it.
    pub(super) waits_since: Option<Instant>,
    /// Since when the last input has waited that was read.
    pub(crate) seen_at: Instant,
}

/// A request that was begun and not ended.
pub(crate) struct Active {
    pub(crate) request: Arc<Request>,
    pub(crate) stage: Stage,
    /// When the last piece of its body came, or its head.
    heard_at: Instant,
    /// The peer has asked for its end, and reads on until that comes.
    pub(crate) given_up: bool,
    /// The web server keeps the connection after it, and may use it for others at the same time.
    pub(super) keeps: bool,
    /// Something was sent on its STDERR, which has to be closed then.
    stderr_used: bool,
}

/// A thread's turn to write for a request.
pub(super) struct Turn {
    /// What has to leave before.
    pub(super) waiting: Waiting,
    pub(super) ended: Option<Ended>,
    pub(super) given_up: bool,
}

/// What is left to do for a request that has ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) disposition: Disposition,
    pub(super) stderr_used: bool,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Its body is on the way.
    Arriving,
    /// It was handed to the application.
    Given,
    /// It is answered with a page: what still comes of it is thrown away.
    Refused,
}

/// What a connection is busy with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Nothing: no request is there, not even a part of one.
    Idle,
    /// The head of a request is on its way, or the connection is new.
    Head,
    /// Requests are known, and their bodies on the way.
    Body,
    /// The application has at least one of its requests.
    Running,
    /// What is left of requests that were answered is on its way.
    Draining,
    /// It waits for the peer to close.
    Lingering,
    /// Another process has it.
    Passed,
}

impl Input {
    /// The state of a connection from which nothing was read; `kept`: it has served requests before, elsewhere.
    pub(super) fn new(settings: server::Settings, kept: bool) -> Self {
        let now = Instant::now();
        Self {
            protocol: server::Connection::new(settings),
            buffer: BytesMut::new(),
            requests: Vec::new(),
            ready: Vec::new(),
            outbox: Vec::new(),
            outbox_size: 0,
            ahead: None,
            room: FIRST_READ,
            eof: false,
            dead: false,
            gone: false,
            paused: false,
            spools: false,
            pulled: false,
            pulls: super::pull::Pulls::default(),
            will_resume: false,
            passed: false,
            lingers: None,
            head_since: (!kept).then_some(now),
            draining_since: None,
            last_progress: now,
            served_any: kept,
            begun: None,
            waits_since: None,
            seen_at: now,
        }
    }

    /// Puts bytes where they belong that were read into the buffer; `filled`: there was no room for more.
    pub(super) fn take(&mut self, got: usize, filled: bool, peer: &dyn Fn() -> String) {
        self.last_progress = Instant::now();
        self.seen_at = self.waits_since.unwrap_or(self.last_progress);
        if !filled {
            // Nothing waits any more.
            self.waits_since = None;
        }
        if let Some((_, thrown_away)) = &mut self.lingers {
            *thrown_away += got;
        }
        if let Err(error) = self.protocol.handle_input(&mut self.buffer) {
            let hint = error.hint().unwrap_or("");
            let code = Code::PROTOCOL_ERROR;
            tracing::warn!(%code, peer = peer(), error = %error, hint, "protocol error, the connection is closed");
            self.dead = true;
        }
        // The rest of a record that is on its way, and the head of the next one: more would only be room that stays empty.
        let lacking = (FIRST_READ + self.protocol.missing_bytes()).min(LARGE_READ);
        self.room = if filled { LARGE_READ } else { lacking };
        while let Some(piece) = self.protocol.poll_transmit() {
            // Read again elsewhere, it would be answered again.
            self.begun = None;
            self.post(piece);
        }
        if self.outbox_size > MOST_UNSENT && !self.dead {
            tracing::warn!(code = %Code::DEAF_PEER, peer = peer(), "{DEAF}");
            self.dead = true;
        }
    }

    /// Notes what the connection waits for since now, once events have been taken.
    pub(super) fn note_times(&mut self) {
        let phase = self.phase();
        let now = self.last_progress;
        self.head_since = (phase == Phase::Head).then(|| self.head_since.unwrap_or(now));
        self.draining_since = (phase == Phase::Draining).then(|| self.draining_since.unwrap_or(now));
    }

    pub(super) fn die(&mut self) {
        self.dead = true;
        self.protocol.handle_eof();
    }

    /// Tells all requests that nobody waits for them any more.
    pub(super) fn abandon(&mut self) {
        self.gone = true;
        for active in &self.requests {
            active.request.abort();
        }
    }

    /// Gives a thread its turn to write for a request, which is ended where this is its `last` piece. Who has given a request
    /// up waits for its end, which the rest of a long answer would only delay.
    ///
    /// # Errors
    /// When nothing can be sent; the request is ended then, if it was not before.
    pub(super) fn begin_write(&mut self, key: RequestKey, last: bool) -> Result<Turn, Option<Ended>> {
        let given_up = match self.requests.iter().find(|active| active.request.key() == key) {
            Some(active) if !self.dead => active.given_up,
            _ => return Err(self.retire(key).ok()),
        };
        let waiting = self.take_waiting();
        let ended = if last || given_up { Some(self.retire(key).map_err(|LinkGone| None)?) } else { None };
        Ok(Turn { waiting, ended, given_up })
    }

    /// Takes a request off the list, once it has ended.
    pub(super) fn retire(&mut self, key: RequestKey) -> Result<Ended, LinkGone> {
        let at = self.requests.iter().position(|active| active.request.key() == key).ok_or(LinkGone)?;
        let active = self.requests.swap_remove(at);
        active.request.mark_ended();
        self.end_ahead(key);
        self.served_any = true;
        self.spools &= !self.requests.is_empty();
        self.pulls = super::pull::Pulls::default();
        self.last_progress = Instant::now();
        let disposition = self.protocol.retire(key).map_err(|_| LinkGone)?;
        self.note_times();
        Ok(Ended { disposition, stderr_used: active.stderr_used })
    }

    pub(super) fn phase(&self) -> Phase {
        let is_new = !self.served_any && self.head_since.is_some();
        if self.passed {
            Phase::Passed
        } else if self.is_running() {
            Phase::Running
        } else if self.lingers.is_some() {
            Phase::Lingering
        } else if !self.requests.is_empty() {
            Phase::Body
        } else if !self.protocol.is_idle() || !self.buffer.is_empty() {
            if self.is_partway() { Phase::Draining } else { Phase::Head }
        } else if self.protocol.is_draining() {
            Phase::Draining
        } else if is_new {
            Phase::Head
        } else {
            Phase::Idle
        }
    }

    /// Whether a part of a record is there that belongs to a request that was answered, as far as one can see.
    fn is_partway(&self) -> bool {
        self.protocol.active_requests() == 0 && self.protocol.is_draining()
    }

    /// Whether the connection has waited for too long for what it waits for.
    pub(super) fn is_late(&self, now: Instant, limits: &Limits) -> bool {
        let passed = |since: Option<Instant>, limit: Duration| {
            since.is_some_and(|since| now.saturating_duration_since(since) >= limit)
        };
        let quiet = Some(self.last_progress);
        match self.phase() {
            Phase::Idle => passed(quiet, limits.idle_timeout),
            Phase::Head => passed(self.head_since, limits.header_timeout),
            Phase::Draining => passed(self.draining_since, limits.drain_timeout),
            Phase::Lingering => {
                let (since, thrown_away) = self.lingers.unzip();
                passed(quiet, LINGER)
                    || passed(since, limits.drain_timeout)
                    || thrown_away.is_some_and(|bytes| bytes > limits.max_drain)
            }
            // Each request has a time of its own, which others that run do not lengthen.
            Phase::Body | Phase::Running => self.stalled(now, limits).next().is_some(),
            Phase::Passed => false,
        }
    }

    /// The requests whose bodies have not gone on for too long.
    pub(crate) fn stalled(&self, now: Instant, limits: &Limits) -> impl Iterator<Item = &Arc<Request>> {
        let limit = limits.read_timeout;
        let is_late = move |since: Instant| now.saturating_duration_since(since) >= limit;
        // A long record that is on its way may be anybody's.
        let moves = self.protocol.is_mid_record() && !is_late(self.last_progress);
        let stalled =
            move |active: &&Active| !moves && active.stage == Stage::Arriving && is_late(active.heard_at);
        self.requests.iter().filter(stalled).map(|active| &active.request)
    }

    /// Notes that a piece of a request's body has come.
    pub(crate) fn note_body(&mut self, key: RequestKey) {
        let now = self.last_progress;
        if let Some(active) = self.requests.iter_mut().find(|active| active.request.key() == key) {
            active.heard_at = now;
        }
    }

    /// Whether a whole head has not come since the connection was opened.
    pub(super) fn is_silent(&self) -> bool {
        !self.served_any && self.protocol.is_idle() && self.buffer.is_empty()
    }

    /// Whether nothing more comes from the peer.
    pub(crate) fn is_over(&self) -> bool {
        self.dead || self.eof
    }

    /// Whether the application has one of the requests.
    pub(super) fn is_running(&self) -> bool {
        self.requests.iter().any(|active| active.stage != Stage::Arriving)
    }

    /// Whether the next byte from the peer begins something new, which any process could take up.
    pub(super) fn is_untouched(&self) -> bool {
        let nothing_here = self.requests.is_empty() && self.protocol.is_idle() && self.buffer.is_empty();
        nothing_here && self.is_quiet()
    }

    /// Whether nothing waits to be served or sent, and the connection goes on.
    pub(super) fn is_quiet(&self) -> bool {
        let nothing_left = self.ready.is_empty() && self.outbox.is_empty();
        nothing_left && !self.is_over() && self.lingers.is_none() && !self.protocol.should_close()
    }

    /// Whether the only request does not take what comes, so that reading can wait; where others may come behind it on the
    /// same connection, only until [`Input::spools`] is set.
    pub(super) fn may_pause(&self) -> bool {
        match &self.requests[..] {
            [active] if active.stage != Stage::Arriving => active.request.is_full() && !self.spools,
            _ => false,
        }
    }

    /// Whether requests may come behind the one that does not read.
    pub(super) fn is_shared(&self) -> bool {
        self.requests.iter().any(|active| active.keeps)
    }

    /// Whether the peer has asked for the end of a request.
    pub(super) fn is_given_up(&self, key: RequestKey) -> bool {
        self.requests.iter().any(|active| active.request.key() == key && active.given_up)
    }

    pub(crate) fn is_given(&self, key: RequestKey) -> bool {
        self.requests.iter().any(|active| active.request.key() == key && active.stage != Stage::Arriving)
    }

    pub(crate) fn add(&mut self, request: Arc<Request>, keeps: bool) {
        self.requests.push(Active {
            request,
            stage: Stage::Arriving,
            heard_at: self.last_progress,
            given_up: false,
            keeps,
            stderr_used: false,
        });
    }

    pub(super) fn note_stderr(&mut self, key: RequestKey) {
        if let Some(active) = self.requests.iter_mut().find(|active| active.request.key() == key) {
            active.stderr_used = true;
        }
    }
}

/// Longest silence of a web server that was told that nothing more comes.
const LINGER: Duration = Duration::from_secs(2);

/// What the log says of peers that want more answers of the protocol's own than they read.
pub(super) const DEAF: &str = "a web server that does not read asks for ever more, the connection is closed";

/// Bytes of the protocol's own answers that may wait for a peer that does not read: much more than any web server asks for
/// at once.
const MOST_UNSENT: usize = 256 * 1024;

/// Bytes asked of the kernel at first: the head of nearly every request fits.
const FIRST_READ: usize = 8 * 1024;

/// Bytes asked of the kernel while a body streams in.
const LARGE_READ: usize = 128 * 1024;
