//! What the warden knows of the requests that run, and what is due when. No clock and no system call: times come in; what a
//! request is does not matter here.

use std::time::{Duration, Instant};

use slab::Slab;

/// The times that the operator has set.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    /// From a request's arrival to its limit.
    pub request: Option<Duration>,
    /// From there until its thread counts as stuck.
    pub grace: Duration,
    /// After which a request is noted as slow.
    pub slow: Option<Duration>,
    /// How long nobody may get the interpreter.
    pub deadlock: Option<Duration>,
}

/// Names a request that runs, and its thread.
#[derive(Clone, Debug)]
pub(super) struct Ticket<R> {
    key: usize,
    /// Counts the requests of this worker.
    pub(super) number: u64,
    pub(super) request: R,
    /// As the interpreter names it.
    pub(super) thread: u64,
    /// As the kernel names it.
    pub(super) task: i32,
}

/// Something to do.
#[derive(Debug)]
pub(super) enum Act<R> {
    /// Write down that the request is slow.
    Note(Ticket<R>),
    /// Tell the log where it is, and interrupt it.
    Limit(Ticket<R>),
    /// It has not ended: do without its thread. `reached`: it was interrupted, and has not reacted.
    GiveUp { ticket: Ticket<R>, reached: bool },
    /// See whether the interpreter is to be had.
    Probe,
    /// It was not.
    Deadlock { since: Instant },
    /// Somebody has asked where the threads are, and the interpreter cannot say.
    AnswerWithout,
    /// End the process.
    Exit,
}

/// The requests that run, and more that has its time.
#[derive(Debug)]
pub(super) struct Table<R> {
    rules: Rules,
    entries: Slab<Entry<R>>,
    count: u64,
    stuck: usize,
    /// When the warden wakes by itself.
    pub(super) wakes_at: Option<Instant>,
    probe_at: Option<Instant>,
    /// Somebody waits for the interpreter, since then.
    waiting: Option<Instant>,
    /// That has lasted too long when it was looked at.
    suspected: Option<Instant>,
    asked: Option<Instant>,
    exit_at: Option<Instant>,
    pub(super) over: bool,
}

#[derive(Debug)]
struct Entry<R> {
    ticket: Ticket<R>,
    arrived: Instant,
    stage: Stage,
    noted: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Runs,
    /// At its limit since then; `reached`: its thread was interrupted.
    Limited {
        since: Instant,
        reached: bool,
    },
    Stuck,
}

impl Rules {
    /// Whether requests have times.
    pub(super) fn concern_requests(self) -> bool {
        self.request.is_some() || self.slow.is_some()
    }
}

impl<R: Clone> Table<R> {
    pub(super) fn new(rules: Rules, now: Instant) -> Self {
        Self {
            rules,
            entries: Slab::new(),
            count: 0,
            stuck: 0,
            wakes_at: None,
            probe_at: rules.deadlock.map(|limit| now + limit / 2),
            waiting: None,
            suspected: None,
            asked: None,
            exit_at: None,
            over: false,
        }
    }

    /// Puts a request on the table; `true` when the warden has to wake earlier for it.
    pub(super) fn begin(&mut self, request: R, arrived: Instant, thread: u64, task: i32) -> (usize, bool) {
        self.count += 1;
        let vacant = self.entries.vacant_entry();
        let key = vacant.key();
        let ticket = Ticket { key, number: self.count, request, thread, task };
        let entry = Entry { ticket, arrived, stage: Stage::Runs, noted: false };
        let due = entry.due(self.rules);
        vacant.insert(entry);
        let sooner = due.is_some_and(|due| self.wakes_at.is_none_or(|wakes| due < wakes));
        if sooner {
            self.wakes_at = due;
        }
        (key, sooner)
    }

    /// Takes it off the table; its number, if it was noted as slow.
    pub(super) fn end(&mut self, key: usize) -> Option<u64> {
        let entry = self.entries.try_remove(key)?;
        if entry.stage == Stage::Stuck {
            self.stuck -= 1;
            if self.stuck == 0 {
                // The worker leaves as usual.
                self.exit_at = None;
            }
        }
        entry.noted.then_some(entry.ticket.number)
    }

    /// Whether it still runs.
    pub(super) fn is_there(&self, ticket: &Ticket<R>) -> bool {
        self.entries.get(ticket.key).is_some_and(|entry| entry.ticket.number == ticket.number)
    }

    /// Notes that its thread was interrupted.
    pub(super) fn note_reached(&mut self, ticket: &Ticket<R>) {
        if self.is_there(ticket)
            && let Some(Entry { stage: Stage::Limited { reached, .. }, .. }) =
                self.entries.get_mut(ticket.key)
        {
            *reached = true;
        }
    }

    /// Threads that do not come back.
    pub(super) fn stuck(&self) -> usize {
        self.stuck
    }

    /// Notes that somebody waits for the interpreter from now on, or has got it.
    pub(super) fn set_waiting(&mut self, since: Option<Instant>) {
        (self.waiting, self.suspected) = (since, None);
    }

    /// Since when somebody waits for it.
    pub(super) fn waiting(&self) -> Option<Instant> {
        self.waiting
    }

    /// Notes that somebody wants to know where the threads are.
    pub(super) fn ask(&mut self, now: Instant) {
        self.asked.get_or_insert(now);
    }

    /// Whether somebody still waits for that.
    pub(super) fn take_question(&mut self) -> bool {
        self.asked.take().is_some()
    }

    /// Ends the process at that time, if a thread is stuck then.
    pub(super) fn exit_at(&mut self, at: Instant) {
        self.exit_at = Some(self.exit_at.map_or(at, |already| already.min(at)));
    }

    /// What is due now. It is not given again.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Act<R>> {
        let mut acts = Vec::new();
        let rules = self.rules;
        for (_, entry) in &mut self.entries {
            if entry.slow_due(rules).is_some_and(|due| due <= now) {
                entry.noted = true;
                acts.push(Act::Note(entry.ticket.clone()));
            }
            if entry.limit_due(rules).is_none_or(|due| due > now) {
                continue;
            }
            match entry.stage {
                Stage::Runs => {
                    entry.stage = Stage::Limited { since: now, reached: false };
                    acts.push(Act::Limit(entry.ticket.clone()));
                }
                Stage::Limited { reached, .. } => {
                    entry.stage = Stage::Stuck;
                    self.stuck += 1;
                    acts.push(Act::GiveUp { ticket: entry.ticket.clone(), reached });
                }
                Stage::Stuck => {}
            }
        }
        self.look_at_interpreter(now, &mut acts);
        if self.asked.is_some_and(|asked| now >= asked + ANSWER_WITHIN) {
            self.asked = None;
            acts.push(Act::AnswerWithout);
        }
        if self.exit_at.is_some_and(|at| at <= now) {
            self.exit_at = None;
            acts.push(Act::Exit);
        }
        acts
    }

    fn look_at_interpreter(&mut self, now: Instant, acts: &mut Vec<Act<R>>) {
        let Some(limit) = self.rules.deadlock else { return };
        if self.probe_at.is_some_and(|at| at <= now) {
            self.probe_at = Some(now + limit / 2);
            if self.waiting.is_none() {
                acts.push(Act::Probe);
            }
        }
        let Some(since) = self.waiting.filter(|since| now >= *since + limit / 2) else { return };
        // The whole process may have been stopped meanwhile, by a debugger or by its machine: it has another moment then.
        match self.suspected {
            None => self.suspected = Some(now),
            Some(suspected) if now >= suspected + CERTAINTY => {
                (self.probe_at, self.suspected, self.rules.deadlock) = (None, None, None);
                acts.push(Act::Deadlock { since });
            }
            Some(_) => {}
        }
    }

    /// When something is due next; notes that the warden wakes then.
    pub(super) fn plan(&mut self) -> Option<Instant> {
        let entries = self.entries.iter().filter_map(|(_, entry)| entry.due(self.rules));
        let waited = match (self.rules.deadlock, self.waiting, self.suspected) {
            (Some(_), Some(_), Some(suspected)) => Some(suspected + CERTAINTY),
            (Some(limit), Some(since), None) => Some(since + limit / 2),
            _ => None,
        };
        let asked = self.asked.map(|asked| asked + ANSWER_WITHIN);
        let others = [self.probe_at, waited, asked, self.exit_at].into_iter().flatten();
        self.wakes_at = entries.chain(others).min();
        self.wakes_at
    }
}

impl<R> Entry<R> {
    fn due(&self, rules: Rules) -> Option<Instant> {
        [self.slow_due(rules), self.limit_due(rules)].into_iter().flatten().min()
    }

    fn slow_due(&self, rules: Rules) -> Option<Instant> {
        rules.slow.filter(|_| !self.noted && self.stage == Stage::Runs).map(|slow| self.arrived + slow)
    }

    fn limit_due(&self, rules: Rules) -> Option<Instant> {
        let limit = rules.request?;
        match self.stage {
            Stage::Runs => Some(self.arrived + limit),
            Stage::Limited { since, .. } => Some(since + rules.grace),
            Stage::Stuck => None,
        }
    }
}

/// For so long more the interpreter must not be had before that is believed.
const CERTAINTY: Duration = Duration::from_secs(1);

/// Who asks where the threads are is not kept waiting for longer.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests;
