//! What all connections of a worker have in common.

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use fcgi_proto::server;

pub use super::courier::Courier;
use super::pool::{LoopHandle, Need};
use crate::config::Limits;

/// Limits and times of a connection.
#[derive(Debug)]
pub struct Settings {
    pub protocol: server::Settings,
    pub limits: Limits,
    pub feeding: Feeding,
    /// Other workers may take connections over.
    pub siblings: bool,
    pub spare: SpareBuffer,
    pub courier: Courier,
}

/// A buffer for whoever reads next. A connection that holds no part of a record needs none of its own, and what the last request
/// has let go of is taken again without asking for memory.
#[derive(Debug, Default)]
pub struct SpareBuffer(Mutex<BytesMut>);

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

impl SpareBuffer {
    /// Gives the buffer to a connection that has none, unless another one has it.
    pub(super) fn lend(&self, buffer: &mut BytesMut) {
        if buffer.is_empty()
            && let Ok(mut spare) = self.0.try_lock()
        {
            *buffer = std::mem::take(&mut *spare);
        }
    }

    /// Takes the buffer of a connection if nothing is in it.
    pub(super) fn take_back(&self, buffer: &mut BytesMut) {
        if buffer.is_empty() {
            let emptied = std::mem::take(buffer);
            if let Ok(mut spare) = self.0.try_lock() {
                *spare = emptied;
            }
        }
    }
}
