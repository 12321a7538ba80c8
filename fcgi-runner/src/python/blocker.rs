//! Waiting without the interpreter's lock.

#![expect(unsafe_code, reason = "the thread state is put aside and taken up again here")]

use pyo3::ffi;
use pyo3::prelude::*;

use crate::app::Blocker;

/// Lets go of the interpreter while a thread that is attached to it waits.
pub(super) struct PyBlocker<'py> {
    _attached: Python<'py>,
}

impl<'py> PyBlocker<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        Self { _attached: py }
    }
}

impl Blocker for PyBlocker<'_> {
    fn block(&self, wait: &mut dyn FnMut()) {
        struct Detached(*mut ffi::PyThreadState);
        impl Drop for Detached {
            fn drop(&mut self) {
                // SAFETY: this is the state that was saved below, in this very thread.
                unsafe { ffi::PyEval_RestoreThread(self.0) }
            }
        }
        // SAFETY: the token held by this blocker proves that the thread is attached; `wait` does not touch the interpreter
        // (the contract of `Blocker::block`), and the state is restored even when it panics.
        let _detached = Detached(unsafe { ffi::PyEval_SaveThread() });
        wait();
    }
}
