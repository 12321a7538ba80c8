//! A way to wake a loop from another thread.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::eventfd::{EfdFlags, EventFd};

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
