//! The native module of the package `fcgi_runner`: the door for programs that bring their own interpreter.
//!
//! In come the words of the command line and perhaps a callable; they go to the same [`fcgi_runner::start`] as those of the
//! binary. What is friendly to programs (keyword arguments, the shapes of Django and flup) is written in Python around it.
//!
//! The interpreter's lock, if it has one, is held by the calling thread all the time, but for while it waits: the library lets
//! go of it there itself, and forks with the interpreter's own hooks. Nothing relies on that lock to keep threads apart, so a
//! free-threaded interpreter stays one.

mod afterlife;
mod caller;
mod variables;

use std::ffi::OsString;
use std::path::PathBuf;

use fcgi_runner::app::ByRole;
use fcgi_runner::cli::{self, Command};
use fcgi_runner::exit::ExitStatus;
use fcgi_runner::messages::Code;
use fcgi_runner::python::PythonHost;
use fcgi_runner::start::{self, Door, Ended, Problem};
use pyo3::exceptions::PySystemExit;
use pyo3::prelude::*;

use self::caller::Caller;
use self::variables::Variables;

/// The door for programs that bring their own interpreter; see `fcgi_runner`.
#[pymodule(gil_used = false)]
#[pyo3(name = "_native")]
mod native {
    #[pymodule_export]
    use super::{serve, version};
}

/// Runs the server by these words until it ends, with `application` or with the one that the words name; so it is with those of
/// the other roles.
///
/// Returns whether it has ended by SIGHUP, so that it can be started again.
///
/// # Errors
/// `SystemExit` in the process that has only started a server in the background, and `StartError`, a kind of it, where the
/// server cannot be started; nothing has been printed about it then.
#[pyfunction]
#[pyo3(signature = (application, words, /, authorizer = None, filter = None))]
#[expect(clippy::needless_pass_by_value, reason = "arguments from Python are handed over")]
fn serve(
    py: Python<'_>,
    application: Option<Py<PyAny>>,
    words: Vec<OsString>,
    authorizer: Option<Py<PyAny>>,
    filter: Option<Py<PyAny>>,
) -> PyResult<bool> {
    check_virtualenv(py, &words)?;
    afterlife::cancel();
    let caller = Caller::save()?;
    let callables = ByRole { responder: application, authorizer, filter };
    let host =
        |options| PythonHost::with_callables(options, callables.map(|callable| callable.clone_ref(py)));
    let variables = Variables::new(py);
    let forget = |name: &str| variables.forget(name);
    let door = Door {
        host: &host,
        given: callables.map(|_| ()),
        command: command(py),
        script: script(py),
        forget: &forget,
    };
    let ended = start::run(&words, &door);
    drop((variables, caller));
    match ended {
        Ok(Ended::Stopped | Ended::Printed) => Ok(false),
        Ok(Ended::HungUp) => Ok(true),
        Ok(Ended::Renewed(successor)) => {
            afterlife::arrange(successor);
            Ok(false)
        }
        Ok(Ended::Launched(status) | Ended::Asked(status)) => Err(PySystemExit::new_err(status)),
        Err(problem) => Err(start_error(py, &problem)),
    }
}

/// How the interpreter was started, as `sys` tells it.
fn command(py: Python<'_>) -> Option<(PathBuf, Vec<OsString>)> {
    let sys = py.import("sys").ok()?;
    let program: PathBuf = sys.getattr("executable").ok()?.extract().ok()?;
    let words: Vec<OsString> = sys.getattr("orig_argv").ok()?.extract().ok()?;
    program.is_absolute().then(|| (program, words.into_iter().skip(1).collect()))
}

/// The file that the interpreter was started with; `None` where there is none.
fn script(py: Python<'_>) -> Option<PathBuf> {
    let file: PathBuf = py.import("__main__").ok()?.getattr("__file__").ok()?.extract().ok()?;
    std::path::absolute(file).ok()
}

/// The version of the server.
#[pyfunction]
fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// Refuses a virtual environment that is not the one of the interpreter that runs already.
fn check_virtualenv(py: Python<'_>, words: &[OsString]) -> PyResult<()> {
    // Whatever is wrong with the words is said when they are run.
    let Ok(Command::Run(config)) = cli::parse_here(words) else { return Ok(()) };
    let Some(wanted) = config.virtualenv else { return Ok(()) };
    let ours: PathBuf = py.import("sys")?.getattr("prefix")?.extract()?;
    if wanted.canonicalize().ok() == ours.canonicalize().ok() {
        return Ok(());
    }
    let message = format!(
        "`virtualenv={}` is not the environment of this Python, which is `{}`",
        wanted.display(),
        ours.display()
    );
    let hint = format!("start it with `{}`, or leave out virtualenv", wanted.join("bin/python").display());
    Err(start_error(py, &Problem { status: ExitStatus::Usage, code: Code::OTHER_VIRTUALENV, message, hint }))
}

fn start_error(py: Python<'_>, problem: &Problem) -> PyErr {
    let raise = || -> PyResult<PyErr> {
        let class = py.import("fcgi_runner.errors")?.getattr("StartError")?;
        let arguments =
            (&problem.message, &problem.hint, i32::from(problem.status), problem.code.to_string());
        Ok(PyErr::from_value(class.call1(arguments)?))
    };
    raise().unwrap_or_else(|error| error)
}
