//! From a target to a callable.

use std::path::{Path, PathBuf};

use pyo3::exceptions::{
    PyAttributeError, PyKeyboardInterrupt, PyModuleNotFoundError, PySyntaxError, PySystemExit,
};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::call::traceback;
use crate::app::LoadError;
use crate::messages::Code;

/// What to import.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// `module:callable`, `module:factory()`, or a module whose callable has a usual name.
    Module(String),
    /// The same with the module in a file, which is named because another module may have its name.
    File { file: PathBuf, name: String },
    /// Django with the settings module of this name, or the one in the environment.
    Django { settings: Option<String> },
    /// The application of the server's own tests.
    Echo,
    /// The program that called us has brought it: nothing is imported.
    Given,
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

/// Imports the application of a role.
pub(super) fn load(py: Python<'_>, role: &'static str, target: &Target) -> Result<Py<PyAny>, LoadError> {
    let loaded = match target {
        Target::Module(name) => load_module(py, name, None),
        Target::File { file, name } => load_module(py, name, Some(file)),
        Target::Django { settings } => load_django(py, settings.as_deref()),
        Target::Echo => Err(LoadFailure::Said(
            Code::NOT_GIVEN,
            "the echo application is not written in Python".to_owned(),
        )),
        Target::Given => Err(LoadFailure::Said(Code::NOT_GIVEN, "it was not given".to_owned())),
    };
    loaded.map_err(|failure| failure.explain(py, role, target))
}

enum LoadFailure {
    Raised(PyErr),
    Said(Code, String),
    /// The file that was named is not the one that was imported.
    Hidden(String),
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

fn load_module(py: Python<'_>, name: &str, file: Option<&Path>) -> Result<Py<PyAny>, LoadFailure> {
    let (module_name, attribute) = match name.split_once(':') {
        Some((module, attribute)) => (module, Some(attribute)),
        None => (name, None),
    };
    let module = py.import(module_name)?;
    if let Some(file) = file {
        check_file(&module, file)?;
    }
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
        let message = format!("`{name}` is not callable, so it is no WSGI application");
        return Err(LoadFailure::Said(Code::NOT_CALLABLE, message));
    }
    Ok(found.unbind())
}

/// Two files of one name are one module: what was imported must be what was named.
fn check_file(module: &Bound<'_, PyModule>, file: &Path) -> Result<(), LoadFailure> {
    let imported = module.getattr_opt("__file__")?.and_then(|file| file.extract::<PathBuf>().ok());
    let real = |path: &Path| path.canonicalize().ok();
    if imported.as_deref().and_then(real).is_some_and(|imported| Some(imported) == real(file)) {
        return Ok(());
    }
    let other = imported.map_or_else(|| "the interpreter".to_owned(), |path| path.display().to_string());
    let name = module.name().map_or_else(|_| "?".to_owned(), |name| name.to_string());
    Err(LoadFailure::Hidden(format!(
        "the module `{name}` of `{}` is hidden by that of `{other}`",
        file.display()
    )))
}

fn usual_callable(module: &Bound<'_, PyModule>) -> Result<Py<PyAny>, LoadFailure> {
    for name in USUAL_NAMES {
        if let Ok(Some(found)) = module.getattr_opt(name)
            && found.is_callable()
        {
            return Ok(found.unbind());
        }
    }
    let message = format!(
        "the module `{}` has no callable named {}",
        module.name().map_or_else(|_| "?".to_owned(), |name| name.to_string()),
        USUAL_NAMES.map(|name| format!("`{name}`")).join(" or "),
    );
    Err(LoadFailure::Said(Code::NO_USUAL_CALLABLE, message))
}

impl LoadFailure {
    fn explain(self, py: Python<'_>, role: &'static str, target: &Target) -> LoadError {
        let (what, option) = match role {
            "responder" => ("the application".to_owned(), "app"),
            other => (format!("the application of `{other}=`"), other),
        };
        let (code, cause, hint) = match self {
            Self::Said(code, message) => {
                (code, format!(": {message}"), Some(format!("name it with {option}=module:callable")))
            }
            Self::Hidden(message) => {
                (Code::MODULE_HIDDEN, format!(": {message}"), Some("give the file another name".to_owned()))
            }
            Self::Raised(error) => {
                let (code, hint) = diagnosis(py, &error, option, target);
                (code, format!("\n{}", traceback(py, &error).trim_end()), hint)
            }
        };
        LoadError { code, message: format!("{what} cannot be imported{cause}"), hint }
    }
}

/// What kind of failure an exception at import is, and a hint that knows names.
fn diagnosis(py: Python<'_>, error: &PyErr, option: &str, target: &Target) -> (Code, Option<String>) {
    if error.is_instance_of::<PyModuleNotFoundError>(py) {
        return missing_module(py, error, target);
    }
    if error.is_instance_of::<PyAttributeError>(py) {
        let hint = format!("{option}= wants module:callable, is the second part spelled right?");
        return (Code::ATTRIBUTE_MISSING, Some(hint));
    }
    let code = if error.is_instance_of::<PySyntaxError>(py) {
        Code::SYNTAX_ERROR
    } else if error.is_instance_of::<PySystemExit>(py) || error.is_instance_of::<PyKeyboardInterrupt>(py) {
        Code::IMPORT_EXIT
    } else if error.get_type(py).name().is_ok_and(|name| name == "ImproperlyConfigured") {
        Code::DJANGO_SETTINGS
    } else {
        Code::IMPORT_RAISED
    };
    (code, None)
}

fn missing_module(py: Python<'_>, error: &PyErr, target: &Target) -> (Code, Option<String>) {
    let missing = error.value(py).getattr("name").and_then(|name| name.extract::<String>());
    let wanted = match target {
        Target::Module(name) | Target::File { name, .. } => name.split([':', '.']).next(),
        Target::Django { settings } => settings.as_deref().and_then(|settings| settings.split('.').next()),
        Target::Echo | Target::Given => None,
    };
    let (Ok(missing), Some(wanted)) = (missing, wanted) else { return (Code::PACKAGE_MISSING, None) };
    if missing == wanted {
        let hint = format!(
            "start fcgi-run in the folder that holds `{missing}`, or name that folder with pythonpath="
        );
        return (Code::MODULE_NOT_FOUND, Some(hint));
    }
    let hint = format!(
        "`{missing}` is not installed for this Python; is it in a virtual environment? (virtualenv=)"
    );
    (Code::PACKAGE_MISSING, Some(hint))
}

/// Names under which applications are found in a module.
const USUAL_NAMES: [&str; 2] = ["application", "app"];
