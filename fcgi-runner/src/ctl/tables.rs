//! What is printed for people: a summary, and a table of the workers. At most 80 columns, or those of the terminal.

use std::fmt::Write as _;

use super::picture::{Picture, Quantiles, Status, Worker};
use super::text::{Paint, age, bytes, count, cut, rate, time};

/// A server in a few lines.
pub(super) fn summary(picture: &Picture, width: usize, paint: Paint) -> String {
    let Picture { who, status } = picture;
    let mut out = format!(
        "fcgi-run {}, pid {}, {}, up {}\n",
        who.version,
        who.pid,
        paint.state(&status.master.state, &status.master.state),
        age(status.server.uptime_seconds)
    );
    let mut line = |name: &str, text: &str| {
        if !text.is_empty() {
            let _ = writeln!(out, "  {name:<10}{}", cut(text, width.saturating_sub(12)));
        }
    };
    line("serves", &format!("{} in {}", status.server.app, who.folder.display()));
    line("address", &who.addresses.join(", "));
    line("workers", &workers_line(status));
    line("requests", &requests_line(status));
    line(
        "latency",
        &status.requests.latency.minute.as_ref().map_or_else(String::new, |now| latency(now, "last minute")),
    );
    // In the first minute that is the same.
    let is_young = status.server.uptime_seconds < 60.0 && status.requests.latency.minute.is_some();
    let all = status.requests.latency.all.as_ref().filter(|_| !is_young);
    line("", &all.map_or_else(String::new, |all| latency(all, "since the start")));
    line(
        "queue",
        &status.waiting().map_or_else(String::new, |waiting| format!("{} waiting", count(waiting))),
    );
    line("restarts", &restarts_line(status));
    line("reload", &reload_line(status));
    out
}

fn workers_line(status: &Status) -> String {
    let numbers = ["busy", "idle", "starting", "leaving"].map(|state| (status.count(state), state));
    let there = numbers.iter().filter(|(number, _)| *number > 0);
    let list = there.map(|(number, state)| format!("{number} {state}")).collect::<Vec<_>>().join(", ");
    let list = if list.is_empty() { list } else { format!(": {list}") };
    format!(
        "{} of at most {}{list} ({})",
        status.workers.len(),
        status.master.max_workers,
        status.server.method
    )
}

pub(super) fn requests_line(status: &Status) -> String {
    let requests = &status.requests;
    let mut line = format!(
        "{} served, {} with 5xx, {} running",
        count(requests.total),
        count(requests.statuses.failed),
        requests.running
    );
    let known =
        requests.rates.iter().filter_map(|rate| Some((rate.window_seconds, rate.requests_per_second?)));
    if let Some((window, now)) = known.min_by_key(|(window, _)| window.abs_diff(10)) {
        let _ = write!(line, "; {}/s in the last {window} s", rate(now));
    }
    line
}

fn latency(quantiles: &Quantiles, when: &str) -> String {
    let Quantiles { p50, p90, p99 } = quantiles;
    format!("median {}, 90 % {}, 99 % {} ({when})", time(*p50), time(*p90), time(*p99))
}

fn restarts_line(status: &Status) -> String {
    let Some(last) = status.restarts.recent.first() else { return String::new() };
    let pid = last.pid.map_or_else(String::new, |pid| format!(" of {pid}"));
    let detail = if last.detail.is_empty() { String::new() } else { format!(" ({})", last.detail) };
    format!(
        "{} in all, the last{pid} {} ago: {}{detail}",
        count(status.restarts.total),
        age(last.ago_seconds),
        last.reason
    )
}

fn reload_line(status: &Status) -> String {
    let Some(last) = &status.master.last_reload else { return String::new() };
    let ago = age(last.ago_seconds);
    match &last.reason {
        None if last.ok => format!("{ago} ago, well"),
        reason => {
            let mut lines = reason.as_deref().unwrap_or_default().lines().rev();
            // The last line of a traceback says most; a hint may follow it.
            let last = lines.find(|line| !line.trim().is_empty() && !line.starts_with(HINT));
            format!("{ago} ago, FAILED: {}", last.unwrap_or_default())
        }
    }
}

/// The workers, a line each.
pub(super) fn workers(status: &Status, width: usize, paint: Paint) -> String {
    let mut out = format!(
        "{:>7} {:<8} {:>7} {:>3} {:>9} {:>7}  {}\n",
        "PID", "STATE", "AGE", "GEN", "SERVED", "MEMORY", "REQUEST"
    );
    for worker in &status.workers {
        let _ = writeln!(
            out,
            "{:>7} {} {:>7} {:>3} {:>9} {:>7}  {}",
            worker.pid.map_or_else(|| "-".to_owned(), |pid| pid.to_string()),
            paint.state(&worker.state, &format!("{:<8}", cut(&worker.state, 8))),
            age(worker.age_seconds),
            worker.generation,
            count(worker.served),
            worker.resident_bytes.map_or_else(|| "-".to_owned(), bytes),
            cut(&request(worker), width.saturating_sub(BEFORE_REQUEST))
        );
    }
    // No blanks at the end of a line.
    out.lines()
        .flat_map(|line| {
            [
                line.trim_end(),
                "
",
            ]
        })
        .collect()
}

/// What a worker does: the oldest request, and how many more.
pub(super) fn request(worker: &Worker) -> String {
    let Some(first) = worker.requests.first() else { return String::new() };
    let more = worker.requests.len() - 1;
    let more = if more > 0 { format!(" (+{more})") } else { String::new() };
    format!("{} {} {}{more}", time(first.age_seconds), first.method, first.path)
}

/// How a hint begins that stands behind a traceback.
pub(super) const HINT: &str = "hint: ";

/// Columns of the table that come before the request.
const BEFORE_REQUEST: usize = 49;

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::supervisor::control::message::Answer;

    /// A server with three workers.
    pub(in crate::ctl) fn picture() -> Picture {
        let answer = json!({
            "v": 1, "ok": true,
            "server": {"pid": 4711, "version": "1.2.3", "folder": "/srv/site", "addresses": ["/run/site.sock"],
                       "pidfile": "/run/site.pid", "more": true},
            "status": {
                "server": {"app": "mysite.wsgi", "method": "prefork", "uptime_seconds": 93_784.5},
                "master": {"state": "serving", "scale": 5, "max_workers": 50,
                           "last_reload": {"ago_seconds": 61.0, "ok": false, "reason": "Traceback\n  x\nValueError: no\nhint: x\n"}},
                "requests": {"total": 1_234_567, "running": 1, "statuses": {"2xx": 1, "5xx": 12},
                    "rates": [{"window_seconds": 1, "requests_per_second": 9.0},
                              {"window_seconds": 10, "requests_per_second": 12.3},
                              {"window_seconds": 60, "requests_per_second": null}],
                    "latency": {"minute": null,
                                "all": {"p50_seconds": 0.0121, "p90_seconds": 0.04, "p99_seconds": 1.5}}},
                "queues": [{"address": "/run/site.sock", "waiting": 3, "limit": 1024}],
                "workers": [
                    {"slot": 0, "pid": 101, "state": "busy", "running": 1, "threads": 1, "generation": 2,
                     "age_seconds": 3_700.0, "served": 1_234, "resident_bytes": 47_185_920,
                     "requests": [{"age_seconds": 12.34, "method": "GET", "path": "/a/very/long/way/that/has/no/end/at/all"}]},
                    {"slot": 1, "pid": 102, "state": "idle", "running": 0, "threads": 1, "generation": 2,
                     "age_seconds": 3_600.0, "served": 999, "resident_bytes": 47_185_920, "requests": []},
                    {"slot": 2, "pid": null, "state": "starting", "threads": 1, "generation": 3}],
                "restarts": {"total": 4, "reasons": {"died": 4},
                    "recent": [{"ago_seconds": 5.0, "pid": 99, "reason": "died", "detail": "signal SIGKILL"}]},
                "history": [{"ago_seconds": 2.0, "requests": 100}, {"ago_seconds": 1.0, "requests": 140}],
            }
        });
        let answer: Answer = serde_json::from_value(answer).unwrap();
        Picture::of(&answer).unwrap()
    }

    #[test]
    fn the_summary_says_how_the_server_is() {
        assert_eq!(
            summary(&picture(), 80, Paint(false)),
            "fcgi-run 1.2.3, pid 4711, serving, up 1d 2h\n\
             \x20 serves    mysite.wsgi in /srv/site\n\
             \x20 address   /run/site.sock\n\
             \x20 workers   3 of at most 50: 1 busy, 1 idle, 1 starting (prefork)\n\
             \x20 requests  1 234 567 served, 12 with 5xx, 1 running; 12/s in the last 10 s\n\
             \x20           median 12 ms, 90 % 40 ms, 99 % 1.5 s (since the start)\n\
             \x20 queue     3 waiting\n\
             \x20 restarts  4 in all, the last of 99 5s ago: died (signal SIGKILL)\n\
             \x20 reload    1m 1s ago, FAILED: ValueError: no\n"
        );
    }

    #[test]
    fn the_table_of_workers_keeps_its_columns() {
        assert_eq!(
            workers(&picture().status, 80, Paint(false)),
            "    PID STATE        AGE GEN    SERVED  MEMORY  REQUEST\n\
             \x20   101 busy       1h 1m   2     1 234   45 MB  12.3 s GET /a/very/long/way/th…\n\
             \x20   102 idle       1h 0m   2       999   45 MB\n\
             \x20     - starting      0s   3         0       -\n"
        );
        for line in workers(&picture().status, 80, Paint(false)).lines() {
            assert!(line.chars().count() <= 80);
        }
        assert!(workers(&picture().status, 80, Paint(true)).contains("\x1b[33mbusy    \x1b[0m"));
    }
}
