//! `fcgi-run check`: what a start would run into, and what visitors would, found without serving.
//!
//! In come a configuration and where it would listen; out goes a [`Report`] of [`Finding`]s, for people and as JSON. Files are not
//! opened for writing, and the socket is not made; root makes one beside it for a moment, to see who can connect. The
//! application is imported in a process of its own ([`import`]), which is the user that the workers are to be.
//! What is found has the code that a start would fail with, or one of its own.

pub mod access;
pub mod files;
pub mod import;
pub mod limits;
mod report;
pub mod rights;
pub mod trial;

pub use self::report::Report;

use crate::exit::ExitStatus;
use crate::messages::Code;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Level {
    /// Nothing to do.
    Fine,
    /// It serves, and there is something to think about.
    Warning,
    /// A start fails with this status, or visitors do not get in.
    Problem(ExitStatus),
}

/// What was looked at, and what was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// One or two words: `socket`.
    pub topic: &'static str,
    pub level: Level,
    /// One sentence without a full stop.
    pub text: String,
    /// `None` where nothing is wrong.
    pub code: Option<Code>,
    /// What to do; empty where nothing is wrong.
    pub cure: String,
    /// Lines that belong to it, such as a traceback.
    pub detail: String,
}

impl Finding {
    /// Nothing to do.
    pub fn fine(topic: &'static str, text: impl Into<String>) -> Self {
        Self {
            topic,
            level: Level::Fine,
            text: text.into(),
            code: None,
            cure: String::new(),
            detail: String::new(),
        }
    }

    /// Something to think about; the cure is that of the table.
    pub fn warning(topic: &'static str, code: Code, text: impl Into<String>) -> Self {
        let (code, cure) = (Some(code), code.cure().to_owned());
        Self { level: Level::Warning, code, cure, ..Self::fine(topic, text) }
    }

    /// Something that a start fails with; an empty cure is that of the table.
    pub fn problem(
        topic: &'static str,
        status: ExitStatus,
        code: Code,
        text: impl Into<String>,
        cure: &str,
    ) -> Self {
        let cure = if cure.is_empty() { code.cure() } else { cure }.to_owned();
        Self { level: Level::Problem(status), code: Some(code), cure, ..Self::fine(topic, text) }
    }
}
