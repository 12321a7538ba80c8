//! Application threads: attached to the interpreter for life, fed from a queue.
//!
//! Their number follows the spare rules, or is fixed where both bounds are the same. The loop hands work in and never waits.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, unbounded};

use super::intake::Work;
use super::service::Service;
use crate::app::Host;
use crate::os::wake::Wake;

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

/// The threads of a worker.
pub struct Pool {
    sender: Option<Sender<Work>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    rules: ThreadRules,
    receiver: Receiver<Work>,
    service: Arc<Service>,
    host: Arc<dyn Host>,
    wake: Arc<Wake>,
    total: AtomicUsize,
    /// Work that was handed in and is not done: what threads have taken, and what waits. The loop alone counts up, before it
    /// hands in, so that nothing is ever on its way and not counted.
    outstanding: AtomicUsize,
    /// The loop wants to know of every request that ends.
    tell_ends: AtomicBool,
    shrinking: Mutex<()>,
}

impl Pool {
    /// Starts the first threads.
    pub fn start(rules: ThreadRules, service: Arc<Service>, host: Arc<dyn Host>, wake: Arc<Wake>) -> Self {
        let (sender, receiver) = unbounded();
        let shared = Arc::new(Shared {
            rules,
            receiver,
            service,
            host,
            wake,
            total: AtomicUsize::new(0),
            outstanding: AtomicUsize::new(0),
            tell_ends: AtomicBool::new(false),
            shrinking: Mutex::new(()),
        });
        let mut pool = Self { sender: Some(sender), shared, threads: Vec::new() };
        for _ in 0..rules.max_spare.clamp(1, rules.max_threads.max(1)) {
            pool.grow();
        }
        pool
    }

    /// Hands work to the threads, and starts more of them where too few would be left idle.
    pub fn submit(&mut self, work: Work) {
        let outstanding = self.shared.outstanding.fetch_add(1, Ordering::AcqRel) + 1;
        if let Some(sender) = &self.sender {
            // The receiver lives as long as the pool.
            let _ = sender.send(work);
        }
        let rules = self.shared.rules;
        let wanted = (outstanding + rules.min_spare).min(rules.max_threads);
        for _ in self.shared.total.load(Ordering::Acquire)..wanted {
            self.grow();
        }
    }

    /// Whether no thread could take a further request at once; then the loop is woken at the end of the next one.
    pub fn is_saturated(&self) -> bool {
        let full = || self.shared.outstanding.load(Ordering::SeqCst) >= self.shared.rules.max_threads;
        self.tell_ends(full());
        // Asked again: a thread that ended its request before it was asked to tell has not told.
        full()
    }

    /// Says whether the loop wants to be woken at the end of every request.
    pub fn tell_ends(&self, wanted: bool) {
        self.shared.tell_ends.store(wanted, Ordering::SeqCst);
    }

    /// Lets the threads finish what is queued, and waits for them.
    pub fn join(mut self) {
        self.sender = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has logged it.
            let _ = thread.join();
        }
    }

    fn grow(&mut self) {
        self.threads.retain(|thread| !thread.is_finished());
        self.shared.total.fetch_add(1, Ordering::AcqRel);
        let shared = self.shared.clone();
        let started = std::thread::Builder::new()
            .name("fcgi-app".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.run());
        match started {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.shared.total.fetch_sub(1, Ordering::AcqRel);
                tracing::error!(%error, "an application thread cannot be started");
            }
        }
    }
}

impl Shared {
    fn run(&self) {
        self.host.run_thread(&mut |blocker| {
            loop {
                let mut work = None;
                blocker.block(&mut || work = self.receiver.recv().ok());
                let Some(work) = work else { break };
                self.service.perform(&work, blocker);
                drop(work);
                let leaves = self.leaves();
                // Only now: the loop must find this request counted out.
                if self.tell_ends.load(Ordering::SeqCst) || self.service.is_exhausted() {
                    self.wake.wake();
                }
                if leaves {
                    return;
                }
            }
            self.total.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Counts a piece of work out, and its thread as well when enough others are idle.
    fn leaves(&self) -> bool {
        let _one_at_a_time = self.shrinking.lock().unwrap_or_else(PoisonError::into_inner);
        let outstanding = self.outstanding.fetch_sub(1, Ordering::SeqCst) - 1;
        let idle = self.total.load(Ordering::Acquire).saturating_sub(outstanding);
        let surplus = idle > self.rules.max_spare;
        if surplus {
            self.total.fetch_sub(1, Ordering::AcqRel);
        }
        surplus
    }
}

/// Address space for the stack of an application thread, as the main thread usually has.
const STACK: usize = 8 * 1024 * 1024;
