//! The three standard descriptors, and log files behind them.
//!
//! Whatever writes to descriptor 1 or 2 (Rust, Python, a C library, a child process) lands in `outlog` and `errlog`,
//! because the files are put on the descriptors themselves.

#![expect(unsafe_code, reason = "the standard descriptors are replaced here")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// Standard input.
pub const INPUT: RawFd = libc::STDIN_FILENO;

/// Standard output.
pub const OUTPUT: RawFd = libc::STDOUT_FILENO;

/// Where standard output and standard error of the server go.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    pub out: Option<PathBuf>,
    pub err: Option<PathBuf>,
}

impl LogFiles {
    /// Opens the files and puts them on the descriptors; also used to open them anew after they were moved away.
    ///
    /// # Errors
    /// Names the file that cannot be opened; the descriptor then stays as it was.
    pub fn open(&self) -> Result<(), LogFileError> {
        for (path, fd) in [(&self.out, libc::STDOUT_FILENO), (&self.err, libc::STDERR_FILENO)] {
            if let Some(path) = path {
                let failed = |source| LogFileError { path: path.clone(), source };
                replace(&append(path).map_err(failed)?, fd).map_err(failed)?;
            }
        }
        Ok(())
    }

    /// Tries whether the files can be opened, without using them.
    ///
    /// # Errors
    /// Names the file that cannot be opened.
    pub fn check(&self) -> Result<(), LogFileError> {
        for path in [&self.out, &self.err].into_iter().flatten() {
            append(path).map_err(|source| LogFileError { path: path.clone(), source })?;
        }
        Ok(())
    }
}

/// A log file that cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("the log file `{}` cannot be opened: {source}", path.display())]
pub struct LogFileError {
    pub path: PathBuf,
    pub source: io::Error,
}

/// Opens a file to append to, and makes it if needed.
///
/// # Errors
/// As the system says.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

/// Puts `/dev/null` on each standard descriptor that is closed, before anything else can land there.
///
/// # Errors
/// When `/dev/null` cannot be opened.
pub fn fill_closed() -> io::Result<()> {
    loop {
        let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        if null.as_raw_fd() > libc::STDERR_FILENO {
            return Ok(());
        }
        // It has taken the place of a closed one: there it stays, also across `exec`.
        fcntl(&null, FcntlArg::F_SETFD(FdFlag::empty()))?;
        std::mem::forget(null);
    }
}

/// Puts `/dev/null` on standard input.
///
/// # Errors
/// When `/dev/null` cannot be opened.
pub fn close_input() -> io::Result<()> {
    replace(&File::open("/dev/null")?, libc::STDIN_FILENO)
}

/// Lets standard output go where standard error goes.
///
/// # Errors
/// When standard error is closed.
pub fn output_to_errors() -> io::Result<()> {
    replace(&File::from(duplicate(libc::STDERR_FILENO)?), libc::STDOUT_FILENO)
}

/// Whether a person sits behind standard input.
pub fn input_is_terminal() -> bool {
    use std::io::IsTerminal;
    io::stdin().is_terminal()
}

/// Moves a descriptor that was inherited out of the way, close-on-exec; if it was a standard one, `/dev/null` takes its
/// place.
///
/// # Errors
/// When the descriptor is not open.
pub fn move_high(fd: RawFd) -> io::Result<OwnedFd> {
    let old = borrow(fd).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    let raw = fcntl(old, FcntlArg::F_DUPFD_CLOEXEC(10))?;
    // SAFETY: the kernel has just made this descriptor for us.
    let owned = unsafe { OwnedFd::from_raw_fd(raw) };
    if fd <= libc::STDERR_FILENO {
        replace(&OpenOptions::new().read(true).write(true).open("/dev/null")?, fd)?;
    } else {
        // SAFETY: whoever handed us this descriptor gave it to this process alone to use; nothing else here knows it.
        drop(unsafe { OwnedFd::from_raw_fd(fd) });
    }
    Ok(owned)
}

/// Makes a copy of a standard descriptor, to be used after the descriptor itself was redirected.
///
/// # Errors
/// When it is closed.
pub fn duplicate(fd: RawFd) -> io::Result<OwnedFd> {
    let old = borrow(fd).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    old.try_clone_to_owned()
}

/// Looks at a descriptor by its number; `None` when it is not open.
pub fn borrow(fd: RawFd) -> Option<BorrowedFd<'static>> {
    if fd < 0 {
        return None;
    }
    // SAFETY: the descriptor is only used for the call that follows, and a closed one gives EBADF there.
    let borrowed = unsafe { BorrowedFd::borrow_raw(fd) };
    fcntl(borrowed, FcntlArg::F_GETFD).is_ok().then_some(borrowed)
}

fn replace(file: &File, fd: RawFd) -> io::Result<()> {
    // SAFETY: dup2 onto a standard descriptor; nothing in Rust owns those.
    let mut target = unsafe { OwnedFd::from_raw_fd(fd) };
    let result = nix::unistd::dup2(file, &mut target);
    std::mem::forget(target);
    Ok(result?)
}
