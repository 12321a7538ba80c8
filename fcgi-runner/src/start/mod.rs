//! From words to a running server, in the order that loses nothing.
//!
//! Everything that can be wrong with the configuration is found before any fork; what can only be tried (binding, locking,
//! importing) is tried while somebody is still at the terminal to be told. Each step is undone when a later one fails.

mod access;
mod address;
mod alone;
mod cgi_fallback;
mod check;
mod check_user;
mod crew;
mod develop;
mod doors;
mod life;
mod logs;
mod operator;
mod preview;
mod problem;
mod rehearsal;
mod rights;
mod serve;
mod sites;
mod succession;
mod surroundings;

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::access::Access;
use self::address::Address;
pub use self::problem::Problem;
use self::rights::Standing;
use self::serve::Server;
use self::surroundings::Surroundings;
use crate::app::echo::EchoHost;
use crate::app::{ByRole, Host};
use crate::cli::{self, Command};
use crate::config::{Config, LogLevel, OnAbort};
use crate::ctl;
use crate::discover::{Found, discover};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::daemon::{self, Role, Verdict};
use crate::os::process;
use crate::os::signals;
use crate::os::stdio::{self, LogFiles};
use crate::os::successor::Successor;
use crate::python::{PythonHost, PythonOptions, Target};
use crate::telemetry;

/// By which door the server is entered.
pub struct Door<'d> {
    /// Makes the interpreter room.
    pub host: &'d dyn Fn(PythonOptions) -> PythonHost,
    /// The roles whose applications the caller brings: none is looked for there.
    pub given: ByRole<()>,
    /// How this program is started once more: the program, and its arguments without its own name.
    pub command: Option<(PathBuf, Vec<OsString>)>,
    /// The file that was started, if it is a script; absolute.
    pub script: Option<PathBuf>,
    /// Takes a variable out of the environment that was meant for this process alone.
    pub forget: &'d dyn Fn(&str),
}

/// What became of a call of [`run`].
#[derive(Debug)]
pub enum Ended {
    /// The server has stopped as asked.
    Stopped,
    /// The server has stopped, and its program is to be executed anew when this process is done.
    Renewed(Arc<Successor>),
    /// The server has stopped by `SIGHUP`, so that its caller can start it again.
    HungUp,
    /// This process has only started the server, which lives in another one; it ends with this status.
    Launched(u8),
    /// A server that runs was asked for something; this process ends with this status.
    Asked(u8),
    /// Something was printed, and that was all.
    Printed,
}

/// The whole program: words in, exit status out, messages on standard error.
pub fn main(words: &[OsString], door: &Door<'_>) -> u8 {
    match run(words, door) {
        Ok(Ended::Launched(status) | Ended::Asked(status)) => status,
        Ok(Ended::Renewed(successor)) if !signals::told_to_end() => {
            tell(&renewal_failed(&successor, &successor.take_over()).to_string());
            ExitStatus::Failure as u8
        }
        Ok(_) => ExitStatus::Stopped as u8,
        Err(problem) => {
            tell(&problem.to_string());
            problem.status as u8
        }
    }
}

/// What is said of a program that cannot be executed anew.
pub fn renewal_failed(successor: &Successor, error: &std::io::Error) -> Problem {
    let message = format!("`{}` cannot be executed anew: {error}", successor.program().display());
    Problem::new(ExitStatus::Failure, Code::RENEWAL_GIVEN_UP, message, "")
}

/// As [`main`], for callers that want to know how it ended.
///
/// # Errors
/// What the operator has to mend; nothing has been printed about it.
pub fn run(words: &[OsString], door: &Door<'_>) -> Result<Ended, Problem> {
    stdio::fill_closed().map_err(|error| system(&error))?;
    let surroundings = Surroundings::take(door);
    let mut verdict = surroundings.verdict.take();
    let result = obey(words, door, &surroundings, &mut verdict);
    if let (Err(problem), Some(verdict)) = (&result, verdict) {
        // The launcher prints it, or the server before.
        verdict.give(problem.status as u8, &problem.to_string());
    }
    if let Err(problem) = &result {
        surroundings.tell_problem(&problem.to_string());
    }
    result
}

fn obey(
    words: &[OsString],
    door: &Door<'_>,
    surroundings: &Surroundings,
    verdict: &mut Option<Verdict>,
) -> Result<Ended, Problem> {
    match cli::parse_here(words)? {
        Command::Print(text) => {
            std::io::stdout().write_all(text.as_bytes()).map_err(|error| system(&error))?;
            Ok(Ended::Printed)
        }
        Command::Check(check) => check::run(&check, door),
        Command::CheckSites(sites) => check::run_all(&sites, door),
        Command::Control(words) => Ok(Ended::Asked(ctl::main(&words))),
        Command::RunSites(all) => sites::start(&all, words, door, surroundings),
        Command::Run(config) => start(&config, door, surroundings, verdict),
    }
}

/// Runs a checked configuration.
fn start(
    config: &Config,
    door: &Door<'_>,
    surroundings: &Surroundings,
    verdict: &mut Option<Verdict>,
) -> Result<Ended, Problem> {
    let environment = |name: &str| std::env::var(name).ok();
    let found = discover(config, door.given, environment)?;
    let inherits = !surroundings.listeners.borrow().is_empty();
    // The socket of a rehearsal is with the process that has started it.
    let address = if surroundings.is_rehearsal {
        Address::WebServer
    } else {
        Address::decide(config, inherits, environment)?
    };
    check_responder(config, &address, &found)?;
    let mut standing = Standing::decide(config)?;
    standing.access = Access::decide(config, &address, standing.uid(), environment)?;
    check_workdir(standing.workdir(config))?;
    // Before the first file is made.
    process::set_umask(config.umask);
    signals::survive_file_size_limit();
    let logs = logs::files(config);
    logs.check()?;
    let daemonize = config.daemonize.unwrap_or_else(|| address.daemonizes(config));
    telemetry::log::start(level(config.loglevel), logs::service_of_messages(&logs)?);
    for warning in &config.warnings {
        tell(&format!("warning[{}]: {warning}\n", Code::DOUBTFUL_OPTION));
    }
    let roles = found.targets.roles();
    let folders = found.search_path.clone();
    let host: Arc<dyn Host> = host(config, door, found);
    if surroundings.is_rehearsal {
        return rehearsal::run(config, &standing, &*host, verdict);
    }
    let mut server =
        Server::bind(config, surroundings, address, host.clone(), roles, standing.clone(), logs.clone())?;
    if let Some(warning) = standing.warning().filter(|_| !surroundings.is_heir) {
        tell(&warning);
    }
    server.folders = folders;
    let entered = if daemonize && !surroundings.is_heir {
        if config.errlog.is_none() {
            let code = Code::NO_ERRLOG;
            tell(&format!(
                "warning[{code}]: without errlog= messages of the server and of the application go nowhere\n"
            ));
        }
        match launch(config, standing.workdir(config), &logs, &*host) {
            Ok(Role::Launcher { status, text }) => {
                tell(&text);
                server.leave_alone();
                return Ok(Ended::Launched(status));
            }
            Ok(Role::Daemon(given)) => {
                *verdict = Some(given);
                Ok(())
            }
            Err(problem) => {
                server.clean_up();
                return Err(problem);
            }
        }
    } else {
        enter(standing.workdir(config), &logs, daemonize)
    };
    let result = entered.and_then(|()| server.run(verdict));
    server.clean_up();
    result
}

fn host(config: &Config, door: &Door<'_>, found: Found) -> Arc<dyn Host> {
    if found.targets.values().all(|target| *target == Target::Echo) {
        return Arc::new(EchoHost);
    }
    Arc::new((door.host)(PythonOptions {
        targets: found.targets,
        search_path: found.search_path,
        virtualenv: found.virtualenv,
        script_name: config.script_name.clone(),
        debug: config.debug,
        interrupts: config.on_abort == OnAbort::Interrupt,
        limits: config.times.request.is_some(),
        changes: config.reload,
    }))
}

fn launch(
    config: &Config,
    workdir: Option<&Path>,
    logs: &LogFiles,
    host: &dyn Host,
) -> Result<Role, Problem> {
    let workdir = workdir.unwrap_or_else(|| "/".as_ref());
    daemon::start(workdir, config.umask, logs, host).map_err(|error| {
        let message = format!("the server cannot go to the background: {error}");
        Problem::new(ExitStatus::Failure, Code::BACKGROUND, message, "")
    })
}

/// Without going to the background, or there already: logs and folder, as the daemon has them.
fn enter(workdir: Option<&Path>, logs: &LogFiles, in_background: bool) -> Result<(), Problem> {
    logs.redirect()?;
    match workdir.or_else(|| in_background.then(|| Path::new("/"))) {
        None => Ok(()),
        Some(workdir) => std::env::set_current_dir(workdir).map_err(|error| no_workdir(workdir, &error)),
    }
}

/// The preview and a CGI request ask for pages, which an authorizer and a filter do not give.
fn check_responder(config: &Config, address: &Address, found: &Found) -> Result<(), Problem> {
    let asked_by = match address {
        Address::Cgi => "a request of plain CGI",
        _ if config.http.is_some() => "`http`",
        _ if config.probe.is_some() => "`probe`",
        _ => return Ok(()),
    };
    if found.targets.responder.is_some() {
        return Ok(());
    }
    let message = format!("{asked_by} wants an application that answers, and there are other roles alone");
    Err(Problem::new(ExitStatus::Usage, Code::NO_RESPONDER, message, "name one: app=module:callable"))
}

/// Finds out while somebody is there to be told whether the folder can be entered.
fn check_workdir(workdir: Option<&Path>) -> Result<(), Problem> {
    let Some(workdir) = workdir else { return Ok(()) };
    std::fs::metadata(workdir.join(".")).map(drop).map_err(|error| no_workdir(workdir, &error))
}

fn no_workdir(workdir: &Path, error: &std::io::Error) -> Problem {
    let message = format!("cannot change to the folder `{}`: {error}", workdir.display());
    Problem::new(ExitStatus::Usage, Code::WORKDIR, message, "see workdir=")
}

fn level(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    }
}

fn system(error: &std::io::Error) -> Problem {
    let message = format!("the system refuses what the server needs: {error}");
    Problem::new(ExitStatus::Failure, Code::SYSTEM_REFUSES, message, "")
}

/// Says something to whoever started us.
fn tell(text: &str) {
    // There is nobody else to tell that standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
