//! What one server hands to the next, which it starts in its place: sockets, and whom to tell.
//!
//! Descriptors stay open across `exec`, just these, and a variable of the environment tells what they are. The new process reads
//! it once and takes it out of its environment (the caller does), so nobody else can take it for theirs. It believes only what
//! it can see: a number that is no open descriptor is an error.
//!
//! The variable has words `NAME:FD,FD:NUMBER,NUMBER`.

#![expect(
    unsafe_code,
    reason = "descriptors that were inherited become owned here, and a child runs code before it execs"
)]

use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

use super::fork::{self, ProcessId};
use super::signals::OriginalMask;
use super::stdio;

/// The variable.
pub const VARIABLE: &str = "FCGI_RUN_UPGRADE";

/// How a program was started, to start it once more.
#[derive(Clone, Debug)]
pub struct Again {
    pub program: PathBuf,
    pub arguments: Vec<OsString>,
    pub folder: PathBuf,
    pub environment: Vec<(OsString, OsString)>,
}

/// What is to be handed over.
#[derive(Debug, Default)]
pub struct Bequest {
    words: String,
    fds: Vec<RawFd>,
}

impl Bequest {
    /// Adds something that consists of descriptors, which have to stay open until the start, and of numbers about them.
    pub fn add(&mut self, name: &str, fds: &[BorrowedFd<'_>], numbers: &[u64]) {
        let separator = if self.words.is_empty() { "" } else { " " };
        let list = |texts: Vec<String>| texts.join(",");
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        let names = list(raw.iter().map(ToString::to_string).collect());
        let numbers = list(numbers.iter().map(ToString::to_string).collect());
        // Writing to a text cannot fail.
        let _ = write!(self.words, "{separator}{name}:{names}:{numbers}");
        self.fds.extend(raw);
    }

    /// Has a program find it when it is executed. What is done here is done after all else that the command was told to do.
    pub(super) fn give_to(&self, command: &mut Command) {
        if self.words.is_empty() {
            return;
        }
        command.env(VARIABLE, &self.words);
        let kept = self.fds.clone();
        let keep = move || {
            kept.iter().try_for_each(|fd| {
                let fd = stdio::borrow(*fd).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
                fcntl(fd, FcntlArg::F_SETFD(FdFlag::empty()))?;
                Ok(())
            })
        };
        // SAFETY: the closure makes a few system calls, and allocates nothing.
        unsafe { command.pre_exec(keep) };
    }
}

#[cfg(test)]
impl Bequest {
    /// The value of the variable.
    pub fn words(&self) -> &str {
        &self.words
    }
}

impl Again {
    /// What was typed before these words, to be followed by others; `None` where they were not typed last, as in a program of its
    /// own that calls this one.
    pub fn before(&self, words: &[OsString]) -> Option<Self> {
        let arguments = self.arguments.strip_suffix(words)?.to_vec();
        Some(Self { arguments, ..self.clone() })
    }

    /// Starts the program as a child of this process, with what it inherits.
    ///
    /// # Errors
    /// When it is not there, or cannot be run.
    pub fn start(&self, bequest: &Bequest, mask: OriginalMask) -> io::Result<ProcessId> {
        Self::start_command(self.command(), bequest, mask)
    }

    /// As [`Again::start`], with nothing on descriptor 0.
    ///
    /// # Errors
    /// As there.
    pub fn start_without_input(&self, bequest: &Bequest, mask: OriginalMask) -> io::Result<ProcessId> {
        let mut command = self.command();
        command.stdin(Stdio::null());
        Self::start_command(command, bequest, mask)
    }

    /// The program as it was started, and nothing of what was told to this process alone.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        let variables = self.environment.iter().filter(|(name, _)| !STALE.iter().any(|stale| name == stale));
        command.args(&self.arguments).current_dir(&self.folder).env_clear();
        command.envs(variables.map(|(name, value)| (name, value)));
        command
    }

    fn start_command(mut command: Command, bequest: &Bequest, mask: OriginalMask) -> io::Result<ProcessId> {
        bequest.give_to(&mut command);
        fork::execute(&mut command, mask)
    }
}

/// What was handed over to this process.
#[derive(Debug, Default)]
pub struct Heritage {
    items: Vec<Heirloom>,
}

/// Something that was handed over.
#[derive(Debug)]
pub struct Heirloom {
    name: String,
    pub fds: Vec<OwnedFd>,
    pub numbers: Vec<u64>,
}

impl Heritage {
    /// Reads the variable; its descriptors belong to this process from then on, and are closed when it starts another program.
    ///
    /// # Errors
    /// When it is no such text, or a descriptor is not open.
    pub fn read(text: &OsStr) -> io::Result<Self> {
        let words = text.to_str().ok_or(io::ErrorKind::InvalidData)?.split(' ');
        Ok(Self { items: words.map(Heirloom::read).collect::<io::Result<_>>()? })
    }

    /// Takes everything of this name, in the order in which it was added.
    pub fn take_all(&mut self, name: &str) -> Vec<Heirloom> {
        self.items.extract_if(.., |item| item.name == name).collect()
    }

    /// Takes the first of this name.
    pub fn take(&mut self, name: &str) -> Option<Heirloom> {
        let at = self.items.iter().position(|item| item.name == name)?;
        Some(self.items.remove(at))
    }
}

impl Heirloom {
    fn read(word: &str) -> io::Result<Self> {
        let bad = || io::Error::from(io::ErrorKind::InvalidData);
        let (name, rest) = word.split_once(':').ok_or_else(bad)?;
        let (fds, numbers) = rest.split_once(':').ok_or_else(bad)?;
        let list = |text: &str| text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect();
        let (fds, numbers): (Vec<String>, Vec<String>) = (list(fds), list(numbers));
        let fds = fds.iter().map(|fd| claim(fd.parse().map_err(|_| bad())?)).collect::<io::Result<_>>()?;
        let numbers =
            numbers.iter().map(|number| number.parse().map_err(|_| bad())).collect::<io::Result<_>>()?;
        Ok(Self { name: name.to_owned(), fds, numbers })
    }

    /// Its descriptors, if there are so many.
    pub fn fds<const N: usize>(self) -> Option<[OwnedFd; N]> {
        self.fds.try_into().ok()
    }
}

fn claim(raw: RawFd) -> io::Result<OwnedFd> {
    let fd = stdio::borrow(raw).filter(|_| raw > libc::STDERR_FILENO);
    let fd = fd.ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    fcntl(fd, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    // SAFETY: the server before this one has left it open for this process, which reads its number once.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Variables that were about the process before.
const STALE: [&str; 5] = [VARIABLE, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES", "WATCHDOG_PID"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::signals;
    use std::fs::File;
    use std::io::{Read, Seek};
    use std::os::fd::AsFd;

    fn again(script: &str, environment: &[(&str, &str)]) -> Again {
        Again {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            environment: environment.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        }
    }

    fn wait(process: ProcessId) {
        nix::sys::wait::waitpid(nix::unistd::Pid::from_raw(process.0), None).unwrap();
    }

    #[test]
    fn a_new_process_has_just_what_it_is_given() {
        let (mut given, kept) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        let mut bequest = Bequest::default();
        bequest.add("file", &[given.as_fd()], &[1, 2]);
        let (fd, other) = (given.as_raw_fd(), kept.as_raw_fd());
        let script = format!(
            "{{ echo $FCGI_RUN_UPGRADE; pwd; echo $A-$LISTEN_PID-$HOME; test -e /proc/self/fd/{other} || echo closed; }} >/proc/self/fd/{fd}"
        );
        let blocked = signals::block().unwrap();
        let again = again(&script, &[("A", "a"), ("LISTEN_PID", "1"), (VARIABLE, "old")]);
        wait(again.start(&bequest, blocked.mask).unwrap());
        blocked.release();
        let mut text = String::new();
        given.rewind().unwrap();
        given.read_to_string(&mut text).unwrap();
        assert_eq!(text, format!("file:{fd}:1,2\n/\na--\nclosed\n"));
    }

    #[test]
    fn what_cannot_be_started_is_an_error_at_once() {
        let blocked = signals::block().unwrap();
        let gone = Again { program: "/nowhere/at/all".into(), ..again("", &[]) };
        let error = gone.start(&Bequest::default(), blocked.mask).unwrap_err();
        blocked.release();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_was_added_is_taken() {
        let files: Vec<OwnedFd> = (0..3).map(|_| tempfile::tempfile().unwrap().into()).collect();
        let mut bequest = Bequest::default();
        bequest.add("listener", &[files[0].as_fd()], &[]);
        bequest.add("pair", &[files[1].as_fd(), files[2].as_fd()], &[u64::MAX]);
        let raw: Vec<RawFd> = files.into_iter().map(std::os::fd::IntoRawFd::into_raw_fd).collect();
        let mut heritage = Heritage::read(OsStr::new(&bequest.words)).unwrap();
        assert!(heritage.take("other").is_none());
        let pair = heritage.take("pair").unwrap();
        assert_eq!(pair.numbers, [u64::MAX]);
        let [first, _second] = pair.fds().unwrap();
        assert_eq!(first.as_raw_fd(), raw[1]);
        let listeners = heritage.take_all("listener");
        assert_eq!((listeners.len(), heritage.items.len()), (1, 0));
        assert!(listeners.into_iter().next().unwrap().fds::<2>().is_none());
    }

    #[test]
    fn a_text_that_is_none_is_an_error() {
        let closed = File::open("/dev/null").unwrap().as_raw_fd();
        for text in
            ["", "x", "x:1", "x:0:", "x:-1:", "x:y:", &format!("x:{closed}:"), "x::y", "x:99999999999:"]
        {
            assert!(Heritage::read(OsStr::new(text)).is_err(), "{text:?}");
        }
    }
}
