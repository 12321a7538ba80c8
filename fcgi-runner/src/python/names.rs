//! Names of parameters, each made into a `str` once, and the values that are always the same.
//!
//! Web servers send the same names in the same order again and again: each name knows which one came after it the last time,
//! so that nearly all are found by one comparison. Peers choose names, so the cache stops growing at [`MAX_NAMES`]. Values are
//! kept of parameters alone that have few of them, and no secrets.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::strings::latin1;
use crate::cgi::environ::Meaning;

/// All names that were met.
#[derive(Debug, Default)]
pub(super) struct Names {
    entries: Vec<Entry>,
    by_bytes: HashMap<Box<[u8]>, usize>,
    /// Which name a request began with the last time, and where the walk through this one is.
    first: usize,
    at: Option<usize>,
}

/// One name.
#[derive(Debug)]
pub(super) struct Entry {
    bytes: Box<[u8]>,
    pub(super) name: Py<PyString>,
    pub(super) meaning: Meaning,
    /// The name that came after this one.
    follower: usize,
    kept: Option<Kept>,
    /// The longest value of it that may be kept.
    longest: usize,
    /// How often the kept value was not that of the next request; it is not kept any more when that is [`USUAL_CHANGES`].
    changes: u32,
}

/// The value of the last request.
#[derive(Debug)]
struct Kept {
    bytes: Box<[u8]>,
    text: Py<PyString>,
}

impl Names {
    /// Goes to the place behind a name, or to the beginning of a request.
    pub(super) fn stand_behind(&mut self, at: Option<usize>) {
        self.at = at;
    }

    /// The place of the next name of a request, unless there is no room for it.
    pub(super) fn find(&mut self, py: Python<'_>, name: &[u8]) -> Option<usize> {
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
            meaning: Meaning::of(name),
            follower: at + 1,
            kept: None,
            // That there is no value is no secret.
            longest: if REPEATED.contains(&name) { MAX_VALUE } else { 0 },
            changes: 0,
        });
        self.by_bytes.insert(name.into(), at);
        Some(at)
    }
}

impl Index<usize> for Names {
    type Output = Entry;

    fn index(&self, at: usize) -> &Entry {
        &self.entries[at]
    }
}

impl IndexMut<usize> for Names {
    fn index_mut(&mut self, at: usize) -> &mut Entry {
        &mut self.entries[at]
    }
}

impl Entry {
    pub(super) fn is_named(&self, name: &[u8]) -> bool {
        *self.bytes == *name
    }

    /// The kept value as a `str`, if it is this one.
    pub(super) fn kept(&self, value: &[u8]) -> Option<&Py<PyString>> {
        self.kept.as_ref().filter(|kept| *kept.bytes == *value).map(|kept| &kept.text)
    }

    /// The name, and the kept value as it was sent.
    pub(super) fn kept_pair(&self) -> Option<(&[u8], &[u8])> {
        self.kept.as_ref().map(|kept| (&*self.bytes, &*kept.bytes))
    }

    /// The kept value, whatever it is.
    pub(super) fn kept_text(&self) -> Option<&Py<PyString>> {
        self.kept.as_ref().map(|kept| &kept.text)
    }

    /// Takes a kept value away that is not that of this request; whether the new one is to be kept in its place.
    pub(super) fn change(&mut self, value: &[u8]) -> bool {
        if self.kept.take().is_some() {
            self.changes += 1;
        }
        self.changes < USUAL_CHANGES && value.len() <= self.longest
    }

    /// Keeps a value.
    pub(super) fn keep(&mut self, value: &[u8], text: &Bound<'_, PyString>) {
        self.kept = Some(Kept { bytes: value.into(), text: text.clone().unbind() });
    }
}

/// Names kept, and the longest that is.
const MAX_NAMES: usize = 512;
const MAX_NAME: usize = 64;

/// The longest value kept.
const MAX_VALUE: usize = 256;

/// A value that changes so often is not worth the keeping: several sites share the worker, or browsers of all kinds.
const USUAL_CHANGES: u32 = 100;

/// Parameters that say something of the web server, or of the visitor's browser; nothing that could be a secret. Who asks is
/// nearly always the same behind a second proxy, and the script where there is one for all pages.
const REPEATED: [&[u8]; 25] = [
    b"CONTENT_TYPE",
    b"DOCUMENT_ROOT",
    b"GATEWAY_INTERFACE",
    b"HTTPS",
    b"HTTP_ACCEPT",
    b"HTTP_ACCEPT_CHARSET",
    b"HTTP_ACCEPT_ENCODING",
    b"HTTP_ACCEPT_LANGUAGE",
    b"HTTP_CACHE_CONTROL",
    b"HTTP_CONNECTION",
    b"HTTP_HOST",
    b"HTTP_UPGRADE_INSECURE_REQUESTS",
    b"HTTP_USER_AGENT",
    b"HTTP_X_FORWARDED_PROTO",
    b"REDIRECT_STATUS",
    b"REMOTE_ADDR",
    b"REMOTE_PORT",
    b"REQUEST_METHOD",
    b"REQUEST_SCHEME",
    b"SCRIPT_FILENAME",
    b"SERVER_ADDR",
    b"SERVER_NAME",
    b"SERVER_PORT",
    b"SERVER_PROTOCOL",
    b"SERVER_SOFTWARE",
];
