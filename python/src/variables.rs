//! Variables that are meant for the server alone: out of the environment while it runs.
//!
//! The interpreter has its own list of them, `os.environ`, which keeps that of the process in step.

use std::cell::RefCell;

use pyo3::prelude::*;

/// The environment of the interpreter; what was taken out of it comes back when this is dropped.
pub(crate) struct Variables<'py> {
    py: Python<'py>,
    taken: RefCell<Vec<(String, Py<PyAny>)>>,
}

impl<'py> Variables<'py> {
    pub(crate) fn new(py: Python<'py>) -> Self {
        Self { py, taken: RefCell::default() }
    }

    /// Takes a variable out.
    pub(crate) fn forget(&self, name: &str) {
        if let Ok(value) = self.environ().and_then(|environ| environ.call_method1("pop", (name,))) {
            self.taken.borrow_mut().push((name.to_owned(), value.unbind()));
        }
    }

    fn environ(&self) -> PyResult<Bound<'py, PyAny>> {
        self.py.import("os")?.getattr("environ")
    }
}

impl Drop for Variables<'_> {
    fn drop(&mut self) {
        for (name, value) in self.taken.take() {
            // An environment that takes nothing any more is that of an interpreter that ends.
            let _ = self.environ().and_then(|environ| environ.set_item(name, value));
        }
    }
}
