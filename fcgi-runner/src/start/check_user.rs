//! What `fcgi-run check` finds about users: the one that the workers are to be, and those of web servers.

use std::path::Path;
use std::time::Duration;

use super::Problem;
use super::access::Access;
use super::address::Address;
use super::rights::Standing;
use crate::check::access::{self, Mode};
use crate::check::rights::{self, Places, TOPIC};
use crate::check::trial::Trial;
use crate::check::{Finding, Report, files};
use crate::cli::Check;
use crate::config::Config;
use crate::discover::Found;
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::listener::{FileRights, Listener};
use crate::os::privileges::{Identity, Limits, Rights};
use crate::os::probe::{self, Account};
use crate::os::{process, users};

/// Finds out who the workers would be, as a start does; nothing where a start would end there.
pub(super) fn standing(
    config: &Config,
    address: Option<&Address>,
    environment: impl Fn(&str) -> Option<String>,
    report: &mut Report,
) -> Option<Standing> {
    let blamed = |problem: Problem| super::check::blamed(TOPIC, problem);
    let mut standing = match Standing::decide(config) {
        Ok(standing) => standing,
        Err(problem) => {
            report.add(blamed(problem));
            return None;
        }
    };
    if let Some(address) = address {
        match Access::decide(config, address, standing.uid(), environment) {
            Ok(access) => standing.access = access,
            Err(problem) => report.add(blamed(problem)),
        }
    }
    if standing.is_root_by_default() {
        report.add(Finding::warning(TOPIC, Code::RUNS_AS_ROOT, "the application runs as root"));
    }
    let is_alone = address.is_some_and(Address::is_served_alone);
    if let (true, true, Some(path)) = (is_alone, standing.changes(), &config.pidfile) {
        let text = format!("`{}` cannot be removed at the end by its user", path.display());
        report.add(Finding::warning(TOPIC, Code::PIDFILE_STAYS, text));
    }
    Some(standing)
}

/// Tries as the workers' user what workers do; nothing where they are who has started the server.
pub(super) fn check_places(
    standing: &Standing,
    found: &Found,
    workdir: Option<&Path>,
) -> Option<(Trial, Vec<Finding>)> {
    let trial = trial(standing)?;
    let virtualenv = found.virtualenv.as_deref();
    let places = Places { search_path: &found.search_path, virtualenv, workdir };
    let findings = places.check(&trial).unwrap_or_else(|error| {
        vec![Finding::problem(TOPIC, ExitStatus::AppImport, Code::RIGHTS, error.to_string(), "")]
    });
    Some((trial, findings))
}

/// Says of what was found that a start fails with it, and adds the file that the failed import names.
pub(super) fn blame(trial: &Trial, findings: &mut Vec<Finding>, message: &str) {
    if let Ok(Some(finding)) = rights::blamed_by(trial, message)
        && !findings.contains(&finding)
    {
        findings.push(finding);
    }
    rights::as_cause_of_failure(findings);
}

/// Says that all is well with the workers' user, when it is.
pub(super) fn praise(trial: &Trial, findings: &mut Vec<Finding>) {
    if findings.is_empty() {
        let text = format!(
            "the application runs as `{}` ({}), who may read what it needs",
            trial.account.name,
            groups(&trial.account)
        );
        findings.push(Finding::fine(TOPIC, text));
    }
}

fn groups(account: &Account) -> String {
    let names: Vec<String> = account.groups.iter().map(|gid| users::group_name(*gid)).collect();
    match names.len() {
        0 => "no group".to_owned(),
        1 => format!("group {}", names[0]),
        _ => format!("groups {}", names.join(", ")),
    }
}

fn trial(standing: &Standing) -> Option<Trial> {
    let rights = standing.rights();
    if !standing.changes() {
        return None;
    }
    let own = || Identity { uid: users::own_user(), gid: users::own_group(), groups: users::own_groups() };
    let identity = rights.identity.clone().unwrap_or_else(own);
    let mut groups = vec![identity.gid];
    groups.extend(identity.groups.iter().filter(|gid| **gid != identity.gid));
    let account = Account { name: users::user_name(identity.uid), uid: identity.uid, groups };
    // Limits are tried by the import.
    let rights = Rights { limits: Limits::default(), ..rights.clone() };
    Some(Trial { account, rights })
}

/// Looks at a Unix socket: whether it can be made, and who could connect to it.
pub(super) fn unix(check: &Check, config: &Config, standing: Option<&Standing>, path: &Path) -> Vec<Finding> {
    let mut findings = vec![files::unix_socket(path, check.running)];
    let rights = standing.map(|standing| standing.socket).unwrap_or_default();
    match access::web_users(check.web_user.as_deref()) {
        Ok(users) => {
            let admitted = |user: &Account| {
                standing.is_none_or(|standing| standing.access.admits(user.uid, &user.groups))
            };
            let (users, refused): (Vec<_>, Vec<_>) = users.into_iter().partition(admitted);
            findings.extend(refused.iter().map(|user| {
                let text = format!("`{}` is not in `allowedclients`", user.name);
                Finding::warning(access::TOPIC, Code::CLIENT_REFUSED, text)
            }));
            if !users.is_empty() || refused.is_empty() {
                let tried = try_out(config, path, rights, &users);
                findings
                    .extend(tried.unwrap_or_else(|| access::check(path, planned(config, rights), &users)));
            }
        }
        Err(text) => findings.push(Finding::warning(access::TOPIC, Code::NO_WEB_ACCESS, text)),
    }
    findings.extend(access::private_tmp(path));
    findings
}

/// What the socket will be, where there is none yet.
fn planned(config: &Config, rights: FileRights) -> Mode {
    let (uid, gid) = (users::own_user(), users::own_group());
    let bits = rights.mode.unwrap_or(0o777 & !config.umask);
    Mode { uid: rights.owner.unwrap_or(uid), gid: rights.group.unwrap_or(gid), bits }
}

/// Lets the users connect; nothing where this process cannot become them, or the socket cannot be made.
fn try_out(config: &Config, path: &Path, rights: FileRights, users: &[Account]) -> Option<Vec<Finding>> {
    if users::own_user() != 0 || users.is_empty() {
        return None;
    }
    if probe::unix_socket(path) == probe::Occupant::Alive {
        return access::try_out(path, None, users).ok();
    }
    // As it will be: access lists of the folder are inherited when it is made.
    process::set_umask(config.umask);
    let like = path.with_file_name(format!(".check{}", std::process::id()));
    let made = Listener::unix(&like, rights, Duration::ZERO).ok()?;
    let found = access::try_out(path, Some(&like), users).ok();
    made.remove_file();
    found
}
