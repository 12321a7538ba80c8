//! What the master can be asked to do, whoever asks: signals, files that were touched, an operator.

use super::policy::Event;
use super::{Failure, Master, Outcome};
use crate::messages::Code;

/// Something to be done with the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// Replace all workers, the new ones first.
    Reload,
    /// Stop when the running requests are done; a second time, at once.
    Stop,
    /// Stop at once.
    StopNow,
    /// Open the log files anew.
    ReopenLogs,
    /// One worker more, for good.
    More,
    /// One worker less, for good.
    Fewer,
}

impl Master<'_> {
    /// Begins to do it; what comes of it is told in the log.
    pub(super) fn command(&mut self, command: Command) {
        match command {
            Command::Reload => self.reload(),
            Command::Stop => self.stop(),
            Command::StopNow => {
                self.tell_stopping();
                self.tell_policy(Event::StopNow);
            }
            Command::ReopenLogs => self.reopen_logs(),
            Command::More => self.tell_policy(Event::More),
            Command::Fewer => self.tell_policy(Event::Fewer),
        }
    }

    fn stop(&mut self) {
        self.tell_stopping();
        self.tell_policy(Event::Stop);
    }

    fn reload(&mut self) {
        if self.job.host.is_given() {
            tracing::info!("hung up: stopping, so that the program that started the server can go on");
            self.outcome = Some(Outcome::HungUp);
            self.tell_reloading();
            self.tell_policy(Event::Stop);
            return;
        }
        tracing::info!("reloading: new workers start, the old ones leave when these serve");
        self.tell_reloading();
        self.failure = None;
        self.renew_nursery();
        self.tell_policy(Event::Reload);
    }

    /// All workers are new, or the new ones cannot serve.
    pub(super) fn end_reload(&mut self, is_done: bool) {
        if is_done {
            tracing::info!("reloaded");
            self.trouble = None;
        } else {
            let reason = self.failure.take().map_or_else(String::new, Failure::into_text);
            let cause = reason.lines().next().unwrap_or_default();
            let code = Code::RELOAD_GIVEN_UP;
            tracing::error!(%code, cause, "the reload was given up, the old workers go on serving");
            self.trouble = Some(reason);
        }
        self.tell_ready();
    }
}
