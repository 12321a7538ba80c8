//! A bound server: from here on it runs, with a master or alone, and cleans up after itself.

use std::cell::Cell;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use fcgi_proto::server::Roles;

use super::address::{Address, Own, PATIENCE};
use super::develop;
use super::doors::{self, Doors};
use super::life::{Plan, thread_rules};
use super::logs::Capture;
use super::operator;
use super::preview::Preview;
use super::rights::{Standing, give_folder};
use super::surroundings::Surroundings;
use super::{Ended, Problem, logs, system};
use crate::app::{Host, ProcessModel};
use crate::config::{Config, Method, Pool};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::channel::{Line, Report};
use crate::os::daemon::Verdict;
use crate::os::handoff::Handoff;
use crate::os::listener::Listener;
use crate::os::pidfile::Pidfile;
use crate::os::scoreboard::Scoreboard;
use crate::os::signals::{self, Blocked};
use crate::os::stdio::LogFiles;
use crate::status::About;
use crate::supervisor::control::Control;
use crate::supervisor::{self, Failure, Job, Nursing, Outcome, Queues, Record};

/// A server with its listeners.
pub(super) struct Server<'s> {
    pub(super) config: &'s Config,
    pub(super) surroundings: &'s Surroundings,
    pub(super) address: Address,
    pub(super) host: Arc<dyn Host>,
    roles: Roles,
    pub(super) listeners: Arc<[Listener]>,
    preview: Option<Preview>,
    pub(super) doors: Doors,
    pub(super) standing: Standing,
    pub(super) logs: LogFiles,
    /// Where the application's modules are looked for.
    pub(super) folders: Vec<PathBuf>,
    pidfile: Option<Pidfile>,
    control: Control,
    /// The folder of a socket that only the preview front uses.
    private: Option<tempfile::TempDir>,
    /// The signals of a master, until everything is cleaned up.
    blocked: Option<Blocked>,
    /// The queue of connections is that of the server before.
    takes_connections: bool,
    /// What is there belongs to this server; not so before an heir serves, and after another one has taken over.
    is_owner: Cell<bool>,
}

impl<'s> Server<'s> {
    /// Binds everything that is to be bound.
    pub(super) fn bind(
        config: &'s Config,
        surroundings: &'s Surroundings,
        address: Address,
        host: Arc<dyn Host>,
        roles: Roles,
        standing: Standing,
        logs: LogFiles,
    ) -> Result<Self, Problem> {
        let preview = config.http.as_ref().map(Preview::bind).transpose()?;
        let private = match &address {
            Address::Own(Own::Private) => Some(tempfile::tempdir().map_err(|error| {
                let message = format!("no folder for the internal socket: {error}");
                Problem::new(ExitStatus::AddressInUse, Code::PRIVATE_FOLDER, message, "see TMPDIR")
            })?),
            _ => None,
        };
        let socket = private.as_ref().map_or_else(PathBuf::new, |folder| folder.path().join("preview.sock"));
        if let Some(folder) = &private {
            give_folder(folder.path(), standing.socket)?;
        }
        let listeners: Arc<[Listener]> =
            address.open(standing.socket, &socket, &mut surroundings.listeners.borrow_mut())?.into();
        if matches!(address, Address::WebServer | Address::Inherited(_)) {
            standing.access.check_inherited(&listeners)?;
        }
        let mut server = Self {
            config,
            surroundings,
            address,
            host,
            roles,
            listeners,
            preview,
            standing,
            logs,
            folders: Vec::new(),
            pidfile: None,
            control: Control::default(),
            private,
            doors: Doors::default(),
            blocked: None,
            takes_connections: false,
            is_owner: Cell::new(!surroundings.is_heir),
        };
        if !server.is_alone() {
            server.doors = Doors::bind(config, &mut surroundings.doors.borrow_mut())
                .inspect_err(|_| server.clean_up())?;
        }
        Ok(server)
    }

    /// Serves until the end; the launcher, if there is one, is told as soon as the server serves.
    pub(super) fn run(&mut self, verdict: &mut Option<Verdict>) -> Result<Ended, Problem> {
        let alone = self.is_alone();
        if !alone {
            // Whoever reads the pidfile may send a signal at once.
            self.blocked = Some(signals::block().map_err(|error| system(&error))?);
        }
        if let Some(path) = &self.config.pidfile {
            let inherited = self.surroundings.pidfile.take().and_then(|file| Pidfile::inherit(path, file));
            self.pidfile = Some(inherited.map_or_else(|| Pidfile::claim(path, PATIENCE), Ok)?);
        }
        let threads = thread_rules(self.config, alone).filter(|_| self.address != Address::Cgi);
        self.host.set_process_model(ProcessModel {
            multithread: threads.is_some(),
            multiprocess: self.address.is_served_alone() || !self.is_one_process(),
            run_once: self.address == Address::Cgi,
        });
        let slots = NonZeroUsize::new(if alone { 1 } else { 2 * self.most_workers() + 16 });
        let board =
            Scoreboard::new(slots.unwrap_or(NonZeroUsize::MIN), threads.map_or(1, |rules| rules.max_threads))
                .map_err(|error| system(&error))?;
        let inherited = self.surroundings.handoff.take();
        self.takes_connections = inherited.is_some();
        let handoff = match inherited {
            _ if alone && !self.starts_anew() => None,
            Some(handoff) => Some(Arc::new(handoff)),
            None => Some(Arc::new(Handoff::new().map_err(|error| system(&error))?)),
        };
        let plan = Plan {
            about: Arc::new(self.about()),
            config: self.config,
            host: self.host.clone(),
            roles: self.roles,
            listeners: self.listeners.clone(),
            gate: self.standing.access.gate().map_err(|error| system(&error))?,
            board,
            handoff,
            threads,
            logs: logs::request_logs(self.config)?,
        };
        let Some(blocked) = self.blocked.take() else {
            operator::warn_of_nobody_to_ask(self.config);
            self.standing.assume_alone(self.config, &*self.host)?;
            if self.config.preload {
                self.host.preload()?;
            }
            return self.run_alone(&plan, verdict);
        };
        self.run_with_operator(&plan, blocked, verdict)
    }

    /// Opens the way to the operator, and serves with a master.
    fn run_with_operator(
        &mut self,
        plan: &Plan<'_>,
        blocked: Blocked,
        verdict: &mut Option<Verdict>,
    ) -> Result<Ended, Problem> {
        // A worker lets go of its copy of the pidfile, and with it of the lock.
        let pidfile = std::cell::RefCell::new(self.pidfile.take());
        let mut control = Control::default();
        let opened = operator::open(self.config, self.surroundings, &self.listeners, self.private.is_none());
        let outcome = opened.and_then(|opened| {
            control = opened;
            let outcome = self.run_master(plan, &pidfile, &mut control, &blocked, verdict);
            outcome.map_err(|error| system(&error))
        });
        self.blocked = Some(blocked);
        self.pidfile = pidfile.into_inner();
        self.control = control;
        match outcome? {
            Outcome::HandedOver => {
                self.is_owner.set(false);
                Ok(Ended::Stopped)
            }
            Outcome::Stopped => Ok(Ended::Stopped),
            Outcome::HungUp => Ok(Ended::HungUp),
            Outcome::Renewed => {
                Ok(self.successor(plan.handoff.clone())?.map_or(Ended::Stopped, Ended::Renewed))
            }
            Outcome::NeverServed(failure) => Err(failure.into()),
            Outcome::FrontDied => {
                let (cause, hint) = ("the preview front has died", "see the messages above");
                Err(Problem::new(ExitStatus::Failure, Code::FRONT_DIED, cause, hint))
            }
        }
    }

    /// Removes what was made: the socket, the pidfile, the private folder.
    pub(super) fn clean_up(&mut self) {
        self.release_address();
        match self.pidfile.take() {
            Some(pidfile) if self.is_owner.get() => pidfile.remove(),
            Some(pidfile) => pidfile.leave(),
            None => {}
        }
        self.private = None;
        if self.is_owner.get() {
            self.control.close_address();
        }
        // Who waits for the end of the server hears of it when nothing of it is left.
        self.control = Control::default();
        // Only now may a second signal end the process, and only where it has something else to do than to end.
        if let Some(blocked) = self.blocked.take()
            && self.host.is_guest()
        {
            blocked.release();
        }
    }

    /// Lets a successor bind to the same path.
    fn release_address(&self) {
        if self.is_owner.get() {
            self.listeners.iter().for_each(Listener::remove_file);
            self.doors.remove();
        }
    }

    /// Forgets everything without removing it: it belongs to the daemon now.
    pub(super) fn leave_alone(&mut self) {
        if let Some(folder) = self.private.take() {
            let _ = folder.keep();
        }
    }

    /// Whether this process serves by itself, without a master.
    fn is_alone(&self) -> bool {
        let wants_workers = self.config.method == Some(Method::Prefork) && self.address != Address::Cgi;
        self.address.is_served_alone() && !wants_workers && self.preview.is_none()
    }

    pub(super) fn is_one_process(&self) -> bool {
        self.is_alone() || self.config.method == Some(Method::Threaded) || self.config.max_children == 1
    }

    fn run_master(
        &self,
        plan: &Plan<'_>,
        pidfile: &std::cell::RefCell<Option<Pidfile>>,
        control: &mut Control,
        blocked: &Blocked,
        verdict: &mut Option<Verdict>,
    ) -> io::Result<Outcome> {
        let verdict = std::cell::RefCell::new(verdict);
        let disown = || {
            if let Some(pidfile) = pidfile.borrow_mut().take() {
                pidfile.disown();
            }
            // The launcher waits until nobody can give the verdict any more.
            drop(verdict.borrow_mut().take());
            self.doors.forget();
        };
        let front = self.preview.as_ref().map(|preview| {
            move |line| {
                disown();
                self.standing.live_outside(|| preview.live(self.config, &self.listeners, line))
            }
        });
        let front = front.as_ref().map(|life| life as &dyn Fn(_) -> i32);
        let clerk = self.config.status.is_wanted().then_some(|line: Line| {
            let doors = self.doors.take();
            disown();
            self.standing.live_outside(|| doors::live(&plan.about, &plan.board, doors, &line))
        });
        // A worker that was forked of a nursery has become who it is there.
        let has_become = Cell::new(false);
        let become_worker = || {
            disown();
            if has_become.replace(true) { Ok(()) } else { self.standing.assume(&*self.host) }
        };
        let work = |line: Line, slot| match become_worker() {
            Ok(()) => plan.live(line, slot),
            Err(error) => {
                line.report(&Report::StartFailed(Code::RIGHTS.tag(&error.to_string())));
                1
            }
        };
        let prepare = self.nursery_prepares().map(|prepares| {
            let become_worker = &become_worker;
            // If it cannot, the first worker tells.
            move || become_worker().is_ok() && prepares()
        });
        let capture = Capture::decide(self.config, &self.logs)?;
        let record =
            capture.as_ref().map(|capture| |stream, pid, line: &[u8]| capture.record(stream, pid, line));
        supervisor::run(Job {
            signals: blocked,
            rules: self.rules(),
            host: self.host.clone(),
            board: plan.board.clone(),
            queues: Queues { listeners: self.listeners.clone(), handoff: plan.handoff.clone() },
            about: plan.about.clone(),
            threads: plan.threads.map_or(1, |rules| rules.max_threads),
            work: &work,
            nursing: prepare.as_ref().map(|prepare| Nursing { prepare, stays: self.nursery_stays() }),
            front,
            clerk: clerk.as_ref().map(|life| life as &dyn Fn(_) -> i32),
            verdict: &mut |result: Result<(), Failure>| {
                if result.is_ok() {
                    self.announce();
                    self.take_over(pidfile.borrow().as_ref());
                    let words =
                        self.surroundings.is_heir.then(|| supervisor::heir_words(self.takes_connections));
                    give_good_news(&mut verdict.borrow_mut(), &words.unwrap_or_default());
                }
            },
            release_address: &|| self.release_address(),
            reopen_logs: &|| logs::reopen(&self.logs, &plan.logs),
            change_logs: &|files| plan.logs.change(files),
            record: record.as_ref().map(|record| record as Record<'_>),
            control,
            usr1_finishes: self.address == Address::WebServer,
            manager: self.surroundings.manager.as_ref(),
            succession: &|control, mask| self.start_heir(pidfile, plan.handoff.as_deref(), control, mask),
            renews_in_place: self.address == Address::WebServer,
            is_heir: self.surroundings.is_heir,
            watched: develop::watched(self.config, &*self.host, &self.folders, self.script()),
        })
    }

    /// The script that a web server has started.
    pub(super) fn script(&self) -> Option<&PathBuf> {
        self.surroundings.script.as_ref().filter(|_| self.address == Address::WebServer)
    }

    /// What is said of the server to those who ask how it is doing.
    fn about(&self) -> About {
        let config = self.config;
        let folder = || config.start_dir.file_name().map(|name| name.to_string_lossy().into_owned());
        About {
            app: config.app.clone().or_else(|| config.settings.clone()).or_else(folder).unwrap_or_default(),
            pid: std::process::id(),
            method: if config.method == Some(Method::Threaded) { "threaded" } else { "prefork" },
            on_demand: config.pool == Pool::OnDemand,
            started: SystemTime::now(),
            listeners: self.listeners.clone(),
        }
    }

    /// An heir serves: what was the other server's is its own now.
    fn take_over(&self, pidfile: Option<&Pidfile>) {
        if self.is_owner.replace(true) {
            return;
        }
        self.surroundings.drop_leftovers();
        if let Some(Err(error)) = pidfile.map(Pidfile::take_over) {
            tracing::error!(code = %Code::PIDFILE_SYSTEM, %error, "the pidfile cannot be written");
        }
    }

    fn announce(&self) {
        for listener in self.listeners.iter() {
            if self.private.is_none() {
                tracing::info!(address = listener.name(), pid = std::process::id(), "serving");
            }
        }
        if let Some(preview) = &self.preview {
            preview.announce();
        }
        self.doors.announce();
    }
}

/// Lets the launcher end well, or the server before.
pub(super) fn give_good_news(verdict: &mut Option<Verdict>, words: &str) {
    if let Some(verdict) = verdict.take() {
        verdict.give(ExitStatus::Stopped as u8, words);
    }
}
