//! What the service manager is told by the master: ready, reloading, stopping, that it lives, and how many workers are busy.
//!
//! The master wakes for it only where somebody wants to know, and then every ten seconds at most, but for the watchdog. Source: `sd_notify(3)`, `systemd.service(5)`.

use std::time::{Duration, Instant};

use super::Master;
use crate::os::clock;

/// What it was told, and when it is to hear more.
#[derive(Debug)]
pub(super) struct Told {
    status: String,
    status_at: Instant,
    sign_of_life_at: Option<Instant>,
    stopping: bool,
}

impl Told {
    pub(super) fn new(now: Instant) -> Self {
        Self { status: String::new(), status_at: now, sign_of_life_at: None, stopping: false }
    }
}

impl Master<'_> {
    /// The server serves, be it for the first time or after a reload, whatever came of that.
    pub(super) fn tell_ready(&self) {
        self.tell_manager("READY=1");
    }

    pub(super) fn tell_reloading(&self) {
        let now = clock::monotonic().as_micros();
        self.tell_manager(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    pub(super) fn tell_stopping(&mut self) {
        if !std::mem::replace(&mut self.told.stopping, true) {
            self.tell_manager("STOPPING=1");
        }
    }

    /// Tells what has become due.
    pub(super) fn mind_manager(&mut self, now: Instant) {
        let Some(manager) = self.job.manager else { return };
        if let Some(limit) = manager.watchdog()
            && self.told.sign_of_life_at.is_none_or(|at| now >= at)
        {
            self.tell_manager("WATCHDOG=1");
            self.told.sign_of_life_at = Some(now + limit / 2);
        }
        if now >= self.told.status_at {
            self.told.status_at = now + STATUS_PAUSE;
            let status = self.status();
            if status != self.told.status {
                self.tell_manager(&format!("STATUS={status}"));
                self.told.status = status;
            }
        }
    }

    /// When [`Master::mind_manager`] has something to do, if nothing else happens.
    pub(super) fn manager_wants_at(&self) -> Option<Instant> {
        self.job.manager?;
        self.told.sign_of_life_at.into_iter().chain([self.told.status_at]).min()
    }

    /// One line on how things are.
    fn status(&self) -> String {
        let board = &self.job.board;
        let busy = self.workers.values().filter(|child| board.slot(child.slot).load().running > 0).count();
        let mut status = format!("{} workers, {busy} busy", self.workers.len());
        if let Some(reason) = self.trouble.as_deref().and_then(|text| text.lines().next()) {
            status.push_str("; given up: ");
            status.push_str(reason);
        }
        status
    }

    pub(super) fn tell_manager(&self, text: &str) {
        if let Some(manager) = self.job.manager
            && let Err(error) = manager.tell(text)
        {
            tracing::debug!(%error, text, "the service manager cannot be told");
        }
    }
}

/// Between two lines on how things are.
const STATUS_PAUSE: Duration = Duration::from_secs(10);
