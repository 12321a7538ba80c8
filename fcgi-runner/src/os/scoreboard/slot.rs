//! One worker's line on the board.

use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use super::QUEUES;
use super::durations::Durations;

/// A place for one worker. A slot without threads is free.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Slot {
    /// Requests that run now.
    running: AtomicU32,
    /// Application threads the worker may have.
    threads: AtomicU32,
    /// Requests served since the start of this worker.
    served: AtomicU64,
    /// Connections whose turn has not come, although they have input.
    waiting: AtomicU32,
    /// Connections that are open.
    connections: AtomicU32,
    phase: AtomicU8,
    pid: AtomicU32,
    /// Which reload has brought the worker: 0 is the start.
    generation: AtomicU32,
    /// When it was started, in milliseconds since the board's beginning.
    started: AtomicU64,
    /// Connections accepted by all workers that ever had this slot, for each of the first listen queues.
    pub(super) accepted: [AtomicU32; QUEUES],
    tally: Tally,
}

/// What all workers that ever had a slot have done; never taken back, so that nothing is lost with a worker.
#[derive(Debug)]
#[repr(C)]
pub struct Tally {
    /// Requests by the first digit of their status; the first one has those that were given no status.
    statuses: [AtomicU64; 6],
    /// Bytes of the bodies of answers.
    sent: AtomicU64,
    /// Nanoseconds from arrival to end, all requests together.
    time: AtomicU64,
    /// Of the requests, those that were not given to the application.
    refused: AtomicU64,
    /// Of the requests, those that were turned away because they had waited for too long.
    late: AtomicU64,
    /// Of the requests, those that ran for too long.
    timed_out: AtomicU64,
    durations: Durations,
}

/// What the master reads of a worker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Load {
    pub running: u32,
    pub threads: u32,
    pub served: u64,
    /// Connections that are open.
    pub connections: u32,
}

/// How far a worker is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Phase {
    /// It imports the application.
    #[default]
    Starting,
    Serving,
    /// It takes nothing new.
    Leaving,
}

/// Who a worker is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// 0 until the process has said so itself.
    pub pid: u32,
    pub generation: u32,
    pub phase: Phase,
    /// After the board's beginning.
    pub started: Duration,
}

impl Load {
    /// Whether a further request could run at once in this worker.
    pub fn is_idle(self) -> bool {
        self.running < self.threads
    }
}

impl Slot {
    pub(super) fn reset(&self, threads: usize, started: Duration) {
        self.running.store(0, Ordering::Relaxed);
        self.served.store(0, Ordering::Relaxed);
        self.waiting.store(0, Ordering::Relaxed);
        self.connections.store(0, Ordering::Relaxed);
        self.pid.store(0, Ordering::Relaxed);
        self.set_phase(Phase::Starting);
        self.started.store(u64::try_from(started.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.threads.store(u32::try_from(threads).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Says who works here.
    pub fn set_pid(&self, pid: u32) {
        self.pid.store(pid, Ordering::Relaxed);
    }

    /// Says which reload has brought the worker.
    pub fn set_generation(&self, generation: u32) {
        self.generation.store(generation, Ordering::Relaxed);
    }

    /// Says how far the worker is.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Says how many connections have input and wait for their turn.
    pub fn set_waiting(&self, count: usize) {
        self.waiting.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Says how many connections are open.
    pub fn set_connections(&self, count: usize) {
        self.connections.store(u32::try_from(count).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// How many further requests could run at once, if none waits for that already.
    pub(super) fn idle_threads(&self) -> usize {
        let Load { running, threads, .. } = self.load();
        let serves = self.phase.load(Ordering::Relaxed) == Phase::Serving as u8;
        let takes = serves && self.waiting.load(Ordering::Relaxed) == 0;
        if takes { threads.saturating_sub(running) as usize } else { 0 }
    }

    /// Whether a worker has this slot.
    pub fn is_taken(&self) -> bool {
        self.threads.load(Ordering::Relaxed) > 0
    }

    /// Counts a request in; `true` when no further one could run at once.
    pub fn begin(&self) -> bool {
        self.running.fetch_add(1, Ordering::Relaxed) + 1 >= self.threads.load(Ordering::Relaxed)
    }

    /// Counts a request out; gives the number served so far.
    pub fn end(&self) -> u64 {
        self.running.fetch_sub(1, Ordering::Relaxed);
        self.served.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Reads how busy the worker is.
    pub fn load(&self) -> Load {
        Load {
            running: self.running.load(Ordering::Relaxed),
            threads: self.threads.load(Ordering::Relaxed),
            served: self.served.load(Ordering::Relaxed),
            connections: self.connections.load(Ordering::Relaxed),
        }
    }

    /// Reads who the worker is.
    pub fn identity(&self) -> Identity {
        Identity {
            pid: self.pid.load(Ordering::Relaxed),
            generation: self.generation.load(Ordering::Relaxed),
            phase: match self.phase.load(Ordering::Relaxed) {
                0 => Phase::Starting,
                1 => Phase::Serving,
                _ => Phase::Leaving,
            },
            started: Duration::from_millis(self.started.load(Ordering::Relaxed)),
        }
    }

    /// What the workers of this slot have done.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Tally {
    /// Counts a request that is over: its status (0: none), the bytes of its answer's body, its time since it arrived.
    pub fn record(&self, status: u16, sent: u64, duration: Duration) {
        if let Some(count) = self.statuses.get(usize::from(status / 100)).or(self.statuses.first()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.sent.fetch_add(sent, Ordering::Relaxed);
        let nanos =
            duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos().into());
        self.time.fetch_add(nanos, Ordering::Relaxed);
        self.durations.record(duration);
    }

    /// Counts a request that was not given to the application, beside [`Tally::record`].
    pub fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that had waited for too long, beside [`Tally::record`].
    pub fn note_late(&self) {
        self.late.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that was ended because it ran for too long, beside [`Tally::record`].
    pub fn note_timed_out(&self) {
        self.timed_out.fetch_add(1, Ordering::Relaxed);
    }

    /// Requests that were not given to the application.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Requests that had waited for too long.
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Requests that ran for too long.
    pub fn timed_out(&self) -> u64 {
        self.timed_out.load(Ordering::Relaxed)
    }

    /// Requests by the first digit of their status, first those without one.
    pub fn statuses(&self) -> [u64; 6] {
        std::array::from_fn(|class| self.statuses.get(class).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    /// Bytes of the bodies of answers.
    pub fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Time from arrival to end, all requests together.
    pub fn time(&self) -> Duration {
        Duration::from_nanos(self.time.load(Ordering::Relaxed))
    }

    /// How long they took.
    pub fn durations(&self) -> &Durations {
        &self.durations
    }
}
