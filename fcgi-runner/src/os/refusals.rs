//! Memory that all workers share: who was refused a connection how often since the log was told.
//!
//! Whoever knocks again and again is to fill no disk: each peer is told of once a minute, with a number. There is room for some
//! peers by themselves; when more come within a minute, the rest is counted together.

#![expect(unsafe_code, reason = "memory shared between processes is mapped here")]

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::num::NonZeroUsize;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::peers::Peer;

/// The counts.
#[derive(Debug)]
pub struct Refusals {
    seats: NonNull<Seats>,
    epoch: Instant,
}

/// What the log is to be told now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Told {
    /// How often since the last time.
    pub count: u32,
    /// These were many peers, of which this is one.
    pub others: bool,
}

#[repr(C)]
#[derive(Debug)]
struct Seats([Seat; SEATS + 1]);

/// One peer. Seats are taken with atomic steps alone: of two peers that take one at the same time, one may be counted for the
/// other, and nothing worse happens.
#[repr(C)]
#[derive(Debug)]
struct Seat {
    /// What stands for the peer; 0 is nobody.
    key: AtomicU64,
    /// When the log was told last, in seconds from 1 on; 0 is never.
    told: AtomicU32,
    count: AtomicU32,
}

// SAFETY: the mapping lives as long as the counts and holds atomics alone.
unsafe impl Send for Refusals {}
// SAFETY: as above; every access goes through an atomic.
unsafe impl Sync for Refusals {}

impl Refusals {
    /// Maps them; every process forked afterwards shares them.
    ///
    /// # Errors
    /// When the machine is out of memory.
    pub fn new() -> io::Result<Self> {
        let bytes = NonZeroUsize::new(size_of::<Seats>()).ok_or(io::ErrorKind::InvalidInput)?;
        let protection = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
        // SAFETY: a new anonymous mapping aliases nothing; its zero bytes are valid seats.
        let memory = unsafe { mmap_anonymous(None, bytes, protection, MapFlags::MAP_SHARED) }?;
        Ok(Self { seats: memory.cast(), epoch: Instant::now() })
    }

    /// Counts a peer that was refused; says what the log is to be told, if it is to be told now.
    pub fn note(&self, peer: Peer) -> Option<Told> {
        self.note_at(peer, self.epoch.elapsed())
    }

    fn note_at(&self, peer: Peer, now: Duration) -> Option<Told> {
        let now = u32::try_from(now.as_secs()).unwrap_or(u32::MAX).saturating_add(1);
        let mut hasher = DefaultHasher::new();
        peer.hash(&mut hasher);
        let key = hasher.finish().max(1);
        let seats = self.seats();
        let (own, others) = seats.split_at(SEATS);
        let seat = own.iter().find(|seat| seat.key.load(Ordering::Relaxed) == key);
        match seat.or_else(|| own.iter().find(|seat| seat.take(key, now))) {
            Some(seat) => seat.note(now).map(|count| Told { count, others: false }),
            None => others.first()?.note(now).map(|count| Told { count, others: true }),
        }
    }

    fn seats(&self) -> &[Seat] {
        // SAFETY: the mapping is as large as the seats and lives as long as this.
        unsafe { &self.seats.as_ref().0 }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and nobody can hold a seat any more.
        let _ = unsafe { munmap(self.seats.cast(), size_of::<Seats>()) };
    }
}

impl Seat {
    /// Takes a seat that nobody has, or whose peer has not come for a minute.
    fn take(&self, key: u64, now: u32) -> bool {
        let old = self.key.load(Ordering::Relaxed);
        let is_free = old == 0 || now.saturating_sub(self.told.load(Ordering::Relaxed)) >= PAUSE;
        let taken =
            is_free && self.key.compare_exchange(old, key, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if taken {
            self.told.store(0, Ordering::Relaxed);
            self.count.store(0, Ordering::Relaxed);
        }
        taken
    }

    fn note(&self, now: u32) -> Option<u32> {
        self.count.fetch_add(1, Ordering::Relaxed);
        let told = self.told.load(Ordering::Relaxed);
        if told > 0 && now.saturating_sub(told) < PAUSE {
            return None;
        }
        self.told.compare_exchange(told, now, Ordering::Relaxed, Ordering::Relaxed).ok()?;
        Some(self.count.swap(0, Ordering::Relaxed)).filter(|count| *count > 0)
    }
}

/// Peers that are counted by themselves.
const SEATS: usize = 64;

/// Seconds between two lines about the same peer.
const PAUSE: u32 = 60;

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(number: u32) -> Peer {
        Peer::User(number)
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn each_is_told_of_once_a_minute_with_its_number() {
        let refusals = Refusals::new().unwrap();
        let one = |count| Some(Told { count, others: false });
        assert_eq!(refusals.note_at(peer(1), seconds(0)), one(1));
        assert_eq!(refusals.note_at(peer(2), seconds(1)), one(1));
        for second in 1..60 {
            assert_eq!(refusals.note_at(peer(1), seconds(second)), None);
        }
        assert_eq!(refusals.note_at(peer(1), seconds(60)), one(60));
        assert_eq!(refusals.note_at(peer(1), seconds(61)), None);
        assert_eq!(refusals.note_at(peer(2), seconds(500)), one(1));
    }

    #[test]
    fn many_peers_share_a_line() {
        let refusals = Refusals::new().unwrap();
        let told: Vec<Told> =
            (0..10_000).filter_map(|number| refusals.note_at(peer(number), seconds(5))).collect();
        assert_eq!(told.len(), SEATS + 1);
        assert_eq!(told.iter().filter(|told| told.others).count(), 1);
        // A minute later their seats are free for others.
        assert_eq!(refusals.note_at(peer(77_777), seconds(65)), Some(Told { count: 1, others: false }));
        let rest = refusals.note_at(peer(88_888), seconds(65));
        assert_eq!(rest, Some(Told { count: 1, others: false }));
    }
}
