//! `environ["fcgi.recycle"]`: an application that wants to go on in a new process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::prelude::*;

/// What the application has asked for.
#[derive(Clone, Debug, Default)]
pub(super) struct Wish(Arc<AtomicBool>);

impl Wish {
    pub(super) fn is_made(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Called without arguments: when this request is over, another worker is to take the place of this one.
#[pyclass(frozen, module = "fcgi_runner", name = "Recycle")]
pub(super) struct Recycle {
    wish: Wish,
}

impl Recycle {
    pub(super) fn new(wish: Wish) -> Self {
        Self { wish }
    }
}

#[pymethods]
impl Recycle {
    fn __call__(&self) {
        self.wish.0.store(true, Ordering::Relaxed);
    }
}
