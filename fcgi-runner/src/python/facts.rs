//! What the rest of the house wants to know of an interpreter: for `fcgi-run check`, and which files are to be watched.

use std::ffi::CStr;
use std::path::PathBuf;

use pyo3::prelude::*;

/// Names and values; without Django there are only those of the interpreter.
pub(super) fn facts(py: Python<'_>) -> PyResult<Vec<(String, String)>> {
    let helper = PyModule::from_code(py, FACTS, c"fcgi_runner/facts.py", c"fcgi_runner_facts")?;
    helper.getattr("facts")?.call0()?.extract()
}

/// The files of all modules; those that have none, or an odd one, are left out.
pub(super) fn sources(py: Python<'_>) -> PyResult<Vec<PathBuf>> {
    let modules = py.import("sys")?.getattr("modules")?.call_method0("copy")?.call_method0("values")?;
    let mut files = Vec::new();
    for module in modules.try_iter()? {
        // A module may be any object, with a `__getattr__` of its own.
        if let Ok(file) = module?.getattr("__file__").and_then(|file| file.extract::<PathBuf>()) {
            files.push(file);
        }
    }
    Ok(files)
}

/// Settings may be of any type, and reading them may raise: what cannot be told is left out.
const FACTS: &CStr = cr#"
import os
import sys

def facts():
    found = [("python", sys.version.split()[0]), ("prefix", sys.prefix)]
    found.append(("virtualenv", str(sys.prefix != sys.base_prefix).lower()))
    configuration = sys.modules.get("django.conf")
    if configuration is not None and configuration.settings.configured:
        for name, ask in DJANGO.items():
            try:
                value = ask(configuration.settings)
            except Exception:
                continue
            found.append((f"django.{name}", str(value).lower() if isinstance(value, bool) else str(value)))
    return found

def has_static(settings):
    served = any("whitenoise" in str(name).lower() for name in settings.MIDDLEWARE)
    return "django.contrib.staticfiles" in settings.INSTALLED_APPS and not served

DJANGO = {
    "settings": lambda settings: os.environ.get("DJANGO_SETTINGS_MODULE", "its settings"),
    "debug": lambda settings: bool(settings.DEBUG),
    "hosts": lambda settings: " ".join(map(str, settings.ALLOWED_HOSTS)),
    "static": has_static,
    "static_url": lambda settings: settings.STATIC_URL or "",
    "static_root": lambda settings: os.path.abspath(settings.STATIC_ROOT) if settings.STATIC_ROOT else "",
}
"#;
