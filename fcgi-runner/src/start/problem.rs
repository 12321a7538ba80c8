//! What ends a start: one line of cause, one of cure, and the exit status.

use std::fmt;

use crate::app::LoadError;
use crate::discover::NothingFound;
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::options::UsageError;
use crate::os::listener::ListenError;
use crate::os::pidfile::PidfileError;
use crate::os::privileges::RightsError;
use crate::os::stdio::LogFileError;
use crate::supervisor::Failure;

/// Something the operator has to know and to mend.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    pub status: ExitStatus,
    pub code: Code,
    pub message: String,
    pub hint: String,
}

impl Problem {
    /// An empty hint is that of the table.
    pub(super) fn new(status: ExitStatus, code: Code, message: impl Into<String>, hint: &str) -> Self {
        let hint = if hint.is_empty() { code.cure() } else { hint };
        Self { status, code, message: message.into(), hint: hint.to_owned() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "error[{}]: {}", self.code, self.message.trim_end())?;
        writeln!(formatter, "hint: {}", self.hint)
    }
}

impl From<UsageError> for Problem {
    fn from(error: UsageError) -> Self {
        Self::new(ExitStatus::Usage, error.code(), error.to_string(), &error.hint())
    }
}

impl From<NothingFound> for Problem {
    fn from(error: NothingFound) -> Self {
        Self::new(ExitStatus::Usage, Code::NO_APPLICATION, error.to_string(), error.hint())
    }
}

impl From<ListenError> for Problem {
    fn from(error: ListenError) -> Self {
        Self::new(ExitStatus::AddressInUse, error.code(), error.to_string(), error.hint())
    }
}

impl From<PidfileError> for Problem {
    fn from(error: PidfileError) -> Self {
        Self::new(ExitStatus::AddressInUse, error.code(), error.to_string(), &error.hint())
    }
}

impl From<RightsError> for Problem {
    fn from(error: RightsError) -> Self {
        Self::new(ExitStatus::AddressInUse, Code::RIGHTS, error.to_string(), "")
    }
}

impl From<LogFileError> for Problem {
    fn from(error: LogFileError) -> Self {
        let code = if error.is_service { Code::LOG_SERVICE } else { Code::LOG_FILE };
        Self::new(ExitStatus::AddressInUse, code, error.to_string(), code.cure())
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        let hint = error.hint.as_deref().unwrap_or_default();
        Self::new(ExitStatus::AppImport, error.code, error.message, hint)
    }
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Import(text) => from_report(ExitStatus::AppImport, Code::IMPORT_RAISED, &text),
            Failure::Start(text) => from_report(ExitStatus::Failure, Code::WORKER_START, &text),
        }
    }
}

/// What a worker has reported: perhaps a code, the message, and on its last line perhaps a hint.
fn from_report(status: ExitStatus, code: Code, text: &str) -> Problem {
    let (code, text) = Code::split(text).unwrap_or((code, text));
    match text.rsplit_once(HINT) {
        Some((message, hint)) => Problem::new(status, code, message, hint),
        None => Problem::new(status, code, text, ""),
    }
}

/// Puts a failed import into one text for the way from a worker to the terminal and to the log.
pub(super) fn report(error: &LoadError) -> String {
    let hint = error.hint.as_deref().unwrap_or_else(|| error.code.cure());
    error.code.tag(&format!("{}{HINT}{hint}", error.message))
}

const HINT: &str = "\nhint: ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_import_reads_the_same_on_both_ways() {
        let error =
            LoadError { code: Code::SYNTAX_ERROR, message: "no\nway".into(), hint: Some("walk".into()) };
        let direct = Problem::from(error.clone());
        assert_eq!(Problem::from(Failure::Import(report(&error))), direct);
        assert_eq!(direct.to_string(), "error[FR103]: no\nway\nhint: walk\n");
    }
}
