//! What all connections of a worker have in common.

use std::sync::Arc;

use fcgi_proto::server;

use super::pool::{LoopHandle, Need};
use crate::config::Limits;

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
    /// Whoever leads: another thread, which is called where the one that runs the application waits.
    Loop(Arc<LoopHandle>),
}

impl Feeding {
    pub(super) fn is_pull(&self) -> bool {
        matches!(self, Self::Pull)
    }

    /// Makes sure, as long as what comes back is held, that another thread reads, where this one does not.
    pub(super) fn need(&self) -> Option<Need<'_>> {
        match self {
            Self::Pull => None,
            Self::Loop(handle) => Some(handle.need()),
        }
    }
}
