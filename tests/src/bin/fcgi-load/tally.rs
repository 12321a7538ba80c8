//! What has become of the requests of all visitors.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Counts and complaints.
#[derive(Debug)]
pub(crate) struct Tally {
    start: Instant,
    /// Answers that are still wanted.
    left: AtomicU64,
    sent: AtomicU64,
    answered: AtomicU64,
    /// Milliseconds that the slowest answer took.
    slowest: AtomicU64,
    losses: Mutex<Vec<Loss>>,
}

/// A request that was not answered as it should be.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) token: String,
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

/// How it went wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// Nobody listens.
    Refused,
    /// The connection ended before anything was answered.
    Unanswered,
    /// The connection ended within the answer.
    Torn,
    /// Nothing came for too long.
    Late,
    /// The answer is whole, and not the one to this request.
    Wrong,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Unanswered => "unanswered",
            Self::Torn => "torn",
            Self::Late => "late",
            Self::Wrong => "wrong",
        }
    }
}

impl Tally {
    pub(crate) fn new(wanted: u64) -> Self {
        Self {
            start: Instant::now(),
            left: AtomicU64::new(wanted),
            sent: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            slowest: AtomicU64::new(0),
            losses: Mutex::default(),
        }
    }

    /// Takes one request out of those to be made; `false` when there is none left.
    pub(crate) fn take(&self) -> bool {
        let taken = self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        taken.is_ok()
    }

    /// Gives back a request whose answer has to be asked for anew.
    pub(crate) fn put_back(&self) {
        self.left.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_sent(&self) {
        self.sent.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_answered(&self, since: Instant) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.slowest.fetch_max(millis, Ordering::Relaxed);
    }

    /// Takes a loss down, and tells how many there are.
    pub(crate) fn note_loss(&self, loss: Loss) -> usize {
        let mut losses = self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        losses.push(loss);
        losses.len()
    }

    /// Writes everything down.
    ///
    /// # Errors
    /// When nobody reads it.
    pub(crate) fn report(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "sent\t{}", self.sent.load(Ordering::Relaxed))?;
        writeln!(out, "answered\t{}", self.answered.load(Ordering::Relaxed))?;
        writeln!(out, "slowest\t{}", self.slowest.load(Ordering::Relaxed))?;
        writeln!(out, "seconds\t{:.3}", self.start.elapsed().as_secs_f64())?;
        for loss in self.losses.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            writeln!(out, "{}\t{}\t{}", loss.kind.name(), loss.token, loss.detail)?;
        }
        out.flush()
    }
}
