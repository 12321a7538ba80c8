//! What goes wrong while a server is asked, as it is told to people and to scripts.

use std::fmt;

use serde_json::json;

use crate::messages::{Code, plain};
use crate::options::UsageError;
use crate::supervisor::control::message::VERSION;

/// How `fcgi-run ctl` ends, when it does not end well.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Status {
    /// The server was asked, and it was not done.
    Failed = 1,
    /// What was typed cannot be understood.
    Usage = 2,
    /// No server is there.
    NoServer = 4,
}

/// What is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Trouble {
    pub(super) status: Status,
    pub(super) code: Code,
    pub(super) message: String,
    /// Empty where there is nothing to say that the table does not say.
    pub(super) hint: String,
    /// More, such as a traceback.
    pub(super) detail: Option<String>,
}

impl Trouble {
    pub(super) fn new(status: Status, code: Code, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), hint: code.cure().to_owned(), detail: None }
    }

    pub(super) fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { hint: hint.into(), ..Self::new(Status::Usage, Code::CONTROL_USAGE, message) }
    }

    /// One line for scripts.
    pub(super) fn to_json(&self) -> String {
        let mut object = json!({
            "v": VERSION, "ok": false, "code": self.code.to_string(), "error": self.message,
        });
        if let Some(detail) = &self.detail {
            object["detail"] = json!(detail);
        }
        format!("{object}\n")
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "error[{}]: {}", self.code, plain::lines(&self.message))?;
        if let Some(detail) = &self.detail {
            writeln!(out, "{}", plain::lines(detail.trim_end()))?;
        }
        writeln!(out, "hint: {}", self.hint)
    }
}

impl From<UsageError> for Trouble {
    fn from(error: UsageError) -> Self {
        let (code, hint) = (error.code(), error.hint());
        Self { hint, ..Self::new(Status::Usage, code, error.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_told_to_people_and_to_scripts() {
        let trouble = Trouble {
            detail: Some("Traceback\n  x\x1b[2J\n".into()),
            ..Trouble::new(Status::Failed, Code::CONTROL_REFUSED, "it cannot")
        };
        let text = trouble.to_string();
        assert!(text.starts_with("error[FR506]: it cannot\nTraceback\n  x\\u{1b}[2J\nhint: "), "{text}");
        let value: serde_json::Value = serde_json::from_str(&trouble.to_json()).unwrap();
        assert_eq!(value["code"], "FR506");
        assert_eq!(value["ok"], false);
    }
}
