//! The last minutes as curves.

use std::fmt::Write;
use std::time::Duration;

use super::super::snapshot::Snapshot;
use super::super::words::{bytes, rate, time};
use crate::os::scoreboard::Sample;

/// A chart of some curves over the same time.
struct Chart {
    title: &'static str,
    /// What the number at the top of the scale is called.
    scale: fn(f64) -> String,
    is_bytes: bool,
    curves: Vec<Curve>,
}

struct Curve {
    name: &'static str,
    now: String,
    /// How long ago in seconds, and what it was then; the oldest first.
    points: Vec<(f64, f64)>,
}

/// All four of them.
pub(super) fn all(snapshot: &Snapshot) -> String {
    let (now, samples) = (snapshot.server.uptime, &snapshot.history[..]);
    [requests(samples, now), times(samples, now), busy(samples, now), memory(samples, now)]
        .iter()
        .map(|chart| chart.draw(window(samples, now)))
        .collect()
}

fn requests(samples: &[Sample], now: Duration) -> Chart {
    let differences = |count: fn(&Sample) -> u64| {
        let pairs = samples.windows(2);
        pairs
            .map(|pair| {
                let seconds = pair[1].at.saturating_sub(pair[0].at).as_secs_f64().max(0.001);
                (ago(&pair[1], now), number(count(&pair[1]).saturating_sub(count(&pair[0]))) / seconds)
            })
            .collect::<Vec<_>>()
    };
    let curve = |name, points: Vec<(f64, f64)>| Curve { name, now: last(&points, rate), points };
    let curves = vec![
        curve("answered", differences(|sample| sample.requests)),
        curve("failed", differences(|sample| sample.failed)),
    ];
    Chart { title: "Requests per second", scale: rate, is_bytes: false, curves }
}

fn times(samples: &[Sample], now: Duration) -> Chart {
    let curve = |name, of: fn(&Sample) -> Duration| {
        let points: Vec<_> =
            samples.iter().map(|sample| (ago(sample, now), of(sample).as_secs_f64())).collect();
        // A second without requests has no times.
        let now = points.last().filter(|(_, seconds)| *seconds > 0.0);
        let now = now.map_or_else(|| "&ndash;".to_owned(), |(_, seconds)| in_seconds(*seconds));
        Curve { name, now, points }
    };
    let curves = vec![
        curve("p50", |sample| sample.median),
        curve("p90", |sample| sample.p90),
        curve("p99", |sample| sample.p99),
    ];
    Chart { title: "Time of a request", scale: in_seconds, is_bytes: false, curves }
}

fn busy(samples: &[Sample], now: Duration) -> Chart {
    let curve = |name, of: fn(&Sample) -> u32| {
        let points: Vec<_> = samples.iter().map(|sample| (ago(sample, now), f64::from(of(sample)))).collect();
        Curve { name, now: last(&points, whole), points }
    };
    let curves = vec![
        curve("running", |sample| sample.running),
        curve("possible at once", |sample| sample.capacity),
        curve("in the listen queue", |sample| sample.queued),
    ];
    Chart { title: "Requests at once", scale: whole, is_bytes: false, curves }
}

fn memory(samples: &[Sample], now: Duration) -> Chart {
    let points: Vec<_> =
        samples.iter().map(|sample| (ago(sample, now), number(sample.resident) * 1024.0)).collect();
    Chart {
        title: "Memory of the workers",
        scale: size,
        is_bytes: true,
        curves: vec![Curve { name: "resident", now: last(&points, size), points }],
    }
}

impl Chart {
    fn draw(&self, window: f64) -> String {
        let classes = ["one", "two", "three"];
        let keys: Vec<String> = self
            .curves
            .iter()
            .zip(classes)
            .map(|(curve, class)| format!("<span class=\"{class}\">{} {}</span>", curve.name, curve.now))
            .collect();
        let head = format!(
            "<div class=\"head\"><h2>{}</h2><div class=\"key\">{}</div></div>",
            self.title,
            keys.concat()
        );
        if self.curves.iter().all(|curve| curve.points.len() < 2) {
            return format!(
                "<div class=\"card chart\">{head}<p class=\"none\">No notes have been taken yet.</p></div>"
            );
        }
        let highest = self.curves.iter().flat_map(|curve| &curve.points).map(|(_, value)| *value);
        let top = round_up(highest.fold(0.0, f64::max), self.is_bytes);
        let mut shapes = String::new();
        for y in [0.5, 50.0, 99.5] {
            let _ = write!(shapes, "<line class=\"grid\" x1=\"0\" x2=\"300\" y1=\"{y}\" y2=\"{y}\"/>");
        }
        for (curve, class) in self.curves.iter().zip(classes).rev() {
            shapes += &curve.draw(class, window, top);
        }
        format!(
            "<div class=\"card chart\">{head}<div class=\"plot\"><svg viewBox=\"0 0 300 100\" preserveAspectRatio=\"none\" \
             role=\"img\" aria-label=\"{}\">{shapes}</svg><span class=\"top\">{}</span><span class=\"mid\">{}</span></div>\
             <div class=\"axis\"><span>{window:.0} s ago</span><span>now</span></div></div>",
            self.title,
            (self.scale)(top),
            (self.scale)(top / 2.0)
        )
    }
}

impl Curve {
    fn draw(&self, class: &str, window: f64, top: f64) -> String {
        let mut line = String::new();
        let (mut first, mut end) = (None, 0.0);
        for (ago, value) in self.points.iter().filter(|(ago, _)| *ago <= window) {
            let (x, y) = (300.0 * (1.0 - ago / window), 99.5 - 99.0 * (value / top).min(1.0));
            first.get_or_insert(x);
            end = x;
            let _ = write!(line, "{x:.1},{y:.1} ");
        }
        let curve = format!("<polyline class=\"curve {class}\" points=\"{}\"/>", line.trim_end());
        match first {
            Some(first) if class == "one" => {
                format!("<polygon class=\"area\" points=\"{first:.1},100 {line}{end:.1},100\"/>{curve}")
            }
            _ => curve,
        }
    }
}

/// The seconds that are shown: from one minute to five.
fn window(samples: &[Sample], now: Duration) -> f64 {
    let oldest = samples.first().map_or(0.0, |sample| ago(sample, now));
    ((oldest / 60.0).ceil() * 60.0).clamp(60.0, 300.0)
}

/// The next number that is easy to read: 1, 2 or 5 and zeros, of KiB where bytes are meant.
fn round_up(number: f64, is_bytes: bool) -> f64 {
    if number <= 0.0 {
        return 1.0;
    }
    if is_bytes {
        return number.log2().ceil().exp2();
    }
    let ten = 10_f64.powf(number.log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|step| step * ten).find(|top| *top >= number).unwrap_or(number)
}

fn ago(sample: &Sample, now: Duration) -> f64 {
    now.saturating_sub(sample.at).as_secs_f64()
}

fn last(points: &[(f64, f64)], shown: fn(f64) -> String) -> String {
    points.last().map_or_else(|| "&ndash;".to_owned(), |(_, value)| shown(*value))
}

fn in_seconds(seconds: f64) -> String {
    time(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}

fn whole(number: f64) -> String {
    if number.fract() == 0.0 { format!("{number:.0}") } else { format!("{number:.1}") }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a size is a whole number that is not negative"
)]
fn size(number: f64) -> String {
    bytes(number as u64)
}

#[expect(clippy::cast_precision_loss, reason = "a point of a curve")]
fn number(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::round_up;

    #[test]
    fn scales_end_in_round_numbers() {
        for (number, top) in
            [(0.0, 1.0), (0.013, 0.02), (1.0, 1.0), (3.0, 5.0), (7.0, 10.0), (1020.0, 2000.0)]
        {
            assert!((round_up(number, false) - top).abs() < 1e-9, "{number}");
        }
        assert!((round_up(1500.0, true) - 2048.0).abs() < 1e-9);
    }
}
