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
    idle: AtomicUsize,
    total: AtomicUsize,
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
            idle: AtomicUsize::new(0),
            total: AtomicUsize::new(0),
            tell_ends: AtomicBool::new(false),
            shrinking: Mutex::new(()),
        });
        let mut pool = Self { sender: Some(sender), shared, threads: Vec::new() };
        for _ in 0..rules.max_spare.clamp(1, rules.max_threads.max(1)) {
            pool.grow();
        }
        pool
    }

    /// Hands work to the threads.
    pub fn submit(&mut self, work: Work) {
        if let Some(sender) = &self.sender {
            // The receiver lives as long as the pool.
            let _ = sender.send(work);
        }
        let waiting = self.shared.receiver.len();
        let idle = self.shared.idle.load(Ordering::Acquire);
        let wanted = (waiting + self.shared.rules.min_spare).saturating_sub(idle);
        let room = self.shared.rules.max_threads.saturating_sub(self.shared.total.load(Ordering::Acquire));
        for _ in 0..wanted.min(room) {
            self.grow();
        }
    }

    /// Whether no thread could take a further request at once.
    pub fn is_saturated(&self) -> bool {
        let running = self.shared.total.load(Ordering::Acquire) - self.shared.idle.load(Ordering::Acquire);
        running + self.shared.receiver.len() >= self.shared.rules.max_threads
    }

    /// Wakes the loop at the end of every request from now on.
    pub fn tell_ends(&self) {
        self.shared.tell_ends.store(true, Ordering::Release);
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
        self.shared.idle.fetch_add(1, Ordering::AcqRel);
        let shared = self.shared.clone();
        let started = std::thread::Builder::new()
            .name("fcgi-app".to_owned())
            .stack_size(STACK)
            .spawn(move || shared.run());
        match started {
            Ok(thread) => self.threads.push(thread),
            Err(error) => {
                self.shared.total.fetch_sub(1, Ordering::AcqRel);
                self.shared.idle.fetch_sub(1, Ordering::AcqRel);
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
                self.idle.fetch_sub(1, Ordering::AcqRel);
                self.service.perform(&work, blocker);
                drop(work);
                if self.tell_ends.load(Ordering::Acquire) || self.service.is_exhausted() {
                    self.wake.wake();
                }
                if self.leaves() {
                    return;
                }
            }
            self.idle.fetch_sub(1, Ordering::AcqRel);
            self.total.fetch_sub(1, Ordering::AcqRel);
        });
    }

    /// Counts the thread back in, or out when enough others are idle.
    fn leaves(&self) -> bool {
        let _one_at_a_time = self.shrinking.lock().unwrap_or_else(PoisonError::into_inner);
        // What is queued will be taken by threads that are counted as idle now.
        let surplus = self.idle.load(Ordering::Acquire) >= self.rules.max_spare + self.receiver.len();
        if surplus {
            self.total.fetch_sub(1, Ordering::AcqRel);
        } else {
            self.idle.fetch_add(1, Ordering::AcqRel);
        }
        surplus
    }
}

/// Address space for the stack of an application thread, as the main thread usually has.
const STACK: usize = 8 * 1024 * 1024;
