//! Native strings: bytes as latin-1 `str`, names made once. Source: PEP 3333 "A Note on String Types".

#![expect(unsafe_code, reason = "strings are made from bytes without a check that latin-1 does not need")]

use std::borrow::Cow;
use std::collections::HashMap;

use bytes::Bytes;
use pyo3::exceptions::PyMemoryError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString};

/// Makes a `str` whose code points are the bytes.
pub(super) fn latin1<'py>(py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
    let length = isize::try_from(bytes.len()).unwrap_or(isize::MAX);
    // SAFETY: pointer and length are those of a slice; the interpreter copies the bytes.
    let raw = unsafe { ffi::PyUnicode_DecodeLatin1(bytes.as_ptr().cast(), length, std::ptr::null()) };
    // SAFETY: a new reference to a `str`, or NULL when memory is out, which ends in a panic and a 500 for this request.
    let text = unsafe { Bound::from_owned_ptr(py, raw) };
    // SAFETY: the call above makes nothing else than a `str`.
    unsafe { text.cast_into_unchecked() }
}

/// The bytes of a `str` of code points up to U+00FF; `None` when it has others.
pub(super) fn to_latin1<'a>(text: &'a Bound<'_, PyString>) -> Option<Cow<'a, [u8]>> {
    let text = text.to_str().ok()?;
    if text.is_ascii() {
        return Some(Cow::Borrowed(text.as_bytes()));
    }
    let bytes: Option<Vec<u8>> =
        text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    bytes.map(Cow::Owned)
}

/// Makes one bytes object of several pieces, each byte written once.
///
/// # Errors
/// `MemoryError` when there is no room for all of them together.
pub(super) fn joined<'py>(py: Python<'py>, pieces: &[Bytes]) -> PyResult<Bound<'py, PyBytes>> {
    let total: usize = pieces.iter().map(Bytes::len).sum();
    let length = isize::try_from(total).map_err(|_| PyMemoryError::new_err(()))?;
    // SAFETY: no content is given; the interpreter makes room for `length` bytes, or sets an exception.
    let raw = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), length) };
    // SAFETY: a new reference, or NULL with an exception set.
    let object = unsafe { Bound::from_owned_ptr_or_err(py, raw) }?;
    // SAFETY: a bytes object that nobody else has seen, with room for `total` bytes.
    let mut room = unsafe { ffi::PyBytes_AsString(object.as_ptr()) }.cast::<u8>();
    for piece in pieces {
        // SAFETY: the pieces add up to the room, and lie elsewhere.
        unsafe { room.copy_from_nonoverlapping(piece.as_ptr(), piece.len()) };
        // SAFETY: within the room, or at its end.
        room = unsafe { room.add(piece.len()) };
    }
    // SAFETY: the call above makes nothing else than bytes.
    Ok(unsafe { object.cast_into_unchecked() })
}

/// A `str` for a log: code points that no encoding has (lone surrogates) are spelled out.
pub(super) fn readable<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = text.to_str() {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = text.call_method1("encode", ("utf-8", "backslashreplace"))?.cast_into::<PyBytes>()?;
    Ok(Cow::Owned(String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
}

/// Names of parameters, each made into a `str` once, and the values that are always the same.
///
/// Web servers send the same names in the same order again and again: each name knows which one came after it the last time,
/// so that nearly all are found by one comparison. Peers choose names, so the cache stops growing at [`MAX_NAMES`]; further
/// ones are made each time.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    by_bytes: HashMap<Box<[u8]>, usize>,
    /// Which name a request began with the last time, and where the walk through this one is.
    first: usize,
    at: Option<usize>,
}

#[derive(Debug)]
struct Entry {
    bytes: Box<[u8]>,
    name: Py<PyString>,
    /// The name that came after this one.
    follower: usize,
    /// The value of the last request, where it is one of the web server's own and not one of a visitor.
    value: Option<(Box<[u8]>, Py<PyString>)>,
    is_constant: bool,
}

impl Names {
    /// Begins with another request.
    pub(super) fn rewind(&mut self) {
        self.at = None;
    }

    /// Makes a name and a value into native strings.
    pub(super) fn pair<'py>(
        &mut self,
        py: Python<'py>,
        name: &[u8],
        value: &[u8],
    ) -> (Bound<'py, PyString>, Bound<'py, PyString>) {
        let Some(at) = self.find(py, name) else { return (latin1(py, name), latin1(py, value)) };
        let entry = &mut self.entries[at];
        let name = entry.name.bind(py).clone();
        if !entry.is_constant {
            return (name, latin1(py, value));
        }
        match &entry.value {
            Some((bytes, text)) if **bytes == *value => (name, text.bind(py).clone()),
            _ => {
                let text = latin1(py, value);
                entry.value = (value.len() <= MAX_NAME).then(|| (value.into(), text.clone().unbind()));
                (name, text)
            }
        }
    }

    /// The place of a name in the cache, unless there is no room for it.
    fn find(&mut self, py: Python<'_>, name: &[u8]) -> Option<usize> {
        let guess = self.at.map_or(self.first, |at| self.entries[at].follower);
        let at = match self.entries.get(guess) {
            Some(entry) if *entry.bytes == *name => guess,
            _ => match self.by_bytes.get(name) {
                Some(at) => *at,
                None => self.add(py, name)?,
            },
        };
        match self.at {
            Some(before) => self.entries[before].follower = at,
            None => self.first = at,
        }
        self.at = Some(at);
        Some(at)
    }

    fn add(&mut self, py: Python<'_>, name: &[u8]) -> Option<usize> {
        if name.len() > MAX_NAME || self.entries.len() >= MAX_NAMES {
            return None;
        }
        let at = self.entries.len();
        self.entries.push(Entry {
            bytes: name.into(),
            name: latin1(py, name).unbind(),
            follower: at + 1,
            value: None,
            is_constant: CONSTANTS.contains(&name),
        });
        self.by_bytes.insert(name.into(), at);
        Some(at)
    }
}

/// Names kept, and the longest that is; the same for values.
const MAX_NAMES: usize = 512;
const MAX_NAME: usize = 64;

/// Parameters that say something of the web server, or have few values; nothing that a visitor could want to be forgotten.
const CONSTANTS: [&[u8]; 11] = [
    b"DOCUMENT_ROOT",
    b"GATEWAY_INTERFACE",
    b"HTTPS",
    b"REDIRECT_STATUS",
    b"REQUEST_METHOD",
    b"REQUEST_SCHEME",
    b"SERVER_ADDR",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SERVER_SOFTWARE",
];
