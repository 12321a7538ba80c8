//! What a server says of itself, as far as it is shown; what is missing is unknown.

use serde::Deserialize;

use super::trouble::Trouble;
use crate::messages::Code;
use crate::supervisor::control::message::{Answer, Introduction};

/// A server at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Picture {
    pub(super) who: Introduction,
    pub(super) status: Status,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Status {
    pub(super) server: Server,
    pub(super) master: Master,
    pub(super) requests: Requests,
    pub(super) queues: Vec<Queue>,
    pub(super) workers: Vec<Worker>,
    pub(super) restarts: Restarts,
    pub(super) history: Vec<Moment>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Server {
    pub(super) app: String,
    pub(super) method: String,
    pub(super) uptime_seconds: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Master {
    pub(super) state: String,
    /// Workers that there are when there is nothing to do; on demand, at most.
    pub(super) scale: usize,
    pub(super) max_workers: u64,
    pub(super) last_reload: Option<Reload>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Reload {
    pub(super) ago_seconds: f64,
    pub(super) ok: bool,
    pub(super) reason: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Requests {
    pub(super) total: u64,
    pub(super) running: u64,
    pub(super) statuses: Statuses,
    pub(super) rates: Vec<Rate>,
    pub(super) latency: Latency,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Statuses {
    #[serde(rename = "5xx")]
    pub(super) failed: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Rate {
    pub(super) window_seconds: u64,
    pub(super) requests_per_second: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Latency {
    pub(super) all: Option<Quantiles>,
    pub(super) minute: Option<Quantiles>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Quantiles {
    #[serde(rename = "p50_seconds")]
    pub(super) p50: f64,
    #[serde(rename = "p90_seconds")]
    pub(super) p90: f64,
    #[serde(rename = "p99_seconds")]
    pub(super) p99: f64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Queue {
    pub(super) waiting: Option<u64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Worker {
    pub(super) pid: Option<i32>,
    pub(super) state: String,
    pub(super) running: u64,
    pub(super) threads: u64,
    pub(super) generation: u64,
    pub(super) age_seconds: f64,
    pub(super) served: u64,
    pub(super) resident_bytes: Option<u64>,
    pub(super) requests: Vec<Running>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Running {
    pub(super) age_seconds: f64,
    pub(super) method: String,
    pub(super) path: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Restarts {
    pub(super) total: u64,
    pub(super) recent: Vec<Restart>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Restart {
    pub(super) ago_seconds: f64,
    pub(super) pid: Option<i32>,
    pub(super) reason: String,
    pub(super) detail: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Moment {
    pub(super) ago_seconds: f64,
    pub(super) requests: u64,
}

impl Picture {
    /// Reads it off an answer.
    ///
    /// # Errors
    /// When the answer holds none.
    pub(super) fn of(answer: &Answer) -> Result<Self, Trouble> {
        let odd = |cause: &str| {
            Trouble::new(super::trouble::Status::Failed, Code::CONTROL_SILENT, format!("the answer {cause}"))
        };
        let status = answer.status.as_ref().ok_or_else(|| odd("holds no status"))?;
        let status =
            Status::deserialize(status).map_err(|error| odd(&format!("cannot be understood: {error}")))?;
        Ok(Self { who: answer.server.clone().unwrap_or_default(), status })
    }
}

impl Status {
    /// Connections that wait in all queues, as far as it is known.
    pub(super) fn waiting(&self) -> Option<u64> {
        self.queues.iter().filter_map(|queue| queue.waiting).reduce(u64::saturating_add)
    }

    /// How many workers are in a state.
    pub(super) fn count(&self, state: &str) -> usize {
        self.workers.iter().filter(|worker| worker.state == state).count()
    }
}
