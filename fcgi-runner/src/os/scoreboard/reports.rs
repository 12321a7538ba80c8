//! What the board tells of the past: slow requests, ends of workers, and the last minutes.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::desk::path_of;
use super::durations::Counted;
use super::history::{History, Sample};
use super::ring::Ring;

/// The part of the board that tells it; it outlives every worker.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Reports {
    slow: Ring<SLOW>,
    /// Written by the master alone, as are the counts of them.
    restarts: Ring<RESTARTS>,
    reasons: [Reason; REASONS],
    history: History,
}

/// How often a word was the reason for the end of a worker.
#[derive(Debug)]
#[repr(C)]
struct Reason {
    word: [AtomicU64; 3],
    count: AtomicU64,
}

/// A request that took long.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Slow {
    /// When it ended, after the board's beginning.
    pub at: Duration,
    pub took: Duration,
    /// 0 where none was given.
    pub status: u16,
    pub pid: u32,
    pub method: Vec<u8>,
    /// Without the query.
    pub path: Vec<u8>,
}

/// The end of a worker that was to be replaced, or not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restart {
    /// When, after the board's beginning.
    pub at: Duration,
    pub pid: u32,
    /// How long it lived.
    pub age: Duration,
    pub served: u64,
    /// One word.
    pub reason: Vec<u8>,
    /// More about it, for people; empty where nothing is to be said.
    pub detail: Vec<u8>,
}

impl Reports {
    /// Notes a request that took long; `slot` is where it was served. The query of the target is left out, and what has no
    /// room in 160 bytes.
    pub fn note_slow(&self, slot: usize, request: &Slow) {
        let facts =
            [micros(request.at), micros(request.took), u64::from(request.pid), u64::from(request.status)];
        self.slow.note(writer(slot), facts, &request.method, path_of(&request.path));
    }

    /// Notes the end of a worker. For the master alone; 16 different words are counted, of 24 bytes at most.
    pub fn note_restart(&self, restart: &Restart) {
        let facts = [micros(restart.at), u64::from(restart.pid), micros(restart.age), restart.served];
        self.restarts.note(u32::MAX, facts, &restart.reason, &restart.detail);
        let mut word = [[0; 8]; 3];
        word.as_flattened_mut().iter_mut().zip(&restart.reason).for_each(|(place, byte)| *place = *byte);
        let word = word.map(u64::from_ne_bytes);
        let is_it = |reason: &&Reason| [word, [0; 3]].contains(&reason.word());
        if let Some(reason) = self.reasons.iter().find(is_it) {
            reason.word.iter().zip(word).for_each(|(place, part)| place.store(part, Ordering::Relaxed));
            reason.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The last slow requests, the newest first.
    pub fn slow(&self) -> Vec<Slow> {
        let read = |noted: super::ring::Noted| {
            let [at, took, pid, status] = noted.facts;
            Slow {
                at: Duration::from_micros(at),
                took: Duration::from_micros(took),
                status: u16::try_from(status).unwrap_or(0),
                pid: u32::try_from(pid).unwrap_or(0),
                method: noted.first,
                path: noted.second,
            }
        };
        self.slow.newest().into_iter().map(read).collect()
    }

    /// The last ends of workers, the newest first.
    pub fn restarts(&self) -> Vec<Restart> {
        let read = |noted: super::ring::Noted| {
            let [at, pid, age, served] = noted.facts;
            Restart {
                at: Duration::from_micros(at),
                pid: u32::try_from(pid).unwrap_or(0),
                age: Duration::from_micros(age),
                served,
                reason: noted.first,
                detail: noted.second,
            }
        };
        self.restarts.newest().into_iter().map(read).collect()
    }

    /// Ends of workers by their reasons, in the order in which these came up.
    pub fn reasons(&self) -> Vec<(String, u64)> {
        let counts = self.reasons.iter().map(|reason| {
            let bytes: Vec<u8> = reason.word().into_iter().flat_map(u64::to_ne_bytes).collect();
            let word = String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_owned();
            (word, reason.count.load(Ordering::Relaxed))
        });
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Notes how things are now. Only one process may.
    pub fn add_sample(&self, sample: &Sample) {
        self.history.add(sample);
    }

    /// The last minutes, the oldest moment first; empty where nobody takes notes.
    pub fn samples(&self) -> Vec<Sample> {
        self.history.samples()
    }

    /// Keeps how long requests took up to a moment. Only one process may.
    pub fn mark(&self, at: Duration, counted: &Counted) {
        self.history.mark(at, counted);
    }

    /// How long requests took up to a moment near to this one, and which it is.
    pub fn mark_near(&self, at: Duration) -> Option<(Duration, Counted)> {
        self.history.mark_near(at)
    }

    /// Gives free what a worker has held that is no more.
    pub(super) fn release(&self, slot: usize) {
        self.slow.release(writer(slot));
    }
}

impl Reason {
    fn word(&self) -> [u64; 3] {
        std::array::from_fn(|index| self.word[index].load(Ordering::Relaxed))
    }
}

fn writer(slot: usize) -> u32 {
    u32::try_from(slot + 1).unwrap_or(u32::MAX - 1)
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

const SLOW: usize = 32;
const RESTARTS: usize = 32;
const REASONS: usize = 16;
