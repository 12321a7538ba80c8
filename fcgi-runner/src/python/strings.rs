//! Native strings: bytes as latin-1 `str`, names made once. Source: PEP 3333 "A Note on String Types".

#![expect(unsafe_code, reason = "strings are made from bytes without a check that latin-1 does not need")]

use std::borrow::Cow;

use bytes::buf::UninitSlice;
use bytes::{BufMut, Bytes};
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::string::PyStringData;
use pyo3::types::{PyBytes, PyString};

/// Makes a `str` whose code points are the bytes.
pub(super) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let length = isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    // Nearly all are ASCII, and need no more than a copy. Of the shortest the interpreter has one of each.
    let is_copied = bytes.len() > 1 && bytes.is_ascii();
    let raw = if is_copied {
        // SAFETY: makes a `str` with room for `length` ASCII characters, or gives NULL.
        unsafe { ffi::PyUnicode_New(length, LAST_ASCII) }
    } else {
        // SAFETY: pointer and length are those of a slice; the interpreter copies the bytes.
        unsafe { ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, std::ptr::null()) }
    };
    // SAFETY: a new reference to a `str`, or NULL when memory is out, which ends in a panic and a 500 for this request.
    let text = unsafe { Bound::from_owned_ptr(py, raw) };
    if is_copied {
        // SAFETY: a compact `str` of one byte a character, which nobody else has seen.
        let room = unsafe { ffi::PyUnicode_1BYTE_DATA(text.as_ptr()) };
        // SAFETY: the room was made for so many bytes.
        unsafe { room.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
    }
    // SAFETY: the calls above make nothing else than a `str`.
    unsafe { text.cast_into_unchecked() }
}

/// The bytes of a `str` of code points up to U+00FF; `None` when it has others.
pub(super) fn to_latin1<'a>(text: &'a Bound<'_, PyString>) -> Option<&'a [u8]> {
    // SAFETY: the text is kept for as long as its bytes are borrowed, and nobody changes a `str`.
    match unsafe { text.data() } {
        // The interpreter stores a text in the narrowest way that it fits into.
        Ok(PyStringData::Ucs1(bytes)) => Some(bytes),
        _ => None,
    }
}

/// Makes one bytes object of several pieces, each byte written once.
///
/// # Errors
/// `MemoryError` when there is no room for all of them together.
pub(super) fn joined<'py>(py: Python<'py>, pieces: &[Bytes]) -> PyResult<Bound<'py, PyBytes>> {
    let mut room = Room::new(py, pieces.iter().map(Bytes::len).sum())?;
    for piece in pieces {
        room.put_slice(piece);
    }
    Ok(room.finish())
}

/// A bytes object that is being filled.
pub(super) struct Room<'py> {
    object: Bound<'py, PyBytes>,
    size: usize,
    filled: usize,
}

impl<'py> Room<'py> {
    /// Makes room for so many bytes.
    ///
    /// # Errors
    /// `MemoryError` when there is none.
    pub(super) fn new(py: Python<'py>, size: usize) -> PyResult<Self> {
        let length = isize::try_from(size).map_err(|_| PyMemoryError::new_err(()))?;
        // SAFETY: no content is given; the interpreter makes room for `length` bytes, or sets an exception.
        let raw = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), length) };
        // SAFETY: a new reference, or NULL with an exception set.
        let object = unsafe { Bound::from_owned_ptr_or_err(py, raw) }?;
        // SAFETY: the call above makes nothing else than bytes.
        Ok(Self { object: unsafe { object.cast_into_unchecked() }, size, filled: 0 })
    }

    /// What it has been filled with.
    pub(super) fn filled(&self) -> &[u8] {
        // SAFETY: so many bytes at its front have been written.
        unsafe { std::slice::from_raw_parts(self.start(), self.filled) }
    }

    /// The object, cut to what it has been filled with.
    pub(super) fn finish(self) -> Bound<'py, PyBytes> {
        if self.filled < self.size { PyBytes::new(self.object.py(), self.filled()) } else { self.object }
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: it is a bytes object.
        unsafe { ffi::PyBytes_AsString(self.object.as_ptr()) }.cast::<u8>()
    }
}

// SAFETY: the room is that of an object that nobody else has seen, and `advance_mut` does not go beyond it.
unsafe impl BufMut for Room<'_> {
    fn remaining_mut(&self) -> usize {
        self.size - self.filled
    }

    // SAFETY: whoever calls this has written so many bytes.
    unsafe fn advance_mut(&mut self, count: usize) {
        assert!(count <= self.remaining_mut(), "beyond the room");
        self.filled += count;
    }

    fn chunk_mut(&mut self) -> &mut UninitSlice {
        // SAFETY: within the room, or at its end.
        let start = unsafe { self.start().add(self.filled) };
        // SAFETY: the rest of the room, which is borrowed as long as this.
        unsafe { UninitSlice::from_raw_parts_mut(start, self.remaining_mut()) }
    }
}

/// A `str` for a log: code points that no encoding has (lone surrogates) are spelled out.
pub(super) fn readable<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = text.to_str() {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = text.call_method1("encode", ("utf-8", "backslashreplace"))?.cast_into::<PyBytes>()?;
    Ok(Cow::Owned(String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
}

/// The greatest code point of ASCII.
const LAST_ASCII: u32 = 0x7f;
