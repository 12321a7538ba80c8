//! The life of a worker, from its start to its end, and the end of them all.

use std::time::Instant;

use super::{Action, Order, Phase, Policy, Reason, Stage, Verdict, Worker, WorkerId};

impl Policy {
    /// Starts a worker, perhaps in place of one that leaves when it serves.
    pub(super) fn spawn(&mut self, replaces: Option<WorkerId>, now: Instant) {
        let id = WorkerId(self.next_id);
        self.next_id += 1;
        let worker = Worker {
            stage: Stage::Starting,
            generation: self.generation,
            since: now,
            reason: None,
            due: None,
            replaces,
            expires: None,
            is_settled: false,
            last_seen: (0, now),
        };
        self.workers.insert(id, worker);
        self.actions.push_back(Action::Spawn(id));
    }

    pub(super) fn ready(&mut self, id: WorkerId, now: Instant) {
        self.set_stage(id, Stage::Serving, now);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.is_settled = true;
        }
        if let Phase::Stopping { deadline, .. } = self.phase {
            self.tell(id, if deadline.is_some() { Order::Stop } else { Order::Retire });
            return;
        }
        if !std::mem::replace(&mut self.announced, true) {
            self.actions.push_back(Action::Announce);
        }
        self.begin_life(id, now);
        self.take_over(id, now);
        if self.phase == Phase::Reloading && self.is_current(id) {
            self.roll(now);
        }
    }

    pub(super) fn failed(&mut self, id: WorkerId, now: Instant) {
        let is_new = self.is_current(id);
        self.set_reason(id, Reason::Failed);
        self.set_stage(id, Stage::Leaving, now);
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.is_settled = true;
        }
        if !self.announced {
            self.finish(Verdict::NeverServed);
        } else if self.phase == Phase::Reloading && is_new {
            self.abandon_reload(now);
        } else if self.phase == Phase::Serving {
            self.died_young(now);
        }
    }

    /// The worker leaves by itself: it has said why, or somebody has sent it a signal.
    pub(super) fn leaving(&mut self, id: WorkerId, now: Instant) {
        let due = self.workers.get(&id).and_then(|worker| worker.due);
        self.set_reason(id, due.map_or(Reason::Operator, |due| due.reason));
        self.set_stage(id, Stage::Leaving, now);
    }

    pub(super) fn ended(&mut self, id: WorkerId, now: Instant) {
        let Some(worker) = self.workers.remove(&id) else { return };
        match (self.phase, worker.stage) {
            (Phase::Stopping { .. }, _) => {
                if self.workers.is_empty() {
                    self.finish(Verdict::Stopped);
                }
            }
            (_, Stage::Leaving) => {}
            (_, Stage::Starting) if !self.announced => self.finish(Verdict::NeverServed),
            (Phase::Reloading, Stage::Starting) if worker.generation == self.generation => {
                self.abandon_reload(now);
            }
            (_, Stage::Starting) => self.died_young(now),
            (_, Stage::Serving) => self.died_serving(worker.since, now),
        }
    }

    /// Why a worker has ended that was not killed by anybody else: asked before [`super::Event::Ended`] is told.
    pub fn reason_of_end(&self, id: WorkerId) -> Reason {
        match self.workers.get(&id) {
            Some(worker) if worker.stage == Stage::Leaving => worker.reason.unwrap_or(Reason::Operator),
            _ if matches!(self.phase, Phase::Stopping { .. }) => Reason::Stop,
            Some(worker) if worker.stage == Stage::Starting => Reason::Failed,
            _ => Reason::Died,
        }
    }

    pub(super) fn stop(&mut self, now: Instant, at_once: bool) {
        let first = !matches!(self.phase, Phase::Stopping { deadline: Some(_), .. });
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        self.phase = Phase::Stopping { deadline: Some(now + self.rules.stop_timeout), killed: at_once };
        for id in &ids {
            if at_once {
                self.actions.push_back(Action::Kill(*id));
            } else if first {
                self.tell(*id, Order::Stop);
            }
        }
        if ids.is_empty() {
            self.finish(Verdict::Stopped);
        }
    }

    pub(super) fn hand_over(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Stopping { .. }) {
            return;
        }
        self.phase = Phase::Stopping { deadline: None, killed: false };
        let ids: Vec<WorkerId> = self.workers.keys().copied().collect();
        for id in &ids {
            self.retire(*id, Reason::Stop, now);
        }
        if ids.is_empty() {
            self.finish(Verdict::Stopped);
        }
    }

    pub(super) fn retire(&mut self, id: WorkerId, reason: Reason, now: Instant) {
        self.set_reason(id, reason);
        self.set_stage(id, Stage::Leaving, now);
        self.tell(id, Order::Retire);
    }

    fn finish(&mut self, verdict: Verdict) {
        if std::mem::replace(&mut self.finished, true) {
            return;
        }
        for id in self.workers.keys() {
            self.actions.push_back(Action::Kill(*id));
        }
        self.actions.push_back(Action::Finish(verdict));
    }

    fn set_reason(&mut self, id: WorkerId, reason: Reason) {
        if let Some(worker) = self.workers.get_mut(&id) {
            worker.reason.get_or_insert(reason);
        }
    }

    fn set_stage(&mut self, id: WorkerId, stage: Stage, now: Instant) {
        if let Some(worker) = self.workers.get_mut(&id)
            && worker.stage != Stage::Leaving
        {
            worker.stage = stage;
            worker.since = now;
        }
    }
}
