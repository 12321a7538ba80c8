//! Workers that have done their part: each is replaced, and serves until its successor does, one at a time.
//!
//! The successor may be one worker more than there are to be, for as long as it takes the other one to leave. Only what is
//! urgent, a worker that takes far more memory than it may, does not wait for its turn where enough others serve.

use std::time::{Duration, Instant};

use super::{Policy, Reason, Stage, WorkerId};

/// Why a worker is to be replaced, and since when that is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    pub(super) reason: Reason,
    urgent: bool,
    since: Instant,
}

impl Policy {
    /// A worker is to be replaced.
    pub(super) fn note_due(&mut self, id: WorkerId, reason: Reason, urgent: bool, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.stage != Stage::Leaving
        {
            let due = worker.due.get_or_insert(Due { reason, urgent, since: now });
            if urgent && !due.urgent {
                *due = Due { reason, urgent, since: due.since };
            }
        }
    }

    /// From now on the life of a worker counts.
    pub(super) fn begin_life(&mut self, id: WorkerId, now: Instant) {
        let expires = self.rules.max_lifetime.map(|most| {
            let most = u64::try_from(most.as_millis()).unwrap_or(u64::MAX);
            Duration::from_millis(self.jitter.lower(most, self.rules.jitter))
        });
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.expires = expires.and_then(|time| now.checked_add(time));
            worker.last_seen.1 = now;
        }
    }

    /// Notes which workers have lived long enough.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.is_serving_phase() {
            let is_over = |worker: &super::Worker| worker.expires.is_some_and(|at| now >= at);
            let old: Vec<WorkerId> =
                self.serving().filter(|(_, worker)| is_over(worker)).map(|(id, _)| id).collect();
            for id in old {
                self.note_due(id, Reason::Lifetime, false, now);
            }
        }
    }

    /// When the next worker has lived long enough.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let running = self.is_serving_phase();
        let young = self.serving().filter(|(_, worker)| running && worker.due.is_none());
        young.filter_map(|(_, worker)| worker.expires).min()
    }

    /// Begins to replace the next worker, if it is time.
    pub(super) fn recycle(&mut self, now: Instant) {
        self.next_exchange = None;
        let Some(id) = self.next_due() else { return };
        if let Some(at) = self.busy_until().filter(|at| now < *at) {
            self.next_exchange = Some(at);
        } else if self.alive() > self.cap() && !self.is_succeeding() {
            // There are too many anyway.
            if self.can_spare_one() {
                self.retire_due(id, now);
            }
        } else if !self.is_succeeding() && !self.is_backing_off(now) {
            self.spawn(Some(id), now);
        }
        while let Some(id) = self.next_due().filter(|id| self.is_urgent(*id) && self.can_spare_one()) {
            self.retire_due(id, now);
        }
    }

    /// The worker that is to be replaced first and for which nobody has been started yet.
    fn next_due(&self) -> Option<WorkerId> {
        let running = self.is_serving_phase();
        let waiting = self.serving().filter(|(id, worker)| {
            running
                && worker.due.is_some()
                && !self
                    .workers
                    .values()
                    .any(|other| other.replaces == Some(*id) && other.stage == Stage::Starting)
        });
        let order = |(_, worker): &(WorkerId, &super::Worker)| worker.due.map(|due| (!due.urgent, due.since));
        waiting.min_by_key(order).map(|(id, _)| id)
    }

    fn is_urgent(&self, id: WorkerId) -> bool {
        self.workers.get(&id).and_then(|worker| worker.due).is_some_and(|due| due.urgent)
    }

    /// Whether enough others serve for one to leave before its successor is there.
    fn can_spare_one(&self) -> bool {
        self.serving().count() > self.min_spare().max(1)
    }

    /// Whether a worker is being started in the place of another.
    fn is_succeeding(&self) -> bool {
        self.current().any(|(_, worker)| worker.stage == Stage::Starting && worker.replaces.is_some())
    }

    /// Until when those that leave are waited for, before the next one is replaced.
    fn busy_until(&self) -> Option<Instant> {
        let leaving = self.workers.values().filter(|worker| {
            worker.stage == Stage::Leaving && worker.reason.is_some_and(Reason::is_recycling)
        });
        leaving.map(|worker| worker.since + LONGEST_GOODBYE).max()
    }

    /// A worker serves that has come for another: that one may leave.
    pub(super) fn take_over(&mut self, id: WorkerId, now: Instant) {
        let Some(old) = self.workers.get_mut(&id).and_then(|worker| worker.replaces.take()) else { return };
        let Some(rest) = self.workers.get(&old).map(|worker| worker.last_seen) else { return };
        if let Some(worker) = self.workers.get_mut(&id) {
            // On demand, a worker without requests is not to live for ever by being replaced.
            worker.last_seen = (0, rest.1);
        }
        if self.is_serving_phase() && self.is_current(old) {
            self.retire_due(old, now);
        }
    }

    fn retire_due(&mut self, id: WorkerId, now: Instant) {
        let worker = self.workers.get(&id).filter(|worker| worker.stage == Stage::Serving);
        if let Some(due) = worker.and_then(|worker| worker.due) {
            self.retire(id, due.reason, now);
        }
    }
}

/// The next worker is replaced although the last one that was still finishes its requests.
const LONGEST_GOODBYE: Duration = Duration::from_secs(60);
