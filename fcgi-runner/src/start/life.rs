//! The life of a worker process, and of a process that serves alone.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use fcgi_proto::server::{self, Roles};
use fcgi_proto::{Limits, ServerValues};

use super::{develop, doors, problem};
use crate::app::{Application, Host, probe};
use crate::config::{Config, Method, Pool};
use crate::messages::Code;
use crate::os::channel::{Line, Report};
use crate::os::handoff::Handoff;
use crate::os::listener::Listener;
use crate::os::scoreboard::{Phase, Scoreboard};
use crate::status::About;
use crate::telemetry::RequestLogs;
use crate::worker::gate::Gate;
use crate::worker::pool::ThreadRules;
use crate::worker::renewal::Renewal;
use crate::worker::settings::{Courier, Feeding, Settings, SpareBuffer};
use crate::worker::{OwnPages, WearLimits, Worker, warden};

/// What every worker of a server is made from.
pub(super) struct Plan<'p> {
    pub(super) about: Arc<About>,
    pub(super) config: &'p Config,
    pub(super) host: Arc<dyn Host>,
    /// The roles that the host's application plays.
    pub(super) roles: Roles,
    pub(super) listeners: Arc<[Listener]>,
    pub(super) gate: Option<Arc<Gate>>,
    pub(super) board: Arc<Scoreboard>,
    pub(super) handoff: Option<Arc<Handoff>>,
    pub(super) threads: Option<ThreadRules>,
    pub(super) logs: RequestLogs,
}

/// The application threads of each worker; `None` where the worker's one thread does everything.
pub(super) fn thread_rules(config: &Config, alone: bool) -> Option<ThreadRules> {
    match (config.method, config.threads) {
        (_, Some(1)) => None,
        (_, Some(count)) => Some(ThreadRules::fixed(count)),
        (Some(Method::Threaded), None) if config.pool == Pool::Static => {
            Some(ThreadRules::fixed(config.max_children))
        }
        (Some(Method::Threaded), None) if alone => Some(ThreadRules {
            // A web server that starts us sends few requests at once to one process: start with one thread.
            max_spare: 1,
            min_spare: 0,
            max_threads: config.max_children,
        }),
        (Some(Method::Threaded), None) => Some(ThreadRules {
            max_spare: config.max_spare,
            min_spare: config.min_spare,
            max_threads: config.max_children,
        }),
        (_, None) => None,
    }
}

impl Plan<'_> {
    /// The life of a forked worker; gives its exit status.
    pub(super) fn live(&self, line: Line, slot: usize) -> i32 {
        self.board.slot(slot).set_pid(std::process::id());
        let loaded = self.host.load();
        develop::report_sources(self.config, &*self.host, &line);
        let (app, is_real) = match loaded {
            Ok(app) => (app, true),
            Err(error) => {
                let Some(app) = develop::substitute(self.config, &*self.host, &error) else {
                    line.report(&Report::ImportFailed(problem::report(&error)));
                    return 3;
                };
                (app, false)
            }
        };
        if let Some(page) = self.config.probe.as_ref().filter(|_| is_real) {
            line.report(&Report::Probing);
            if let Err(text) = probe(&*app, page) {
                line.report(&Report::ImportFailed(Code::PROBE_FAILED.tag(&text)));
                return 3;
            }
        }
        self.finish(Worker { line: Some(line), ..self.worker(app, slot) })
    }

    /// The life of a process without a master.
    pub(super) fn live_alone(
        &self,
        app: Arc<dyn Application>,
        first: Option<OwnedFd>,
        renewal: Renewal,
    ) -> i32 {
        self.board.open_slot(0, self.threads.map_or(1, |rules| rules.max_threads));
        self.board.slot(0).set_pid(std::process::id());
        self.board.slot(0).set_phase(Phase::Serving);
        self.finish(Worker { first, renewal: Some(renewal), ..self.worker(app, 0) })
    }

    fn finish(&self, worker: Worker) -> i32 {
        // A process of our own ends here, and the application with it; an interpreter that called us may go on.
        let goes_on = worker.line.is_none() && self.host.is_guest();
        let result = worker.run();
        if !goes_on {
            self.host.shut_down();
        }
        match result {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!(code = %Code::CANNOT_GO_ON, %error, "a worker cannot go on");
                1
            }
        }
    }

    fn worker(&self, app: Arc<dyn Application>, slot: usize) -> Worker {
        let times = self.config.times;
        Worker {
            host: self.host.clone(),
            app,
            listeners: self.listeners.clone(),
            gate: self.gate.clone(),
            line: None,
            handoff: self.handoff.clone(),
            board: self.board.clone(),
            slot,
            first: None,
            renewal: None,
            threads: self.threads,
            wear: WearLimits {
                max_requests: self.config.max_requests,
                max_memory: self.config.max_memory,
                jitter: self.config.jitter,
            },
            settings: self.settings(),
            pages: doors::pages(self.config).map(|pages| OwnPages { pages, about: self.about.clone() }),
            access_log: self.logs.access.clone(),
            times: warden::Rules {
                request: times.request,
                grace: times.grace,
                slow: self.logs.slow.is_some().then_some(times.slow),
                deadlock: times.deadlock,
            },
            slow_log: self.logs.slow.clone(),
        }
    }

    fn settings(&self) -> Settings {
        let config = self.config;
        let threads = self.threads.map_or(1, |rules| rules.max_threads);
        let processes = if config.method == Some(Method::Threaded) { 1 } else { config.max_children };
        let all = threads.saturating_mul(processes);
        // HAProxy, which alone asks, sends so many over each connection that may be shared.
        let at_once = if threads > 1 { threads.min(config.limits.max_active) } else { all };
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        Settings {
            protocol: server::Settings {
                limits: Limits {
                    max_params_bytes: config.limits.max_params,
                    max_params_pairs: config.limits.max_pairs,
                    max_active_requests: if threads > 1 { config.limits.max_active } else { 1 },
                    max_skipped_bytes: config.limits.max_drain,
                    ..Limits::default()
                },
                roles: self.roles,
                values: ServerValues { max_conns: number(all), max_reqs: number(at_once) },
                ..server::Settings::default()
            },
            limits: config.limits,
            feeding: Feeding::Pull,
            siblings: false,
            spare: SpareBuffer::default(),
            courier: Courier::default(),
        }
    }
}
