//! What the warden needs the interpreter for: done by a thread of its own, which is started when there is something, and may
//! have to wait for long.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::sync::{Arc, PoisonError};
use std::time::Instant;

use super::super::service::Service;
use super::Warden;
use super::table::Ticket;
use crate::app::{Request, ThreadStack};
use crate::messages::Code;
use crate::os::scoreboard::{Desk, Sheet};

/// Something to do in the interpreter.
#[derive(Debug)]
pub(super) enum Task {
    /// Get hold of it, and no more.
    Probe,
    /// Write down where a slow request is.
    Note(Ticket<Arc<Request>>),
    /// Tell the log where a request is that has reached its limit, and interrupt it.
    Limit(Ticket<Arc<Request>>),
    /// Tell the master where all threads are.
    Stacks,
}

/// The thread's work.
#[derive(Debug)]
pub(super) struct Asker {
    pub(super) tasks: VecDeque<Task>,
    pub(super) runs: bool,
}

impl Warden {
    /// Has something done in the interpreter.
    pub(super) fn ask(self: &Arc<Self>, task: Task, service: &Arc<Service>) {
        let mut asker = self.asker.lock().unwrap_or_else(PoisonError::into_inner);
        asker.tasks.push_back(task);
        if asker.runs {
            return;
        }
        let (warden, service) = (self.clone(), service.clone());
        let started = std::thread::Builder::new()
            .name("fcgi-ask".to_owned())
            .stack_size(STACK)
            .spawn(move || warden.do_tasks(&service));
        match started {
            Ok(_) => asker.runs = true,
            Err(error) => {
                asker.tasks.clear();
                tracing::error!(
                    code = %Code::HELPER_THREAD,
                    %error,
                    "no thread can be started to look at slow requests"
                );
            }
        }
    }

    fn do_tasks(&self, service: &Service) {
        loop {
            let mut asker = self.asker.lock().unwrap_or_else(PoisonError::into_inner);
            let Some(task) = asker.tasks.pop_front() else {
                asker.runs = false;
                return;
            };
            drop(asker);
            self.table().set_waiting(Some(Instant::now()));
            service.app.wait_for_turn();
            self.table().set_waiting(None);
            match task {
                Task::Probe => {}
                Task::Note(ticket) => self.note(&ticket, service),
                Task::Limit(ticket) => self.limit(&ticket, service),
                Task::Stacks => self.answer(&service.app.stacks(), service),
            }
        }
    }

    fn note(&self, ticket: &Ticket<Arc<Request>>, service: &Service) {
        let stack = service.app.stack(ticket.thread);
        // Otherwise it may be the stack of another one.
        if let Some(log) = &self.post.slow_log
            && self.table().is_there(ticket)
        {
            log.note(&ticket.request, ticket.number, stack.as_deref().unwrap_or(NO_STACK));
        }
    }

    fn limit(&self, ticket: &Ticket<Arc<Request>>, service: &Service) {
        let stack = service.app.stack(ticket.thread);
        if !self.table().is_there(ticket) {
            return;
        }
        let (method, path) = names(&ticket.request);
        tracing::warn!(
            code = %Code::REQUEST_TIMEOUT,
            method,
            path,
            seconds = seconds(&ticket.request),
            traceback = stack.as_deref().unwrap_or(NO_STACK),
            "a request takes longer than `requesttimeout`, the application is interrupted"
        );
        service.board.slot(service.slot).tally().note_timed_out();
        service.app.interrupt(&ticket.request);
        self.table().note_reached(ticket);
    }

    /// Answers the question where the threads are.
    fn answer(&self, stacks: &[ThreadStack], service: &Service) {
        if !self.table().take_question() {
            return;
        }
        let sheets = sheets(service);
        let mut text = String::new();
        for ThreadStack { thread, name, text: stack } in stacks {
            let _ = write!(text, "thread {thread}");
            if let Some(name) = name {
                let _ = write!(text, " ({name})");
            }
            if let Some(sheet) = sheets.iter().find(|sheet| sheet.thread == *thread) {
                let _ = write!(text, ", serves {}", work(sheet, service));
            }
            let _ = write!(text, ":\n{stack}");
        }
        self.tell(&text);
    }

    /// Answers it as well as can be done without the interpreter.
    pub(super) fn answer_without(&self, service: &Service) {
        let mut text = "the interpreter cannot be had: other code has not let go of its lock\n".to_owned();
        for sheet in sheets(service) {
            let _ = writeln!(text, "thread {}, serves {}", sheet.thread, work(&sheet, service));
        }
        self.tell(&text);
    }

    fn tell(&self, text: &str) {
        if let Some(line) = &self.post.line {
            line.report_stacks(text);
        } else {
            tracing::info!(traceback = text, "asked where the threads are");
        }
    }
}

/// What the worker serves now.
pub(super) fn sheets(service: &Service) -> Vec<Sheet> {
    service.board.desks(service.slot).iter().filter_map(Desk::read).collect()
}

/// What a thread works on, for one line.
pub(super) fn work(sheet: &Sheet, service: &Service) -> String {
    let since = service.board.elapsed().saturating_sub(sheet.arrived);
    format!("{} {} for {:.3} s", sheet.method.escape_ascii(), sheet.path.escape_ascii(), since.as_secs_f64())
}

/// The method and the path of a request, for one line of a log: the query may hold secrets.
pub(super) fn names(request: &Request) -> (String, String) {
    let target = request.target();
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    (request.method().escape_ascii().to_string(), path.escape_ascii().to_string())
}

/// How long it has taken so far.
pub(super) fn seconds(request: &Request) -> String {
    format!("{:.3}", request.finished().duration.as_secs_f64())
}

/// In place of a stack.
const NO_STACK: &str = "  (the thread runs no Python now)";

/// Python's own code runs here: what the interpreter has put off may be done by whoever comes by.
const STACK: usize = 2 << 20;
