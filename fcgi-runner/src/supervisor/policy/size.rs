//! How many workers there are: the spare rules, and patience with those that die.

use std::time::{Duration, Instant};

use super::{Action, Phase, Policy, Stage, WorkerId};

impl Policy {
    /// Starts workers when too few are idle; each look that finds too few may start twice as many as the last.
    pub(super) fn grow(&mut self, idle: usize, now: Instant) {
        let starting = self.current().filter(|(_, worker)| worker.stage == Stage::Starting).count();
        let missing = self.min_spare().saturating_sub(idle + starting);
        let room = self.cap().saturating_sub(self.alive());
        let count = missing.min(room);
        if count == 0 || self.is_backing_off(now) {
            self.burst = 1;
            return;
        }
        for _ in 0..count.min(self.burst) {
            self.spawn(now);
        }
        self.burst = (self.burst * 2).min(LARGEST_BURST);
    }

    /// Lets idle workers go when there are too many, the youngest first, half of them at a time.
    pub(super) fn shrink(&mut self, idle: &[WorkerId], now: Instant) {
        let above_floor = self.alive().saturating_sub(self.floor());
        let surplus = idle.len().saturating_sub(self.rules.max_spare).min(above_floor);
        for id in idle.iter().rev().take(surplus.div_ceil(2)) {
            self.retire(*id, now);
        }
    }

    /// Keeps the number of workers at the floor.
    pub(super) fn refill(&mut self, now: Instant) {
        let may = self.announced && !self.finished && !matches!(self.phase, Phase::Stopping { .. });
        if !may || self.is_backing_off(now) {
            return;
        }
        // Of a new generation, one has to show that it can serve before the others follow.
        let reloading = self.phase == Phase::Reloading;
        let proven = !reloading || self.current().any(|(_, worker)| worker.stage == Stage::Serving);
        let wanted = if proven { self.floor() } else { 1 };
        for _ in self.alive()..wanted {
            self.spawn(now);
            if self.young_deaths > 1 {
                // While workers die young, one at a time shows whether that is over.
                break;
            }
        }
    }

    /// Gives up workers that should serve by now.
    pub(super) fn give_up_late(&mut self, now: Instant) {
        let Some(limit) = self.rules.start_timeout else { return };
        let late: Vec<WorkerId> = self
            .starting()
            .filter(|(_, since)| now.saturating_duration_since(*since) >= limit)
            .map(|(id, _)| id)
            .collect();
        for id in late {
            self.actions.push_back(Action::Overdue(id));
            self.failed(id, now);
        }
    }

    /// When [`Policy::give_up_late`] has something to do at the earliest.
    pub(super) fn starts_until(&self) -> Option<Instant> {
        let limit = self.rules.start_timeout?;
        self.starting().map(|(_, since)| since + limit).min()
    }

    /// Workers that do not serve yet, and since when they are there; nobody where the server stops anyway.
    fn starting(&self) -> impl Iterator<Item = (WorkerId, Instant)> {
        let stops = self.finished || matches!(self.phase, Phase::Stopping { .. });
        self.workers
            .iter()
            .filter(move |(_, worker)| !stops && worker.stage == Stage::Starting)
            .map(|(id, worker)| (*id, worker.since))
    }

    pub(super) fn is_backing_off(&mut self, now: Instant) -> bool {
        match self.spawn_not_before {
            Some(at) if now < at => true,
            Some(_) => {
                self.spawn_not_before = None;
                false
            }
            // Wait for the one that shows whether workers can live again.
            None => {
                self.young_deaths > 1 && self.current().any(|(_, worker)| worker.stage == Stage::Starting)
            }
        }
    }

    pub(super) fn died_young(&mut self, now: Instant) {
        let last = self.died_young_at.replace(now);
        if last.is_some_and(|last| now.saturating_duration_since(last) > FORGOTTEN) {
            self.young_deaths = 0;
        }
        self.young_deaths += 1;
        if self.young_deaths > 1 {
            let delay = FIRST_DELAY.saturating_mul(1 << (self.young_deaths - 2).min(16)).min(LONGEST_DELAY);
            self.spawn_not_before = Some(now + delay);
            self.actions.push_back(Action::BackOff(delay));
        }
    }
}

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Without a young death for so long, those before say nothing any more. Longer than any delay and a youth after it.
const FORGOTTEN: Duration = Duration::from_secs(120);

/// Most workers started at one look.
const LARGEST_BURST: usize = 32;
