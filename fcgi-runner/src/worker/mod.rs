//! A worker: the sockets on one side, the application on the other.

mod attendant;
mod connection;
mod courier;
mod event_loop;
pub mod gate;
mod intake;
mod own_pages;
pub mod pool;
mod queues;
pub mod renewal;
mod rescue;
mod service;
pub mod settings;
pub mod warden;
mod wear;

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Instant;

use fcgi_proto::server;
use slab::Slab;

use self::event_loop::{EVENTS, EventLoop, State, Turns, Unread};
use self::gate::Gate;
pub use self::own_pages::OwnPages;
use self::pool::{Counts, Crew, LoopHandle, Reserve, ThreadRules};
use self::queues::Queues;
use self::renewal::Renewal;
pub use self::service::Service;
use self::settings::{Feeding, Settings};
use self::warden::{Guard, Post, Rules, Warden};
use self::wear::Wear;
pub use self::wear::WearLimits;
use crate::app::{Application, Host, PlainBlocker};
use crate::os::alarm::Alarm;
use crate::os::channel::Line;
use crate::os::handoff::Handoff;
use crate::os::limits;
use crate::os::listener::Listener;
use crate::os::poller::{Poller, ReadyList};
use crate::os::scoreboard::Scoreboard;
use crate::os::signals;
use crate::os::wake::Wake;
use crate::telemetry::access::AccessLog;
use crate::telemetry::slow::SlowLog;

/// What a worker is given to work with.
pub struct Worker {
    pub host: Arc<dyn Host>,
    pub app: Arc<dyn Application>,
    pub listeners: Arc<[Listener]>,
    /// Who may connect; `None` is whoever can.
    pub gate: Option<Arc<Gate>>,
    /// The line to the master; without one, the worker is alone and signals are its own business.
    pub line: Option<Line>,
    /// The queue of connections between siblings; for a worker that is alone, between it and the one that follows it.
    pub handoff: Option<Arc<Handoff>>,
    pub board: Arc<Scoreboard>,
    pub slot: usize,
    /// A connection to begin with; without listeners, the worker ends with it.
    pub first: Option<OwnedFd>,
    /// What follows a worker that is alone.
    pub renewal: Option<Renewal>,
    /// `None`: one application thread, which is the loop's own.
    pub threads: Option<ThreadRules>,
    pub wear: WearLimits,
    pub settings: Settings,
    pub pages: Option<OwnPages>,
    pub access_log: Option<Arc<AccessLog>>,
    pub slow_log: Option<Arc<SlowLog>>,
    /// How long requests may take.
    pub times: Rules,
}

/// What a worker runs.
struct Prepared {
    event_loop: Box<EventLoop>,
    first: Option<OwnedFd>,
    handle: Arc<LoopHandle>,
    service: Arc<Service>,
    threads: Option<(ThreadRules, Arc<Counts>)>,
    guard: Guard,
}

impl Worker {
    /// Serves until it is told to leave.
    ///
    /// # Errors
    /// When the kernel refuses what a loop needs.
    pub fn run(self) -> io::Result<()> {
        let host = self.host.clone();
        let Prepared { event_loop, first, handle, service, threads, guard } = self.prepare()?;
        let mut parts = Some((event_loop, first, handle));
        let mut result = Ok(());
        host.run_thread(&mut |blocker| {
            let Some((mut event_loop, first, handle)) = parts.take() else { return };
            let Some((rules, counts)) = threads.clone() else {
                result = event_loop.run(first, blocker);
                return;
            };
            let (service, host) = (service.clone(), host.clone());
            let mut lead = Some(|| {
                let reserve = Reserve::new(Crew::new(rules, service, host, handle, counts));
                event_loop.begin(first, &PlainBlocker)?;
                reserve.run(event_loop)
            });
            // An interpreter that this thread was attached to all along is left to the application's threads.
            blocker.block(&mut || {
                if let Some(lead) = lead.take() {
                    result = lead();
                }
            });
        });
        service.tell_late(true);
        guard.dismiss();
        result
    }

    fn prepare(mut self) -> io::Result<Prepared> {
        let (poller, wake) = (Arc::new(Poller::new()?), Arc::new(Wake::new()?));
        let signals = signals::install_worker_handlers(self.line.is_none())?;
        let queues = Arc::new(Queues::new(self.board.clone(), self.slot, self.settings.limits.queue_timeout));
        queues.begin(&self.listeners);
        let service = Arc::new(self.service());
        let handle = Arc::new(LoopHandle::new(poller.clone(), wake.clone()));
        let feeding = if self.threads.is_some() { Feeding::Loop(handle.clone()) } else { Feeding::Pull };
        let line = self.line.map(Arc::new);
        let post = Post {
            rules: self.times,
            slow_log: self.slow_log,
            line: line.clone(),
            feeding: feeding.clone(),
            loop_wake: wake.clone(),
            successor: self.renewal.as_ref().and_then(Renewal::successor),
        };
        let guard = Warden::start(post, &service)?;
        let counts = self.threads.map(|rules| Arc::new(Counts::new(rules)));
        let max_connections = most_connections(&self.settings);
        let settings = Settings {
            protocol: server::Settings { overload_answer: intake::overload_page(), ..self.settings.protocol },
            siblings: self.handoff.is_some() && line.is_some(),
            feeding,
            ..self.settings
        };
        let event_loop = Box::new(EventLoop {
            bell: self.host.signal_bell(),
            host: self.host,
            poller,
            listeners: self.listeners,
            gate: self.gate,
            line,
            signals,
            handoff: self.handoff,
            wake,
            service: service.clone(),
            settings: Arc::new(settings),
            counts: counts.clone(),
            connections: Slab::new(),
            attendant: None,
            queues,
            turns: Turns::default(),
            unread: Unread::default(),
            state: State::Serving,
            work: Vec::new(),
            ready: ReadyList::new(EVENTS),
            fresh: Vec::new(),
            paused: VecDeque::new(),
            max_connections,
            is_full: false,
            was_crowded: false,
            accepting: false,
            accept_again_at: None,
            swept_at: Instant::now(),
            alarm: Alarm::new()?,
            renewal: self.renewal,
        });
        let (first, threads) = (self.first, self.threads.zip(counts));
        Ok(Prepared { event_loop, first, handle, service, threads, guard })
    }

    fn service(&mut self) -> Service {
        let (app, board) = (self.app.clone(), self.board.clone());
        let mut service = Service::new(app, board, self.slot, Wear::new(self.wear));
        service.queue_timeout = self.settings.limits.queue_timeout;
        service.access_log = self.access_log.take();
        service.pages = self.pages.take();
        service.slow_from = self.times.slow.unwrap_or(service.slow_from);
        service
    }
}

/// Connections that a worker may have at once: by its limit, and by the files that it may open.
fn most_connections(settings: &Settings) -> usize {
    let files = limits::raise_open_files();
    let by_files = files.saturating_sub(RESERVED_FILES).max(files / 2).max(1);
    settings.limits.max_connections.map_or(by_files, |limit| limit.min(by_files))
}

/// Open files that are left to the application and to logs when a worker has as many connections as it can; half of them
/// where there are few.
const RESERVED_FILES: usize = 128;
