//! `wsgi.errors`: text to the web server's log and to ours. Source: PEP 3333 "Input and Error Streams".

use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::blocker::PyBlocker;
use super::strings::readable;
use crate::app::{Blocker, Request};

/// A text stream. Whole lines leave at once, to FCGI_STDERR and to standard error; the rest with `flush` or the request.
#[pyclass(frozen, module = "fcgi_runner", name = "ErrorStream")]
pub(super) struct ErrorStream {
    state: Mutex<State>,
}

struct State {
    request: Arc<Request>,
    pending: String,
}

impl ErrorStream {
    pub(super) fn new(request: Arc<Request>) -> Self {
        Self { state: Mutex::new(State { request, pending: String::new() }) }
    }

    /// Lets it be the log of a request, and of the former one no more.
    pub(super) fn assign(&self, request: &Arc<Request>) {
        *self.state() = State { request: request.clone(), pending: String::new() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends what is left; called at the end of the request.
    pub(super) fn finish(&self, blocker: &dyn Blocker) {
        let mut state = self.state();
        if state.pending.is_empty() {
            return;
        }
        let (request, text) = (state.request.clone(), std::mem::take(&mut state.pending));
        drop(state);
        send(&request, &text, blocker);
    }
}

#[expect(clippy::unused_self, reason = "Python calls every method on an object")]
#[pymethods]
impl ErrorStream {
    /// Writes text; gives its length.
    fn write(&self, text: &Bound<'_, PyString>) -> PyResult<usize> {
        let complete = {
            let text = readable(text)?;
            let mut state = self.state();
            state.pending.push_str(&text);
            match state.pending.rfind('\n') {
                Some(end) => {
                    let rest = state.pending.split_off(end + 1);
                    Some((state.request.clone(), std::mem::replace(&mut state.pending, rest)))
                }
                None => None,
            }
        };
        if let Some((request, lines)) = complete {
            send(&request, &lines, &PyBlocker::new(text.py()));
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
