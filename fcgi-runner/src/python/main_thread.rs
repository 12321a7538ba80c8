//! The interruption of a request that the main thread serves: a signal ends its wait in C as well, where Python looks for signals
//! then (`time.sleep`, sockets, locks, child processes). Exceptions that are set from outside wait for the next step in Python.
//!
//! The handler raises only for the request that was meant, as long as the application runs for it.

use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;

use crate::app::Request;
use crate::os::thread;

/// The way to the main thread.
pub(super) struct MainThread {
    ident: u64,
    meant: Meant,
}

/// Whom the next signal is for, and the exception to be raised.
type Meant = Arc<Mutex<Option<(Arc<Request>, Py<PyAny>)>>>;

/// What Python calls when the signal has come.
#[pyclass(frozen, module = "fcgi_runner", name = "Interruption")]
struct Interruption {
    meant: Meant,
}

impl MainThread {
    /// Installs the handler; nothing where this is not the interpreter's main thread.
    pub(super) fn new(py: Python<'_>) -> PyResult<Option<Self>> {
        let meant = Meant::default();
        let handler = Interruption { meant: meant.clone() };
        let installed = py.import("_signal")?.call_method1("signal", (thread::interruption(), handler));
        match installed {
            Ok(_) => Ok(Some(Self { ident: thread::ident(), meant })),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether it is this one.
    pub(super) fn is(&self, thread: u64) -> bool {
        self.ident == thread
    }

    /// Has the handler raise an exception for a request.
    pub(super) fn interrupt(&self, request: &Arc<Request>, exception: Py<PyAny>) {
        *self.meant.lock().unwrap_or_else(PoisonError::into_inner) = Some((request.clone(), exception));
        thread::interrupt_main();
    }
}

#[pymethods]
impl Interruption {
    fn __call__(
        &self,
        py: Python<'_>,
        _signal: &Bound<'_, PyAny>,
        _frame: &Bound<'_, PyAny>,
    ) -> PyResult<()> {
        let meant = self.meant.lock().unwrap_or_else(PoisonError::into_inner).take();
        match meant {
            Some((request, exception)) if request.run().is_on() => {
                Err(PyErr::from_value(exception.bind(py).call0()?))
            }
            _ => Ok(()),
        }
    }
}
