//! The interpreter as the rest of the house sees it.

#![expect(unsafe_code, reason = "the interpreter is told of forks and signals here")]

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, IntoRawFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::ffi;
use pyo3::prelude::*;

use super::blocker::PyBlocker;
use super::call::{PythonApplication, traceback};
use super::child;
use super::environ::EnvironBuilder;
use super::facts;
use super::interpreter;
use super::interrupt::{self, Interrupter};
use super::loader::{self, SearchPath, Target};
use super::objects::SpareObjects;
use super::output;
use super::recycle::Wish;
use super::substitute::Substitute;
use crate::app::{Application, Blocker, ByRole, Host, LoadError, PlainBlocker, ProcessModel, role_name};
use crate::messages::Code;
use crate::os::fork::ForkHooks;
use crate::os::process;

/// What the interpreter is started with, and what it is to import.
#[derive(Clone, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct PythonOptions {
    pub targets: ByRole<Target>,
    pub search_path: Vec<PathBuf>,
    pub virtualenv: Option<PathBuf>,
    pub script_name: Option<String>,
    pub debug: bool,
    /// Whether the application is interrupted when its visitor has gone.
    pub interrupts: bool,
    /// Whether requests have a time limit, at which the application is interrupted.
    pub limits: bool,
    /// Whether the code changes while it is served.
    pub changes: bool,
}

/// An interpreter: one that is started in each worker, or the one that has started us.
pub struct PythonHost {
    options: PythonOptions,
    model: Mutex<ProcessModel>,
    /// The callables that the program which called us has brought.
    given: ByRole<Py<PyAny>>,
    /// All of them, where they were imported before the fork, or why they could not be.
    preloaded: Mutex<Option<Result<ByRole<Py<PyAny>>, LoadError>>>,
    /// The interpreter was there before us.
    guest: bool,
}

impl PythonHost {
    /// An interpreter that will import its application.
    pub fn new(options: PythonOptions) -> Self {
        Self {
            options,
            model: Mutex::default(),
            given: ByRole::default(),
            preloaded: Mutex::new(None),
            guest: interpreter::is_started(),
        }
    }

    /// The interpreter that called us, with the applications that it brings.
    pub fn with_callables(options: PythonOptions, given: ByRole<Py<PyAny>>) -> Self {
        Self { given, ..Self::new(options) }
    }

    fn start(&self) -> Result<(), LoadError> {
        interpreter::start(self.options.virtualenv.as_deref()).map_err(|text| LoadError {
            code: Code::INTERPRETER,
            message: format!("the Python interpreter cannot be started: {text}"),
            hint: Some("check virtualenv=, VIRTUAL_ENV and PYTHONHOME".to_owned()),
        })
    }

    fn import(&self, py: Python<'_>) -> Result<ByRole<Py<PyAny>>, LoadError> {
        if let Some(preloaded) = &*self.preloaded() {
            let callables = preloaded.as_ref().map_err(Clone::clone)?;
            return Ok(callables.map(|callable| callable.clone_ref(py)));
        }
        SearchPath(self.options.search_path.clone()).apply(py).map_err(|error| internal(py, &error))?;
        if self.options.changes {
            // Compiled code is told from its source by the second of its change and its size alone.
            let result = py.import("sys").and_then(|sys| sys.setattr("dont_write_bytecode", true));
            result.map_err(|error| internal(py, &error))?;
        }
        interrupt::provide_exceptions(py).map_err(|error| internal(py, &error))?;
        self.options.targets.try_map(|role, target| match (target, self.given.of(role)) {
            (Target::Given, Some(callable)) => Ok(callable.clone_ref(py)),
            _ => loader::load(py, role_name(role), target),
        })
    }

    fn import_for_workers(&self) -> Result<ByRole<Py<PyAny>>, LoadError> {
        self.start()?;
        Python::attach(|py| {
            // What waits in a buffer at the fork would be written by every worker once more.
            output::make_logs(py).map_err(|error| internal(py, &error))?;
            let callables = self.import(py)?;
            check_threads(py)?;
            prepare_for_fork(py).map_err(|error| internal(py, &error))?;
            Ok(callables)
        })
    }

    fn preloaded(&self) -> MutexGuard<'_, Option<Result<ByRole<Py<PyAny>>, LoadError>>> {
        self.preloaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for PythonHost {
    fn load(&self) -> Result<Arc<dyn Application>, LoadError> {
        self.start()?;
        let model = *self.model.lock().unwrap_or_else(PoisonError::into_inner);
        Python::attach(|py| {
            output::make_logs(py).map_err(|error| internal(py, &error))?;
            child::watch(py).map_err(|error| internal(py, &error))?;
            let callables = self.import(py)?;
            let environ = EnvironBuilder::new(py, self.options.script_name.clone(), model, Wish::default())
                .map_err(|error| internal(py, &error))?;
            let PythonOptions { interrupts, limits, .. } = self.options;
            let interrupter = (interrupts || limits).then(|| Interrupter::new(py, interrupts)).transpose();
            let interrupter = interrupter.map_err(|error| internal(py, &error))?;
            let objects = SpareObjects::new(self.runs_in_parallel());
            let debug = self.options.debug;
            Ok(Arc::new(PythonApplication::new(callables, environ, objects, interrupter, debug))
                as Arc<dyn Application>)
        })
    }

    fn is_cold(&self) -> bool {
        !interpreter::is_started()
    }

    fn warm_up(&self) -> bool {
        // Files for the start of every interpreter (`.pth`, `sitecustomize`) may open and start what forked processes must not
        // share, or what does not live in them.
        let before = process::descriptors();
        let ready = self.start().is_ok()
            && Python::attach(|py| output::make_logs(py).and_then(|()| prepare_for_fork(py))).is_ok();
        let fit = ready && process::threads() == 1 && process::descriptors() == before;
        if !fit {
            tracing::debug!("every worker starts an interpreter of its own");
        }
        fit
    }

    fn preload(&self) -> Result<(), LoadError> {
        let imported = self.import_for_workers();
        let result = imported.as_ref().map(drop).map_err(Clone::clone);
        *self.preloaded() = Some(imported);
        result
    }

    fn substitute(&self, shown: Option<&LoadError>) -> Option<Arc<dyn Application>> {
        // Without an interpreter there is nothing to import with, whatever is mended.
        interpreter::is_started().then(|| Arc::new(Substitute::new(shown)) as Arc<dyn Application>)
    }

    fn sources(&self) -> Vec<PathBuf> {
        if !interpreter::is_started() {
            return Vec::new();
        }
        Python::attach(|py| facts::sources(py).unwrap_or_default())
    }

    fn facts(&self) -> Vec<(String, String)> {
        if !interpreter::is_started() {
            return Vec::new();
        }
        Python::attach(|py| facts::facts(py).unwrap_or_default())
    }

    fn run_thread(&self, body: &mut dyn FnMut(&dyn Blocker)) {
        if interpreter::is_started() {
            Python::attach(|py| body(&PyBlocker::new(py)));
        } else {
            body(&PlainBlocker);
        }
    }

    fn shut_down(&self) {
        if !interpreter::is_started() {
            return;
        }
        Python::attach(|py| {
            let run = || -> PyResult<()> {
                wait_for_threads(py)?;
                py.import("atexit")?.call_method0("_run_exitfuncs")?;
                output::flush(py)
            };
            if let Err(error) = run() {
                tracing::warn!(
                    code = %Code::APPLICATION_HOOK,
                    traceback = %traceback(py, &error),
                    "the application's clean-up has failed"
                );
            }
        });
    }

    fn signal_bell(&self) -> Option<UnixStream> {
        if !interpreter::is_started() {
            return None;
        }
        let ring = || -> io::Result<UnixStream> {
            let (bell, ringer) = UnixStream::pair()?;
            bell.set_nonblocking(true)?;
            ringer.set_nonblocking(true)?;
            Python::attach(|py| -> PyResult<()> {
                let arguments = pyo3::types::PyDict::new(py);
                arguments.set_item("warn_on_full_buffer", false)?;
                py.import("_signal")?.call_method(
                    "set_wakeup_fd",
                    (ringer.as_raw_fd(),),
                    Some(&arguments),
                )?;
                Ok(())
            })?;
            // The interpreter rings it from its signal handlers, as long as the process lives.
            let _ = ringer.into_raw_fd();
            Ok(bell)
        };
        let (code, text) = (Code::NOT_WATCHED, "signal handlers of the application may be late");
        ring().map_err(|error| tracing::warn!(%code, %error, "{text}")).ok()
    }

    fn handle_signals(&self) {
        if !interpreter::is_started() {
            return;
        }
        Python::attach(|py| {
            if let Err(error) = py.check_signals() {
                tracing::error!(
                    code = %Code::APPLICATION_HOOK,
                    traceback = %traceback(py, &error),
                    "a signal handler of the application has failed"
                );
            }
        });
    }

    fn set_environment(&self, variables: &[(&str, Option<String>)]) {
        if !interpreter::is_started() {
            return process::set_variables(variables);
        }
        Python::attach(|py| {
            let set = || -> PyResult<()> {
                let environ = py.import("os")?.getattr("environ")?;
                variables.iter().try_for_each(|(name, value)| match value {
                    Some(value) => environ.set_item(name, value),
                    None => environ.call_method1("pop", (name, py.None())).map(drop),
                })
            };
            if let Err(error) = set() {
                tracing::error!(
                    code = %Code::ENVIRONMENT,
                    traceback = %traceback(py, &error),
                    "the environment of the application cannot be set"
                );
            }
        });
    }

    fn set_process_model(&self, model: ProcessModel) {
        *self.model.lock().unwrap_or_else(PoisonError::into_inner) = model;
    }

    fn is_guest(&self) -> bool {
        self.guest
    }

    fn runs_in_parallel(&self) -> bool {
        // A module may have asked for the lock that a free-threaded interpreter does without.
        let has_lock = |py: Python<'_>| -> PyResult<bool> {
            match py.import("sys")?.getattr_opt("_is_gil_enabled")? {
                Some(asked) => asked.call0()?.extract(),
                None => Ok(true),
            }
        };
        interpreter::is_started() && Python::attach(|py| !has_lock(py).unwrap_or(true))
    }

    fn is_given(&self) -> bool {
        self.given.values().next().is_some()
    }
}

impl ForkHooks for PythonHost {
    fn before_fork(&self) {
        if interpreter::is_started() {
            // SAFETY: a started interpreter, and the thread that forks is attached to it (the supervisor runs inside
            // `run_thread`).
            Python::attach(|_| unsafe { ffi::PyOS_BeforeFork() });
        }
    }

    fn after_fork_parent(&self) {
        if interpreter::is_started() {
            // SAFETY: pairs with the call before the fork, in the same thread.
            Python::attach(|_| unsafe { ffi::PyOS_AfterFork_Parent() });
        }
    }

    fn after_fork_child(&self) {
        if interpreter::is_started() {
            // SAFETY: pairs with the call before the fork, in the only thread that the child has.
            Python::attach(|_| unsafe { ffi::PyOS_AfterFork_Child() });
            child::adopt();
        }
    }
}

/// Waits for threads and thread pools of the application, as the interpreter does at its end, but not for ever.
fn wait_for_threads(py: Python<'_>) -> PyResult<()> {
    let helper =
        PyModule::from_code(py, WAIT_FOR_THREADS, c"fcgi_runner/threads.py", c"fcgi_runner_threads")?;
    helper.call_method1("wait", (THREADS_TIMEOUT,)).map(drop)
}

/// `threading._shutdown` does this without a limit, and cannot be given one.
const WAIT_FOR_THREADS: &CStr = cr#"
import threading

def finish():
    # Thread pools put their end on this list; their threads wait for it.
    for call in reversed(getattr(threading, "_threading_atexits", ())):
        call()
    others = (threading.main_thread(), threading.current_thread())
    for thread in threading.enumerate():
        if not thread.daemon and thread not in others:
            thread.join()

def wait(seconds):
    thread = threading.Thread(target=finish, name="fcgi-run waits for threads", daemon=True)
    thread.start()
    thread.join(seconds)
"#;

/// Seconds that threads of the application have to end when a worker leaves; a stop of the server may leave them fewer.
const THREADS_TIMEOUT: u32 = 30;

/// Collects garbage and hides the rest from the collector, so that workers do not copy pages by counting in them.
fn prepare_for_fork(py: Python<'_>) -> PyResult<()> {
    let gc = py.import("gc")?;
    gc.call_method0("collect")?;
    gc.call_method0("freeze")?;
    Ok(())
}

fn check_threads(py: Python<'_>) -> Result<(), LoadError> {
    let count = || -> PyResult<usize> { py.import("threading")?.call_method0("active_count")?.extract() };
    if count().map_err(|error| internal(py, &error))? > 1 {
        return Err(LoadError {
            code: Code::PRELOAD_THREADS,
            message: "the application starts threads when it is imported, they would not live in the workers"
                .to_owned(),
            hint: Some("leave out preload, then every worker imports the application itself".to_owned()),
        });
    }
    Ok(())
}

fn internal(py: Python<'_>, error: &PyErr) -> LoadError {
    let message = format!("the interpreter is not usable\n{}", traceback(py, error));
    LoadError { code: Code::INTERPRETER_BROKEN, message, hint: None }
}
