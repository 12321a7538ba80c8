//! The processes of the master: forked here, with what they must not keep.

use std::io;
use std::time::Instant;

use super::clerk::Clerk;
use super::control::Control;
use super::departures::Departure;
use super::output::Outlets;
use super::policy::{Event, Reason, WorkerId};
use super::trust::Allowance;
use super::{Child, Failure, Master, Outcome, Progress};
use crate::messages::Code;
use crate::os::channel::{self, Line, Order};
use crate::os::fork::{self, End, ProcessId, Side};
use crate::os::poller::{Poller, Token};
use crate::os::scoreboard::Phase;
use crate::os::signals;
use crate::os::stdio::Streams;

impl Master<'_> {
    pub(super) fn spawn(&mut self, id: WorkerId) {
        let used: Vec<usize> = self.workers.values().map(|child| child.slot).collect();
        let slot = (0..self.job.board.slots()).find(|slot| !used.contains(slot)).unwrap_or(0);
        self.job.board.open_slot(slot, self.job.threads);
        self.show_started(slot);
        match self.start_worker(id, slot) {
            Ok((process, line)) => {
                if let Some(process) = process {
                    tracing::debug!(pid = process.0, "worker started");
                }
                if let Err(error) = self.poller.watch(&line, id.0 as Token) {
                    tracing::error!(code = %Code::NOT_WATCHED, %error, "a worker cannot be heard");
                }
                let since = Instant::now();
                let child = Child {
                    process,
                    line,
                    slot,
                    since,
                    progress: Progress::Imports,
                    retired: false,
                    is_killed: false,
                    allowance: Allowance::new(since),
                };
                self.workers.insert(id, child);
            }
            Err(error) => {
                tracing::error!(code = %Code::WORKER_START, %error, "a worker cannot be started");
                self.job.board.close_slot(slot);
                self.failure.get_or_insert(Failure::Start(format!("a worker cannot be started: {error}")));
                self.policy.handle(Event::Ended(id), Instant::now());
            }
        }
    }

    fn start_worker(&mut self, id: WorkerId, slot: usize) -> io::Result<(Option<ProcessId>, Line)> {
        if let Some(line) = self.order_worker(id, slot)? {
            return Ok((None, line));
        }
        let streams = self.open_outlets(id)?;
        let work = self.job.work;
        let (process, line) = self.fork_child_with_line(|line| live_as_worker(work, line, slot, streams))?;
        Ok((Some(process), line))
    }

    /// Forks, and runs `life` in the new process, which never returns from here.
    pub(super) fn fork_child_with_line(
        &mut self,
        life: impl FnOnce(Line) -> i32,
    ) -> io::Result<(ProcessId, Line)> {
        self.fork_child(channel::line()?, |_, line| life(line))
    }

    /// As above, with the two ends of any line: the first stays here.
    pub(super) fn fork_child<Ours, Theirs>(
        &mut self,
        (ours, theirs): (Ours, Theirs),
        life: impl FnOnce(&mut Self, Theirs) -> i32,
    ) -> io::Result<(ProcessId, Ours)> {
        match fork::fork(&*self.job.host.clone())? {
            Side::Parent(process) => Ok((process, ours)),
            Side::Child => {
                drop(ours);
                self.enter_child();
                let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life(self, theirs)));
                fork::exit_now(status.unwrap_or(1));
            }
        }
    }

    pub(super) fn worker_failed(&mut self, id: WorkerId, failure: Failure) {
        if let Some(child) = self.workers.get_mut(&id) {
            child.retired = true;
        }
        if self.policy.is_announced() {
            let (Failure::Import(text) | Failure::Start(text)) = &failure;
            tracing::error!(code = %Code::NEW_WORKER_FAILED, traceback = %text, "a new worker cannot serve");
        }
        self.failure = Some(failure);
        self.tell_policy(Event::Failed(id));
    }

    /// Kills a worker, perhaps one that was not born yet, and nothing but a child of this process.
    pub(super) fn kill_worker(&mut self, id: WorkerId) {
        let Some(child) = self.workers.get_mut(&id) else { return };
        child.is_killed = true;
        match child.process {
            Some(process) if fork::is_adopted(process) => fork::kill_now(process),
            // Its nursery has named a process that is none of ours.
            Some(_) => self.lose(id, "the process of a worker is none of the master's"),
            None => self.kill_expected(id),
        }
    }

    /// Kills a worker that was told to leave and hears nothing, since it still imports.
    pub(super) fn kill_hanging(&mut self, id: WorkerId) {
        let pid = self.workers.get(&id).and_then(|child| child.process).map(|process| process.0);
        let seconds = self.job.rules.start_timeout.unwrap_or_default().as_secs_f64();
        tracing::error!(
            code = %Code::NOT_READY_IN_TIME,
            pid,
            "a worker that nobody wants any more still imports after {seconds} seconds, it is killed"
        );
        self.kill_worker(id);
    }

    /// Ends a worker that should serve by now.
    pub(super) fn give_up_worker(&mut self, id: WorkerId) {
        let Some(child) = self.workers.get_mut(&id) else { return };
        child.retired = true;
        let what = if child.progress == Progress::Probes {
            "answered the probe request"
        } else {
            "imported the application"
        };
        let seconds = self.job.rules.start_timeout.unwrap_or_default().as_secs_f64();
        let pid = child.process.map(|process| process.0);
        let text = format!("a new worker has not {what} within {seconds} seconds");
        tracing::error!(code = %Code::NOT_READY_IN_TIME, pid, "{text}, it is killed");
        self.failure = Some(Failure::Import(Code::NOT_READY_IN_TIME.tag(&text)));
        self.kill_worker(id);
    }

    pub(super) fn tell_worker(&mut self, id: WorkerId, order: Order) {
        let is_last = self.outcome == Some(Outcome::HandedOver) && !self.heir_takes_connections;
        let order = match order {
            Order::Retire if is_last => Order::Stop,
            // Those who wait are served by the workers of this process as it will be.
            Order::Stop if self.outcome == Some(Outcome::Renewed) => Order::Retire,
            order => order,
        };
        if order == Order::Stop {
            self.release();
        }
        if let Some(child) = self.workers.get_mut(&id) {
            child.retired = true;
            child.line.order(order);
            if order == Order::Stop && child.progress != Progress::Ready {
                // It hears no order while it imports, and has no visitor; one that serves by now finishes.
                child.is_killed = true;
                child
                    .process
                    .filter(|process| fork::is_adopted(*process))
                    .into_iter()
                    .for_each(fork::terminate);
            }
        }
        self.show_phase(id, Phase::Leaving);
    }

    pub(super) fn reap(&mut self) {
        while let Some((process, end)) = fork::reap() {
            if self.front.as_ref().is_some_and(|(front, _)| *front == process) {
                self.front = None;
                if !self.released {
                    tracing::error!(
                        code = %Code::FRONT_DIED,
                        end = %end,
                        "the preview front has died, the server stops"
                    );
                    self.outcome = Some(Outcome::FrontDied);
                    self.tell_policy(Event::Stop);
                }
                continue;
            }
            if self.bury_clerk(process, end)
                || self.bury_nursery(process, end)
                || self.bury_heir(process, end)
            {
                continue;
            }
            let found =
                self.workers.iter().find(|(_, child)| child.process == Some(process)).map(|(id, _)| *id);
            if let Some(id) = found {
                // What it has said before its end is still to be heard.
                self.hear_worker(id);
                self.bury(id, end);
            }
        }
    }

    fn bury(&mut self, id: WorkerId, end: End) {
        let Some(child) = self.workers.remove(&id) else { return };
        let served = self.job.board.slot(child.slot).load().served;
        let reason = match self.policy.reason_of_end(id) {
            Reason::Failed => Reason::Failed,
            _ if end != End::Exited(0) && !child.is_killed => Reason::Died,
            reason => reason,
        };
        let (pid, age) = (child.process.map(|process| process.0), child.since.elapsed());
        self.note_departure(&child, Departure { pid, end, reason, served, age });
        self.job.board.close_slot(child.slot);
        let _ = self.poller.forget(&child.line);
        self.forget_stacks(id);
        self.name_outlets(id, pid);
        if child.progress != Progress::Ready && !child.retired && self.failure.is_none() {
            let which = if self.policy.is_announced() { "a new worker" } else { "the first worker" };
            let text = format!("{which} died while it imported the application ({end})");
            self.failure = Some(Failure::Start(Code::FIRST_WORKER_DIED.tag(&text)));
        }
        self.tell_policy(Event::Ended(id));
    }

    /// Gives up, in a forked process, what belongs to the master alone: above all its ends of the other workers' lines.
    fn enter_child(&mut self) {
        self.workers.clear();
        self.nurseries.clear();
        self.front = None;
        self.clerk = Clerk::default();
        self.forget_demand();
        self.heir = None;
        self.outlets = Outlets::default();
        *self.job.control = Control::default();
        if let Ok(poller) = Poller::new() {
            self.poller = poller;
        }
        self.mask.restore();
    }
}

/// The life of a worker that was just forked; gives its exit status.
pub(super) fn live_as_worker(
    work: &dyn Fn(Line, usize) -> i32,
    line: Line,
    slot: usize,
    streams: Option<Streams>,
) -> i32 {
    if signals::begin_worker().is_err() || streams.is_some_and(|streams| streams.capture().is_err()) {
        return 1;
    }
    work(line, slot)
}
