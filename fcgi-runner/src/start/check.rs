//! `fcgi-run check`: goes the way of a start, and looks where that would step.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use super::address::{Address, Own};
use super::rights::Standing;
use super::{Door, Ended, Problem, check_user};
use crate::app::Host;
use crate::check::import::{Import, Imported, Outcome};
use crate::check::limits::{self, Crew, Machine};
use crate::check::{Finding, Report, files};
use crate::cli::Check;
use crate::config::Config;
use crate::discover::{Found, discover};
use crate::exit::ExitStatus;
use crate::messages::Code;

/// Looks, prints what was found, and ends with the status that a start would have.
pub(super) fn run(check: &Check, door: &Door<'_>) -> Result<Ended, Problem> {
    let report = look(check, door);
    print(&text(check, &report))?;
    Ok(Ended::Launched(report.status() as u8))
}

/// The same for several sites; ends with the status of the first that could not be started.
pub(super) fn run_all(sites: &[(String, Check)], door: &Door<'_>) -> Result<Ended, Problem> {
    let mut status = ExitStatus::Stopped;
    let json = sites.iter().any(|(_, check)| check.json);
    for (index, (name, check)) in sites.iter().enumerate() {
        let report = look(check, door);
        let text = text(check, &report);
        print(&match (json, index) {
            (true, 0) => format!("{{\"{name}\": {}", text.trim_end()),
            (true, _) => format!(",\n\"{name}\": {}", text.trim_end()),
            (false, 0) => format!("site {name}\n{text}"),
            (false, _) => format!("\nsite {name}\n{text}"),
        })?;
        if status == ExitStatus::Stopped {
            status = report.status();
        }
    }
    print(if json { "}\n" } else { "" })?;
    Ok(Ended::Launched(status as u8))
}

fn text(check: &Check, report: &Report) -> String {
    if check.json {
        report.json()
    } else {
        report.text(std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none())
    }
}

fn print(text: &str) -> Result<(), Problem> {
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| super::system(&error))
}

fn look(check: &Check, door: &Door<'_>) -> Report {
    let mut report = Report::default();
    let config = match &check.config {
        Ok(config) => config,
        Err(error) => {
            let cure = error.hint();
            report.add(Finding::problem(
                "options",
                ExitStatus::Usage,
                error.code(),
                error.to_string(),
                &cure,
            ));
            return report;
        }
    };
    report.extend(options(config));
    let environment = |name: &str| std::env::var(name).ok();
    let found = discover(config, door.given, environment);
    let address = Address::decide(config, false, environment);
    if let Err(error) = &found {
        report.add(blamed("application", Problem::from(error.clone())));
    }
    let address = match address {
        Ok(address) => Some(address),
        // A program that a web server starts itself has none when it is checked by hand.
        Err(problem) => {
            let text = format!(
                "{}; that is right only for a program that the web server starts itself",
                problem.message
            );
            report.add(Finding { cure: problem.hint, ..Finding::warning("socket", problem.code, text) });
            None
        }
    };
    if let (Some(address), Ok(found)) = (&address, &found)
        && let Err(problem) = super::check_responder(config, address, found)
    {
        report.add(blamed("application", problem));
    }
    let standing = check_user::standing(config, address.as_ref(), environment, &mut report);
    report.extend(files::workdir(config));
    let daemonizes = config.daemonize.or_else(|| address.as_ref().map(|address| address.daemonizes(config)));
    let daemonizes = daemonizes.unwrap_or(false);
    let logs = [&config.outlog, &config.errlog, &config.accesslog].into_iter().flatten();
    let logs: Vec<_> = logs.map(super::logs::destination).collect();
    report.extend(files::logs(&logs, daemonizes && config.errlog.is_none()));
    report.extend(address.iter().flat_map(|address| places(check, config, standing.as_ref(), address)));
    report.extend(files::pidfile(config, check.running));
    let imported = match (found, &standing) {
        (Ok(found), Some(standing)) => import(config, door, found, standing, daemonizes, &mut report),
        _ => None,
    };
    let size = imported.as_ref().and_then(|imported| imported.size);
    report.extend(limits::check(config, Crew::of(config), Machine::look(), size));
    report
}

fn options(config: &Config) -> Vec<Finding> {
    if config.warnings.is_empty() {
        return vec![Finding::fine("options", "nothing is wrong with them")];
    }
    config.warnings.iter().map(|text| Finding::warning("options", Code::DOUBTFUL_OPTION, text)).collect()
}

pub(super) fn blamed(topic: &'static str, problem: Problem) -> Finding {
    Finding::problem(topic, problem.status, problem.code, problem.message, &problem.hint)
}

/// Where the server would listen, and who could come there.
fn places(check: &Check, config: &Config, standing: Option<&Standing>, address: &Address) -> Vec<Finding> {
    let mut findings = match address {
        Address::Own(Own::Unix(path)) => check_user::unix(check, config, standing, path),
        Address::Own(Own::Tcp { host, port }) => vec![files::tcp("socket", host, *port, check.running)],
        Address::Own(Own::Private) => Vec::new(),
        Address::WebServer => vec![Finding::fine("socket", "descriptor 0 is a socket of the web server's")],
        Address::Inherited(fds) => {
            let all: Vec<_> = fds.iter().map(i32::to_string).collect();
            vec![Finding::fine("socket", format!("handed over as descriptor {}", all.join(", ")))]
        }
        Address::Cgi => vec![Finding::fine("socket", "a request of plain CGI is in the environment")],
    };
    if let Some(http) = &config.http {
        findings.push(files::tcp("preview", &http.host, http.port, check.running));
    }
    findings
}

/// Imports the application beside us, and tells how it went.
fn import(
    config: &Config,
    door: &Door<'_>,
    found: Found,
    standing: &Standing,
    daemonizes: bool,
    report: &mut Report,
) -> Option<Imported> {
    const TOPIC: &str = "application";
    let virtualenv = found.virtualenv.clone();
    let workdir = standing.workdir(config).or_else(|| daemonizes.then_some(Path::new("/")));
    let mut tried = check_user::check_places(standing, &found, workdir);
    let host: Arc<dyn Host> = super::host(config, door, found);
    let assume = || standing.assume(&*host);
    let import = Import { host: &host, workdir, preload: config.preload, assume: &assume, limit: PATIENCE };
    let status = ExitStatus::AppImport;
    let outcome = import.run();
    if let Some((trial, mut findings)) = tried.take() {
        match &outcome {
            Ok(Outcome::Imported(_)) => check_user::praise(&trial, &mut findings),
            Ok(Outcome::Failed { message, .. }) => check_user::blame(&trial, &mut findings, message),
            _ => {}
        }
        report.extend(findings);
    }
    let finding = match outcome {
        Ok(Outcome::Imported(imported)) => {
            let text = format!("imported in {:.2} s", imported.seconds);
            report.extend(interpreter(&imported));
            report.add(Finding::fine(TOPIC, text));
            report.extend(django(config, &imported));
            return Some(imported);
        }
        Ok(Outcome::Failed { code, message, hint }) => {
            let (cause, detail) = message.split_once('\n').unwrap_or((&message, ""));
            let hint = unused_environment(config, code, virtualenv.as_deref()).unwrap_or(hint);
            Finding { detail: detail.to_owned(), ..Finding::problem(TOPIC, status, code, cause, &hint) }
        }
        Ok(Outcome::Died(end, output)) => {
            let text = format!("its process died while it was imported ({end})");
            let finding = Finding::problem(TOPIC, ExitStatus::Failure, Code::FIRST_WORKER_DIED, text, "");
            Finding { detail: output, ..finding }
        }
        Ok(Outcome::Late) => {
            let text = format!("not imported within {} s", PATIENCE.as_secs());
            Finding::problem(TOPIC, status, Code::IMPORT_SLOW, text, "")
        }
        Err(error) => blamed(TOPIC, super::system(&error)),
    };
    report.add(finding);
    None
}

fn interpreter(imported: &Imported) -> Option<Finding> {
    let (version, prefix) = (imported.fact("python")?, imported.fact("prefix")?);
    let kind = if imported.fact("virtualenv") == Some("true") {
        "the virtual environment"
    } else {
        "no virtual environment:"
    };
    Some(Finding::fine("python", format!("{version}, {kind} `{prefix}`")))
}

/// A virtual environment that lies beside the application under a usual name, and is not used.
fn unused_environment(config: &Config, code: Code, used: Option<&Path>) -> Option<String> {
    let is_missing = matches!(code, Code::PACKAGE_MISSING | Code::MODULE_NOT_FOUND) && used.is_none();
    let name = ["venv", "env", "virtualenv"]
        .into_iter()
        .find(|name| config.start_dir.join(name).join("bin/python").exists())?;
    is_missing.then(|| format!("there is a virtual environment that is not used: try virtualenv={name}"))
}

fn django(config: &Config, imported: &Imported) -> Vec<Finding> {
    const TOPIC: &str = "django";
    let Some(settings) = imported.fact("django.settings") else { return Vec::new() };
    let is = |name: &str| imported.fact(name) == Some("true");
    let mut findings = Vec::new();
    if is("django.debug") {
        findings.push(Finding::warning(TOPIC, Code::DJANGO_DEBUG, format!("DEBUG is on in `{settings}`")));
    } else if imported.fact("django.hosts") == Some("") {
        let text = format!("ALLOWED_HOSTS is empty in `{settings}`");
        findings.push(Finding::warning(TOPIC, Code::DJANGO_HOSTS, text));
    }
    let (url, root) = (imported.fact("django.static_url"), imported.fact("django.static_root"));
    if let (true, Some(url), Some(root), true) = (is("django.static"), url, root, config.statics.is_empty()) {
        findings.push(if root.is_empty() {
            Finding::warning(
                TOPIC,
                Code::DJANGO_STATIC,
                format!("`{url}`: STATIC_ROOT is not set in `{settings}`"),
            )
        } else if !Path::new(root).is_dir() {
            Finding::warning(TOPIC, Code::DJANGO_STATIC, format!("`{url}`: there is no folder `{root}`"))
        } else {
            Finding::fine(TOPIC, format!("the web server is to serve `{url}` from `{root}`"))
        });
    }
    findings
}

/// Time for an import.
const PATIENCE: Duration = Duration::from_secs(60);
