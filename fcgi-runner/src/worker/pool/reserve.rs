//! The reserve: the main thread of a worker with several application threads. It serves nothing and never is attached to the
//! interpreter, so it always comes when it is called.
//!
//! It leads when somebody needs it, when the lead was vacant for a whole tick, and as long as requests wait so much that
//! the lead is better not left to those who serve them. It gives the lead back with the next work that it reads. It
//! starts threads, and runs the application's signal handlers, for which Python wants the main thread.

use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::super::event_loop::EventLoop;
use super::Crew;
use super::handle::{TICK, is_vacant};
use crate::messages::Code;

/// The reserve with its hold on the other threads.
pub(in crate::worker) struct Reserve {
    crew: Arc<Crew>,
    threads: Vec<JoinHandle<()>>,
}

impl Reserve {
    /// Starts the first threads. Called by the main thread.
    pub(in crate::worker) fn new(crew: Crew) -> Self {
        let rules = crew.rules;
        let mut reserve = Self { crew: Arc::new(crew), threads: Vec::new() };
        for _ in 0..rules.max_spare.clamp(1, rules.max_threads.max(1)) {
            reserve.grow();
        }
        reserve
    }

    /// Leads a loop that has begun, then stands by until the worker's end; then the threads finish what was handed in, and are
    /// waited for.
    ///
    /// # Errors
    /// When the kernel refuses what a loop needs; nobody is waited for then.
    pub(in crate::worker) fn run(mut self, event_loop: Box<EventLoop>) -> io::Result<()> {
        self.lead(event_loop);
        let (mut seen, mut since, mut quiet) = (0, Instant::now(), 0);
        loop {
            self.run_handlers();
            let called = self.crew.handle.take_call();
            let changes = self.crew.handle.changes();
            if changes != seen {
                (seen, since, quiet) = (changes, Instant::now(), 0);
            }
            if is_vacant(changes) {
                if called || since.elapsed() >= TICK {
                    self.step_in(called);
                }
            } else {
                quiet += 1;
            }
            let outcome = self.crew.table().outcome.take();
            if let Some((outcome, event_loop)) = outcome {
                if outcome.is_ok() {
                    self.join();
                }
                drop(event_loop);
                return outcome;
            }
            self.crew.handle.stand_by(changes, quiet > QUIET_TICKS);
        }
    }

    fn run_handlers(&self) {
        if self.crew.handle.take_signals() {
            self.crew.host.handle_signals();
        }
    }

    /// Leads, unless somebody else has begun to.
    fn step_in(&mut self, called: bool) {
        let taken = self.crew.table().take_lead(&self.crew.handle);
        if !called {
            // A request takes long; perhaps it waits.
            self.crew.pace.suspect();
        }
        if let Some(event_loop) = taken {
            self.lead(event_loop);
        }
    }

    fn lead(&mut self, mut event_loop: Box<EventLoop>) {
        let mut begins = true;
        loop {
            self.run_handlers();
            if std::mem::take(&mut begins) || !event_loop.work.is_empty() {
                let given = self.hand_out(event_loop);
                self.grow_as_wanted();
                match given {
                    Some(still_mine) => event_loop = still_mine,
                    None => return,
                }
            }
            match event_loop.round() {
                Ok(true) => {}
                end => return self.crew.finish(end.map(drop), Some(event_loop)),
            }
        }
    }

    /// Puts work where threads find it, and wakes some; with the lead, where that is better in the hands of one of them.
    fn hand_out(&self, mut event_loop: Box<EventLoop>) -> Option<Box<EventLoop>> {
        let crew = &self.crew;
        let mut table = crew.table();
        let is_new = !event_loop.work.is_empty();
        table.queue.extend(event_loop.work.drain(..));
        let gives = is_new && !crew.pace.is_eager() && !crew.handle.is_needed() && !table.parked.is_empty();
        let count = if gives { 1 } else { table.queue.len().min(table.parked.len()) };
        let at = table.parked.len() - count;
        let called = table.parked.split_off(at);
        let kept = if gives {
            table.event_loop = Some(event_loop);
            crew.handle.vacate(false);
            None
        } else {
            Some(event_loop)
        };
        drop(table);
        for seat in called {
            seat.call();
        }
        kept
    }

    /// Starts threads where too few would be left idle.
    fn grow_as_wanted(&mut self) {
        let rules = self.crew.rules;
        let wanted = (self.crew.counts.outstanding() + rules.min_spare).min(rules.max_threads);
        let total = self.crew.table().total;
        for _ in total..wanted {
            self.grow();
        }
    }

    fn grow(&mut self) {
        self.threads.retain(|thread| !thread.is_finished());
        self.crew.table().total += 1;
        let crew = self.crew.clone();
        let started =
            thread::Builder::new().name("fcgi-app".to_owned()).stack_size(STACK).spawn(move || crew.run());
        match started {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.crew.table().total -= 1;
                tracing::error!(code = %Code::THREAD_START, %error, "an application thread cannot be started");
            }
        }
    }

    fn join(&mut self) {
        while self.crew.service.warden.get().is_some_and(|warden| warden.may_give_up()) {
            self.threads.retain(|thread| !thread.is_finished());
            // One that does not come back ends with the process.
            if self.threads.len() <= self.crew.service.stuck() {
                return;
            }
            thread::park_timeout(JOIN_TICK);
        }
        for thread in self.threads.drain(..) {
            // None panics: each catches that itself.
            let _ = thread.join();
        }
    }
}

/// Ticks without a change, while somebody leads, before the reserve sleeps.
const QUIET_TICKS: u32 = 5;

/// Between two looks whether threads have ended that may get stuck.
const JOIN_TICK: Duration = Duration::from_millis(5);

/// Address space for the stack of an application thread, as the main thread usually has.
const STACK: usize = 8 * 1024 * 1024;
