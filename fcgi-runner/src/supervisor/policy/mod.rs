//! What the master decides: how many workers, when one is started, told to leave, or killed.
//!
//! A pure state machine. Events and the time come in as arguments, actions come out; there is no clock and no system call
//! here, so whole lives of a server can be played through in a test.

mod demand;
mod life;
mod patience;
mod recycle;
mod reload;
mod size;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use self::demand::Demand;
use self::patience::Patience;
use self::recycle::Due;
use crate::os::channel::Order;
use crate::os::jitter::Jitter;
pub use crate::os::reason::Reason;
use crate::os::scoreboard::Load;

/// Names a worker for the life of the master.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct WorkerId(pub u32);

/// The numbers that the operator has set.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rules {
    pub pool: Pool,
    /// Fewer idle workers than this: start more.
    pub min_spare: usize,
    /// Workers at the start, and the most that stay idle; in a static pool, their number.
    pub max_spare: usize,
    /// Never more workers than this, but for those that leave, and one that comes for one that is about to.
    pub max_children: usize,
    /// The most that the two above may be set to later.
    pub most: usize,
    /// A worker on demand that has had no request for so long leaves.
    pub idle_timeout: Duration,
    /// A worker that has served for so long is replaced.
    pub max_lifetime: Option<Duration>,
    /// That time is made shorter by a random part of up to so many percent.
    pub jitter: u8,
    /// How long running requests may take at a stop.
    pub stop_timeout: Duration,
    /// How long a worker may take until it serves; `None` is for ever.
    pub start_timeout: Option<Duration>,
}

/// What decides about the number of workers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pool {
    /// It is always the same.
    Static,
    /// How many are idle.
    Dynamic,
    /// Connections that wait; there is no worker without.
    OnDemand,
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
    /// The worker is to be replaced; `urgent`: as soon as others can do without it.
    Due { id: WorkerId, reason: Reason, urgent: bool },
    /// A connection waits, told while [`Policy::watches_queue`].
    Waiting,
    /// Stop when the running requests are done; a second time, at once.
    Stop,
    /// Stop at once.
    StopNow,
    /// Another server has taken over: leave when the running requests are done, however long that takes.
    HandOver,
    /// Replace all workers.
    Reload,
    /// Replace all workers, the old ones at once.
    Restart,
    /// So many workers, for good; on demand, at most so many.
    Scale(usize),
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
    /// The application was told that no other process serves it, and may rely on that.
    alone: bool,
    workers: BTreeMap<WorkerId, Worker>,
    next_id: u32,
    generation: u32,
    /// How many new workers there are to be before a reload is done, in a pool on demand.
    renewal: usize,
    phase: Phase,
    announced: bool,
    finished: bool,
    patience: Patience,
    demand: Demand,
    /// How many may be started at the next look.
    burst: usize,
    /// When the next worker may be replaced, if one takes long to leave.
    next_exchange: Option<Instant>,
    jitter: Jitter,
    actions: VecDeque<Action>,
}

#[derive(Clone, Copy, Debug)]
struct Worker {
    stage: Stage,
    generation: u32,
    /// Of the stage.
    since: Instant,
    /// Why it leaves.
    reason: Option<Reason>,
    /// Why it is to be replaced.
    due: Option<Due>,
    /// Whom it is to replace when it serves.
    replaces: Option<WorkerId>,
    /// When it has served long enough.
    expires: Option<Instant>,
    /// It has served, or was given up: how long it takes to start is no question any more.
    is_settled: bool,
    /// How many requests it had served when it was last seen to have something to do, and when that was.
    last_seen: (u64, Instant),
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
    /// Begins with one worker, to see whether the application can be imported at all. The seed makes servers differ in when
    /// they replace workers.
    pub fn new(mut rules: Rules, seed: u64, now: Instant) -> Self {
        rules.max_spare = rules.max_spare.max(1);
        rules.max_children = rules.max_children.max(1);
        let mut policy = Self {
            rules,
            alone: false,
            workers: BTreeMap::new(),
            next_id: 0,
            generation: 0,
            renewal: 1,
            phase: Phase::Serving,
            announced: false,
            finished: false,
            patience: Patience::default(),
            demand: Demand::default(),
            burst: 1,
            next_exchange: None,
            jitter: Jitter::from_seed(seed),
            actions: VecDeque::new(),
        };
        policy.alone = policy.cap() == 1;
        policy.spawn(None, now);
        policy
    }

    /// Takes an event in.
    pub fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Ready(id) => self.ready(id, now),
            Event::Failed(id) => self.failed(id, now),
            Event::Leaving(id) => self.leaving(id, now),
            Event::Ended(id) => self.ended(id, now),
            Event::Due { id, reason, urgent } => self.note_due(id, reason, urgent, now),
            Event::Waiting => self.note_waiting(now),
            Event::Stop if matches!(self.phase, Phase::Stopping { deadline: Some(_), .. }) => {
                self.stop(now, true);
            }
            Event::Stop => self.stop(now, false),
            Event::StopNow => self.stop(now, true),
            Event::HandOver => self.hand_over(now),
            Event::Reload => self.reload(false, now),
            Event::Restart => self.reload(true, now),
            Event::Scale(count) => self.scale(count),
        }
        self.settle(now);
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
            match self.rules.pool {
                Pool::OnDemand => self.dismiss_idle(&load, now),
                Pool::Static | Pool::Dynamic => self.follow_load(&load, now),
            }
        }
        self.settle(now);
    }

    /// What follows from the time and from what has happened alone.
    fn settle(&mut self, now: Instant) {
        self.forgive(now);
        self.finish_reload(now);
        self.expire(now);
        self.recycle(now);
        self.refill(now);
    }

    /// Takes the next action out; after each call of another method, until there is none.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Policy::look`] has to be called at the latest; for [`Policy::answer_demand`], there is [`Policy::demand_at`].
    pub fn wake_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Stopping { deadline, killed: false } => deadline.or_else(|| self.starts_until()),
            Phase::Stopping { .. } => None,
            _ => {
                let times =
                    [self.spawn_not_before(), self.next_exchange, self.next_expiry(), self.starts_until()];
                times.into_iter().flatten().min()
            }
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
        let wanted = if self.rules.pool == Pool::OnDemand { 1 } else { self.min_spare() };
        if self.alive() < self.cap() { wanted } else { 0 }
    }

    /// Which reload brings the workers that are started now; 0 is the start.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// Whether new workers come up beside the old ones.
    pub fn is_reloading(&self) -> bool {
        self.phase == Phase::Reloading
    }

    /// Whether nothing but the end is left, or is decided on.
    pub fn is_stopping(&self) -> bool {
        self.finished || matches!(self.phase, Phase::Stopping { .. })
    }

    /// Whether the server has begun to serve.
    pub fn is_announced(&self) -> bool {
        self.announced
    }

    fn tell(&mut self, id: WorkerId, order: Order) {
        self.actions.push_back(Action::Tell(id, order));
    }

    /// Workers of the newest generation that are not leaving.
    fn current(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.workers
            .iter()
            .filter(|(_, worker)| worker.generation == self.generation && worker.stage != Stage::Leaving)
            .map(|(id, worker)| (*id, worker))
    }

    /// Those of them that serve.
    fn serving(&self) -> impl Iterator<Item = (WorkerId, &Worker)> {
        self.current().filter(|(_, worker)| worker.stage == Stage::Serving)
    }

    fn alive(&self) -> usize {
        self.current().count()
    }

    fn is_serving_phase(&self) -> bool {
        self.announced && !self.finished && self.phase == Phase::Serving
    }
}

#[cfg(test)]
mod tests;
