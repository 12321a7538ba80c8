//! One active request: which of its streams are open, and what is kept until its PARAMS have ended.

use bytes::{Bytes, BytesMut};

use super::event::Rejection;
use crate::body::{BeginRequest, Role};
use crate::params::Assembly;

/// One active request.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) role: Role,
    pub(super) keep_conn: bool,
    pub(super) stage: Stage,
    /// The streams whose end has not come.
    pub(super) open: OpenStreams,
    /// Set as soon as it is known, told when the PARAMS have ended.
    pub(super) rejection: Option<Rejection>,
    pub(super) stderr_used: bool,
    pub(super) params: Assembly,
    /// Input that overtook the PARAMS; most requests have none.
    pub(super) early: Option<Box<Early>>,
}

/// How far a request has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// PARAMS are arriving; the caller knows nothing of the request.
    Head,
    /// The caller serves the request.
    Served,
    /// The caller was told that the request cannot be served. Its input is skipped.
    Refused,
    /// Nobody waits for the answer. Its input is skipped.
    Aborted,
}

impl Request {
    pub(super) fn new(begin: BeginRequest, rejection: Option<Rejection>) -> Self {
        Self {
            role: begin.role,
            keep_conn: begin.flags.keep_conn(),
            stage: Stage::Head,
            open: OpenStreams::of(begin.role),
            rejection,
            stderr_used: false,
            params: Assembly::default(),
            early: None,
        }
    }

    /// Drops what was kept for a request that will not be served.
    pub(super) fn reject(&mut self, rejection: Rejection) {
        self.rejection = Some(rejection);
        self.params = Assembly::default();
        self.early = None;
    }

    pub(super) fn abort(&mut self) {
        self.stage = Stage::Aborted;
        self.open = OpenStreams::NONE;
    }

    /// Whether the end of this request is to be the end of the connection.
    pub(super) fn closes_connection(&self) -> bool {
        !self.keep_conn || self.rejection.is_some_and(Rejection::closes_connection)
    }

    /// Whether what it sends is of use to somebody.
    pub(super) fn is_wanted(&self) -> bool {
        match self.stage {
            Stage::Head => self.rejection.is_none(),
            Stage::Served => true,
            Stage::Refused | Stage::Aborted => false,
        }
    }
}

/// The streams of a request whose end has not come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct OpenStreams(u8);

impl OpenStreams {
    pub(super) const NONE: Self = Self(0);
    pub(super) const PARAMS: Self = Self(1);
    pub(super) const STDIN: Self = Self(2);
    pub(super) const DATA: Self = Self(4);

    /// The streams that a request of the role has. An authorizer may or may not be sent an empty STDIN: it
    /// is not waited for.
    pub(super) const fn of(role: Role) -> Self {
        match role {
            Role::AUTHORIZER => Self::PARAMS,
            Role::FILTER => Self(Self::PARAMS.0 | Self::STDIN.0 | Self::DATA.0),
            _ => Self(Self::PARAMS.0 | Self::STDIN.0),
        }
    }

    pub(super) const fn contains(self, stream: Self) -> bool {
        self.0 & stream.0 != 0
    }

    pub(super) const fn has_stdin(self) -> bool {
        self.contains(Self::STDIN)
    }

    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(super) fn close(&mut self, stream: Self) {
        self.0 &= !stream.0;
    }
}

/// STDIN and DATA that came before the end of PARAMS. Copied, so that small records do not keep large
/// buffers alive.
#[derive(Debug, Default)]
pub(super) struct Early {
    pub(super) stdin: BytesMut,
    pub(super) data: BytesMut,
}

impl Early {
    /// Keeps a piece of a stream, or refuses if that would be more than `limit` bytes in all.
    pub(super) fn push(&mut self, stream: OpenStreams, content: &Bytes, limit: usize) -> bool {
        let fits = self.stdin.len() + self.data.len() + content.len() <= limit;
        if fits {
            let kept = if stream == OpenStreams::STDIN { &mut self.stdin } else { &mut self.data };
            kept.extend_from_slice(content);
        }
        fits
    }
}
