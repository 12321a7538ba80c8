//! What `/proc` says of processes.

use std::fs;
use std::time::Duration;

use nix::unistd::{SysconfVar, sysconf};

use crate::wait::until;

/// A living process, seen from outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Process {
    pub pid: i32,
    pub parent: i32,
    pub session: i32,
}

/// Looks at a process; `None` when it is gone or only waits to be reaped.
pub fn look(pid: i32) -> Option<Process> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in brackets may hold anything; fields are counted behind it: state, parent, group, session.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let mut number = || fields.next()?.parse().ok();
    let (parent, _group, session) = (number()?, number()?, number()?);
    (!matches!(state, "Z" | "X")).then_some(Process { pid, parent, session })
}

/// All living processes.
pub fn all() -> Vec<Process> {
    let numbers =
        fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter_map(look).collect()
}

/// The living children of a process, in order.
pub fn children(parent: i32) -> Vec<i32> {
    let mut found: Vec<i32> =
        all().into_iter().filter(|process| process.parent == parent).map(|process| process.pid).collect();
    found.sort_unstable();
    found
}

/// Whether a process is one of which workers are forked.
pub fn is_nursery(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "fcgi-nursery")
}

/// Whether a process is the one that tells how the server is doing.
pub fn is_status(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "fcgi-status")
}

/// The living processes that were started with this `NAME=value` in their environment, whatever became of their parents
/// and sessions.
pub fn marked(mark: &str) -> Vec<i32> {
    let is_marked = |pid: i32| {
        fs::read(format!("/proc/{pid}/environ"))
            .is_ok_and(|environ| environ.split(|byte| *byte == 0).any(|entry| entry == mark.as_bytes()))
    };
    all().into_iter().map(|process| process.pid).filter(|pid| is_marked(*pid)).collect()
}

/// How many threads a process has.
pub fn threads(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/task")).map_or(0, Iterator::count)
}

/// The signals that wait for a process to hear them, a bit each.
pub fn pending_signals(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let pending = text.lines().find_map(|line| line.strip_prefix("ShdPnd:"));
    pending.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

/// The most memory that a process has held, in bytes.
pub fn peak_of_memory(pid: i32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) * 1024
}

/// The processor time that a process has used.
pub fn cpu_time(pid: i32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = text.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    // Of the program and of the kernel for it: the 14th and 15th field, of which two stand before the bracket.
    let ticks: u64 = fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    let per_second = sysconf(SysconfVar::CLK_TCK).ok().flatten().and_then(|ticks| u64::try_from(ticks).ok());
    Duration::from_millis(ticks * 1000 / per_second.unwrap_or(100))
}

/// Waits until a process has nothing to do, or can do nothing.
pub fn wait_for_rest(pid: i32) {
    let (mut used, mut looks) = (Duration::ZERO, 0);
    until("the process rests", || {
        let now = cpu_time(pid);
        looks = if now == used { looks + 1 } else { 0 };
        used = now;
        looks == 10
    });
}

/// What the descriptors of a process are, as the kernel names them.
pub fn open_files(pid: i32) -> Vec<String> {
    let Ok(entries) = fs::read_dir(format!("/proc/{pid}/fd")) else { return Vec::new() };
    let links = entries.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.map(|link| link.to_string_lossy().into_owned()).collect()
}
