//! What one request has in common with those before it.
//!
//! A web server sends its own parameters first and in the same order, and browsers do the same with their headers. The names
//! that the last requests began with, and the values of those that hardly change, stand in a dict that the next environ is a copy
//! of: only what differs is set. A request that goes another way loses the rest of these names at once; a way is learnt when it
//! was gone [`LEARNT_AFTER`] times in a row. The objects of a request stand there as well, as long as the same ones come again
//! ([`super::objects`]).

use fcgi_proto::{Pairs, Params};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::names::Names;
use super::objects::Objects;
use super::runs::{Runs, Walk};
use super::strings::latin1;
use crate::cgi::environ::{Essentials, Meaning};

/// What is kept from request to request.
pub(super) struct Recurring {
    names: Names,
    /// What the next environ begins as: what every environ has, the names of `way`, and the values that are kept of them. The
    /// others are set by each request that goes this way.
    template: Py<PyDict>,
    /// The names that a request is expected to begin with, none of them twice.
    way: Vec<usize>,
    /// What of it need not be looked at name by name.
    runs: Runs,
    /// Those that came behind them the last time, and how often it was these in a row.
    tail: Vec<usize>,
    repeats: u32,
    /// The template has the objects of a set.
    has_objects: bool,
}

/// A value and the `str` that was made of it. Where nothing is rewritten, path and target of a request are the same text under
/// several names.
pub(super) type Text<'py, 'r> = Option<(&'r [u8], Bound<'py, PyString>)>;

/// What a request has behind the way.
#[derive(Clone, Copy)]
struct Tail {
    length: usize,
    /// The names were the same as the last time so far.
    is_same: bool,
}

impl Recurring {
    /// Begins with what every environ has.
    pub(super) fn new(base: &Bound<'_, PyDict>) -> PyResult<Self> {
        let template = base.copy()?.unbind();
        Ok(Self {
            names: Names::default(),
            template,
            way: Vec::new(),
            runs: Runs::default(),
            tail: Vec::new(),
            repeats: 0,
            has_objects: false,
        })
    }

    /// Makes the environ of a request, as far as the web server's parameters and the objects are concerned; gives the text of
    /// its path as well, if it has met it.
    pub(super) fn environ<'py, 'r>(
        &mut self,
        py: Python<'py>,
        params: &'r Params,
        objects: &Objects,
        essentials: &mut Essentials<'r>,
    ) -> PyResult<(Bound<'py, PyDict>, Text<'py, 'r>)> {
        self.runs.renew(&self.names, &self.way);
        if objects.may_recur() && !self.has_objects {
            put_objects(self.template.bind(py), objects)?;
            objects.note_kept();
            self.has_objects = true;
        }
        let environ = self.template.bind(py).copy()?;
        if !objects.are_kept() {
            put_objects(&environ, objects)?;
        }
        let mut path = None;
        let mut pairs = params.iter();
        let steps = self.follow(&environ, &mut pairs, essentials, &mut path)?;
        self.leave_way(&environ, steps)?;
        let mut tail = Tail { length: 0, is_same: true };
        for (name, value) in pairs {
            let Some(at) = self.names.find(py, name) else {
                tail.is_same = false;
                let meaning = Meaning::of(name);
                essentials.take(meaning, value);
                if meaning.is_passed() {
                    environ.set_item(latin1(py, name), latin1(py, value))?;
                }
                continue;
            };
            self.note_tail(&mut tail, at);
            let entry = &self.names[at];
            essentials.take(entry.meaning, value);
            match entry.kept(value) {
                Some(text) => environ.set_item(&entry.name, text)?,
                None if entry.meaning.is_passed() => self.set(&environ, at, value, &mut path)?,
                None => {}
            }
        }
        self.learn(py, tail)?;
        Ok((environ, path))
    }

    /// Lets go of the objects that it has, which an application goes on holding.
    pub(super) fn forget_objects(&mut self, py: Python<'_>) -> PyResult<()> {
        self.has_objects = false;
        let template = self.template.bind(py);
        template.set_item(intern!(py, "wsgi.input"), py.None())?;
        template.set_item(intern!(py, "wsgi.errors"), py.None())?;
        template.set_item(intern!(py, "fcgi.is_aborted"), py.None())
    }

    /// Takes parameters as long as they have the expected names; gives their number. What stands in the template is not set.
    fn follow<'py, 'r>(
        &mut self,
        environ: &Bound<'py, PyDict>,
        pairs: &mut Pairs<'r>,
        essentials: &mut Essentials<'r>,
        path: &mut Text<'py, 'r>,
    ) -> PyResult<usize> {
        let (mut step, mut walk) = (0, Walk::default());
        while step < self.way.len() {
            if let Some(behind) = self.runs.pass(&mut walk, step, pairs, essentials) {
                step = behind;
                continue;
            }
            let at = self.way[step];
            let mut ahead = pairs.clone();
            let entry = &self.names[at];
            let Some((_, value)) = ahead.next().filter(|(name, _)| entry.is_named(name)) else {
                self.names.stand_behind(step.checked_sub(1).map(|before| self.way[before]));
                return Ok(step);
            };
            *pairs = ahead;
            essentials.take(entry.meaning, value);
            if entry.kept(value).is_none() && entry.meaning.is_passed() {
                self.set(environ, at, value, path)?;
            }
            step += 1;
        }
        self.names.stand_behind(self.way.last().copied());
        Ok(self.way.len())
    }

    /// Gives a name a value in the environ that is not the kept one, and keeps it if that is wanted.
    fn set<'py, 'r>(
        &mut self,
        environ: &Bound<'py, PyDict>,
        at: usize,
        value: &'r [u8],
        path: &mut Text<'py, 'r>,
    ) -> PyResult<()> {
        let py = environ.py();
        let entry = &mut self.names[at];
        let text = if matches!(entry.meaning, Meaning::RequestUri | Meaning::DocumentUri) {
            text_of_path(py, value, path)
        } else {
            latin1(py, value)
        };
        environ.set_item(&entry.name, &text)?;
        let was_kept = entry.kept_text().is_some();
        let is_kept = entry.change(value);
        if was_kept || is_kept {
            self.runs.note_change();
        }
        if is_kept {
            // A name that comes a second time is no step of the way, but may stand in the template.
            if self.way.contains(&at) {
                self.template.bind(py).set_item(&entry.name, &text)?;
            }
            entry.keep(value, &text);
        }
        Ok(())
    }

    /// Takes the names out of the environ, and off the way, that the request did not go on with.
    fn leave_way(&mut self, environ: &Bound<'_, PyDict>, steps: usize) -> PyResult<()> {
        if steps == self.way.len() {
            return Ok(());
        }
        self.runs.note_change();
        for at in self.way.drain(steps..) {
            let entry = &self.names[at];
            if entry.meaning.is_passed() {
                self.template.bind(environ.py()).del_item(&entry.name)?;
                environ.del_item(&entry.name)?;
            }
        }
        Ok(())
    }

    fn note_tail(&mut self, tail: &mut Tail, at: usize) {
        if self.tail.get(tail.length) != Some(&at) {
            tail.is_same = false;
            self.tail.truncate(tail.length);
            self.tail.push(at);
        }
        tail.length += 1;
    }

    /// Lengthens the way by what has often come behind it.
    fn learn(&mut self, py: Python<'_>, tail: Tail) -> PyResult<()> {
        let same = tail.is_same && tail.length == self.tail.len();
        self.tail.truncate(tail.length);
        self.repeats = if same && tail.length > 0 { self.repeats + 1 } else { 0 };
        if self.repeats < LEARNT_AFTER {
            return Ok(());
        }
        self.repeats = 0;
        let template = self.template.bind(py).copy()?;
        let mut way = self.way.clone();
        for at in self.tail.drain(..) {
            if way.contains(&at) || way.len() >= LONGEST_WAY {
                break;
            }
            let entry = &self.names[at];
            if entry.meaning.is_passed() {
                let value = entry.kept_text().map_or_else(|| py.None(), |text| text.clone_ref(py).into_any());
                template.set_item(&entry.name, value)?;
            }
            way.push(at);
        }
        make_room(&template)?;
        self.runs.note_change();
        (self.template, self.way) = (template.unbind(), way);
        Ok(())
    }
}

/// The `str` of a value that is the path of the request, or its target: the one made before, if it is the same.
pub(super) fn text_of_path<'py, 'r>(
    py: Python<'py>,
    value: &'r [u8],
    path: &mut Text<'py, 'r>,
) -> Bound<'py, PyString> {
    match path {
        Some((known, text)) if *known == value => text.clone(),
        _ => path.insert((value, latin1(py, value))).1.clone(),
    }
}

/// Gives an environ the objects of a request.
pub(super) fn put_objects(environ: &Bound<'_, PyDict>, objects: &Objects) -> PyResult<()> {
    let py = environ.py();
    environ.set_item(intern!(py, "wsgi.input"), &objects.input)?;
    environ.set_item(intern!(py, "wsgi.errors"), &objects.errors)?;
    environ.set_item(intern!(py, "fcgi.is_aborted"), &objects.is_aborted)
}

/// Lets a dict, and with it its copies, have room for [`SPARE_KEYS`] more. A dict grows with its keys and does not shrink with
/// them; how far it does is the interpreter's own business, and another one than expected costs time alone.
pub(super) fn make_room(dict: &Bound<'_, PyDict>) -> PyResult<()> {
    let room = ROOMS.into_iter().find(|room| *room >= dict.len()).unwrap_or(usize::MAX);
    if room - dict.len() >= SPARE_KEYS {
        return Ok(());
    }
    let passing: Vec<String> = (dict.len()..=room).map(|number| number.to_string()).collect();
    passing.iter().try_for_each(|key| dict.set_item(key, dict.py().None()))?;
    passing.iter().try_for_each(|key| dict.del_item(key))
}

/// Keys that fit into dicts of 8, 16, 32, 64, 128 and 256 places.
const ROOMS: [usize; 6] = [5, 10, 21, 42, 85, 170];

/// Keys that an application may add before its environ has to grow.
const SPARE_KEYS: usize = 12;

/// So many requests in a row make a habit.
const LEARNT_AFTER: u32 = 16;

/// Names on the way, at most.
const LONGEST_WAY: usize = 64;
