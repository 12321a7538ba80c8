//! The log of slow requests: for each, where it was when it had taken too long, and how long it took in the end.
//!
//! An entry is written with one `write` to a file opened for appending, so entries of several workers do not mix. Its first line
//! begins with the time, all others are indented; what comes from the request is escaped, so that none can be forged.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{PoisonError, RwLock};

use super::log::local_time;
use crate::app::Request;
use crate::os::stdio;

/// An open log of slow requests.
#[derive(Debug)]
pub struct SlowLog {
    file: RwLock<File>,
}

impl SlowLog {
    /// Opens the file to append to.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: RwLock::new(stdio::append(path)?) })
    }

    /// Goes on in another file: the old one was moved away.
    pub fn replace(&self, new: File) {
        *self.file.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Notes where a request is that runs; `number` names it among those of this worker, `stack` is lines that are indented.
    pub fn note(&self, request: &Request, number: u64, stack: &str) {
        let seconds = request.finished().duration.as_secs_f64();
        let rest = format!("has taken {seconds:.3} s so far\n{}\n", stack.trim_end());
        self.write(request, number, &rest);
    }

    /// Notes the end of a request that was noted.
    pub fn finish(&self, request: &Request, number: u64) {
        let finished = request.finished();
        let rest =
            format!("has ended with {} after {:.3} s\n", finished.status, finished.duration.as_secs_f64());
        self.write(request, number, &rest);
    }

    fn write(&self, request: &Request, number: u64, rest: &str) {
        // The query may hold secrets.
        let path = request.target().split(|byte| *byte == b'?').next().unwrap_or_default();
        let entry = format!(
            "{} [{}] request {number}: {} \"{}\" {rest}",
            local_time().plain(),
            std::process::id(),
            request.method().escape_ascii(),
            path.escape_ascii(),
        );
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        // A full disk loses entries, not requests.
        let _ = (&*file).write_all(entry.as_bytes());
    }
}
