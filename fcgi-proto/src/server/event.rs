//! What a connection tells the application.

use std::fmt;

use bytes::Bytes;

use super::RequestKey;
use crate::body::Role;
use crate::error::ParamsError;
use crate::header::{RecordType, RequestId};
use crate::params::Params;

/// Something the application has to know of. Events of one request come in the order of this list.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A request whose PARAMS are complete. It can be answered from now on.
    Request {
        /// Names the request in commands and later events.
        key: RequestKey,
        /// What the application is asked to be; one of [`Settings::roles`](super::Settings::roles).
        role: Role,
        /// Whether the web server keeps the connection after the answer.
        keep_conn: bool,
        /// The parameters.
        params: Params,
    },
    /// A request that cannot be served. Answer with a page ([`Rejection::http_status`]) and end it: only
    /// the web server is told nothing otherwise. What else it sends is skipped without being kept.
    Rejected {
        /// Names the request in commands and later events.
        key: RequestKey,
        /// What the application is asked to be.
        role: Role,
        /// Whether the web server keeps the connection after the answer.
        keep_conn: bool,
        /// Why it cannot be served.
        reason: Rejection,
    },
    /// A piece of the request's body, never empty.
    Stdin {
        /// The request.
        key: RequestKey,
        /// The bytes, 65535 at most, or [`Limits::max_early_bytes`](crate::Limits::max_early_bytes) where
        /// they came before the PARAMS.
        data: Bytes,
    },
    /// The end of the request's body. An authorizer, which has none, gets it at once.
    StdinEnd {
        /// The request.
        key: RequestKey,
    },
    /// A piece of the file that a filter works on, never empty.
    Data {
        /// The request.
        key: RequestKey,
        /// The bytes.
        data: Bytes,
    },
    /// The end of the file that a filter works on.
    DataEnd {
        /// The request.
        key: RequestKey,
    },
    /// Nobody waits for the answer: the web server asked for the end of the request, is gone before it had
    /// sent everything, or broke the protocol. The request stays active until it is ended.
    Aborted {
        /// The request.
        key: RequestKey,
    },
    /// The web server did something odd that harms nobody. For the log; told
    /// [`Limits::max_warnings`](crate::Limits::max_warnings) times at most.
    Warning(ProtocolWarning),
}

impl Event {
    /// The request that the event is about, if it is about one.
    pub fn key(&self) -> Option<RequestKey> {
        match *self {
            Self::Request { key, .. }
            | Self::Rejected { key, .. }
            | Self::Stdin { key, .. }
            | Self::StdinEnd { key }
            | Self::Data { key, .. }
            | Self::DataEnd { key }
            | Self::Aborted { key } => Some(key),
            Self::Warning(_) => None,
        }
    }
}

/// Why a request cannot be served.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// More requests are active than [`Limits::max_active_requests`](crate::Limits::max_active_requests).
    TooManyRequests,
    /// The parameters passed [`Limits::max_params_bytes`](crate::Limits::max_params_bytes).
    ParamsTooLarge,
    /// A parameter announced a length that would pass
    /// [`Limits::max_params_bytes`](crate::Limits::max_params_bytes). The request is rejected at once,
    /// before its PARAMS have ended.
    ParamLengthTooLarge,
    /// There are more parameters than [`Limits::max_params_pairs`](crate::Limits::max_params_pairs).
    TooManyParams,
    /// The parameters end inside a pair.
    ParamsMalformed,
    /// A parameter holds a NUL byte.
    ParamsNul,
}

impl Rejection {
    /// Whether the connection has to be closed after the request: what the web server says about lengths
    /// cannot be believed. [`Connection::should_close`](super::Connection::should_close) takes account of
    /// it.
    pub const fn closes_connection(self) -> bool {
        matches!(self, Self::ParamLengthTooLarge | Self::ParamsMalformed)
    }

    /// The HTTP status that fits.
    pub const fn http_status(self) -> u16 {
        match self {
            Self::TooManyRequests => 503,
            Self::ParamsTooLarge | Self::ParamLengthTooLarge | Self::TooManyParams => 431,
            Self::ParamsMalformed | Self::ParamsNul => 400,
        }
    }
}

impl From<ParamsError> for Rejection {
    fn from(error: ParamsError) -> Self {
        match error {
            ParamsError::TooLarge { .. } => Self::ParamsTooLarge,
            ParamsError::LengthTooLarge { .. } => Self::ParamLengthTooLarge,
            ParamsError::TooMany { .. } => Self::TooManyParams,
            ParamsError::Truncated => Self::ParamsMalformed,
            ParamsError::Nul => Self::ParamsNul,
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooManyRequests => "too many requests on one connection",
            Self::ParamsTooLarge => "parameters take too many bytes",
            Self::ParamLengthTooLarge => "a parameter announces too many bytes",
            Self::TooManyParams => "too many parameters",
            Self::ParamsMalformed => "parameters end inside a pair",
            Self::ParamsNul => "a parameter holds a NUL byte",
        })
    }
}

/// What to do with the connection after a request has ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Disposition {
    /// Read on: the web server keeps the connection, or other requests are active on it.
    Keep,
    /// Send everything, then close. Nothing of this request is still on its way.
    Close,
    /// More of this request's input may come, which is skipped when it is given to
    /// [`handle_input`](super::Connection::handle_input).
    Drain {
        /// False: read on, as with [`Self::Keep`]. True: send everything, shut down the sending half, read
        /// and drop what comes for a bounded time, then close. A socket closed with unread input resets the
        /// connection, and the answer may be lost.
        close: bool,
    },
}

impl Disposition {
    /// Whether the connection has to be closed, at once or after draining.
    pub const fn closes(self) -> bool {
        matches!(self, Self::Close | Self::Drain { close: true })
    }
}

/// Something odd that the web server did and that harms nobody.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum ProtocolWarning {
    /// PARAMS, STDIN or DATA after the empty record that ended the stream. Ignored.
    StreamAlreadyEnded {
        /// The request.
        id: RequestId,
        /// The stream.
        stream: RecordType,
    },
    /// A record whose type has no business with such an id: one from the application's side, a stream that
    /// the role does not have, a management record with an id or the other way round. Ignored.
    UnexpectedRecord {
        /// The type of the record.
        record_type: RecordType,
        /// Its request id.
        request_id: u16,
    },
    /// The input ended before the request's PARAMS were complete.
    UnexpectedEnd {
        /// The request, which nobody has seen.
        id: RequestId,
    },
}

impl fmt::Display for ProtocolWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StreamAlreadyEnded { id, stream } => {
                write!(f, "request `{id}`: `{stream}` goes on after its end")
            }
            Self::UnexpectedRecord { record_type, request_id } => {
                write!(f, "unexpected record `{record_type}` with request id `{request_id}`")
            }
            Self::UnexpectedEnd { id } => write!(f, "request `{id}`: input ended inside the parameters"),
        }
    }
}
