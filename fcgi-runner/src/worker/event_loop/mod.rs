//! The loop of a worker: accepts, reads, hands requests on, and knows when to leave.
//!
//! In a worker with one application thread the loop *is* that thread: a request is served where it was read. With several,
//! it goes from hand to hand: one of them at a time leads it, and leaves behind what was read. Listeners are shared with other
//! workers; the kernel wakes one of them for a connection, and a worker takes one connection at a time. What it watches while
//! it serves is looked after by its attendant.

mod connections;
mod house;
mod orders;
mod turns;
mod unread;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

pub(super) use self::turns::Turns;
pub(super) use self::unread::Unread;
use super::attendant::Attendant;
use super::connection::Connection;
use super::gate::Gate;
use super::intake::Work;
use super::pool::Counts;
use super::queues::Queues;
use super::renewal::Renewal;
use super::service::Service;
use super::settings::Settings;
use crate::app::{Blocker, Host, PlainBlocker};
use crate::messages::Code;
use crate::os::alarm::Alarm;
use crate::os::channel::{Line, Report};
use crate::os::code;
use crate::os::handoff::{Handed, Handoff, Luggage};
use crate::os::listener::Listener;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::scoreboard::Phase;
use crate::os::signals::WorkerSignals;
use crate::os::socket::{self, Accepted};
use crate::os::wake::Wake;

/// What the loop is made of.
pub(super) struct EventLoop {
    pub(super) host: Arc<dyn Host>,
    /// Rings when the application has signal handlers to run.
    pub(super) bell: Option<UnixStream>,
    pub(super) poller: Arc<Poller>,
    pub(super) listeners: Arc<[Listener]>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) line: Option<Arc<Line>>,
    pub(super) signals: WorkerSignals,
    pub(super) handoff: Option<Arc<Handoff>>,
    pub(super) wake: Arc<Wake>,
    pub(super) service: Arc<Service>,
    pub(super) settings: Arc<Settings>,
    /// Where application threads serve what is read; without them, the thread that reads does.
    pub(super) counts: Option<Arc<Counts>>,
    pub(super) connections: Slab<Entry>,
    /// Passes connections on while this thread serves; there is none before there is something to pass on.
    pub(super) attendant: Option<Attendant>,
    /// The queues that siblings share.
    pub(super) queues: Arc<Queues>,
    /// Connections with input that wait for this thread.
    pub(super) turns: Turns,
    /// How those are dealt with where threads serve, and none is free.
    pub(super) unread: Unread,
    pub(super) state: State,
    /// Read, and not handed out.
    pub(super) work: Vec<Work>,
    pub(super) ready: ReadyList,
    /// Connections with a first request that may end both before it is worth watching them.
    pub(super) fresh: Vec<Token>,
    /// Connections from which the loop does not read until then.
    pub(super) paused: VecDeque<(Instant, Token)>,
    /// Connections that may be open at once.
    pub(super) max_connections: usize,
    pub(super) is_full: bool,
    /// The log was told of too many connections, and they have not become few since.
    pub(super) was_crowded: bool,
    pub(super) accepting: bool,
    pub(super) accept_again_at: Option<Instant>,
    pub(super) swept_at: Instant,
    /// Rings when connections are to be looked at although nothing happens.
    pub(super) alarm: Alarm,
    /// What follows a worker that is alone.
    pub(super) renewal: Option<Renewal>,
}

/// A connection and whether the poller knows it.
pub(super) struct Entry {
    connection: Arc<Connection>,
    watched: bool,
    /// It is among those that wait for their turn.
    waits: bool,
    /// The poller does not report its input meanwhile.
    is_mute: bool,
}

/// Where a connection comes from.
pub(super) enum Origin {
    /// A listen queue, where it has been seen to wait since then.
    Accepted(Option<Instant>),
    /// Another worker.
    Handed(Luggage),
}

/// How the worker's life goes.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum State {
    Serving,
    /// Finish what runs and leave; siblings stay.
    Retiring,
    /// Finish what runs and leave; the server stops.
    Stopping,
    /// Leave now.
    Quitting,
}

impl EventLoop {
    /// Serves until it is time to leave, in the thread that is the application's; begins with a connection that is there
    /// already, if one is.
    ///
    /// # Errors
    /// When the kernel refuses to watch a descriptor.
    pub(super) fn run(&mut self, first: Option<OwnedFd>, blocker: &dyn Blocker) -> io::Result<()> {
        self.begin(first, blocker)?;
        let mut work = Vec::new();
        while !self.is_over() {
            self.wait_and_handle(&mut work, blocker)?;
            self.keep_house(&mut work, blocker);
            self.let_go_of_passed();
        }
        Ok(())
    }

    /// Says on the board how far the worker is.
    pub(super) fn show_phase(&self, phase: Phase) {
        self.service.board.slot(self.service.slot).set_phase(phase);
    }

    /// Says that the worker is ready, and takes the first connection in.
    ///
    /// # Errors
    /// As for [`EventLoop::run`].
    pub(super) fn begin(&mut self, first: Option<OwnedFd>, blocker: &dyn Blocker) -> io::Result<()> {
        self.watch_all()?;
        // What came before this was the start.
        code::let_go();
        self.show_phase(Phase::Serving);
        if let Some(line) = &self.line {
            line.report(&Report::Ready);
        }
        let mut work = Vec::new();
        if let Some(fd) = first {
            self.adopt(fd, Origin::Accepted(None), &mut work, blocker);
        }
        self.work = work;
        Ok(())
    }

    /// Waits for events once and reads, for application threads: what there is to do is in `work` then. `false` when it is
    /// time to leave.
    ///
    /// # Errors
    /// As for [`EventLoop::run`].
    pub(super) fn round(&mut self) -> io::Result<bool> {
        let mut work = std::mem::take(&mut self.work);
        let result = self.read_for_others(&mut work);
        self.work = work;
        result
    }

    fn read_for_others(&mut self, work: &mut Vec<Work>) -> io::Result<bool> {
        // What has happened since the last round, perhaps while nobody led.
        self.hear_threads(work);
        self.watch_fresh();
        self.keep_house(work, &PlainBlocker);
        if !work.is_empty() {
            return Ok(true);
        }
        if self.is_over() {
            return Ok(false);
        }
        self.wait_and_handle(work, &PlainBlocker)?;
        Ok(true)
    }

    fn wait_and_handle(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<()> {
        self.mute_unread();
        let timeout = self.timeout();
        let is_watching = self.renewal.as_ref().is_some_and(Renewal::wants_looks);
        if timeout.is_none() && (!self.connections.is_empty() || is_watching) {
            self.alarm.set(SWEEP);
        }
        self.service.board.slot(self.service.slot).set_connections(self.connections.len());
        let mut ready = std::mem::take(&mut self.ready);
        let mut result = Ok(());
        blocker.block(&mut || result = self.poller.wait(&mut ready, timeout));
        if result.is_ok() {
            result = self.handle_all(&ready, work, blocker);
        }
        self.ready = ready;
        result
    }

    fn handle_all(
        &mut self,
        ready: &ReadyList,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> io::Result<()> {
        // What is shared with siblings comes first: the kernel may have told this worker alone. The attendant takes care
        // of the rest.
        for event in ready.iter().filter(|event| is_shared(event.token)) {
            self.handle(event.token, work, blocker)?;
        }
        self.take_turns(ready, work, blocker)
    }

    fn watch_all(&mut self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            self.poller.watch_shared(listener, LISTENER + index)?;
        }
        self.accepting = !self.listeners.is_empty();
        if let Some(line) = &self.line {
            self.poller.watch(&**line, LINE)?;
        }
        for fd in self.signals.fds() {
            self.poller.watch(fd, SIGNAL)?;
        }
        if let Some(handoff) = &self.handoff {
            self.poller.watch_shared(handoff.as_fd(), HANDOFF)?;
        }
        if let Some(bell) = &self.bell {
            self.poller.watch(bell, BELL)?;
        }
        self.poller.watch(&self.alarm, ALARM)?;
        self.poller.watch(self.wake.as_fd(), WAKE)
    }

    fn handle(&mut self, token: Token, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<()> {
        match token {
            LINE => self.hear_master(),
            SIGNAL => self.hear_signals(),
            BELL => self.run_handlers(),
            ALARM => self.alarm.clear(),
            WAKE => {
                self.wake.clear();
                self.hear_threads(work);
            }
            HANDOFF => {
                if self.leaves_to_siblings() {
                    self.leave_to_siblings();
                } else if self.state == State::Serving && !self.is_full {
                    match self.handoff.as_ref().map_or(Handed::Nobody, |handoff| handoff.take()) {
                        Handed::Connection(fd, luggage) => {
                            self.adopt(fd, Origin::Handed(luggage), work, blocker);
                        }
                        Handed::Exhausted(error) => self.pause_accepting(&error),
                        Handed::Nobody => self.look_for_connections(work, blocker)?,
                    }
                }
            }
            listener if listener >= LISTENER => {
                if self.leaves_to_siblings() {
                    self.leave_to_siblings();
                } else if self.accepting {
                    self.accept(listener - LISTENER, work, blocker)?;
                }
            }
            token => {
                if let Some(connection) = self.connections.get(token).map(|entry| entry.connection.clone()) {
                    self.advance(&connection, work, blocker);
                }
            }
        }
        Ok(())
    }

    /// Takes one connection; `false` when nobody waits.
    fn accept(&mut self, index: usize, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<bool> {
        let listener = &self.listeners[index];
        match socket::accept(listener.as_fd(), listener.is_tcp())? {
            Accepted::Connection(fd) => {
                let origin = Origin::Accepted(self.queues.note_accepted(index));
                if self.gate.as_ref().is_some_and(|gate| !gate.admits(fd.as_fd(), listener.is_tcp())) {
                    return Ok(true);
                }
                self.adopt(fd, origin, work, blocker);
                Ok(true)
            }
            Accepted::Nobody => Ok(false),
            Accepted::Exhausted(error) => {
                self.pause_accepting(&error);
                Ok(false)
            }
        }
    }

    /// Tries all listeners: a sibling was told of a connection that it cannot take.
    fn look_for_connections(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<()> {
        for index in 0..self.listeners.len() {
            if self.accepting && !self.leaves_to_siblings() {
                self.accept(index, work, blocker)?;
            }
        }
        Ok(())
    }

    fn pause_accepting(&mut self, error: &io::Error) {
        tracing::error!(code = %Code::ACCEPT_FAILED, %error, "cannot accept connections, trying again in a second");
        self.stop_accepting();
        self.accept_again_at = Some(Instant::now() + ACCEPT_PAUSE);
        if let Some(handoff) = &self.handoff {
            // The kernel may have told nobody else of the connection that waits.
            handoff.nudge();
        }
    }

    /// The queue of connections, if there are others now who would take them out.
    fn siblings(&self) -> Option<&Arc<Handoff>> {
        self.handoff.as_ref().filter(|_| self.line.is_some())
    }

    fn is_over(&self) -> bool {
        match self.state {
            State::Serving => self.listeners.is_empty() && self.connections.is_empty(),
            State::Retiring | State::Stopping => !self.accepting && self.connections.is_empty(),
            State::Quitting => true,
        }
    }
}

/// Whether siblings wait for the same.
fn is_shared(token: Token) -> bool {
    token == HANDOFF || token >= LISTENER
}

/// Tokens above all those of connections.
const LINE: Token = 1 << 40;
const SIGNAL: Token = LINE + 1;
const HANDOFF: Token = LINE + 2;
const WAKE: Token = LINE + 3;
const BELL: Token = LINE + 4;
const ALARM: Token = LINE + 5;
const LISTENER: Token = LINE + 16;

/// Events taken from the kernel in one wait.
pub(super) const EVENTS: usize = 64;

/// Between two looks at connections that may be quiet for too long.
const SWEEP: Duration = Duration::from_secs(1);

/// After running out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
