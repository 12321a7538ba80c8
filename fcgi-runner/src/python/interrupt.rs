//! Requests that nobody waits for any more: the application can ask, or is interrupted.
//!
//! The exception is set in the thread that serves the request and is raised there at its next step in Python; a call that
//! waits in C notices it when it returns. It never hits anything but the application: what was set too late is taken back
//! before the thread goes on.

#![expect(unsafe_code, reason = "an exception is set in another thread here")]

use std::ffi::{CStr, c_long};
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use crate::app::Request;

/// `environ["fcgi.is_aborted"]`: whether the web server has given the request up, or has closed the connection.
#[pyclass(frozen, module = "fcgi_runner", name = "IsAborted")]
pub(super) struct IsAborted {
    request: Arc<Request>,
}

impl IsAborted {
    pub(super) fn new(request: Arc<Request>) -> Self {
        Self { request }
    }
}

#[pymethods]
impl IsAborted {
    fn __call__(&self) -> bool {
        self.request.is_aborted()
    }
}

/// Raises `fcgi_runner.ClientDisconnected` in applications.
pub(super) struct Interrupter {
    exception: Py<PyAny>,
}

/// A request that may be interrupted.
pub(super) struct Interruptible {
    request: Arc<Request>,
    thread: Arc<Thread>,
}

struct Thread {
    id: c_long,
    exception: Py<PyAny>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum State {
    Running,
    Interrupted,
    Over,
}

impl Interrupter {
    pub(super) fn new(py: Python<'_>) -> PyResult<Self> {
        let exception = py.import("fcgi_runner")?.getattr("ClientDisconnected")?.unbind();
        Ok(Self { exception })
    }

    /// Has this thread interrupted when the request is given up.
    pub(super) fn begin(&self, py: Python<'_>, request: &Arc<Request>) -> PyResult<Interruptible> {
        let thread = Arc::new(Thread {
            id: py.import("_thread")?.call_method0("get_ident")?.extract()?,
            exception: self.exception.clone_ref(py),
            state: Mutex::new(State::Running),
        });
        let target = thread.clone();
        request.on_abort(Some(Box::new(move || {
            // Whoever has noticed cannot wait for the interpreter.
            let raise = move || Python::attach(|_| target.interrupt());
            if let Err(error) = std::thread::Builder::new().name("fcgi-interrupt".to_owned()).spawn(raise) {
                tracing::error!(%error, "a request that nobody waits for cannot be interrupted");
            }
        })));
        Ok(Interruptible { request: request.clone(), thread })
    }

    /// Whether an error is the interruption.
    pub(super) fn is_cause(&self, py: Python<'_>, error: &PyErr) -> bool {
        error.is_instance(py, self.exception.bind(py))
    }
}

impl Interruptible {
    /// From here on nothing is interrupted any more in this thread.
    pub(super) fn end(self) {
        self.request.on_abort(None);
        let mut state = self.thread.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Interrupted {
            // SAFETY: the thread is attached to the interpreter; no exception takes back the one that waits.
            unsafe { ffi::PyThreadState_SetAsyncExc(self.thread.id, std::ptr::null_mut()) };
        }
        *state = State::Over;
    }
}

impl Thread {
    /// Called by a thread that is attached to the interpreter.
    fn interrupt(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == State::Running {
            *state = State::Interrupted;
            // SAFETY: the calling thread is attached; the interpreter takes a reference of its own, and looks whether a
            // thread of that number is there.
            unsafe { ffi::PyThreadState_SetAsyncExc(self.id, self.exception.as_ptr()) };
        }
    }
}

/// Makes `from fcgi_runner import ClientDisconnected` work where the package is not installed beside the binary.
pub(super) fn provide_exceptions(py: Python<'_>) -> PyResult<()> {
    if !is_installed(py)? {
        PyModule::from_code(py, EXCEPTIONS, c"fcgi_runner.py", c"fcgi_runner")?;
    }
    Ok(())
}

/// Whether `import fcgi_runner` finds something, asked as `importlib.util.find_spec` does it: importing that costs every worker
/// modules that many applications never use.
fn is_installed(py: Python<'_>) -> PyResult<bool> {
    let sys = py.import("sys")?;
    if sys.getattr("modules")?.contains("fcgi_runner")? {
        return Ok(true);
    }
    for finder in sys.getattr("meta_path")?.try_iter()? {
        if !finder?.call_method1("find_spec", ("fcgi_runner", py.None()))?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

const EXCEPTIONS: &CStr = cr#"
"""What applications use of fcgi-run; the package of this name, which is not installed here, has more."""

class ClientDisconnected(BaseException):
    """The visitor has gone: nobody waits for the answer any more."""
"#;
