//! The loop of a worker: accepts, reads, hands requests on, and knows when to leave.
//!
//! In a worker with one application thread the loop *is* that thread: a request is served where it was read. With several,
//! the loop has a thread of its own and they are fed from a queue. Listeners are shared with other workers; the kernel wakes
//! one of them for a connection, and a worker takes one connection at a time. What it watches while it serves is looked after
//! by its attendant.

mod house;
mod orders;
mod turns;

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use slab::Slab;

pub(super) use self::turns::Turns;
use super::attendant::Attendant;
use super::connection::{Connection, Fate, Pause, Phase};
use super::intake::Work;
use super::pool::Pool;
use super::service::Service;
use super::settings::{Feeding, Settings};
use crate::app::{Blocker, Host};
use crate::os::channel::{Line, Report};
use crate::os::handoff::{Handed, Handoff, Luggage};
use crate::os::listener::Listener;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::signals::WorkerSignals;
use crate::os::socket::{self, Accepted};
use crate::os::stdio::LogFiles;
use crate::os::wake::Wake;

/// What the loop is made of.
pub(super) struct EventLoop<'w> {
    pub(super) host: Arc<dyn Host>,
    /// Rings when the application has signal handlers to run.
    pub(super) bell: Option<UnixStream>,
    pub(super) poller: Arc<Poller>,
    pub(super) listeners: &'w [Listener],
    pub(super) line: Option<Line>,
    pub(super) signals: WorkerSignals,
    pub(super) handoff: Option<Arc<Handoff>>,
    pub(super) wake: Arc<Wake>,
    pub(super) service: Arc<Service>,
    pub(super) settings: Arc<Settings>,
    pub(super) pool: Option<Pool>,
    pub(super) logs: LogFiles,
    pub(super) connections: Slab<Entry>,
    /// Passes connections on while this thread serves; there is none before there is something to pass on.
    pub(super) attendant: Option<Attendant>,
    /// Connections with input that wait for this thread.
    pub(super) turns: Turns,
    pub(super) state: State,
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
}

/// A connection and whether the poller knows it.
pub(super) struct Entry {
    connection: Arc<Connection>,
    watched: bool,
    /// It is among those that wait for their turn.
    waits: bool,
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

impl EventLoop<'_> {
    /// Serves until it is time to leave; begins with a connection that is there already, if one is.
    ///
    /// # Errors
    /// When the kernel refuses to watch a descriptor.
    pub(super) fn run(&mut self, first: Option<OwnedFd>, blocker: &dyn Blocker) -> io::Result<()> {
        self.watch_all()?;
        let mut ready = ReadyList::new(EVENTS);
        let mut work = Vec::new();
        if let Some(line) = &self.line {
            line.report(&Report::Ready);
        }
        if let Some(fd) = first {
            self.adopt(fd, None, &mut work, blocker);
        }
        while !self.is_over() {
            let timeout = if self.turns.is_empty() { self.timeout() } else { Some(Duration::ZERO) };
            let mut result = Ok(());
            blocker.block(&mut || result = self.poller.wait(&mut ready, timeout));
            result?;
            // What is shared with siblings comes first: the kernel may have told this worker alone. The attendant takes care
            // of the rest.
            for event in ready.iter().filter(|event| is_shared(event.token)) {
                self.handle(event.token, &mut work, blocker)?;
            }
            self.take_turns(&ready, &mut work, blocker)?;
            self.keep_house(&mut work, blocker);
            self.let_go_of_passed();
        }
        Ok(())
    }

    fn watch_all(&mut self) -> io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            self.poller.watch_shared(listener, LISTENER + index)?;
        }
        self.accepting = !self.listeners.is_empty();
        if let Some(line) = &self.line {
            self.poller.watch(line, LINE)?;
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
        self.poller.watch(self.wake.as_fd(), WAKE)
    }

    fn handle(&mut self, token: Token, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<()> {
        match token {
            LINE => self.hear_master(),
            SIGNAL => self.hear_signals(),
            BELL => self.run_handlers(),
            WAKE => {
                self.wake.clear();
                self.let_go_of_finished();
            }
            HANDOFF => {
                if self.state == State::Serving && !self.is_full {
                    match self.handoff.as_ref().map_or(Handed::Nobody, |handoff| handoff.take()) {
                        Handed::Connection(fd, luggage) => self.adopt(fd, Some(luggage), work, blocker),
                        Handed::Exhausted(error) => self.pause_accepting(&error),
                        Handed::Nobody => self.look_for_connections(work, blocker)?,
                    }
                }
            }
            listener if listener >= LISTENER => {
                if self.accepting {
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
                self.adopt(fd, None, work, blocker);
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
            if self.accepting {
                self.accept(index, work, blocker)?;
            }
        }
        Ok(())
    }

    fn pause_accepting(&mut self, error: &io::Error) {
        tracing::error!(%error, "cannot accept connections, trying again in a second");
        self.stop_accepting();
        self.accept_again_at = Some(Instant::now() + ACCEPT_PAUSE);
        if let Some(handoff) = &self.handoff {
            // The kernel may have told nobody else of the connection that waits.
            handoff.nudge();
        }
    }

    /// Takes a connection in, and reads from it at once: the request is usually there already. One that another worker has
    /// had comes with luggage.
    fn adopt(&mut self, fd: OwnedFd, luggage: Option<Luggage>, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        let vacant = self.connections.vacant_entry();
        let connection = Connection::new(fd, vacant.key(), luggage.is_some(), self.settings.clone());
        if let Some(luggage) = luggage {
            connection.unpack(luggage);
        }
        vacant.insert(Entry { connection: connection.clone(), watched: false, waits: false });
        self.advance(&connection, work, blocker);
    }

    /// Reads once, serves what can be served, and decides about the connection.
    fn advance(&mut self, connection: &Arc<Connection>, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        connection.pump(work);
        let index = connection.token();
        if self.pool.is_some() && !work.is_empty() {
            // The loop must know the connection before an application thread can end it.
            self.watch(index);
        }
        if self.pool.is_none() && !work.is_empty() {
            self.serve(connection, work, blocker);
        }
        if let Some(pool) = &mut self.pool {
            work.drain(..).for_each(|item| pool.submit(item));
        }
        match connection.fate() {
            Fate::Close => self.drop_connection(index),
            // An end of stream would be reported again and again; the threads tell when they are done.
            Fate::Keep if self.pool.is_some() && connection.is_half_open() => {
                let _ = self.poller.pause(connection.as_fd(), index);
            }
            Fate::Keep if self.pool.is_some() && connection.is_over() => self.unwatch(index),
            Fate::Keep => {
                self.watch(index);
                if connection.pause_if_full() == Pause::Briefly {
                    self.paused.push_back((Instant::now() + PATIENCE, index));
                }
            }
        }
    }

    /// Serves in this very thread, while the attendant looks after the rest.
    fn serve(&mut self, connection: &Arc<Connection>, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if let Some(attendant) = self.attendant() {
            attendant.begin(connection);
        }
        for item in work.drain(..) {
            self.service.perform(&item, blocker);
        }
        if let Some(attendant) = &mut self.attendant {
            attendant.end();
        }
    }

    fn watch(&mut self, index: usize) {
        let Some(entry) = self.connections.get_mut(index) else { return };
        if !entry.watched {
            entry.watched = true;
            if let Err(error) = self.poller.watch(&*entry.connection, index) {
                tracing::error!(%error, "a connection cannot be watched");
                entry.watched = false;
                self.drop_connection(index);
                return;
            }
            let connection = entry.connection.clone();
            if let Some(attendant) = self.attendant() {
                attendant.add(connection);
            }
        }
    }

    /// The attendant of a worker that cannot look after its connections while it serves.
    fn attendant(&mut self) -> Option<&mut Attendant> {
        if self.attendant.is_none() && self.pool.is_none() {
            let (poller, handoff, wake) = (self.poller.clone(), self.handoff.clone(), self.wake.clone());
            match Attendant::start(poller, handoff, wake, self.service.clone()) {
                Ok(attendant) => self.attendant = Some(attendant),
                Err(error) => {
                    tracing::error!(%error, "nobody looks after connections while a request is served");
                }
            }
        }
        self.attendant.as_mut()
    }

    /// Drops the connections that the attendant has passed on while this thread was busy.
    fn let_go_of_passed(&mut self) {
        let passed = self.attendant.as_mut().map(Attendant::rest).unwrap_or_default();
        for index in passed {
            let done =
                self.connections.get(index).is_some_and(|entry| entry.connection.phase() == Phase::Passed);
            if done {
                self.drop_connection(index);
            }
        }
    }

    fn unwatch(&mut self, index: usize) {
        if let Some(entry) = self.connections.get_mut(index)
            && std::mem::take(&mut entry.watched)
        {
            let _ = self.poller.forget(&*entry.connection);
        }
    }

    /// Closes the connections whose last request an application thread has ended.
    fn let_go_of_finished(&mut self) {
        let Feeding::Loop(handle) = &self.settings.feeding else { return };
        for index in handle.take_finished() {
            let done =
                self.connections.get(index).is_some_and(|entry| entry.connection.fate() == Fate::Close);
            if done {
                self.drop_connection(index);
            }
        }
    }

    fn drop_connection(&mut self, index: usize) {
        if let Some(entry) = self.connections.try_remove(index)
            && entry.watched
        {
            // It is not there any more if it was passed on.
            let _ = self.poller.forget(&*entry.connection);
            if let Some(attendant) = &mut self.attendant {
                attendant.remove(index);
            }
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if self.connections.is_empty() && self.accept_again_at.is_none() {
            return None;
        }
        let pause = self.paused.front().map(|(until, _)| until.saturating_duration_since(Instant::now()));
        Some(pause.map_or(SWEEP, |pause| pause.min(SWEEP)))
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
const LISTENER: Token = LINE + 16;

/// Events taken from the kernel in one wait.
const EVENTS: usize = 64;

/// Between two looks at connections that may be quiet for too long.
const SWEEP: Duration = Duration::from_secs(1);

/// How long requests that may come behind one that does not read its body have to wait at most.
const PATIENCE: Duration = Duration::from_millis(50);

/// After running out of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);
