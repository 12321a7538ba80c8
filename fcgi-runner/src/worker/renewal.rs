//! How a server of one process is followed by a new one: when, and whether it could be.

use std::io::ErrorKind;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::messages::Code;
use crate::os::reason::Reason;
use crate::os::successor::{Rehearsal, Successor};
use crate::os::watch::Watch;

/// What a process without a master does when its program has changed, or has served enough.
#[derive(Default)]
pub struct Renewal {
    files: Option<Watch>,
    successor: Option<Arc<Successor>>,
    times: Times,
    is_due: Arc<AtomicBool>,
    rehearsal: Option<Rehearsal>,
    leave_at: Option<Instant>,
    quit_at: Option<Instant>,
}

/// How long things may take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Times {
    /// A new program, until it could serve; `None` is as long as it likes.
    pub start: Option<Duration>,
    /// The requests that run when this one leaves.
    pub stop: Duration,
    /// This process, before it starts anew.
    pub life: Option<Duration>,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    /// Finish what runs.
    Leave,
    /// Nobody waits for it any longer.
    Quit,
}

impl Renewal {
    /// A change of `files` wants a new program, the `successor`; without that this process ends, and whoever has started it starts
    /// the next one.
    pub fn new(files: Option<Watch>, successor: Option<Arc<Successor>>, times: Times) -> Self {
        let leave_at = times.life.and_then(|life| Instant::now().checked_add(life));
        Self { files, successor, times, leave_at, ..Self::default() }
    }

    /// Set as soon as the program is to be executed anew when this one has served its last.
    pub fn due(&self) -> Arc<AtomicBool> {
        self.is_due.clone()
    }

    /// The new program.
    pub(super) fn successor(&self) -> Option<Arc<Successor>> {
        self.successor.clone()
    }

    /// Whether [`Renewal::look`] wants to be called although nothing happens.
    pub(super) fn wants_looks(&self) -> bool {
        self.files.is_some() || self.rehearsal.is_some() || self.leave_at.or(self.quit_at).is_some()
    }

    /// Looks at the files, and at what came of their change.
    pub(super) fn look(&mut self, now: Instant) -> Option<Order> {
        if self.quit_at.take_if(|at| now >= *at).is_some() {
            tracing::warn!(code = %Code::RENEWED_BY_FORCE, "requests have not ended in `stoptimeout`: going on without them");
            if let Some(successor) = &self.successor {
                // Where threads are stuck, nothing else ends this program.
                successor.take_over_unless_told_to_end();
            }
            return Some(Order::Quit);
        }
        if self.leave_at.take_if(|at| now >= *at).is_some() {
            self.note_due(Reason::Lifetime, now);
            return Some(Order::Leave);
        }
        if let Some(file) = self.files.as_mut().and_then(|files| files.look(now)) {
            tracing::info!(file = %file.display(), "changed");
            return self.try_new(now);
        }
        let result = self.rehearsal.as_mut()?.look(now)?;
        self.rehearsal = None;
        match result {
            Ok(()) => Some(self.follow(now, "the new server could serve")),
            Err(reason) => {
                stay(&reason);
                None
            }
        }
    }

    /// Finds out whether the new program could serve, where that is possible.
    fn try_new(&mut self, now: Instant) -> Option<Order> {
        let Some(successor) = &self.successor else {
            tracing::info!("finishing, so that the server is started anew");
            self.files = None;
            return Some(Order::Leave);
        };
        // One that has begun with what was there before is of no use.
        self.rehearsal = None;
        match Rehearsal::begin(successor, self.times.start.map(|limit| now + limit)) {
            Ok(rehearsal) => {
                tracing::info!("a new server is tried, this one goes on until it could serve");
                self.rehearsal = Some(rehearsal);
                None
            }
            // As on a shared host that allows a few processes: a change that is never served would be worse.
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::OutOfMemory) => {
                Some(self.follow(now, &format!("the new server cannot be tried ({error})")))
            }
            Err(error) => {
                stay(&format!("`{}` cannot be started: {error}", successor.program().display()));
                None
            }
        }
    }

    fn follow(&mut self, now: Instant, why: &str) -> Order {
        tracing::info!("{why}: this process becomes it, when its requests are done");
        self.files = None;
        self.begin(now);
        Order::Leave
    }

    /// The worker has served enough, and leaves.
    pub(super) fn note_due(&mut self, reason: Reason, now: Instant) {
        if self.successor.is_some() {
            tracing::info!(%reason, "this process starts anew, when its requests are done");
            self.begin(now);
        } else {
            tracing::info!(%reason, "leaving");
        }
    }

    fn begin(&mut self, now: Instant) {
        self.is_due.store(true, Ordering::Release);
        self.quit_at = now.checked_add(self.times.stop);
    }
}

/// Says why nothing comes of it; what the new program itself has to say stands above that.
fn stay(reason: &str) {
    let cause = reason.lines().next().unwrap_or_default();
    tracing::error!(code = %Code::RENEWAL_GIVEN_UP, cause, "the changed program cannot serve, this one goes on");
}
