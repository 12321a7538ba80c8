//! When connections came that waited in a listen queue, which no system call tells.
//!
//! Connections leave a listen queue in the order in which they came. So whoever looks at it notes how many have ever come: those
//! that were accepted so far, and those that wait. What is accepted as the n-th was there at the first look at which n had
//! come. The notes lie in memory that all workers share; a wait is never taken for longer than it was, and for shorter by
//! no more than the time between two looks.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::backlog::Backlog;

/// The notes about one listen queue. All zero is a queue at which nobody has looked.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Arrivals {
    /// Milliseconds after which the next look is worth its cost.
    next: AtomicU32,
    /// How many notes were made.
    made: AtomicU32,
    /// The last of them: milliseconds above, connections below.
    notes: [AtomicU64; NOTES],
}

impl Arrivals {
    /// Looks at the queue, unless somebody has in the last `pause`; `accepted` tells how many were accepted so far.
    pub fn look(&self, backlog: &Backlog, now: Duration, pause: Duration, accepted: impl Fn() -> u32) {
        let (next, millis) = (self.next.load(Ordering::Relaxed), millis(now));
        if self.made.load(Ordering::Relaxed) > 0 && is_before(millis, next) {
            return;
        }
        let until = |pause: Duration| millis.wrapping_add(u32::try_from(pause.as_millis()).unwrap_or(0));
        let turn = self.next.compare_exchange(next, until(pause), Ordering::AcqRel, Ordering::Relaxed);
        if turn.is_err() {
            return;
        }
        let begun = Instant::now();
        // In this order: who is accepted in between is counted not at all rather than twice.
        let accepted = accepted();
        if let Ok(depth) = backlog.depth() {
            self.note(millis, accepted.wrapping_add(depth));
        }
        // Where there are many thousand sockets, the kernel looks through them all.
        self.next.store(until(pause.max(begun.elapsed() * DEAREST)), Ordering::Release);
    }

    fn note(&self, millis: u32, come: u32) {
        let at = self.made.fetch_add(1, Ordering::AcqRel) as usize % NOTES;
        self.notes[at].store(u64::from(millis) << 32 | u64::from(come), Ordering::Release);
    }

    /// How long the connection that is the `number`-th of its queue has been there at least, as far as somebody has seen it.
    pub fn waited(&self, number: u32, now: Duration) -> Option<Duration> {
        let made = self.made.load(Ordering::Acquire) as usize;
        let notes = (0..made.min(NOTES))
            .map(|back| halves(self.notes[(made - 1 - back) % NOTES].load(Ordering::Acquire)));
        let there = notes.take_while(|(_, come)| !is_before(*come, number));
        there.last().map(|(at, _)| Duration::from_millis(millis(now).wrapping_sub(at).into()))
    }
}

/// Whether one of two counters that go round is behind the other.
fn is_before(left: u32, right: u32) -> bool {
    left.wrapping_sub(right) > u32::MAX / 2
}

/// They go round after seven weeks.
#[expect(clippy::cast_possible_truncation, reason = "a counter that goes round")]
fn millis(time: Duration) -> u32 {
    time.as_millis() as u32
}

#[expect(clippy::cast_possible_truncation, reason = "the other half")]
fn halves(note: u64) -> (u32, u32) {
    ((note >> 32) as u32, note as u32)
}

/// So many looks are remembered.
const NOTES: usize = 256;

/// A look is taken for no more than this part of the time.
const DEAREST: u32 = 100;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;
    use std::os::unix::net::{UnixListener, UnixStream};

    fn arrivals() -> Arrivals {
        Arrivals {
            next: AtomicU32::new(0),
            made: AtomicU32::new(0),
            notes: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn who_is_accepted_was_there_when_so_many_had_come() {
        let arrivals = arrivals();
        assert_eq!(arrivals.waited(1, ms(50)), None, "nobody has looked");
        for (at, come) in [(100, 10), (120, 10), (140, 25), (160, 30)] {
            arrivals.note(at, come);
        }
        assert_eq!(arrivals.waited(10, ms(200)), Some(ms(100)));
        assert_eq!(arrivals.waited(11, ms(200)), Some(ms(60)));
        assert_eq!(arrivals.waited(30, ms(200)), Some(ms(40)));
        assert_eq!(arrivals.waited(31, ms(200)), None, "it came after the last look");
    }

    #[test]
    fn old_notes_go_and_counters_go_round() {
        let arrivals = arrivals();
        let start = u32::MAX - 100;
        for step in 0..1000 {
            arrivals.note(start.wrapping_add(step), start.wrapping_add(step));
        }
        let now = Duration::from_millis(u64::from(start) + 1000);
        assert_eq!(arrivals.waited(start.wrapping_add(999), now), Some(ms(1)));
        assert_eq!(arrivals.waited(start.wrapping_add(900), now), Some(ms(100)));
        assert_eq!(arrivals.waited(start.wrapping_add(10), now), Some(ms(256)), "no note is older");
        assert_eq!(arrivals.waited(start.wrapping_add(1000), now), None);
    }

    #[test]
    fn a_queue_is_looked_at_once_in_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let listener = UnixListener::bind(&path).unwrap();
        let backlog = Backlog::of(listener.as_fd(), false).unwrap();
        let arrivals = arrivals();
        let pause = Duration::from_secs(1);
        arrivals.look(&backlog, ms(1000), pause, || 7);
        let _first = UnixStream::connect(&path).unwrap();
        arrivals.look(&backlog, ms(1500), pause, || 7);
        assert_eq!(arrivals.waited(8, ms(5000)), None, "looked at too early");
        arrivals.look(&backlog, ms(10_000), pause, || 7);
        let _second = UnixStream::connect(&path).unwrap();
        arrivals.look(&backlog, ms(20_000), pause, || 7);
        assert_eq!(arrivals.waited(8, ms(20_500)), Some(ms(10_500)));
        assert_eq!(arrivals.waited(9, ms(20_500)), Some(ms(500)));
    }
}
