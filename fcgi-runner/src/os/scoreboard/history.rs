//! What was going on in the last minutes, in shared memory: one process notes it down once a second, anybody reads it.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use super::durations::{BUCKETS, Counted};

/// The notes. All zero is a board at which nobody has looked.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct History {
    made: AtomicU64,
    samples: [Versioned<WORDS>; SAMPLES],
    marks_made: AtomicU64,
    marks: [Versioned<MARK>; MARKS],
}

/// The state of the house at one moment. Requests and bytes are those since the board's beginning, times are those of the
/// requests that have ended since the sample before.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Sample {
    /// When, after the board's beginning.
    pub at: Duration,
    pub requests: u64,
    /// Of them, those that were answered with 5xx.
    pub failed: u64,
    pub sent: u64,
    /// Requests that ran.
    pub running: u32,
    /// Requests that could have run at once.
    pub capacity: u32,
    pub workers: u32,
    /// Connections in the listen queues.
    pub queued: u32,
    /// Resident memory of all workers, in KiB.
    pub resident: u64,
    pub median: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub longest: Duration,
}

/// Numbers that one process writes at a time.
#[derive(Debug)]
#[repr(C)]
struct Versioned<const N: usize> {
    /// Odd while they are written.
    version: AtomicU64,
    words: [AtomicU64; N],
}

impl History {
    /// Notes a moment. Only one process may.
    pub(super) fn add(&self, sample: &Sample) {
        let made = self.made.load(Ordering::Relaxed);
        self.samples[place(made, SAMPLES)].write(&sample.to_words());
        self.made.store(made + 1, Ordering::Release);
    }

    /// All moments that were noted and are remembered, the oldest first.
    pub(super) fn samples(&self) -> Vec<Sample> {
        let made = self.made.load(Ordering::Acquire);
        let first = made.saturating_sub(SAMPLES as u64);
        let words = (first..made).filter_map(|number| self.samples[place(number, SAMPLES)].read());
        let mut samples: Vec<_> = words.map(Sample::from_words).collect();
        // One that was overwritten meanwhile.
        samples.sort_by_key(|sample| sample.at);
        samples
    }

    /// Keeps the histogram of a moment. Only one process may.
    pub(super) fn mark(&self, at: Duration, counted: &Counted) {
        let made = self.marks_made.load(Ordering::Relaxed);
        let mut words = [0; MARK];
        words[0] = micros(at);
        words[1..].copy_from_slice(counted.buckets());
        self.marks[place(made, MARKS)].write(&words);
        self.marks_made.store(made + 1, Ordering::Release);
    }

    /// The histogram that was kept as near to a moment as there is one, and when it was.
    pub(super) fn mark_near(&self, at: Duration) -> Option<(Duration, Counted)> {
        let marks = self.marks.iter().filter_map(Versioned::read).filter(|words| words[0] > 0);
        let nearest = marks.min_by_key(|words| words[0].abs_diff(micros(at)))?;
        let mut buckets = [0; BUCKETS];
        buckets.copy_from_slice(&nearest[1..]);
        Some((Duration::from_micros(nearest[0]), Counted::from(buckets)))
    }
}

impl Sample {
    fn to_words(self) -> [u64; WORDS] {
        let pair = |high: u32, low: u32| u64::from(high) << 32 | u64::from(low);
        let short = |time: Duration| u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        [
            micros(self.at),
            self.requests,
            self.failed,
            self.sent,
            pair(self.running, self.capacity),
            pair(self.workers, self.queued),
            self.resident,
            pair(short(self.median), short(self.p90)),
            pair(short(self.p99), short(self.longest)),
        ]
    }

    #[expect(clippy::cast_possible_truncation, reason = "halves of a word")]
    fn from_words(words: [u64; WORDS]) -> Self {
        let [at, requests, failed, sent, busy, house, resident, middle, end] = words;
        let halves = |word: u64| ((word >> 32) as u32, word as u32);
        let times = |word: u64| {
            let (high, low) = halves(word);
            (Duration::from_micros(high.into()), Duration::from_micros(low.into()))
        };
        let ((running, capacity), (workers, queued)) = (halves(busy), halves(house));
        let ((median, p90), (p99, longest)) = (times(middle), times(end));
        Self {
            at: Duration::from_micros(at),
            requests,
            failed,
            sent,
            running,
            capacity,
            workers,
            queued,
            resident,
            median,
            p90,
            p99,
            longest,
        }
    }
}

impl<const N: usize> Versioned<N> {
    fn write(&self, words: &[u64; N]) {
        let version = self.version.load(Ordering::Relaxed) | 1;
        self.version.store(version, Ordering::Relaxed);
        fence(Ordering::Release);
        for (place, word) in self.words.iter().zip(words) {
            place.store(*word, Ordering::Relaxed);
        }
        self.version.store(version + 1, Ordering::Release);
    }

    fn read(&self) -> Option<[u64; N]> {
        let version = self.version.load(Ordering::Acquire);
        let words = std::array::from_fn(|index| self.words[index].load(Ordering::Relaxed));
        fence(Ordering::Acquire);
        let is_whole = version.is_multiple_of(2) && self.version.load(Ordering::Relaxed) == version;
        is_whole.then_some(words)
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn place(number: u64, of: usize) -> usize {
    usize::try_from(number % of as u64).unwrap_or(0)
}

const WORDS: usize = 9;

/// A moment and a histogram.
const MARK: usize = BUCKETS + 1;

/// Five minutes, at one a second.
const SAMPLES: usize = 300;

/// A minute and a little, at one in five seconds.
const MARKS: usize = 14;

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> Box<History> {
        fn zero<const N: usize>() -> Versioned<N> {
            Versioned { version: AtomicU64::new(0), words: std::array::from_fn(|_| AtomicU64::new(0)) }
        }
        Box::new(History {
            made: AtomicU64::new(0),
            samples: std::array::from_fn(|_| zero()),
            marks_made: AtomicU64::new(0),
            marks: std::array::from_fn(|_| zero()),
        })
    }

    fn sample(second: u64) -> Sample {
        Sample {
            at: Duration::from_secs(second),
            requests: second * 10,
            failed: second,
            sent: 1 << 40,
            running: 3,
            capacity: 4,
            workers: 5,
            queued: 6,
            resident: 7 << 33,
            median: Duration::from_micros(8),
            p90: Duration::from_micros(9),
            p99: Duration::from_micros(10),
            longest: Duration::from_secs(11),
        }
    }

    #[test]
    fn the_last_minutes_are_remembered_as_they_were() {
        let history = history();
        assert_eq!(history.samples(), []);
        (1..=2).for_each(|second| history.add(&sample(second)));
        assert_eq!(history.samples(), [sample(1), sample(2)]);
        (3..=1000).for_each(|second| history.add(&sample(second)));
        let samples = history.samples();
        assert_eq!((samples.len(), samples[0]), (SAMPLES, sample(701)));
        assert_eq!(samples[SAMPLES - 1], sample(1000));
    }

    #[test]
    fn histograms_are_found_by_their_time() {
        let history = history();
        assert_eq!(history.mark_near(Duration::ZERO), None);
        for second in 1..=20_u64 {
            let mut buckets = [0; BUCKETS];
            buckets[3] = second;
            history.mark(Duration::from_secs(second * 5), &Counted::from(buckets));
        }
        let (at, counted) = history.mark_near(Duration::from_secs(42)).unwrap();
        assert_eq!((at, counted.total()), (Duration::from_secs(40), 8));
        let (at, _) = history.mark_near(Duration::ZERO).unwrap();
        assert_eq!(at, Duration::from_secs(35), "older ones are forgotten");
    }
}
