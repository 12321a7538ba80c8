//! Several sites: the house is started, goes to the background, and tells how the first start of each of them went.

use std::cell::RefCell;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::address::PATIENCE;
use super::surroundings::Surroundings;
use super::{Door, Ended, Problem, level, logs, system, tell};
use crate::app::Host;
use crate::cli::{self, Command};
use crate::config::{Config, Site, Sites};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::daemon::{self, Role, Verdict};
use crate::os::fork::{self, ProcessId};
use crate::os::heritage::Again;
use crate::os::notify::ServiceManager;
use crate::os::pidfile::Pidfile;
use crate::os::process;
use crate::os::signals::{self, OriginalMask};
use crate::python::PythonOptions;
use crate::sites::{self, Job, Start};
use crate::telemetry;

/// Serves all sites until the house is told to stop.
pub(super) fn start(
    sites: &Sites,
    words: &[OsString],
    door: &Door<'_>,
    surroundings: &Surroundings,
) -> Result<Ended, Problem> {
    let house = &sites.house;
    let again = surroundings.again.as_ref().and_then(|again| again.before(words)).ok_or_else(|| {
        let message = "the program cannot be started once more for each site";
        Problem::new(ExitStatus::Usage, Code::SITES_PROGRAM, message, Code::SITES_PROGRAM.cure())
    })?;
    process::set_umask(house.umask);
    let logs = logs::files(house);
    logs.check()?;
    telemetry::log::start(level(house.loglevel), logs::service_of_messages(&logs)?);
    for warning in &house.warnings {
        tell(&format!("warning[{}]: {warning}\n", Code::DOUBTFUL_OPTION));
    }
    // The interpreter that has called us, if one has, hears of the forks; the house has no use for it.
    let host = (door.host)(PythonOptions::default());
    let is_guest = host.is_guest();
    let folder = tempfile::Builder::new().prefix("fcgi-run-").tempdir().map_err(|error| system(&error))?;
    let verdict = if house.daemonize.unwrap_or(true) {
        let workdir = house.workdir.as_deref().unwrap_or_else(|| "/".as_ref());
        match daemon::start(workdir, house.umask, &logs, &host).map_err(|error| system(&error))? {
            Role::Launcher { status, text } => {
                tell(&text);
                // It belongs to the daemon now.
                let _ = folder.keep();
                return Ok(Ended::Launched(status));
            }
            Role::Daemon(verdict) => Some(verdict),
        }
    } else {
        logs.redirect()?;
        None
    };
    let manager = surroundings.manager.as_ref();
    let latest = RefCell::new(sites.sites.clone());
    let house = House { sites, latest, words, again, is_guest, folder: folder.path(), manager };
    let mut verdict = verdict;
    let result = house.run(&mut verdict, &logs);
    if let (Err(problem), Some(verdict)) = (&result, verdict) {
        verdict.give(problem.status as u8, &problem.to_string());
    }
    result
}

struct House<'h> {
    sites: &'h Sites,
    /// As the file has last said.
    latest: RefCell<Vec<Site>>,
    words: &'h [OsString],
    /// How this program is started once more, but for the words.
    again: Again,
    /// The program belongs to a Python, which cannot serve another virtual environment.
    is_guest: bool,
    folder: &'h Path,
    manager: Option<&'h ServiceManager>,
}

impl House<'_> {
    fn run(
        &self,
        verdict: &mut Option<Verdict>,
        logs: &crate::os::stdio::LogFiles,
    ) -> Result<Ended, Problem> {
        let config = &self.sites.house;
        let pidfile = config.pidfile.as_deref().map(|path| Pidfile::claim(path, PATIENCE)).transpose()?;
        let blocked = signals::block().map_err(|error| system(&error))?;
        fork::adopt_orphans(true).map_err(|error| system(&error))?;
        tracing::info!(sites = self.sites.sites.len(), pid = std::process::id(), "starting all sites");
        let mut failed = None;
        let served = sites::run(Job {
            signals: &blocked.reader,
            sites: self.sites.sites.iter().map(site).collect(),
            folder: self.folder,
            execute: &|name, socket| self.execute(name, socket, blocked.mask),
            reread: &|| self.reread(),
            verdict: &mut |starts| {
                failed = give_verdict(starts, verdict);
                self.notify(starts);
            },
            reopen_logs: &|| {
                if let Err(error) = logs.redirect() {
                    tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be reopened");
                }
            },
        });
        if let Some(pidfile) = pidfile {
            pidfile.remove();
        }
        match (served.map_err(|error| system(&error))?, failed) {
            (false, Some(problem)) => Err(problem),
            _ => Ok(Ended::Stopped),
        }
    }

    /// Tells the service manager that the sites are served, as far as they are.
    fn notify(&self, starts: &[Start]) {
        let serving = starts.iter().filter(|start| start.result.is_ok()).count();
        if let Some(manager) = self.manager.filter(|_| serving > 0) {
            // Who does not listen is not told.
            let _ = manager.tell(&format!("READY=1\nSTATUS={serving} of {} sites serve", starts.len()));
        }
    }

    /// Executes this program once more, for one site.
    fn execute(&self, name: &str, socket: &Path, mask: OriginalMask) -> std::io::Result<ProcessId> {
        let config = &self.sites.house;
        let file = self.file();
        let own = self.program_of(name);
        let mut command = std::process::Command::new(own.as_ref().unwrap_or(&self.again.program));
        if own.is_none() {
            command.args(&self.again.arguments);
        }
        command.args(&self.sites.words).arg(file).arg(format!("--site={name}")).arg("--daemonize=false");
        command.current_dir(&config.start_dir).env("NOTIFY_SOCKET", socket).stdin(Stdio::null());
        for name in
            ["FCGI_RUN_PIDFILE", "FCGI_RUN_DAEMONIZE", "FCGI_RUN_SITE", "WATCHDOG_USEC", "WATCHDOG_PID"]
        {
            command.env_remove(name);
        }
        fork::execute(&mut command, mask)
    }

    /// The program of the site's own virtual environment, where this one cannot serve that.
    fn program_of(&self, name: &str) -> Option<PathBuf> {
        let latest = self.latest.borrow();
        let virtualenv = latest.iter().find(|site| site.name == name)?.config.virtualenv.as_deref()?;
        let path = virtualenv.join("bin/fcgi-run");
        (self.is_guest && path.is_file()).then_some(path)
    }

    fn file(&self) -> OsString {
        let mut flag = OsString::from("--config=");
        flag.push(&self.sites.file);
        flag
    }

    /// What the file says now.
    fn reread(&self) -> Result<Vec<sites::Site>, String> {
        let environment: Vec<_> = std::env::vars_os().collect();
        match cli::parse(self.words, &environment, &self.sites.house.start_dir) {
            Ok(Command::RunSites(now)) => {
                let sites = now.sites.iter().map(site).collect();
                *self.latest.borrow_mut() = now.sites;
                Ok(sites)
            }
            Ok(_) => Err("it has no sites any more".to_owned()),
            Err(error) => Err(error.report()),
        }
    }
}

/// A site as the house compares it.
fn site(site: &Site) -> sites::Site {
    sites::Site { name: site.name.clone(), fingerprint: fingerprint(&site.config) }
}

fn fingerprint(config: &Config) -> String {
    format!("{config:?}")
}

/// Tells whoever has started the house how the sites are; gives the problem of the first that has failed.
fn give_verdict(starts: &[Start], verdict: &mut Option<Verdict>) -> Option<Problem> {
    let failed: Vec<(&Start, &(i32, String))> =
        starts.iter().filter_map(|start| Some((start, start.result.as_ref().err()?))).collect();
    let mut text = String::new();
    let mut first = None;
    for (start, (status, problem)) in &failed {
        let status = ExitStatus::from_code(*status).filter(|status| *status != ExitStatus::Stopped);
        let status = status.unwrap_or(ExitStatus::Failure);
        let said = if problem.is_empty() { "see its errlog\n" } else { problem };
        let _ = writeln!(text, "site `{}` cannot be served: {}", start.site, said.trim_end());
        let message = format!("the site `{}` cannot be served, nor any other", start.site);
        first.get_or_insert_with(|| Problem::new(status, Code::SITE_FAILED, message, "see above"));
    }
    let some_serve = failed.len() < starts.len();
    if some_serve {
        if !failed.is_empty() {
            let _ = writeln!(text, "{} of {} sites serve", starts.len() - failed.len(), starts.len());
        }
        tracing::info!(serving = starts.len() - failed.len(), failed = failed.len(), "sites started");
    }
    let status = first.as_ref().map_or(ExitStatus::Stopped, |problem: &Problem| problem.status);
    match verdict.take() {
        Some(verdict) if some_serve => verdict.give_and_go_on(status as u8, &text),
        Some(given) => {
            if let Some(problem) = &mut first {
                problem.message = format!("{}\n{}", text.trim_end(), problem.message);
            }
            *verdict = Some(given);
        }
        None => tell(&text),
    }
    first
}
