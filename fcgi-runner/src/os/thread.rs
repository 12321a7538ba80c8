//! What a thread is called, what the kernel knows of it, and how its waits are ended.

#![expect(unsafe_code, reason = "a signal is sent to one thread here")]

use std::cell::Cell;
use std::fmt::Write as _;
use std::time::Duration;

use nix::sys::pthread::pthread_self;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

/// The calling thread, as `pthread_self()` names it: the same number as Python's `threading.get_ident()`.
pub fn ident() -> u64 {
    pthread_self() as u64
}

/// The number of the calling thread in the kernel.
pub fn number() -> i32 {
    thread_local!(static NUMBER: Cell<i32> = const { Cell::new(0) });
    match NUMBER.get() {
        0 => {
            let number = nix::unistd::gettid().as_raw();
            NUMBER.set(number);
            number
        }
        known => known,
    }
}

/// What a thread of this process does, as far as the kernel tells: its state, where it waits, which system call it is in.
pub fn activity(number: i32) -> String {
    let read = |name: &str| std::fs::read_to_string(format!("/proc/self/task/{number}/{name}")).ok();
    let state = read("stat").and_then(|stat| {
        let (_, rest) = stat.rsplit_once(')')?;
        Some(match rest.split_whitespace().next()? {
            "R" => "computes".to_owned(),
            "S" => "sleeps".to_owned(),
            "D" => "waits for a device".to_owned(),
            other => format!("is in state {other}"),
        })
    });
    let Some(mut text) = state else { return "is gone".to_owned() };
    if let Some(place) = read("wchan").filter(|place| !["", "0"].contains(&place.trim())) {
        let _ = write!(text, " in {}", place.trim());
    }
    let call = read("syscall").and_then(|call| call.split_whitespace().next()?.parse::<u32>().ok());
    if let Some(call) = call {
        let _ = write!(text, ", system call {call}");
    }
    text
}

/// The signal of [`interrupt_main`]: one that nobody else uses, as those that have names may be the application's.
pub fn interruption() -> i32 {
    libc::SIGRTMIN() + 8
}

/// Sends the main thread of this process the signal that ends its wait in the kernel, for which it must have a handler.
pub fn interrupt_main() {
    let process = nix::unistd::getpid().as_raw();
    // SAFETY: plain numbers; the main thread is there as long as the process.
    unsafe { libc::syscall(libc::SYS_tgkill, process, process, interruption()) };
}

/// What the calling thread has used so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Time on a processor.
    pub cpu: Duration,
    /// Times that it has waited for something.
    pub waits: u64,
}

impl Usage {
    /// Asks the kernel; zero where it does not say.
    pub fn now() -> Self {
        let Ok(usage) = getrusage(UsageWho::RUSAGE_THREAD) else { return Self::default() };
        let waits = u64::try_from(usage.voluntary_context_switches()).unwrap_or(0);
        Self { cpu: duration(usage.user_time()) + duration(usage.system_time()), waits }
    }
}

fn duration(time: TimeVal) -> Duration {
    let (seconds, micros) = (u64::try_from(time.tv_sec()), u64::try_from(time.tv_usec()));
    Duration::from_secs(seconds.unwrap_or(0)) + Duration::from_micros(micros.unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_found_by_its_names() {
        let (names, theirs) = std::sync::mpsc::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let sleeper = std::thread::spawn(move || {
            names.send((ident(), number())).unwrap();
            ended.recv().ok();
        });
        let (its_ident, its_number) = theirs.recv().unwrap();
        assert_ne!(its_ident, ident());
        assert_ne!(its_number, number());
        assert_eq!(number(), number());
        while !activity(its_number).starts_with("sleeps") {
            std::thread::yield_now();
        }
        drop(end);
        sleeper.join().unwrap();
        while activity(its_number) != "is gone" {
            std::thread::yield_now();
        }
    }

    #[test]
    fn tells_waiting_from_working() {
        let before = Usage::now();
        std::thread::sleep(Duration::from_millis(30));
        let waited = Usage::now();
        assert!(waited.waits > before.waits);
        assert!(waited.cpu.saturating_sub(before.cpu) < Duration::from_millis(25));
        while Usage::now().cpu <= waited.cpu {
            std::hint::black_box((0..1000).sum::<u64>());
        }
    }
}
