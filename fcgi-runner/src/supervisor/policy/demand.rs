//! A pool on demand: workers come because connections wait, and go when nobody has asked them for anything.
//!
//! While no worker could take a connection the master watches the queue. Where none is there, one is started at once; where
//! all are busy, only if somebody still waits a moment later. As long as more wait than can be served, ever more are
//! started, step by step.

use std::time::{Duration, Instant};

use super::{Load, Policy, Pool, Reason, Stage, WorkerId};

/// What is known of those who wait.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Demand {
    /// When it is time to count them.
    step_at: Option<Instant>,
}

impl Policy {
    /// Whether the master is to watch for connections that wait.
    pub fn watches_queue(&self, load: impl Fn(WorkerId) -> Load) -> bool {
        let may_grow =
            self.rules.pool == Pool::OnDemand && self.is_serving_phase() && self.alive() < self.cap();
        may_grow
            && self.demand.step_at.is_none()
            && self.spawn_not_before().is_none()
            && self.free_threads(load) == 0
    }

    /// When those who wait are to be counted, for [`Policy::answer_demand`].
    pub fn demand_at(&self) -> Option<Instant> {
        self.demand.step_at
    }

    pub(super) fn note_waiting(&mut self, now: Instant) {
        if self.rules.pool == Pool::OnDemand && self.is_serving_phase() && self.demand.step_at.is_none() {
            let pause = if self.serving().next().is_some() { STEP } else { Duration::ZERO };
            self.burst = 1;
            self.demand.step_at = Some(now + pause);
        }
    }

    /// Starts workers for so many connections that wait, as far as those that are there could not take them.
    pub fn answer_demand(&mut self, waiting: usize, load: impl Fn(WorkerId) -> Load, now: Instant) {
        if self.demand.step_at.is_none_or(|at| now < at) {
            return;
        }
        self.demand.step_at = None;
        if !self.is_serving_phase() {
            return;
        }
        let threads = self.current().map(|(id, _)| load(id).threads as usize).max().unwrap_or(1).max(1);
        let missing = waiting.saturating_sub(self.free_threads(load)).div_ceil(threads);
        if self.start_some(missing, now) {
            self.demand.step_at = Some(now + STEP);
        }
    }

    /// How many requests could be taken, now or as soon as all serve that are being started.
    fn free_threads(&self, load: impl Fn(WorkerId) -> Load) -> usize {
        let free = |(id, worker): (WorkerId, &super::Worker)| {
            let load = load(id);
            match worker.stage {
                // Its threads may not be on the board yet.
                Stage::Starting => load.threads.max(1),
                _ => load.threads.saturating_sub(load.running),
            }
        };
        self.current().map(|worker| free(worker) as usize).sum()
    }

    /// Lets workers go that had nothing to do for long. The last one stays as long as it holds connections, since nobody would
    /// read what comes on them.
    pub(super) fn dismiss_idle(&mut self, load: impl Fn(WorkerId) -> Load, now: Instant) {
        let mut serving: Vec<WorkerId> = self.serving().map(|(id, _)| id).collect();
        for id in serving.clone() {
            let load = load(id);
            let Some(worker) = self.workers.get_mut(&id) else { continue };
            if load.running > 0 || load.served != worker.last_seen.0 {
                worker.last_seen = (load.served, now);
            }
            let rests_since = worker.last_seen.1;
            let is_last = serving.len() == 1;
            let is_over = now.saturating_duration_since(rests_since) >= self.rules.idle_timeout;
            if is_over && load.running == 0 && !(is_last && load.connections > 0) {
                serving.retain(|other| *other != id);
                self.retire(id, Reason::Idle, now);
            }
        }
    }
}

/// Between two steps of growth, and how long a connection has to wait for a busy worker before there is another one.
const STEP: Duration = Duration::from_millis(50);
