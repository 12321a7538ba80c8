//! From a target to a callable.

use std::path::PathBuf;

use pyo3::exceptions::{PyAttributeError, PyModuleNotFoundError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::call::traceback;
use crate::app::LoadError;

/// What to import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// `module:callable`, `module:factory()`, or a module whose callable has a usual name.
    Module(String),
    /// Django with the settings module of this name, or the one in the environment.
    Django { settings: Option<String> },
    /// The application of the server's own tests.
    Echo,
}

/// Where to look for modules, first to last.
#[derive(Clone, Debug, Default)]
pub(super) struct SearchPath(pub(super) Vec<PathBuf>);

impl SearchPath {
    /// Puts the folders at the front of `sys.path`, each once.
    pub(super) fn apply(&self, py: Python<'_>) -> PyResult<()> {
        let path = py.import("sys")?.getattr("path")?.cast_into::<PyList>()?;
        for folder in self.0.iter().rev() {
            let folder = folder.as_os_str().into_pyobject(py)?;
            if path.contains(&folder)? {
                path.call_method1("remove", (&folder,))?;
            }
            path.insert(0, folder)?;
        }
        Ok(())
    }
}

/// Imports the application.
pub(super) fn load(py: Python<'_>, target: &Target) -> Result<Py<PyAny>, LoadError> {
    let loaded = match target {
        Target::Module(name) => load_module(py, name),
        Target::Django { settings } => load_django(py, settings.as_deref()),
        Target::Echo => Err(LoadFailure::Said("the echo application is not written in Python".to_owned())),
    };
    loaded.map_err(|failure| failure.explain(py, target))
}

enum LoadFailure {
    Raised(PyErr),
    Said(String),
}

impl From<PyErr> for LoadFailure {
    fn from(error: PyErr) -> Self {
        Self::Raised(error)
    }
}

fn load_django(py: Python<'_>, settings: Option<&str>) -> Result<Py<PyAny>, LoadFailure> {
    if let Some(settings) = settings {
        py.import("os")?.getattr("environ")?.set_item("DJANGO_SETTINGS_MODULE", settings)?;
    }
    // Honours WSGI_APPLICATION, and falls back to Django's own handler.
    let application =
        py.import("django.core.servers.basehttp")?.call_method0("get_internal_wsgi_application")?;
    Ok(application.unbind())
}

fn load_module(py: Python<'_>, name: &str) -> Result<Py<PyAny>, LoadFailure> {
    let (module_name, attribute) = match name.split_once(':') {
        Some((module, attribute)) => (module, Some(attribute)),
        None => (name, None),
    };
    let module = py.import(module_name)?;
    let Some(attribute) = attribute else { return usual_callable(&module) };
    let (path, is_factory) = match attribute.strip_suffix("()") {
        Some(path) => (path, true),
        None => (attribute, false),
    };
    let mut found = module.into_any();
    for part in path.split('.') {
        found = found.getattr(part)?;
    }
    if is_factory {
        found = found.call0()?;
    }
    if !found.is_callable() {
        return Err(LoadFailure::Said(format!("`{name}` is not callable, so it is no WSGI application")));
    }
    Ok(found.unbind())
}

fn usual_callable(module: &Bound<'_, PyModule>) -> Result<Py<PyAny>, LoadFailure> {
    for name in USUAL_NAMES {
        if let Ok(Some(found)) = module.getattr_opt(name)
            && found.is_callable()
        {
            return Ok(found.unbind());
        }
    }
    Err(LoadFailure::Said(format!(
        "the module `{}` has no callable named {}",
        module.name().map_or_else(|_| "?".to_owned(), |name| name.to_string()),
        USUAL_NAMES.map(|name| format!("`{name}`")).join(" or "),
    )))
}

impl LoadFailure {
    fn explain(self, py: Python<'_>, target: &Target) -> LoadError {
        match self {
            Self::Said(message) => {
                let hint = "name it with app=module:callable".to_owned();
                LoadError {
                    message: format!("the application cannot be imported: {message}"),
                    hint: Some(hint),
                }
            }
            Self::Raised(error) => LoadError {
                message: format!("the application cannot be imported\n{}", traceback(py, &error).trim_end()),
                hint: hint(py, &error, target),
            },
        }
    }
}

fn hint(py: Python<'_>, error: &PyErr, target: &Target) -> Option<String> {
    if error.is_instance_of::<PyModuleNotFoundError>(py) {
        let missing: String = error.value(py).getattr("name").ok()?.extract().ok()?;
        let wanted = match target {
            Target::Module(name) => name.split([':', '.']).next().unwrap_or_default().to_owned(),
            Target::Django { settings } => settings.as_deref()?.split('.').next()?.to_owned(),
            Target::Echo => return None,
        };
        return Some(if missing == wanted {
            format!(
                "start fcgi-run in the folder that holds `{missing}`, or name that folder with pythonpath="
            )
        } else {
            format!(
                "`{missing}` is not installed for this Python; is it in a virtual environment? (virtualenv=)"
            )
        });
    }
    error
        .is_instance_of::<PyAttributeError>(py)
        .then(|| "app= wants module:callable, is the second part spelled right?".to_owned())
}

/// Names under which applications are found in a module.
const USUAL_NAMES: [&str; 2] = ["application", "app"];
