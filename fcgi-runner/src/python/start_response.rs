//! `start_response` and the `write` callable. Source: PEP 3333 "The `start_response()` Callable".

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::{PyAssertionError, PyBaseException, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList, PyString, PyTuple};

use super::blocker::PyBlocker;
use super::strings::to_latin1;
use crate::app::{Answer, AnswerError, AnswerHead, Request};
use crate::cgi::head::HeadError;

/// The callable that an application announces its answer with; it holds the answer.
#[pyclass(frozen, module = "fcgi_runner", name = "StartResponse")]
pub(super) struct StartResponse {
    reply: Arc<Reply>,
    write: Py<Write>,
}

/// The imperative way to send a body.
#[pyclass(frozen, module = "fcgi_runner", name = "Write")]
pub(super) struct Write {
    reply: Arc<Reply>,
}

/// The answer, in the hands of both.
struct Reply {
    answer: Mutex<Answer>,
    /// Where the last exception lies that this server has raised because of the application's answer; 0: nowhere. A reference
    /// would be a cycle, by way of the traceback.
    complaint: AtomicUsize,
}

impl StartResponse {
    pub(super) fn new(py: Python<'_>, request: &Arc<Request>) -> PyResult<Self> {
        let answer = Mutex::new(Answer::new(request.clone()));
        let reply = Arc::new(Reply { answer, complaint: AtomicUsize::new(0) });
        let write = Py::new(py, Write { reply: reply.clone() })?;
        Ok(Self { reply, write })
    }

    /// Lets it be about the answer to a request, and to the former one no more.
    pub(super) fn assign(&self, request: &Arc<Request>) {
        self.reply.answer.lock().unwrap_or_else(PoisonError::into_inner).renew(request.clone());
        self.reply.complaint.store(0, Ordering::Relaxed);
    }

    /// What it gives to the application.
    pub(super) fn write(&self) -> &Py<Write> {
        &self.write
    }

    /// See [`Reply::answer`].
    pub(super) fn answer(&self) -> PyResult<MutexGuard<'_, Answer>> {
        self.reply.answer()
    }

    /// See [`Reply::complain`].
    pub(super) fn complain(&self, py: Python<'_>, error: PyErr) -> PyErr {
        self.reply.complain(py, error)
    }

    /// Whether an exception is about the application's answer.
    pub(super) fn is_complaint(&self, py: Python<'_>, error: &PyErr) -> bool {
        self.reply.complaint.load(Ordering::Relaxed) == error.value(py).as_ptr() as usize
    }
}

impl Reply {
    /// The answer. It is never waited for: a thread that holds it may be waiting for the interpreter.
    fn answer(&self) -> PyResult<MutexGuard<'_, Answer>> {
        match self.answer.try_lock() {
            Ok(answer) => Ok(answer),
            Err(std::sync::TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(std::sync::TryLockError::WouldBlock) => {
                Err(PyRuntimeError::new_err("the answer is being written by another thread"))
            }
        }
    }

    /// Notes that an exception is about the application's answer, and not one of the application's own.
    fn complain(&self, py: Python<'_>, error: PyErr) -> PyErr {
        self.complaint.store(error.value(py).as_ptr() as usize, Ordering::Relaxed);
        error
    }
}

#[pymethods]
impl StartResponse {
    /// What an application is given: a bound method, which the interpreter calls without a tuple of arguments.
    #[pyo3(signature = (status, headers, /, exc_info = None))]
    fn start_response(
        slf: &Bound<'_, Self>,
        status: &Bound<'_, PyAny>,
        headers: &Bound<'_, PyAny>,
        exc_info: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        let mut answer = slf.get().answer()?;
        match exc_info {
            Some(exc_info) if answer.is_sent() => return Err(reraised(&exc_info)?),
            None if answer.is_started() => {
                let error =
                    PyAssertionError::new_err("start_response was called a second time without exc_info");
                return Err(slf.get().complain(py, error));
            }
            _ => {}
        }
        let lines = answer.take_lines();
        let head =
            head(answer.request(), status, headers, lines).map_err(|error| slf.get().complain(py, error))?;
        answer.start(head);
        drop(answer);
        Ok(slf.get().write.clone_ref(py).into_any())
    }
}

#[pymethods]
impl Write {
    fn __call__(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        let complain = |error| self.reply.complain(py, error);
        let data = body_bytes(data).map_err(complain)?;
        let mut answer = self.reply.answer()?;
        answer.write(data.as_bytes(), &PyBlocker::new(py)).map_err(|error| complain(to_python(error)))?;
        if answer.was_cut_short() && !data.as_bytes().is_empty() {
            let text = "the application wrote more body than its Content-Length announced";
            return Err(complain(PyAssertionError::new_err(text)));
        }
        Ok(())
    }
}

/// The exception for the application when its answer cannot be sent.
pub(super) fn to_python(error: AnswerError) -> PyErr {
    match error {
        AnswerError::Gone(gone) => pyo3::exceptions::PyConnectionResetError::new_err(gone.to_string()),
        other => PyAssertionError::new_err(other.to_string()),
    }
}

/// A piece of a body, which has to be `bytes`.
pub(super) fn body_bytes<'a, 'py>(data: &'a Bound<'py, PyAny>) -> PyResult<&'a Bound<'py, PyBytes>> {
    data.cast::<PyBytes>().map_err(|_| {
        PyTypeError::new_err(format!(
            "the body of an answer must be made of bytes objects, not {}",
            data.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string())
        ))
    })
}

/// The exception that `exc_info` carries, to be raised once more with the traceback that stands there.
fn reraised(exc_info: &Bound<'_, PyAny>) -> PyResult<PyErr> {
    let Ok(triple) = exc_info.cast::<PyTuple>() else {
        return Ok(PyErr::from_value(exc_info.clone()));
    };
    let (value, traceback) = (triple.get_item(1)?, triple.get_item(2)?);
    if value.is_instance_of::<PyBaseException>() && !traceback.is_none() {
        value.call_method1("with_traceback", (traceback,))?;
    }
    Ok(PyErr::from_value(value))
}

/// Puts status and headers together.
fn head(
    request: &Request,
    status: &Bound<'_, PyAny>,
    headers: &Bound<'_, PyAny>,
    lines: Vec<u8>,
) -> PyResult<AnswerHead> {
    let refused = |error: HeadError| PyValueError::new_err(error.to_string());
    let mut head = AnswerHead::new(request, native(status, "the status")?, lines).map_err(refused)?;
    let list = headers
        .cast::<PyList>()
        .map_err(|_| PyTypeError::new_err("the headers must be a list of (name, value) tuples"))?;
    for item in list.iter() {
        let pair = item.cast::<PyTuple>().ok().filter(|pair| pair.len() == 2);
        let Some(pair) = pair else {
            return Err(PyTypeError::new_err("each header must be a tuple of a name and a value"));
        };
        let (name, value) = (pair.get_borrowed_item(0)?, pair.get_borrowed_item(1)?);
        head.add(native(&name, "the name of a header")?, native(&value, "the value of a header")?)
            .map_err(refused)?;
    }
    Ok(head)
}

/// A native string as bytes.
fn native<'a>(value: &'a Bound<'_, PyAny>, what: &str) -> PyResult<&'a [u8]> {
    let text = value.cast::<PyString>().map_err(|_| {
        let kind =
            value.get_type().name().map_or_else(|_| "something else".to_owned(), |name| name.to_string());
        PyTypeError::new_err(format!("{what} must be a str, not {kind}"))
    })?;
    to_latin1(text).ok_or_else(|| {
        PyValueError::new_err(format!("{what} holds characters that cannot be sent (only latin-1 can)"))
    })
}
