//! What the master decides: how many workers, when one is started, told to leave, or killed.
//!
//! A pure state machine. Events and the time come in as arguments, actions come out; there is no clock and no system call
//! here, so whole lives of a server can be played through in a test.

mod reload;
mod size;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use crate::os::channel::Order;
use crate::os::scoreboard::Load;

/// Names a worker for the life of the master.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkerId(pub u32);

/// The numbers that the operator has set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    /// Fewer idle workers than this: start more.
    pub min_spare: usize,
    /// Workers at the start, and the most that stay idle.
    pub max_spare: usize,
    /// Never more workers than this, but for those that leave.
    pub max_children: usize,
    /// How long running requests may take at a stop.
    pub stop_timeout: Duration,
    /// How long a worker may take until it serves; `None` is for ever.
    pub start_timeout: Option<Duration>,
}

/// What has happened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Event {
    /// The worker serves.
    Ready(WorkerId),
    /// The worker could not import the application, or not start at all; it is ending.
    Failed(WorkerId),
    /// The worker takes no more requests and ends by itself.
    Leaving(WorkerId),
    /// The worker has ended; also told when it could not be forked.
    Ended(WorkerId),
    /// Stop when the running requests are done; a second time, at once.
    Stop,
    /// Stop at once.
    StopNow,
    /// Another server has taken over: leave when the running requests are done, however long that takes.
    HandOver,
    /// Replace all workers.
    Reload,
    /// One worker more, for good.
    More,
    /// One worker less, for good.
    Fewer,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Fork a worker of this name.
    Spawn(WorkerId),
    /// Tell the worker.
    Tell(WorkerId, Order),
    /// End the worker by force.
    Kill(WorkerId),
    /// End the worker by force, because it should serve by now.
    Overdue(WorkerId),
    /// The server serves from now on.
    Announce,
    /// All new workers serve, the old ones leave.
    Reloaded,
    /// The new code cannot be imported, the old goes on serving.
    ReloadFailed,
    /// The next worker is started only later, because workers die too fast.
    BackOff(Duration),
    /// All is over.
    Finish(Verdict),
}

/// How it ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// As asked.
    Stopped,
    /// The first worker never came to serve.
    NeverServed,
}

/// The state of the whole.
#[derive(Debug)]
pub struct Policy {
    rules: Rules,
    workers: BTreeMap<WorkerId, Worker>,
    next_id: u32,
    generation: u32,
    phase: Phase,
    announced: bool,
    finished: bool,
    /// Workers that died young, one after the other.
    young_deaths: u32,
    died_young_at: Option<Instant>,
    spawn_not_before: Option<Instant>,
    /// How many may be started at the next look.
    burst: usize,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug)]
struct Worker {
    stage: Stage,
    generation: u32,
    since: Instant,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Starting,
    Serving,
    Leaving,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    Serving,
    /// New workers come up beside the old ones.
    Reloading,
    Stopping {
        /// `None`: the requests have all the time they need.
        deadline: Option<Instant>,
        killed: bool,
    },
}

impl Policy {
    /// Begins with one worker, to see whether the application can be imported at all.
    pub fn new(mut rules: Rules, now: Instant) -> Self {
        rules.max_spare = rules.max_spare.max(1);
        rules.max_children = rules.max_children.max(rules.max_spare);
        let mut policy = Self {
            rules,
            workers: BTreeMap::new(),
            next_id: 0,
            generation: 0,
            phase: Phase::Serving,
            announced: false,
            finished: false,
            young_deaths: 0,
            died_young_at: None,
            spawn_not_before: None,
            burst: 1,
            actions: VecDeque::new(),
        };
        policy.spawn(now);
        policy
    }

    /// Takes an event in.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Ready(id) => self.ready(id, now),
            Event::Failed(id) => self.failed(id, now),
            Event::Leaving(id) => self.set_stage(id, Stage::Leaving, now),
            Event::Ended(id) => self.ended(id, now),
            Event::Stop if matches!(self.phase, Phase::Stopping { deadline: Some(_), .. }) => {
                self.stop(now, true);
            }
            Event::Stop => self.stop(now, false),
            Event::StopNow => self.stop(now, true),
            Event::HandOver => self.hand_over(now),
            Event::Reload => self.reload(now),
            // The application was told that it is alone, and may rely on it.
            Event::More | Event::Fewer if self.rules.max_children == 1 => {}
            Event::More => {
                self.rules.max_spare += 1;
                self.rules.max_children = self.rules.max_children.max(self.rules.max_spare);
            }
            Event::Fewer => self.rules.max_spare = self.rules.max_spare.saturating_sub(1).max(1),
        }
        self.refill(now);
    }

    /// Looks at the load of the workers and at the time: grows, shrinks, kills what is too slow to stop.
    pub fn look(&mut self, load: impl Fn(WorkerId) -> Load, now: Instant) {
        if let Phase::Stopping { deadline: Some(deadline), killed: false } = self.phase
            && now >= deadline
        {
            self.stop(now, true);
        }
        self.give_up_late(now);
        if self.announced && self.phase == Phase::Serving {
            let idle: Vec<WorkerId> = self
                .current()
                .filter(|(id, worker)| worker.stage == Stage::Serving && load(*id).is_idle())
                .map(|(id, _)| id)
                .collect();
            self.grow(idle.len(), now);
            self.shrink(&idle, now);
        }
        self.refill(now);
    }

    /// Takes the next action out; after each call of another method, until there is none.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Policy::look`] has to be called at the latest.
    pub fn wake_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Stopping { deadline, killed: false } => deadline,
            Phase::Stopping { .. } => None,
            _ => self.spawn_not_before.into_iter().chain(self.starts_until()).min(),
        }
    }

    /// Whether workers may still be missing or superfluous: then [`Policy::look`] has to be called from time to time.
    pub fn is_settled(&self, load: impl Fn(WorkerId) -> Load) -> bool {
        let serving = self.workers.values().filter(|worker| worker.stage == Stage::Serving).count();
        let all_idle = self.workers.keys().all(|id| load(*id).is_idle());
        serving == self.workers.len() && serving == self.floor() && all_idle
    }

    /// The idle workers below which the master wants to be woken; 0 when it could not start more anyway.
    pub fn wanted_idle(&self) -> usize {
        if self.alive() < self.cap() { self.min_spare() } else { 0 }
    }

    /// Which reload brings the workers that are started now; 0 is the start.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether the server has begun to serve.
    pub fn is_announced(&self) -> bool {
        self.announced
    }

    fn ready(&mut self, id: WorkerId, now: Instant) {
        self.set_stage(id, Stage::Serving, now);
        if let Phase::Stopping { deadline, .. } = self.phase {
            self.tell(id, if deadline.is_some() { Order::Stop } else { Order::Retire });
            return;
        }
        if !std::mem::replace(&mut self.announced, true) {
            self.actions.push_back(Action::Announce);
        }
        if self.phase == Phase::Reloading {
            self.roll(now);
        }
    }

    fn failed(&mut self, id: WorkerId, now: Instant) {
        let is_new = self.is_current(id);
        self.set_stage(id, Stage::Leaving, now);
        if !self.announced {
            self.finish(Verdict::NeverServed);
        } else if self.phase == Phase::Reloading && is_new {
            self.abandon_reload(now);
        } else if self.phase == Phase::Serving {
            self.died_young(now);
        }
    }

    fn ended(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self.workers.remove(&id) else { return };
        match (self.phase, worker.stage) {
            (Phase::Stopping { .. }, _) => {
                if self.workers.is_empty() {
                    self.finish(Verdict::Stopped);
                }
            }
            (_, Stage::Leaving) => {}
            (_, Stage::Starting) if !self.announced => self.finish(Verdict::NeverServed),
            (Phase::Reloading, Stage::Starting) if worker.generation == self.generation => {
                self.abandon_reload(now);
            }
            (_, Stage::Starting) => self.died_young(now),
            (_, Stage::Serving) if now.saturating_duration_since(worker.since) < YOUNG => {
                self.died_young(now);
            }
            (_, Stage::Serving) => self.young_deaths = 0,
        }
    }

    fn stop(&mut self, now: Instant, at_once: bool) {
        let first = !matches!(self.phase, Phase::Stopping { deadline: Some(_), .. });
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        self.phase = Phase::Stopping { deadline: Some(now + self.rules.stop_timeout), killed: at_once };
        self.spawn_not_before = None;
        for id in &ids {
            if at_once {
                self.actions.push_back(Action::Kill(*id));
            } else if first {
                self.tell(*id, Order::Stop);
            }
        }
        if ids.is_empty() {
            self.finish(Verdict::Stopped);
        }
    }

    fn hand_over(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        self.phase = Phase::Stopping { deadline: None, killed: false };
        self.spawn_not_before = None;
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in &ids {
            self.retire(*id, now);
        }
        if ids.is_empty() {
            self.finish(Verdict::Stopped);
        }
    }

    fn spawn(&mut self, now: Instant) {
        let id = WorkerId(self.next_id);
        self.next_id += 1;
        self.workers.insert(id, Worker { stage: Stage::Starting, generation: self.generation, since: now });
        self.actions.push_back(Action::Spawn(id));
    }

    fn retire(&mut self, id: WorkerId, now: Instant) {
        self.set_stage(id, Stage::Leaving, now);
        self.tell(id, Order::Retire);
    }

    fn tell(&mut self, id: WorkerId, order: Order) {
        self.actions.push_back(Action::Tell(id, order));
    }

    fn finish(&mut self, verdict: Verdict) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        for id in self.workers.keys() {
            self.actions.push_back(Action::Kill(*id));
        }
        self.actions.push_back(Action::Finish(verdict));
    }

    fn set_stage(&mut self, id: WorkerId, stage: Stage, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.stage != Stage::Leaving
        {
            worker.stage = stage;
            worker.since = now;
        }
    }

    /// Workers of the newest generation that are not leaving.
    fn current(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.workers
            .iter()
            .filter(|(_, worker)| worker.generation == self.generation && worker.stage != Stage::Leaving)
            .map(|(id, worker)| (*id, worker))
    }

    fn alive(&self) -> usize {
        self.current().count()
    }

    /// More than `max_spare` would be let go again at once.
    fn min_spare(&self) -> usize {
        self.rules.min_spare.min(self.rules.max_spare)
    }

    fn floor(&self) -> usize {
        self.rules.max_spare
    }

    fn cap(&self) -> usize {
        self.rules.max_children
    }
}

/// A worker that dies earlier than this after its start makes the master wait with the next.
const YOUNG: Duration = Duration::from_secs(10);

#[cfg(test)]
mod renewal_tests;
#[cfg(test)]
mod tests;
