//! What is done about threads that do not come back: their requests are ended without them, and the worker goes.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::service::Service;
use super::super::settings::Feeding;
use super::Warden;
use super::asker::{names, seconds, sheets, work};
use super::table::Ticket;
use crate::app::{Request, TIMEOUT_TEXT};
use crate::cgi::page;
use crate::messages::Code;
use crate::os::channel::Report;
use crate::os::reason::Reason;
use crate::os::{fork, thread};

impl Warden {
    /// Ends a request whose thread has not reacted to its limit, and has the worker leave.
    pub(super) fn give_up(
        self: &Arc<Self>,
        ticket: &Ticket<Arc<Request>>,
        reached: bool,
        service: &Arc<Service>,
    ) {
        let locked = !reached && self.table().waiting().is_some();
        if !reached {
            service.board.slot(service.slot).tally().note_timed_out();
        }
        let (method, path) = names(&ticket.request);
        let (seconds, thread) = (seconds(&ticket.request), thread::activity(ticket.task));
        if locked {
            tracing::error!(
                code = %Code::INTERPRETER_HELD,
                method,
                path,
                seconds,
                thread,
                "the interpreter cannot be had: other code, perhaps that of this request, has not let go of its lock; \
                 this worker is replaced"
            );
        } else {
            tracing::error!(
                code = %Code::REQUEST_STUCK,
                method,
                path,
                seconds,
                thread,
                "a request does not end after its limit, this worker is replaced"
            );
        }
        let wait = match &self.post.feeding {
            _ if locked => MOMENT,
            // Nothing else runs here.
            Feeding::Pull => MOMENT,
            // The others have limits of their own.
            Feeding::Loop(_) => self.post.rules.request.unwrap_or_default() + self.post.rules.grace + MOMENT,
        };
        if locked {
            service.held.store(true, Ordering::Release);
        }
        self.table().exit_at(Instant::now() + wait);
        self.leave(if locked { Reason::Stuck } else { Reason::Timeout }, service);
        let (ending, warden, theirs) = (ticket.request.clone(), self.clone(), service.clone());
        let end = move || {
            warden.see_leaving(&theirs);
            ending.take_over(504, &page::error_page(504, "", TIMEOUT_TEXT, Some(Code::REQUEST_TIMEOUT)));
            theirs.settle(&ending);
        };
        if let Err(error) = std::thread::Builder::new().name("fcgi-late".to_owned()).spawn(end) {
            tracing::error!(
                code = %Code::HELPER_THREAD,
                %error,
                "a request cannot be ended without its thread"
            );
        }
    }

    /// Nobody has got the interpreter for too long: there is nothing that this worker could still do.
    pub(super) fn end_deadlock(&self, since: Instant, service: &Service) {
        let requests: Vec<String> = sheets(service).iter().map(|sheet| work(sheet, service)).collect();
        let threads = requests.join(", ");
        tracing::error!(
            code = %Code::INTERPRETER_HELD,
            seconds = since.elapsed().as_secs(),
            serves = threads,
            "the interpreter cannot be had: other code has not let go of its lock (`deadlocktimeout`); \
             this worker is replaced"
        );
        service.held.store(true, Ordering::Release);
        self.leave(Reason::Stuck, service);
        self.see_leaving(service);
        std::thread::sleep(MOMENT);
        self.end_process();
    }

    /// Ends the process, where threads are still stuck.
    pub(super) fn exit(&self) {
        if self.stuck() > 0 {
            self.end_process();
        }
    }

    fn end_process(&self) -> ! {
        if let Some(successor) = &self.post.successor {
            successor.take_over_unless_told_to_end();
        }
        // A master knows that it leaves; others may look at the status.
        fork::exit_now(i32::from(self.post.line.is_none()))
    }

    /// Has the worker leave: the loop, or where that is stuck the attendant, gives idle connections to the siblings, and the
    /// master starts another worker.
    fn leave(&self, reason: Reason, service: &Service) {
        if let Some(line) = &self.post.line {
            line.report(&Report::Due { reason, urgent: true });
        }
        service.retire();
        match &self.post.feeding {
            Feeding::Loop(handle) => {
                handle.nudge();
                handle.fill_vacancy();
            }
            Feeding::Pull => {
                service.abandoned.store(true, Ordering::Release);
                self.tell_leaving(service);
                self.post.loop_wake.wake();
            }
        }
    }

    fn tell_leaving(&self, service: &Service) {
        if service.tells_leaving()
            && let Some(line) = &self.post.line
        {
            line.report(&Report::Leaving);
        }
    }

    /// Waits until the loop takes nothing new, but not for long: who has an answer may ask again at once.
    fn see_leaving(&self, service: &Service) {
        let until = Instant::now() + MOMENT / 2;
        while !service.has_told_leaving() && Instant::now() < until {
            std::thread::sleep(MOMENT / 500);
        }
        self.tell_leaving(service);
    }
}

/// What siblings and the web server need to hear of it.
const MOMENT: Duration = Duration::from_millis(500);
