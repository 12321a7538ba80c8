//! Native strings: bytes as latin-1 `str`, names made once. Source: PEP 3333 "A Note on String Types".

#![expect(unsafe_code, reason = "strings are made from bytes without a check that latin-1 does not need")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

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
pub(super) fn to_latin1(text: &Bound<'_, PyString>) -> Option<Vec<u8>> {
    let text = text.to_str().ok()?;
    if text.is_ascii() {
        return Some(text.as_bytes().to_vec());
    }
    text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect()
}

/// A `str` for a log: code points that no encoding has (lone surrogates) are spelled out.
pub(super) fn readable<'a>(text: &'a Bound<'_, PyString>) -> PyResult<Cow<'a, str>> {
    if let Ok(text) = text.to_str() {
        return Ok(Cow::Borrowed(text));
    }
    let bytes = text.call_method1("encode", ("utf-8", "backslashreplace"))?.cast_into::<PyBytes>()?;
    Ok(Cow::Owned(String::from_utf8_lossy(bytes.as_bytes()).into_owned()))
}

/// Names of parameters, each made into a `str` once.
///
/// Peers choose names, so the cache stops growing at [`MAX_NAMES`]; further ones are made each time.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: RwLock<HashMap<Box<[u8]>, Py<PyString>>>,
}

impl Names {
    pub(super) fn name<'py>(&self, py: Python<'py>, bytes: &[u8]) -> Bound<'py, PyString> {
        if let Some(name) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(bytes) {
            return name.bind(py).clone();
        }
        let name = latin1(py, bytes);
        if bytes.len() <= MAX_NAME {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            if known.len() < MAX_NAMES {
                known.insert(bytes.into(), name.clone().unbind());
            }
        }
        name
    }
}

/// Names kept, and the longest that is.
const MAX_NAMES: usize = 512;
const MAX_NAME: usize = 64;
