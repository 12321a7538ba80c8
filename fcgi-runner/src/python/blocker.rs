//! Waiting without the interpreter's lock.

#![expect(unsafe_code, reason = "a closure is declared fit to run without the interpreter here")]

use std::cell::RefCell;

use pyo3::prelude::*;

use crate::app::Blocker;

/// Lets go of the interpreter while a thread that is attached to it waits.
pub(super) struct PyBlocker<'py> {
    attached: Python<'py>,
    /// What a signal handler of the application has raised during a wait.
    raised: RefCell<Option<PyErr>>,
}

impl<'py> PyBlocker<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        Self { attached: py, raised: RefCell::default() }
    }

    /// The exception that has ended a wait, if one has.
    pub(super) fn take_raised(&self) -> Option<PyErr> {
        self.raised.take()
    }
}

impl Blocker for PyBlocker<'_> {
    fn block(&self, wait: &mut dyn FnMut()) {
        let wait = Unattached(wait);
        self.attached.detach(|| wait.run());
    }

    fn note_signal(&self) -> bool {
        // Handlers run in the main thread; in others, there is nothing to do.
        let raised = Python::attach(|py| py.check_signals().err());
        self.raised.replace(raised);
        self.is_interrupted()
    }

    fn is_interrupted(&self) -> bool {
        self.raised.borrow().is_some()
    }
}

/// What runs in the same thread, and uses nothing of the interpreter without attaching to it again.
struct Unattached<'w>(&'w mut dyn FnMut());

// SAFETY: `detach` asks for this mark to keep what belongs to an attached thread out, and does not change threads. Nothing of
// that kind is in the closure: that is the contract of `Blocker::block`.
unsafe impl Send for Unattached<'_> {}

impl Unattached<'_> {
    fn run(self) {
        (self.0)();
    }
}
