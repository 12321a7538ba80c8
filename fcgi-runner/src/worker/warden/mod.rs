//! The warden of a worker: sees that requests keep their time, and that the interpreter can be had.
//!
//! A thread that never is attached to the interpreter, and sleeps until something is due. What the interpreter is needed for is
//! done by a further thread (`asker`), which may have to wait for it; the warden notices when that does not come back.
//! What is due is decided in `table`. Requests are on it only where they have a limit or may be noted as slow.

mod asker;
mod giving_up;
mod table;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

use self::asker::Asker;
pub use self::table::Rules;
use self::table::{Act, Table};
use super::service::Service;
use super::settings::Feeding;
use crate::app::Request;
use crate::messages::Code;
use crate::os::ask::Ear;
use crate::os::channel::Line;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::successor::Successor;
use crate::os::thread;
use crate::os::wake::Wake;
use crate::telemetry::slow::SlowLog;

/// What a warden is given to work with.
pub(super) struct Post {
    pub(super) rules: Rules,
    pub(super) slow_log: Option<Arc<SlowLog>>,
    pub(super) line: Option<Arc<Line>>,
    pub(super) feeding: Feeding,
    /// Wakes the worker's loop.
    pub(super) loop_wake: Arc<Wake>,
    /// What this process becomes where it would otherwise end.
    pub(super) successor: Option<Arc<Successor>>,
}

/// What the warden shares with those whom it watches.
pub struct Warden {
    post: Post,
    /// Whether requests come onto the table.
    sees_requests: bool,
    table: Mutex<Table<Arc<Request>>>,
    asker: Mutex<Asker>,
    wake: Wake,
    ear: Ear,
}

/// The worker's hold on the thread.
pub(super) struct Guard {
    warden: Arc<Warden>,
    thread: Option<JoinHandle<()>>,
}

/// A request on the table, until this is dropped.
pub(super) struct Watched<'w> {
    warden: &'w Warden,
    key: usize,
    request: &'w Request,
}

impl Warden {
    /// Starts the thread. What is served from now on is watched.
    ///
    /// # Errors
    /// When the process is out of threads or descriptors.
    pub(super) fn start(post: Post, service: &Arc<Service>) -> io::Result<Guard> {
        let sees_requests = post.rules.concern_requests();
        let warden = Arc::new(Self {
            table: Mutex::new(Table::new(post.rules, Instant::now())),
            sees_requests,
            post,
            asker: Mutex::new(Asker { tasks: VecDeque::new(), runs: false }),
            wake: Wake::new()?,
            ear: Ear::open()?,
        });
        let poller = Poller::new()?;
        poller.watch(&warden.wake, WAKE)?;
        poller.watch(&warden.ear, EAR)?;
        let (theirs, its_service) = (warden.clone(), service.clone());
        let thread = std::thread::Builder::new()
            .name("fcgi-warden".to_owned())
            .stack_size(STACK)
            .spawn(move || theirs.run(&poller, &its_service))?;
        let _ = service.warden.set(warden.clone());
        Ok(Guard { warden, thread: Some(thread) })
    }

    /// Watches a request that this thread begins to serve.
    pub(super) fn begin<'w>(&'w self, request: &'w Arc<Request>) -> Option<Watched<'w>> {
        if !self.sees_requests {
            return None;
        }
        let (key, sooner) =
            self.table().begin(request.clone(), request.arrived(), thread::ident(), thread::number());
        if sooner {
            self.wake.wake();
        }
        Some(Watched { warden: self, key, request })
    }

    /// Whether a thread may get stuck for good.
    pub(super) fn may_give_up(&self) -> bool {
        self.post.rules.request.is_some()
    }

    /// Threads that do not come back.
    pub(super) fn stuck(&self) -> usize {
        self.table().stuck()
    }

    /// Goes on in another file for slow requests.
    pub(super) fn change_log(&self, file: File) {
        if let Some(log) = &self.post.slow_log {
            log.replace(file);
        }
    }

    fn run(self: &Arc<Self>, poller: &Poller, service: &Arc<Service>) {
        let mut ready = ReadyList::new(2);
        loop {
            let wakes_at = loop {
                let mut table = self.table();
                if table.over {
                    return;
                }
                let acts = table.due(Instant::now());
                if acts.is_empty() {
                    break table.plan();
                }
                drop(table);
                for act in acts {
                    self.perform(act, service);
                }
            };
            let timeout = wakes_at.map(|at| at.saturating_duration_since(Instant::now()));
            if let Err(error) = poller.wait(&mut ready, timeout) {
                tracing::error!(code = %Code::NOT_WATCHED, %error, "time limits are not watched any more");
                return;
            }
            for event in ready.iter() {
                match event.token {
                    WAKE => self.wake.clear(),
                    _ if self.ear.take() => {
                        self.table().ask(Instant::now());
                        self.ask(asker::Task::Stacks, service);
                    }
                    _ => {}
                }
            }
        }
    }

    fn perform(self: &Arc<Self>, act: Act<Arc<Request>>, service: &Arc<Service>) {
        match act {
            Act::Note(ticket) => self.ask(asker::Task::Note(ticket), service),
            Act::Limit(ticket) => self.ask(asker::Task::Limit(ticket), service),
            Act::Probe => self.ask(asker::Task::Probe, service),
            Act::AnswerWithout => self.answer_without(service),
            Act::GiveUp { ticket, reached } => self.give_up(&ticket, reached, service),
            Act::Deadlock { since } => self.end_deadlock(since, service),
            Act::Exit => self.exit(),
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<Arc<Request>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        let noted = self.warden.table().end(self.key);
        if let (Some(number), Some(log)) = (noted, &self.warden.post.slow_log) {
            log.finish(self.request, number);
        }
    }
}

impl Guard {
    /// Ends the warden with its worker; not where threads are stuck, for then the worker has to be seen to its end.
    pub(super) fn dismiss(mut self) {
        let mut table = self.warden.table();
        if table.stuck() > 0 {
            return;
        }
        table.over = true;
        drop(table);
        self.warden.wake.wake();
        if let Some(thread) = self.thread.take() {
            // One that panicked watches nothing either.
            let _ = thread.join();
        }
    }
}

const WAKE: Token = 0;
const EAR: Token = 1;

/// Nothing here is deep.
const STACK: usize = 128 * 1024;
