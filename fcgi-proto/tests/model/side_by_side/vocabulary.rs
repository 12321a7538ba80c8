//! What the model speaks of: what goes in, what is told, what is sent, and the numbers of FastCGI 1.0 section 8.

use super::pairs::{self, Pairs};

/// What the connection may keep, and what the application says of itself.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    pub(crate) max_params_bytes: usize,
    pub(crate) max_params_pairs: usize,
    pub(crate) max_active_requests: usize,
    pub(crate) max_skipped_bytes: usize,
    pub(crate) max_management_bytes: usize,
    pub(crate) max_early_bytes: usize,
    pub(crate) max_unknown_type_answers: usize,
    pub(crate) max_warnings: usize,
    pub(crate) roles: Vec<u16>,
    pub(crate) max_conns: u32,
    pub(crate) max_reqs: u32,
    /// What is answered where far too many requests are active; nothing if it is empty.
    pub(crate) overload_answer: &'static [u8],
}

/// What the application is told. Requests are numbered in the order of their BEGIN.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Told {
    Request { number: usize, id: u16, role: u16, keep: bool, pairs: Pairs },
    Rejected { number: usize, id: u16, role: u16, keep: bool, reason: Reason },
    Stdin { number: usize, data: Vec<u8> },
    StdinEnd { number: usize },
    Data { number: usize, data: Vec<u8> },
    DataEnd { number: usize },
    Aborted { number: usize },
    GoesOn { id: u16, stream: u8 },
    Unexpected { id: u16, kind: u8 },
    UnexpectedEnd { id: u16 },
}

impl Told {
    /// The request it is about; warnings are about none.
    pub(super) fn number(&self) -> Option<usize> {
        match self {
            Self::Request { number, .. }
            | Self::Rejected { number, .. }
            | Self::Stdin { number, .. }
            | Self::StdinEnd { number }
            | Self::Data { number, .. }
            | Self::DataEnd { number }
            | Self::Aborted { number } => Some(*number),
            Self::GoesOn { .. } | Self::Unexpected { .. } | Self::UnexpectedEnd { .. } => None,
        }
    }
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Reason {
    TooManyRequests,
    Params(pairs::Fault),
}

/// What the web server did that ends the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    Version(u8),
    BeginLength(usize),
    BeginWithoutId,
    BeginTwice { id: u16 },
    TooMuchEarly { id: u16 },
    TooMuchSkipped,
    ManagementTooLarge(usize),
    ManagementMalformed,
}

/// What is left to do after a request has ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Disposition {
    Keep,
    Close,
    Drain { close: bool },
}

/// A record that is sent, without its padding.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Record {
    pub(crate) kind: u8,
    pub(crate) id: u16,
    pub(crate) content: Vec<u8>,
}

pub(crate) const BEGIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const STDERR: u8 = 7;
pub(crate) const DATA: u8 = 8;
pub(crate) const GET_VALUES: u8 = 9;
pub(crate) const GET_VALUES_RESULT: u8 = 10;
pub(crate) const UNKNOWN_TYPE: u8 = 11;

pub(crate) const AUTHORIZER: u16 = 2;
pub(crate) const FILTER: u16 = 3;

pub(crate) const COMPLETE: u8 = 0;
pub(crate) const CANT_MPX_CONN: u8 = 1;
pub(crate) const OVERLOADED: u8 = 2;
pub(crate) const UNKNOWN_ROLE: u8 = 3;
