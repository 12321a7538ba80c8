//! The picture of the server that `status` gives: the snapshot that everybody may take, and what the master alone knows.

use serde_json::{Value, json};

use super::answers::Renewal;
use super::message::Answer;
use crate::status::{Snapshot, to_json};
use crate::supervisor::Master;

impl Master<'_> {
    /// Describes the server and its workers.
    pub(super) fn describe(&self) -> Answer {
        let mut status = to_json(&Snapshot::take(&self.job.about, &self.job.board));
        status["master"] = self.own_view();
        Answer { server: Some(self.job.control.introduction.clone()), status: Some(status), ..Answer::good() }
    }

    fn own_view(&self) -> Value {
        json!({
            "state": self.state(),
            "scale": self.policy.scale_now(),
            "max_workers": self.policy.cap(),
            "last_reload": self.job.control.renewal.as_ref().map(Renewal::to_json),
        })
    }

    fn state(&self) -> &'static str {
        match () {
            () if self.released => "stopping",
            () if !self.policy.is_announced() => "starting",
            () if self.policy.is_reloading() => "reloading",
            () => "serving",
        }
    }
}
