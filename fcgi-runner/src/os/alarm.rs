//! A clock that a loop waits for beside everything else: `timerfd_create(2)`.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// An alarm that rings once after it was set.
///
/// A time limit given to each wait costs a timer in the kernel each time, which is dear on virtual machines; this one is set
/// once for many waits.
#[derive(Debug)]
pub struct Alarm {
    timer: TimerFd,
    is_set: bool,
}

impl Alarm {
    /// Makes an alarm that is not set.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self { timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?, is_set: false })
    }

    /// Lets it ring after `time`, unless it was set before.
    pub fn set(&mut self, time: Duration) {
        let once = Expiration::OneShot(TimeSpec::from_duration(time));
        self.is_set = self.is_set || self.timer.set(once, TimerSetTimeFlags::empty()).is_ok();
    }

    /// Makes it quiet after it has rung.
    pub fn clear(&mut self) {
        // A timer that is not set is quiet.
        let _ = self.timer.unset();
        self.is_set = false;
    }
}

impl AsFd for Alarm {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::poller::{Poller, ReadyList};

    #[test]
    fn rings_once_for_each_time_it_is_set() {
        let (poller, mut alarm, mut ready) =
            (Poller::new().unwrap(), Alarm::new().unwrap(), ReadyList::new(1));
        poller.watch(&alarm, 1).unwrap();
        for _ in 0..2 {
            alarm.set(Duration::from_millis(1));
            alarm.set(Duration::from_secs(3600));
            poller.wait(&mut ready, None).unwrap();
            alarm.clear();
            poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
            assert_eq!(ready.iter().count(), 0);
        }
    }
}
