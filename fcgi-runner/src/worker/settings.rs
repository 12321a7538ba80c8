//! What all connections of a worker have in common.

use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, PoisonError};

use fcgi_proto::server;

use crate::config::Limits;
use crate::os::poller::{Poller, Token};
use crate::os::wake::Wake;

/// Limits and times of a connection.
#[derive(Clone, Debug)]
pub struct Settings {
    pub protocol: server::Settings,
    pub limits: Limits,
    pub feeding: Feeding,
    /// Other workers may take connections over.
    pub siblings: bool,
}

/// Who reads from a connection while the application runs.
#[derive(Clone, Debug)]
pub enum Feeding {
    /// The thread that runs the application: it reads when it needs more, or when it cannot write.
    Pull,
    /// The loop, in a thread of its own.
    Loop(Arc<LoopHandle>),
}

/// What application threads tell the loop.
#[derive(Debug)]
pub struct LoopHandle {
    poller: Arc<Poller>,
    wake: Arc<Wake>,
    /// Connections that may have come to their end.
    finished: Mutex<Vec<Token>>,
}

impl LoopHandle {
    pub(super) fn new(poller: Arc<Poller>, wake: Arc<Wake>) -> Self {
        Self { poller, wake, finished: Mutex::default() }
    }

    /// Lets the loop read from a connection again.
    pub(super) fn resume(&self, connection: impl AsFd, token: Token) {
        // A connection that the loop has let go of needs nothing.
        let _ = self.poller.resume(connection, token);
    }

    /// Keeps the loop from reading; `false` when it cannot be told.
    pub(super) fn pause(&self, connection: impl AsFd, token: Token) -> bool {
        self.poller.pause(connection, token).is_ok()
    }

    /// Lets the loop decide about a connection.
    pub(super) fn finish(&self, token: Token) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        self.wake.wake();
    }

    /// Takes the connections that the loop has to decide about.
    pub(super) fn take_finished(&self) -> Vec<Token> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Feeding {
    pub(super) fn is_pull(&self) -> bool {
        matches!(self, Self::Pull)
    }
}
