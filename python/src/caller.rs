//! What the server changes in a process, and the program that called it wants to find as it was.
//!
//! A script goes on when its server has ended: it may start the next one (the loop around flup's `run()`), or end in its own
//! way, where Ctrl-C has to be Python's business again. The logs stay where they are: that was asked for.

#![expect(unsafe_code, reason = "signal actions, umask and descriptor 0 are put back here")]

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::PathBuf;

use fcgi_runner::os::{listener, stdio};

/// The state of the process at the call; it comes back when this is dropped.
pub(crate) struct Caller {
    actions: Vec<(i32, libc::sigaction)>,
    umask: libc::mode_t,
    folder: Option<PathBuf>,
    /// The socket that a web server has put on descriptor 0.
    listener: Option<OwnedFd>,
}

impl Caller {
    /// Remembers it.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub(crate) fn save() -> io::Result<Self> {
        let listener = if listener::listens(libc::STDIN_FILENO) {
            Some(stdio::duplicate(libc::STDIN_FILENO)?)
        } else {
            None
        };
        let actions = SIGNALS.iter().filter_map(|signal| Some((*signal, action(*signal)?))).collect();
        Ok(Self { actions, umask: umask(), folder: std::env::current_dir().ok(), listener })
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        for (signal, action) in &self.actions {
            // SAFETY: the action is the one that the kernel has handed out for this very signal.
            unsafe { libc::sigaction(*signal, action, std::ptr::null_mut()) };
        }
        // SAFETY: always succeeds and touches nothing but the mask.
        unsafe { libc::umask(self.umask) };
        if let Some(folder) = &self.folder {
            // A folder that is gone meanwhile is the caller's to notice.
            let _ = std::env::set_current_dir(folder);
        }
        if let Some(listener) = &self.listener {
            // SAFETY: nothing in Rust owns descriptor 0, where `/dev/null` took the place of this socket.
            unsafe { libc::dup2(listener.as_raw_fd(), libc::STDIN_FILENO) };
        }
    }
}

fn action(signal: i32) -> Option<libc::sigaction> {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only, and writes to the structure that it is given.
    let status = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroed memory is a valid structure, and the kernel has filled it.
    (status == 0).then(|| unsafe { action.assume_init() })
}

/// The kernel tells it in `/proc`. Elsewhere it has to be changed to be known: for a moment nothing is allowed to others, which
/// threads of the program may notice.
fn umask() -> libc::mode_t {
    told_umask().unwrap_or_else(|| {
        // SAFETY: always succeeds and touches nothing but the mask.
        let umask = unsafe { libc::umask(0o077) };
        // SAFETY: as above.
        unsafe { libc::umask(umask) };
        umask
    })
}

fn told_umask() -> Option<libc::mode_t> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
    libc::mode_t::from_str_radix(umask.trim(), 8).ok()
}

/// The signals that a server without a master handles itself.
const SIGNALS: [i32; 5] = [libc::SIGTERM, libc::SIGINT, libc::SIGQUIT, libc::SIGHUP, libc::SIGUSR1];
