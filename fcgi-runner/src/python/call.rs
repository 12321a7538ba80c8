//! One call of the application, from the environ to `close()`. Source: PEP 3333 "Specification Details".

use std::sync::Arc;

use pyo3::exceptions::{
    PyConnectionResetError, PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PySystemExit,
};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyTuple};
use smallvec::SmallVec;

use super::blocker::PyBlocker;
use super::child::leave_if_forked;
use super::environ::EnvironBuilder;
use super::errors::{self, ErrorStream};
use super::file_wrapper::{self, FileWrapper};
use super::interrupt::{Interrupter, Interruptible, Interruption};
use super::objects::{Objects, SpareObjects};
use super::stack;
use super::start_response::{StartResponse, body_bytes, to_python};
use super::strings::readable;
use crate::app::{Application, Blocker, ByRole, Request, TIMEOUT_TEXT, ThreadStack};
use crate::cgi::page;
use crate::messages::{Code, plain};

/// The WSGI applications, one for each role that is played.
pub(super) struct PythonApplication {
    callables: ByRole<Py<PyAny>>,
    environ: EnvironBuilder,
    objects: SpareObjects,
    interrupter: Option<Interrupter>,
    debug: bool,
}

impl PythonApplication {
    /// `interrupter`: what ends requests whose visitor has gone.
    pub(super) fn new(
        callables: ByRole<Py<PyAny>>,
        environ: EnvironBuilder,
        objects: SpareObjects,
        interrupter: Option<Interrupter>,
        debug: bool,
    ) -> Self {
        Self { callables, environ, objects, interrupter, debug }
    }

    fn callable(&self, request: &Request) -> PyResult<&Py<PyAny>> {
        // The protocol turns others away.
        let nobody = || PyRuntimeError::new_err("no application plays this role");
        self.callables.of(request.role()).ok_or_else(nobody)
    }
}

impl Application for PythonApplication {
    fn serve(&self, request: &Arc<Request>) {
        Python::attach(|py| {
            if let Err(error) = Call::new(py, request, &self.objects).and_then(|call| call.run(self)) {
                // Out of memory, or an interpreter that is going down: nothing can be told to the application any more.
                tracing::error!(
                    code = %Code::NOT_HANDED_OVER,
                    %error,
                    "a request could not be handed to the application"
                );
            }
        });
    }

    fn wait_for_turn(&self) {
        Python::attach(|_| ());
    }

    fn stack(&self, thread: u64) -> Option<String> {
        stack::of_thread(thread)
    }

    fn stacks(&self) -> Vec<ThreadStack> {
        stack::of_all()
    }

    fn interrupt(&self, request: &Arc<Request>) {
        if let Some(interrupter) = &self.interrupter {
            interrupter.time_out(request);
        }
    }

    fn wants_successor(&self) -> bool {
        self.environ.wants_successor()
    }
}

/// The pieces of an answer that is there as a whole, which are few nearly always.
type Parts<'py> = SmallVec<[Bound<'py, PyBytes>; 4]>;

/// The objects of one request.
struct Call<'py> {
    py: Python<'py>,
    request: Arc<Request>,
    objects: Objects,
}

impl<'py> Call<'py> {
    fn new(py: Python<'py>, request: &Arc<Request>, spare: &SpareObjects) -> PyResult<Self> {
        Ok(Self { py, request: request.clone(), objects: spare.take(py, request)? })
    }

    fn response(&self) -> &StartResponse {
        self.objects.response.get()
    }

    fn errors(&self) -> &ErrorStream {
        self.objects.errors.get()
    }

    fn run(self, app: &PythonApplication) -> PyResult<()> {
        let served = self.serve(app);
        if !app.objects.give_back(self.py, self.objects) {
            app.environ.forget_objects(self.py)?;
        }
        served
    }

    fn serve(&self, app: &PythonApplication) -> PyResult<()> {
        let environ = app.environ.build(self.py, &self.request, &self.objects)?;
        let interruptible = app.interrupter.as_ref().map(|interrupter| interrupter.begin(&self.request));
        let returned =
            app.callable(&self.request)?.bind(self.py).call1((environ, &self.objects.start_response));
        leave_if_forked(self.py, returned.as_ref().err());
        let (iterable, sent) = match returned {
            Ok(iterable) => {
                let sent = self.send(&iterable);
                leave_if_forked(self.py, sent.as_ref().err());
                (Some(iterable), sent)
            }
            Err(error) => (None, Err(error)),
        };
        if let Some(interruptible) = interruptible {
            interruptible.end();
        }
        let closed = iterable.map_or(Ok(()), |iterable| self.close(&iterable, app));
        let blocker = PyBlocker::new(self.py);
        if let Err(error) = sent.and(closed) {
            self.fail(&error, app, &blocker)?;
        }
        self.errors().finish(&blocker);
        let mut answer = self.response().answer()?;
        if !self.request.is_ended() {
            answer.cut(&blocker);
        }
        if answer.was_cut_short() {
            let (method, path) = self.asked();
            tracing::warn!(
                code = %Code::ANSWER_TOO_LONG,
                method,
                path,
                "the application gave more body than its Content-Length, the rest was thrown away"
            );
        }
        Ok(())
    }

    /// Sends what the application has returned.
    fn send(&self, iterable: &Bound<'py, PyAny>) -> PyResult<()> {
        if let Some(parts) = whole(iterable).map_err(|error| self.complain(error))? {
            return self.finish(&parts, parts.len() == 1);
        }
        if let Ok(wrapper) = iterable.cast_exact::<FileWrapper>()
            && let Some((fd, position)) = file_wrapper::regular_file(wrapper)
            && self.is_wanted()?
        {
            file_wrapper::send_file(&mut *self.response().answer()?, fd, position, &PyBlocker::new(self.py))?;
            return self.finish(&[], false);
        }
        let blocker = PyBlocker::new(self.py);
        for chunk in iterable.try_iter()? {
            let chunk = chunk?;
            let data = body_bytes(&chunk).map_err(|error| self.complain(error))?;
            let mut answer = self.response().answer()?;
            let was_complete = answer.is_complete();
            if !data.as_bytes().is_empty() {
                answer.write(data.as_bytes(), &blocker).map_err(|error| self.complain(to_python(error)))?;
            }
            // The rest would be thrown away: asking for it costs the application's time, or never ends. A body that has just
            // become complete is asked once more, for what its generator does behind the last `yield`.
            if answer.discards_body() || was_complete || answer.was_cut_short() {
                break;
            }
        }
        self.finish(&[], false)
    }

    /// Calls `close()`, which may take too long as well.
    fn close(&self, iterable: &Bound<'py, PyAny>, app: &PythonApplication) -> PyResult<()> {
        let Some(close) = closer(iterable)? else { return Ok(()) };
        let interruptible = app.interrupter.as_ref().map(|_| Interruptible::closes(&self.request));
        let closed = close.call0().map(drop);
        if let Some(interruptible) = interruptible {
            interruptible.end();
        }
        closed
    }

    fn finish(&self, parts: &[Bound<'py, PyBytes>], whole: bool) -> PyResult<()> {
        // Nothing can be said on STDERR once the request is over.
        self.errors().finish(&PyBlocker::new(self.py));
        let parts: SmallVec<[&[u8]; 4]> = parts.iter().map(PyBytesMethods::as_bytes).collect();
        let mut answer = self.response().answer()?;
        answer
            .finish(&parts, whole, &PyBlocker::new(self.py))
            .map_err(|error| self.complain(to_python(error)))
    }

    fn complain(&self, error: PyErr) -> PyErr {
        self.response().complain(self.py, error)
    }

    /// Whether a body would be sent at all.
    fn is_wanted(&self) -> PyResult<bool> {
        let answer = self.response().answer()?;
        Ok(answer.is_started() && !answer.discards_body())
    }

    /// Ends a request whose application has raised.
    fn fail(&self, error: &PyErr, app: &PythonApplication, blocker: &PyBlocker<'py>) -> PyResult<()> {
        self.errors().finish(blocker);
        let code = self.code_of(error);
        let gone = self.request.is_aborted() || self.response().answer()?.is_gone();
        let raised = app.interrupter.as_ref().and_then(|interrupter| interrupter.raised(self.py, error));
        if raised == Some(Interruption::Timeout) {
            // The log has been told, with the stack.
            let page = page::error_page(504, "", TIMEOUT_TEXT, Some(Code::REQUEST_TIMEOUT));
            self.response().answer()?.fail(504, &page, blocker);
            return Ok(());
        }
        if gone && raised == Some(Interruption::Disconnected) {
            tracing::info!(peer = %self.request.peer(), "the visitor went away, the application was interrupted");
        } else if gone && error.is_instance_of::<PyConnectionResetError>(self.py) {
            tracing::debug!(peer = %self.request.peer(), "the web server went away before the request was over");
        } else {
            // Only now: making one has the interpreter import modules of a megabyte, once.
            let traceback = traceback(self.py, error);
            self.tell(code, blocker);
            // What the request has brought stands in it, as often as not.
            errors::send(&self.request, &plain::lines(&traceback.replace('\0', "")), blocker);
            if app.debug {
                self.response().answer()?.fail(500, &page::traceback_page(&traceback, code), blocker);
                return Ok(());
            }
        }
        let text = "The application has met an error. Its log says more.";
        let page = page::error_page(500, "", text, Some(code));
        self.response().answer()?.fail(500, &page, blocker);
        Ok(())
    }

    fn code_of(&self, error: &PyErr) -> Code {
        if self.response().is_complaint(self.py, error) {
            Code::ANSWER_BROKEN
        } else if error.is_instance_of::<PySystemExit>(self.py)
            || error.is_instance_of::<PyKeyboardInterrupt>(self.py)
        {
            Code::APPLICATION_EXIT
        } else {
            Code::APPLICATION_RAISED
        }
    }

    /// The line of the log above the traceback.
    fn tell(&self, code: Code, blocker: &PyBlocker<'py>) {
        let (method, path) = self.asked();
        let peer = self.request.peer();
        blocker.block(&mut || tracing::error!(%code, peer, method, path, "the application has failed"));
    }

    /// Method and path, for the log.
    fn asked(&self) -> (String, String) {
        let text = |name: &[u8]| {
            String::from_utf8_lossy(self.request.params().get(name).unwrap_or_default()).into_owned()
        };
        (text(b"REQUEST_METHOD"), text(b"SCRIPT_NAME") + &text(b"PATH_INFO"))
    }
}

/// The parts of an answer that is there as a whole: a list or a tuple of bytes, or a single bytes object.
fn whole<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Option<Parts<'py>>> {
    let part = |item: Bound<'py, PyAny>| body_bytes(&item).cloned();
    if let Ok(list) = iterable.cast_exact::<PyList>() {
        return list.iter().map(part).collect::<PyResult<_>>().map(Some);
    }
    if let Ok(tuple) = iterable.cast_exact::<PyTuple>() {
        return tuple.iter().map(part).collect::<PyResult<_>>().map(Some);
    }
    if iterable.cast_exact::<PyBytes>().is_ok() {
        return Err(pyo3::exceptions::PyTypeError::new_err(
            "the application returned bytes, it has to return an iterable of them: return [body]",
        ));
    }
    Ok(None)
}

fn closer<'py>(iterable: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
    if iterable.cast_exact::<PyList>().is_ok() || iterable.cast_exact::<PyTuple>().is_ok() {
        // They have none, and looking for it would make an exception.
        return Ok(None);
    }
    iterable.getattr_opt(pyo3::intern!(iterable.py(), "close"))
}

/// The traceback as Python prints it.
pub(super) fn traceback(py: Python<'_>, error: &PyErr) -> String {
    let format = || -> PyResult<String> {
        let lines = py
            .import("traceback")?
            .call_method1("format_exception", (error.get_type(py), error.value(py), error.traceback(py)))?;
        lines.try_iter()?.map(|line| Ok(readable(line?.cast()?)?.into_owned())).collect()
    };
    format().unwrap_or_else(|_| {
        let memory = error.is_instance_of::<PyMemoryError>(py);
        if memory { "MemoryError\n".to_owned() } else { format!("{error}\n") }
    })
}
