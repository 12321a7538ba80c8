//! What a loop is told: by the master, by signals, by the application's own handlers.

use std::io::Read;
use std::os::fd::AsFd;

use super::super::settings::Feeding;
use super::super::wear::Due;
use super::{EventLoop, State};
use crate::messages::Code;
use crate::os::channel::{Heard, Order, Report};
use crate::os::scoreboard::Phase;
use crate::os::signals::WorkerSignal;
use crate::os::stdio::OpenLogs;

impl EventLoop {
    /// Runs what the application itself wants to do about signals.
    pub(super) fn run_handlers(&self) {
        let mut rung = [0; 64];
        while self.bell.as_ref().is_some_and(|mut bell| bell.read(&mut rung).is_ok_and(|count| count > 0)) {}
        match &self.settings.feeding {
            Feeding::Pull => self.host.handle_signals(),
            Feeding::Loop(handle) => handle.note_signals(),
        }
    }

    pub(super) fn hear_master(&mut self) {
        let Some(line) = &self.line else { return };
        match line.next_order() {
            Heard::Message(Order::Retire) => self.enter(State::Retiring),
            Heard::Message(Order::Stop) => self.enter(State::Stopping),
            Heard::Message(Order::ReopenLogs) => self.change_logs(line.take_logs()),
            Heard::Silence | Heard::Garbage => {}
            Heard::Gone => {
                tracing::warn!(code = %Code::MASTER_GONE, "the master is gone, this worker leaves");
                let _ = self.poller.forget(&**line);
                self.enter(State::Stopping);
            }
        }
    }

    /// Goes on in the files that the master has opened: this process perhaps may not.
    fn change_logs(&self, files: OpenLogs) {
        if let Err(error) = files.redirect() {
            tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be changed");
        }
        if let (Some(log), Some(file)) = (&self.service.access_log, files.access) {
            log.replace(file);
        }
        if let (Some(warden), Some(file)) = (self.service.warden.get(), files.slow) {
            warden.change_log(file);
        }
    }

    pub(super) fn hear_signals(&mut self) {
        while let Some(signal) = self.signals.next() {
            let state = match signal {
                WorkerSignal::Finish if self.state == State::Stopping && self.line.is_none() => {
                    State::Quitting
                }
                WorkerSignal::Finish if self.line.is_some() => State::Retiring,
                WorkerSignal::Finish => State::Stopping,
                WorkerSignal::Quit => State::Quitting,
            };
            self.enter(state);
        }
    }

    /// The worker has done its part: the master is to find another one. Without a master it leaves.
    pub(super) fn tell_due(&mut self, due: Due) {
        if let Some(line) = &self.line {
            line.report(&Report::Due { reason: due.reason, urgent: due.urgent });
        }
        self.note_renewal(due.reason);
        if due.at_once || self.line.is_none() {
            self.enter(State::Retiring);
        }
    }

    pub(super) fn enter(&mut self, state: State) {
        if state <= self.state {
            return;
        }
        let was_serving = self.state == State::Serving;
        self.state = state;
        self.end_all_waits();
        self.show_phase(Phase::Leaving);
        if let Some(counts) = &self.counts {
            counts.tell_ends(true);
        }
        if was_serving
            && state == State::Retiring
            && self.service.tells_leaving()
            && let Some(line) = &self.line
        {
            line.report(&Report::Leaving);
        }
        if state >= State::Stopping
            && let Some(attendant) = &mut self.attendant
        {
            // Nobody takes what is passed on now.
            attendant.keep_all();
        }
        if was_serving && let Some(handoff) = &self.handoff {
            let _ = self.poller.forget(handoff.as_fd());
        }
        if state == State::Stopping {
            // What waits in the queue is taken in once more, although all threads may be busy: nobody else will come.
            self.accepting = !self.is_full && !self.listeners.is_empty();
        }
    }
}
