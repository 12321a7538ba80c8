//! The connections of a loop: taken in, read from, watched, served or left to others, and let go of.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::attendant::Attendant;
use super::super::connection::{Connection, Fate, Pause, Phase};
use super::super::intake::Work;
use super::super::settings::Feeding;
use super::{Entry, EventLoop, Origin};
use crate::app::Blocker;
use crate::messages::Code;

impl EventLoop {
    /// Takes a connection in, and reads from it at once: the request is usually there already.
    pub(super) fn adopt(&mut self, fd: OwnedFd, origin: Origin, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        let vacant = self.connections.vacant_entry();
        let is_handed = matches!(origin, Origin::Handed(_));
        let connection = Connection::new(fd, vacant.key(), is_handed, self.settings.clone());
        match origin {
            Origin::Accepted(None) => {}
            Origin::Accepted(Some(since)) => connection.note_waiting(since),
            Origin::Handed(luggage) => connection.unpack(luggage),
        }
        vacant.insert(Entry { connection: connection.clone(), watched: false, waits: false, is_mute: false });
        self.advance(&connection, work, blocker);
    }

    /// Reads once, serves what can be served, and decides about the connection.
    pub(super) fn advance(
        &mut self,
        connection: &Arc<Connection>,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) {
        let before = work.len();
        connection.pump(work);
        let (index, given) = (connection.token(), work.len() - before);
        if let Some(counts) = &self.counts {
            counts.add(given);
        } else if given > 0 {
            self.serve(connection, work, blocker);
        }
        match connection.fate() {
            Fate::Close => self.drop_connection(index),
            Fate::Keep if self.counts.is_none() => self.watch(index),
            Fate::Keep => self.keep(connection, given > 0),
        }
    }

    /// Goes on with a connection whose requests other threads serve.
    fn keep(&mut self, connection: &Arc<Connection>, given: bool) {
        let index = connection.token();
        if given {
            connection.expect_pull();
        }
        if connection.is_half_open() {
            // An end of stream would be reported again and again; the threads tell when they are done.
            self.watch(index);
            let _ = self.poller.pause(connection.as_fd(), index);
        } else if connection.is_over() {
            self.unwatch(index);
        } else if given && self.connections.get(index).is_some_and(|entry| !entry.watched) {
            self.fresh.push(index);
        } else {
            self.watch(index);
            if connection.pause_if_unwanted() == Pause::Briefly {
                self.paused.push_back((Instant::now() + PATIENCE, index));
            }
        }
    }

    /// Begins to watch connections whose first request has not been their end.
    pub(super) fn watch_fresh(&mut self) {
        for index in std::mem::take(&mut self.fresh) {
            if let Some(connection) = self.connections.get(index).map(|entry| entry.connection.clone()) {
                self.keep(&connection, false);
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
                tracing::error!(code = %Code::NOT_WATCHED, %error, "a connection cannot be watched");
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
        if self.attendant.is_none() && self.counts.is_none() {
            let (poller, handoff, wake) = (self.poller.clone(), self.siblings().cloned(), self.wake.clone());
            let (queues, service) = (self.queues.clone(), self.service.clone());
            match Attendant::start(poller, handoff, wake, queues, service) {
                Ok(attendant) => self.attendant = Some(attendant),
                Err(error) => {
                    tracing::error!(
                        code = %Code::HELPER_THREAD,
                        %error,
                        "nobody looks after connections while a request is served"
                    );
                }
            }
        }
        self.attendant.as_mut()
    }

    /// Drops the connections that the attendant has passed on while this thread was busy.
    pub(super) fn let_go_of_passed(&mut self) {
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

    /// Takes what application threads have read for others, and closes the connections whose last request they have ended.
    pub(super) fn hear_threads(&mut self, work: &mut Vec<Work>) {
        let Feeding::Loop(handle) = &self.settings.feeding else { return };
        for index in handle.take_finished() {
            let Some(entry) = self.connections.get(index) else { continue };
            let before = work.len();
            entry.connection.take_ready(work);
            if let Some(counts) = &self.counts {
                counts.add(work.len() - before);
            }
            if entry.connection.fate() == Fate::Close {
                self.drop_connection(index);
            }
        }
    }

    pub(super) fn drop_connection(&mut self, index: usize) {
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
}

/// How long requests that may come behind one that does not read its body have to wait at most.
pub(super) const PATIENCE: Duration = Duration::from_millis(50);
