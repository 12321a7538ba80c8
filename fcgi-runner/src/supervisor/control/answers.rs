//! What the master does when it is asked, and how it answers: at once, or when it is done.

use std::collections::btree_map::Entry;
use std::os::fd::AsFd;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::Awaited;
use super::message::{Answer, Introduction, Wish};
use crate::os::fork::ProcessId;
use crate::os::poller::Token;
use crate::os::{ask, channel, socket};
use crate::supervisor::policy::WorkerId;
use crate::supervisor::{Command, Master, Progress, Refused};

/// What became of the last reload.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Renewal {
    at: Instant,
    /// Why the old workers went on, a traceback perhaps; `None` where they did not.
    reason: Option<String>,
}

impl Renewal {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "ago_seconds": (self.at.elapsed().as_secs_f64() * 1e3).round() / 1e3,
            "ok": self.reason.is_none(),
            "reason": self.reason,
        })
    }
}

impl Master<'_> {
    /// Does what a client wishes, or begins to.
    pub(super) fn grant(&mut self, token: Token, wish: Wish) {
        let answer = match wish {
            Wish::Hello => self.introduce(),
            Wish::Status => self.describe(),
            Wish::Reload { wait } => match self.order(Command::Reload) {
                Ok(()) if wait => return self.let_wait(token, Awaited::Reload),
                Ok(()) => self.introduce(),
                Err(why) => Answer::bad(why),
            },
            Wish::Upgrade { wait } => match self.order(Command::Upgrade) {
                // It may be over already, if there could not even be a beginning.
                Ok(()) if wait && self.is_upgrading() => return self.let_wait(token, Awaited::Upgrade),
                Ok(()) if self.is_upgrading() => self.introduce(),
                Ok(()) => self.tell_failure(UPGRADE_FAILED, self.trouble.clone()),
                Err(why) => Answer::bad(why),
            },
            Wish::Stack(pid) => match self.ask_for_stacks(pid) {
                Ok(id) => return self.let_wait(token, Awaited::Stacks(id)),
                Err(why) => Answer::bad(why),
            },
            Wish::Stop { now } => return self.stop_for(token, now),
            Wish::Recycle(pid) => self.obey_and_introduce(Command::Recycle(pid)),
            Wish::Scale(count) => self.obey_and_introduce(Command::Scale(count)),
            Wish::Reopen => self.obey_and_introduce(Command::ReopenLogs),
        };
        self.answer(token, &answer);
    }

    fn order(&mut self, command: Command) -> Result<(), String> {
        self.command(command).map_err(|refused: Refused| refused.to_string())
    }

    fn obey_and_introduce(&mut self, command: Command) -> Answer {
        match self.order(command) {
            Ok(()) => self.introduce(),
            Err(why) => Answer::bad(why),
        }
    }

    fn introduce(&self) -> Answer {
        Answer { server: Some(self.job.control.introduction.clone()), ..Answer::good() }
    }

    fn let_wait(&mut self, token: Token, awaited: Awaited) {
        if let Some(client) = self.job.control.clients.get_mut(&token) {
            client.wait_for(awaited);
        }
    }

    /// The answer comes first, the end of the connection with the end of the server.
    fn stop_for(&mut self, token: Token, now: bool) {
        let line = self.introduce().line();
        if let Some(client) = self.job.control.clients.get_mut(&token) {
            tracing::info!(peer = socket::peer_name(client.as_fd()), now, "stopping: asked by `ctl`");
            client.answer_and_stay(&line);
        }
        // A second wish to stop is no wish to stop at once, as a second signal is.
        if now {
            let _ = self.command(Command::StopNow);
        } else if !self.released {
            let _ = self.command(Command::Stop);
        }
    }

    /// Asks a worker where its threads are, unless it was asked already.
    fn ask_for_stacks(&mut self, pid: i32) -> Result<WorkerId, String> {
        let wanted = Some(ProcessId(pid));
        let found = self.workers.iter().find(|(_, child)| child.process == wanted);
        let (id, child) = found.ok_or_else(|| Refused::NoWorker(pid).to_string())?;
        if child.progress != Progress::Ready {
            return Err(format!("the worker {pid} is still starting"));
        }
        let id = *id;
        if let Entry::Vacant(unasked) = self.job.control.stacks.entry(id) {
            unasked.insert(String::new());
            ask::ask(ProcessId(pid));
        }
        Ok(id)
    }

    /// Takes a piece of what a worker tells of its threads.
    pub(in crate::supervisor) fn take_stacks(&mut self, id: WorkerId, piece: &str, more: bool) {
        let Entry::Occupied(mut so_far) = self.job.control.stacks.entry(id) else { return };
        if so_far.get().len() + piece.len() <= channel::MAX_STACKS {
            so_far.get_mut().push_str(piece);
        }
        if !more {
            let detail = Some(so_far.remove());
            let answer = Answer { detail, ..self.introduce() };
            self.answer_waiting(Awaited::Stacks(id), &answer);
        }
    }

    /// A worker that is gone tells nothing.
    pub(in crate::supervisor) fn forget_stacks(&mut self, id: WorkerId) {
        if self.job.control.stacks.remove(&id).is_some() {
            self.answer_waiting(Awaited::Stacks(id), &Answer::bad("the worker has ended"));
        }
    }

    /// Takes note of the end of a reload, and tells those who wait for it.
    pub(in crate::supervisor) fn note_reload(&mut self, result: Result<(), String>) {
        let reason = result.err();
        let answer = match &reason {
            None => self.introduce(),
            Some(reason) => {
                self.tell_failure("the new workers cannot serve, the old ones go on", Some(reason.clone()))
            }
        };
        self.job.control.renewal = Some(Renewal { at: Instant::now(), reason });
        self.answer_waiting(Awaited::Reload, &answer);
    }

    /// Tells those who wait for it that the new server serves, or why it does not.
    pub(in crate::supervisor) fn note_upgrade(&mut self, result: Result<u32, String>) {
        let answer = match result {
            Ok(pid) => {
                let server = Introduction { pid, ..self.job.control.introduction.clone() };
                Answer { server: Some(server), ..Answer::good() }
            }
            Err(reason) => self.tell_failure(UPGRADE_FAILED, Some(reason)),
        };
        self.answer_waiting(Awaited::Upgrade, &answer);
    }

    fn tell_failure(&self, error: &str, detail: Option<String>) -> Answer {
        Answer { detail, server: Some(self.job.control.introduction.clone()), ..Answer::bad(error) }
    }

    /// Nobody waits for a reload of a server that stops.
    pub(in crate::supervisor) fn disappoint_waiting(&mut self) {
        for awaited in [Awaited::Reload, Awaited::Upgrade] {
            self.answer_waiting(awaited, &Answer::bad("the server stops"));
        }
    }
}

const UPGRADE_FAILED: &str = "the new server cannot serve, this one goes on";
