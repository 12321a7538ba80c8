//! Chance, for limits that are not to be reached by many processes at once. No good for secrets.

use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of numbers (splitmix64).
#[derive(Clone, Debug)]
pub struct Jitter(u64);

impl Jitter {
    /// Gives the same numbers for the same seed.
    pub fn from_seed(seed: u64) -> Self {
        Self(seed)
    }

    /// Gives other numbers in every process.
    pub fn of_this_process() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(since.as_secs() << 40 ^ u64::from(since.subsec_nanos()) << 24 ^ u64::from(process::id()))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A limit that is lowered by up to so many percent, but not to nothing.
    pub fn lower(&mut self, limit: u64, percent: u8) -> u64 {
        let most = span(limit, percent);
        limit - if most == 0 { 0 } else { self.number() % (most + 1) }
    }
}

/// By how much a limit may be lowered.
pub fn span(limit: u64, percent: u8) -> u64 {
    let part = u128::from(limit) * u128::from(percent.min(100)) / 100;
    u64::try_from(part).unwrap_or(u64::MAX).min(limit.saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn limits_are_lowered_by_all_that_is_allowed_and_no_more() {
        let mut jitter = Jitter::from_seed(1);
        let lowered: BTreeSet<u64> = (0..1000).map(|_| jitter.lower(50, 10)).collect();
        assert_eq!(lowered, (45..=50).collect());
        assert!((0..1000).all(|_| jitter.lower(9, 10) == 9), "a tenth of nine is nothing");
        assert!((0..1000).all(|_| (1..=3).contains(&jitter.lower(3, 100))));
        assert_eq!((jitter.lower(0, 50), jitter.lower(1, 100), jitter.lower(7, 0)), (0, 1, 7));
        assert!(jitter.lower(u64::MAX, 100) > 0);
    }

    #[test]
    fn processes_do_not_all_get_the_same() {
        let mut jitter = Jitter::of_this_process();
        let numbers: BTreeSet<u64> = (0..100).map(|_| jitter.number()).collect();
        assert_eq!(numbers.len(), 100);
    }
}
