//! How long requests took: a histogram in shared memory that workers fill and anybody reads.
//!
//! Eight buckets for each doubling, from 1 us to 68 minutes, so that what is read off is at most an eighth too high. Longer
//! ones count as the longest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The histogram itself: only ever counted up.
#[derive(Debug)]
#[repr(C)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS],
}

impl Durations {
    /// Counts one in.
    pub(super) fn record(&self, duration: Duration) {
        if let Some(bucket) = self.buckets.get(bucket_of(duration)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Adds what stands here to `total`.
    pub fn add_to(&self, total: &mut Counted) {
        for (sum, bucket) in total.buckets.iter_mut().zip(&self.buckets) {
            *sum = sum.saturating_add(bucket.load(Ordering::Relaxed));
        }
    }
}

/// A copy of one histogram, or the sum of several.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Counted {
    buckets: [u64; BUCKETS],
}

impl Default for Counted {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS] }
    }
}

impl From<[u64; BUCKETS]> for Counted {
    fn from(buckets: [u64; BUCKETS]) -> Self {
        Self { buckets }
    }
}

impl Counted {
    pub(super) fn buckets(&self) -> &[u64; BUCKETS] {
        &self.buckets
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The time within which the share `part` (0 to 1) of them was; the bucket's upper end. Nothing where there are none.
    pub fn quantile(&self, part: f64) -> Option<Duration> {
        let total = self.total();
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a share of a count that no server reaches"
        )]
        let wanted = ((total as f64 * part.clamp(0.0, 1.0)).ceil() as u64).max(1);
        let mut seen = 0_u64;
        self.buckets.iter().enumerate().find_map(|(index, count)| {
            seen = seen.saturating_add(*count);
            (seen >= wanted).then(|| end_of(index))
        })
    }

    /// How many took no longer than `limit`, as exactly as buckets can tell.
    pub fn within(&self, limit: Duration) -> u64 {
        let counts = self.buckets.iter().enumerate().take_while(|(index, _)| end_of(*index) <= limit);
        counts.fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    /// What was counted here and not yet in `earlier`.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut difference = self.clone();
        for (count, before) in difference.buckets.iter_mut().zip(&earlier.buckets) {
            *count = count.saturating_sub(*before);
        }
        difference
    }
}

fn bucket_of(duration: Duration) -> usize {
    let micros = duration.as_secs().saturating_mul(1_000_000).saturating_add(duration.subsec_micros().into());
    if micros < PARTS {
        return usize::try_from(micros).unwrap_or(0);
    }
    let doubling = micros.ilog2();
    let part = (micros >> (doubling - PART_BITS)) & (PARTS - 1);
    let index = u64::from(doubling - PART_BITS + 1) * PARTS + part;
    usize::try_from(index).unwrap_or(usize::MAX).min(BUCKETS - 1)
}

/// The first time that is too long for the bucket.
fn end_of(index: usize) -> Duration {
    let next = index as u64 + 1;
    let (row, part) = (next / PARTS, next % PARTS);
    Duration::from_micros(if row == 0 { part } else { (PARTS + part) << (row - 1) })
}

const PART_BITS: u32 = 3;
const PARTS: u64 = 1 << PART_BITS;

/// The last one begins at 15/8 of 2^31 us.
pub(super) const BUCKETS: usize = 240;

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Durations {
        Durations { buckets: std::array::from_fn(|_| AtomicU64::new(0)) }
    }

    #[test]
    fn every_time_is_below_the_end_of_its_bucket_and_near_it() {
        for micros in
            (0..5000).chain((0..32).flat_map(|bits| [1_u64 << bits, (1 << bits) + 1, (2 << bits) - 1]))
        {
            let time = Duration::from_micros(micros);
            let index = bucket_of(time);
            assert!(end_of(index) > time, "{micros}");
            assert!(index == 0 || end_of(index - 1) <= time, "{micros}");
            assert!(end_of(index).as_micros() <= u128::from(micros + micros.div_ceil(8) + 1), "{micros}");
        }
        assert_eq!(bucket_of(Duration::MAX), BUCKETS - 1);
        assert!(end_of(BUCKETS - 1) > Duration::from_secs(4000));
    }

    #[test]
    fn quantiles_and_sums() {
        let (one, other) = (empty(), empty());
        for millis in 1..=100 {
            one.record(Duration::from_millis(millis));
        }
        other.record(Duration::from_secs(60));
        let mut total = Counted::default();
        assert_eq!(total.quantile(0.5), None);
        one.add_to(&mut total);
        let before = total.clone();
        other.add_to(&mut total);
        assert_eq!(total.total(), 101);
        let median = total.quantile(0.5).unwrap();
        assert!(median > Duration::from_millis(50) && median < Duration::from_millis(58), "{median:?}");
        assert!(total.quantile(1.0).unwrap() > Duration::from_secs(60));
        assert_eq!(total.since(&before).total(), 1);
        assert_eq!(total.within(Duration::from_secs(1)), 100);
        assert_eq!(total.within(Duration::ZERO), 0);
    }
}
