//! What a connection tells the web server.

use bytes::Bytes;

use super::RequestKey;
use crate::body::{EndRequest, UnknownType};
use crate::values::ReportedValues;

/// Something the web server has to know of.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// A piece of the answer, never empty.
    Stdout {
        /// The request.
        key: RequestKey,
        /// The bytes, 65535 at most.
        data: Bytes,
    },
    /// The end of the answer.
    StdoutEnd {
        /// The request.
        key: RequestKey,
    },
    /// A piece of the error messages, never empty.
    Stderr {
        /// The request.
        key: RequestKey,
        /// The bytes, 65535 at most.
        data: Bytes,
    },
    /// The end of the error messages, which many applications leave out.
    StderrEnd {
        /// The request.
        key: RequestKey,
    },
    /// The request has ended, and its id is free.
    End {
        /// The request, which is not active any more.
        key: RequestKey,
        /// How it ended.
        end: EndRequest,
    },
    /// The connection was lost while the request was active.
    Lost {
        /// The request, which is not active any more.
        key: RequestKey,
    },
    /// The application's answer to [`request_values`](super::Connection::request_values).
    Values(ReportedValues),
    /// The application did not know the type of a management record.
    UnknownType(UnknownType),
}

impl Event {
    /// The request that the event is about, if it is about one.
    pub fn key(&self) -> Option<RequestKey> {
        match *self {
            Self::Stdout { key, .. }
            | Self::StdoutEnd { key }
            | Self::Stderr { key, .. }
            | Self::StderrEnd { key }
            | Self::End { key, .. }
            | Self::Lost { key } => Some(key),
            Self::Values(_) | Self::UnknownType(_) => None,
        }
    }
}
