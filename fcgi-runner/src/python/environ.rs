//! The environ of a request: a new dict each time, from the parameters alone.
//!
//! Parameters named like keys of WSGI, or of our own, neither replace nor add any, and none becomes process environment. Our own
//! are `fcgi.role`, and for a filter `fcgi.data`, a file like `wsgi.input`.
//! Sources: PEP 3333 "environ Variables", RFC 3875 §4.1, FastCGI 1.0 section 6.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple};

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
    names: Names,
    script_name: Option<String>,
    /// The word for each role.
    roles: ByRole<Py<PyString>>,
    /// What is the same in every environ.
    fixed: Vec<(Py<PyString>, Py<PyAny>)>,
}

impl EnvironBuilder {
    pub(super) fn new(py: Python<'_>, script_name: Option<String>, model: ProcessModel) -> PyResult<Self> {
        let flag = |value: bool| value.into_pyobject(py).map(|flag| flag.to_owned().into_any().unbind());
        let fixed = [
            ("wsgi.version", PyTuple::new(py, [1, 0])?.into_any().unbind()),
            ("wsgi.multithread", flag(model.multithread)?),
            ("wsgi.multiprocess", flag(model.multiprocess)?),
            ("wsgi.run_once", flag(model.run_once)?),
            ("wsgi.input_terminated", flag(true)?),
            ("wsgi.file_wrapper", py.get_type::<FileWrapper>().into_any().unbind()),
        ];
        let fixed =
            fixed.into_iter().map(|(name, value)| (PyString::intern(py, name).unbind(), value)).collect();
        let word = |word| Some(PyString::intern(py, word).unbind());
        let roles =
            ByRole { responder: word("responder"), authorizer: word("authorizer"), filter: word("filter") };
        Ok(Self { names: Names::default(), script_name, roles, fixed })
    }

    pub(super) fn build<'py>(
        &self,
        py: Python<'py>,
        request: &Arc<Request>,
        errors: &Bound<'py, ErrorStream>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let environ = PyDict::new(py);
        let mut essentials = Essentials::default();
        for (name, value) in request.params() {
            if essentials.note(name, value) && name != b"CONTENT_LENGTH" {
                environ.set_item(self.names.name(py, name), latin1(py, value))?;
            }
        }
        let set = |name: &str, value: &[u8]| {
            environ.set_item(self.names.name(py, name.as_bytes()), latin1(py, value))
        };
        for (name, value) in essentials.missing() {
            set(name, value)?;
        }
        let (script_name, path_info) = split_path(self.script_name.as_deref(), &essentials.path);
        set("SCRIPT_NAME", &script_name)?;
        set("PATH_INFO", &path_info)?;
        // nginx sends an empty one, Caddy a negative one. What is no number of bytes is left out, so that the usual
        // `int(environ.get("CONTENT_LENGTH", 0))` does not stumble.
        if let Some(length) = request.content_length() {
            set("CONTENT_LENGTH", length.to_string().as_bytes())?;
        }
        if let Some(role) = self.roles.of(request.role()) {
            environ.set_item(pyo3::intern!(py, "fcgi.role"), role.bind(py))?;
        }
        if let Some(data) = request.data() {
            // Counted where it was not announced, so that a filter can rely on it.
            let length = data.length().unwrap_or_default().to_string();
            environ.set_item(self.names.name(py, DATA_LENGTH), latin1(py, length.as_bytes()))?;
            environ
                .set_item(pyo3::intern!(py, "fcgi.data"), Py::new(py, Input::of_data(request.clone()))?)?;
        }
        for (name, value) in &self.fixed {
            environ.set_item(name.bind(py), value.bind(py))?;
        }
        environ.set_item(pyo3::intern!(py, "wsgi.url_scheme"), essentials.url_scheme())?;
        environ.set_item(pyo3::intern!(py, "wsgi.input"), Py::new(py, Input::new(request.clone()))?)?;
        environ.set_item(pyo3::intern!(py, "wsgi.errors"), errors)?;
        let is_aborted = Py::new(py, IsAborted::new(request.clone()))?;
        environ.set_item(pyo3::intern!(py, "fcgi.is_aborted"), is_aborted)?;
        Ok(environ)
    }
}
