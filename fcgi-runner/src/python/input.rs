//! `wsgi.input`, and `fcgi.data` of a filter. Sources: PEP 3333 "Input and Error Streams", FastCGI 1.0 section 6.4.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use super::blocker::PyBlocker;
use super::objects::Subject;
use super::strings::{Room, joined};
use crate::app::{BodyReader, Request};

/// The request body, or the file of a filter, as a file to read from, once, from its beginning to its announced length.
#[pyclass(frozen, module = "fcgi_runner", name = "Input")]
pub(super) struct Input {
    /// Its key in the environ.
    key: &'static str,
    subject: Arc<Subject>,
    /// Made at the first look, which many requests never get.
    reader: Mutex<Option<BodyReader>>,
}

impl Input {
    pub(super) fn new(subject: Arc<Subject>) -> Self {
        Self { key: "wsgi.input", subject, reader: Mutex::default() }
    }

    pub(super) fn of_data(request: Arc<Request>) -> Self {
        let reader = Mutex::new(Some(BodyReader::of_data(request.clone())));
        Self { key: "fcgi.data", subject: Subject::new(request), reader }
    }

    /// Forgets the body that it has begun to read.
    pub(super) fn clear(&self) {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    fn with<'py>(
        &self,
        py: Python<'py>,
        read: impl FnOnce(&mut BodyReader, &PyBlocker<'py>) -> PyResult<Bound<'py, PyBytes>>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        // Waiting for the lock could wait for a thread that waits for the interpreter.
        let Ok(mut reader) = self.reader.try_lock() else {
            return Err(PyRuntimeError::new_err(format!("{} is being read by another thread", self.key)));
        };
        let blocker = PyBlocker::new(py);
        let reader = reader.get_or_insert_with(|| BodyReader::new(self.subject.request()));
        let result = read(reader, &blocker);
        // What a signal handler has raised comes first.
        blocker.take_raised().map_or(result, Err)
    }
}

#[expect(clippy::unused_self, reason = "Python calls every method on an object")]
#[pymethods]
impl Input {
    /// Reads `size` bytes, or all that is left; fewer only at the end.
    #[pyo3(signature = (size = None, /))]
    fn read<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(py, |reader, blocker| {
            let left = usize::try_from(reader.left()).unwrap_or(usize::MAX);
            let wanted = limit(size).unwrap_or(usize::MAX).min(left);
            if wanted > MOST_FORETOLD {
                return join(py, &reader.read(Some(wanted), blocker)?);
            }
            let mut room = Room::new(py, wanted)?;
            match reader.read_into(&mut room, blocker) {
                Ok(()) => Ok(room.finish()),
                Err(error) => {
                    reader.take_back(room.filled().into());
                    Err(error.into())
                }
            }
        })
    }

    /// Reads a line with its newline, `size` bytes at most.
    #[pyo3(signature = (size = None, /))]
    fn readline<'py>(&self, py: Python<'py>, size: Option<isize>) -> PyResult<Bound<'py, PyBytes>> {
        self.with(py, |reader, blocker| join(py, &reader.read_line(limit(size), blocker)?))
    }

    /// Reads lines until their lengths add up to `hint`.
    #[pyo3(signature = (hint = None, /))]
    fn readlines<'py>(&self, py: Python<'py>, hint: Option<isize>) -> PyResult<Bound<'py, PyList>> {
        let lines = PyList::empty(py);
        let mut total = 0;
        loop {
            let line = self.readline(py, None)?;
            let length = line.as_bytes().len();
            if length == 0 {
                break;
            }
            lines.append(line)?;
            total += length;
            if hint.is_some_and(|hint| hint > 0 && total >= hint.unsigned_abs()) {
                break;
            }
        }
        Ok(lines)
    }

    /// Reads into a buffer; gives the number of bytes.
    fn readinto(&self, py: Python<'_>, buffer: &Bound<'_, PyAny>) -> PyResult<usize> {
        let view =
            py.import("builtins")?.getattr("memoryview")?.call1((buffer,))?.call_method1("cast", ("B",))?;
        let size =
            isize::try_from(view.len()?).map_err(|_| PyValueError::new_err("the buffer is too large"))?;
        let data = self.read(py, Some(size))?;
        let length = data.as_bytes().len();
        view.set_item(pyo3::types::PySlice::new(py, 0, isize::try_from(length)?, 1), data)?;
        Ok(length)
    }

    fn readable(&self) -> bool {
        true
    }

    fn writable(&self) -> bool {
        false
    }

    fn seekable(&self) -> bool {
        false
    }

    #[getter]
    fn closed(&self) -> bool {
        false
    }

    fn flush(&self) {}

    /// Does nothing: the stream is the server's to close. Readers of the `io` module that are laid over it call this.
    fn close(&self) {}

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let line = self.readline(py, None)?;
        Ok(Some(line).filter(|line| !line.as_bytes().is_empty()))
    }
}

fn limit(size: Option<isize>) -> Option<usize> {
    size.and_then(|size| usize::try_from(size).ok())
}

/// Of so many bytes a reader is given room before they have come. What is only announced must not cost more.
const MOST_FORETOLD: usize = 16 * 1024 * 1024;

fn join<'py>(py: Python<'py>, chunks: &[Bytes]) -> PyResult<Bound<'py, PyBytes>> {
    if let [chunk] = chunks {
        return Ok(PyBytes::new(py, chunk));
    }
    joined(py, chunks)
}
