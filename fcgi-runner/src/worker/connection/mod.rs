//! One connection of a web server: bytes in, requests out, answers back.
//!
//! Reading ([`Connection::pump`]) and writing (the [`Link`] of its requests) may happen in different threads. Two locks keep
//! them apart: `output` is held while records are written, for as long as the peer needs, and only ever waited for through a
//! [`Blocker`](crate::app::Blocker); `input` guards the protocol's state and is never held across a wait. Whoever needs both
//! takes `output` first.

mod ahead;
mod begun;
mod direct;
mod file;
mod input;
mod late;
mod link;
mod outbox;
mod pull;
#[cfg(test)]
mod tests;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

pub(super) use self::ahead::Carried;
pub(super) use self::input::{Input, Phase, Stage};
use super::intake::{self, Work};
use super::settings::{Feeding, Settings};
use crate::app::Link;
use crate::messages::Code;
use crate::os::poller::Token;
use crate::os::socket::{self, Shutdown};

/// A connection that a worker serves.
pub(super) struct Connection {
    this: Weak<Self>,
    fd: OwnedFd,
    token: Token,
    settings: Arc<Settings>,
    input: Mutex<Input>,
    output: Mutex<()>,
    /// An answer waits for the peer to read: input must go on being read, or both sides wait for ever.
    writer_waits: AtomicBool,
}

/// What to do with a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// Wait for more.
    Keep,
    /// Close it at once: nothing is lost.
    Close,
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

/// Whether the loop has stopped reading from a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pause {
    /// It reads.
    None,
    /// Until the application has taken what is there.
    UntilRead,
    /// Not for long: other requests may come behind, or a thread that serves a request reads for the moment.
    Briefly,
}

impl Connection {
    /// Takes charge of a socket; `kept`: it comes from another process, where it may have served requests.
    pub(super) fn new(fd: OwnedFd, token: Token, kept: bool, settings: Arc<Settings>) -> Arc<Self> {
        let input = Input::new(settings.protocol, kept);
        Arc::new_cyclic(|this| Self {
            this: this.clone(),
            fd,
            token,
            settings,
            input: Mutex::new(input),
            output: Mutex::new(()),
            writer_waits: AtomicBool::new(false),
        })
    }

    /// Reads what is there, once, unless another thread does, and gives out the requests that can be served now.
    pub(super) fn pump(&self, ready: &mut Vec<Work>) {
        let mut input = self.input();
        // A peer that has hung up is reported without end; a thread that waits notices it as well.
        if !self.is_pulled(&input) || socket::is_hung_up(self.fd.as_fd()) {
            self.read(&mut input);
        }
        ready.append(&mut input.ready);
        drop(input);
        self.flush_outbox();
    }

    /// Gives out the requests that another thread has read.
    pub(super) fn take_ready(&self, ready: &mut Vec<Work>) {
        ready.append(&mut self.input().ready);
    }

    /// Looks, while the application runs in the thread that usually reads, whether its request is still wanted: reads what
    /// has come meanwhile, as far as there is room for it, and finds out whether the peer is gone. Who has all of the answer may
    /// ask for something else before it hears the end (`HAProxy` does), and that waits for its turn in the socket.
    pub(super) fn look_after(&self) {
        let mut input = self.input();
        if !input.is_running() || input.pulled {
            return;
        }
        let mut requests = input.requests.iter().map(|active| &active.request);
        if !requests.any(|request| request.is_full() || request.is_answered()) {
            self.read(&mut input);
        } else if socket::is_hung_up(self.fd.as_fd()) {
            input.abandon();
        }
        drop(input);
        self.flush_outbox();
    }

    /// Reads once; what comes is put where it belongs.
    fn read(&self, input: &mut Input) {
        if input.dead || input.passed {
            return;
        }
        if !input.eof {
            input.begin_note(self.settings.siblings);
            let Input { buffer, room, .. } = &mut *input;
            self.settings.spare.lend(buffer);
            let received = socket::receive(self.fd.as_fd(), buffer, *room);
            if let Ok(got) = received {
                input.note(got);
            }
            let is_news = self.digest(input, received, input.room);
            self.settings.spare.take_back(&mut input.buffer);
            if !is_news {
                return;
            }
        }
        self.heed_end(input);
    }

    /// After a read: the end of the input is the end of the peer, unless it can be seen to wait for the answer.
    fn heed_end(&self, input: &mut Input) {
        if input.eof && !input.gone && (!self.is_local() || socket::is_hung_up(self.fd.as_fd())) {
            input.abandon();
        }
    }

    /// Puts where it belongs what a read has come to that had so much `room`; `false` where nothing was there to read.
    fn digest(&self, input: &mut Input, received: io::Result<usize>, room: usize) -> bool {
        match received {
            Ok(0) => {
                input.eof = true;
                input.protocol.handle_eof();
            }
            Ok(got) => input.take(got, got >= room, &|| self.peer_name()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                input.waits_since = None;
                return false;
            }
            Err(_) => {
                input.die();
                input.abandon();
            }
        }
        self.drain(input);
        if input.dead {
            // Nothing that still runs may keep it open: whoever writes or waits is told by the socket.
            socket::shut(&self.fd, Shutdown::Both);
        }
        true
    }

    /// Takes what the protocol has made of the input.
    fn drain(&self, input: &mut Input) {
        let link = || self.this.clone() as Weak<dyn Link>;
        intake::drain(input, &link, &self.settings);
        input.end_note();
        input.note_times();
    }

    /// Decides about the connection after a read or after a request.
    pub(super) fn fate(&self) -> Fate {
        let input = self.input();
        let gone = input.dead || input.eof || input.passed;
        let finished = gone || input.protocol.should_close() && input.lingers.is_none();
        if finished && !input.is_running() { Fate::Close } else { Fate::Keep }
    }

    /// Whether it could be closed without harm: no request is there, not even a part of one.
    pub(super) fn has_nothing(&self) -> bool {
        let input = self.input();
        matches!(input.phase(), Phase::Idle | Phase::Draining)
            || input.phase() == Phase::Head && input.is_silent()
    }

    /// Whether it was only just made: who connects is about to ask.
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        let input = self.input();
        let is_young = |since| now.saturating_duration_since(since) < FRESH;
        input.is_silent() && input.head_since.is_some_and(is_young)
    }

    pub(super) fn phase(&self) -> Phase {
        self.input().phase()
    }

    /// Ends what the peer has let wait for too long: a request whose body does not come is answered, everything else is
    /// closed. `true` when there is something for the loop to do.
    pub(super) fn end_waiting(&self, now: Instant) -> bool {
        let mut input = self.input();
        if !input.is_late(now, &self.settings.limits) {
            return false;
        }
        let (peer, phase) = (self.peer_name(), input.phase());
        match phase {
            Phase::Body | Phase::Running => intake::refuse_stalled(&mut input, now, &self.settings.limits),
            Phase::Head if !input.is_silent() => {
                let code = Code::HEAD_TIMEOUT;
                tracing::warn!(%code, peer, "the head of a request was not whole in time, the connection is closed");
                input.die();
            }
            _ => {
                tracing::debug!(peer, ?phase, "closing a connection that has nothing to say");
                input.die();
            }
        }
        true
    }

    /// Stops reading for now if the only request does not take what has come, or a thread reads for it.
    pub(super) fn pause_if_unwanted(&self) -> Pause {
        let Feeding::Loop(handle) = &self.settings.feeding else { return Pause::None };
        let mut input = self.input();
        let is_pulled = self.is_pulled(&input);
        let is_full = !self.writer_waits.load(Ordering::Acquire) && input.may_pause();
        if !is_pulled && !is_full || input.paused || input.eof {
            return Pause::None;
        }
        // Under the lock: otherwise the request could end, and resume, before this has paused.
        input.paused = handle.pause(&self.fd, self.token);
        input.will_resume = input.paused && (is_pulled || input.is_shared());
        match input.paused {
            true if input.will_resume => Pause::Briefly,
            true => Pause::UntilRead,
            false => Pause::None,
        }
    }

    /// Reads again after a while, although the request may not have taken what came: the rest of its body is kept in a file
    /// then. `false` when a thread still reads for it, and not only waits.
    pub(super) fn end_pause(&self) -> bool {
        let mut input = self.input();
        let is_pulled = self.is_pulled(&input);
        if is_pulled && !input.pulled {
            return false;
        }
        // One that waits resumes it itself.
        input.will_resume = false;
        input.spools |= !is_pulled && input.may_pause();
        drop(input);
        self.resume();
        true
    }

    /// Whether nothing more comes from the peer, so that there is nothing to wait for but the end of what runs.
    pub(super) fn is_over(&self) -> bool {
        self.input().is_over()
    }

    /// Whether it would be noticed at once if the peer closed the connection that it only half closed so far.
    pub(super) fn is_half_open(&self) -> bool {
        let input = self.input();
        input.eof && !input.gone && !input.dead
    }

    pub(super) fn token(&self) -> Token {
        self.token
    }

    /// Who is at the other end, for the log.
    pub(super) fn peer_name(&self) -> String {
        socket::peer_name(self.fd.as_fd())
    }

    fn is_local(&self) -> bool {
        socket::is_local(self.fd.as_fd())
    }

    pub(super) fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// How long a connection that was just made is waited for at the end of a server, before it counts as idle.
const FRESH: Duration = Duration::from_millis(500);
