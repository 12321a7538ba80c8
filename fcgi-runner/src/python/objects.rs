//! The objects that an application is given with each request.
//!
//! To make and to destroy them costs as much as the rest of an environ. So where the application has let go of all of them, which
//! their reference counts say, the next request is given the same ones; nobody is left who could tell. In between they belong to a
//! request of nobody, so that nothing of the last one is held. Where threads of the interpreter run at the same time, counts
//! say too little, and each request has its own.
//!
//! What comes again and again need not be put into each environ: one set stands in the template of the next ones
//! ([`super::recurring`]), from the second request on that is given it, until an application holds one of its objects.

#![expect(unsafe_code, reason = "reference counts are read here")]

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::prelude::*;
use pyo3::{ffi, intern};

use super::errors::ErrorStream;
use super::input::Input;
use super::interrupt::IsAborted;
use super::start_response::StartResponse;
use crate::app::Request;

/// What belongs to one request.
pub(super) struct Objects {
    pub(super) response: Py<StartResponse>,
    /// The method of `response` that the application calls.
    pub(super) start_response: Py<PyAny>,
    pub(super) errors: Py<ErrorStream>,
    pub(super) input: Py<Input>,
    pub(super) is_aborted: Py<IsAborted>,
    /// Whose they are, but for `response`, which has the answer.
    subject: Arc<Subject>,
    place: Cell<Place>,
}

/// The request that several objects belong to now.
pub(super) struct Subject(Mutex<Arc<Request>>);

impl Subject {
    pub(super) fn new(request: Arc<Request>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(request)))
    }

    pub(super) fn request(&self) -> Arc<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn change(&self, request: &Arc<Request>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = request.clone();
    }
}

/// Where the objects of a set stand between two requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    /// Nowhere: they are new.
    None,
    /// In the list.
    Spare,
    /// In the list, and those for the environ in the template.
    Template,
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
        let subject = Subject::new(request.clone());
        let response = Py::new(py, StartResponse::new(py, request)?)?;
        Ok(Self {
            start_response: response.getattr(py, intern!(py, "start_response"))?,
            response,
            errors: Py::new(py, ErrorStream::new(subject.clone()))?,
            input: Py::new(py, Input::new(subject.clone()))?,
            is_aborted: Py::new(py, IsAborted::new(subject.clone()))?,
            subject,
            place: Cell::new(Place::None),
        })
    }

    /// Whether they have come back from a request, so that they will perhaps do so again.
    pub(super) fn may_recur(&self) -> bool {
        self.place.get() == Place::Spare
    }

    /// Notes that the template has them now.
    pub(super) fn note_kept(&self) {
        self.place.set(Place::Template);
    }

    /// Whether the template has them.
    pub(super) fn are_kept(&self) -> bool {
        self.place.get() == Place::Template
    }

    fn assign(&self, request: &Arc<Request>) {
        self.response.get().assign(request);
        self.subject.change(request);
    }

    /// Lets all of them be about nothing.
    fn clear(&self, nobody: &Arc<Request>) {
        self.assign(nobody);
        self.errors.get().clear();
        self.input.get().clear();
    }

    /// Whether nobody else can reach any of them.
    fn are_ours(&self) -> bool {
        let holders = if self.are_kept() { 2 } else { 1 };
        is_held(&self.start_response, 1)
            && is_held(&self.response, 2)
            && is_held(self.response.get().write(), 1)
            && is_held(&self.errors, holders)
            && is_held(&self.input, holders)
            && is_held(&self.is_aborted, holders)
    }
}

/// Whether there are no more references than ours. Said by a thread that is attached to the interpreter.
fn is_held<T>(object: &Py<T>, holders: isize) -> bool {
    // SAFETY: the object is alive as long as this reference to it.
    let count = unsafe { ffi::Py_REFCNT(object.as_ptr()) };
    count == holders
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

    /// Takes them back at the end of the request, unless the application goes on holding one. `false` when they are in the
    /// template, and have to be taken out.
    pub(super) fn give_back(&self, _attached: Python<'_>, objects: Objects) -> bool {
        let nobody = self.nobody.as_ref().filter(|_| objects.are_ours());
        if let Some(nobody) = nobody
            && let Ok(mut sets) = self.sets.try_lock()
        {
            objects.clear(nobody);
            if !objects.are_kept() {
                objects.place.set(Place::Spare);
            }
            sets.push(objects);
            return true;
        }
        !objects.are_kept()
    }
}
