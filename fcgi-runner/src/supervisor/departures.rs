//! What is told of workers that have ended: who, why, after how much work and time.

use std::time::Duration;

use super::policy::Reason;
use super::{Child, Master};
use crate::messages::Code;
use crate::os::fork::End;

/// The end of a worker.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Departure {
    /// Unknown of one that was never born.
    pub(super) pid: Option<i32>,
    pub(super) end: End,
    pub(super) reason: Reason,
    /// Requests that it has served.
    pub(super) served: u64,
    /// Since it was asked for.
    pub(super) age: Duration,
}

impl Departure {
    /// Whether the server has wanted it, and the worker has done it well.
    fn is_orderly(&self) -> bool {
        self.end == End::Exited(0) && !matches!(self.reason, Reason::Died | Reason::Failed)
    }
}

impl Master<'_> {
    /// Tells the log of a worker's end, and shows it on the board.
    pub(super) fn note_departure(&self, child: &Child, departure: Departure) {
        let Departure { pid, end, served, reason, .. } = departure;
        let age = departure.age.as_secs();
        let is_wanted = self.released || departure.is_orderly();
        self.show_end(child, reason.word(), Some(end).filter(|_| !is_wanted));
        // Why one was killed was told by then, and why one could not begin, if it could say a word.
        let is_told = child.is_killed || reason == Reason::Failed && child.retired;
        let is_usual = matches!(reason, Reason::Shrunk | Reason::Idle | Reason::Reload | Reason::Stop);
        if self.released || is_wanted && is_usual {
            tracing::debug!(pid, %reason, served, age, "worker has left");
        } else if is_wanted {
            tracing::info!(pid, %reason, served, age, "worker replaced");
        } else if self.policy.is_announced() && !is_told {
            tracing::warn!(code = %Code::WORKER_DIED, pid, %end, served, age, "worker died unexpectedly");
        }
    }
}
