//! Stretches of parameters that are byte by byte the same from request to request.
//!
//! Names that come one after the other, and whose values are all kept, are compared at once, as the web server encodes them.
//! A stretch that differs anywhere, or is encoded otherwise, is walked through name by name.

use std::ops::Range;

use fcgi_proto::{Pairs, Params};

use super::names::{Entry, Names};
use crate::cgi::environ::{Essentials, Meaning};

/// The stretches of a way, in its order.
#[derive(Debug, Default)]
pub(super) struct Runs {
    runs: Vec<Run>,
    /// A value of theirs is not the kept one any more, or another is kept now.
    stale: bool,
}

#[derive(Debug)]
struct Run {
    /// The step of the way that it begins with, and the first one behind it.
    steps: Range<usize>,
    params: Params,
    /// Where the values lie that rules depend on.
    essentials: Vec<(Meaning, Range<usize>)>,
}

/// A walk through a request, beside the walk along the way.
#[derive(Debug, Default)]
pub(super) struct Walk {
    next: usize,
}

impl Runs {
    /// Says that what is kept has changed.
    pub(super) fn note_change(&mut self) {
        self.stale = true;
    }

    /// Makes them anew if something has changed since the last time.
    pub(super) fn renew(&mut self, names: &Names, way: &[usize]) {
        if !std::mem::take(&mut self.stale) {
            return;
        }
        self.runs.clear();
        let mut first = 0;
        while first < way.len() {
            let is_kept = |at: &&usize| names[**at].kept_pair().is_some();
            let length = way[first..].iter().take_while(is_kept).count();
            if length > 0 {
                self.runs.push(Run::new(first..first + length, names, way));
            }
            first += length + 1;
        }
    }

    /// Walks over the stretch that begins with this step, if all of it comes; gives the step behind it.
    #[inline]
    pub(super) fn pass<'r>(
        &self,
        walk: &mut Walk,
        step: usize,
        pairs: &mut Pairs<'r>,
        essentials: &mut Essentials<'r>,
    ) -> Option<usize> {
        let run = self.runs.get(walk.next).filter(|run| run.steps.start == step)?;
        walk.next += 1;
        let passed = pairs.skip_known(&run.params)?;
        for (meaning, place) in &run.essentials {
            essentials.take(*meaning, &passed[place.clone()]);
        }
        Some(run.steps.end)
    }
}

impl Run {
    fn new(steps: Range<usize>, names: &Names, way: &[usize]) -> Self {
        let entries = || way[steps.clone()].iter().map(|at| &names[*at]);
        let params: Params = entries().filter_map(Entry::kept_pair).collect();
        let start = params.as_bytes().as_ptr().addr();
        let place = |value: &[u8]| {
            let begin = value.as_ptr().addr() - start;
            begin..begin + value.len()
        };
        let essentials = entries()
            .zip(&params)
            .filter(|(entry, _)| entry.meaning != Meaning::Plain)
            .map(|(entry, (_, value))| (entry.meaning, place(value)))
            .collect();
        Self { steps, params, essentials }
    }
}
