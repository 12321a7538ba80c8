//! Whether requests wait enough to be worth a change of threads.
//!
//! To let another thread read while a request is served costs about as much as a small request. Where requests wait (for a
//! database, for another server) that is little, and without it the others would wait as well; where they only compute, or
//! are answered at once, it is pure loss. So the time that requests have spent waiting pays for it. To know that time costs
//! two system calls, which only requests near a long one are worth. Never waits, and knows no locks: what is counted wrongly
//! by threads that count at once is made up for by the next requests.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::os::thread::Usage;

/// What is known of the latest requests.
#[derive(Debug)]
pub(super) struct Pace {
    /// Changes of threads that are paid for.
    credit: AtomicU32,
    /// Requests that are worth being looked at.
    curiosity: AtomicU32,
    /// The application's threads run at the same time: what one of them computes, others need not wait for.
    parallel: bool,
}

/// One request from begin to end.
#[derive(Debug)]
pub(super) struct Lap {
    begun: Instant,
    before: Option<Usage>,
}

impl Pace {
    pub(super) fn new(parallel: bool) -> Self {
        Self { credit: AtomicU32::new(0), curiosity: AtomicU32::new(0), parallel }
    }

    /// Whether another thread is to read while requests are served.
    pub(super) fn is_eager(&self) -> bool {
        self.credit.load(Ordering::Relaxed) > 0
    }

    /// Looks at the requests to come: one has kept others waiting.
    pub(super) fn suspect(&self) {
        self.curiosity.store(LOOKS, Ordering::Relaxed);
    }

    /// A request begins in this thread.
    pub(super) fn begin(&self) -> Lap {
        let is_eager = take(&self.credit);
        let is_curious = take(&self.curiosity) || is_eager;
        Lap { begun: Instant::now(), before: is_curious.then(Usage::now) }
    }

    /// It has ended, in the same thread. While it was `starved`, waiting for its body, it has looked by itself for somebody who
    /// reads for others, so that nobody need pay for that.
    pub(super) fn end(&self, lap: &Lap, starved: Duration) {
        let length = lap.begun.elapsed().saturating_sub(starved);
        if length < LONG {
            return;
        }
        self.suspect();
        let Some(before) = lap.before else { return };
        let worth = if self.parallel { length } else { waited(length, before, Usage::now()) };
        let earned = u32::try_from(worth.as_micros() / PRICE.as_micros()).unwrap_or(u32::MAX);
        let credit = self.credit.load(Ordering::Relaxed);
        self.credit.store(credit.saturating_add(earned).min(MOST), Ordering::Relaxed);
    }
}

/// How much of a time a thread has waited; one that the kernel has only taken from the processor has not.
fn waited(length: Duration, before: Usage, after: Usage) -> Duration {
    if after.waits == before.waits {
        return Duration::ZERO;
    }
    length.saturating_sub(after.cpu.saturating_sub(before.cpu))
}

/// Takes one, if there is one.
fn take(count: &AtomicU32) -> bool {
    let left = count.load(Ordering::Relaxed);
    if left > 0 {
        count.store(left - 1, Ordering::Relaxed);
    }
    left > 0
}

/// A request of this length is worth a closer look.
const LONG: Duration = Duration::from_micros(100);

/// Requests that are looked at after a long one.
const LOOKS: u32 = 32;

/// The wait that pays for one change of threads: a few times what that costs.
const PRICE: Duration = Duration::from_micros(50);

/// The most that is paid for in advance: so many short requests after long ones are handed over for nothing.
const MOST: u32 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    fn sleeps(pace: &Pace, millis: u64) {
        let lap = pace.begin();
        std::thread::sleep(Duration::from_millis(millis));
        pace.end(&lap, Duration::ZERO);
    }

    #[test]
    fn requests_that_wait_pay_for_a_change_of_threads_and_short_ones_use_it_up() {
        let pace = Pace::new(false);
        assert!(!pace.is_eager());
        sleeps(&pace, 5);
        assert!(!pace.is_eager(), "nobody has looked");
        sleeps(&pace, 5);
        assert!(pace.is_eager());
        let shorts = (0..=MOST).take_while(|_| {
            let _ = pace.begin();
            pace.is_eager()
        });
        assert!(shorts.count() < MOST as usize);
    }

    #[test]
    fn a_thread_that_was_not_let_to_run_has_not_waited() {
        let before = Usage { cpu: Duration::from_millis(1), waits: 7 };
        let after = Usage { cpu: Duration::from_millis(3), waits: 7 };
        assert_eq!(waited(Duration::from_millis(9), before, after), Duration::ZERO);
        let after = Usage { waits: 8, ..after };
        assert_eq!(waited(Duration::from_millis(9), before, after), Duration::from_millis(7));
    }

    #[test]
    fn waiting_for_a_body_pays_for_nothing() {
        let pace = Pace::new(false);
        pace.suspect();
        let lap = pace.begin();
        std::thread::sleep(Duration::from_millis(5));
        pace.end(&lap, lap.begun.elapsed());
        assert!(!pace.is_eager());
        let lap = pace.begin();
        std::thread::sleep(Duration::from_millis(5));
        pace.end(&lap, Duration::from_millis(1));
        assert!(pace.is_eager());
    }

    #[test]
    fn where_threads_run_at_the_same_time_computing_pays_as_well() {
        let computes = |pace: &Pace| {
            let lap = pace.begin();
            while lap.begun.elapsed() < LONG * 2 {
                std::hint::spin_loop();
            }
            pace.end(&lap, Duration::ZERO);
        };
        let pace = Pace::new(true);
        computes(&pace);
        computes(&pace);
        assert!(pace.is_eager());
    }
}
