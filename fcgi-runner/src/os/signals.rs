//! Signals: blocked and read by the master, turned into bytes on a pipe in a worker.
//!
//! The master installs no handler at all, so nothing of it survives a fork: it blocks the signals it knows and reads them
//! from a `signalfd`. A worker gets the mask back that the program was started with (children of the application must
//! inherit a clean one) and uses real handlers, which `signal-hook` writes down to a socket.

#![expect(unsafe_code, reason = "signal actions are reset here")]

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

pub use nix::sys::signal::Signal;
use nix::sys::signal::{SigHandler, SigSet, SigmaskHow, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that mean something to the master.
const MASTER: [Signal; 9] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGTTIN,
    Signal::SIGTTOU,
    Signal::SIGCHLD,
];

/// The mask a process had before this room changed it.
#[derive(Clone, Copy, Debug)]
pub struct OriginalMask(SigSet);

/// The master's signals, to be read one by one.
#[derive(Debug)]
pub struct SignalReader {
    fd: SignalFd,
}

/// The master's signals, held back from the process until [`Blocked::release`].
#[derive(Debug)]
pub struct Blocked {
    pub reader: SignalReader,
    pub mask: OriginalMask,
}

impl Blocked {
    /// Forgets the signals that have come meanwhile, which were for the server that is over, and lets further ones through.
    pub fn release(self) {
        while self.reader.next().is_some() {}
        self.mask.restore();
    }
}

/// Blocks the master's signals and opens the descriptor to read them from.
///
/// # Errors
/// When the process is out of descriptors.
pub fn block() -> io::Result<Blocked> {
    let wanted: SigSet = MASTER.into_iter().collect();
    let mut original = SigSet::empty();
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&wanted), Some(&mut original))?;
    let fd = SignalFd::with_flags(&wanted, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC)?;
    Ok(Blocked { reader: SignalReader { fd }, mask: OriginalMask(original) })
}

/// Sends a signal to a child that has not been reaped; one that is dead hears nothing.
pub fn send(process: super::fork::ProcessId, signal: Signal) {
    if process.0 > 0 {
        let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(process.0), signal);
    }
}

/// Lets a write beyond the limit of file sizes fail, as Python does, instead of ending the process; an own handler stays.
pub fn survive_file_size_limit() {
    use nix::sys::signal::SigHandler::{SigDfl, SigIgn};
    // SAFETY: no code is to run.
    let before = unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, SigIgn) };
    if let Ok(before) = before
        && !matches!(before, SigDfl | SigIgn)
    {
        // SAFETY: what was installed is installed again.
        let _ = unsafe { nix::sys::signal::signal(Signal::SIGXFSZ, before) };
    }
}

impl OriginalMask {
    /// The mask of this thread, which nobody has changed.
    ///
    /// # Errors
    /// None that a program could cause.
    pub fn of_this_thread() -> io::Result<Self> {
        Ok(Self(SigSet::thread_get_mask()?))
    }

    /// Gives the process its old mask back.
    pub fn restore(self) {
        // Setting a mask that the kernel itself handed out cannot fail.
        let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&self.0), None);
    }
}

impl SignalReader {
    /// Takes the next waiting signal.
    pub fn next(&self) -> Option<Signal> {
        let info = self.fd.read_signal().ok().flatten()?;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for SignalReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What a signal asks of a worker, or of a process that serves without a master.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WorkerSignal {
    /// Finish the running requests, then leave.
    Finish,
    /// Leave now.
    Quit,
}

/// Handlers of a worker; bytes arrive on [`WorkerSignals::as_fd`].
#[derive(Debug)]
pub struct WorkerSignals {
    finish: UnixStream,
    quit: UnixStream,
    registered: Vec<signal_hook::SigId>,
}

/// Installs a worker's handlers.
///
/// With a master, Ctrl-C is the master's business: the terminal sends it to the whole group, and a worker must not take it
/// for its own, nor hand it to Python as `KeyboardInterrupt`. Without one (`alone`), it ends this process. `SIGUSR1` from a
/// web server's graceful restart means "finish" there as well.
///
/// # Errors
/// When the process is out of descriptors.
pub fn install_worker_handlers(alone: bool) -> io::Result<WorkerSignals> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1};
    let (finish, finish_writer) = UnixStream::pair()?;
    let (quit, quit_writer) = UnixStream::pair()?;
    for stream in [&finish, &quit, &finish_writer, &quit_writer] {
        stream.set_nonblocking(true)?;
    }
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGHUP, Signal::SIGUSR1] {
        forget_handler(signal)?;
    }
    let mut registered = vec![signal_hook::flag::register(SIGHUP, HUNG_UP.clone())?];
    let finishing: &[i32] = if alone { &[SIGTERM, SIGINT, SIGUSR1, SIGHUP] } else { &[SIGTERM] };
    for signal in finishing {
        registered.push(signal_hook::low_level::pipe::register(*signal, finish_writer.try_clone()?)?);
    }
    registered.push(signal_hook::low_level::pipe::register(SIGQUIT, quit_writer)?);
    if alone {
        TOLD_TO_END.get_or_init(|| {
            finishing.iter().copied().chain([SIGQUIT]).try_fold(Arc::default(), note_in).ok()
        });
    }
    if !alone {
        // A handler that does nothing, and not "ignore", which the children of the application would inherit.
        let ignored = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGHUP, SIGUSR1] {
            registered.push(signal_hook::flag::register(signal, ignored.clone())?);
        }
    }
    install_again(&[SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1])?;
    Ok(WorkerSignals { finish, quit, registered })
}

/// Lets the signals pass without effect that a terminal or an administrator sends to all processes of a server, where they would
/// end this one, or where an interpreter that was there before makes a `KeyboardInterrupt` of them. Programs that are started
/// meanwhile do not inherit that.
pub fn pass_group_signals() {
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        // SAFETY: the handler does nothing.
        let before = unsafe { nix::sys::signal::signal(signal, SigHandler::Handler(pass)) };
        if let Ok(SigHandler::SigIgn) = before {
            // SAFETY: what was installed is installed again.
            let _ = unsafe { nix::sys::signal::signal(signal, SigHandler::SigIgn) };
        }
    }
}

/// Makes ready a worker that does not serve yet, and may not for long: what goes to all processes is for its master, which ends it
/// by `SIGTERM` whatever an interpreter around it has made of that.
///
/// # Errors
/// None that a program could cause.
pub fn begin_worker() -> io::Result<()> {
    pass_group_signals();
    [Signal::SIGTERM, Signal::SIGQUIT].into_iter().try_for_each(forget_handler)
}

extern "C" fn pass(_signal: libc::c_int) {}

/// Whether `SIGHUP` has come to a worker of this process since this was last asked.
pub fn hung_up() -> bool {
    HUNG_UP.swap(false, Ordering::AcqRel)
}

/// Whether a signal has come that ends a worker without a master, since the first one of this process. It is noted for ever, so
/// that none is lost between the end of a worker and what follows it.
pub fn told_to_end() -> bool {
    TOLD_TO_END.get().is_some_and(|told| told.as_ref().is_none_or(|told| told.load(Ordering::Acquire)))
}

fn note_in(flag: Arc<AtomicBool>, signal: i32) -> io::Result<Arc<AtomicBool>> {
    signal_hook::flag::register(signal, flag.clone())?;
    Ok(flag)
}

/// Nothing in it: it cannot be told.
static TOLD_TO_END: OnceLock<Option<Arc<AtomicBool>>> = OnceLock::new();

static HUNG_UP: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);

/// Takes away the handler that an interpreter around us has installed: signal-hook would call it after its own.
fn forget_handler(signal: Signal) -> io::Result<()> {
    // SAFETY: the default action needs nothing of this process.
    unsafe { nix::sys::signal::signal(signal, SigHandler::SigDfl) }?;
    Ok(())
}

/// Installs the handler of signal-hook, which does so only once in the life of a process: a program that serves again and
/// again puts its own ones back in between.
fn install_again(signals: &[i32]) -> io::Result<()> {
    static OURS: OnceLock<libc::sigaction> = OnceLock::new();
    let ours = OURS.get_or_init(|| {
        let mut action = std::mem::MaybeUninit::zeroed();
        // SAFETY: asks only, and cannot fail for a signal that a handler was just installed for.
        unsafe { libc::sigaction(libc::SIGTERM, std::ptr::null(), action.as_mut_ptr()) };
        // SAFETY: zeroed memory is a valid structure, and the kernel has filled it.
        unsafe { action.assume_init() }
    });
    for signal in signals {
        // SAFETY: the handler is the one that signal-hook itself has installed, the same for all signals.
        if unsafe { libc::sigaction(*signal, ours, std::ptr::null_mut()) } != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

/// Whether a write to a peer that is gone is an error and nothing else, as interpreters and programs in Rust set it up.
pub fn ignores_broken_pipes() -> bool {
    let mut action = std::mem::MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: asks only, the kernel fills the structure.
    unsafe { libc::sigaction(libc::SIGPIPE, std::ptr::null(), action.as_mut_ptr()) };
    // SAFETY: zeroed memory is a valid structure.
    let handler = unsafe { action.assume_init() }.sa_sigaction;
    handler == libc::SIG_IGN
}

impl Drop for WorkerSignals {
    fn drop(&mut self) {
        for id in &self.registered {
            signal_hook::low_level::unregister(*id);
        }
    }
}

impl WorkerSignals {
    /// The descriptors to wait on.
    pub fn fds(&self) -> [BorrowedFd<'_>; 2] {
        [self.finish.as_fd(), self.quit.as_fd()]
    }

    /// Takes what has arrived, the more urgent first.
    pub fn next(&self) -> Option<WorkerSignal> {
        use std::io::Read;
        let mut byte = [0u8; 1];
        if (&self.quit).read(&mut byte).is_ok_and(|count| count > 0) {
            return Some(WorkerSignal::Quit);
        }
        (&self.finish).read(&mut byte).is_ok_and(|count| count > 0).then_some(WorkerSignal::Finish)
    }
}

/// Lets Ctrl-C end this process at once, whatever an interpreter in it has made of it.
pub fn end_at_interrupt() {
    // SAFETY: the default action is no code of ours.
    let _ = unsafe { nix::sys::signal::signal(Signal::SIGINT, SigHandler::SigDfl) };
}

/// Gives a flag that is set by signals that would end this process, instead of their doing so.
///
/// # Errors
/// Never in practice.
pub fn note_end() -> io::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT] {
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}
