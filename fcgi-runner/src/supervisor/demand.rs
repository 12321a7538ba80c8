//! How busy the workers are, and who waits while nobody could take them.
//!
//! The bell of the scoreboard tells when too few are idle. In a pool on demand the master also watches the queues, level-
//! triggered, and only while no worker could take a connection: so an idle house costs nothing, and a busy one no wake-ups.

use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::policy::{Event, WorkerId};
use super::{BELL, Master};
use crate::messages::Code;
use crate::os::backlog::Backlog;
use crate::os::handoff::Handoff;
use crate::os::listener::Listener;
use crate::os::poller::Token;
use crate::os::scoreboard::Load;
use crate::os::socket;

/// Where connections wait that no worker has taken.
pub struct Queues {
    pub listeners: Arc<[Listener]>,
    /// Those that one worker has left to the others.
    pub handoff: Option<Arc<Handoff>>,
}

/// What the master does about them.
#[derive(Debug, Default)]
pub(super) struct Demand {
    watched: bool,
    /// The bell has been answered, and is not heard for a moment: whoever rings it again and again keeps nobody busy.
    is_deaf: bool,
    /// Tells how many wait at each listener; opened when that is first asked.
    backlogs: Vec<Option<Backlog>>,
}

impl Queues {
    fn descriptors(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        let handoff = self.handoff.iter().map(|handoff| handoff.as_fd());
        self.listeners.iter().map(|listener| listener.as_fd()).chain(handoff)
    }
}

impl Master<'_> {
    pub(super) fn loads(&self) -> impl Fn(WorkerId) -> Load + use<> {
        let board = &self.job.board;
        let loads: BTreeMap<WorkerId, Load> =
            self.workers.iter().map(|(id, child)| (*id, board.slot(child.slot).load())).collect();
        move |id| loads.get(&id).copied().unwrap_or_default()
    }

    /// The bell has rung: too few workers are idle.
    pub(super) fn hear_bell(&mut self) {
        self.job.board.silence();
        self.demand.is_deaf = self.poller.forget(self.job.board.bell()).is_ok();
        self.rearm_at = Some(Instant::now() + REARM);
        self.next_look = Instant::now();
    }

    /// A connection waits.
    pub(super) fn hear_queue(&mut self) {
        if self.policy.watches_queue(self.loads()) {
            self.tell_policy(Event::Waiting);
        }
    }

    /// Answers those who wait, and sees to it that the next ones are noticed.
    pub(super) fn mind_demand(&mut self, now: Instant) {
        if self.policy.demand_at().is_some_and(|at| now >= at) {
            let (waiting, loads) = (self.count_waiting(), self.loads());
            self.policy.answer_demand(waiting, loads, now);
            self.act();
        }
        if self.rearm_at.is_none_or(|at| now >= at) {
            self.rearm_at = None;
            if std::mem::take(&mut self.demand.is_deaf)
                && let Err(error) = self.poller.watch(self.job.board.bell(), BELL)
            {
                tracing::error!(code = %Code::NOT_WATCHED, %error, "busy workers cannot be heard");
            }
            let wanted = if self.policy.is_announced() { self.policy.wanted_idle() } else { 0 };
            self.job.board.arm(if self.demand.watched { 0 } else { wanted });
        }
        // Asked after the bell was armed: who has become busy before did not ring it.
        let wanted = self.policy.watches_queue(self.loads());
        if wanted != self.demand.watched {
            self.watch_queues(wanted);
            // Where requests come one after the other, the two do not take turns for each of them.
            self.rearm_at = Some(now + REARM);
        }
    }

    fn watch_queues(&mut self, wanted: bool) {
        self.demand.watched = wanted;
        for queue in self.job.queues.descriptors() {
            let done = if wanted { self.poller.watch(queue, QUEUE) } else { self.poller.forget(queue) };
            if let Err(error) = done {
                tracing::error!(code = %Code::NOT_WATCHED, %error, "a queue cannot be watched");
            }
        }
    }

    /// How many wait; where the system does not tell, whether somebody does.
    fn count_waiting(&mut self) -> usize {
        let queues = &self.job.queues;
        if self.demand.backlogs.is_empty() {
            let open = |listener: &Listener| Backlog::of(listener.as_fd(), listener.is_tcp()).ok();
            self.demand.backlogs = queues.listeners.iter().map(open).collect();
        }
        let known = self.demand.backlogs.iter().map(|backlog| backlog.as_ref()?.depth().ok());
        let known = known.chain(std::iter::repeat(None));
        queues
            .descriptors()
            .zip(known)
            .map(|(queue, depth)| depth.map_or_else(|| usize::from(has_input(queue)), |depth| depth as usize))
            .sum()
    }

    /// In a forked process.
    pub(super) fn forget_demand(&mut self) {
        self.demand = Demand::default();
    }
}

fn has_input(queue: BorrowedFd<'_>) -> bool {
    socket::wait(queue, true, false, Duration::ZERO).is_ok_and(|ready| ready.readable)
}

/// The token of all queues.
pub(super) const QUEUE: Token = BELL + 1;

/// A bell that was answered is quiet for this time: growth goes in steps, and a full house costs nothing.
const REARM: Duration = Duration::from_millis(50);
