//! Forking workers, and hearing of their end.
//!
//! Before the last fork the process has no thread of ours. An interpreter that is already there is told before and after, by
//! the hooks that its owner hands in.

#![expect(unsafe_code, reason = "processes are forked here")]

use std::io;

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid};

/// A process of ours.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ProcessId(pub i32);

/// What an interpreter in this process wants to hear around a fork.
pub trait ForkHooks {
    /// Called before the fork.
    fn before_fork(&self) {}
    /// Called after the fork in the process that forked.
    fn after_fork_parent(&self) {}
    /// Called after the fork in the new process.
    fn after_fork_child(&self) {}
}

/// Which side of a fork this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    Parent(ProcessId),
    Child,
}

/// Forks.
///
/// # Errors
/// When the machine or the user is out of processes or memory.
pub fn fork(hooks: &dyn ForkHooks) -> io::Result<Side> {
    hooks.before_fork();
    // SAFETY: this process has one thread (the master never starts another), and an interpreter in it was told.
    let side = unsafe { nix::unistd::fork() };
    match side {
        Ok(ForkResult::Child) => {
            hooks.after_fork_child();
            Ok(Side::Child)
        }
        Ok(ForkResult::Parent { child }) => {
            hooks.after_fork_parent();
            Ok(Side::Parent(ProcessId(child.as_raw())))
        }
        Err(error) => {
            hooks.after_fork_parent();
            Err(error.into())
        }
    }
}

/// How a child ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Exited(i32),
    Signaled(i32),
}

impl std::fmt::Display for End {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Self::Exited(status) => write!(formatter, "exit status {status}"),
            Self::Signaled(number) => match Signal::try_from(number) {
                Ok(signal) => write!(formatter, "signal {signal}"),
                Err(_) => write!(formatter, "signal {number}"),
            },
        }
    }
}

/// Takes the next dead child, if there is one.
pub fn reap() -> Option<(ProcessId, End)> {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, status)) => {
                return Some((ProcessId(pid.as_raw()), End::Exited(status)));
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((ProcessId(pid.as_raw()), End::Signaled(signal as i32)));
            }
            Ok(WaitStatus::StillAlive) => return None,
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Kills a process at once; one that is dead already needs nothing.
pub fn kill_now(process: ProcessId) {
    let _ = kill(Pid::from_raw(process.0), Signal::SIGKILL);
}

/// This process.
pub fn current() -> ProcessId {
    ProcessId(Pid::this().as_raw())
}

/// Ends this process without running anything that was registered for its end: in a forked child, that belongs to the
/// parent.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: `_exit` only ends the process.
    unsafe { libc::_exit(status) }
}
