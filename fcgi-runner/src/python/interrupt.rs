//! Requests that nobody waits for any more, or that take too long: the application can ask, or is interrupted.
//!
//! The exception is set in the thread that serves the request and is raised there at its next step in Python; a call that
//! waits in C notices it when it returns, and in the main thread at once (`main_thread`). It never hits anything but the application: what was set too late is taken back
//! before the thread goes on.

#![expect(unsafe_code, reason = "an exception is set in another thread here")]

use std::ffi::{CStr, c_long};
use std::sync::Arc;

use pyo3::exceptions::PyBaseException;
use pyo3::ffi;
use pyo3::prelude::*;

use super::main_thread::MainThread;
use super::objects::Subject;
use crate::app::Request;
use crate::messages::Code;
use crate::os::thread;

/// `environ["fcgi.is_aborted"]`: whether the web server has given the request up, or has closed the connection.
#[pyclass(frozen, module = "fcgi_runner", name = "IsAborted")]
pub(super) struct IsAborted {
    subject: Arc<Subject>,
}

impl IsAborted {
    pub(super) fn new(subject: Arc<Subject>) -> Self {
        Self { subject }
    }
}

#[pymethods]
impl IsAborted {
    fn __call__(&self) -> bool {
        self.subject.request().is_aborted()
    }
}

/// Raises exceptions in applications: `fcgi_runner.ClientDisconnected` and `fcgi_runner.RequestTimeout`.
pub(super) struct Interrupter {
    exceptions: Arc<Exceptions>,
    /// Whether a visitor who goes is a reason.
    on_abort: bool,
    /// Who may be told by a signal.
    main_thread: Option<Arc<MainThread>>,
}

struct Exceptions {
    disconnected: Py<PyAny>,
    timeout: Py<PyAny>,
}

/// Why an application was interrupted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Interruption {
    Disconnected,
    Timeout,
}

/// A request that may be interrupted.
pub(super) struct Interruptible<'r> {
    request: &'r Arc<Request>,
    on_abort: bool,
}

impl Interrupter {
    /// `on_abort`: visitors who go are a reason, and not only time limits.
    pub(super) fn new(py: Python<'_>, on_abort: bool) -> PyResult<Self> {
        let module = py.import("fcgi_runner")?;
        let disconnected = module.getattr("ClientDisconnected")?.unbind();
        let timeout = if let Some(exception) = module.getattr_opt("RequestTimeout")? {
            exception.unbind()
        } else {
            // The package is older than this program.
            let base = py.get_type::<PyBaseException>();
            PyErr::new_type(py, c"fcgi_runner.RequestTimeout", None, Some(&base), None)?.into_any()
        };
        let main_thread = MainThread::new(py)?.map(Arc::new);
        Ok(Self { exceptions: Arc::new(Exceptions { disconnected, timeout }), on_abort, main_thread })
    }

    /// From here on this thread may be interrupted for a request.
    pub(super) fn begin<'r>(&self, request: &'r Arc<Request>) -> Interruptible<'r> {
        request.run().begin(thread::ident());
        if self.on_abort {
            let (target, exceptions, main) =
                (request.clone(), self.exceptions.clone(), self.main_thread.clone());
            request.on_abort(Some(Box::new(move || {
                // Whoever has noticed cannot wait for the interpreter.
                let raise = move || {
                    Python::attach(|py| raise_in(py, &target, &exceptions.disconnected, main.as_deref()));
                };
                let name = "fcgi-interrupt".to_owned();
                if let Err(error) = std::thread::Builder::new().name(name).spawn(raise) {
                    tracing::error!(
                        code = %Code::HELPER_THREAD,
                        %error,
                        "a request that nobody waits for cannot be interrupted"
                    );
                }
            })));
        }
        Interruptible { request, on_abort: self.on_abort }
    }

    /// Interrupts the application because of a request's time limit.
    pub(super) fn time_out(&self, request: &Arc<Request>) {
        Python::attach(|py| raise_in(py, request, &self.exceptions.timeout, self.main_thread.as_deref()));
    }

    /// Whether an error is an interruption, and which.
    pub(super) fn raised(&self, py: Python<'_>, error: &PyErr) -> Option<Interruption> {
        if error.is_instance(py, self.exceptions.timeout.bind(py)) {
            return Some(Interruption::Timeout);
        }
        let disconnected = error.is_instance(py, self.exceptions.disconnected.bind(py));
        disconnected.then_some(Interruption::Disconnected)
    }
}

impl<'r> Interruptible<'r> {
    /// From here on this thread may be interrupted at the time limit, and only then: the application cleans up.
    pub(super) fn closes(request: &'r Arc<Request>) -> Self {
        request.run().begin(thread::ident());
        Self { request, on_abort: false }
    }
}

impl Interruptible<'_> {
    /// From here on nothing is interrupted any more in this thread.
    pub(super) fn end(self) {
        if self.on_abort {
            self.request.on_abort(None);
        }
        if let Some(thread) = self.request.run().end() {
            // SAFETY: the thread is attached to the interpreter; no exception takes back the one that waits.
            unsafe { ffi::PyThreadState_SetAsyncExc(number(thread), std::ptr::null_mut()) };
        }
    }
}

/// Has an exception raised in the thread that runs a request, if one does.
fn raise_in(py: Python<'_>, request: &Arc<Request>, exception: &Py<PyAny>, main: Option<&MainThread>) {
    request.run().interrupt(|thread| match main {
        Some(main) if main.is(thread) => main.interrupt(request, exception.clone_ref(py)),
        _ => set_exception(thread, exception),
    });
}

/// Has an exception raised in a thread. Called by a thread that is attached to the interpreter.
fn set_exception(thread: u64, exception: &Py<PyAny>) {
    // SAFETY: the calling thread is attached; the interpreter takes a reference of its own, and looks whether a thread of that
    // number is there.
    unsafe { ffi::PyThreadState_SetAsyncExc(number(thread), exception.as_ptr()) };
}

/// The number of a thread, as the interpreter's function takes it.
#[expect(clippy::cast_possible_wrap, reason = "the interpreter turns it back")]
fn number(thread: u64) -> c_long {
    thread as c_long
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

# A package without parts: settings ask whether it has `fcgi_runner.django`.
__path__ = []

class ClientDisconnected(BaseException):
    """The visitor has gone: nobody waits for the answer any more."""

class RequestTimeout(BaseException):
    """The request has taken longer than `requesttimeout`."""
"#;
