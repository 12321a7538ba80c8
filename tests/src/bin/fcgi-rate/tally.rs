//! What the answers of a run come to.

use std::io::{self, Write};
use std::time::Duration;

/// Counts, durations and complaints.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Right answers, those of the warm-up among them.
    pub(crate) served: u64,
    /// Connections that never had an answer.
    pub(crate) starved: usize,
    /// From the first counted answer's time on.
    pub(crate) seconds: f64,
    /// Of each counted answer, from the begin of its request (which is that of its connection, if it has one for itself).
    latencies: Vec<u32>,
    errors: u64,
    complaints: Vec<String>,
}

impl Tally {
    pub(crate) fn note_latency(&mut self, latency: Duration) {
        self.latencies.push(u32::try_from(latency.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn note_error(&mut self, complaint: impl FnOnce() -> String) {
        self.errors += 1;
        if self.complaints.len() < MOST_COMPLAINTS {
            let complaint = complaint();
            if !self.complaints.contains(&complaint) {
                self.complaints.push(complaint);
            }
        }
    }

    /// Writes everything down; times in microseconds.
    ///
    /// # Errors
    /// When nobody reads it.
    pub(crate) fn report(&self, out: &mut impl Write) -> io::Result<()> {
        let mut sorted = self.latencies.clone();
        sorted.sort_unstable();
        writeln!(out, "served\t{}", self.served)?;
        writeln!(out, "counted\t{}", sorted.len())?;
        writeln!(out, "seconds\t{:.6}", self.seconds)?;
        writeln!(out, "p50\t{}", quantile(&sorted, 50))?;
        writeln!(out, "p99\t{}", quantile(&sorted, 99))?;
        writeln!(out, "errors\t{}", self.errors)?;
        writeln!(out, "starved\t{}", self.starved)?;
        for complaint in &self.complaints {
            writeln!(out, "complaint\t{}", complaint.escape_debug())?;
        }
        Ok(())
    }
}

/// The value that so many hundredths do not exceed (nearest rank); 0 of none.
fn quantile(sorted: &[u32], percent: usize) -> u32 {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Different ones that are worth reading.
const MOST_COMPLAINTS: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_values_that_were_there() {
        let sorted: Vec<u32> = (1..=200).collect();
        assert_eq!((quantile(&sorted, 50), quantile(&sorted, 99), quantile(&sorted, 100)), (100, 198, 200));
        assert_eq!((quantile(&[7], 50), quantile(&[7], 99), quantile(&[], 99)), (7, 7, 0));
    }

    #[test]
    fn a_complaint_is_written_once_and_counted_each_time() {
        let mut tally = Tally::default();
        for _ in 0..3 {
            tally.note_error(|| "closed\nearly".to_owned());
        }
        let mut out = Vec::new();
        tally.report(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("errors\t3\n"), "{text}");
        assert_eq!(text.matches("complaint\tclosed\\nearly\n").count(), 1, "{text}");
    }
}
