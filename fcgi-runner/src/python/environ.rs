//! The environ of a request: a new dict each time, from the parameters alone.
//!
//! Parameters named like keys of WSGI, or of our own, neither replace nor add any, and none becomes process environment. Our own
//! are `fcgi.role`, `fcgi.is_aborted`, `fcgi.recycle`, and for a filter `fcgi.data`, a file like `wsgi.input`.
//! Sources: PEP 3333 "environ Variables", RFC 3875 §4.1, FastCGI 1.0 section 6.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::objects::Objects;
use super::recurring::{self, Recurring, put_objects, text_of_path};
use super::recycle::{Recycle, Wish};
use super::strings::latin1;
use crate::app::{ByRole, DATA_LENGTH, ProcessModel, Request};
use crate::cgi::environ::{Essentials, Meaning};
use crate::cgi::path::split_path;

/// Makes environs.
pub(super) struct EnvironBuilder {
    script_name: Option<String>,
    /// The word for each role that is not the usual one.
    roles: ByRole<Py<PyString>>,
    /// What every environ has; for threads that find `recurring` in use.
    base: Py<PyDict>,
    /// Never waited for: a thread that holds it may be waiting for the interpreter.
    recurring: Mutex<Recurring>,
    /// It has objects that it has to let go of.
    forgets: AtomicBool,
    wish: Wish,
}

impl EnvironBuilder {
    pub(super) fn new(
        py: Python<'_>,
        script_name: Option<String>,
        model: ProcessModel,
        wish: Wish,
    ) -> PyResult<Self> {
        let word = |word| Some(PyString::intern(py, word).unbind());
        let roles = ByRole { responder: None, authorizer: word("authorizer"), filter: word("filter") };
        let base = base(py, model, wish.clone())?;
        let recurring = Mutex::new(Recurring::new(&base)?);
        let forgets = AtomicBool::new(false);
        Ok(Self { script_name, roles, base: base.unbind(), recurring, forgets, wish })
    }

    /// Lets go of the objects of a request, which the application goes on holding.
    pub(super) fn forget_objects(&self, py: Python<'_>) -> PyResult<()> {
        if let Ok(mut recurring) = self.recurring.try_lock() {
            return recurring.forget_objects(py);
        }
        self.forgets.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the application wants to go on in a new process.
    pub(super) fn wants_successor(&self) -> bool {
        self.wish.is_made()
    }

    pub(super) fn build<'py>(
        &self,
        py: Python<'py>,
        request: &Arc<Request>,
        objects: &Objects,
    ) -> PyResult<Bound<'py, PyDict>> {
        let mut essentials = Essentials::default();
        let (environ, mut path) = if let Ok(mut recurring) = self.recurring.try_lock() {
            if self.forgets.load(Ordering::Relaxed) && self.forgets.swap(false, Ordering::Relaxed) {
                recurring.forget_objects(py)?;
            }
            recurring.environ(py, request.params(), objects, &mut essentials)?
        } else {
            let environ = add_each(self.base.bind(py).copy()?, request, &mut essentials)?;
            put_objects(&environ, objects)?;
            (environ, None)
        };
        for (name, value) in essentials.missing() {
            environ.set_item(PyString::intern(py, name), latin1(py, value))?;
        }
        let (script_name, path_info) = split_path(self.script_name.as_deref(), &essentials.path);
        if !script_name.is_empty() {
            environ.set_item(intern!(py, "SCRIPT_NAME"), latin1(py, &script_name))?;
        }
        let path_info = match path_info {
            Cow::Borrowed(value) => text_of_path(py, value, &mut path),
            Cow::Owned(value) => latin1(py, &value),
        };
        environ.set_item(intern!(py, "PATH_INFO"), path_info)?;
        if essentials.url_scheme() != USUAL_SCHEME {
            environ.set_item(intern!(py, "wsgi.url_scheme"), essentials.url_scheme())?;
        }
        // nginx sends an empty one, Caddy a negative one. What is no number of bytes is left out, so that the usual
        // `int(environ.get("CONTENT_LENGTH", 0))` does not stumble.
        if let Some(length) = request.content_length() {
            environ.set_item(intern!(py, "CONTENT_LENGTH"), length.to_string())?;
        }
        if let Some(role) = self.roles.of(request.role()) {
            environ.set_item(intern!(py, "fcgi.role"), role.bind(py))?;
        }
        if let Some(data) = request.data() {
            // Counted where it was not announced, so that a filter can rely on it.
            let length = data.length().unwrap_or_default().to_string();
            environ.set_item(latin1(py, DATA_LENGTH), length)?;
            environ.set_item(intern!(py, "fcgi.data"), Py::new(py, Input::of_data(request.clone()))?)?;
        }
        Ok(environ)
    }
}

/// Adds the parameters that applications may see, one by one.
fn add_each<'py, 'r>(
    environ: Bound<'py, PyDict>,
    request: &'r Request,
    essentials: &mut Essentials<'r>,
) -> PyResult<Bound<'py, PyDict>> {
    for (name, value) in request.params() {
        let meaning = Meaning::of(name);
        essentials.take(meaning, value);
        if meaning.is_passed() {
            environ.set_item(latin1(environ.py(), name), latin1(environ.py(), value))?;
        }
    }
    Ok(environ)
}

/// Makes what every environ begins as; copying it is cheaper than filling a new one.
fn base(py: Python<'_>, model: ProcessModel, wish: Wish) -> PyResult<Bound<'_, PyDict>> {
    let base = PyDict::new(py);
    for key in ALWAYS_SET {
        base.set_item(PyString::intern(py, key), py.None())?;
    }
    base.set_item(PyString::intern(py, "SCRIPT_NAME"), "")?;
    base.set_item(PyString::intern(py, "wsgi.url_scheme"), PyString::intern(py, USUAL_SCHEME))?;
    base.set_item(PyString::intern(py, "fcgi.role"), PyString::intern(py, "responder"))?;
    base.set_item("wsgi.version", (1, 0))?;
    base.set_item("wsgi.multithread", model.multithread)?;
    base.set_item("wsgi.multiprocess", model.multiprocess)?;
    base.set_item("wsgi.run_once", model.run_once)?;
    base.set_item("wsgi.input_terminated", true)?;
    base.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
    base.set_item("fcgi.recycle", Py::new(py, Recycle::new(wish))?)?;
    recurring::make_room(&base)?;
    Ok(base)
}

/// Keys that every request sets anew.
const ALWAYS_SET: [&str; 4] = ["PATH_INFO", "wsgi.input", "wsgi.errors", "fcgi.is_aborted"];

const USUAL_SCHEME: &str = "http";
