//! How many workers there are: bounds, the spare rules, and what the operator says later.

use std::time::Instant;

use super::{Load, Phase, Policy, Pool, Reason, Stage, WorkerId};

impl Policy {
    /// More than `max_spare` would be let go again at once.
    pub(super) fn min_spare(&self) -> usize {
        match self.rules.pool {
            Pool::Dynamic => self.rules.min_spare.min(self.rules.max_spare),
            Pool::Static | Pool::OnDemand => 0,
        }
    }

    /// As many workers as there are in any case.
    pub(super) fn floor(&self) -> usize {
        match self.rules.pool {
            Pool::Static | Pool::Dynamic => self.rules.max_spare,
            Pool::OnDemand => 0,
        }
    }

    /// The most workers.
    pub fn cap(&self) -> usize {
        match self.rules.pool {
            Pool::Static => self.rules.max_spare,
            Pool::Dynamic => self.rules.max_children.max(self.rules.max_spare),
            Pool::OnDemand => self.rules.max_children,
        }
    }

    /// Whether the number of workers may be changed: not where the application was told that it is alone.
    pub fn can_scale(&self) -> bool {
        !self.alone
    }

    /// The number that [`Policy::scale`] sets.
    pub fn scale_now(&self) -> usize {
        match self.rules.pool {
            Pool::Static | Pool::Dynamic => self.rules.max_spare,
            Pool::OnDemand => self.rules.max_children,
        }
    }

    /// The largest number that it can be.
    pub fn largest_scale(&self) -> usize {
        self.rules.most.max(1)
    }

    /// Sets how many workers there are: those of a static pool, those at rest of a dynamic one, the most on demand.
    pub(super) fn scale(&mut self, count: usize) {
        if self.alone {
            return;
        }
        let count = count.clamp(1, self.largest_scale());
        match self.rules.pool {
            Pool::Static | Pool::Dynamic => self.rules.max_spare = count,
            Pool::OnDemand => self.rules.max_children = count,
        }
    }

    pub(super) fn follow_load(&mut self, load: impl Fn(WorkerId) -> Load, now: Instant) {
        let (idle, busy): (Vec<WorkerId>, Vec<WorkerId>) =
            self.serving().map(|(id, _)| id).partition(|id| load(*id).is_idle());
        match self.rules.pool {
            Pool::Static => self.dismiss_surplus(&idle, &busy, now),
            Pool::Dynamic | Pool::OnDemand => {
                self.grow(idle.len(), now);
                self.shrink(&idle, now);
            }
        }
    }

    /// Starts workers when too few are idle; each look that finds too few may start twice as many as the last.
    fn grow(&mut self, idle: usize, now: Instant) {
        let starting = self.current().filter(|(_, worker)| worker.stage == Stage::Starting).count();
        let missing = self.min_spare().saturating_sub(idle + starting);
        self.start_some(missing, now);
    }

    /// Starts workers that are missing, as many as the burst and the cap allow; `false` when that is none.
    pub(super) fn start_some(&mut self, missing: usize, now: Instant) -> bool {
        let count = missing.min(self.cap().saturating_sub(self.alive()));
        if count == 0 || self.is_backing_off(now) {
            self.burst = 1;
            return false;
        }
        for _ in 0..count.min(self.burst) {
            self.spawn(None, now);
        }
        self.burst = (self.burst * 2).min(LARGEST_BURST);
        true
    }

    /// Lets idle workers go when there are too many, the youngest first, half of them at a time.
    fn shrink(&mut self, idle: &[WorkerId], now: Instant) {
        let above_floor = self.alive().saturating_sub(self.floor());
        let surplus = idle.len().saturating_sub(self.rules.max_spare).min(above_floor);
        for id in idle.iter().rev().take(surplus.div_ceil(2)) {
            self.retire(*id, Reason::Shrunk, now);
        }
    }

    /// Lets workers of a static pool go when there are too many: those that do not serve yet, then the idle ones, of them the
    /// youngest first.
    fn dismiss_surplus(&mut self, idle: &[WorkerId], busy: &[WorkerId], now: Instant) {
        // One that is there to replace another is not one too many.
        let others: Vec<_> = self.current().filter(|(_, worker)| worker.replaces.is_none()).collect();
        let surplus = others.len().saturating_sub(self.cap());
        let starting = others.iter().filter(|(_, worker)| worker.stage == Stage::Starting);
        let starting: Vec<WorkerId> = starting.map(|(id, _)| *id).collect();
        for id in [&starting, idle, busy].into_iter().flat_map(|ids| ids.iter().rev()).take(surplus) {
            self.retire(*id, Reason::Shrunk, now);
        }
    }

    /// Keeps the number of workers at the floor.
    pub(super) fn refill(&mut self, now: Instant) {
        let may = self.announced && !self.finished && !matches!(self.phase, Phase::Stopping { .. });
        if !may || self.is_backing_off(now) {
            return;
        }
        let wanted = match self.phase {
            Phase::Reloading if self.serving().next().is_some() => self.renewed_size(),
            // Of a new generation, one has to show that it can serve before the others follow.
            Phase::Reloading => 1,
            _ => self.floor(),
        };
        for _ in self.alive()..wanted {
            self.spawn(None, now);
            if self.is_trying() {
                break;
            }
        }
    }
}

/// Most workers started at one look.
const LARGEST_BURST: usize = 32;
