//! What all connections of a worker have in common.

use std::sync::Arc;
use std::time::Duration;

use fcgi_proto::server;

use crate::os::poller::Poller;

/// Limits and times of a connection.
#[derive(Clone, Debug)]
pub struct Settings {
    pub protocol: server::Settings,
    /// Body bytes that must have arrived before the application is started.
    pub request_buffer: usize,
    /// Largest body accepted, in bytes.
    pub max_body: Option<u64>,
    /// A new connection has to show a whole head of a request within this time, in all.
    pub header_timeout: Duration,
    /// Longest silence of the web server within a request body.
    pub read_timeout: Duration,
    /// Longest time in which the web server reads nothing of an answer.
    pub write_timeout: Duration,
    /// Longest life of an idle kept connection.
    pub idle_timeout: Duration,
    /// How long the web server has to close a connection whose last answer was sent.
    pub linger_timeout: Duration,
    pub feeding: Feeding,
}

/// Who reads from a connection while the application runs.
#[derive(Clone, Debug)]
pub enum Feeding {
    /// The thread that runs the application: it reads when it needs more, or when it cannot write.
    Pull,
    /// The loop, in a thread of its own.
    Loop(Arc<Poller>),
}

impl Feeding {
    pub(super) fn is_pull(&self) -> bool {
        matches!(self, Self::Pull)
    }
}
