//! Numbers as people read them, and columns.

use crate::messages::plain;

/// Colours, where they are wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Paint(pub(super) bool);

impl Paint {
    /// The text in a colour of `console_codes(4)`.
    pub(super) fn colour(self, code: u8, text: &str) -> String {
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    /// A worker's or the server's state.
    pub(super) fn state(self, state: &str, padded: &str) -> String {
        match state {
            "busy" => self.colour(33, padded),
            "starting" | "reloading" => self.colour(36, padded),
            "leaving" | "stopping" => self.colour(35, padded),
            "serving" | "idle" => self.colour(32, padded),
            _ => padded.to_owned(),
        }
    }
}

/// A whole number of seconds as an age: `3d 4h`.
pub(super) fn age(seconds: f64) -> String {
    let seconds = whole(seconds);
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if minutes == 0 => format!("{seconds}s"),
        () if hours == 0 => format!("{minutes}m {}s", seconds % 60),
        () if days == 0 => format!("{hours}h {}m", minutes % 60),
        () => format!("{days}d {}h", hours % 24),
    }
}

/// How long something took: `12 ms`.
pub(super) fn time(seconds: f64) -> String {
    match seconds {
        seconds if seconds >= 100.0 => age(seconds),
        seconds if seconds >= 1.0 => format!("{seconds:.1} s"),
        seconds if seconds >= 0.01 => format!("{:.0} ms", seconds * 1e3),
        seconds => format!("{:.1} ms", seconds * 1e3),
    }
}

/// Bytes: `45 MB`.
pub(super) fn bytes(bytes: u64) -> String {
    match bytes {
        bytes if bytes >= 10 << 30 => format!("{} GB", bytes >> 30),
        bytes if bytes >= 1 << 20 => format!("{} MB", bytes >> 20),
        bytes => format!("{} kB", bytes >> 10),
    }
}

/// A number with its thousands apart.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

/// Something a second.
pub(super) fn rate(rate: f64) -> String {
    if rate < 10.0 { format!("{rate:.1}") } else { format!("{rate:.0}") }
}

/// At most so many characters, on one line, of text that may hold anything.
pub(super) fn cut(text: &str, width: usize) -> String {
    let text = plain::line(&text.replace('\n', " "));
    if text.chars().count() <= width {
        return text;
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an age, and not below zero")]
fn whole(seconds: f64) -> u64 {
    seconds.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let ages = [0.4, 59.9, 61.0, 3600.0, 90_061.0, -1.0].map(age);
        assert_eq!(ages, ["0s", "59s", "1m 1s", "1h 0m", "1d 1h", "0s"]);
        assert_eq!([0.000_21, 0.0123, 1.26, 250.0].map(time), ["0.2 ms", "12 ms", "1.3 s", "4m 10s"]);
        assert_eq!([0, 2048, 5 << 20, 12 << 30].map(bytes), ["0 kB", "2 kB", "5 MB", "12 GB"]);
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1 000", "1 234 567"]);
        assert_eq!([0.0, 9.94, 10.4].map(rate), ["0.0", "9.9", "10"]);
        assert_eq!(cut("a\x1b[2J\nb", 20), "a\\u{1b}[2J b");
        assert_eq!(cut("abcdef", 4), "abc…");
    }

    #[test]
    fn colours_are_left_out_where_nobody_wants_them() {
        assert_eq!(Paint(false).state("busy", "busy "), "busy ");
        assert_eq!(Paint(true).state("busy", "busy "), "\x1b[33mbusy \x1b[0m");
    }
}
