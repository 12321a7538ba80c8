//! A snapshot in the `OpenMetrics` text format, for Prometheus and its kin.
//!
//! Source: `OpenMetrics` 1.0.0. Buckets of the histogram end where those on the board do, so that no request is counted in the
//! wrong one.

use std::fmt::Write;
use std::time::Duration;

use super::json::unix;
use super::snapshot::{Snapshot, State};

/// Everything in a snapshot that is worth to be kept over time.
pub(super) fn to_openmetrics(snapshot: &Snapshot) -> String {
    let mut page = Page(String::with_capacity(8192));
    server(&mut page, snapshot);
    requests(&mut page, snapshot);
    durations(&mut page, snapshot);
    house(&mut page, snapshot);
    page.0.push_str("# EOF\n");
    page.0
}

/// The media type.
pub(super) const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        self.line(format_args!("# TYPE fcgi_run_{name} {kind}"));
        if !unit.is_empty() {
            self.line(format_args!("# UNIT fcgi_run_{name} {unit}"));
        }
        self.line(format_args!("# HELP fcgi_run_{name} {help}"));
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> =
            labels.iter().map(|(label, text)| format!("{label}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        self.line(format_args!("fcgi_run_{name}{labels} {value}"));
    }

    /// A number without labels, with all that is to be said about it.
    fn single(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, kind, "", help);
        let suffix = if kind == "counter" { "_total" } else { "" };
        self.sample(&format!("{name}{suffix}"), &[], value);
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a text never fails.
        let _ = writeln!(self.0, "{text}");
    }
}

fn server(page: &mut Page, snapshot: &Snapshot) {
    let server = &snapshot.server;
    page.family("build", "info", "", "The server and its application.");
    let labels = [("app", &*server.app), ("method", server.method), ("version", server.version)];
    page.sample("build_info", &labels, 1);
    page.family("start_time_seconds", "gauge", "seconds", "When the server was started, since 1970.");
    page.sample("start_time_seconds", &[], unix(server.started));
}

fn requests(page: &mut Page, snapshot: &Snapshot) {
    let totals = &snapshot.totals;
    page.family("requests", "counter", "", "Requests that are over, by the class of their status.");
    let classes = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
    for (class, count) in classes.into_iter().zip(totals.statuses) {
        page.sample("requests_total", &[("status", class)], count);
    }
    let refused = "Requests that were not given to the application because something was wrong with them.";
    page.single("requests_refused", "counter", refused, totals.refused);
    let late = "Requests that had waited for longer than queuetimeout.";
    page.single("requests_late", "counter", late, totals.late);
    page.single("requests_timed_out", "counter", "Requests that ran for too long.", totals.timed_out);
    let running: u64 = snapshot.workers.iter().map(|worker| u64::from(worker.running)).sum();
    page.single("requests_running", "gauge", "Requests that run now.", running);
    page.family("sent_bytes", "counter", "bytes", "Bodies of answers.");
    page.sample("sent_bytes_total", &[], totals.sent);
}

fn durations(page: &mut Page, snapshot: &Snapshot) {
    let name = "request_duration_seconds";
    page.family(name, "histogram", "seconds", "Time of a request from its arrival to its end.");
    let counted = &snapshot.latency.counted;
    for doubling in BUCKETS {
        let end = Duration::from_micros(1 << doubling);
        let label = end.as_secs_f64().to_string();
        page.sample(&format!("{name}_bucket"), &[("le", &label)], counted.within(end));
    }
    page.sample(&format!("{name}_bucket"), &[("le", "+Inf")], counted.total());
    page.sample(&format!("{name}_count"), &[], counted.total());
    page.sample(&format!("{name}_sum"), &[], snapshot.latency.time.as_secs_f64());
}

fn house(page: &mut Page, snapshot: &Snapshot) {
    let workers = &snapshot.workers;
    page.family("workers", "gauge", "", "Workers, by what they do.");
    for state in State::ALL {
        let count = workers.iter().filter(|worker| worker.state == state).count();
        page.sample("workers", &[("state", state.word())], count);
    }
    let capacity: u64 = workers.iter().map(|worker| u64::from(worker.threads)).sum();
    page.single("threads", "gauge", "Requests that could run at once in the workers there are.", capacity);
    let resident = "Memory that a worker has at hand, with what it shares.";
    page.family("worker_resident_bytes", "gauge", "bytes", resident);
    for worker in workers.iter().filter(|worker| worker.resident > 0) {
        let slot = worker.slot.to_string();
        page.sample("worker_resident_bytes", &[("slot", &slot)], worker.resident);
    }
    page.family("worker_restarts", "counter", "", "Ends of workers, by their reasons.");
    for (reason, count) in &snapshot.totals.restarts {
        page.sample("worker_restarts_total", &[("reason", reason)], count);
    }
    page.family("listen_queue", "gauge", "", "Connections that wait to be accepted.");
    for queue in &snapshot.queues {
        if let Some(waiting) = queue.waiting {
            page.sample("listen_queue", &[("address", &queue.address)], waiting);
        }
    }
    page.family("listen_queue_limit", "gauge", "", "Connections that may wait to be accepted.");
    for queue in &snapshot.queues {
        if let Some(limit) = queue.limit {
            page.sample("listen_queue_limit", &[("address", &queue.address)], limit);
        }
    }
}

/// The value of a label.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Powers of two, in microseconds: from 0.13 ms to 134 s.
const BUCKETS: std::ops::RangeInclusive<u32> = 7..=27;
