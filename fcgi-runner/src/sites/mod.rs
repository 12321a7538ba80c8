//! Several sites in one configuration file: a process that starts a master for each of them, and looks after the masters.
//!
//! The sites share nothing but this process: each master is the program executed anew, with its own interpreter, user and logs.
//! The house tells them to stop, to reload and to open their logs anew, and starts one again that has died. It runs no Python, has
//! no thread and sits in its `epoll`. A master says that it serves as it would tell systemd (`sd_notify(3)`).

pub mod policy;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Instant;

use self::policy::{Action, Event, Policy};
use crate::messages::Code;
use crate::os::fork::{self, End, ProcessId};
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::signals::{self, Signal, SignalReader};

/// A site as its part of the file says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Site {
    pub name: String,
    /// Differs when the site has to be started anew to be as the file says.
    pub fingerprint: String,
}

/// What the house needs from the start.
pub struct Job<'j> {
    pub signals: &'j SignalReader,
    pub sites: Vec<Site>,
    /// A folder of its own, for the sockets on which masters tell how they are.
    pub folder: &'j Path,
    /// Executes the master of a site, which tells how it is at this socket.
    pub execute: &'j dyn Fn(&str, &Path) -> io::Result<ProcessId>,
    /// Reads the file anew; the text says what is wrong with it.
    pub reread: &'j dyn Fn() -> Result<Vec<Site>, String>,
    /// Called once, when each site serves or has failed.
    pub verdict: &'j mut dyn FnMut(&[Start]),
    pub reopen_logs: &'j dyn Fn(),
}

/// How the first start of a site went.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Start {
    pub site: String,
    /// What the failed one has to say, and the status with which it ended.
    pub result: Result<(), (i32, String)>,
}

/// A site, and what runs for it.
struct Room {
    site: Site,
    socket: UnixDatagram,
    token: Token,
    process: Option<ProcessId>,
    /// The master before it, as long as that finishes its requests after an upgrade.
    before: Option<ProcessId>,
    /// What it has last said about itself in vain.
    problem: String,
    start: Option<Result<(), (i32, String)>>,
}

struct House<'j> {
    job: Job<'j>,
    policy: Policy,
    poller: Poller,
    rooms: BTreeMap<String, Room>,
    opened: Token,
    has_verdict: bool,
}

/// Runs all sites until they have ended; `true` when at least one of them has served.
///
/// # Errors
/// When the kernel refuses what the house needs.
pub fn run(job: Job<'_>) -> io::Result<bool> {
    let poller = Poller::new()?;
    poller.watch(job.signals, SIGNALS)?;
    let mut house = House {
        job,
        policy: Policy::default(),
        poller,
        rooms: BTreeMap::new(),
        opened: 0,
        has_verdict: false,
    };
    for site in std::mem::take(&mut house.job.sites) {
        house.open(site)?;
    }
    house.act();
    let mut ready = ReadyList::new(16);
    while !house.policy.is_over() {
        let timeout = house.policy.wake_at().map(|at| at.saturating_duration_since(Instant::now()));
        house.poller.wait(&mut ready, timeout)?;
        for event in ready.iter() {
            match event.token {
                SIGNALS => house.hear_signals(),
                token => house.hear_site(token),
            }
        }
        house.policy.handle(Event::Tick, Instant::now());
        house.act();
        house.judge();
    }
    house.judge();
    Ok(house.policy.has_served())
}

impl House<'_> {
    fn open(&mut self, site: Site) -> io::Result<()> {
        self.opened += 1;
        let path = self.job.folder.join(self.opened.to_string());
        let socket = UnixDatagram::bind(&path)?;
        socket.set_nonblocking(true)?;
        self.poller.watch(socket.as_fd(), self.opened)?;
        let name = site.name.clone();
        let token = self.opened;
        self.rooms.insert(
            name.clone(),
            Room { site, socket, token, process: None, before: None, problem: String::new(), start: None },
        );
        self.policy.handle(Event::Opened(name), Instant::now());
        Ok(())
    }

    fn hear_signals(&mut self) {
        while let Some(signal) = self.job.signals.next() {
            match signal {
                Signal::SIGTERM | Signal::SIGINT => {
                    tracing::info!(signal = signal.as_str(), "stopping all sites");
                    self.policy.handle(Event::Stop, Instant::now());
                    self.pass_on(Signal::SIGTERM);
                }
                Signal::SIGQUIT => {
                    self.policy.handle(Event::Stop, Instant::now());
                    self.pass_on(Signal::SIGQUIT);
                }
                Signal::SIGHUP => self.reload(),
                Signal::SIGUSR1 => {
                    (self.job.reopen_logs)();
                    self.pass_on(signal);
                }
                Signal::SIGUSR2 => self.pass_on(signal),
                Signal::SIGCHLD => self.reap(),
                _ => {}
            }
        }
    }

    fn pass_on(&self, signal: Signal) {
        for process in self.rooms.values().filter_map(|room| room.process) {
            signals::send(process, signal);
        }
    }

    fn hear_site(&mut self, token: Token) {
        let Some(room) = self.rooms.values_mut().find(|room| room.token == token) else { return };
        let mut bytes = vec![0; LONGEST_NEWS];
        while let Ok(length) = room.socket.recv(&mut bytes) {
            let text = String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()).into_owned();
            for line in text.lines() {
                match line.split_once('=') {
                    Some(("READY", "1")) => {
                        room.start.get_or_insert(Ok(()));
                        self.policy.handle(Event::Serves(room.site.name.clone()), Instant::now());
                    }
                    Some((PROBLEM, text)) => room.problem = text.replace('\u{1f}', "\n"),
                    // After an upgrade the master is another process, which is no child of ours until its parent has ended.
                    Some(("MAINPID", pid)) => {
                        if let Some(now) =
                            pid.parse().ok().map(ProcessId).filter(|now| room.process != Some(*now))
                        {
                            room.before = room.process.replace(now);
                        }
                    }
                    _ => {}
                }
            }
        }
    }

    fn reap(&mut self) {
        while let Some((process, end)) = fork::reap() {
            // What it has said before its end is still to be heard.
            let tokens: Vec<Token> = self.rooms.values().map(|room| room.token).collect();
            for token in tokens {
                self.hear_site(token);
            }
            let status = match end {
                End::Exited(status) => status,
                End::Signaled(number) => 128 + number,
            };
            if let Some(room) = self.rooms.values_mut().find(|room| room.process == Some(process)) {
                let name = room.site.name.clone();
                tracing::info!(site = name, pid = process.0, end = %end, "a site has ended");
                self.bury(&name, status);
            } else if let Some(room) = self.rooms.values_mut().find(|room| room.before == Some(process)) {
                room.before = None;
                // Its successor is a child of the house now; one that is not has ended as a child of the other.
                if let Some(lost) = room.process.filter(|successor| !fork::is_child(*successor)) {
                    let name = room.site.name.clone();
                    tracing::info!(site = name, pid = lost.0, "a site has ended after its upgrade");
                    self.bury(&name, 1);
                }
            }
        }
    }

    /// A site has no master any more.
    fn bury(&mut self, name: &str, status: i32) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.process = None;
        room.start.get_or_insert_with(|| Err((status, std::mem::take(&mut room.problem))));
        self.policy.handle(Event::Ended(name.to_owned(), status), Instant::now());
    }

    /// Brings the sites to what the file says now; those in which nothing has changed reload their applications.
    fn reload(&mut self) {
        if self.policy.is_stopping() {
            tracing::warn!(code = %Code::NOT_NOW, "not reloaded: all sites are stopping");
            return;
        }
        let wanted = match (self.job.reread)() {
            Ok(wanted) => wanted,
            Err(text) => {
                tracing::error!(code = %Code::SITES_RELOAD, problem = text, "the file cannot be used, all sites go on as they are");
                return;
            }
        };
        tracing::info!(sites = wanted.len(), "reloading");
        let gone: Vec<String> = self
            .rooms
            .keys()
            .filter(|name| !wanted.iter().any(|site| site.name == **name))
            .cloned()
            .collect();
        for name in gone {
            self.policy.handle(Event::Closed(name), Instant::now());
        }
        for site in wanted {
            match self.rooms.get_mut(&site.name) {
                Some(room) if room.site == site => {
                    self.policy.handle(Event::Again(site.name), Instant::now());
                }
                Some(room) => {
                    let name = site.name.clone();
                    room.site = site;
                    self.policy.handle(Event::Changed(name), Instant::now());
                }
                None => {
                    let name = site.name.clone();
                    if let Err(error) = self.open(site) {
                        tracing::error!(code = %Code::SITE_FAILED, site = name, %error, "a site cannot be started");
                    }
                }
            }
        }
    }

    fn act(&mut self) {
        while let Some(action) = self.policy.poll_action() {
            match action {
                Action::Execute(name) => self.execute(&name),
                Action::Signal(name, signal) => {
                    if let Some(process) = self.rooms.get(&name).and_then(|room| room.process) {
                        signals::send(process, signal);
                    }
                }
                Action::Forget(name) => {
                    if let Some(room) = self.rooms.remove(&name) {
                        let _ = self.poller.forget(room.socket.as_fd());
                        let _ = std::fs::remove_file(self.job.folder.join(room.token.to_string()));
                        tracing::info!(site = name, "a site is no longer served");
                    }
                }
                Action::BackOff(name, delay) => {
                    tracing::error!(code = %Code::SITE_FAILED, site = name, seconds = delay.as_secs(), "a site has failed and is started again later");
                }
            }
        }
    }

    fn execute(&mut self, name: &str) {
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.problem.clear();
        let path = self.job.folder.join(room.token.to_string());
        match (self.job.execute)(name, &path) {
            Ok(process) => room.process = Some(process),
            Err(error) => {
                tracing::error!(code = %Code::SITE_FAILED, site = name, %error, "a site cannot be started");
                room.start.get_or_insert_with(|| Err((1, error.to_string())));
                self.policy.handle(Event::Ended(name.to_owned(), 1), Instant::now());
            }
        }
    }

    /// Tells whoever has started the house, when there is something to tell of all sites.
    fn judge(&mut self) {
        if self.has_verdict || !self.rooms.values().all(|room| room.start.is_some()) {
            return;
        }
        self.has_verdict = true;
        let starts: Vec<Start> = self
            .rooms
            .values()
            .filter_map(|room| Some(Start { site: room.site.name.clone(), result: room.start.clone()? }))
            .collect();
        (self.job.verdict)(&starts);
        if starts.iter().all(|start| start.result.is_err()) {
            self.policy.handle(Event::Stop, Instant::now());
        }
    }
}

const SIGNALS: Token = 1 << 40;

/// Under which name a master tells its house why it cannot serve; lines are separated by U+001F.
pub const PROBLEM: &str = "X_FCGI_RUN_PROBLEM";

/// Bytes of one message that are read; tracebacks are shorter.
const LONGEST_NEWS: usize = 64 * 1024;
