//! The process that tells how the server is doing: started when the server serves, and again when it dies.

use std::time::{Duration, Instant};

use super::Master;
use crate::messages::Code;
use crate::os::channel::{Line, Order};
use crate::os::fork::{End, ProcessId};
use crate::os::stdio::OpenLogs;

/// The process, or when the next one is started.
#[derive(Debug, Default)]
pub(super) struct Clerk {
    /// Without a line it is leaving.
    running: Option<(ProcessId, Option<Line>)>,
    next_at: Option<Instant>,
}

impl Clerk {
    /// Whether there is none and none will be.
    pub(super) fn is_gone(&self) -> bool {
        self.running.is_none()
    }

    /// When [`Master::mind_clerk`] has something to do, if nothing else happens.
    pub(super) fn wake_at(&self) -> Option<Instant> {
        self.next_at
    }

    pub(super) fn tell(&self, order: Order) {
        if let Some((_, Some(line))) = &self.running {
            line.order(order);
        }
    }

    pub(super) fn change_logs(&self, files: &OpenLogs) {
        if let Some((_, Some(line))) = &self.running {
            line.order_logs(files);
        }
    }

    /// Whether this is its process.
    pub(super) fn is_at(&self, process: ProcessId) -> bool {
        self.running.as_ref().is_some_and(|(clerk, _)| *clerk == process)
    }
}

impl Master<'_> {
    /// Starts it, if there is to be one.
    pub(super) fn start_clerk(&mut self) {
        let Some(work) = self.job.clerk.filter(|_| !self.released) else { return };
        match self.fork_child_with_line(work) {
            Ok((process, line)) => self.clerk = Clerk { running: Some((process, Some(line))), next_at: None },
            Err(error) => {
                tracing::error!(code = %Code::STATUS_DIED, %error, "the status process cannot be started");
                self.clerk.next_at = Some(Instant::now() + PAUSE);
            }
        }
    }

    /// Starts it again when it is time to, and sends it away when nothing is left to be told of.
    pub(super) fn mind_clerk(&mut self, now: Instant) {
        if self.clerk.next_at.is_some_and(|at| now >= at) {
            self.clerk.next_at = None;
            self.start_clerk();
        }
        if self.released
            && self.workers.is_empty()
            && let Some((_, line)) = &mut self.clerk.running
        {
            // The end of its line is its end.
            *line = None;
        }
    }

    /// Takes note of its end; `false` when the process was another one.
    pub(super) fn bury_clerk(&mut self, process: ProcessId, end: End) -> bool {
        if self.clerk.running.as_ref().is_none_or(|(clerk, _)| *clerk != process) {
            return false;
        }
        self.clerk.running = None;
        if !self.released {
            tracing::warn!(code = %Code::STATUS_DIED, end = %end, "the status process died, another one is started");
            self.clerk.next_at = Some(Instant::now() + PAUSE);
        }
        true
    }
}

/// Before the next one is started: whatever kills it, it costs little.
const PAUSE: Duration = Duration::from_secs(1);
