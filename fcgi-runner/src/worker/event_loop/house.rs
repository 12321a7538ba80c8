//! What a loop does between its events: listening or not, leaving, ending what has waited for too long.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::connection::{Connection, Passing, Phase};
use super::super::intake::Work;
use super::super::pool::Pool;
use super::{EventLoop, LISTENER, SWEEP, State};
use crate::app::Blocker;

impl EventLoop<'_> {
    /// What has to be done after each round, whatever happened in it.
    pub(super) fn keep_house(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if self.service.is_exhausted() {
            self.enter(State::Retiring);
        }
        match self.state {
            State::Serving => self.mind_accepting(),
            State::Retiring | State::Stopping => self.wind_down(work, blocker),
            State::Quitting => {}
        }
        let now = Instant::now();
        if now.duration_since(self.swept_at) >= SWEEP {
            self.swept_at = now;
            self.sweep(now, work, blocker);
        }
    }

    /// Listens only while a connection could be served: others may be idle.
    fn mind_accepting(&mut self) {
        let paused = self.accept_again_at.is_some_and(|at| at > Instant::now());
        let wanted = !paused && !self.pool.as_ref().is_some_and(Pool::is_saturated);
        if !paused {
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
    }

    pub(super) fn stop_accepting(&mut self) {
        if std::mem::take(&mut self.accepting) {
            for listener in self.listeners {
                let _ = self.poller.forget(listener);
            }
        }
    }

    /// Leaving: connections that wait in the queue of a stopping server are still served, idle ones are handed on or closed.
    fn wind_down(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if self.state == State::Stopping {
            // What was passed on while others were told to leave as well.
            while let Some(fd) = self.handoff.as_ref().and_then(|handoff| handoff.take()) {
                self.adopt(fd, "kept".to_owned(), work, blocker);
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
            .filter(|(_, entry)| matches!(entry.connection.phase(), Phase::Idle { .. }))
            .map(|(index, _)| index)
            .collect();
        for index in idle {
            let connection = self.connections[index].connection.clone();
            let siblings = self.handoff.as_ref().filter(|_| self.state == State::Retiring);
            let stays = match siblings.map_or(Passing::Refused, |handoff| connection.pass_on(handoff)) {
                Passing::Done => false,
                // The thread that writes tells when it is done.
                Passing::Later => true,
                Passing::Refused => self.has_input(&connection, work, blocker),
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
        !matches!(connection.phase(), Phase::Idle { .. })
    }

    /// Ends what has been waited for too long.
    fn sweep(&mut self, now: Instant, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        let all: Vec<usize> = self.connections.iter().map(|(index, _)| index).collect();
        for index in all {
            let connection = self.connections[index].connection.clone();
            let settings = connection.settings();
            let limit = match connection.phase() {
                Phase::Idle { served_any: true } => settings.limits.idle_timeout,
                Phase::Idle { served_any: false } => settings.limits.header_timeout,
                Phase::Arriving => settings.limits.read_timeout,
                Phase::Lingering => LINGER,
                Phase::Running | Phase::Passed => continue,
            };
            if connection.quiet_for(now) < limit {
                continue;
            }
            tracing::debug!(peer = connection.peer_name(), phase = ?connection.phase(), "closing a quiet connection");
            connection.give_up();
            self.advance(&connection, work, blocker);
        }
    }
}

/// Longest silence of a web server that was told that nothing more comes.
const LINGER: Duration = Duration::from_secs(2);
