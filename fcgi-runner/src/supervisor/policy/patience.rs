//! Patience with workers that die young: each makes the master wait longer with the next, until one lives. And with those that
//! take long to begin: there is a limit to that.

use std::time::{Duration, Instant};

use super::{Action, Phase, Policy, Stage, WorkerId};

/// What is remembered of young deaths.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Patience {
    /// Workers that died young, one after the other.
    deaths: u32,
    died_at: Option<Instant>,
    spawn_not_before: Option<Instant>,
}

impl Policy {
    /// Until when no worker is started, if workers die too fast.
    pub(super) fn spawn_not_before(&self) -> Option<Instant> {
        self.patience.spawn_not_before
    }

    /// A reload is a new chance.
    pub(super) fn forget_deaths(&mut self) {
        self.patience = Patience::default();
    }

    /// Whether the next worker shows whether workers can live again, so that there is to be one at a time.
    pub(super) fn is_trying(&self) -> bool {
        self.patience.deaths > 1
    }

    pub(super) fn is_backing_off(&mut self, now: Instant) -> bool {
        match self.patience.spawn_not_before {
            Some(at) if now < at => true,
            Some(_) => {
                self.patience.spawn_not_before = None;
                false
            }
            None => self.is_trying() && self.current().any(|(_, worker)| worker.stage == Stage::Starting),
        }
    }

    pub(super) fn died_serving(&mut self, since: Instant, now: Instant) {
        if now.saturating_duration_since(since) < YOUNG {
            self.died_young(now);
        } else if self.patience.died_at.is_some_and(|died_at| since >= died_at) {
            self.patience.deaths = 0;
        }
    }

    pub(super) fn died_young(&mut self, now: Instant) {
        let patience = &mut self.patience;
        patience.deaths += 1;
        patience.died_at = Some(now);
        if patience.deaths > 1 {
            let delay = FIRST_DELAY.saturating_mul(1 << (patience.deaths - 2).min(16)).min(LONGEST_DELAY);
            patience.spawn_not_before = Some(now + delay);
            self.actions.push_back(Action::BackOff(delay));
        }
    }

    /// Gives up workers that should serve by now, or should have left: while one imports, it hears nothing.
    pub(super) fn give_up_late(&mut self, now: Instant) {
        let Some(limit) = self.rules.start_timeout else { return };
        let late: Vec<WorkerId> = self
            .starting()
            .filter(|(_, since)| now.saturating_duration_since(*since) >= limit)
            .map(|(id, _)| id)
            .collect();
        for id in late {
            let Some(worker) = self.workers.get_mut(&id) else { continue };
            worker.is_settled = true;
            if worker.stage == Stage::Leaving {
                self.actions.push_back(Action::Kill(id));
            } else {
                self.actions.push_back(Action::Overdue(id));
                self.failed(id, now);
            }
        }
    }

    /// When [`Policy::give_up_late`] has something to do at the earliest.
    pub(super) fn starts_until(&self) -> Option<Instant> {
        let limit = self.rules.start_timeout?;
        self.starting().map(|(_, since)| since + limit).min()
    }

    /// Workers that have not served yet, and since when they are there or were told to leave; nobody where a stop has its own
    /// limit.
    fn starting(&self) -> impl Iterator<Item = (WorkerId, Instant)> {
        let stops = self.finished || matches!(self.phase, Phase::Stopping { deadline: Some(_), .. });
        self.workers
            .iter()
            .filter(move |(_, worker)| !stops && !worker.is_settled)
            .map(|(id, worker)| (*id, worker.since))
    }

    /// Forgets young deaths as soon as a worker has grown old that began after the last of them, and in any case after a while.
    pub(super) fn forgive(&mut self, now: Instant) {
        let Some(died_at) = self.patience.died_at else { return };
        let has_grown = |since: Instant| since >= died_at && now.saturating_duration_since(since) >= YOUNG;
        let forgotten = now.saturating_duration_since(died_at) > FORGOTTEN;
        if forgotten || self.serving().any(|(_, worker)| has_grown(worker.since)) {
            self.patience.deaths = 0;
            self.patience.died_at = None;
        }
    }
}

/// A worker that dies earlier than this after it began to serve has died young.
const YOUNG: Duration = Duration::from_secs(10);

const FIRST_DELAY: Duration = Duration::from_millis(500);
const LONGEST_DELAY: Duration = Duration::from_secs(30);

/// Without a young death for so long, those before say nothing any more. Longer than any delay and a youth after it.
const FORGOTTEN: Duration = Duration::from_secs(120);
