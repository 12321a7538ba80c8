//! What the master can be asked to do, whoever asks: signals, files that were touched, an operator.

use std::time::Instant;

use super::policy::{Event, Reason, WorkerId};
use super::{Failure, Master, Outcome};
use crate::messages::Code;
use crate::os::fork::ProcessId;
use crate::os::signals::Signal;

/// Something to be done with the server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Command {
    /// Replace all workers, the new ones first.
    Reload,
    /// Replace the server by a new one, with the sockets of this one.
    Upgrade,
    /// Replace all workers at once; requests wait meanwhile.
    Restart,
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
    /// So many workers, for good; in a pool on demand, at most so many.
    Scale(usize),
    /// Replace the worker of this pid; it serves until the next one does.
    Recycle(i32),
}

/// Why a command is not obeyed.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refused {
    #[error(
        "the application belongs to the program that has started the server, which alone can load it anew"
    )]
    CannotReload,
    #[error("the number of workers cannot be changed: the application was told that one process serves it")]
    Alone,
    #[error("the number of workers is 1 at least and {0} at most")]
    Number(usize),
    #[error("no worker has the pid {0}")]
    NoWorker(i32),
    #[error("the worker {0} is leaving already")]
    Leaving(i32),
    #[error("the server is still starting")]
    Starting,
    #[error("the server is stopping")]
    Stopping,
}

impl Master<'_> {
    /// Hears what signals ask for.
    pub(super) fn hear_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            match signal {
                Signal::SIGTERM | Signal::SIGINT => {
                    tracing::info!(signal = signal.as_str(), "stopping");
                    self.obey(Command::Stop);
                }
                Signal::SIGQUIT => self.obey(Command::StopNow),
                Signal::SIGHUP if self.job.host.is_given() => self.hang_up(),
                Signal::SIGHUP => self.obey(Command::Reload),
                Signal::SIGUSR1 if self.job.usr1_finishes => self.obey(Command::Stop),
                Signal::SIGUSR1 => self.obey(Command::ReopenLogs),
                Signal::SIGUSR2 => self.obey(Command::Upgrade),
                Signal::SIGTTIN => self.obey(Command::More),
                Signal::SIGTTOU => self.obey(Command::Fewer),
                Signal::SIGCHLD => self.reap(),
                _ => {}
            }
        }
    }

    /// Begins to do it; what comes of it is told in the log.
    ///
    /// # Errors
    /// What cannot be done leaves everything as it was.
    pub(super) fn command(&mut self, command: Command) -> Result<(), Refused> {
        self.disinherit(command);
        match command {
            Command::Reload if self.job.host.is_given() => return Err(Refused::CannotReload),
            Command::Reload => {
                self.may_renew()?;
                tracing::info!("reloading: new workers start, the old ones leave when these serve");
                self.renew(Event::Reload);
            }
            Command::Upgrade => {
                self.may_renew()?;
                self.upgrade();
            }
            Command::Restart => {
                self.may_renew()?;
                self.renew(Event::Restart);
            }
            Command::Stop => self.stop(),
            Command::StopNow => {
                self.tell_stopping();
                self.forget_renewal();
                self.tell_policy(Event::StopNow);
            }
            Command::ReopenLogs => self.reopen_logs(),
            Command::More => return self.scale(self.policy.scale_now() + 1),
            Command::Fewer => return self.scale(self.policy.scale_now().saturating_sub(1)),
            Command::Scale(count) => return self.scale(count),
            Command::Recycle(pid) => {
                let id = self.worker_of(pid)?;
                self.tell_policy(Event::Due { id, reason: Reason::Operator, urgent: false });
            }
        }
        Ok(())
    }

    /// As [`Master::command`], where nobody waits for an answer.
    pub(super) fn obey(&mut self, command: Command) {
        if let Err(refused) = self.command(command) {
            tracing::warn!(code = %Code::NOT_NOW, cause = %refused, "not done");
        }
    }

    fn scale(&mut self, count: usize) -> Result<(), Refused> {
        let most = self.policy.largest_scale();
        if !self.policy.can_scale() {
            return Err(Refused::Alone);
        }
        if !(1..=most).contains(&count) {
            return Err(Refused::Number(most));
        }
        tracing::info!(from = self.policy.scale_now(), to = count, "changing the number of workers");
        self.tell_policy(Event::Scale(count));
        // Those that are too many are seen at once.
        self.next_look = Instant::now();
        Ok(())
    }

    fn worker_of(&self, pid: i32) -> Result<WorkerId, Refused> {
        let wanted = Some(ProcessId(pid));
        let (id, child) =
            self.workers.iter().find(|(_, child)| child.process == wanted).ok_or(Refused::NoWorker(pid))?;
        if child.retired { Err(Refused::Leaving(pid)) } else { Ok(*id) }
    }

    fn reopen_logs(&self) {
        let files = (self.job.reopen_logs)();
        for child in self.workers.values() {
            child.line.order_logs(&files);
        }
        self.change_logs_of_nurseries(&files);
        if let Some((_, line)) = &self.front {
            line.order_logs(&files);
        }
        self.clerk.change_logs(&files);
    }

    fn stop(&mut self) {
        self.tell_stopping();
        if !self.forget_renewal() {
            self.tell_policy(Event::Stop);
        }
    }

    pub(super) fn hang_up(&mut self) {
        self.disinherit(Command::Stop);
        tracing::info!("hung up: stopping, so that the program that started the server can go on");
        self.outcome = Some(Outcome::HungUp);
        self.tell_reloading();
        self.tell_policy(Event::Stop);
    }

    /// New workers need old ones beside them, and somebody who wants them.
    fn may_renew(&self) -> Result<(), Refused> {
        match () {
            () if self.released || self.policy.is_stopping() => Err(Refused::Stopping),
            () if !self.policy.is_announced() => Err(Refused::Starting),
            () => Ok(()),
        }
    }

    fn renew(&mut self, event: Event) {
        self.tell_reloading();
        self.failure = None;
        self.renew_nursery();
        self.tell_policy(event);
    }

    /// All workers are new, or the new ones cannot serve.
    pub(super) fn end_reload(&mut self, is_done: bool) {
        if is_done {
            tracing::info!("reloaded");
            self.trouble = None;
            self.note_reload(Ok(()));
        } else {
            let reason = self.failure.take().map_or_else(String::new, Failure::into_text);
            let cause = reason.lines().next().unwrap_or_default();
            let code = Code::RELOAD_GIVEN_UP;
            tracing::error!(%code, cause, "the reload was given up, the old workers go on serving");
            self.note_reload(Err(reason.clone()));
            self.trouble = Some(reason);
        }
        self.tell_ready();
    }
}
