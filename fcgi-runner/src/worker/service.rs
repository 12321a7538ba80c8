//! Serving one request, in whatever thread: counted, logged, and ended in every case.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::intake::Work;
use super::own_pages::OwnPages;
use super::warden::Warden;
use super::wear::Wear;
use crate::app::{Application, Blocker, Finished, Refusal, Request, answer_with_page};
use crate::messages::Code;
use crate::os::scoreboard::{Scoreboard, Slow};
use crate::os::thread;
use crate::telemetry::access::AccessLog;

/// What all application threads of a worker share.
pub struct Service {
    pub app: Arc<dyn Application>,
    pub access_log: Option<Arc<AccessLog>>,
    pub board: Arc<Scoreboard>,
    pub slot: usize,
    /// Requests that have waited for longer are not served.
    pub queue_timeout: Option<Duration>,
    /// What is answered without the application.
    pub pages: Option<OwnPages>,
    /// Requests that take so long are remembered on the board.
    pub slow_from: Duration,
    /// Who sees that requests keep their time.
    pub(super) warden: OnceLock<Arc<Warden>>,
    /// The loop is stuck in a request: others have to pass its connections on.
    pub(super) abandoned: AtomicBool,
    /// No thread can begin with a request any more: others have to see to those that were read.
    pub(super) held: AtomicBool,
    /// When the worker has done its part.
    pub(super) wear: Wear,
    /// It has to leave for the sake of a request that does not end.
    retired: AtomicBool,
    told_leaving: AtomicBool,
}

impl Service {
    pub(super) fn new(app: Arc<dyn Application>, board: Arc<Scoreboard>, slot: usize, wear: Wear) -> Self {
        Self {
            app,
            access_log: None,
            board,
            slot,
            queue_timeout: None,
            pages: None,
            slow_from: SLOW,
            warden: OnceLock::new(),
            abandoned: AtomicBool::new(false),
            held: AtomicBool::new(false),
            wear,
            retired: AtomicBool::new(false),
            told_leaving: AtomicBool::new(false),
        }
    }

    /// Does one piece of work.
    pub fn perform(&self, work: &Work, blocker: &dyn Blocker) {
        match work {
            Work::Serve(request, since) => {
                if !request.begin_service() {
                    // Somebody else has ended it, or given it away.
                } else if self.pages.as_ref().is_some_and(|pages| pages.answer(request, &self.board, blocker))
                {
                    // It was for the server itself, and counts nowhere.
                } else if self.queue_timeout.is_some_and(|limit| since.elapsed() > limit) {
                    self.turn_away(request, blocker);
                } else {
                    self.serve(request, blocker);
                }
            }
            Work::Refuse(request, refusal) => {
                note_refusal(request, refusal);
                answer_with_page(request, refusal, blocker);
                self.board.slot(self.slot).tally().note_refused();
                self.settle(request);
            }
        }
    }

    /// Answers a request that has waited for too long, and that nobody may wait for any more.
    fn turn_away(&self, request: &Arc<Request>, blocker: &dyn Blocker) {
        let text = "The server has too much to do now. Please try again in a few seconds.".into();
        let refusal = Refusal { status: 503, message: Code::QUEUE_TIMEOUT, text };
        answer_with_page(request, &refusal, blocker);
        self.board.slot(self.slot).tally().note_late();
        self.settle(request);
        self.board.note_late();
        self.tell_late(false);
    }

    /// Tells the log how many requests were turned away, if it is time, or in any case at the end.
    pub fn tell_late(&self, at_end: bool) {
        let Some(limit) = self.queue_timeout else { return };
        let pause = if at_end { Duration::ZERO } else { TELL_PAUSE };
        if let Some(requests) = self.board.take_late(pause) {
            let seconds = limit.as_secs_f64();
            tracing::warn!(
                code = %Code::QUEUE_TIMEOUT,
                requests,
                seconds,
                "requests have waited for longer than `queuetimeout` and were answered with 503"
            );
        }
    }

    /// Whether the log has to be told of such requests some time.
    pub fn has_untold(&self) -> bool {
        self.queue_timeout.is_some() && self.board.has_untold()
    }

    /// Has the worker leave when it comes round.
    pub(super) fn retire(&self) {
        self.retired.store(true, Ordering::Release);
    }

    /// Whether the worker is to leave although it has served no more requests than it may.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Acquire)
    }

    /// Whether the master is to be told now that the worker leaves: it hears so once.
    pub(super) fn tells_leaving(&self) -> bool {
        !self.told_leaving.swap(true, Ordering::AcqRel)
    }

    /// Whether it has heard so.
    pub(super) fn has_told_leaving(&self) -> bool {
        self.told_leaving.load(Ordering::Acquire)
    }

    /// Threads that do not come back from a request.
    pub(super) fn stuck(&self) -> usize {
        self.warden.get().map_or(0, |warden| warden.stuck())
    }

    fn serve(&self, request: &Arc<Request>, blocker: &dyn Blocker) {
        let slot = self.board.slot(self.slot);
        if slot.begin() {
            self.board.note_busy();
        }
        let seat = self.board.take_desk(self.slot, request.arrived(), request.method(), request.target());
        if let Some(seat) = &seat {
            seat.desk().set_thread(thread::ident());
        }
        let watched = self.warden.get().and_then(|warden| warden.begin(request));
        let outcome = catch_unwind(AssertUnwindSafe(|| self.app.serve(request)));
        if outcome.is_err() {
            let message = Code::SERVER_BUG;
            tracing::error!(code = %message, "a bug in the server: serving a request has panicked");
            let text = "The server has met an error of its own.".into();
            answer_with_page(request, &Refusal { status: 500, message, text }, blocker);
        }
        if !request.is_ended() {
            request.cut(blocker);
        }
        drop(watched);
        drop(seat);
        slot.end();
        if !request.is_taken_over() {
            self.settle(request);
        }
        self.wear.note_end(self.app.wants_successor());
    }

    /// Counts and logs a request that is over.
    pub(super) fn settle(&self, request: &Request) {
        let finished = request.finished();
        let tally = self.board.slot(self.slot).tally();
        tally.record(finished.status, finished.body_bytes, finished.duration);
        if finished.duration >= self.slow_from {
            self.note_slow(request, &finished);
        }
        self.log(request);
    }

    #[cold]
    fn note_slow(&self, request: &Request, finished: &Finished) {
        self.board.reports().note_slow(
            self.slot,
            &Slow {
                at: self.board.elapsed(),
                took: finished.duration,
                status: finished.status,
                pid: std::process::id(),
                method: request.method().to_vec(),
                path: request.target().to_vec(),
            },
        );
    }

    fn log(&self, request: &Request) {
        if let Some(log) = &self.access_log {
            log.record(request);
        }
    }
}

/// A request that takes longer is called slow, unless the operator says otherwise.
const SLOW: Duration = Duration::from_secs(1);

/// Between two lines about requests that were turned away.
const TELL_PAUSE: Duration = Duration::from_secs(10);

/// Tells the log why a request is not served; of visitors who have left, only those who look for them.
fn note_refusal(request: &Request, refusal: &Refusal) {
    let (peer, status, reason) = (request.peer(), refusal.status, &*refusal.text);
    let code = refusal.message;
    if request.is_aborted() {
        tracing::debug!(%code, peer, status, reason, "request given up");
    } else {
        tracing::warn!(%code, peer, status, reason, "request refused");
    }
}
