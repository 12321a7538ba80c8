//! The parts of the page: tiles, workers, tables.

use super::super::snapshot::{Queue, Restart, SlowRequest, Snapshot, State, Worker};
use super::super::words::{age, bytes, rate, time};
use crate::cgi::page::escaped;

/// The numbers that are looked at first.
pub(super) fn tiles(snapshot: &Snapshot) -> String {
    let Snapshot { totals, rates, latency, workers, .. } = snapshot;
    let running: u64 = workers.iter().map(|worker| u64::from(worker.running)).sum();
    let capacity: u64 = workers.iter().map(|worker| u64::from(worker.threads)).sum();
    let resident: u64 = workers.iter().map(|worker| worker.resident).sum();
    let waiting: u64 = snapshot.queues.iter().filter_map(|queue| queue.waiting).map(u64::from).sum();
    let limit: u64 = snapshot.queues.iter().filter_map(|queue| queue.limit).map(u64::from).sum();
    let per_second = |index: usize| rates[index].requests.map_or_else(|| "&ndash;".to_owned(), rate);
    let quantile = latency.minute.map_or_else(|| "&ndash;".to_owned(), |minute| time(minute.p50));
    let tail = latency.minute.map_or_else(
        || if totals.requests == 0 { "no request yet" } else { "no request in the last minute" }.to_owned(),
        |minute| {
            format!("p90&nbsp;{} &middot; p99&nbsp;{}", whole(&time(minute.p90)), whole(&time(minute.p99)))
        },
    );
    let failed = totals.statuses[5];
    let mut others = vec![format!("of {} requests", totals.requests)];
    let counts = [(totals.late, "late"), (totals.timed_out, "timed out"), (totals.refused, "refused")];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    others.extend(counts.map(|(count, word)| format!("{count} {word}")));
    let states =
        State::ALL.map(|state| (state, workers.iter().filter(|worker| worker.state == state).count()));
    let states: Vec<String> = states
        .into_iter()
        .filter(|(state, count)| *count > 0 && matches!(state, State::Starting | State::Leaving))
        .map(|(state, count)| format!("{count} {}", state.word()))
        .collect();
    let plural = if workers.len() == 1 { "" } else { "s" };
    let mut house = vec![format!("{} worker{plural}", workers.len())];
    house.extend(states);
    [
        tile(
            "Requests per second",
            &per_second(1),
            "",
            &format!("{}/s in the last minute", per_second(2)),
            false,
        ),
        tile("Median time", &quantile, "", &tail, false),
        tile(
            "Busy",
            &running.to_string(),
            &format!("of {capacity}"),
            &house.join(", "),
            capacity > 0 && running >= capacity,
        ),
        tile("Listen queue", &waiting.to_string(), &format!("of {limit}"), &listeners(snapshot), waiting > 0),
        tile("Memory", &bytes(resident), "", "resident, all workers", false),
        tile(
            "Failed (5xx)",
            &failed.to_string(),
            "",
            &others.join(" &middot; "),
            rates[1].failed.is_some_and(|failed| failed > 0.0),
        ),
    ]
    .concat()
}

/// A number is not parted from its unit.
fn whole(text: &str) -> String {
    text.replace(' ', "&nbsp;")
}

fn listeners(snapshot: &Snapshot) -> String {
    let is_one = snapshot.queues.len() == 1;
    let line = |queue: &Queue| match queue.waiting {
        Some(waiting) if waiting > 0 && !is_one => format!("{}: <b>{waiting}</b>", escaped(&queue.address)),
        _ => escaped(&queue.address),
    };
    let lines: Vec<String> = snapshot.queues.iter().map(line).collect();
    lines.join("<br>")
}

fn tile(name: &str, value: &str, unit: &str, note: &str, is_bad: bool) -> String {
    let class = if is_bad { "card tile bad" } else { "card tile" };
    let unit = if unit.is_empty() { String::new() } else { format!("<small>{unit}</small>") };
    format!(
        "<div class=\"{class}\"><div class=\"name\">{name}</div><div class=\"value\">{value}{unit}</div>\
         <div class=\"note\">{note}</div></div>"
    )
}

/// A box for each worker.
pub(super) fn workers(snapshot: &Snapshot) -> String {
    let legend: Vec<String> = State::ALL
        .iter()
        .map(|state| {
            let count = snapshot.workers.iter().filter(|worker| worker.state == *state).count();
            format!("<span><i class=\"{word}\"></i>{count} {word}</span>", word = state.word())
        })
        .collect();
    let legend = legend.concat();
    let boxes: Vec<String> = snapshot.workers.iter().map(worker).collect();
    let boxes = boxes.concat();
    let content = if boxes.is_empty() {
        let next = if snapshot.server.on_demand { " The next request starts one." } else { "" };
        format!("<p class=\"none\">There is no worker now.{next}</p>")
    } else {
        format!("<div class=\"workers\">{boxes}</div>")
    };
    format!("<div class=\"head\"><h2>Workers</h2><div class=\"legend\">{legend}</div></div>{content}")
}

fn worker(worker: &Worker) -> String {
    let state = worker.state.word();
    let busy = if worker.threads > 1 && worker.running > 0 {
        format!("{state} {}/{}", worker.running, worker.threads)
    } else {
        state.to_owned()
    };
    let mut about = vec![format!("{} served", worker.served)];
    if worker.resident > 0 {
        about.push(bytes(worker.resident));
    }
    about.push(age(worker.age));
    if worker.generation > 0 {
        about.push(format!("reload {}", worker.generation));
    }
    let requests: Vec<String> = worker
        .requests
        .iter()
        .take(SHOWN)
        .map(|request| {
            let class = if request.age.as_secs() > 0 { "request old" } else { "request" };
            let text = format!("{} {}", escaped(&request.method), escaped(&request.path));
            format!("<div class=\"{class}\" title=\"{text}\"><b>{}</b> {text}</div>", time(request.age))
        })
        .collect();
    let requests = requests.concat();
    let others = worker.requests.len().saturating_sub(SHOWN);
    let more =
        if others > 0 { format!("<div class=\"about\">and {others} more</div>") } else { String::new() };
    format!(
        "<div class=\"worker {state}\"><div class=\"who\"><span class=\"pid\">{}</span>\
         <span class=\"state\">{busy}</span></div><div class=\"about\">{}</div>{requests}{more}</div>",
        if worker.pid > 0 { worker.pid.to_string() } else { "new".to_owned() },
        about.iter().map(|part| whole(part)).collect::<Vec<_>>().join(" &middot; ")
    )
}

/// What was slow, and which workers have ended.
pub(super) fn past(snapshot: &Snapshot) -> String {
    let slow: Vec<_> = snapshot.slow.iter().take(ROWS).map(slow).collect();
    let restarts: Vec<_> = snapshot.restarts.iter().take(ROWS).map(restart).collect();
    let chips: Vec<String> = snapshot
        .totals
        .restarts
        .iter()
        .map(|(reason, count)| format!("<span class=\"chip\"><b>{count}</b> {}</span>", escaped(reason)))
        .collect();
    let chips = if chips.is_empty() {
        String::new()
    } else {
        format!("<div class=\"chips\">{}</div>", chips.concat())
    };
    format!(
        "<div class=\"card\"><h2>Slow requests</h2>{}</div><div class=\"card\"><h2>Workers that have ended</h2>{chips}{}</div>",
        table(&slow, "No request was slow."),
        table(&restarts, "No worker has ended.")
    )
}

type Cells = Vec<(&'static str, &'static str, String)>;

fn slow(slow: &SlowRequest) -> Cells {
    let status = match slow.status {
        0 => "&ndash;".to_owned(),
        500..600 => format!("<span class=\"status-5\">{}</span>", slow.status),
        status => status.to_string(),
    };
    vec![
        ("When", "", format!("{} ago", age(slow.ago))),
        ("Took", "number", time(slow.took)),
        ("Status", "number", status),
        ("Request", "wide", format!("{} {}", escaped(&slow.method), escaped(&slow.path))),
        ("Pid", "number", slow.pid.to_string()),
    ]
}

fn restart(restart: &Restart) -> Cells {
    let reason = match &restart.detail[..] {
        "" => escaped(&restart.reason),
        detail => format!("<b>{}</b>: {}", escaped(&restart.reason), escaped(detail)),
    };
    vec![
        ("When", "", format!("{} ago", age(restart.ago))),
        ("Pid", "number", restart.pid.to_string()),
        ("Reason", "wide", reason),
        ("Age", "", age(restart.age)),
        ("Served", "number", restart.served.to_string()),
    ]
}

fn table(rows: &[Cells], nothing: &str) -> String {
    let Some(first) = rows.first() else { return format!("<p class=\"none\">{nothing}</p>") };
    let heads: Vec<String> =
        first.iter().map(|(name, class, _)| format!("<th class=\"{class}\">{name}</th>")).collect();
    let body: Vec<String> = rows
        .iter()
        .map(|row| {
            let cells: Vec<String> = row
                .iter()
                .map(|(name, class, text)| format!("<td class=\"{class}\" data-name=\"{name}\">{text}</td>"))
                .collect();
            format!("<tr>{}</tr>", cells.concat())
        })
        .collect();
    format!("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", heads.concat(), body.concat())
}

/// Rows of a table.
const ROWS: usize = 16;

/// Requests of one worker that are shown.
const SHOWN: usize = 6;
