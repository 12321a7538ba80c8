//! What the master hears of its workers, and what it does about those that do not behave like them.
//!
//! Workers and nurseries run the application, perhaps as another user than the master. One that was taken over may write to
//! its line whatever it likes: it must not make the master kill what is none of its children, keep it busy, or stay.

use std::time::{Duration, Instant};

use super::policy::{Event, WorkerId};
use super::{Failure, Master, Progress};
use crate::messages::Code;
use crate::os::channel::{Heard, Report};
use crate::os::code;
use crate::os::fork::{self, ProcessId};
use crate::os::scoreboard::Phase;

/// How much a process may say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowance {
    left: u32,
    counted_at: Instant,
}

impl Allowance {
    pub(super) fn new(now: Instant) -> Self {
        Self { left: MOST, counted_at: now }
    }

    /// Takes note of a message; `false` when there were far too many.
    pub(super) fn spend(&mut self, now: Instant) -> bool {
        let seconds = now.saturating_duration_since(self.counted_at).as_secs();
        if seconds > 0 {
            let more = u32::try_from(seconds).unwrap_or(u32::MAX).saturating_mul(PER_SECOND);
            self.left = self.left.saturating_add(more).min(MOST);
            self.counted_at += Duration::from_secs(seconds);
        }
        let is_left = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_left
    }
}

impl Master<'_> {
    /// Hears what a worker has to say.
    pub(super) fn hear_worker(&mut self, id: WorkerId) {
        loop {
            let Some(child) = self.workers.get_mut(&id) else { return };
            let heard = child.line.next_report();
            let is_free = match &heard {
                Heard::Message(Report::Stacks { text, more }) => {
                    self.job.control.wants_stacks(id, text, *more)
                }
                heard => !matches!(heard, Heard::Message(_)),
            };
            if !is_free && !child.allowance.spend(Instant::now()) {
                return self.mistrust_worker(id, "talks too much");
            }
            match heard {
                Heard::Message(Report::Ready) if child.progress == Progress::Ready => {
                    return self.mistrust_worker(id, "is ready twice");
                }
                Heard::Message(Report::Ready) => {
                    child.progress = Progress::Ready;
                    self.show_phase(id, Phase::Serving);
                    self.tell_policy(Event::Ready(id));
                    if self.all_serve() {
                        // The start is over, or the reload.
                        code::let_go();
                    }
                }
                Heard::Message(Report::Probing) => child.progress = child.progress.max(Progress::Probes),
                Heard::Message(Report::ImportFailed(text)) => self.worker_failed(id, Failure::Import(text)),
                Heard::Message(Report::StartFailed(text)) => self.worker_failed(id, Failure::Start(text)),
                Heard::Message(Report::Due { reason, urgent }) => {
                    self.tell_policy(Event::Due { id, reason, urgent });
                }
                Heard::Message(Report::Sources(text)) => self.watch_sources(&text),
                Heard::Message(Report::Leaving) => {
                    child.retired = true;
                    self.show_phase(id, Phase::Leaving);
                    self.tell_policy(Event::Leaving(id));
                }
                Heard::Message(Report::Stacks { text, more }) => self.take_stacks(id, &text, more),
                Heard::Silence => return,
                Heard::Garbage => return self.mistrust_worker(id, "says what no worker says"),
                Heard::Gone => {
                    let _ = self.poller.forget(&child.line);
                    return;
                }
            }
        }
    }

    /// Kills a worker that has said what no worker says, or too much, and hears no more of it.
    pub(super) fn mistrust_worker(&mut self, id: WorkerId, cause: &str) {
        let Some(child) = self.workers.get(&id) else { return };
        tracing::error!(
            code = %Code::NOT_ONE_OF_OURS,
            pid = child.process.map(|process| process.0),
            "a worker {cause}: it is killed, what it runs may have been taken over"
        );
        let _ = self.poller.forget(&child.line);
        self.kill_worker(id);
    }

    /// Likewise, for a process of which workers are forked.
    pub(super) fn mistrust_nursery(&mut self, index: usize, cause: &str) {
        let Some(nursery) = self.nurseries.get_mut(index) else { return };
        tracing::error!(
            code = %Code::NOT_ONE_OF_OURS,
            pid = nursery.process.0,
            "the process of which workers are forked {cause}: it is killed, what it runs may have been taken over"
        );
        nursery.is_leaving = true;
        let _ = self.poller.forget(&nursery.line);
        fork::kill_now(nursery.process);
    }

    /// Whether a nursery may call this process a worker that it has forked: it is none that the master knows already.
    pub(super) fn may_be_new(&self, process: ProcessId) -> bool {
        let is_worker = self.workers.values().any(|child| child.process == Some(process));
        let is_nursery = self.nurseries.iter().any(|nursery| nursery.process == process);
        let is_front = self.front.as_ref().is_some_and(|(front, _)| *front == process);
        process.0 > 1 && !is_worker && !is_nursery && !is_front && !self.clerk.is_at(process)
    }
}

/// Messages at once. What workers have to say in a life is far less.
const MOST: u32 = 256;

/// Messages for which there is room again after a second.
const PER_SECOND: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_a_little_all_the_time_is_heard_for_ever() {
        let mut now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..1000 {
            now += Duration::from_secs(1);
            assert!((0..PER_SECOND).all(|_| allowance.spend(now)));
        }
    }

    #[test]
    fn who_says_too_much_at_once_is_not() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        assert!((0..MOST).all(|_| allowance.spend(now)));
        assert!(!allowance.spend(now));
        let later = now + Duration::from_millis(1500);
        assert!((0..PER_SECOND).all(|_| allowance.spend(later)));
        assert!(!allowance.spend(later));
    }
}
