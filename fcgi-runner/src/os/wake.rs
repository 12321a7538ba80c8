//! A way to wake a loop from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::time::TimeSpec;

/// An `eventfd` that a loop waits on.
#[derive(Debug)]
pub struct Wake {
    event: EventFd,
}

impl Wake {
    /// Opens it.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { event: EventFd::from_flags(EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC)? })
    }

    /// Wakes the loop.
    pub fn wake(&self) {
        // A counter that is full wakes it as well.
        let _ = self.event.write(1);
    }

    /// Waits until it is woken, one of `writers` takes more or is gone, or `timeout` is over (`None`: for ever). It is quiet
    /// afterwards.
    pub fn wait_beside<'fd>(
        &self,
        writers: impl Iterator<Item = BorrowedFd<'fd>>,
        timeout: Option<Duration>,
    ) {
        let mut fds = vec![PollFd::new(self.as_fd(), PollFlags::POLLIN)];
        fds.extend(writers.map(|fd| PollFd::new(fd, PollFlags::POLLOUT)));
        // A signal ends it early, which harms nobody.
        let _ = ppoll(&mut fds, timeout.map(TimeSpec::from), None);
        if fds[0].any().unwrap_or_default() {
            self.clear();
        }
    }

    /// Makes it quiet again.
    pub fn clear(&self) {
        let _ = self.event.read();
    }
}

impl AsFd for Wake {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
