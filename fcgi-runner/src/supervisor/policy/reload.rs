//! Replacing all workers: the new come up beside the old, and only then do the old leave.

use std::cmp::Reverse;
use std::time::Instant;

use super::{Action, Phase, Policy, Pool, Reason, Stage, WorkerId};

impl Policy {
    /// `at_once`: the old workers leave now, and requests wait until the new ones serve. Who develops has no use for old code.
    pub(super) fn reload(&mut self, at_once: bool, now: Instant) {
        if matches!(self.phase, Phase::Stopping { .. }) || !self.announced {
            return;
        }
        // A reload within a reload begins anew: the half-new workers are old ones then.
        self.renewal = self.alive();
        self.generation = self.next_generation();
        self.phase = Phase::Reloading;
        self.forget_deaths();
        if at_once {
            self.dismiss_old(usize::MAX, now);
        }
        self.spawn(None, now);
    }

    /// How many new workers have to serve before all old ones leave.
    pub(super) fn renewed_size(&self) -> usize {
        match self.rules.pool {
            Pool::Static | Pool::Dynamic => self.floor(),
            Pool::OnDemand => self.renewal.clamp(1, self.cap()),
        }
    }

    pub(super) fn next_generation(&self) -> u32 {
        self.workers.values().map(|worker| worker.generation).max().unwrap_or(0).max(self.generation) + 1
    }

    /// One new worker serves: one old may leave.
    pub(super) fn roll(&mut self, now: Instant) {
        self.dismiss_old(1, now);
    }

    /// Ends a reload when enough new ones serve, or fewer are wanted than were.
    pub(super) fn finish_reload(&mut self, now: Instant) {
        if self.phase == Phase::Reloading && self.serving().count() >= self.renewed_size() {
            self.dismiss_old(usize::MAX, now);
            self.phase = Phase::Serving;
            self.actions.push_back(Action::Reloaded);
        }
    }

    fn dismiss_old(&mut self, count: usize, now: Instant) {
        let is_old =
            |worker: &super::Worker| worker.generation != self.generation && worker.stage != Stage::Leaving;
        let old = self.workers.iter().filter(|(_, worker)| is_old(worker)).map(|(id, _)| *id);
        for id in old.take(count).collect::<Vec<_>>() {
            self.retire(id, Reason::Reload, now);
        }
    }

    /// The new code cannot serve: its workers go, and those that served before are the current ones again.
    pub(super) fn abandon_reload(&mut self, now: Instant) {
        let (new, mut old): (Vec<WorkerId>, Vec<WorkerId>) = self
            .workers
            .iter()
            .filter(|(_, worker)| worker.stage != Stage::Leaving)
            .map(|(id, _)| *id)
            .partition(|id| self.is_current(*id));
        self.phase = Phase::Serving;
        if old.is_empty() {
            // Nobody is left to go back to: keep trying.
            self.died_young(now);
            return;
        }
        // A reload within a reload may have left more than enough: those that serve stay, the newest of them.
        old.sort_by_key(|id| {
            (self.workers.get(id).map(|worker| worker.stage != Stage::Serving), Reverse(*id))
        });
        let surplus = old.split_off(old.len().min(self.cap()));
        for id in new.into_iter().chain(surplus) {
            self.retire(id, Reason::Reload, now);
        }
        self.generation = self.next_generation();
        for id in old {
            if let Some(worker) = self.workers.get_mut(&id) {
                worker.generation = self.generation;
            }
        }
        self.actions.push_back(Action::ReloadFailed);
    }

    pub(super) fn is_current(&self, id: WorkerId) -> bool {
        self.workers.get(&id).is_some_and(|worker| worker.generation == self.generation)
    }
}
