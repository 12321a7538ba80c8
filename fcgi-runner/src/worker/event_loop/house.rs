//! What a loop does between its events: listening or not, leaving, ending what has waited for too long.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::connection::{Connection, Passing};
use super::super::intake::Work;
use super::super::pool::Counts;
use super::super::renewal::Order;
use super::super::rescue;
use super::connections::PATIENCE;
use super::{EventLoop, HANDOFF, LISTENER, Origin, SWEEP, State};
use crate::app::Blocker;
use crate::messages::Code;
use crate::os::handoff::Handed;
use crate::os::reason::Reason;

impl EventLoop {
    /// What has to be done after each round, whatever happened in it.
    pub(super) fn keep_house(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if let Some(due) = self.service.wear.take() {
            self.tell_due(due);
        }
        if self.service.is_retired() && self.state == State::Serving {
            self.note_renewal(Reason::Timeout);
            self.enter(State::Retiring);
        }
        self.mind_renewal();
        match self.state {
            State::Serving => {
                self.mind_accepting();
                self.read_unread(work, blocker);
                self.take_in_elders(work, blocker);
            }
            State::Retiring | State::Stopping => self.wind_down(work, blocker),
            State::Quitting => {}
        }
        // Before it leaves, it is not known whether siblings stay.
        if self.state > State::Serving && self.service.held.load(Ordering::Acquire) {
            self.rescue();
        }
        let now = Instant::now();
        self.end_pauses(now);
        if now.duration_since(self.swept_at) >= SWEEP {
            self.swept_at = now;
            self.service.tell_late(false);
            self.sweep(now, work, blocker);
        }
    }

    /// Sees to the requests that were read, and with which no thread can begin any more.
    fn rescue(&mut self) {
        let siblings = self.handoff.clone().filter(|_| self.state == State::Retiring);
        let all: Vec<_> = self.connections.iter().map(|(_, entry)| entry.connection.clone()).collect();
        for connection in all {
            if rescue::see_to(&connection, siblings.as_deref(), &self.service) {
                self.drop_connection(connection.token());
            }
        }
    }

    /// A worker that is alone is followed by a new one.
    pub(super) fn note_renewal(&mut self, reason: Reason) {
        if let Some(renewal) = &mut self.renewal {
            renewal.note_due(reason, Instant::now());
        }
    }

    /// Ends a worker that is alone, when a new one is to follow it.
    fn mind_renewal(&mut self) {
        match self.renewal.as_mut().and_then(|renewal| renewal.look(Instant::now())) {
            Some(Order::Leave) => self.enter(State::Retiring),
            Some(Order::Quit) => self.enter(State::Quitting),
            None => {}
        }
    }

    /// Listens only while a connection could be served: others may be idle.
    fn mind_accepting(&mut self) {
        self.mind_fullness();
        let wanted = !self.is_full && !self.counts.as_deref().is_some_and(Counts::is_saturated);
        if !self.is_full {
            self.accept_again_at = None;
        }
        if wanted && !self.accepting && !self.listeners.is_empty() {
            self.accepting = true;
            for (index, listener) in self.listeners.iter().enumerate() {
                let _ = self.poller.watch_shared(listener, LISTENER + index);
            }
        } else if !wanted {
            self.stop_accepting();
        }
        if wanted
            && std::mem::take(&mut self.unread.is_deaf)
            && let Some(handoff) = &self.handoff
        {
            let _ = self.poller.watch_shared(handoff.as_fd(), HANDOFF);
        }
    }

    /// Takes no more connections than may be open at once; the rest waits in the queues, or finds a sibling.
    fn mind_fullness(&mut self) {
        let crowded = self.connections.len() >= self.max_connections;
        if self.connections.len() < self.max_connections / 2 {
            self.was_crowded = false;
        }
        let full = crowded || self.accept_again_at.is_some_and(|at| at > Instant::now());
        if full == self.is_full {
            return;
        }
        self.is_full = full;
        self.unread.is_deaf = false;
        // Where each that goes makes room for one that waits, this is said once.
        if crowded && !std::mem::replace(&mut self.was_crowded, true) {
            let limit = self.max_connections;
            let code = Code::CONNECTIONS_FULL;
            tracing::warn!(%code, limit, "as many connections as allowed, further ones wait (`maxconnections`)");
        }
        if let Some(handoff) = &self.handoff {
            let _ = if full {
                self.poller.forget(handoff.as_fd())
            } else {
                self.poller.watch_shared(handoff.as_fd(), HANDOFF)
            };
        }
    }

    pub(super) fn stop_accepting(&mut self) {
        if std::mem::take(&mut self.accepting) {
            for listener in self.listeners.iter() {
                let _ = self.poller.forget(listener);
            }
        }
    }

    /// Leaving: connections that wait in the queue of a stopping server are still served, idle ones are handed on or closed.
    fn wind_down(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if self.state == State::Stopping {
            // What was passed on while others were told to leave as well.
            while let Some(Handed::Connection(fd, luggage)) =
                self.handoff.as_ref().map(|handoff| handoff.take())
            {
                self.adopt(fd, Origin::Handed(luggage), work, blocker);
            }
        }
        if self.accepting && self.state == State::Stopping {
            for index in 0..self.listeners.len() {
                while matches!(self.accept(index, work, blocker), Ok(true)) {}
            }
        }
        self.stop_accepting();
        let idle: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, entry)| entry.connection.has_nothing())
            .map(|(index, _)| index)
            .collect();
        for index in idle {
            let connection = self.connections[index].connection.clone();
            let siblings = self.handoff.as_ref().filter(|_| self.state == State::Retiring);
            let stays = match siblings.map_or(Passing::Refused, |handoff| connection.pass_on(handoff)) {
                Passing::Done => false,
                // The thread that writes tells when it is done.
                Passing::Later => true,
                Passing::Refused => {
                    self.has_input(&connection, work, blocker) || connection.is_fresh(Instant::now())
                }
            };
            if !stays {
                self.drop_connection(index);
            }
        }
    }

    /// Whether a connection that looked idle has a request after all; it is served then.
    fn has_input(
        &mut self,
        connection: &Arc<Connection>,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> bool {
        self.advance(connection, work, blocker);
        !connection.has_nothing()
    }

    /// Ends what has been waited for too long.
    fn sweep(&mut self, now: Instant, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        let late: Vec<_> = self
            .connections
            .iter()
            // What waits for a thread is not late itself.
            .filter(|(_, entry)| !entry.waits && entry.connection.end_waiting(now))
            .map(|(_, entry)| entry.connection.clone())
            .collect();
        for connection in late {
            self.advance(&connection, work, blocker);
        }
    }

    /// Reads again from connections whose request has not taken what came, or has read by itself.
    fn end_pauses(&mut self, now: Instant) {
        while let Some((until, index)) = self.paused.front().copied() {
            if until > now {
                return;
            }
            self.paused.pop_front();
            let reads = self.connections.get(index).is_none_or(|entry| entry.connection.end_pause());
            if !reads {
                self.paused.push_back((now + PATIENCE, index));
            }
        }
    }

    /// How long to wait for events; for ever where the alarm is enough.
    pub(super) fn timeout(&self) -> Option<Duration> {
        if !self.turns.is_empty() {
            // With threads, siblings may become free.
            return Some(if self.counts.is_some() { self.patience() } else { Duration::ZERO });
        }
        let is_late = self.service.has_untold();
        if self.connections.is_empty() && self.accept_again_at.is_none() && !is_late {
            return None;
        }
        if self.is_held_up() {
            return Some(self.queues.pause());
        }
        if let Some((until, _)) = self.paused.front() {
            return Some(until.saturating_duration_since(Instant::now()).min(SWEEP));
        }
        let is_usual = self.state == State::Serving && self.accept_again_at.is_none() && !is_late;
        (!is_usual).then_some(SWEEP)
    }
}
