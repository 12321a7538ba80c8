//! What is known of the server at one moment, read from the board, from `/proc` and from the listen queues.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::messages::plain;
use crate::os::backlog::Backlog;
use crate::os::listener::Listener;
use crate::os::process;
use crate::os::scoreboard::{Counted, Desk, Phase, Sample, Scoreboard, Sheet};

/// What does not change while the server runs.
#[derive(Debug)]
pub struct About {
    /// The application, as the operator named it.
    pub app: String,
    /// The master.
    pub pid: u32,
    /// `prefork` or `threaded`.
    pub method: &'static str,
    /// Workers are only there while they are needed.
    pub on_demand: bool,
    /// When the board began.
    pub started: SystemTime,
    pub listeners: Arc<[Listener]>,
}

/// The server at one moment. Times are ages: how long ago something was.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub server: Server,
    pub totals: Totals,
    /// Requests a second in the last 1, 10 and 60 seconds, as far as somebody has taken notes.
    pub rates: [Rate; 3],
    pub latency: Latency,
    pub queues: Vec<Queue>,
    pub workers: Vec<Worker>,
    /// The newest first.
    pub slow: Vec<SlowRequest>,
    /// The newest first.
    pub restarts: Vec<Restart>,
    /// The last minutes, the oldest moment first.
    pub history: Vec<Sample>,
}

/// The server as a whole.
#[derive(Clone, Debug)]
pub struct Server {
    pub app: String,
    pub version: &'static str,
    pub pid: u32,
    pub method: &'static str,
    pub on_demand: bool,
    pub started: SystemTime,
    pub uptime: Duration,
}

/// Everything since the start, whatever became of the workers that did it.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    pub requests: u64,
    /// By the first digit of the status; the first one has those that were given none.
    pub statuses: [u64; 6],
    /// Requests that were not given to the application because something was wrong with them.
    pub refused: u64,
    /// Requests that had waited for longer than `queuetimeout`.
    pub late: u64,
    /// Requests that ran for longer than they may.
    pub timed_out: u64,
    /// Bytes of the bodies of answers.
    pub sent: u64,
    /// Ends of workers by their reasons.
    pub restarts: Vec<(String, u64)>,
}

/// How much came in some time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rate {
    /// The time that is meant, in seconds.
    pub window: u64,
    /// Requests a second; `None` where nobody has taken notes.
    pub requests: Option<f64>,
    /// Of them, those that were answered with 5xx.
    pub failed: Option<f64>,
    /// Bytes a second.
    pub sent: Option<f64>,
}

/// How long requests took, from arrival to end.
#[derive(Clone, Debug)]
pub struct Latency {
    /// All requests.
    pub all: Option<Quantiles>,
    /// Those of the last minute, or of the time since the start.
    pub minute: Option<Quantiles>,
    /// Time of all requests together.
    pub time: Duration,
    pub counted: Counted,
}

/// What is read off a histogram: each is at most an eighth too high.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quantiles {
    pub count: u64,
    pub p50: Duration,
    pub p90: Duration,
    pub p99: Duration,
    pub max: Duration,
}

/// A listen queue.
#[derive(Clone, Debug)]
pub struct Queue {
    pub address: String,
    /// Connections that wait to be accepted; `None` where the kernel does not tell.
    pub waiting: Option<u32>,
    /// So many may.
    pub limit: Option<u32>,
}

/// A worker.
#[derive(Clone, Debug)]
pub struct Worker {
    pub slot: usize,
    /// 0 as long as it is not known.
    pub pid: u32,
    pub state: State,
    /// Requests that run, and that could run at once.
    pub running: u32,
    pub threads: u32,
    /// Which reload has brought it; 0 is the start.
    pub generation: u32,
    pub age: Duration,
    pub served: u64,
    /// Bytes of memory that it has at hand, those that it shares included; 0 is unknown.
    pub resident: u64,
    /// What it works on, the oldest first.
    pub requests: Vec<Running>,
}

/// What a worker does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum State {
    Starting,
    Idle,
    Busy,
    Leaving,
}

/// A request that runs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Running {
    pub age: Duration,
    pub method: String,
    /// Without the query.
    pub path: String,
    /// As Python's `threading.get_ident()`; 0 while it is not known.
    pub thread: u64,
}

/// A request that took long.
#[derive(Clone, Debug)]
pub struct SlowRequest {
    pub ago: Duration,
    pub took: Duration,
    pub status: u16,
    pub pid: u32,
    pub method: String,
    /// Without the query.
    pub path: String,
}

/// The end of a worker.
#[derive(Clone, Debug)]
pub struct Restart {
    pub ago: Duration,
    pub pid: u32,
    pub age: Duration,
    pub served: u64,
    /// One word.
    pub reason: String,
    /// More about it; may be empty.
    pub detail: String,
}

impl Snapshot {
    /// Reads everything. Costs some system calls for each worker and listener, and waits for nobody.
    pub fn take(about: &About, board: &Scoreboard) -> Self {
        let now = board.elapsed();
        let (totals, counted, time) = totals(board);
        let history = board.reports().samples();
        Self {
            server: Server {
                app: about.app.clone(),
                version: env!("CARGO_PKG_VERSION"),
                pid: about.pid,
                method: about.method,
                on_demand: about.on_demand,
                started: about.started,
                uptime: now,
            },
            rates: [1, 10, 60].map(|window| rate(window, now, &totals, &history)),
            latency: Latency {
                all: Quantiles::of(&counted),
                minute: Quantiles::of(&last_minute(board, now, &counted)),
                time,
                counted,
            },
            queues: about.listeners.iter().map(queue).collect(),
            workers: workers(board, now),
            slow: slow(board, now),
            restarts: restarts(board, now),
            totals,
            history,
        }
    }
}

impl Worker {
    /// Reads the worker of a slot, if one is there.
    fn read(board: &Scoreboard, index: usize, now: Duration) -> Option<Self> {
        let slot = board.slot(index);
        let (load, who) = (slot.load(), slot.identity());
        if !slot.is_taken() {
            return None;
        }
        let mut requests: Vec<Running> =
            board.desks(index).iter().filter_map(Desk::read).map(|sheet| Running::of(&sheet, now)).collect();
        requests.sort_by_key(|running| std::cmp::Reverse(running.age));
        Some(Self {
            slot: index,
            pid: who.pid,
            state: match who.phase {
                Phase::Starting => State::Starting,
                Phase::Leaving => State::Leaving,
                Phase::Serving if load.running > 0 => State::Busy,
                Phase::Serving => State::Idle,
            },
            running: load.running,
            threads: load.threads,
            generation: who.generation,
            age: now.saturating_sub(who.started),
            served: load.served,
            resident: process::resident(who.pid).unwrap_or_default(),
            requests,
        })
    }
}

impl Running {
    fn of(sheet: &Sheet, now: Duration) -> Self {
        Self {
            age: now.saturating_sub(sheet.arrived),
            method: shown(&sheet.method),
            path: path(&sheet.method, &sheet.path),
            thread: sheet.thread,
        }
    }
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Leaving => "leaving",
        }
    }

    /// All of them.
    pub const ALL: [Self; 4] = [Self::Starting, Self::Idle, Self::Busy, Self::Leaving];
}

impl Quantiles {
    /// Reads them off; nothing where nothing was counted.
    pub fn of(counted: &Counted) -> Option<Self> {
        Some(Self {
            count: counted.total(),
            p50: counted.quantile(0.5)?,
            p90: counted.quantile(0.9)?,
            p99: counted.quantile(0.99)?,
            max: counted.quantile(1.0)?,
        })
    }
}

/// Reads all counters, of workers that are gone too.
pub(super) fn totals(board: &Scoreboard) -> (Totals, Counted, Duration) {
    let mut totals = Totals { restarts: board.reports().reasons(), ..Totals::default() };
    let (mut counted, mut time) = (Counted::default(), Duration::ZERO);
    for index in 0..board.used_slots() {
        let tally = board.slot(index).tally();
        for (sum, count) in totals.statuses.iter_mut().zip(tally.statuses()) {
            *sum += count;
        }
        totals.refused += tally.refused();
        totals.late += tally.late();
        totals.timed_out += tally.timed_out();
        totals.sent += tally.sent();
        time += tally.time();
        tally.durations().add_to(&mut counted);
    }
    totals.requests = totals.statuses.iter().sum();
    (totals, counted, time)
}

/// Reads all workers.
pub(super) fn workers(board: &Scoreboard, now: Duration) -> Vec<Worker> {
    (0..board.used_slots()).filter_map(|index| Worker::read(board, index, now)).collect()
}

/// Looks at one listen queue.
pub(super) fn queue(listener: &Listener) -> Queue {
    let found = Backlog::of(listener.as_fd(), listener.is_tcp()).and_then(|backlog| backlog.queue()).ok();
    Queue {
        address: listener.name().to_owned(),
        waiting: found.map(|queue| queue.waiting),
        limit: found.map(|queue| queue.limit),
    }
}

fn last_minute(board: &Scoreboard, now: Duration, counted: &Counted) -> Counted {
    let begin = now.saturating_sub(MINUTE);
    match board.reports().mark_near(begin) {
        Some((at, before)) if begin > Duration::ZERO && at < now => counted.since(&before),
        _ => counted.clone(),
    }
}

fn rate(window: u64, now: Duration, totals: &Totals, history: &[Sample]) -> Rate {
    let begin = now.saturating_sub(Duration::from_secs(window));
    // The last one that is old enough, or the first of a server that is not.
    let Some(sample) = history.iter().rfind(|sample| sample.at <= begin).or(history.first()) else {
        return Rate { window, ..Rate::default() };
    };
    let seconds = now.saturating_sub(sample.at).as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a number for people")]
    let per_second =
        |now: u64, before: u64| (seconds > 0.0).then(|| now.saturating_sub(before) as f64 / seconds);
    Rate {
        window,
        requests: per_second(totals.requests, sample.requests),
        failed: per_second(totals.statuses[5], sample.failed),
        sent: per_second(totals.sent, sample.sent),
    }
}

fn slow(board: &Scoreboard, now: Duration) -> Vec<SlowRequest> {
    let all = board.reports().slow().into_iter();
    all.map(|slow| SlowRequest {
        ago: now.saturating_sub(slow.at),
        took: slow.took,
        status: slow.status,
        pid: slow.pid,
        method: shown(&slow.method),
        path: path(&slow.method, &slow.path),
    })
    .collect()
}

fn restarts(board: &Scoreboard, now: Duration) -> Vec<Restart> {
    let all = board.reports().restarts().into_iter();
    all.map(|restart| Restart {
        ago: now.saturating_sub(restart.at),
        pid: restart.pid,
        age: restart.age,
        served: restart.served,
        reason: shown(&restart.reason),
        detail: shown(&restart.detail),
    })
    .collect()
}

/// A path, with a mark at its end where the board had no room for the rest.
fn path(method: &[u8], path: &[u8]) -> String {
    let mark = if method.len() + path.len() >= Desk::ROOM { "\u{2026}" } else { "" };
    shown(path) + mark
}

/// Bytes of a request as text that moves no cursor: what is no UTF-8 and what is no visible character is replaced.
fn shown(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.chars()
        .map(|letter| if plain::acts(letter) { char::REPLACEMENT_CHARACTER } else { letter })
        .collect()
}

const MINUTE: Duration = Duration::from_secs(60);

#[cfg(test)]
#[path = "snapshot_tests.rs"]
mod tests;
