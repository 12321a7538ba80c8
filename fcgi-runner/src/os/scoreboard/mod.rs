//! Memory that the master and all workers share: who is idle, who is busy and with what, what was served and how fast.
//!
//! One page-aligned anonymous mapping made before the first fork: a head, a slot for each worker, desks for the threads of each.
//! Workers write their own part with plain atomic stores, so a worker that is killed leaves nothing locked. Everybody else only
//! reads, and treats what was read as a hint. Pages that nobody uses take no memory.

#![expect(unsafe_code, reason = "memory shared between processes is mapped here")]

mod desk;
mod durations;
mod history;
mod reports;
mod ring;
mod slot;
mod texts;

use std::cell::Cell;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use self::desk::{Desk, Sheet};
pub use self::durations::{Counted, Durations};
pub use self::history::Sample;
pub use self::reports::{Reports, Restart, Slow};
pub use self::slot::{Identity, Load, Phase, Slot, Tally};
use super::arrivals::Arrivals;
use super::backlog::Backlog;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// The board's own line: how the workers wake the master.
#[derive(Debug)]
#[repr(C, align(64))]
struct Head {
    /// The master wants to hear when fewer workers than `wanted_idle` are idle; cleared by the worker that rings.
    armed: AtomicBool,
    wanted_idle: AtomicU32,
    /// Slots above this one have never been used.
    high: AtomicU32,
    /// Requests that were refused because they had waited for too long, and that the log has not told of.
    late: AtomicU32,
    /// When it was told last, in seconds; 0 is never.
    late_told: AtomicU32,
    arrivals: [Arrivals; QUEUES],
    reports: Reports,
}

/// The board itself.
#[derive(Debug)]
pub struct Scoreboard {
    head: NonNull<Head>,
    slots: NonNull<Slot>,
    count: NonZeroUsize,
    desks: NonNull<Desk>,
    /// Of each slot.
    desk_count: usize,
    bytes: NonZeroUsize,
    bell: EventFd,
    /// Times in the mapping are counted from here.
    epoch: Instant,
}

// SAFETY: the mapping lives as long as the board and holds atomics alone.
unsafe impl Send for Scoreboard {}
// SAFETY: as above; every access goes through an atomic.
unsafe impl Sync for Scoreboard {}

impl Scoreboard {
    /// Maps a board with `count` free slots for workers of so many threads.
    ///
    /// # Errors
    /// When the machine is out of memory or the process out of descriptors.
    pub fn new(count: NonZeroUsize, threads: usize) -> io::Result<Arc<Self>> {
        let desk_count = threads.clamp(1, MAX_DESKS);
        let size = size_of::<Head>() + count.get() * (size_of::<Slot>() + desk_count * size_of::<Desk>());
        let bytes = NonZeroUsize::new(size).ok_or(io::ErrorKind::InvalidInput)?;
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping aliases nothing; its zero bytes are a valid head, valid slots and desks.
        let memory = unsafe { mmap_anonymous(None, bytes, protection, MapFlags::MAP_SHARED) }?;
        let head = memory.cast::<Head>();
        // SAFETY: the mapping has room for the head and `count` slots behind it.
        let slots = unsafe { head.add(1) }.cast::<Slot>();
        // SAFETY: behind the slots there is room for all desks; all three have the same alignment.
        let desks = unsafe { slots.add(count.get()) }.cast::<Desk>();
        Ok(Arc::new(Self { head, slots, count, desks, desk_count, bytes, bell, epoch: Instant::now() }))
    }

    /// How many slots there are.
    pub fn slots(&self) -> usize {
        self.count.get()
    }

    /// The slot of a worker; slots beyond the board's end share the last one.
    pub fn slot(&self, index: usize) -> &Slot {
        // SAFETY: the index is below `count`.
        let slot = unsafe { self.slots.add(index.min(self.count.get() - 1)) };
        // SAFETY: the mapping lives as long as the board, and its bytes are valid slots.
        unsafe { slot.as_ref() }
    }

    /// The desks of a worker: so many requests can be shown at once.
    pub fn desks(&self, index: usize) -> &[Desk] {
        // SAFETY: the index is below `count`, and each slot has `desk_count` desks.
        let first = unsafe { self.desks.add(index.min(self.count.get() - 1) * self.desk_count) };
        // SAFETY: as above; the mapping lives as long as the board, and its bytes are valid desks.
        unsafe { std::slice::from_raw_parts(first.as_ptr(), self.desk_count) }
    }

    /// Sits down at a free desk of a worker with a request that arrived at this time; nothing when all are taken.
    pub fn take_desk(
        &self,
        index: usize,
        arrived: Instant,
        method: &[u8],
        target: &[u8],
    ) -> Option<Seat<'_>> {
        let desks = self.desks(index);
        let arrived = arrived.saturating_duration_since(self.epoch);
        // A thread nearly always finds the desk free that it had before.
        let take = |desk: &&Desk| desk.take(arrived, method, target);
        if let Some(desk) = desks.get(LAST_DESK.get()).filter(take) {
            return Some(Seat(desk));
        }
        let (number, desk) = desks.iter().enumerate().find(|(_, desk)| take(desk))?;
        LAST_DESK.set(number);
        Some(Seat(desk))
    }

    /// Time since the board's beginning, from which all times on it are counted.
    pub fn elapsed(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// How many slots were ever taken into use, from the first on.
    pub fn used_slots(&self) -> usize {
        (self.head().high.load(Ordering::Relaxed) as usize).min(self.slots())
    }

    /// Takes a slot into use for a worker with so many threads.
    pub fn open_slot(&self, index: usize, threads: usize) {
        self.clear_slot(index, threads);
        self.head().high.fetch_max(u32::try_from(index + 1).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Gives a slot back after its worker's end. What was counted stays.
    pub fn close_slot(&self, index: usize) {
        self.clear_slot(index, 0);
        self.reports().release(index);
    }

    /// What the board tells of the past.
    pub fn reports(&self) -> &Reports {
        &self.head().reports
    }

    fn clear_slot(&self, index: usize, threads: usize) {
        self.slot(index).reset(threads, self.epoch.elapsed());
        self.desks(index).iter().for_each(Desk::leave);
    }

    /// Asks the workers to ring when fewer than `wanted_idle` of them are idle.
    pub fn arm(&self, wanted_idle: usize) {
        self.head().wanted_idle.store(u32::try_from(wanted_idle).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.head().armed.store(wanted_idle > 0, Ordering::Release);
    }

    /// Makes the bell quiet after it was heard.
    pub fn silence(&self) {
        let _ = self.bell.read();
    }

    /// Called by a worker that has become busy: wakes the master if too few are idle now.
    pub fn note_busy(&self) {
        let head = self.head();
        if !head.armed.load(Ordering::Acquire) {
            return;
        }
        let wanted = head.wanted_idle.load(Ordering::Relaxed) as usize;
        let idle = (0..head.high.load(Ordering::Relaxed) as usize)
            .filter(|index| self.slot(*index).load().is_idle())
            .take(wanted)
            .count();
        if idle < wanted && head.armed.swap(false, Ordering::AcqRel) {
            // A counter that is full has been rung already.
            let _ = self.bell.write(1);
        }
    }

    /// How many requests workers other than that of a slot could begin with at once, `most` at most.
    pub fn idle_besides(&self, slot: usize, most: usize) -> usize {
        let mut idle = 0;
        for other in self.others(slot) {
            if idle >= most {
                break;
            }
            idle += other.idle_threads();
        }
        idle.min(most)
    }

    /// Whether there are workers other than that of a slot.
    pub fn has_others(&self, slot: usize) -> bool {
        self.others(slot).any(Slot::is_taken)
    }

    fn others(&self, slot: usize) -> impl Iterator<Item = &Slot> {
        let slots = 0..self.head().high.load(Ordering::Relaxed) as usize;
        slots.filter(move |index| *index != slot).map(|index| self.slot(index))
    }

    /// Counts a connection that the worker of a slot has accepted from a listen queue.
    pub fn note_accepted(&self, slot: usize, queue: usize) {
        if let Some(accepted) = self.slot(slot).accepted.get(queue) {
            accepted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Looks how many wait in a listen queue, unless somebody has in the last `pause`.
    pub fn look_at(&self, queue: usize, backlog: &Backlog, pause: Duration) {
        if let Some(arrivals) = self.head().arrivals.get(queue) {
            arrivals.look(backlog, self.epoch.elapsed(), pause, || self.accepted(queue));
        }
    }

    /// Since when the connection has waited that leaves a listen queue after `more` others; the last one that was accepted is
    /// `None` others away. Nothing when nobody has seen it wait.
    pub fn waits_since(&self, queue: usize, more: Option<u32>) -> Option<Instant> {
        let number = self.accepted(queue).wrapping_add(more.map_or(0, |more| more + 1));
        let waited = self.head().arrivals.get(queue)?.waited(number, self.epoch.elapsed())?;
        Instant::now().checked_sub(waited)
    }

    fn accepted(&self, queue: usize) -> u32 {
        let slots = (0..self.head().high.load(Ordering::Relaxed) as usize).map(|index| self.slot(index));
        let counts = slots.filter_map(|slot| slot.accepted.get(queue));
        counts.fold(0, |sum, count| sum.wrapping_add(count.load(Ordering::Relaxed)))
    }

    /// Counts a request that was refused because it had waited for too long.
    pub fn note_late(&self) {
        self.head().late.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether the log has to be told of such requests some time.
    pub fn has_untold(&self) -> bool {
        self.head().late.load(Ordering::Relaxed) > 0
    }

    /// How many such requests the log has to be told of now: of the first at once, of others not until `pause` is over.
    pub fn take_late(&self, pause: Duration) -> Option<u32> {
        let head = self.head();
        let now = u32::try_from(self.epoch.elapsed().as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let told = head.late_told.load(Ordering::Relaxed);
        let is_soon = told > 0 && u64::from(now - told.min(now)) < pause.as_secs();
        if is_soon || !self.has_untold() {
            return None;
        }
        head.late_told.compare_exchange(told, now, Ordering::AcqRel, Ordering::Relaxed).ok()?;
        Some(head.late.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }

    /// The descriptor on which the bell is heard.
    pub fn bell(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }

    fn head(&self) -> &Head {
        // SAFETY: the head lies at the mapping's start.
        unsafe { self.head.as_ref() }
    }
}

impl Drop for Scoreboard {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody can hold a slot any more.
        let _ = unsafe { munmap(self.head.cast(), self.bytes.get()) };
    }
}

/// A thread's place at a desk, for the time of one request.
#[derive(Debug)]
pub struct Seat<'b>(&'b Desk);

impl Seat<'_> {
    /// The desk.
    pub fn desk(&self) -> &Desk {
        self.0
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.0.leave();
    }
}

thread_local! {
    static LAST_DESK: Cell<usize> = const { Cell::new(0) };
}

/// Requests of one worker that can be shown at once; of more, these are shown.
const MAX_DESKS: usize = 1024;

/// Listen queues at which can be looked: a server has one, or two where a name stands for two addresses.
const QUEUES: usize = 4;

#[cfg(test)]
mod tests;
