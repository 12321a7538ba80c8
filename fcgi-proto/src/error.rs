//! What can go wrong, one type for each party that can be to blame.
//!
//! [`ProtocolError`]: the peer, and the connection cannot go on. [`ParamsError`]: the peer, within one
//! request. [`UsageError`]: the caller of this crate; nothing was sent.

use thiserror::Error;

use crate::header::RequestId;

/// The peer broke the protocol in a way that leaves only one thing to do: close the connection.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The first byte of a record is not 1, so its size is unknown.
    #[error("unsupported FastCGI version `{version}`")]
    UnsupportedVersion {
        /// The byte that stands in place of the version.
        version: u8,
    },
    /// A record of fixed form has another length.
    #[error("content of `{name}` is `{length}` bytes long instead of 8")]
    BodyLength {
        /// The type of the record.
        name: &'static str,
        /// Its content length.
        length: u16,
    },
    /// `BEGIN_REQUEST` or `END_REQUEST` with the id of the management records.
    #[error("`{name}` has request id `0`")]
    NullRequestId {
        /// The type of the record.
        name: &'static str,
    },
    /// `BEGIN_REQUEST` for a request that is active.
    #[error("request `{id}` was begun while it was active")]
    AlreadyActive {
        /// The id of both.
        id: RequestId,
    },
    /// STDIN and DATA before the end of PARAMS are beyond
    /// [`Limits::max_early_bytes`](crate::Limits::max_early_bytes).
    #[error("request `{id}` sent more than `{limit}` bytes of its body before its parameters ended")]
    EarlyInput {
        /// The request.
        id: RequestId,
        /// The limit that was passed.
        limit: usize,
    },
    /// Skipped records are beyond [`Limits::max_skipped_bytes`](crate::Limits::max_skipped_bytes).
    #[error("more than `{limit}` bytes came that belong to no active request")]
    SkippedInput {
        /// The limit that was passed.
        limit: usize,
    },
    /// A management record is beyond [`Limits::max_management_bytes`](crate::Limits::max_management_bytes).
    #[error("a management record of `{length}` bytes is beyond the limit of `{limit}`")]
    ManagementTooLarge {
        /// The length of the record's content.
        length: usize,
        /// The limit that was passed.
        limit: usize,
    },
    /// The pairs of a management record are cut short or too many.
    #[error("a management record holds malformed pairs")]
    MalformedValues,
}

impl ProtocolError {
    /// What the peer probably speaks instead of FastCGI, for the operator who set a wrong address.
    ///
    /// ```
    /// use fcgi_proto::ProtocolError;
    ///
    /// let error = ProtocolError::UnsupportedVersion { version: b'G' };
    /// assert_eq!(error.hint(), Some("the peer seems to speak HTTP"));
    /// ```
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::UnsupportedVersion { version: 0x16 } => Some("the peer seems to speak TLS"),
            Self::UnsupportedVersion { version: b'A'..=b'Z' | b'a'..=b'z' } => {
                Some("the peer seems to speak HTTP")
            }
            Self::UnsupportedVersion { version: b'0'..=b'9' } => Some("the peer seems to speak SCGI"),
            _ => None,
        }
    }
}

/// The name-value pairs of one request cannot be used.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ParamsError {
    /// The stream is longer than [`Limits::max_params_bytes`](crate::Limits::max_params_bytes).
    #[error("parameters take more than `{limit}` bytes")]
    TooLarge {
        /// The limit that was passed.
        limit: usize,
    },
    /// A pair announces a length that would pass
    /// [`Limits::max_params_bytes`](crate::Limits::max_params_bytes).
    #[error("a parameter announces `{length}` bytes, more than the limit of `{limit}` leaves room for")]
    LengthTooLarge {
        /// The bytes of the announced pair.
        length: usize,
        /// The limit that would be passed.
        limit: usize,
    },
    /// There are more pairs than [`Limits::max_params_pairs`](crate::Limits::max_params_pairs).
    #[error("more than `{limit}` parameters")]
    TooMany {
        /// The limit that was passed.
        limit: usize,
    },
    /// The stream ends inside a pair.
    #[error("parameters end inside a pair")]
    Truncated,
    /// A name or a value holds a NUL byte, which the specification excludes.
    #[error("a parameter holds a NUL byte")]
    Nul,
}

/// The caller asked for something that cannot be done. Nothing was sent, and the connection is as it was.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum UsageError {
    /// The request has ended, or never was one of this connection.
    #[error("request `{id}` is not active any more")]
    NotActive {
        /// The id of the request.
        id: RequestId,
    },
    /// The stream was closed before, or the request's role does not have it.
    #[error("request `{id}` has no such stream open")]
    StreamClosed {
        /// The id of the request.
        id: RequestId,
    },
    /// As many requests are active as the connection may have.
    #[error("the connection has `{limit}` active requests and takes no more")]
    TooManyRequests {
        /// The limit that is reached.
        limit: usize,
    },
    /// The connection is closed or about to be closed, and takes no new request.
    #[error("the connection takes no new request because it is closing")]
    Closing,
    /// The content of a single record is longer than 65535 bytes.
    #[error("content of `{length}` bytes does not fit in one record")]
    ContentTooLong {
        /// The length of the content.
        length: usize,
    },
}
