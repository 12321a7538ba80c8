//! Two short texts in shared memory, one behind the other.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Room for `WORDS` times 8 bytes. What is read while somebody writes is any mixture; who needs more has a version number.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Texts<const WORDS: usize> {
    /// Bytes of the first text.
    first: AtomicU32,
    /// Bytes of both.
    both: AtomicU32,
    words: [AtomicU64; WORDS],
}

impl<const WORDS: usize> Texts<WORDS> {
    /// Bytes that there is room for.
    pub(super) const ROOM: usize = WORDS * 8;

    /// Writes two texts down; what has no room is cut off at the end.
    pub(super) fn write(&self, first: &[u8], second: &[u8]) {
        let first = &first[..first.len().min(Self::ROOM)];
        let second = &second[..second.len().min(Self::ROOM - first.len())];
        let both = first.len() + second.len();
        let mut copy = [[0; 8]; WORDS];
        let bytes = copy.as_flattened_mut();
        bytes[..first.len()].copy_from_slice(first);
        bytes[first.len()..both].copy_from_slice(second);
        self.first.store(u32::try_from(first.len()).unwrap_or(0), Ordering::Relaxed);
        self.both.store(u32::try_from(both).unwrap_or(0), Ordering::Relaxed);
        for (word, piece) in self.words.iter().zip(&copy[..both.div_ceil(8)]) {
            word.store(u64::from_ne_bytes(*piece), Ordering::Relaxed);
        }
    }

    /// Reads both texts.
    pub(super) fn read(&self) -> (Vec<u8>, Vec<u8>) {
        let both = (self.both.load(Ordering::Relaxed) as usize).min(Self::ROOM);
        let first = (self.first.load(Ordering::Relaxed) as usize).min(both);
        let words = self.words.iter().take(both.div_ceil(8));
        let mut bytes: Vec<u8> = words.flat_map(|word| word.load(Ordering::Relaxed).to_ne_bytes()).collect();
        bytes.truncate(both);
        let second = bytes.split_off(first);
        (bytes, second)
    }
}

#[cfg(test)]
impl<const WORDS: usize> Texts<WORDS> {
    pub(super) fn empty() -> Self {
        Self {
            first: AtomicU32::new(0),
            both: AtomicU32::new(0),
            words: std::array::from_fn(|_| AtomicU64::new(0)),
        }
    }
}
