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

use self::event_loop::{EVENTS, EventLoop, State, Turns};
use self::gate::Gate;
pub use self::own_pages::OwnPages;
use self::pool::{Counts, Crew, LoopHandle, Reserve, ThreadRules};
use self::queues::Queues;
use self::renewal::Renewal;
pub use self::service::Service;
use self::settings::{Feeding, Settings};
use self::warden::{Post, Rules, Warden};
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

impl Worker {
    /// Serves until it is told to leave.
    ///
    /// # Errors
    /// When the kernel refuses what a loop needs.
    pub fn run(self) -> io::Result<()> {
        let poller = Arc::new(Poller::new()?);
        let wake = Arc::new(Wake::new()?);
        let signals = signals::install_worker_handlers(self.line.is_none())?;
        let queue_timeout = self.settings.limits.queue_timeout;
        let queues = Arc::new(Queues::new(self.board.clone(), self.slot, queue_timeout));
        queues.begin(&self.listeners);
        let mut service = Service::new(self.app, self.board, self.slot, Wear::new(self.wear));
        service.queue_timeout = queue_timeout;
        service.access_log = self.access_log;
        service.pages = self.pages;
        service.slow_from = self.times.slow.unwrap_or(service.slow_from);
        let service = Arc::new(service);
        let handle = Arc::new(LoopHandle::new(poller.clone(), wake.clone()));
        let feeding = if self.threads.is_some() { Feeding::Loop(handle.clone()) } else { Feeding::Pull };
        let protocol =
            server::Settings { overload_answer: intake::overload_page(), ..self.settings.protocol };
        let line = self.line.map(Arc::new);
        let guard = Warden::start(
            Post {
                rules: self.times,
                slow_log: self.slow_log,
                line: line.clone(),
                feeding: feeding.clone(),
                loop_wake: wake.clone(),
                successor: self.renewal.as_ref().and_then(Renewal::successor),
            },
            &service,
        )?;
        let has_siblings = self.handoff.is_some() && line.is_some();
        let files = limits::raise_open_files();
        let by_files = files.saturating_sub(RESERVED_FILES).max(files / 2).max(1);
        let counts = self.threads.map(|rules| Arc::new(Counts::new(rules)));
        let event_loop = Box::new(EventLoop {
            host: self.host.clone(),
            bell: self.host.signal_bell(),
            poller,
            listeners: self.listeners,
            gate: self.gate,
            line,
            signals,
            handoff: self.handoff,
            wake,
            service: service.clone(),
            settings: Arc::new(Settings {
                protocol,
                siblings: feeding.is_pull() && has_siblings,
                feeding,
                ..self.settings
            }),
            counts: counts.clone(),
            connections: Slab::new(),
            attendant: None,
            queues,
            turns: Turns::default(),
            state: State::Serving,
            work: Vec::new(),
            ready: ReadyList::new(EVENTS),
            fresh: Vec::new(),
            paused: VecDeque::new(),
            max_connections: self
                .settings
                .limits
                .max_connections
                .map_or(by_files, |limit| limit.min(by_files)),
            is_full: false,
            was_crowded: false,
            accepting: false,
            accept_again_at: None,
            swept_at: Instant::now(),
            alarm: Alarm::new()?,
            renewal: self.renewal,
        });
        let threads = self.threads.zip(counts);
        let mut parts = Some((event_loop, self.first, handle));
        let mut result = Ok(());
        self.host.run_thread(&mut |blocker| {
            let Some((mut event_loop, first, handle)) = parts.take() else { return };
            let Some((rules, counts)) = threads.clone() else {
                result = event_loop.run(first, blocker);
                return;
            };
            let (service, host) = (service.clone(), self.host.clone());
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
}

/// Open files that are left to the application and to logs when a worker has as many connections as it can; half of them
/// where there are few.
const RESERVED_FILES: usize = 128;
