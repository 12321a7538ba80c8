//! Processes that the application forks: they run its code, and must not go on to run ours.
//!
//! A child that leaves by an exception (`sys.exit` is one) comes back to the caller of the application. There it would answer
//! a request that its parent answers as well, and then serve as a worker that no master knows. It is made to leave instead.

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::call::traceback;
use super::output;
use crate::os::fork;

static IS_CHILD: AtomicBool = AtomicBool::new(false);

/// Asks the interpreter to tell of forks.
pub(super) fn watch(py: Python<'_>) -> PyResult<()> {
    let arguments = PyDict::new(py);
    arguments.set_item("after_in_child", wrap_pyfunction!(note_fork, py)?)?;
    py.import("os")?.call_method("register_at_fork", (), Some(&arguments))?;
    Ok(())
}

/// Takes note that the fork just made was ours: this process serves.
pub(super) fn adopt() {
    IS_CHILD.store(false, Ordering::Relaxed);
}

#[pyfunction]
fn note_fork() {
    IS_CHILD.store(true, Ordering::Relaxed);
}

/// Ends this process if the application has forked it, with the status that its exception asks for.
pub(super) fn leave_if_forked(py: Python<'_>, error: Option<&PyErr>) {
    if !IS_CHILD.load(Ordering::Relaxed) {
        return;
    }
    let status = error.map_or(0, |error| status_of(py, error));
    // There is nothing to be done about output that cannot be written.
    let _ = output::flush(py);
    fork::exit_now(status);
}

/// The exit status as the interpreter would give it.
fn status_of(py: Python<'_>, error: &PyErr) -> i32 {
    let code =
        error.is_instance_of::<PySystemExit>(py).then(|| error.value(py).getattr("code").ok()).flatten();
    match code {
        Some(code) if code.is_none() => 0,
        Some(code) => code.extract().unwrap_or_else(|_| {
            complain(&format!("{code}\n"));
            1
        }),
        None => {
            complain(&traceback(py, error));
            1
        }
    }
}

/// Says the last word of a process; if nobody can hear it, it is lost.
fn complain(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
