//! Numbers as people read them.

use std::time::{Duration, SystemTime};

use crate::os::clock;

/// A time that something took: `850 us`, `12.3 ms`, `4.20 s`.
pub fn time(time: Duration) -> String {
    let micros = time.as_micros();
    match micros {
        0..1000 => format!("{micros} us"),
        1000..10_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{:.0} ms", time.as_secs_f64() * 1e3),
        1_000_000..100_000_000 => format!("{:.2} s", time.as_secs_f64()),
        _ => age(time),
    }
}

/// How long ago something was: `12 s`, `3 min`, `5 h 12 min`, `9 d 3 h`.
pub fn age(time: Duration) -> String {
    let seconds = time.as_secs();
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
    match seconds {
        0..120 => format!("{seconds} s"),
        120..3600 => format!("{minutes} min"),
        3600..86400 => format!("{hours} h {} min", minutes % 60),
        _ => format!("{days} d {} h", hours % 24),
    }
}

/// A size: `512 B`, `12.3 MiB`.
pub fn bytes(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "three digits of it are shown")]
    let mut size = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if size < 1024.0 {
            let digits = usize::from(unit != "B" && size < 100.0);
            return format!("{size:.digits$} {unit}");
        }
        size /= 1024.0;
    }
    format!("{size:.1} TiB")
}

/// Something a second: `0`, `3.2`, `1520`.
pub fn rate(number: f64) -> String {
    let digits = usize::from(number > 0.0 && number < 100.0);
    format!("{number:.digits$}")
}

/// A moment in the machine's zone: `2026-11-21 21:45:08`.
pub fn moment(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    clock::written(&clock::local(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let times = [850, 1500, 12_300, 999_999, 4_200_000, 200_000_000].map(Duration::from_micros);
        assert_eq!(times.map(time), ["850 us", "1.5 ms", "12 ms", "1000 ms", "4.20 s", "3 min"]);
        let ages = [0, 61, 3600 * 5 + 720, 86400 * 9 + 3 * 3600].map(Duration::from_secs);
        assert_eq!(ages.map(age), ["0 s", "61 s", "5 h 12 min", "9 d 3 h"]);
        assert_eq!(
            [0, 1023, 1536, 200 << 20, 3 << 40].map(bytes),
            ["0 B", "1023 B", "1.5 KiB", "200 MiB", "3.0 TiB"]
        );
        assert_eq!([0.0, 3.21, 1520.4].map(rate), ["0", "3.2", "1520"]);
    }
}
