//! Forking workers, and hearing of their end.
//!
//! Before the last fork the process has no thread of ours. An interpreter that is already there is told before and after, by
//! the hooks that its owner hands in.

#![expect(unsafe_code, reason = "processes are forked here")]

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid};
use nix::unistd::{ForkResult, Pid};

use super::signals::OriginalMask;

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

/// Forks a process that is not a child of this one, but of its nearest ancestor that has adopted orphans (see
/// [`adopt_orphans`]); `true` in the new process. Who waits for news of it hears of its name through `born` before its new
/// parent can hear of its end.
///
/// # Errors
/// As for [`fork`].
pub fn fork_away(hooks: &dyn ForkHooks, born: impl FnOnce(ProcessId)) -> io::Result<bool> {
    hooks.before_fork();
    // SAFETY: as in `fork`; between the two forks nothing is done.
    match unsafe { nix::unistd::fork() } {
        // SAFETY: as above.
        Ok(ForkResult::Child) => match unsafe { nix::unistd::fork() } {
            Ok(ForkResult::Child) => {
                hooks.after_fork_child();
                Ok(true)
            }
            Ok(ForkResult::Parent { child }) => {
                born(ProcessId(child.as_raw()));
                exit_now(0)
            }
            Err(_) => exit_now(1),
        },
        Ok(ForkResult::Parent { child }) => {
            hooks.after_fork_parent();
            match wait_for(child) {
                Some(WaitStatus::Exited(_, 0)) => Ok(false),
                _ => Err(io::Error::other("it could not be forked")),
            }
        }
        Err(error) => {
            hooks.after_fork_parent();
            Err(error.into())
        }
    }
}

/// How long it may take until a process is adopted whose name is known: its parent has nothing else to do than to end.
const ADOPTION: Duration = Duration::from_millis(200);

fn wait_for(child: Pid) -> Option<WaitStatus> {
    loop {
        match waitpid(child, None) {
            Ok(status) => return Some(status),
            Err(nix::Error::EINTR) => {}
            Err(_) => return None,
        }
    }
}

/// Executes a program as a child of this process, with the signal mask that this process was started with.
///
/// # Errors
/// When it is not there, or cannot be run.
pub fn execute(command: &mut Command, mask: OriginalMask) -> io::Result<ProcessId> {
    let restore = move || {
        mask.restore();
        Ok(())
    };
    // SAFETY: the closure makes one system call, and allocates nothing.
    let child = unsafe { command.pre_exec(restore) }.spawn()?;
    Ok(ProcessId(child.id().cast_signed()))
}

/// Makes this process the parent of processes below it that lose theirs, or stops it being so.
///
/// # Errors
/// When the kernel is older than Linux 3.4.
pub fn adopt_orphans(adopt: bool) -> io::Result<()> {
    Ok(nix::sys::prctl::set_child_subreaper(adopt)?)
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

/// Waits for the end of a child.
pub fn wait_for_end(process: ProcessId) -> End {
    match wait_for(Pid::from_raw(process.0)) {
        Some(WaitStatus::Signaled(_, signal, _)) => End::Signaled(signal as i32),
        Some(WaitStatus::Exited(_, status)) => End::Exited(status),
        // Somebody else has heard of it.
        _ => End::Exited(0),
    }
}

/// Kills a child at once; one that is dead already needs nothing, and nobody else is touched.
pub fn kill_now(process: ProcessId) {
    send(process, Signal::SIGKILL);
}

/// Tells a child to end.
pub fn terminate(process: ProcessId) {
    send(process, Signal::SIGTERM);
}

/// Tells a child that is a server to end at once, with all that it has started.
pub fn quit(process: ProcessId) {
    send(process, Signal::SIGQUIT);
}

fn send(process: ProcessId, signal: Signal) {
    if is_child(process) {
        let _ = kill(Pid::from_raw(process.0), signal);
    }
}

/// Sends a child any signal; one that is dead already hears nothing, and nobody else is touched.
pub fn send_signal(process: ProcessId, signal: i32) {
    if is_child(process) {
        // SAFETY: plain numbers, and the child has not been waited for, so that nobody else has its number.
        unsafe { libc::kill(process.0, signal) };
    }
}

/// Whether a process is a child of this one; one of [`fork_away`] becomes it a moment after its name is known.
pub fn is_adopted(process: ProcessId) -> bool {
    let until = Instant::now() + ADOPTION;
    while !is_child(process) {
        if Instant::now() >= until {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// Whether a process is a child of this one, alive or not reaped.
pub fn is_child(process: ProcessId) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    process.0 > 0 && waitid(Id::Pid(Pid::from_raw(process.0)), flags).is_ok()
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
