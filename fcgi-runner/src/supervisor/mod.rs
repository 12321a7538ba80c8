//! The master: forks workers, hears of them, and does what the policy decides.
//!
//! It has no thread and no runtime, blocks its signals and reads them from a descriptor. It believes nothing that a worker
//! writes but its few messages, and uses the scoreboard as a hint.

mod children;
mod clerk;
mod command;
pub mod control;
mod demand;
mod departures;
mod nursery;
mod outcome;
mod output;
pub mod policy;
mod showing;
mod telling;
mod trust;
mod upgrade;
mod watching;

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::clerk::Clerk;
pub use self::command::{Command, Refused};
use self::control::{CONTROL, Control};
pub use self::demand::Queues;
use self::demand::{Demand, QUEUE};
pub use self::nursery::Nursing;
use self::nursery::{NURSERY, Nursery};
pub use self::outcome::{Failure, Outcome};
use self::output::{OUTLET, Outlets};
pub use self::output::{Record, Stream};
use self::policy::{Action, Event, Policy, Rules, Verdict, WorkerId};
use self::telling::Told;
use self::trust::Allowance;
use self::upgrade::{HEIR, Heir};
pub use self::upgrade::{Succession, heir_words};
pub use self::watching::Watched;
use crate::app::{Blocker, Host};
use crate::messages::Code;
use crate::os::channel::{Line, Order};
use crate::os::fork::{self, ProcessId};
use crate::os::jitter::Jitter;
use crate::os::notify::ServiceManager;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::scoreboard::Scoreboard;
use crate::os::signals::{Blocked, OriginalMask, SignalReader};
use crate::os::stdio::OpenLogs;
use crate::status::About;

/// What the master needs from the rest of the house.
pub struct Job<'m> {
    /// Blocked by the caller, and for as long as it has something to clean up.
    pub signals: &'m Blocked,
    pub rules: Rules,
    pub host: Arc<dyn Host>,
    pub board: Arc<Scoreboard>,
    /// What is to be said of the server beside what stands on the board.
    pub about: Arc<About>,
    pub queues: Queues,
    /// Application threads of a worker, as the scoreboard is to show them.
    pub threads: usize,
    /// The life of a worker, in its own process; gives the exit status.
    pub work: &'m dyn Fn(Line, usize) -> i32,
    /// What is done once for all workers, in a process of which they are forked.
    pub nursing: Option<Nursing<'m>>,
    /// The life of the preview front, if there is to be one; it ends when its line closes.
    pub front: Option<&'m dyn Fn(Line) -> i32>,
    /// The life of the process that tells how the server is doing, if there is to be one; it ends when its line closes.
    pub clerk: Option<&'m dyn Fn(Line) -> i32>,
    /// Called when the server serves; with a text, when it never will.
    pub verdict: &'m mut dyn FnMut(Result<(), Failure>),
    /// Called when no further connection is to be taken: the socket file goes away at once, so that a successor can bind.
    pub release_address: &'m dyn Fn(),
    /// Opens the master's own log files anew.
    /// They are handed to the other processes, which perhaps may not open them.
    pub reopen_logs: &'m dyn Fn() -> OpenLogs,
    /// Lets a process of which workers are forked go on in other log files.
    pub change_logs: &'m dyn Fn(OpenLogs),
    /// Takes what workers print, line by line, where that does not go to its destination by itself.
    pub record: Option<Record<'m>>,
    /// How the operator asks; given back at the end with those who wait for it.
    pub control: &'m mut Control,
    /// `SIGUSR1` means "finish": a web server has started us, and that is what it sends.
    pub usr1_finishes: bool,
    /// Who wants to hear how things are.
    pub manager: Option<&'m ServiceManager>,
    pub watched: Watched,
    pub succession: Succession<'m>,
    /// A new server is this process with its program executed anew, and what is started beside it only finds out whether that
    /// would serve.
    pub renews_in_place: bool,
    /// Another server has started this one to take its place, and speaks for both until this one serves.
    pub is_heir: bool,
}

struct Child {
    /// Unknown until its nursery has forked it.
    process: Option<ProcessId>,
    line: Line,
    slot: usize,
    /// When it was asked for.
    since: Instant,
    progress: Progress,
    retired: bool,
    /// By the master, which has told why.
    is_killed: bool,
    allowance: Allowance,
}

/// How far a worker has come, as it says.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Progress {
    Imports,
    /// It has imported the application and tries it.
    Probes,
    Ready,
}

struct Master<'m> {
    job: Job<'m>,
    policy: Policy,
    poller: Poller,
    signals: &'m SignalReader,
    mask: OriginalMask,
    workers: BTreeMap<WorkerId, Child>,
    /// The last one is of use, unless it is leaving as those before it are.
    nurseries: Vec<Nursery>,
    nurseries_opened: usize,
    /// Nothing can be prepared for workers of this generation.
    nursing_is_vain: bool,
    front: Option<(ProcessId, Line)>,
    clerk: Clerk,
    heir: Option<Heir>,
    heir_takes_connections: bool,
    outlets: Outlets,
    failure: Option<Failure>,
    /// Why the last attempt to renew the server was given up.
    trouble: Option<String>,
    told: Told,
    demand: Demand,
    outcome: Option<Outcome>,
    next_look: Instant,
    rearm_at: Option<Instant>,
    released: bool,
}

/// Runs the server until it ends.
///
/// # Errors
/// When the kernel refuses what the master needs.
pub fn run(job: Job<'_>) -> io::Result<Outcome> {
    let host = job.host.clone();
    let Blocked { reader: signals, mask } = job.signals;
    let mask = *mask;
    let poller = Poller::new()?;
    poller.watch(signals, SIGNALS)?;
    poller.watch(job.board.bell(), BELL)?;
    let now = Instant::now();
    let policy = Policy::new(job.rules, Jitter::of_this_process().number(), now);
    let mut master = Master {
        job,
        policy,
        poller,
        signals,
        mask,
        workers: BTreeMap::new(),
        nurseries: Vec::new(),
        nurseries_opened: 0,
        nursing_is_vain: false,
        front: None,
        clerk: Clerk::default(),
        heir: None,
        heir_takes_connections: false,
        outlets: Outlets::default(),
        failure: None,
        trouble: None,
        told: Told::new(now),
        demand: Demand::default(),
        outcome: None,
        next_look: now,
        rearm_at: None,
        released: false,
    };
    let mut result = Ok(());
    // The thread stays attached to an interpreter that called us, but for the time it waits: forking needs that.
    host.run_thread(&mut |blocker| result = master.live(blocker));
    if master.nurseries_opened > 0 {
        fork::adopt_orphans(false)?;
    }
    result?;
    Ok(master.outcome.unwrap_or(Outcome::Stopped))
}

impl Master<'_> {
    fn live(&mut self, blocker: &dyn Blocker) -> io::Result<()> {
        let mut ready = ReadyList::new(32);
        if !self.job.is_heir {
            self.open_control();
        }
        self.act();
        while !self.is_over() {
            let timeout = self.timeout();
            let mut result = Ok(());
            blocker.block(&mut || result = self.poller.wait(&mut ready, timeout));
            result?;
            for event in ready.iter() {
                match event.token {
                    SIGNALS => self.hear_signals(),
                    HEIR => self.hear_heir(),
                    BELL => self.hear_bell(),
                    QUEUE => self.hear_queue(),
                    token if token >= CONTROL => self.hear_control(token, event.hung_up),
                    token if token >= OUTLET => self.read_outlet(token),
                    token if token >= NURSERY => self.hear_nurseries(),
                    token => self.hear_worker(WorkerId(u32::try_from(token).unwrap_or(u32::MAX))),
                }
            }
            self.mind_the_time();
        }
        self.drain_outlets();
        Ok(())
    }

    fn mind_the_time(&mut self) {
        let now = Instant::now();
        let due = now >= self.next_look || self.policy.wake_at().is_some_and(|at| now >= at);
        if due {
            self.policy.look(self.loads(), now);
            self.next_look = now + LOOK;
            self.act();
        }
        self.mind_nurseries(now);
        self.mind_files(now);
        self.mind_heir(now);
        self.mind_manager(now);
        self.mind_clerk(now);
        self.mind_control(now);
        self.mind_demand(now);
    }

    fn timeout(&self) -> Option<Duration> {
        let look = (!self.policy.is_settled(self.loads())).then_some(self.next_look);
        let soonest = [
            look,
            self.policy.wake_at(),
            self.policy.demand_at(),
            self.rearm_at,
            self.nursery_leaves_at(),
            self.files_want_at(),
            self.manager_wants_at(),
            self.clerk.wake_at(),
            self.control_wants_at(),
            self.heir_is_late_at(),
        ];
        let soonest = soonest.into_iter().flatten().min()?;
        Some(soonest.saturating_duration_since(Instant::now()))
    }

    fn tell_policy(&mut self, event: Event) {
        self.policy.handle(event, Instant::now());
        self.act();
    }

    fn act(&mut self) {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Spawn(id) => self.spawn(id),
                Action::Tell(id, order) => self.tell_worker(id, order),
                Action::Kill(id) if self.policy.is_stopping() => {
                    self.release();
                    self.kill_worker(id);
                }
                Action::Kill(id) => self.kill_hanging(id),
                Action::Overdue(id) => self.give_up_worker(id),
                Action::Announce => self.announce(),
                Action::Reloaded => self.end_reload(true),
                Action::ReloadFailed => self.end_reload(false),
                Action::BackOff(delay) => {
                    tracing::error!(
                        code = %Code::WORKERS_DIE_FAST,
                        seconds = delay.as_secs_f64(),
                        "workers die too fast, waiting with the next"
                    );
                }
                Action::Finish(verdict) => self.finish(verdict),
            }
        }
    }

    /// From now on the server only ends.
    fn release(&mut self) {
        if !std::mem::replace(&mut self.released, true) {
            if self.outcome != Some(Outcome::HandedOver) {
                (self.job.release_address)();
            }
            // The front sees the end of its line and stops.
            if let Some((_, line)) = &self.front {
                line.order(Order::Stop);
            }
            self.clerk.tell(Order::Stop);
            self.close_nurseries();
            self.disappoint_waiting();
        }
    }

    fn announce(&mut self) {
        if let Some(front) = self.job.front {
            match self.fork_child_with_line(front) {
                Ok((process, line)) => self.front = Some((process, line)),
                Err(error) => {
                    tracing::error!(code = %Code::FRONT_DIED, %error, "the preview front cannot be started");
                    self.outcome = Some(Outcome::FrontDied);
                    self.policy.handle(Event::Stop, Instant::now());
                    return;
                }
            }
        }
        self.failure = None;
        self.start_clerk();
        (self.job.verdict)(Ok(()));
        if self.job.is_heir {
            // Until now the other server has answered.
            self.open_control();
        } else {
            self.tell_ready();
        }
    }

    fn finish(&mut self, verdict: Verdict) {
        self.release();
        if verdict == Verdict::NeverServed {
            let failure = self
                .failure
                .take()
                .unwrap_or_else(|| Failure::Start("the first worker could not be started".to_owned()));
            (self.job.verdict)(Err(failure.clone()));
            self.outcome = Some(Outcome::NeverServed(failure));
        }
        self.outcome.get_or_insert(Outcome::Stopped);
    }

    fn is_over(&self) -> bool {
        // Whatever was decided, nobody is left behind.
        self.outcome.is_some()
            && self.released
            && self.workers.is_empty()
            && self.nurseries.is_empty()
            && self.front.is_none()
            && self.clerk.is_gone()
    }
}

/// Tokens above all worker names.
const SIGNALS: Token = 1 << 40;
const BELL: Token = SIGNALS + 1;

/// Between two looks at the load while something is not as it should be at rest.
const LOOK: Duration = Duration::from_secs(1);
