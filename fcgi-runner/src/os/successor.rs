//! The program of this process, executed anew in this process.
//!
//! A web server that has started a process throws away what waits in its socket when it sees the process end. A process that
//! executes its program anew has the same number and the same socket, so nobody waits in vain and the web server sees nothing.
//! There is no way back from that, so it is tried before: a *rehearsal* is a child that starts like this process,
//! and ends when it would serve.

#![expect(unsafe_code, reason = "descriptors are kept from the next program")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::sync::Arc;
use std::time::Instant;

use super::daemon::{VerdictReader, verdict_pipe};
use super::fork::{self, ProcessId};
use super::handoff::Handoff;
use super::heritage::{Again, Bequest};
use super::signals::{self, OriginalMask};
use super::stdio;
use crate::messages::Code;

/// What is handed to a rehearsal, so that it knows that it is one.
pub const REHEARSAL: &str = "rehearsal";

/// The next program of this process.
#[derive(Debug)]
pub struct Successor {
    again: Again,
    input: OwnedFd,
    handoff: Option<Arc<Handoff>>,
}

impl Successor {
    /// Keeps the socket that it will find on descriptor 0, and the connections that it is to go on with.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(again: &Again, listener: BorrowedFd<'_>, handoff: Option<Arc<Handoff>>) -> io::Result<Self> {
        Ok(Self { again: again.clone(), input: stdio::duplicate(listener.as_raw_fd())?, handoff })
    }

    /// Ends this program: all its threads, and nothing of it is run any more. Returns only when that is not possible, and why.
    pub fn take_over(&self) -> io::Error {
        let mut command = self.again.command();
        match self.input.try_clone() {
            Ok(input) => command.stdin(input),
            Err(error) => return error,
        };
        let mut bequest = Bequest::default();
        if let Some(handoff) = &self.handoff {
            handoff.bequeath(&mut bequest);
        }
        let close_others = || {
            let (first, last, how) = (3_u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC);
            // SAFETY: marks descriptors of this process, which is about to become another program. Kernels before 5.11 refuse it.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, how) };
            Ok(())
        };
        // SAFETY: the closure makes one system call, and allocates nothing.
        unsafe { command.pre_exec(close_others) };
        bequest.give_to(&mut command);
        command.exec()
    }

    /// As [`Successor::take_over`], and nothing where this process was told to end; what goes wrong is logged.
    pub fn take_over_unless_told_to_end(&self) {
        if !signals::told_to_end() {
            let (program, error) = (self.program().display(), self.take_over());
            tracing::error!(code = %Code::RENEWAL_GIVEN_UP, %error, "`{program}` cannot be executed anew");
        }
    }

    /// The program that it runs.
    pub fn program(&self) -> &std::path::Path {
        &self.again.program
    }
}

/// Starts a rehearsal; gives how it is heard.
///
/// # Errors
/// When the program is not there or cannot be run, or the machine is out of processes or descriptors.
pub fn rehearse(again: &Again, mask: OriginalMask) -> io::Result<(ProcessId, VerdictReader)> {
    let (reader, verdict) = verdict_pipe()?;
    let mut bequest = Bequest::default();
    bequest.add("verdict", &[verdict.as_fd()], &[]);
    bequest.add(REHEARSAL, &[], &[]);
    Ok((again.start_without_input(&bequest, mask)?, reader))
}

/// A rehearsal of a process that looks after it alone.
#[derive(Debug)]
pub struct Rehearsal {
    process: ProcessId,
    verdict: VerdictReader,
    give_up_at: Option<Instant>,
}

impl Rehearsal {
    /// Starts it.
    ///
    /// # Errors
    /// As for [`rehearse`].
    pub fn begin(successor: &Successor, give_up_at: Option<Instant>) -> io::Result<Self> {
        let (process, verdict) = rehearse(&successor.again, OriginalMask::of_this_thread()?)?;
        Ok(Self { process, verdict, give_up_at })
    }

    /// Whether the next program could serve, or why it could not; nothing while that is not known. It is over then.
    pub fn look(&mut self, now: Instant) -> Option<Result<(), String>> {
        let result = match self.verdict.poll() {
            Some((0, _)) => Ok(()),
            Some((_, text)) if text.is_empty() => Err("it ended before it could serve, see above".to_owned()),
            Some((_, text)) => Err(text),
            None if self.give_up_at.is_some_and(|at| now >= at) => {
                Err("it has not come to serve in time (`starttimeout`)".to_owned())
            }
            None => return None,
        };
        Some(result)
    }
}

impl Drop for Rehearsal {
    fn drop(&mut self) {
        // Its part is over; what it would still run is the business of the program that serves.
        fork::kill_now(self.process);
        fork::wait_for_end(self.process);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn shell(script: &str) -> Again {
        Again {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            folder: "/".into(),
            environment: Vec::new(),
        }
    }

    fn successor(again: &Again) -> Successor {
        Successor::new(again, io::stdin().as_fd(), None).unwrap()
    }

    fn verdict_of(script: &str, give_up_at: Option<Instant>) -> Result<(), String> {
        let mut rehearsal = Rehearsal::begin(&successor(&shell(script)), give_up_at).unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some(result) = rehearsal.look(Instant::now()) {
                return result;
            }
            assert!(Instant::now() < deadline, "no verdict");
            std::thread::yield_now();
        }
    }

    /// The descriptor of the verdict, as the variable tells it, and that this is a rehearsal.
    const FIND: &str = r#"words=${FCGI_RUN_UPGRADE#verdict:}; fd=${words%%:*}; test "${words#*:}" = " rehearsal::" || exit 9;
                          test "$(readlink /proc/self/fd/0)" = /dev/null || exit 9;"#;

    #[test]
    fn a_rehearsal_tells_how_it_went() {
        let bad = format!(r"{FIND} printf '\003\000\000\000\004oops' >/proc/self/fd/$fd");
        assert_eq!(verdict_of(&bad, None), Err("oops".to_owned()));
        let good = format!(r"{FIND} printf '\000\000\000\000\000' >/proc/self/fd/$fd; exec sleep 600");
        assert_eq!(verdict_of(&good, None), Ok(()), "whatever it does afterwards");
        assert!(verdict_of("exit 0", None).unwrap_err().contains("ended before"));
        assert!(verdict_of("exec sleep 600", Some(Instant::now())).unwrap_err().contains("in time"));
    }

    #[test]
    fn what_cannot_be_started_is_an_error() {
        let gone = Again { program: "/nowhere/at/all".into(), ..shell("") };
        let gone = successor(&gone);
        assert_eq!(Rehearsal::begin(&gone, None).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(gone.take_over().kind(), io::ErrorKind::NotFound);
    }
}
