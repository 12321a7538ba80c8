//! A snapshot for people at a terminal, one thing a line, as php-fpm shows its own.

use std::fmt::Write;

use super::snapshot::{Quantiles, Snapshot, Worker};
use super::words::{age, bytes, moment, rate, time};

/// Everything in a snapshot but its history.
pub(super) fn to_text(snapshot: &Snapshot) -> String {
    let mut page = String::with_capacity(4096);
    for (name, value) in facts(snapshot) {
        line(&mut page, format_args!("{:<22}{value}", format!("{name}:")));
    }
    workers(&mut page, snapshot);
    if !snapshot.slow.is_empty() {
        let rows = snapshot.slow.iter().map(|slow| {
            [
                format!("{} ago", age(slow.ago)),
                time(slow.took),
                status(slow.status),
                slow.pid.to_string(),
                slow.method.clone(),
                slow.path.clone(),
            ]
        });
        table(
            &mut page,
            "slow requests",
            ["when", "took", "status", "pid", "method", "path"],
            rows.collect(),
        );
    }
    if !snapshot.restarts.is_empty() {
        let rows = snapshot.restarts.iter().map(|restart| {
            [
                format!("{} ago", age(restart.ago)),
                restart.pid.to_string(),
                age(restart.age),
                restart.served.to_string(),
                restart.reason.clone(),
                restart.detail.clone(),
            ]
        });
        table(
            &mut page,
            "ends of workers",
            ["when", "pid", "age", "served", "reason", "how"],
            rows.collect(),
        );
    }
    page
}

fn facts(snapshot: &Snapshot) -> Vec<(String, String)> {
    let Snapshot { server, totals, rates, latency, workers, .. } = snapshot;
    let [none, informational, success, redirection, client, failure] = totals.statuses;
    let running: u64 = workers.iter().map(|worker| u64::from(worker.running)).sum();
    let capacity: u64 = workers.iter().map(|worker| u64::from(worker.threads)).sum();
    let resident: u64 = workers.iter().map(|worker| worker.resident).sum();
    let mut facts: Vec<(String, String)> = Vec::new();
    let mut say = |name: &str, value: String| facts.push((name.to_owned(), value));
    say("app", server.app.clone());
    say("version", server.version.to_owned());
    say("method", server.method.to_owned());
    say("pid", server.pid.to_string());
    say("start time", moment(server.started));
    say("uptime", age(server.uptime));
    say("requests", totals.requests.to_string());
    for known in rates {
        if let Some(requests) = known.requests {
            say(&format!("requests/s in {} s", known.window), rate(requests));
        }
    }
    say("1xx 2xx 3xx 4xx 5xx", format!("{informational} {success} {redirection} {client} {failure}"));
    say("without status", none.to_string());
    say("refused", totals.refused.to_string());
    say("late", totals.late.to_string());
    say("timed out", totals.timed_out.to_string());
    say("sent", format!("{} ({})", totals.sent, bytes(totals.sent)));
    say("p50 p90 p99 max", latency.all.map_or_else(|| "-".to_owned(), quantiles));
    say("in the last minute", latency.minute.map_or_else(|| "-".to_owned(), quantiles));
    for queue in &snapshot.queues {
        say("listens on", queue.address.clone());
        let known = |number: Option<u32>| number.map_or_else(|| "unknown".to_owned(), |n| n.to_string());
        say("listen queue", format!("{} of {}", known(queue.waiting), known(queue.limit)));
    }
    say("workers", workers.len().to_string());
    say("busy threads", format!("{running} of {capacity}"));
    say("resident memory", bytes(resident));
    let ends: Vec<String> =
        totals.restarts.iter().map(|(reason, count)| format!("{reason} {count}")).collect();
    say("ends of workers", if ends.is_empty() { "none".to_owned() } else { ends.join(", ") });
    facts
}

fn quantiles(quantiles: Quantiles) -> String {
    [quantiles.p50, quantiles.p90, quantiles.p99, quantiles.max].map(time).join("  ")
}

fn workers(page: &mut String, snapshot: &Snapshot) {
    let row = |worker: &Worker| {
        let now = worker.requests.first();
        let others = worker.requests.len().saturating_sub(1);
        let more = if others > 0 { format!(" (and {others} more)") } else { String::new() };
        [
            worker.slot.to_string(),
            worker.pid.to_string(),
            worker.state.word().to_owned(),
            format!("{}/{}", worker.running, worker.threads),
            worker.generation.to_string(),
            age(worker.age),
            worker.served.to_string(),
            bytes(worker.resident),
            now.map_or_else(String::new, |request| {
                format!("{} {} {}{more}", time(request.age), request.method, request.path)
            }),
        ]
    };
    let heads = ["slot", "pid", "state", "busy", "gen", "age", "served", "memory", "request"];
    table(page, "workers", heads, snapshot.workers.iter().map(row).collect());
}

/// Columns as wide as they have to be; the last one is not filled up.
fn table<const N: usize>(page: &mut String, title: &str, heads: [&str; N], rows: Vec<[String; N]>) {
    line(page, format_args!("\n{title}"));
    let mut all = vec![heads.map(str::to_owned)];
    all.extend(rows);
    let width = |column: usize| all.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    for row in all {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        let text = cells.collect::<Vec<_>>().join("  ");
        line(page, format_args!("{}", text.trim_end()));
    }
}

fn status(status: u16) -> String {
    if status == 0 { "-".to_owned() } else { status.to_string() }
}

fn line(page: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a text never fails.
    let _ = writeln!(page, "{text}");
}

#[cfg(test)]
mod tests {
    use super::super::tests::House;
    use super::to_text;

    #[test]
    fn everything_stands_in_columns() {
        let house = House::new();
        let text = to_text(&house.snapshot());
        assert!(text.starts_with("app:                  web:application\n"), "{text}");
        assert!(text.contains("\nlisten queue:         0 of "), "{text}");
        let (_, table) = text.split_once("\nworkers\n").unwrap();
        let lines: Vec<&str> = table.lines().take(4).collect();
        let column = lines[0].find("state").unwrap();
        for (line, state) in lines[1..].iter().zip(["idle", "idle", "leaving"]) {
            assert!(line[column..].starts_with(state), "{text}");
        }
    }
}
