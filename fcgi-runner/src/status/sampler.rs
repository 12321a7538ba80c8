//! Takes notes once a second, so that rates, the last minute and the curves can be shown.

use std::time::Duration;

use super::snapshot::{About, Quantiles, queue, totals, workers};
use crate::os::scoreboard::{Counted, Sample, Scoreboard};

/// Who takes them: one for a board.
#[derive(Debug, Default)]
pub(super) struct Sampler {
    counted: Counted,
    taken: u64,
}

impl Sampler {
    /// Begins with what has been counted so far.
    pub(super) fn new(board: &Scoreboard) -> Self {
        Self { counted: totals(board).1, taken: 0 }
    }

    /// Notes how things are now.
    pub(super) fn note(&mut self, about: &About, board: &Scoreboard) {
        let at = board.elapsed();
        let (totals, counted, _) = totals(board);
        let times = Quantiles::of(&counted.since(&self.counted));
        let time = |of: fn(Quantiles) -> Duration| times.map(of).unwrap_or_default();
        let workers = workers(board, at);
        let sum = |of: fn(&super::Worker) -> u64| workers.iter().map(of).sum::<u64>();
        let short = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        let waiting = about.listeners.iter().filter_map(|listener| queue(listener).waiting);
        board.reports().add_sample(&Sample {
            at,
            requests: totals.requests,
            failed: totals.statuses[5],
            sent: totals.sent,
            running: short(sum(|worker| worker.running.into())),
            capacity: short(sum(|worker| worker.threads.into())),
            workers: short(workers.len() as u64),
            queued: waiting.fold(0, u32::saturating_add),
            resident: sum(|worker| worker.resident / 1024),
            median: time(|times| times.p50),
            p90: time(|times| times.p90),
            p99: time(|times| times.p99),
            longest: time(|times| times.max),
        });
        if self.taken.is_multiple_of(MARK_EVERY) {
            board.reports().mark(at, &counted);
        }
        self.taken += 1;
        self.counted = counted;
    }
}

/// Between two notes.
pub(super) const EVERY: Duration = Duration::from_secs(1);

/// A histogram is kept with every fifth of them.
const MARK_EVERY: u64 = 5;

#[cfg(test)]
mod tests {
    use super::super::tests::House;
    use super::*;

    #[test]
    fn a_moment_has_the_times_of_the_requests_since_the_one_before() {
        let house = House::new();
        let tally = house.board.slot(0).tally();
        tally.record(200, 10, Duration::from_secs(5));
        let mut sampler = Sampler::new(&house.board);
        for millis in [10, 20] {
            tally.record(500, 10, Duration::from_millis(millis));
            sampler.note(&house.about, &house.board);
        }
        let notes = house.board.reports().samples();
        let seen: Vec<_> = notes.iter().map(|sample| (sample.requests, sample.failed, sample.sent)).collect();
        assert_eq!(seen, [(2, 1, 20), (3, 2, 30)]);
        assert!(notes[0].longest < Duration::from_millis(12) && notes[1].median > Duration::from_millis(19));
        assert_eq!((notes[1].workers, notes[1].capacity, notes[1].queued), (3, 6, 0));
        assert!(notes[1].resident > 0);
        // The last minute of a server that is younger is all of it.
        assert_eq!(house.snapshot().latency.minute.unwrap().count, 3);
        assert!(house.snapshot().rates[0].requests.is_some());
    }
}
