//! What ends a start: one line of cause, one of cure, and the exit status.

use std::fmt;

use crate::app::LoadError;
use crate::discover::NothingFound;
use crate::exit::ExitStatus;
use crate::options::UsageError;
use crate::os::listener::ListenError;
use crate::os::pidfile::PidfileError;
use crate::os::stdio::LogFileError;
use crate::supervisor::Failure;

/// Something the operator has to know and to mend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    pub status: ExitStatus,
    pub message: String,
    pub hint: Option<String>,
}

impl Problem {
    pub(super) fn new(status: ExitStatus, message: impl Into<String>, hint: &str) -> Self {
        let hint = Some(hint.to_owned()).filter(|hint| !hint.is_empty());
        Self { status, message: message.into(), hint }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error: {}", self.message.trim_end())?;
        self.hint.as_ref().map_or(Ok(()), |hint| writeln!(formatter, "hint: {hint}"))
    }
}

impl From<UsageError> for Problem {
    fn from(error: UsageError) -> Self {
        Self::new(ExitStatus::Usage, error.to_string(), &error.hint())
    }
}

impl From<NothingFound> for Problem {
    fn from(error: NothingFound) -> Self {
        Self::new(ExitStatus::Usage, error.to_string(), error.hint())
    }
}

impl From<ListenError> for Problem {
    fn from(error: ListenError) -> Self {
        Self::new(ExitStatus::AddressInUse, error.to_string(), error.hint())
    }
}

impl From<PidfileError> for Problem {
    fn from(error: PidfileError) -> Self {
        Self::new(ExitStatus::AddressInUse, error.to_string(), error.hint())
    }
}

impl From<LogFileError> for Problem {
    fn from(error: LogFileError) -> Self {
        let hint = "choose a file in a folder that exists and that this user may write to";
        Self::new(ExitStatus::AddressInUse, error.to_string(), hint)
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        Self { status: ExitStatus::AppImport, message: error.message, hint: error.hint }
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Import(text) => from_report(ExitStatus::AppImport, &text),
            Failure::Start(text) => from_report(ExitStatus::Failure, &text),
        }
    }
}

/// What a worker has reported: the message, and on its last line perhaps a hint.
fn from_report(status: ExitStatus, text: &str) -> Problem {
    match text.rsplit_once(HINT) {
        Some((message, hint)) => Problem::new(status, message, hint),
        None => Problem::new(status, text, ""),
    }
}

/// Puts a failed import into one text for the way from a worker to the terminal.
pub(super) fn report(error: &LoadError) -> String {
    match &error.hint {
        Some(hint) => format!("{}{HINT}{hint}", error.message),
        None => error.message.clone(),
    }
}

const HINT: &str = "\nhint: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_import_reads_the_same_on_both_ways() {
        let error = LoadError { message: "no\nway".into(), hint: Some("walk".into()) };
        let direct = Problem::from(error.clone());
        assert_eq!(Problem::from(Failure::Import(report(&error))), direct);
        assert_eq!(direct.to_string(), "error: no\nway\nhint: walk\n");
    }
}
