//! The three standard descriptors, and log files behind them.
//!
//! Whatever writes to descriptor 1 or 2 (Rust, Python, a C library, a child process) lands in `outlog` and `errlog`,
//! because the files are put on the descriptors themselves.

#![expect(unsafe_code, reason = "the standard descriptors are replaced here")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, OFlag, fcntl};

use super::log_socket::{LogSocket, Service};

/// Standard input.
pub const INPUT: RawFd = libc::STDIN_FILENO;

/// Standard output.
pub const OUTPUT: RawFd = libc::STDOUT_FILENO;

/// Where a log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Destination {
    File(PathBuf),
    /// A log service, at this socket.
    Service(Service, PathBuf),
}

/// Where standard output and standard error of the server go, and the logs of requests.
#[derive(Clone, Debug, Default)]
pub struct LogFiles {
    pub out: Option<Destination>,
    pub err: Option<Destination>,
    pub access: Option<Destination>,
    pub slow: Option<Destination>,
}

/// Log files that are open: the process that may open them hands them to those that perhaps may not.
#[derive(Debug, Default)]
pub struct OpenLogs {
    pub out: Option<File>,
    pub err: Option<File>,
    pub access: Option<File>,
    pub slow: Option<File>,
}

impl LogFiles {
    /// Opens what can be opened, also anew after it was moved away; and says what cannot.
    pub fn open(&self) -> (OpenLogs, Vec<LogFileError>) {
        let mut errors = Vec::new();
        let mut open = |place: &Option<Destination>| {
            let path = place.as_ref()?.path()?.to_owned();
            let file = append(&path);
            file.map_err(|source| errors.push(LogFileError { path, is_service: false, source })).ok()
        };
        let files = OpenLogs {
            out: open(&self.out),
            err: open(&self.err),
            access: open(&self.access),
            slow: open(&self.slow),
        };
        (files, errors)
    }

    /// Opens the first two and puts them on the standard descriptors.
    ///
    /// # Errors
    /// Names the file that cannot be opened; the descriptors then stay as they were.
    pub fn redirect(&self) -> Result<(), LogFileError> {
        let (files, errors) = Self { access: None, slow: None, ..self.clone() }.open();
        if let Some(error) = errors.into_iter().next() {
            return Err(error);
        }
        let path = self.paths().into_iter().flatten().next().map(Path::to_owned).unwrap_or_default();
        files.redirect().map_err(|source| LogFileError { path, is_service: false, source })
    }

    /// Tries whether the files can be opened and the services are there, without using them.
    ///
    /// # Errors
    /// Names the file or the socket that cannot be opened.
    pub fn check(&self) -> Result<(), LogFileError> {
        [&self.out, &self.err, &self.access, &self.slow]
            .into_iter()
            .flatten()
            .try_for_each(Destination::check)
    }

    /// The files, where they are files.
    pub fn paths(&self) -> [Option<&Path>; 2] {
        [&self.out, &self.err].map(|place| place.as_ref().and_then(Destination::path))
    }
}

impl OpenLogs {
    /// The same files once more.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn try_clone(&self) -> io::Result<Self> {
        let clone = |file: &Option<File>| file.as_ref().map(File::try_clone).transpose();
        Ok(Self {
            out: clone(&self.out)?,
            err: clone(&self.err)?,
            access: clone(&self.access)?,
            slow: clone(&self.slow)?,
        })
    }

    /// Puts the files on the standard descriptors, or on those that stand for them where these are captured.
    ///
    /// # Errors
    /// Never in practice: `dup2` fails for descriptors that are not open.
    pub fn redirect(&self) -> io::Result<()> {
        if let Some(file) = self.out.as_ref().filter(|_| !CAPTURED.load(Ordering::Relaxed)) {
            replace(file, libc::STDOUT_FILENO)?;
        }
        self.err.as_ref().map_or(Ok(()), |file| replace(file, log_descriptor()))
    }
}

impl Destination {
    /// The file, if it is one.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Service(..) => None,
        }
    }

    /// Tries whether it can be opened.
    ///
    /// # Errors
    /// Names what cannot.
    pub fn check(&self) -> Result<(), LogFileError> {
        let (path, tried) = match self {
            Self::File(path) => (path, append(path).map(drop)),
            Self::Service(service, path) => (path, LogSocket::open(*service, path).map(drop)),
        };
        let is_service = self.path().is_none();
        tried.map_err(|source| LogFileError { path: path.clone(), is_service, source })
    }
}

/// The descriptor to which the server writes its own messages: standard error, or where that was before it was captured.
pub fn log_descriptor() -> RawFd {
    LOG.load(Ordering::Relaxed)
}

/// Writes a message of the server's own.
///
/// # Errors
/// As the system says; part of it may have been written.
pub fn write_log(mut bytes: &[u8]) -> io::Result<()> {
    let Some(log) = borrow(log_descriptor()) else { return Err(io::ErrorKind::NotConnected.into()) };
    while !bytes.is_empty() {
        match nix::unistd::write(log, bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// The writing ends of two pipes that take what a process prints.
#[derive(Debug)]
pub struct Streams {
    pub out: OwnedFd,
    pub err: OwnedFd,
}

impl Streams {
    /// Opens the pipes: first the ends to read from, which do not wait.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn open() -> io::Result<([OwnedFd; 2], Self)> {
        let pipe = || -> io::Result<_> {
            let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
            fcntl(&reader, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            Ok((reader, writer))
        };
        let ((out_reader, out), (err_reader, err)) = (pipe()?, pipe()?);
        Ok(([out_reader, err_reader], Self { out, err }))
    }

    /// Has everything that this process and its children print from now on go into the pipes. The server's own messages go where
    /// standard error went.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn capture(self) -> io::Result<()> {
        let raw = fcntl(standard_error(), FcntlArg::F_DUPFD_CLOEXEC(10))?;
        LOG.store(raw, Ordering::Relaxed);
        CAPTURED.store(true, Ordering::Relaxed);
        replace(&File::from(self.out), libc::STDOUT_FILENO)?;
        replace(&File::from(self.err), libc::STDERR_FILENO)
    }
}

fn standard_error() -> BorrowedFd<'static> {
    // SAFETY: descriptor 2 is open from the start on: `fill_closed` sees to that.
    unsafe { BorrowedFd::borrow_raw(libc::STDERR_FILENO) }
}

static LOG: AtomicI32 = AtomicI32::new(libc::STDERR_FILENO);

/// Standard output and error of this process are pipes to the master.
static CAPTURED: AtomicBool = AtomicBool::new(false);

/// A log file that cannot be opened, or a log service that is not there.
#[derive(Debug, thiserror::Error)]
#[error("the log {} `{}` cannot be opened: {source}", if *is_service { "service" } else { "file" }, path.display())]
pub struct LogFileError {
    pub path: PathBuf,
    pub is_service: bool,
    pub source: io::Error,
}

/// Opens a file to append to, and makes it if needed: with `umask=0`, too, not everybody may write to it.
///
/// # Errors
/// As the system says.
pub fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o664).open(path)
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
    // SAFETY: dup2 onto a descriptor that nothing in Rust owns: a standard one, or that of the log.
    let mut target = unsafe { OwnedFd::from_raw_fd(fd) };
    let result = if fd <= libc::STDERR_FILENO {
        nix::unistd::dup2(file, &mut target)
    } else {
        nix::unistd::dup3(file, &mut target, OFlag::O_CLOEXEC)
    };
    std::mem::forget(target);
    Ok(result?)
}
