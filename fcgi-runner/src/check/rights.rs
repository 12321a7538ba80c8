//! Whether the user of the workers can do what workers do: read the application and its virtual environment, be in the working
//! directory, and keep large bodies in the folder for temporary files.
//!
//! Socket, pidfile and logs are not among it: the master, who stays who has started it, opens them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::trial::{Blocked, Deed, Step, Trial};
use super::{Finding, Level};
use crate::exit::ExitStatus;
use crate::messages::Code;

/// What workers use.
pub struct Places<'p> {
    /// Where modules are looked for.
    pub search_path: &'p [PathBuf],
    pub virtualenv: Option<&'p Path>,
    pub workdir: Option<&'p Path>,
}

impl Places<'_> {
    /// Tries them all; gives what is wrong, each folder once.
    ///
    /// # Errors
    /// When the workers' user cannot be tried.
    pub fn check(&self, trial: &Trial) -> io::Result<Vec<Finding>> {
        let mut found: Vec<Finding> = Vec::new();
        let reads = self.search_path.iter().cloned().chain(self.virtualenv.iter().flat_map(|env| parts(env)));
        let enters = self.workdir.iter().map(|folder| (Deed::Enter, folder.to_path_buf()));
        let temporary = (Deed::Write, std::env::temp_dir());
        for (deed, place) in reads.map(|place| (Deed::Read, place)).chain(enters).chain([temporary]) {
            let Some(blocked) = look(trial, &place, deed)? else { continue };
            let finding = judge(trial, &blocked, deed);
            if !found.contains(&finding) {
                found.push(finding);
            }
        }
        Ok(found)
    }
}

/// What stands between the user and a file that could not be read, according to the text of an exception.
///
/// # Errors
/// As for [`Places::check`].
pub fn blamed_by(trial: &Trial, message: &str) -> io::Result<Option<Finding>> {
    let Some((_, rest)) = message.rsplit_once("Permission denied: '") else { return Ok(None) };
    let Some((path, _)) = rest.split_once('\'') else { return Ok(None) };
    let blocked = look(trial, Path::new(path), Deed::Read)?;
    Ok(blocked.map(|blocked| judge(trial, &blocked, Deed::Read)))
}

fn look(trial: &Trial, place: &Path, deed: Deed) -> io::Result<Option<Blocked>> {
    let place = match &trial.rights.root {
        // Its links lead somewhere else there.
        Some(_) => place.to_owned(),
        // What is not there is told by the import.
        None => match place.canonicalize() {
            Ok(place) => place,
            Err(_) => return Ok(None),
        },
    };
    trial.first_blocked(&Step::way(&place, deed))
}

fn judge(trial: &Trial, blocked: &Blocked, deed: Deed) -> Finding {
    let (code, purpose) = match deed {
        Deed::Write => (Code::USER_MAY_NOT_WRITE, ", where large request bodies wait"),
        _ => (Code::USER_MAY_NOT_READ, ""),
    };
    let text = format!("`{}` {}{purpose}", trial.account.name, blocked.text());
    Finding { cure: trial.cure(blocked), ..Finding::warning(TOPIC, code, text) }
}

/// The folders of a virtual environment that an interpreter needs, the one of the Python that it was made with among them.
fn parts(env: &Path) -> Vec<PathBuf> {
    let mut parts = vec![env.to_owned()];
    let libraries = fs::read_dir(env.join("lib")).into_iter().flatten().flatten();
    let packages = libraries.map(|library| library.path().join("site-packages"));
    parts.extend(packages.filter(|folder| folder.is_dir()));
    let config = fs::read_to_string(env.join("pyvenv.cfg")).unwrap_or_default();
    let home = config.lines().filter_map(|line| line.split_once('='));
    parts.extend(home.filter(|(name, _)| name.trim() == "home").map(|(_, home)| home.trim().into()));
    parts
}

/// Makes of warnings what a start fails with, when it was seen that it does.
pub fn as_cause_of_failure(findings: &mut [Finding]) {
    for finding in findings.iter_mut().filter(|finding| finding.code == Some(Code::USER_MAY_NOT_READ)) {
        finding.level = Level::Problem(ExitStatus::AppImport);
    }
}

/// What these findings are about.
pub const TOPIC: &str = "user";
