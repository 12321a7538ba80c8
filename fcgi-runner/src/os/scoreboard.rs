//! Memory that the master and all workers share: who is idle, who is busy, how many requests were served.
//!
//! One page-aligned anonymous mapping made before the first fork. Workers write their own slot with plain atomic stores, so a
//! worker that is killed leaves nothing locked. The master only reads, and it treats what it reads as a hint.

#![expect(unsafe_code, reason = "memory shared between processes is mapped here")]

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd};
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

/// One worker's line on the board. A slot without threads is free.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub struct Slot {
    /// Requests that run now.
    running: AtomicU32,
    /// Application threads the worker may have.
    threads: AtomicU32,
    /// Requests served since the start of this worker.
    served: AtomicU64,
}

/// The board's own line: how the workers wake the master.
#[derive(Debug, Default)]
#[repr(C, align(64))]
struct Head {
    /// The master wants to hear when fewer workers than `wanted_idle` are idle; cleared by the worker that rings.
    armed: AtomicBool,
    wanted_idle: AtomicU32,
    /// Slots above this one have never been used.
    high: AtomicU32,
}

/// What the master reads of a worker.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Load {
    pub running: u32,
    pub threads: u32,
    pub served: u64,
}

impl Load {
    /// Whether a further request could run at once in this worker.
    pub fn is_idle(self) -> bool {
        self.running < self.threads
    }
}

/// The board itself.
#[derive(Debug)]
pub struct Scoreboard {
    head: NonNull<Head>,
    slots: NonNull<Slot>,
    count: NonZeroUsize,
    bytes: NonZeroUsize,
    bell: EventFd,
}

// SAFETY: the mapping lives as long as the board and holds atomics alone.
unsafe impl Send for Scoreboard {}
// SAFETY: as above; every access goes through an atomic.
unsafe impl Sync for Scoreboard {}

impl Scoreboard {
    /// Maps a board with `count` free slots.
    ///
    /// # Errors
    /// When the machine is out of memory or the process out of descriptors.
    pub fn new(count: NonZeroUsize) -> io::Result<Arc<Self>> {
        let size = size_of::<Head>() + count.get() * size_of::<Slot>();
        let bytes = NonZeroUsize::new(size).ok_or(io::ErrorKind::InvalidInput)?;
        let bell = EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping aliases nothing; its zero bytes are a valid head and valid slots.
        let memory = unsafe { mmap_anonymous(None, bytes, protection, MapFlags::MAP_SHARED) }?;
        let head = memory.cast::<Head>();
        // SAFETY: the mapping has room for the head and `count` slots behind it.
        let slots = unsafe { head.add(1) }.cast::<Slot>();
        Ok(Arc::new(Self { head, slots, count, bytes, bell }))
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

    /// Takes a slot into use for a worker with so many threads.
    pub fn open_slot(&self, index: usize, threads: usize) {
        self.slot(index).reset(threads);
        self.head().high.fetch_max(u32::try_from(index + 1).unwrap_or(u32::MAX), Ordering::Relaxed);
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

    /// How many workers other than that of a slot are idle, `most` at most.
    pub fn idle_besides(&self, slot: usize, most: usize) -> usize {
        (0..self.head().high.load(Ordering::Relaxed) as usize)
            .filter(|index| *index != slot && self.slot(*index).load().is_idle())
            .take(most)
            .count()
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

impl Slot {
    fn reset(&self, threads: usize) {
        self.running.store(0, Ordering::Relaxed);
        self.served.store(0, Ordering::Relaxed);
        self.threads.store(u32::try_from(threads).unwrap_or(u32::MAX), Ordering::Relaxed);
    }

    /// Gives the slot back after its worker's end.
    pub fn close(&self) {
        self.reset(0);
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

    /// Reads the slot.
    pub fn load(&self) -> Load {
        Load {
            running: self.running.load(Ordering::Relaxed),
            threads: self.threads.load(Ordering::Relaxed),
            served: self.served.load(Ordering::Relaxed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn board(count: usize) -> Arc<Scoreboard> {
        Scoreboard::new(NonZeroUsize::new(count).unwrap()).unwrap()
    }

    fn rung(board: &Scoreboard) -> bool {
        board.bell.read().is_ok()
    }

    #[test]
    fn a_slot_counts_and_tells_when_it_is_busy() {
        let board = board(3);
        board.open_slot(1, 2);
        let slot = board.slot(1);
        assert!(!slot.begin());
        assert!(slot.begin());
        assert!(!slot.load().is_idle());
        assert_eq!(slot.end(), 1);
        assert_eq!(slot.load(), Load { running: 1, threads: 2, served: 1 });
        assert!(slot.load().is_idle());
        assert_eq!(board.idle_besides(0, 9), 1);
        assert_eq!(board.idle_besides(1, 9), 0);
        assert_eq!(board.idle_besides(0, 0), 0);
        assert!(!board.slot(0).load().is_idle(), "a free slot is nobody");
        slot.close();
        assert_eq!(slot.load(), Load::default());
    }

    #[test]
    fn the_bell_rings_once_when_too_few_are_idle() {
        let board = board(4);
        (0..3).for_each(|index| board.open_slot(index, 1));
        board.slot(0).begin();
        board.note_busy();
        assert!(!rung(&board), "not armed");
        board.arm(2);
        board.note_busy();
        assert!(!rung(&board), "two are idle");
        board.slot(1).begin();
        board.note_busy();
        board.note_busy();
        assert!(rung(&board));
        assert!(!rung(&board));
        board.arm(2);
        board.note_busy();
        assert!(rung(&board), "armed again");
    }
}
