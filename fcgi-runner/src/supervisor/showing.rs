//! What the master writes on the board for those who ask how the server is doing.

use super::policy::WorkerId;
use super::{Child, Master};
use crate::os::fork::End;
use crate::os::scoreboard::{Phase, Restart};

impl Master<'_> {
    /// A worker was started in a slot.
    pub(super) fn show_started(&self, slot: usize) {
        self.job.board.slot(slot).set_generation(self.policy.generation());
    }

    /// A worker has come so far.
    pub(super) fn show_phase(&self, id: WorkerId, phase: Phase) {
        if let Some(child) = self.workers.get(&id) {
            self.job.board.slot(child.slot).set_phase(phase);
        }
    }

    /// A worker has ended, whose slot is still its own; `reason` is a word, `end` is told where nobody has wanted it.
    pub(super) fn show_end(&self, child: &Child, reason: &str, end: Option<End>) {
        let board = &self.job.board;
        let slot = board.slot(child.slot);
        let now = board.elapsed();
        board.reports().note_restart(&Restart {
            at: now,
            pid: slot.identity().pid,
            age: now.saturating_sub(slot.identity().started),
            served: slot.load().served,
            reason: reason.as_bytes().to_vec(),
            detail: end.map(|end| end.to_string().into_bytes()).unwrap_or_default(),
        });
    }
}
