//! Pages about the server itself, which a worker answers in place of the application.

use std::sync::Arc;

use crate::app::{Blocker, Request};
use crate::os::scoreboard::Scoreboard;
use crate::status::{About, Pages, Snapshot};

/// What it takes to answer them.
#[derive(Clone, Debug)]
pub struct OwnPages {
    pub pages: Pages,
    pub about: Arc<About>,
}

impl OwnPages {
    /// Answers a request that is for one of them; `false` when it is not, and nothing has been done.
    pub(super) fn answer(&self, request: &Request, board: &Scoreboard, blocker: &dyn Blocker) -> bool {
        if !self.pages.may_be_meant(request.target()) {
            return false;
        }
        let reply = self.pages.reply(request.params(), || Snapshot::take(&self.about, board));
        let Some(reply) = reply else { return false };
        // A web server that is gone needs no answer.
        let _ = request.stdout(&[&reply.to_cgi(request.is_head())], true, blocker);
        true
    }
}
