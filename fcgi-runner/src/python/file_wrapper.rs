//! `wsgi.file_wrapper`: files leave without passing through Python. Source: PEP 3333 "Optional Platform-Specific File Handling".

use std::os::fd::RawFd;

use pyo3::prelude::*;
use pyo3::types::PyBytes;

use super::blocker::PyBlocker;
use super::start_response::to_python;
use crate::app::{Answer, Blocker, FilePart};
use crate::os::{file, signals};

/// Wraps a file-like object as an iterable of blocks.
#[pyclass(frozen, module = "fcgi_runner", name = "FileWrapper")]
pub(super) struct FileWrapper {
    #[pyo3(get)]
    filelike: Py<PyAny>,
    #[pyo3(get)]
    block_size: usize,
}

#[pymethods]
impl FileWrapper {
    #[new]
    #[pyo3(signature = (filelike, block_size = 65_536))]
    fn new(filelike: Py<PyAny>, block_size: usize) -> Self {
        Self { filelike, block_size: block_size.max(1) }
    }

    fn __iter__(slf: PyRef<'_, Self>) -> PyRef<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let block = self.filelike.bind(py).call_method1("read", (self.block_size,))?;
        let empty = block
            .cast::<PyBytes>()
            .map_or_else(|_| block.is_truthy(), |block| Ok(!block.as_bytes().is_empty()))?;
        Ok(Some(block).filter(|_| empty))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.filelike.bind(py).getattr_opt("close")? {
            Some(close) => close.call0().map(drop),
            None => Ok(()),
        }
    }
}

/// The descriptor behind a wrapped regular file and the place where it is being read, if there is one.
pub(super) fn regular_file(wrapper: &Bound<'_, FileWrapper>) -> Option<(RawFd, u64)> {
    let filelike = wrapper.get().filelike.bind(wrapper.py());
    let io = wrapper.py().import("io").ok()?;
    let is = |object: &Bound<'_, PyAny>, name: &str| {
        io.getattr(name).is_ok_and(|class| object.get_type().is(&class))
    };
    // Other objects may have a descriptor and still read something else from it (compressed, text), also below a buffer.
    let buffered = is(filelike, "BufferedReader") || is(filelike, "BufferedRandom");
    let raw = if buffered { filelike.getattr("raw").ok()? } else { filelike.clone() };
    if !is(&raw, "FileIO") {
        return None;
    }
    let fd: RawFd = filelike.call_method0("fileno").ok()?.extract().ok()?;
    let position: u64 = filelike.call_method0("tell").ok()?.extract().ok()?;
    file::regular_size(fd).is_some().then_some((fd, position))
}

/// Sends a file from a position to its end.
pub(super) fn send_file(
    answer: &mut Answer,
    fd: RawFd,
    mut position: u64,
    blocker: &PyBlocker<'_>,
) -> PyResult<()> {
    let length = file::regular_size(fd).unwrap_or_default().saturating_sub(position).min(answer.room());
    if length >= LARGE && signals::ignores_broken_pipes() {
        answer.write_file(FilePart { fd, offset: position, length }, blocker).map_err(to_python)?;
        position += length;
    }
    let mut buffer = vec![0; BLOCK];
    // What is small, and what was added meanwhile.
    loop {
        let size = usize::try_from(answer.room()).unwrap_or(usize::MAX).min(BLOCK);
        let mut got = Ok(0);
        blocker.block(&mut || got = file::read_at(fd, &mut buffer[..size], position));
        let got = got?;
        if got == 0 {
            return Ok(());
        }
        position += got as u64;
        answer.write(&buffer[..got], blocker).map_err(to_python)?;
    }
}

/// Files from this size on are left to the kernel; it takes two calls for a record.
const LARGE: u64 = 65_528;

/// Bytes read from a file at once: four whole records.
const BLOCK: usize = 4 * 65_528;
