//! A snapshot as JSON, for programs, for `fcgi-run ctl` and for the page.
//!
//! Times are in seconds and end in `_seconds`, sizes in bytes and end in `_bytes`; what is not known is null. Names are added,
//! never changed.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use super::snapshot::{Quantiles, Queue, Rate, Restart, Running, SlowRequest, Snapshot, State, Worker};
use crate::os::scoreboard::Sample;

/// Everything in a snapshot.
pub fn to_json(snapshot: &Snapshot) -> Value {
    let Snapshot { server, totals, rates, latency, .. } = snapshot;
    let count = |state| snapshot.workers.iter().filter(|worker| worker.state == state).count();
    let states: Map<String, Value> =
        State::ALL.iter().map(|state| (state.word().to_owned(), count(*state).into())).collect();
    let reasons: Map<String, Value> =
        totals.restarts.iter().map(|(reason, count)| (reason.clone(), (*count).into())).collect();
    let [none, informational, success, redirection, client, failure] = totals.statuses;
    json!({
        "server": {
            "app": server.app,
            "version": server.version,
            "pid": server.pid,
            "method": server.method,
            "started_seconds": unix(server.started),
            "uptime_seconds": seconds(server.uptime),
        },
        "requests": {
            "total": totals.requests,
            "running": snapshot.workers.iter().map(|worker| u64::from(worker.running)).sum::<u64>(),
            "statuses": {
                "1xx": informational, "2xx": success, "3xx": redirection, "4xx": client, "5xx": failure,
                "none": none,
            },
            "refused": totals.refused,
            "late": totals.late,
            "timed_out": totals.timed_out,
            "sent_bytes": totals.sent,
            "rates": rates.iter().map(rate).collect::<Vec<_>>(),
            "latency": {
                "all": latency.all.map(quantiles),
                "minute": latency.minute.map(quantiles),
            },
        },
        "queues": snapshot.queues.iter().map(queue).collect::<Vec<_>>(),
        "worker_states": states,
        "workers": snapshot.workers.iter().map(worker).collect::<Vec<_>>(),
        "restarts": {
            "total": totals.restarts.iter().map(|(_, count)| count).sum::<u64>(),
            "reasons": reasons,
            "recent": snapshot.restarts.iter().map(restart).collect::<Vec<_>>(),
        },
        "slow_requests": snapshot.slow.iter().map(slow).collect::<Vec<_>>(),
        "history": snapshot.history.iter().map(|sample| moment(sample, server.uptime)).collect::<Vec<_>>(),
    })
}

fn rate(rate: &Rate) -> Value {
    json!({
        "window_seconds": rate.window,
        "requests_per_second": rate.requests.map(rounded),
        "failed_per_second": rate.failed.map(rounded),
        "sent_bytes_per_second": rate.sent.map(rounded),
    })
}

fn quantiles(quantiles: Quantiles) -> Value {
    json!({
        "count": quantiles.count,
        "p50_seconds": seconds(quantiles.p50),
        "p90_seconds": seconds(quantiles.p90),
        "p99_seconds": seconds(quantiles.p99),
        "max_seconds": seconds(quantiles.max),
    })
}

fn queue(queue: &Queue) -> Value {
    json!({ "address": queue.address, "waiting": queue.waiting, "limit": queue.limit })
}

fn worker(worker: &Worker) -> Value {
    json!({
        "slot": worker.slot,
        "pid": Some(worker.pid).filter(|pid| *pid > 0),
        "state": worker.state.word(),
        "running": worker.running,
        "threads": worker.threads,
        "generation": worker.generation,
        "age_seconds": seconds(worker.age),
        "served": worker.served,
        "resident_bytes": Some(worker.resident).filter(|bytes| *bytes > 0),
        "requests": worker.requests.iter().map(running).collect::<Vec<_>>(),
    })
}

fn running(running: &Running) -> Value {
    json!({
        "age_seconds": seconds(running.age),
        "method": running.method,
        "path": running.path,
        "thread": Some(running.thread).filter(|thread| *thread > 0),
    })
}

fn restart(restart: &Restart) -> Value {
    json!({
        "ago_seconds": seconds(restart.ago),
        "pid": Some(restart.pid).filter(|pid| *pid > 0),
        "age_seconds": seconds(restart.age),
        "served": restart.served,
        "reason": restart.reason,
        "detail": restart.detail,
    })
}

fn slow(slow: &SlowRequest) -> Value {
    json!({
        "ago_seconds": seconds(slow.ago),
        "took_seconds": seconds(slow.took),
        "status": Some(slow.status).filter(|status| *status > 0),
        "pid": slow.pid,
        "method": slow.method,
        "path": slow.path,
    })
}

fn moment(sample: &Sample, now: Duration) -> Value {
    json!({
        "ago_seconds": seconds(now.saturating_sub(sample.at)),
        "requests": sample.requests,
        "failed": sample.failed,
        "sent_bytes": sample.sent,
        "running": sample.running,
        "capacity": sample.capacity,
        "workers": sample.workers,
        "queued": sample.queued,
        "resident_bytes": sample.resident * 1024,
        "p50_seconds": seconds(sample.median),
        "p90_seconds": seconds(sample.p90),
        "p99_seconds": seconds(sample.p99),
        "max_seconds": seconds(sample.longest),
    })
}

/// Seconds with six digits behind the point.
fn seconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e6
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

pub(super) fn unix(time: SystemTime) -> f64 {
    seconds(time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default())
}
