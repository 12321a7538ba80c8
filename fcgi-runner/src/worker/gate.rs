//! The gate: whoever may not connect is sent away before anything of it is read.

use std::os::fd::BorrowedFd;

use crate::messages::Code;
use crate::os::peers::PeerList;
use crate::os::refusals::Refusals;

/// Who may connect, and who was refused; all workers have the same.
#[derive(Debug)]
pub struct Gate {
    list: PeerList,
    refusals: Refusals,
    /// Unix sockets are guarded, too; they are not where addresses alone were named for TCP.
    guards_unix: bool,
}

impl Gate {
    /// A gate for those on a list.
    pub fn new(list: PeerList, refusals: Refusals) -> Self {
        let guards_unix = !list.uids.is_empty() || !list.gids.is_empty();
        Self { list, refusals, guards_unix }
    }

    /// Whether a connection that was just accepted may stay; the log is told of those that may not.
    pub(super) fn admits(&self, connection: BorrowedFd<'_>, tcp: bool) -> bool {
        if !tcp && !self.guards_unix {
            return true;
        }
        let Some(peer) = self.list.refuses(connection, tcp) else { return true };
        if let Some(told) = self.refusals.note(peer) {
            let (code, count) = (Code::CLIENT_REFUSED, told.count);
            if told.others {
                tracing::warn!(%code, %peer, count, "connections of many that are not in `allowedclients` were closed");
            } else {
                tracing::warn!(%code, %peer, count, "a connection of one that is not in `allowedclients` was closed");
            }
        }
        false
    }
}
