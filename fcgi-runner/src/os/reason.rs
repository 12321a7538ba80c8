//! Why a worker's life ends: told over the line to the master, kept on the board, shown to people.

use std::fmt;

/// Why a worker leaves, or is no more.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[repr(u8)]
pub enum Reason {
    /// It has served as many requests as it may.
    Requests = 1,
    /// It has lived as long as it may.
    Lifetime,
    /// It takes more memory than it may.
    Memory,
    /// The application has asked for it.
    Asked,
    /// The operator has asked for it.
    Operator,
    /// New code is there.
    Reload,
    /// There are more workers than needed.
    Shrunk,
    /// Nobody has asked it for anything, in a pool on demand.
    Idle,
    /// A request has not ended after its time limit.
    Timeout,
    /// Nobody could get its interpreter.
    Stuck,
    /// The server stops.
    Stop,
    /// It could not begin to serve.
    Failed,
    /// Nobody wanted its end.
    Died,
}

impl Reason {
    const ALL: [Self; 13] = [
        Self::Requests,
        Self::Lifetime,
        Self::Memory,
        Self::Asked,
        Self::Operator,
        Self::Reload,
        Self::Shrunk,
        Self::Idle,
        Self::Timeout,
        Self::Stuck,
        Self::Stop,
        Self::Failed,
        Self::Died,
    ];

    /// The number under which it travels, which is never 0.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The reason with a number.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.code() == code)
    }

    /// The word for it in tables: `requests`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Lifetime => "lifetime",
            Self::Memory => "memory",
            Self::Asked => "asked",
            Self::Operator => "operator",
            Self::Reload => "reload",
            Self::Shrunk => "shrunk",
            Self::Idle => "idle",
            Self::Timeout => "timeout",
            Self::Stuck => "stuck",
            Self::Stop => "stop",
            Self::Failed => "failed",
            Self::Died => "died",
        }
    }

    /// Whether a worker is replaced for it one at a time, after its successor has begun to serve.
    pub fn is_recycling(self) -> bool {
        matches!(self, Self::Requests | Self::Lifetime | Self::Memory | Self::Asked | Self::Operator)
    }
}

impl fmt::Display for Reason {
    /// In plain words.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Requests => "it has served `maxrequests` requests",
            Self::Lifetime => "it has lived for `maxlifetime`",
            Self::Memory => "it takes more memory than `maxmemory`",
            Self::Asked => "the application has asked for it",
            Self::Operator => "the operator has asked for it",
            Self::Reload => "the server was reloaded",
            Self::Shrunk => "there are more workers than needed",
            Self::Idle => "no request has come for `idletimeout`",
            Self::Timeout => "a request did not end after `requesttimeout`",
            Self::Stuck => "its interpreter could not be had",
            Self::Stop => "the server stops",
            Self::Failed => "it could not begin to serve",
            Self::Died => "it died",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_reason_has_a_number_a_word_and_a_sentence_of_its_own() {
        for reason in Reason::ALL {
            assert_eq!(Reason::from_code(reason.code()), Some(reason));
        }
        assert_eq!(Reason::from_code(0), None);
        assert_eq!(Reason::from_code(200), None);
        let words: BTreeSet<_> = Reason::ALL.map(Reason::word).into();
        let sentences: BTreeSet<_> = Reason::ALL.map(|reason| reason.to_string()).into();
        assert_eq!((words.len(), sentences.len()), (Reason::ALL.len(), Reason::ALL.len()));
    }
}
