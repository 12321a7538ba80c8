//! What the kernel knows of a thread.

use std::time::Duration;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;

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
