//! The processes of the master: forked here, with what they must not keep.

use std::io;
use std::time::Instant;

use super::policy::{Event, WorkerId};
use super::{Child, Failure, Master};
use crate::os::channel::{self, Line};
use crate::os::fork::{self, ProcessId, Side};
use crate::os::poller::{Poller, Token};

impl Master<'_> {
    pub(super) fn spawn(&mut self, id: WorkerId) {
        let used: Vec<usize> = self.workers.values().map(|child| child.slot).collect();
        let slot = (0..self.job.board.slots()).find(|slot| !used.contains(slot)).unwrap_or(0);
        self.job.board.open_slot(slot, self.job.threads);
        let work = self.job.work;
        match self.fork_child(|line| work(line, slot)) {
            Ok((process, line)) => {
                tracing::debug!(pid = process.0, "worker started");
                if let Err(error) = self.poller.watch(&line, id.0 as Token) {
                    tracing::error!(%error, "a worker cannot be heard");
                }
                self.workers.insert(id, Child { process, line, slot, retired: false });
            }
            Err(error) => {
                tracing::error!(%error, "a worker cannot be started");
                self.job.board.slot(slot).close();
                self.failure.get_or_insert(Failure::Start(format!("a worker cannot be started: {error}")));
                self.policy.handle(Event::Ended(id), Instant::now());
            }
        }
    }

    /// Forks, and runs `life` in the new process, which never returns from here.
    pub(super) fn fork_child(&mut self, life: impl FnOnce(Line) -> i32) -> io::Result<(ProcessId, Line)> {
        let (ours, theirs) = channel::line()?;
        match fork::fork(&*self.job.host.clone())? {
            Side::Parent(process) => Ok((process, ours)),
            Side::Child => {
                drop(ours);
                self.enter_child();
                let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| life(theirs)));
                fork::exit_now(status.unwrap_or(1));
            }
        }
    }

    /// Gives up, in a forked process, what belongs to the master alone: above all its ends of the other workers' lines.
    fn enter_child(&mut self) {
        self.workers.clear();
        self.front = None;
        if let Ok(poller) = Poller::new() {
            self.poller = poller;
        }
        self.mask.restore();
    }
}
