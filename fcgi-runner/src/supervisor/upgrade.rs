//! Replacing the whole server, master and interpreter and all: a new one is started beside it, with its sockets.
//!
//! This server goes on as if nothing was until the new one says that it serves. If it never does, that was all. Otherwise this
//! one finishes its requests and leaves, and nothing that it has made is removed: it belongs to the new one.

use std::time::{Duration, Instant};

use super::control::Control;
use super::policy::Event;
use super::{Command, Master, Outcome};
use crate::messages::Code;
use crate::os::daemon::VerdictReader;
use crate::os::fork::{self, End, ProcessId};
use crate::os::poller::Token;
use crate::os::signals::OriginalMask;

/// Starts the new server; or says why there can be none.
pub type Succession<'m> = &'m dyn Fn(&Control, OriginalMask) -> Result<(ProcessId, VerdictReader), String>;

/// The new server, until it has said how it goes.
pub(super) struct Heir {
    process: ProcessId,
    verdict: VerdictReader,
    give_up_at: Option<Instant>,
}

/// What a new server says of itself when it serves: its process id, and [`TAKES_CONNECTIONS`] if it does.
pub fn heir_words(takes_connections: bool) -> String {
    let takes = if takes_connections { TAKES_CONNECTIONS } else { "" };
    format!("{} {takes}", std::process::id())
}

/// It reads the queue of connections that this server's workers hand over when they leave.
const TAKES_CONNECTIONS: &str = "takes-connections";

impl Master<'_> {
    /// Whether a new server is starting.
    pub(super) fn is_upgrading(&self) -> bool {
        self.heir.is_some()
    }

    /// Starts a new server, unless one is starting.
    pub(super) fn upgrade(&mut self) {
        if self.heir.is_some() {
            tracing::warn!(code = %Code::NOT_NOW, "no upgrade now: the server is being upgraded");
            return;
        }
        self.tell_reloading();
        let started = (self.job.succession)(self.job.control, self.mask).and_then(|(process, verdict)| {
            let watched = self.poller.watch(&verdict, HEIR).map_err(|error| error.to_string());
            watched.map(|()| (process, verdict))
        });
        match started {
            Ok((process, verdict)) => {
                tracing::info!(
                    pid = process.0,
                    "upgrading: a new server starts, this one goes on until that serves"
                );
                let limit = self.job.rules.start_timeout.map(|limit| limit + GRACE);
                let give_up_at = limit.map(|limit| Instant::now() + limit);
                self.heir = Some(Heir { process, verdict, give_up_at });
            }
            Err(reason) => self.end_upgrade(&reason),
        }
    }

    /// Hears whether the new server serves.
    pub(super) fn hear_heir(&mut self) {
        let Some(heir) = &mut self.heir else { return };
        match heir.verdict.poll() {
            None => {}
            Some((0, _)) if self.job.renews_in_place => self.follow_in_place(),
            Some((0, words)) => self.hand_over(&words),
            Some((_, text)) if text.is_empty() => {
                // It ends: how, is heard soon.
                let _ = self.poller.forget(&heir.verdict);
                heir.give_up_at = Some(Instant::now() + LONGEST_END);
            }
            Some((_, text)) => self.give_up_heir(&text),
        }
    }

    fn hand_over(&mut self, words: &str) {
        let Some(heir) = self.heir.take() else { return };
        let _ = self.poller.forget(&heir.verdict);
        let pid = words.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(heir.process.0);
        self.heir_takes_connections = words.contains(TAKES_CONNECTIONS);
        tracing::info!(pid, "upgraded: the new server serves, this one leaves when its requests are done");
        self.tell_manager(&format!("MAINPID={pid}\nREADY=1"));
        // From now on that is the one who speaks.
        self.job.manager = None;
        self.trouble = None;
        self.note_upgrade(Ok(u32::try_from(pid).unwrap_or(0)));
        self.outcome = Some(Outcome::HandedOver);
        if let Some(listener) = self.job.control.leave_address() {
            // It goes on to be open elsewhere, so that closing it is not enough.
            let _ = self.poller.forget(&listener);
        }
        self.release();
        self.tell_policy(Event::HandOver);
    }

    fn follow_in_place(&mut self) {
        if let Some(heir) = self.heir.take() {
            let _ = self.poller.forget(&heir.verdict);
        }
        tracing::info!("the new server could serve: this process becomes it, when its requests are done");
        self.trouble = None;
        self.note_upgrade(Ok(std::process::id()));
        self.outcome = Some(Outcome::Renewed);
        self.release();
        self.tell_policy(Event::Stop);
    }

    /// This process is to end for good; gives whether it was ending to become the new server.
    pub(super) fn forget_renewal(&mut self) -> bool {
        self.outcome.take_if(|outcome| *outcome == Outcome::Renewed).is_some()
    }

    fn give_up_heir(&mut self, reason: &str) {
        if self.drop_heir() {
            self.end_upgrade(reason);
        }
    }

    /// Ends a new server that does not serve yet, if there is one.
    pub(super) fn drop_heir(&mut self) -> bool {
        let Some(heir) = self.heir.take() else { return false };
        let _ = self.poller.forget(&heir.verdict);
        if self.job.renews_in_place {
            // It only rehearses, and perhaps has inherited that it does not listen to signals.
            fork::kill_now(heir.process);
        } else {
            fork::quit(heir.process);
        }
        true
    }

    fn end_upgrade(&mut self, reason: &str) {
        let reason = reason.trim_end();
        tracing::error!(
            code = %Code::UPGRADE_GIVEN_UP,
            reason,
            "the upgrade was given up, this server goes on serving"
        );
        self.trouble = Some(reason.to_owned());
        self.note_upgrade(Err(reason.to_owned()));
        self.tell_ready();
    }

    /// Takes note of the end of the new server before it served; `false` when the process was another one.
    pub(super) fn bury_heir(&mut self, process: ProcessId, end: End) -> bool {
        // What it has said before its end is still to be heard.
        self.hear_heir();
        let is_it = self.heir.as_ref().is_some_and(|heir| heir.process == process);
        if is_it {
            self.give_up_heir(&format!("the new server ended before it could serve ({end})"));
        }
        is_it
    }

    /// Gives up a new server that takes too long.
    pub(super) fn mind_heir(&mut self, now: Instant) {
        if self.heir_is_late_at().is_some_and(|at| now >= at) {
            self.give_up_heir("the new server has not come to serve in time");
        }
    }

    /// When [`Master::mind_heir`] has something to do.
    pub(super) fn heir_is_late_at(&self) -> Option<Instant> {
        self.heir.as_ref()?.give_up_at
    }

    /// A server that is told to stop has no use for a successor.
    pub(super) fn disinherit(&mut self, command: Command) {
        self.hear_heir();
        if matches!(command, Command::Stop | Command::StopNow) {
            self.give_up_heir("the server was told to stop");
        }
    }
}

/// Beside the time that its first worker has, for the new server itself.
const GRACE: Duration = Duration::from_secs(10);

/// Between the last word of a new server and its end.
const LONGEST_END: Duration = Duration::from_secs(5);

/// Between the master's own tokens and those of nurseries.
pub(super) const HEIR: Token = (1 << 40) + 8;
