//! Application threads: attached to the interpreter for life, and detached from it whenever they wait.
//!
//! An idle thread takes work from the queue; where there is none and nobody leads, it leads: it waits for events and reads,
//! and what it has read it serves itself, without a change of threads. Meanwhile nobody leads, which the reserve bounds. Their number
//! follows the spare rules, or is fixed where both bounds are the same.

mod handle;
mod pace;
mod reserve;

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

pub use self::handle::LoopHandle;
pub(super) use self::handle::Need;
use self::pace::Pace;
pub(super) use self::reserve::Reserve;
use super::event_loop::EventLoop;
use super::intake::Work;
use super::service::Service;
use crate::app::Host;

/// How many threads there are to be.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ThreadRules {
    /// Threads at the start, and the most that stay idle.
    pub max_spare: usize,
    /// Fewer idle threads than this: start more.
    pub min_spare: usize,
    /// Never more than this.
    pub max_threads: usize,
}

impl ThreadRules {
    /// Always the same number.
    pub fn fixed(count: usize) -> Self {
        Self { max_spare: count, min_spare: 0, max_threads: count }
    }
}

/// Work that was read and is not done: what threads have taken, and what waits. Whoever leads alone counts up, before
/// others can see the work.
#[derive(Debug)]
pub(super) struct Counts {
    max_threads: usize,
    outstanding: AtomicUsize,
    /// Whoever leads wants to know of every request that ends.
    tell_ends: AtomicBool,
}

impl Counts {
    pub(super) fn new(rules: ThreadRules) -> Self {
        Self {
            max_threads: rules.max_threads,
            outstanding: AtomicUsize::new(0),
            tell_ends: AtomicBool::new(false),
        }
    }

    /// Counts work in.
    pub(super) fn add(&self, count: usize) {
        self.outstanding.fetch_add(count, Ordering::SeqCst);
    }

    pub(super) fn outstanding(&self) -> usize {
        self.outstanding.load(Ordering::SeqCst)
    }

    /// Whether no thread could take a further request at once; then whoever leads is woken at the end of the next one.
    pub(super) fn is_saturated(&self) -> bool {
        let full = || self.outstanding() >= self.max_threads;
        self.tell_ends(full());
        // Asked again: a thread that ended its request before it was asked to tell has not told.
        full()
    }

    /// Says whether whoever leads wants to be woken at the end of every request.
    pub(super) fn tell_ends(&self, wanted: bool) {
        self.tell_ends.store(wanted, Ordering::SeqCst);
    }
}

/// What all threads of a worker share.
pub(super) struct Crew {
    rules: ThreadRules,
    service: Arc<Service>,
    host: Arc<dyn Host>,
    handle: Arc<LoopHandle>,
    counts: Arc<Counts>,
    pace: Pace,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// There while nobody leads.
    event_loop: Option<Box<EventLoop>>,
    /// Read, and taken by no thread.
    queue: VecDeque<Work>,
    /// Idle threads that do not lead; the last one has waited for the shortest time.
    parked: Vec<Arc<Seat>>,
    total: usize,
    over: bool,
    /// How it ended, until the reserve takes it; with the loop, whose connections stay open as long as requests run.
    outcome: Option<(io::Result<()>, Option<Box<EventLoop>>)>,
}

/// Where an idle thread waits.
#[derive(Debug)]
struct Seat {
    thread: Thread,
    called: AtomicBool,
    dismissed: AtomicBool,
}

impl Crew {
    /// Those who will serve what is read.
    pub(super) fn new(
        rules: ThreadRules,
        service: Arc<Service>,
        host: Arc<dyn Host>,
        handle: Arc<LoopHandle>,
        counts: Arc<Counts>,
    ) -> Self {
        let pace = Pace::new(host.runs_in_parallel());
        Self { rules, service, host, handle, counts, pace, table: Mutex::default() }
    }

    /// The life of an application thread. One that panics may have had the loop: the worker cannot go on.
    fn run(&self) {
        let seat = Arc::new(Seat::new());
        if catch_unwind(AssertUnwindSafe(|| self.serve_for_life(&seat))).is_err() {
            self.finish(Err(io::Error::other("a thread of the server has panicked")), None);
        }
    }

    fn serve_for_life(&self, seat: &Arc<Seat>) {
        self.host.run_thread(&mut |blocker| {
            let mut has_served = false;
            loop {
                let mut work = None;
                blocker.block(&mut || work = self.next(seat, has_served));
                let Some(work) = work else { return };
                let lap = self.pace.begin();
                self.service.perform(&work, blocker);
                let starved = work.request().starved();
                drop(work);
                self.pace.end(&lap, starved);
                has_served = true;
            }
        });
    }

    /// Waits for work, or finds some; `None` when the thread has to end.
    fn next(&self, seat: &Arc<Seat>, mut has_served: bool) -> Option<Work> {
        loop {
            let mut table = self.table();
            if std::mem::take(&mut has_served) && self.count_out(&mut table) {
                return None;
            }
            if let Some(work) = table.queue.pop_front() {
                let is_vacant = table.event_loop.is_some();
                drop(table);
                if is_vacant && self.pace.is_eager() {
                    self.handle.call();
                }
                return Some(work);
            }
            if table.over {
                return None;
            }
            if let Some(event_loop) = table.take_lead(&self.handle) {
                drop(table);
                if let Some(work) = self.lead(event_loop) {
                    return Some(work);
                }
                continue;
            }
            table.parked.push(seat.clone());
            drop(table);
            if seat.wait() {
                return None;
            }
        }
    }

    /// Reads until there is work; gives a piece of it, and lets go of the loop.
    fn lead(&self, mut event_loop: Box<EventLoop>) -> Option<Work> {
        while event_loop.work.is_empty() {
            match event_loop.round() {
                Ok(true) => {}
                end => {
                    self.finish(end.map(drop), Some(event_loop));
                    return None;
                }
            }
        }
        let mut table = self.table();
        table.queue.extend(event_loop.work.drain(..));
        let work = table.queue.pop_front();
        table.event_loop = Some(event_loop);
        self.handle.vacate(self.pace.is_eager());
        work
    }

    /// Counts a piece of work out; `true` if this thread is one too many. Where others wait, the one that has waited for the
    /// longest time goes instead.
    fn count_out(&self, table: &mut Table) -> bool {
        let outstanding = self.counts.outstanding.fetch_sub(1, Ordering::SeqCst) - 1;
        // Only now: whoever leads must find this request counted out. Where nobody does, the next one looks in any case.
        if self.counts.tell_ends.load(Ordering::SeqCst) || self.service.wear.has_news() {
            self.handle.nudge();
        }
        if table.total.saturating_sub(outstanding) <= self.rules.max_spare {
            return false;
        }
        table.total -= 1;
        if table.parked.is_empty() {
            // Somebody has to lead, or to take what waits.
            self.handle.call();
            return true;
        }
        table.parked.remove(0).dismiss();
        false
    }

    /// The loop has come to its end: lets everybody know.
    fn finish(&self, outcome: io::Result<()>, event_loop: Option<Box<EventLoop>>) {
        let mut table = self.table();
        table.over = true;
        table.outcome = Some((outcome, event_loop));
        let parked = std::mem::take(&mut table.parked);
        drop(table);
        for seat in parked {
            seat.call();
        }
        self.handle.rouse();
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Takes the lead, if it is vacant.
    fn take_lead(&mut self, handle: &LoopHandle) -> Option<Box<EventLoop>> {
        let event_loop = self.event_loop.take()?;
        handle.occupy();
        Some(event_loop)
    }
}

impl Seat {
    /// The seat of the calling thread.
    fn new() -> Self {
        Self { thread: thread::current(), called: AtomicBool::new(false), dismissed: AtomicBool::new(false) }
    }

    /// Waits until the thread is called; `true` when it has to end.
    fn wait(&self) -> bool {
        while !self.called.swap(false, Ordering::AcqRel) {
            thread::park();
        }
        self.dismissed.load(Ordering::Acquire)
    }

    /// Called for a seat that was taken off the list.
    fn call(&self) {
        self.called.store(true, Ordering::Release);
        self.thread.unpark();
    }

    fn dismiss(&self) {
        self.dismissed.store(true, Ordering::Release);
        self.call();
    }
}
