//! Going to the background, with a launcher that waits for the verdict.
//!
//! The `daemonize` crate forks, makes a session, forks again and redirects the standard descriptors; the pidfile and the
//! readiness report are ours. The launcher reads the verdict from a pipe and ends with it, so that a failure is seen on the
//! terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, IntoRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use daemonize::{Daemonize, Outcome, Stdio};
use nix::fcntl::OFlag;

use super::fork::ForkHooks;
use super::socket;
use super::stdio::{LogFiles, append};
use crate::messages::Code;

/// Which process this is after [`start`].
#[derive(Debug)]
pub enum Role {
    /// The one the shell waits for: print the text to standard error and end with the status.
    Launcher { status: u8, text: String },
    /// The one that goes on in the background.
    Daemon(Verdict),
}

/// The daemon's way to tell the launcher how the start went. Dropped without a word, it means failure.
#[derive(Debug)]
pub struct Verdict {
    pipe: File,
}

/// The other end of a verdict, which is looked at from time to time.
#[derive(Debug)]
pub struct VerdictReader {
    pipe: File,
    heard: Vec<u8>,
}

/// Opens the way for a verdict of another process.
///
/// # Errors
/// When the process is out of descriptors.
pub fn verdict_pipe() -> io::Result<(VerdictReader, OwnedFd)> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    nix::fcntl::fcntl(&reader, nix::fcntl::FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
    Ok((VerdictReader { pipe: File::from(reader), heard: Vec::new() }, writer))
}

impl VerdictReader {
    /// The status and the text, if they are there; [`FAILED`] and no text where nobody will give them any more.
    pub fn poll(&mut self) -> Option<(u8, String)> {
        let mut piece = [0; 4096];
        loop {
            match self.pipe.read(&mut piece) {
                Ok(0) => return Some((FAILED, String::new())),
                Ok(length) => self.heard.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(_) => return Some((FAILED, String::new())),
            }
            if let [status, a, b, c, d, text @ ..] = &self.heard[..]
                && let Some(text) =
                    text.get(..u32::from_be_bytes([*a, *b, *c, *d]).min(LONGEST_TEXT) as usize)
            {
                return Some((*status, String::from_utf8_lossy(text).into_owned()));
            }
        }
    }
}

impl AsFd for VerdictReader {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.pipe.as_fd()
    }
}

impl From<OwnedFd> for Verdict {
    /// Takes the end that another process has opened.
    fn from(pipe: OwnedFd) -> Self {
        Self { pipe: File::from(pipe) }
    }
}

impl Verdict {
    /// Lets the launcher end with `status` after it has printed `text`; with a bad one not before this process has ended.
    pub fn give(mut self, status: u8, text: &str) {
        self.write(status, text);
        if status != 0 {
            // Stays open: its end tells the launcher that nothing is left of the server.
            let _ = self.pipe.into_raw_fd();
        }
    }

    /// Lets the launcher end with `status` after it has printed `text`, although this process goes on.
    pub fn give_and_go_on(mut self, status: u8, text: &str) {
        self.write(status, text);
    }

    fn write(&mut self, status: u8, text: &str) {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let mut message = vec![status];
        message.extend_from_slice(&length.to_be_bytes());
        message.extend_from_slice(text.as_bytes());
        // A launcher that was killed needs no verdict.
        let _ = self.pipe.write_all(&message);
    }
}

/// Goes to the background: the daemon works in `workdir` with the given umask, its output in the log files or nowhere.
///
/// # Errors
/// When the process cannot fork, the folder cannot be entered or a log file cannot be opened.
pub fn start(workdir: &Path, umask: u32, logs: &LogFiles, hooks: &dyn ForkHooks) -> io::Result<Role> {
    let (reader, writer) = nix::unistd::pipe2(OFlag::O_CLOEXEC)?;
    let [out, err] = logs.paths();
    let stream = |path: Option<&Path>| -> io::Result<Stdio> {
        path.map_or_else(|| Ok(Stdio::devnull()), |path| Ok(append(path)?.into()))
    };
    let daemon =
        Daemonize::new().working_directory(workdir).umask(umask).stdout(stream(out)?).stderr(stream(err)?);
    hooks.before_fork();
    match daemon.execute() {
        Outcome::Parent(forked) => {
            hooks.after_fork_parent();
            drop(writer);
            forked.map_err(io::Error::other)?;
            Ok(wait_for_verdict(reader))
        }
        Outcome::Child(result) => {
            hooks.after_fork_child();
            drop(reader);
            let verdict = Verdict { pipe: File::from(writer) };
            match result {
                Ok(_) => Ok(Role::Daemon(verdict)),
                Err(error) => {
                    let code = Code::BACKGROUND;
                    let text = format!("error[{code}]: the server cannot go to the background: {error}\n");
                    verdict.give(FAILED, &text);
                    super::fork::exit_now(i32::from(FAILED));
                }
            }
        }
    }
}

/// Reads the verdict, whose length is told: its end is not the end of the pipe, which the first worker has inherited.
fn wait_for_verdict(reader: OwnedFd) -> Role {
    let mut pipe = File::from(reader);
    let mut read = || -> io::Result<Role> {
        let mut head = [0; 5];
        pipe.read_exact(&mut head)?;
        let [status, length @ ..] = head;
        let mut text = Vec::new();
        (&mut pipe).take(u64::from(u32::from_be_bytes(length))).read_to_end(&mut text)?;
        if status != 0 {
            socket::wait(pipe.as_fd(), true, false, LONGEST_END)?;
        }
        Ok(Role::Launcher { status, text: String::from_utf8_lossy(&text).into_owned() })
    };
    read().unwrap_or_else(|_| Role::Launcher {
        status: FAILED,
        text: format!(
            "error[{}]: the server ended before it could serve\nhint: see `errlog`\n",
            Code::ENDED_EARLY
        ),
    })
}

/// How long a server that could not start may take to end before the launcher does.
const LONGEST_END: Duration = Duration::from_secs(5);

/// Of a text that comes from another program, so much is read.
const LONGEST_TEXT: u32 = 1 << 20;

/// Exit status of a start that failed without a reason of its own.
pub const FAILED: u8 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_is_heard_when_it_is_whole() {
        let (mut reader, writer) = verdict_pipe().unwrap();
        assert_eq!(reader.poll(), None);
        let mut half = File::from(writer.try_clone().unwrap());
        half.write_all(&[3, 0, 0, 0, 5, b'n', b'o']).unwrap();
        assert_eq!(reader.poll(), None);
        half.write_all(b"way").unwrap();
        assert_eq!(reader.poll(), Some((3, "noway".to_owned())));
        let (mut reader, writer) = verdict_pipe().unwrap();
        Verdict::from(writer).give(0, "");
        assert_eq!(reader.poll(), Some((0, String::new())));
    }

    #[test]
    fn silence_is_failure() {
        let (mut reader, writer) = verdict_pipe().unwrap();
        drop(Verdict::from(writer));
        assert_eq!(reader.poll(), Some((FAILED, String::new())));
    }
}
