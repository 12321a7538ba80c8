//! The objects that an application is given with each request.
//!
//! To make and to destroy them costs as much as the rest of an environ. So where the application has let go of all of them, which
//! their reference counts say, the next request is given the same ones; nobody is left who could tell. In between they belong to a
//! request of nobody, so that nothing of the last one is held. Where threads of the interpreter run at the same time, counts
//! say too little, and each request has its own.

#![expect(unsafe_code, reason = "reference counts are read here")]

use std::sync::{Arc, Mutex};

use pyo3::ffi;
use pyo3::prelude::*;

use super::errors::ErrorStream;
use super::input::Input;
use super::interrupt::IsAborted;
use super::start_response::StartResponse;
use crate::app::Request;

/// What belongs to one request.
pub(super) struct Objects {
    pub(super) response: Py<StartResponse>,
    pub(super) errors: Py<ErrorStream>,
    pub(super) input: Py<Input>,
    pub(super) is_aborted: Py<IsAborted>,
}

/// Objects that no request has; never waited for.
pub(super) struct SpareObjects {
    /// Whose they are; nobody's where none are kept.
    nobody: Option<Arc<Request>>,
    /// At most as many as requests have been served at once.
    sets: Mutex<Vec<Objects>>,
}

impl Objects {
    fn new(py: Python<'_>, request: &Arc<Request>) -> PyResult<Self> {
        Ok(Self {
            response: Py::new(py, StartResponse::new(py, request)?)?,
            errors: Py::new(py, ErrorStream::new(request.clone()))?,
            input: Py::new(py, Input::new(request.clone()))?,
            is_aborted: Py::new(py, IsAborted::new(request.clone()))?,
        })
    }

    fn assign(&self, request: &Arc<Request>) {
        self.response.get().assign(request);
        self.errors.get().assign(request);
        self.input.get().assign(request);
        self.is_aborted.get().assign(request);
    }

    /// Whether nobody else can reach any of them.
    fn are_ours(&self) -> bool {
        is_single(&self.response)
            && is_single(self.response.get().write())
            && is_single(&self.errors)
            && is_single(&self.input)
            && is_single(&self.is_aborted)
    }
}

/// Whether there is one reference only. Said by a thread that is attached to the interpreter.
fn is_single<T>(object: &Py<T>) -> bool {
    // SAFETY: the object is alive as long as this reference to it.
    let count = unsafe { ffi::Py_REFCNT(object.as_ptr()) };
    count == 1
}

impl SpareObjects {
    /// Begins with none; `parallel`: threads of the interpreter run at the same time.
    pub(super) fn new(parallel: bool) -> Self {
        let nobody = (!parallel).then(Request::of_nobody);
        Self { nobody, sets: Mutex::default() }
    }

    /// Gives a request its objects.
    ///
    /// # Errors
    /// When memory is out.
    pub(super) fn take(&self, py: Python<'_>, request: &Arc<Request>) -> PyResult<Objects> {
        let spare = self.sets.try_lock().ok().and_then(|mut sets| sets.pop());
        let Some(objects) = spare else { return Objects::new(py, request) };
        objects.assign(request);
        Ok(objects)
    }

    /// Takes them back at the end of the request, unless the application goes on holding one.
    pub(super) fn give_back(&self, _attached: Python<'_>, objects: Objects) {
        let Some(nobody) = self.nobody.as_ref().filter(|_| objects.are_ours()) else { return };
        objects.assign(nobody);
        if let Ok(mut sets) = self.sets.try_lock() {
            sets.push(objects);
        }
    }
}
