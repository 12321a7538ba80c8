//! Why there was no answer, or no whole one: once for the log, once for the visitor.
//!
//! The preview is for the people who write the application, so its pages say more than those of a public server.

use std::io;

use fcgi_proto::{ProtocolError, ProtocolStatus};

use crate::cgi::head::HeadError;
use crate::messages::Code;

/// What went wrong with one request.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum Failure {
    /// No connection to the application's socket.
    #[error("the application's socket cannot be reached: {0}")]
    Unreachable(io::Error),
    /// The queue of the socket stayed full.
    #[error("the application is too busy to take another connection")]
    Busy,
    /// The connection was cut before the end of the answer.
    #[error("the application cut the connection {}", if *answered { "in its answer" } else { "before it answered" })]
    Lost {
        /// Whether anything had come before.
        answered: bool,
    },
    /// The application turned the request away.
    #[error("the application turned the request away: {0}")]
    Refused(ProtocolStatus),
    /// The request ended without a response head.
    #[error("the application ended the request without an answer")]
    NoAnswer,
    /// The response head cannot be used.
    #[error("the application's answer cannot be used: {0}")]
    Head(#[from] HeadError),
    /// The status announces another answer instead of being one.
    #[error("the application answered with status `{0}`, which is no answer")]
    Interim(u16),
    /// What came was not FastCGI.
    #[error("the application broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
    /// The body was shorter than announced.
    #[error("the application's answer ended `{missing}` bytes before its Content-Length")]
    TooShort {
        /// The bytes that did not come.
        missing: u64,
    },
    /// The body did not end where it should have.
    #[error("the application's answer goes on far beyond its end")]
    TooLong,
    /// The browser went away.
    #[error("the client has closed the connection")]
    ClientGone,
}

impl Failure {
    /// What the visitor reads if no part of the answer has been sent.
    pub(super) fn explanation(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => {
                "The application's socket cannot be reached. Is the server still running?"
            }
            Self::Busy => "The application is too busy to take another request.",
            Self::Lost { .. } => {
                "The application closed the connection before it answered. The error log may tell why."
            }
            Self::Refused(_) => "The application turned the request away.",
            Self::NoAnswer => "The application ended the request without an answer.",
            Self::Head(_) | Self::Interim(_) => {
                "The application sent an answer that cannot be used. The error log tells what is wrong with it."
            }
            Self::Protocol(_) => "What answered at the application's socket does not speak FastCGI.",
            Self::TooShort { .. } | Self::TooLong | Self::ClientGone => "The answer was cut off.",
        }
    }

    /// The code of the message.
    pub(super) fn code(&self) -> Code {
        match self {
            Self::Unreachable(_) => Code::FRONT_UNREACHABLE,
            Self::Busy => Code::FRONT_BUSY,
            Self::Lost { .. } => Code::FRONT_LOST,
            Self::Refused(_) => Code::FRONT_REFUSED,
            Self::NoAnswer => Code::FRONT_NO_ANSWER,
            Self::Head(_) | Self::Interim(_) => Code::FRONT_BAD_ANSWER,
            Self::Protocol(_) => Code::FRONT_NOT_FASTCGI,
            Self::TooShort { .. } | Self::TooLong | Self::ClientGone => Code::FRONT_CUT,
        }
    }

    /// Writes the failure to the log. A browser that goes away is nobody's fault.
    pub(super) fn log(&self) {
        if matches!(self, Self::ClientGone) {
            tracing::debug!("{self}");
        } else {
            tracing::warn!(code = %self.code(), "{self}");
        }
    }
}
