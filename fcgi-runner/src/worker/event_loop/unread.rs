//! Input that stays in its socket because all application threads of this worker are busy, while it has siblings.
//!
//! What nobody has read can be served anywhere. So a connection that has input then waits for the end of a request here, or is
//! given to a sibling that has a thread free, whichever comes first. It is the same for what siblings give away and for new
//! connections. A worker without siblings reads all that comes: its requests wait in its own queue.

use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use super::super::intake::Work;
use super::super::pool::Counts;
use super::turns::MOMENT;
use super::{EventLoop, LINE, State, is_shared};
use crate::app::Blocker;
use crate::os::poller::{ReadyList, Token};

/// How a worker is towards its siblings while all of its threads are busy.
#[derive(Debug, Default)]
pub(in crate::worker) struct Unread {
    /// How many requests had been served when that was last seen to change.
    progress: Option<(u64, Instant)>,
    /// It does not listen to what siblings give away.
    pub(super) is_deaf: bool,
}

impl EventLoop {
    /// Reads for application threads what they are free for, and hears what else was said.
    pub(super) fn read_what_can_be_served(
        &mut self,
        ready: &ReadyList,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> std::io::Result<()> {
        for event in ready.iter().filter(|event| !is_shared(event.token)) {
            // A peer that is gone waits for nothing, and is reported without end.
            if event.token >= LINE || event.hung_up || !self.leaves_unread(event.token) {
                self.handle(event.token, work, blocker)?;
            }
        }
        Ok(())
    }

    /// Whether input of a connection has to wait because others do, or because no thread is free; it is noted then.
    fn leaves_unread(&mut self, token: Token) -> bool {
        if self.turns.is_empty() && !self.leaves_to_siblings() {
            return false;
        }
        let Some(entry) = self.connections.get_mut(token) else { return false };
        if !entry.waits && entry.connection.could_be_passed_on() {
            entry.waits = true;
            self.turns.waiting.push_back((token, Instant::now()));
        }
        entry.waits
    }

    /// Whether no thread is free here, and one may be elsewhere.
    pub(super) fn leaves_to_siblings(&self) -> bool {
        self.counts.as_deref().is_some_and(Counts::is_saturated)
            && self.state == State::Serving
            && self.siblings().is_some()
            && self.queues.has_siblings()
    }

    /// Reads from those that have waited for longest, as far as threads are free, and offers the others to siblings.
    pub(super) fn read_unread(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) {
        if self.counts.is_none() || self.turns.is_empty() {
            return;
        }
        let now = Instant::now();
        while let Some((token, since)) = self.turns.waiting.front().copied() {
            let is_old = has_waited(since, now);
            if self.leaves_to_siblings() {
                if is_old {
                    self.offer(now);
                }
                break;
            }
            // Who waits in a listen queue for longer comes first.
            if is_old && self.accepting && self.accept_elders(since, work, blocker) {
                continue;
            }
            self.turns.waiting.pop_front();
            // It may have ended meanwhile, and another one have its token.
            if let Some(entry) = self.connections.get(token).filter(|entry| entry.waits) {
                let connection = entry.connection.clone();
                if self.queues.is_timed() {
                    connection.note_waiting(since);
                }
                self.end_wait(token);
                self.advance(&connection, work, blocker);
            }
        }
        self.queues.note_turns(self.turns.waiting.len());
    }

    /// Gives those that have waited for a moment to siblings with free threads; where no request has ended here for a while,
    /// they go to whoever is free first. Requests that are short are through sooner than a connection changes hands.
    fn offer(&mut self, now: Instant) {
        let count = self.turns.waiting.iter().take_while(|(_, since)| has_waited(*since, now)).count();
        let served = self.queues.served();
        let known = self.unread.progress.filter(|(known, _)| *known == served);
        let (_, since) = *self.unread.progress.insert(known.unwrap_or((served, now)));
        let is_stuck = now.saturating_duration_since(since) >= STUCK;
        self.share(0, count, is_stuck);
    }

    /// How long to wait for events while something waits for a thread.
    pub(super) fn patience(&self) -> Duration {
        let is_old = self.turns.waiting.front().is_some_and(|(_, since)| has_waited(*since, Instant::now()));
        if is_old { LOOK } else { MOMENT }
    }

    /// Before a wait: nothing is reported that is known, and can wait.
    pub(super) fn mute_unread(&mut self) {
        if self.counts.is_none() {
            return;
        }
        for (token, _) in self.turns.waiting.iter().rev() {
            let Some(entry) = self.connections.get_mut(*token).filter(|entry| entry.waits) else { continue };
            if std::mem::replace(&mut entry.is_mute, true) {
                // Those before it are older.
                break;
            }
            let _ = self.poller.pause(&*entry.connection, *token);
        }
    }

    /// A connection does not wait for a thread any more: its input is reported again.
    fn end_wait(&mut self, token: Token) {
        if let Some(entry) = self.connections.get_mut(token) {
            entry.waits = false;
            if std::mem::take(&mut entry.is_mute) {
                let _ = self.poller.resume(&*entry.connection, token);
            }
        }
    }

    /// Nothing waits for threads any more: the worker leaves, and reads what it cannot give away.
    pub(super) fn end_all_waits(&mut self) {
        if self.counts.is_some() {
            for (token, _) in std::mem::take(&mut self.turns.waiting) {
                self.end_wait(token);
            }
            self.queues.note_turns(0);
        }
    }

    /// Leaves something to siblings of which the kernel may have told this worker alone.
    pub(super) fn leave_to_siblings(&mut self) {
        let Some(handoff) = &self.handoff else { return };
        if !std::mem::replace(&mut self.unread.is_deaf, true) {
            let _ = self.poller.forget(handoff.as_fd());
        }
        handoff.nudge();
    }
}

/// Whether that is long ago, for a request that may be short.
fn has_waited(since: Instant, now: Instant) -> bool {
    now.saturating_duration_since(since) >= MOMENT
}

/// Between two looks whether a sibling has become free.
const LOOK: Duration = Duration::from_millis(10);

/// No request has ended for so long: whoever is free first is to have what waits.
const STUCK: Duration = Duration::from_millis(20);
