//! What a worker has served and takes up, and when that is enough.
//!
//! Counted at the end of each request. A worker that is due says so and serves on until it is told to leave; only a number of
//! requests that knows no chance is exact.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::os::jitter::{self, Jitter};
use crate::os::process;
use crate::os::reason::Reason;

/// What the operator allows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct WearLimits {
    /// Requests; 0 is no limit.
    pub max_requests: u64,
    /// Bytes of resident memory.
    pub max_memory: Option<u64>,
    /// By so many percent each of these is lowered at most.
    pub jitter: u8,
}

/// The state of a worker.
#[derive(Debug)]
pub(super) struct Wear {
    max_requests: u64,
    is_exact: bool,
    /// Above the first it is due, above the second it is urgent.
    max_memory: Option<(u64, u64)>,
    begun: Instant,
    served: AtomicU64,
    /// When memory was looked at, in milliseconds since the beginning.
    looked_at: AtomicU64,
    level: AtomicU8,
    reason: AtomicU8,
    has_news: AtomicBool,
}

/// A worker is to be replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Due {
    pub(super) reason: Reason,
    pub(super) urgent: bool,
    /// It is to serve nothing more.
    pub(super) at_once: bool,
}

impl Wear {
    pub(super) fn new(limits: WearLimits) -> Self {
        Self::with_chance(limits, &mut Jitter::of_this_process())
    }

    fn with_chance(limits: WearLimits, chance: &mut Jitter) -> Self {
        Self {
            max_requests: chance.lower(limits.max_requests, limits.jitter),
            is_exact: jitter::span(limits.max_requests, limits.jitter) == 0,
            max_memory: limits
                .max_memory
                .map(|most| (chance.lower(most, limits.jitter), most.saturating_mul(2))),
            begun: Instant::now(),
            served: AtomicU64::new(0),
            looked_at: AtomicU64::new(0),
            level: AtomicU8::new(0),
            reason: AtomicU8::new(0),
            has_news: AtomicBool::new(false),
        }
    }

    /// Counts a request that has ended; `asked`: the application wants to be replaced. Gives whether that is something new.
    pub(super) fn note_end(&self, asked: bool) -> bool {
        let served = self.served.fetch_add(1, Ordering::Relaxed) + 1;
        let is_over = self.max_requests > 0 && served >= self.max_requests;
        let is_new =
            self.max_memory.is_some() && self.look_at_memory(|| process::resident(std::process::id()));
        let is_new = is_new | (asked && self.note(Reason::Asked, DUE));
        let level = if self.is_exact { AT_ONCE } else { DUE };
        is_new | (is_over && self.note(Reason::Requests, level))
    }

    /// Whether [`Wear::take`] has something to give.
    pub(super) fn has_news(&self) -> bool {
        self.has_news.load(Ordering::Relaxed)
    }

    /// What is new since the last time.
    pub(super) fn take(&self) -> Option<Due> {
        if !self.has_news() || !self.has_news.swap(false, Ordering::AcqRel) {
            return None;
        }
        let reason = Reason::from_code(self.reason.load(Ordering::Relaxed))?;
        let level = self.level.load(Ordering::Relaxed);
        Some(Due { reason, urgent: level == URGENT, at_once: level == AT_ONCE })
    }

    /// Looks how much memory the process takes, unless somebody has a moment ago.
    fn look_at_memory(&self, resident: impl Fn() -> Option<u64>) -> bool {
        let Some((most, far_too_much)) = self.max_memory else { return false };
        let now = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let last = self.looked_at.load(Ordering::Relaxed);
        let is_early = last > 0 && Duration::from_millis(now.saturating_sub(last)) < PAUSE;
        let others = || {
            self.looked_at.compare_exchange(last, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_err()
        };
        if is_early || others() {
            return false;
        }
        match resident() {
            Some(bytes) if bytes > far_too_much => self.note(Reason::Memory, URGENT),
            Some(bytes) if bytes > most => self.note(Reason::Memory, DUE),
            _ => false,
        }
    }

    fn note(&self, reason: Reason, level: u8) -> bool {
        let is_new = self.level.fetch_max(level, Ordering::AcqRel) < level;
        if is_new {
            self.reason.store(reason.code(), Ordering::Relaxed);
            self.has_news.store(true, Ordering::Release);
        }
        is_new
    }
}

const DUE: u8 = 1;
const URGENT: u8 = 2;
const AT_ONCE: u8 = 3;

/// Between two looks at the memory.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    const REQUESTS: Due = Due { reason: Reason::Requests, urgent: false, at_once: false };

    fn wear(max_requests: u64, max_memory: Option<u64>, jitter: u8) -> Wear {
        Wear::with_chance(WearLimits { max_requests, max_memory, jitter }, &mut Jitter::from_seed(1))
    }

    #[test]
    fn without_limits_nothing_is_ever_due() {
        let wear = wear(0, None, 10);
        assert!((0..1000).all(|_| !wear.note_end(false)));
        assert_eq!(wear.take(), None);
    }

    #[test]
    fn a_number_with_chance_is_told_once_and_without_is_the_end() {
        let mut chance = Jitter::from_seed(3);
        let limits = WearLimits { max_requests: 50, max_memory: None, jitter: 10 };
        let numbers: BTreeSet<usize> = (0..200)
            .map(|_| {
                let wear = Wear::with_chance(limits, &mut chance);
                let number = (1..100).find(|_| wear.note_end(false)).unwrap();
                assert_eq!((wear.take(), wear.take()), (Some(REQUESTS), None));
                assert!((0..100).all(|_| !wear.note_end(false)), "said once");
                number
            })
            .collect();
        assert_eq!(numbers, (45..=50).collect());
        for (most, jitter) in [(3, 10), (9, 10), (50, 0)] {
            let wear = wear(most, None, jitter);
            assert_eq!((1..100).find(|_| wear.note_end(false)), Some(most));
            assert_eq!(wear.take(), Some(Due { at_once: true, ..REQUESTS }));
        }
    }

    #[test]
    fn what_the_application_asks_for_is_told_once() {
        let wear = wear(0, None, 10);
        assert!(!wear.note_end(false));
        assert!(wear.note_end(true) && !wear.note_end(true));
        assert_eq!(wear.take(), Some(Due { reason: Reason::Asked, ..REQUESTS }));
    }

    #[test]
    fn memory_is_looked_at_now_and_then_and_twice_the_limit_is_urgent() {
        let wear = wear(0, Some(1000), 0);
        assert!(!wear.look_at_memory(|| None));
        assert!(!wear.look_at_memory(|| Some(5000)), "not again within a second");
        let at = |bytes| {
            wear.looked_at.store(0, Ordering::Relaxed);
            wear.look_at_memory(|| Some(bytes))
        };
        assert!(!at(1000));
        assert!(at(1001) && !at(1002));
        assert_eq!(wear.take(), Some(Due { reason: Reason::Memory, ..REQUESTS }));
        assert!(!at(2000));
        assert!(at(2001));
        assert_eq!(wear.take(), Some(Due { reason: Reason::Memory, urgent: true, at_once: false }));
        assert_eq!(wear.take(), None);
    }
}
