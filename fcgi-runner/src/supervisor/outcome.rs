//! How a server ends, and why one never begins.

/// Why the server never came to serve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Failure {
    /// The application cannot be imported; the text is complete.
    Import(String),
    /// Something else.
    Start(String),
}

impl Failure {
    /// What the operator is to know.
    pub(super) fn into_text(self) -> String {
        match self {
            Self::Import(text) | Self::Start(text) => text,
        }
    }
}

/// How the master's life ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    Stopped,
    /// As [`Outcome::Stopped`], asked for by `SIGHUP` where that could not mean a reload.
    HungUp,
    /// As [`Outcome::Stopped`]: this process becomes the new server.
    Renewed,
    NeverServed(Failure),
    /// The preview front died.
    FrontDied,
    /// Another server has taken over all that there was.
    HandedOver,
}
