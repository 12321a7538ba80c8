//! Whose turn it is, where several connections of a worker have input at once and one thread reads and serves.
//!
//! They are served in the order in which their input was seen. A worker that is on its way round them for longer than a moment
//! gives some to siblings that have nothing to do, and looks again whether somebody waits in the queues that are shared: who
//! has waited there for longer than the next one here comes first. Where one connection alone has input, nothing of all this
//! costs anything.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::super::connection::Passing;
use super::super::intake::Work;
use super::{EventLoop, LINE, LISTENER, State, is_shared};
use crate::app::Blocker;
use crate::os::poller::{ReadyList, Token};

/// Connections that wait for the thread.
#[derive(Debug, Default)]
pub(in crate::worker) struct Turns {
    /// Each with the time when its input was seen.
    pub(super) waiting: VecDeque<(Token, Instant)>,
    /// Requests took long in the last round that had several.
    slow: bool,
    /// How many rounds have had many, one after the other.
    crowded: u32,
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl EventLoop {
    /// Serves the connections that have input, and hears what else was said.
    pub(super) fn take_turns(
        &mut self,
        ready: &ReadyList,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> io::Result<()> {
        if self.counts.is_some() {
            return self.read_what_can_be_served(ready, work, blocker);
        }
        let (mut events, mut others) = (ready.iter(), ready.iter().skip(1));
        if let (Some(event), None) = (events.next(), others.next())
            && self.turns.is_empty()
        {
            self.turns.crowded = 0;
            return if is_shared(event.token) { Ok(()) } else { self.handle(event.token, work, blocker) };
        }
        let now = Instant::now();
        for event in ready.iter().filter(|event| !is_shared(event.token)) {
            // What does not come from visitors is heard at once.
            if event.token >= LINE {
                self.handle(event.token, work, blocker)?;
            } else if let Some(entry) = self.connections.get_mut(event.token)
                && !std::mem::replace(&mut entry.waits, true)
            {
                self.turns.waiting.push_back((event.token, now));
            }
        }
        let Some((_, since)) = self.turns.waiting.front() else { return Ok(()) };
        let is_crowd = self.turns.slow && self.accepting && ready.iter().any(|event| event.token >= LISTENER);
        if is_crowd && self.queues.has_elder(&self.listeners, *since) {
            return Ok(());
        }
        self.serve_several(now, work, blocker)
    }

    /// Serves one after the other, for a moment.
    fn serve_several(
        &mut self,
        begun: Instant,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> io::Result<()> {
        let is_crowded = self.turns.waiting.len() >= MANY;
        self.turns.crowded = if is_crowded { self.turns.crowded + 1 } else { 0 };
        if self.turns.slow {
            self.share(1, usize::MAX, false);
        } else if is_crowded && self.turns.crowded.is_multiple_of(CROWDED) {
            self.share(1, 1, false);
        }
        let mut served = 0;
        self.queues.note_turns(self.turns.waiting.len().saturating_sub(1));
        while let Some((token, since)) = self.turns.waiting.pop_front() {
            if let Some(entry) = self.connections.get_mut(token) {
                entry.waits = false;
                if self.queues.is_timed() {
                    entry.connection.note_waiting(since);
                }
            }
            self.handle(token, work, blocker)?;
            served += 1;
            if self.turns.waiting.is_empty() && !self.turns.slow {
                break;
            }
            let took = begun.elapsed();
            if took > MOMENT {
                self.turns.slow = took / served > MOMENT / 2;
                self.share(1, usize::MAX, false);
                self.queues.note_turns(self.turns.waiting.len());
                return Ok(());
            }
        }
        self.queues.note_turns(0);
        self.turns.slow = false;
        Ok(())
    }

    /// Gives those that have waited longest to siblings that are idle, but for `rest` of them, and `most` at most; where
    /// this worker is `stuck`, to whoever is idle first.
    pub(super) fn share(&mut self, rest: usize, most: usize, stuck: bool) {
        let Some(handoff) = self.siblings().filter(|_| self.state == State::Serving).cloned() else { return };
        let spare = self.turns.waiting.len().saturating_sub(rest).min(most);
        let mut idle = if stuck { spare } else { self.queues.idle_siblings(spare) };
        let mut kept = Vec::new();
        while idle > 0
            && kept.len() <= MOST_KEPT
            && let Some((token, since)) = self.turns.waiting.pop_front()
        {
            let Some(entry) = self.connections.get(token).filter(|entry| entry.waits) else { continue };
            entry.connection.note_waiting(since);
            if entry.connection.pass_on(&handoff) == Passing::Done {
                idle -= 1;
                self.drop_connection(token);
            } else {
                kept.push((token, since));
            }
        }
        for turn in kept.into_iter().rev() {
            self.turns.waiting.push_front(turn);
        }
    }

    /// Whether all application threads are busy, so that connections wait in the listen queues.
    pub(super) fn is_held_up(&self) -> bool {
        let could = !self.accepting && !self.is_full && !self.listeners.is_empty();
        self.counts.is_some() && self.state == State::Serving && could
    }

    /// Takes in who has waited for long enough to be served in turn with those that are kept. Nobody else is idle, or would
    /// have come before.
    pub(super) fn take_in_elders(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if !self.is_held_up() || self.leaves_to_siblings() {
            return;
        }
        if let Some(than) = Instant::now().checked_sub(self.queues.pause()) {
            self.accept_elders(than, work, blocker);
        }
    }

    /// Takes a connection out of each listen queue where one has been seen before a time; `false` where there was none.
    pub(super) fn accept_elders(
        &mut self,
        than: Instant,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> bool {
        if !self.queues.has_elder(&self.listeners, than) {
            return false;
        }
        let mut any = false;
        for index in 0..self.listeners.len() {
            if self.queues.waits(index, than) {
                // A listener that is broken is found out when it is its turn.
                any |= self.accept(index, work, blocker).unwrap_or(false);
            }
        }
        any
    }
}

/// How long one goes round before one looks who else waits, and who might help.
pub(super) const MOMENT: Duration = Duration::from_millis(1);

/// After so many rounds with so many, one connection goes to an idle sibling, however short the requests are.
const CROWDED: u32 = 16;
const MANY: usize = 4;

/// Looks at so many connections that cannot be passed on, no more.
const MOST_KEPT: usize = 16;
