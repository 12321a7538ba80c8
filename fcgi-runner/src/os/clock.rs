//! The time of day in the machine's zone, for log lines, and a clock that all processes share.

#![expect(unsafe_code, reason = "the C library breaks times down here")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment in years, months, days and so on.
pub type BrokenDown = libc::tm;

/// The local calendar, and the microseconds of the second.
pub fn local_now() -> (BrokenDown, u32) {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (local(i64::try_from(since.as_secs()).unwrap_or(i64::MAX)), since.subsec_micros())
}

/// The local calendar of a moment, given in seconds since 1970.
pub fn local(seconds: i64) -> BrokenDown {
    // SAFETY: a `tm` is plain numbers and a pointer to a name that nobody reads here; zero is valid for all of them.
    let mut tm: BrokenDown = unsafe { std::mem::zeroed() };
    // SAFETY: both pointers are to locals that live through the call.
    unsafe { libc::localtime_r(&raw const seconds, &raw mut tm) };
    tm
}

/// The time since a moment that is the same for all processes of the machine: `CLOCK_MONOTONIC`.
pub fn monotonic() -> Duration {
    // The clock is there on every Linux.
    nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC).map_or(Duration::ZERO, Duration::from)
}

/// `2026-01-31 23:59:59`
pub fn written(tm: &BrokenDown) -> String {
    format!(
        "{:04}-{:02}-{:02} {:02}:{:02}:{:02}",
        tm.tm_year + 1900,
        tm.tm_mon + 1,
        tm.tm_mday,
        tm.tm_hour,
        tm.tm_min,
        tm.tm_sec
    )
}

/// The months as logs write them.
pub const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
