//! The nursery: a process in which is done once what all workers need, and of which they are forked.
//!
//! Workers that come of one nursery share its memory, and start faster than by themselves; the master itself stays as small and
//! as clean as it is, and a reload begins with a new nursery, so it sees everything anew. A worker is not its nursery's child
//! but the master's, which has adopted orphans. Where a nursery is no use or dies, workers are forked of the master as they
//! are, and do everything themselves.

use std::ffi::CStr;
use std::io;
use std::time::{Duration, Instant};

use super::children::live_as_worker;
use super::policy::{Event, WorkerId};
use super::{Failure, Master, Progress};
use crate::app::Blocker;
use crate::messages::Code;
use crate::os::channel::{self, Heard, Line};
use crate::os::fork::{self, End, ProcessId};
use crate::os::nursery::{News, NurseryLine, NurseryOrder, nursery_line};
use crate::os::poller::Token;
use crate::os::process;
use crate::os::signals;
use crate::os::stdio::{OpenLogs, Streams};

/// What nurseries are for.
pub struct Nursing<'m> {
    /// Prepares what workers share; `false` when there is nothing of the kind.
    pub prepare: &'m dyn Fn() -> bool,
    /// Whether the nursery lives as long as its generation of workers. Otherwise it leaves when no more are wanted for now: it
    /// takes memory itself, and a new one is made soon.
    pub stays: bool,
}

/// A nursery, seen from the master.
pub(super) struct Nursery {
    pub(super) process: ProcessId,
    pub(super) line: NurseryLine,
    /// Workers that were ordered and are not born.
    expected: Vec<WorkerId>,
    used_at: Instant,
    is_ready: bool,
    pub(super) is_leaving: bool,
    /// Nobody is left who could tell news.
    is_mute: bool,
}

impl Master<'_> {
    /// Orders a worker; `None` where there is no nursery to have it from.
    pub(super) fn order_worker(&mut self, id: WorkerId, slot: usize) -> io::Result<Option<Line>> {
        if self.job.nursing.is_none() || self.nursing_is_vain {
            return Ok(None);
        }
        if self.nurseries.last().is_none_or(|nursery| nursery.is_leaving) {
            self.open_nursery()?;
        }
        // Only now: a nursery that had the pipes of a worker would keep them open.
        let streams = self.open_outlets(id)?;
        let Some(nursery) = self.nurseries.last_mut() else { return Ok(None) };
        let (ours, theirs) = channel::line()?;
        let slot = u32::try_from(slot).unwrap_or(u32::MAX);
        if !nursery.line.order_worker(id.0, slot, &theirs, streams.as_ref()) {
            return Ok(None);
        }
        nursery.expected.push(id);
        Ok(Some(ours))
    }

    fn open_nursery(&mut self) -> io::Result<()> {
        fork::adopt_orphans(true)?;
        let (process, line) = self.fork_child(nursery_line()?, Master::live_as_nursery)?;
        let token = NURSERY + self.nurseries_opened;
        self.nurseries_opened += 1;
        self.poller.watch(&line, token)?;
        tracing::debug!(pid = process.0, "nursery started");
        self.nurseries.push(Nursery {
            process,
            line,
            expected: Vec::new(),
            used_at: Instant::now(),
            is_ready: false,
            is_leaving: false,
            is_mute: false,
        });
        Ok(())
    }

    /// Hears what nurseries have to tell.
    pub(super) fn hear_nurseries(&mut self) {
        for index in 0..self.nurseries.len() {
            while let Some(news) = self.next_news(index) {
                self.take_news(index, news);
            }
        }
    }

    fn next_news(&mut self, index: usize) -> Option<News> {
        let nursery = self.nurseries.get_mut(index)?;
        match nursery.line.next_news() {
            Heard::Message(news) => Some(news),
            Heard::Silence => None,
            Heard::Garbage => {
                self.mistrust_nursery(index, "says what it never says");
                None
            }
            Heard::Gone => {
                nursery.is_mute = true;
                let _ = self.poller.forget(&nursery.line);
                None
            }
        }
    }

    fn take_news(&mut self, index: usize, news: News) {
        if let News::Born { process, .. } = news
            && !self.may_be_new(process)
        {
            return self.mistrust_nursery(index, "names a process that it has not forked");
        }
        let nursery = &mut self.nurseries[index];
        match news {
            News::Ready => nursery.is_ready = true,
            News::Unfit => {
                self.nursing_is_vain = true;
                nursery.is_leaving = true;
                // What they were given goes with the nursery: they begin anew.
                for id in std::mem::take(&mut nursery.expected) {
                    if let Some(child) = self.workers.remove(&id) {
                        let _ = self.poller.forget(&child.line);
                        self.spawn(id);
                    }
                }
            }
            News::Born { worker, process } => {
                let Some(id) = nursery.take(worker) else {
                    return self.mistrust_nursery(index, "names a worker that was not ordered");
                };
                if let Some(child) = self.workers.get_mut(&id) {
                    tracing::debug!(pid = process.0, "worker started");
                    child.process = Some(process);
                    if child.is_killed && fork::is_adopted(process) {
                        // It was to end before it was known.
                        fork::terminate(process);
                    }
                }
            }
            News::Failed { worker } => {
                if let Some(id) = nursery.take(worker) {
                    self.lose(id, "a worker cannot be forked");
                }
            }
        }
    }

    /// Takes note of the end of a nursery; `false` when the process was none.
    pub(super) fn bury_nursery(&mut self, process: ProcessId, end: End) -> bool {
        // What it has said before its end is still to be heard.
        self.hear_nurseries();
        let Some(index) = self.nurseries.iter().position(|nursery| nursery.process == process) else {
            return false;
        };
        self.hear_last_words(index);
        let nursery = self.nurseries.remove(index);
        let _ = self.poller.forget(&nursery.line);
        if !nursery.is_leaving {
            tracing::warn!(
                code = %Code::NURSERY_DIED,
                pid = process.0,
                end = %end,
                "the process of which workers are forked died unexpectedly"
            );
        }
        for id in nursery.expected {
            self.lose(id, "the process of which the first worker was to be forked died");
        }
        true
    }

    /// Hears of a worker that a nursery was forking when it ended: its child tells, which may be about to. A worker of which the
    /// master did not know would outlive it.
    fn hear_last_words(&mut self, index: usize) {
        let until = Instant::now() + LAST_WORDS;
        loop {
            let nursery = &self.nurseries[index];
            let left = until.saturating_duration_since(Instant::now());
            if nursery.is_mute || nursery.expected.is_empty() || left.is_zero() {
                return;
            }
            nursery.line.await_news(left);
            self.hear_nurseries();
        }
    }

    /// Gives up a worker that was not born.
    pub(super) fn lose(&mut self, id: WorkerId, cause: &str) {
        let Some(child) = self.workers.remove(&id) else { return };
        let _ = self.poller.forget(&child.line);
        self.job.board.close_slot(child.slot);
        self.failure.get_or_insert_with(|| Failure::Start(Code::FIRST_WORKER_DIED.tag(cause)));
        self.tell_policy(Event::Ended(id));
    }

    /// The next workers are to see everything anew.
    pub(super) fn renew_nursery(&mut self) {
        self.nursing_is_vain = false;
        self.nurseries.iter_mut().for_each(Nursery::send_away);
    }

    /// No more workers will be wanted: nobody waits for a nursery that still prepares itself.
    pub(super) fn close_nurseries(&mut self) {
        self.hear_nurseries();
        for nursery in &mut self.nurseries {
            nursery.send_away();
            if !nursery.is_ready || nursery.expected.is_empty() {
                fork::kill_now(nursery.process);
            }
        }
    }

    /// Ends a worker that was perhaps not born yet.
    pub(super) fn kill_expected(&mut self, id: WorkerId) {
        for nursery in self.nurseries.iter_mut().filter(|nursery| nursery.expected.contains(&id)) {
            nursery.is_leaving = true;
            fork::kill_now(nursery.process);
        }
    }

    pub(super) fn change_logs_of_nurseries(&self, files: &OpenLogs) {
        self.nurseries.iter().for_each(|nursery| nursery.line.order_logs(files));
    }

    /// Lets a nursery go that nobody has needed for a while.
    pub(super) fn mind_nurseries(&mut self, now: Instant) {
        if self.nursery_leaves_at().is_some_and(|at| now >= at) {
            self.nurseries.iter_mut().for_each(Nursery::send_away);
        }
    }

    /// When [`Master::mind_nurseries`] has something to do, if nothing else happens.
    pub(super) fn nursery_leaves_at(&self) -> Option<Instant> {
        let nursery = self.nurseries.last().filter(|nursery| nursery.is_idle())?;
        let stays = self.job.nursing.as_ref().is_none_or(|nursing| nursing.stays);
        // The first worker of a generation is alone until it serves, then come the others.
        (!stays && self.all_serve()).then(|| nursery.used_at + LINGER)
    }

    /// Whether no worker is on its way.
    pub(super) fn all_serve(&self) -> bool {
        self.workers.values().all(|child| child.progress == Progress::Ready || child.retired)
    }

    /// The life of a nursery, and of the workers that are forked of it; gives the exit status.
    fn live_as_nursery(&mut self, line: NurseryLine) -> i32 {
        let Some(nursing) = &self.job.nursing else { return 1 };
        let name = process::name();
        process::rename(NAME);
        // What goes to all processes is for the master, while the application is imported as well.
        signals::pass_group_signals();
        if !(nursing.prepare)() {
            line.tell(News::Unfit);
            return 0;
        }
        // What was prepared may have its own handlers.
        signals::pass_group_signals();
        line.tell(News::Ready);
        let mut born = None;
        // Forking needs the thread to be attached to the interpreter.
        self.job.host.run_thread(&mut |blocker| born = self.bear_workers(&line, blocker));
        drop(line);
        let Some((line, slot, streams)) = born else { return 0 };
        process::rename(&name);
        live_as_worker(self.job.work, line, slot, streams)
    }

    /// Forks the workers that are ordered, until there is no more to do; in a worker, gives what it is to work with.
    fn bear_workers(
        &self,
        line: &NurseryLine,
        blocker: &dyn Blocker,
    ) -> Option<(Line, usize, Option<Streams>)> {
        loop {
            let mut heard = Heard::Gone;
            blocker.block(&mut || heard = line.wait_for_order());
            match heard {
                Heard::Message(NurseryOrder::Bear { worker, slot, line: of_worker, streams }) => {
                    let born = |process| line.tell(News::Born { worker, process });
                    match fork::fork_away(&*self.job.host, born) {
                        Ok(true) => return Some((of_worker, slot as usize, streams)),
                        Ok(false) => {}
                        Err(error) => {
                            tracing::error!(code = %Code::WORKER_START, %error, "a worker cannot be forked");
                            line.tell(News::Failed { worker });
                        }
                    }
                }
                Heard::Message(NurseryOrder::ChangeLogs(files)) => (self.job.change_logs)(files),
                Heard::Message(NurseryOrder::Leave) | Heard::Gone => return None,
                Heard::Silence | Heard::Garbage => {}
            }
        }
    }
}

impl Nursery {
    /// Takes a worker that was expected off the list.
    fn take(&mut self, worker: u32) -> Option<WorkerId> {
        self.used_at = Instant::now();
        let at = self.expected.iter().position(|id| id.0 == worker)?;
        Some(self.expected.remove(at))
    }

    fn is_idle(&self) -> bool {
        self.is_ready && !self.is_leaving && self.expected.is_empty()
    }

    fn send_away(&mut self) {
        if !std::mem::replace(&mut self.is_leaving, true) && !self.line.order_end() {
            fork::kill_now(self.process);
        }
    }
}

/// How long a nursery's child may take to fork a worker and to tell of it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What tools show instead of the name of the program.
const NAME: &CStr = c"fcgi-nursery";

/// How long a nursery waits for further orders: as long as a growing house takes for its next step, and a little longer.
const LINGER: Duration = Duration::from_secs(2);

/// Tokens above those of the master's own descriptors.
pub(super) const NURSERY: Token = 1 << 41;
