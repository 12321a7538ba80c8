//! What the model knows of one request.

use super::pairs;
use super::vocabulary::{AUTHORIZER, DATA, FILTER, PARAMS, Reason, STDIN};

/// A request that has begun and not ended.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) number: usize,
    pub(super) role: u16,
    pub(super) keep: bool,
    /// Whether the application knows of it.
    pub(super) told: bool,
    pub(super) refused: Option<Reason>,
    pub(super) aborted: bool,
    /// The streams that the application has written to.
    pub(super) written: Vec<u8>,
    pub(super) params: Vec<u8>,
    pub(super) early_stdin: Vec<u8>,
    pub(super) early_data: Vec<u8>,
    /// The streams that have ended.
    pub(super) ended: Vec<u8>,
}

impl Request {
    /// The streams whose end has not come, of those that the role has.
    pub(super) fn awaited(&self) -> Vec<u8> {
        let streams: &[u8] = match self.role {
            AUTHORIZER => &[PARAMS],
            FILTER => &[PARAMS, STDIN, DATA],
            _ => &[PARAMS, STDIN],
        };
        let open = |stream: &&u8| !self.aborted && !self.ended.contains(stream);
        streams.iter().filter(open).copied().collect()
    }

    /// Whether anybody has a use for what it sends.
    pub(super) fn is_wanted(&self) -> bool {
        self.refused.is_none() && !self.aborted
    }

    /// Whether the connection is closed after it.
    pub(super) fn closes(&self) -> bool {
        let untrusted = [pairs::Fault::LengthTooLarge, pairs::Fault::Truncated];
        !self.keep || untrusted.iter().any(|fault| self.refused == Some(Reason::Params(*fault)))
    }
}
