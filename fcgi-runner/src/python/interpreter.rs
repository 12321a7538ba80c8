//! Starting an embedded interpreter, so that it is the one of the right virtual environment.
//!
//! The interpreter finds its home from the name of its program: giving it the `python` of a virtual environment makes it
//! behave as if that had been started. See `PyConfig` in the Python/C API and PEP 741 for its background.

#![expect(unsafe_code, reason = "the interpreter is configured and started here")]

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use pyo3::ffi;

/// Whether there is an interpreter in this process.
pub(super) fn is_started() -> bool {
    // SAFETY: may be asked at any time.
    (unsafe { ffi::Py_IsInitialized() }) != 0
}

/// Starts the interpreter in this process, once; the calling thread is not attached afterwards.
///
/// # Errors
/// The interpreter's own words.
pub(super) fn start(virtualenv: Option<&Path>) -> Result<(), String> {
    if is_started() {
        return Ok(());
    }
    let mut config = std::mem::MaybeUninit::<ffi::PyConfig>::zeroed();
    // SAFETY: the function fills the structure; zeroed memory is more than it asks for.
    unsafe { ffi::PyConfig_InitPythonConfig(config.as_mut_ptr()) };
    // SAFETY: it was filled by the call above.
    let mut config = unsafe { config.assume_init() };
    config.parse_argv = 0;
    // Signals belong to the server; an application may still install its own handlers.
    config.install_signal_handlers = 0;
    let started = configure(&mut config, virtualenv).and_then(|()| {
        // SAFETY: the configuration is complete and lives through the call.
        check(unsafe { ffi::Py_InitializeFromConfig(&raw const config) })
    });
    // SAFETY: the configuration was initialised, and is not used afterwards.
    unsafe { ffi::PyConfig_Clear(&raw mut config) };
    started?;
    // SAFETY: the start has left this thread attached; from now on threads attach when they need to.
    unsafe { ffi::PyEval_SaveThread() };
    Ok(())
}

fn configure(config: &mut ffi::PyConfig, virtualenv: Option<&Path>) -> Result<(), String> {
    if let Some(program) = program(virtualenv)? {
        set_string(config, Field::ProgramName, &program)?;
        set_string(config, Field::Executable, &program)?;
    }
    Ok(())
}

/// The `python` whose environment is wanted: of the virtual environment, or the one that this binary was built for.
fn program(virtualenv: Option<&Path>) -> Result<Option<PathBuf>, String> {
    let Some(virtualenv) = virtualenv else {
        return Ok(option_env!("FCGI_RUN_BUILD_PYTHON").map(PathBuf::from).filter(|path| path.exists()));
    };
    let program = virtualenv.join("bin/python");
    if !program.exists() {
        return Err(format!("`{}` is not a virtual environment: it has no bin/python", virtualenv.display()));
    }
    check_version(virtualenv)?;
    Ok(Some(program))
}

/// A virtual environment of another Python would be found, and its packages would not.
fn check_version(virtualenv: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(virtualenv.join("pyvenv.cfg")).unwrap_or_default();
    let version = text.lines().find_map(|line| {
        let (key, value) = line.split_once('=')?;
        matches!(key.trim(), "version" | "version_info").then(|| value.trim().to_owned())
    });
    // SAFETY: may be called before the start.
    let ours = unsafe { ffi::Py_GetVersion() };
    // SAFETY: the interpreter's version is a static string.
    let ours = unsafe { CStr::from_ptr(ours) }.to_string_lossy().into_owned();
    let minor = |version: &str| -> Vec<String> {
        version.split(['.', ' ', '+']).take(2).map(str::to_owned).collect()
    };
    match version {
        Some(version) if minor(&version) != minor(&ours) => Err(format!(
            "the virtual environment `{}` is for Python {}, this fcgi-run embeds Python {}",
            virtualenv.display(),
            minor(&version).join("."),
            minor(&ours).join("."),
        )),
        _ => Ok(()),
    }
}

#[derive(Clone, Copy)]
enum Field {
    ProgramName,
    Executable,
}

fn set_string(config: &mut ffi::PyConfig, field: Field, path: &Path) -> Result<(), String> {
    let bytes = CString::new(path.as_os_str().as_encoded_bytes()).map_err(|error| error.to_string())?;
    let target = match field {
        Field::ProgramName => &raw mut config.program_name,
        Field::Executable => &raw mut config.executable,
    };
    // SAFETY: the target is a string field of this very structure, the bytes end with NUL.
    check(unsafe { ffi::PyConfig_SetBytesString(config, target, bytes.as_ptr()) })
}

fn check(status: ffi::PyStatus) -> Result<(), String> {
    // SAFETY: reads the structure given by value.
    if unsafe { ffi::PyStatus_Exception(status) } == 0 {
        return Ok(());
    }
    if status.err_msg.is_null() {
        return Err("the interpreter cannot be started".to_owned());
    }
    // SAFETY: the message is a static string of the interpreter.
    Err(unsafe { CStr::from_ptr(status.err_msg) }.to_string_lossy().into_owned())
}
