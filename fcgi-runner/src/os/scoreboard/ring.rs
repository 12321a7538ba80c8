//! The last few events, in shared memory: slow requests and restarts.
//!
//! Any process writes, anybody reads. A note is taken by one writer at a time and written between two steps of a version
//! number, as a desk is; what a writer leaves behind that is killed in between is free again when its slot is closed.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};

use super::texts::Texts;

/// Room for `N` notes; a new one takes the place of the oldest. All zero is an empty ring.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Ring<const N: usize> {
    made: AtomicU64,
    notes: [Note; N],
}

#[derive(Debug)]
#[repr(C)]
struct Note {
    /// Who writes it now, 0 for nobody.
    writer: AtomicU32,
    /// Odd while it is written down.
    version: AtomicU64,
    number: AtomicU64,
    facts: [AtomicU64; FACTS],
    texts: Texts<WORDS>,
}

/// What stands in a note.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Noted {
    /// Counts all notes that were ever made.
    pub(super) number: u64,
    pub(super) facts: [u64; FACTS],
    pub(super) first: Vec<u8>,
    pub(super) second: Vec<u8>,
}

impl<const N: usize> Ring<N> {
    /// Writes a note; `writer` is who is to be named to [`Ring::release`], and not 0.
    pub(super) fn note(&self, writer: u32, facts: [u64; FACTS], first: &[u8], second: &[u8]) {
        // Where somebody writes at this moment, the next place will do.
        for _ in 0..N {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let note = &self.notes[usize::try_from(number).unwrap_or(0) % N];
            if note.writer.compare_exchange(0, writer, Ordering::Acquire, Ordering::Relaxed).is_ok() {
                note.write(number, facts, first, second);
                note.writer.store(0, Ordering::Release);
                return;
            }
        }
    }

    /// Gives free what a writer has held that is no more.
    pub(super) fn release(&self, writer: u32) {
        for note in &self.notes {
            let _ = note.writer.compare_exchange(writer, 0, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// All notes that can be read, the newest first.
    pub(super) fn newest(&self) -> Vec<Noted> {
        let mut found: Vec<Noted> = self.notes.iter().filter_map(Note::read).collect();
        found.sort_by_key(|noted| std::cmp::Reverse(noted.number));
        found
    }
}

impl Note {
    fn write(&self, number: u64, facts: [u64; FACTS], first: &[u8], second: &[u8]) {
        let version = self.version.load(Ordering::Relaxed) | 1;
        self.version.store(version, Ordering::Relaxed);
        fence(Ordering::Release);
        self.number.store(number, Ordering::Relaxed);
        for (place, fact) in self.facts.iter().zip(facts) {
            place.store(fact, Ordering::Relaxed);
        }
        self.texts.write(first, second);
        self.version.store(version + 1, Ordering::Release);
    }

    fn read(&self) -> Option<Noted> {
        let version = self.version.load(Ordering::Acquire);
        if version == 0 || !version.is_multiple_of(2) {
            return None;
        }
        let number = self.number.load(Ordering::Relaxed);
        let facts = std::array::from_fn(|index| self.facts[index].load(Ordering::Relaxed));
        let (first, second) = self.texts.read();
        fence(Ordering::Acquire);
        let is_whole = self.version.load(Ordering::Relaxed) == version;
        is_whole.then_some(Noted { number, facts, first, second })
    }
}

/// Numbers in a note.
pub(super) const FACTS: usize = 4;

/// Room for text, in units of 8 bytes.
const WORDS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> Ring<4> {
        let note = |_| Note {
            writer: AtomicU32::new(0),
            version: AtomicU64::new(0),
            number: AtomicU64::new(0),
            facts: std::array::from_fn(|_| AtomicU64::new(0)),
            texts: Texts::empty(),
        };
        Ring { made: AtomicU64::new(0), notes: std::array::from_fn(note) }
    }

    #[test]
    fn the_last_notes_are_kept_and_the_newest_comes_first() {
        let ring = ring();
        assert!(ring.newest().is_empty());
        for number in 0..6 {
            ring.note(7, [number, 0, 0, 9], b"GET", format!("/{number}").as_bytes());
        }
        let found: Vec<_> = ring.newest().into_iter().map(|noted| (noted.facts[0], noted.second)).collect();
        let wanted = [5, 4, 3, 2].map(|number| (number, format!("/{number}").into_bytes()));
        assert_eq!(found, wanted);
    }

    #[test]
    fn a_note_whose_writer_was_killed_is_passed_over_and_then_free_again() {
        let ring = ring();
        ring.notes[0].writer.store(3, Ordering::Relaxed);
        ring.notes[0].version.store(1, Ordering::Relaxed);
        for number in 0..4 {
            ring.note(7, [number, 0, 0, 0], b"", b"");
        }
        assert_eq!(ring.newest().len(), 3);
        ring.release(4);
        assert_eq!(ring.notes[0].writer.load(Ordering::Relaxed), 3);
        ring.release(3);
        (0..4).for_each(|number| ring.note(7, [number, 0, 0, 0], b"", b""));
        assert_eq!(ring.newest().len(), 4);
    }

    #[test]
    fn notes_of_many_writers_are_never_mixed() {
        let ring = ring();
        std::thread::scope(|scope| {
            for writer in 1..=3_u8 {
                let ring = &ring;
                scope.spawn(move || {
                    for _ in 0..20_000 {
                        ring.note(
                            u32::from(writer),
                            [u64::from(writer); FACTS],
                            &[writer; 60],
                            &[writer; 60],
                        );
                    }
                });
            }
            for _ in 0..20_000 {
                for noted in ring.newest() {
                    let writer = u8::try_from(noted.facts[0]).unwrap();
                    assert_eq!(noted.facts, [u64::from(writer); FACTS]);
                    assert_eq!((noted.first, noted.second), (vec![writer; 60], vec![writer; 60]));
                }
            }
        });
    }
}
