//! `wsgi.errors`: text to the web server's log and to ours. Source: PEP 3333 "Input and Error Streams".

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::blocker::PyBlocker;
use super::objects::Subject;
use super::strings::readable;
use crate::app::{Blocker, Request};

/// A text stream. Whole lines leave at once, to FCGI_STDERR and to standard error; the rest with `flush` or the request.
#[pyclass(frozen, module = "fcgi_runner", name = "ErrorStream")]
pub(super) struct ErrorStream {
    subject: Arc<Subject>,
    pending: Mutex<String>,
}

impl ErrorStream {
    pub(super) fn new(subject: Arc<Subject>) -> Self {
        Self { subject, pending: Mutex::default() }
    }

    /// Forgets what it has not sent.
    pub(super) fn clear(&self) {
        self.pending().clear();
    }

    fn pending(&self) -> MutexGuard<'_, String> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is left; called at the end of the request.
    pub(super) fn finish(&self, blocker: &dyn Blocker) {
        let mut pending = self.pending();
        if pending.is_empty() {
            return;
        }
        let text = std::mem::take(&mut *pending);
        drop(pending);
        send(&self.subject.request(), &text, blocker);
    }
}

#[expect(clippy::unused_self, reason = "Python calls every method on an object")]
#[pymethods]
impl ErrorStream {
    /// Writes text; gives its length.
    fn write(&self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        let complete = {
            let text = readable(text)?;
            let mut pending = self.pending();
            pending.push_str(&text);
            pending.rfind('\n').map(|end| {
                let rest = pending.split_off(end + 1);
                std::mem::replace(&mut *pending, rest)
            })
        };
        if let Some(lines) = complete {
            send(&self.subject.request(), &lines, &PyBlocker::new(text.py()));
        }
        text.len()
    }

    fn writelines(&self, lines: &Bound<'_, PyAny>) -> PyResult<()> {
        for line in lines.try_iter()? {
            self.write(line?.cast()?)?;
        }
        Ok(())
    }

    fn flush(&self, py: Python<'_>) {
        self.finish(&PyBlocker::new(py));
    }

    fn isatty(&self) -> bool {
        false
    }

    fn writable(&self) -> bool {
        true
    }

    #[getter]
    fn encoding(&self) -> &'static str {
        "utf-8"
    }
}

/// Sends text about a request to both logs.
pub(super) fn send(request: &Request, text: &str, blocker: &dyn Blocker) {
    // Standard error may be a pipe that is full. Nobody can be told that it is closed.
    blocker.block(&mut || drop(std::io::stderr().write_all(text.as_bytes())));
    let for_peer: Vec<u8> = text.bytes().filter(|byte| *byte != 0).collect();
    request.stderr(&for_peer, blocker);
}
