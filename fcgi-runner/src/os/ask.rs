//! How the master asks a worker where its threads are, also when all of these are busy: by a signal, which the worker's warden
//! hears on a descriptor. The answer comes over the line ([`super::channel::Report::Stacks`]).

use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use super::fork::{self, ProcessId};

/// The worker's ear; questions are heard as long as it lives.
#[derive(Debug)]
pub struct Ear {
    heard: UnixStream,
    registered: signal_hook::SigId,
}

impl Ear {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn open() -> io::Result<Self> {
        let (heard, ringer) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        ringer.set_nonblocking(true)?;
        let registered = signal_hook::low_level::pipe::register(question(), ringer)?;
        Ok(Self { heard, registered })
    }

    /// Whether somebody has asked since the last time.
    pub fn take(&self) -> bool {
        let mut bytes = [0; 64];
        let mut any = false;
        while (&self.heard).read(&mut bytes).is_ok_and(|count| count > 0) {
            any = true;
        }
        any
    }
}

impl AsFd for Ear {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.heard.as_fd()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        signal_hook::low_level::unregister(self.registered);
    }
}

/// Asks a worker that has said that it serves; one that starts still has no ear, and the signal would end it.
pub fn ask(worker: ProcessId) {
    fork::send_signal(worker, question());
}

/// A signal that nobody else uses: not one of those that have names, which belong to the application.
fn question() -> i32 {
    libc::SIGRTMIN() + 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::socket;
    use std::time::Duration;

    #[test]
    fn a_question_is_heard_once() {
        let ear = Ear::open().unwrap();
        assert!(!ear.take());
        nix::sys::signal::Signal::iterator().for_each(|named| assert_ne!(named as i32, question()));
        signal_hook::low_level::raise(question()).unwrap();
        signal_hook::low_level::raise(question()).unwrap();
        socket::wait(ear.as_fd(), true, false, Duration::from_secs(30)).unwrap();
        assert!(ear.take());
    }
}
