//! The environ of a request: a new dict each time, from the parameters alone.
//!
//! Parameters named like keys of WSGI, or of our own, neither replace nor add any, and none becomes process environment. Our own
//! are `fcgi.role`, and for a filter `fcgi.data`, a file like `wsgi.input`.
//! Sources: PEP 3333 "environ Variables", RFC 3875 §4.1, FastCGI 1.0 section 6.

use std::sync::{Arc, Mutex};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::errors::ErrorStream;
use super::file_wrapper::FileWrapper;
use super::input::Input;
use super::interrupt::IsAborted;
use super::strings::{Names, latin1};
use crate::app::{ByRole, DATA_LENGTH, ProcessModel, Request};
use crate::cgi::environ::Essentials;
use crate::cgi::path::split_path;

/// Makes environs.
pub(super) struct EnvironBuilder {
    /// Never waited for: a thread that holds it may be waiting for the interpreter.
    names: Mutex<Names>,
    script_name: Option<String>,
    /// The word for each role.
    roles: ByRole<Py<PyString>>,
    /// What every environ begins as: all keys that every environ has, with room for those of a usual request. Copying it is
    /// cheaper than filling a new one.
    template: Py<PyDict>,
}

impl EnvironBuilder {
    pub(super) fn new(py: Python<'_>, script_name: Option<String>, model: ProcessModel) -> PyResult<Self> {
        let word = |word| Some(PyString::intern(py, word).unbind());
        let roles =
            ByRole { responder: word("responder"), authorizer: word("authorizer"), filter: word("filter") };
        let template = template(py, model)?.unbind();
        Ok(Self { names: Mutex::default(), script_name, roles, template })
    }

    pub(super) fn build<'py>(
        &self,
        py: Python<'py>,
        request: &Arc<Request>,
        errors: &Bound<'py, ErrorStream>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let environ = self.template.bind(py).copy()?;
        let essentials = self.add_params(&environ, request)?;
        for (name, value) in essentials.missing() {
            environ.set_item(PyString::intern(py, name), latin1(py, value))?;
        }
        let (script_name, path_info) = split_path(self.script_name.as_deref(), &essentials.path);
        environ.set_item(intern!(py, "SCRIPT_NAME"), latin1(py, &script_name))?;
        environ.set_item(intern!(py, "PATH_INFO"), latin1(py, &path_info))?;
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
        environ.set_item(intern!(py, "wsgi.url_scheme"), essentials.url_scheme())?;
        environ.set_item(intern!(py, "wsgi.input"), Py::new(py, Input::new(request.clone()))?)?;
        environ.set_item(intern!(py, "wsgi.errors"), errors)?;
        let is_aborted = Py::new(py, IsAborted::new(request.clone()))?;
        environ.set_item(intern!(py, "fcgi.is_aborted"), is_aborted)?;
        Ok(environ)
    }

    /// Adds the parameters that applications may see.
    fn add_params<'r>(&self, environ: &Bound<'_, PyDict>, request: &'r Request) -> PyResult<Essentials<'r>> {
        let py = environ.py();
        let mut essentials = Essentials::default();
        let mut names = self.names.try_lock().ok();
        if let Some(names) = &mut names {
            names.rewind();
        }
        for (name, value) in request.params() {
            if essentials.note(name, value) && !COMPUTED.contains(&name) {
                let (name, value) = match &mut names {
                    Some(names) => names.pair(py, name, value),
                    None => (latin1(py, name), latin1(py, value)),
                };
                environ.set_item(name, value)?;
            }
        }
        Ok(essentials)
    }
}

/// Makes what every environ begins as.
fn template(py: Python<'_>, model: ProcessModel) -> PyResult<Bound<'_, PyDict>> {
    let template = PyDict::new(py);
    for key in ALWAYS_SET {
        template.set_item(PyString::intern(py, key), py.None())?;
    }
    template.set_item("wsgi.version", (1, 0))?;
    template.set_item("wsgi.multithread", model.multithread)?;
    template.set_item("wsgi.multiprocess", model.multiprocess)?;
    template.set_item("wsgi.run_once", model.run_once)?;
    template.set_item("wsgi.input_terminated", true)?;
    template.set_item("wsgi.file_wrapper", py.get_type::<FileWrapper>())?;
    // A dict grows with its keys and does not shrink with them, and a copy has the same room.
    let passing: Vec<String> = (template.len()..GROWS_AT).map(|number| number.to_string()).collect();
    passing.iter().try_for_each(|key| template.set_item(key, py.None()))?;
    passing.iter().try_for_each(|key| template.del_item(key))?;
    Ok(template)
}

/// Keys that every request sets anew.
const ALWAYS_SET: [&str; 12] = [
    "REQUEST_METHOD",
    "SCRIPT_NAME",
    "PATH_INFO",
    "QUERY_STRING",
    "SERVER_NAME",
    "SERVER_PORT",
    "SERVER_PROTOCOL",
    "wsgi.url_scheme",
    "wsgi.input",
    "wsgi.errors",
    "fcgi.is_aborted",
    "fcgi.role",
];

/// Parameters whose values are not those that were sent.
const COMPUTED: [&[u8]; 3] = [b"SCRIPT_NAME", b"PATH_INFO", b"CONTENT_LENGTH"];

/// So many keys make a dict grow from 21 to 42 places, enough for most requests.
const GROWS_AT: usize = 22;
