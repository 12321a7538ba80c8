//! Every parser of variable-length bytes, written with nom, which appears nowhere else. Two short lengths
//! side by side, which nearly every pair has, are recognized before nom is asked.
//!
//! Slices come in; `None` goes out when more bytes are needed, and nom's own error type never leaves this
//! file. Lengths are read here but never trusted: [`pair_head`] gives them to the caller, who compares them
//! with its limits before it waits for the bytes. Source: FastCGI 1.0 sections 3.3 and 3.4.

use nom::bytes::streaming::take;
use nom::combinator::{consumed, map_res};
use nom::number::streaming::{be_u8, be_u32};
use nom::{IResult, Parser};

use crate::error::ProtocolError;
use crate::header::RecordHeader;

/// The lengths in front of a name-value pair.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct PairHead {
    /// The bytes that the two lengths themselves take, 2 to 8.
    pub(crate) head: usize,
    /// The announced length of the name.
    pub(crate) name: usize,
    /// The announced length of the value.
    pub(crate) value: usize,
}

impl PairHead {
    /// The bytes of the whole pair; both lengths together can be beyond what a 32-bit machine can count.
    pub(crate) fn pair_length(self) -> usize {
        self.head.saturating_add(self.name).saturating_add(self.value)
    }
}

/// Reads the header at the start of `input`; a wrong version is told at the first byte.
#[inline]
pub(crate) fn record_header(input: &[u8]) -> Result<Option<RecordHeader>, ProtocolError> {
    match header_bytes(input) {
        Ok((_, bytes)) => RecordHeader::from_bytes(bytes).map(Some),
        Err(_incomplete) => match input.first() {
            Some(&version) if version != RecordHeader::VERSION => {
                Err(ProtocolError::UnsupportedVersion { version })
            }
            _ => Ok(None),
        },
    }
}

/// Reads the two lengths at the start of `input`.
#[inline]
pub(crate) fn pair_head(input: &[u8]) -> Option<PairHead> {
    // Nearly every name and value is short.
    if let [name @ 0..LONG_FORM, value @ 0..LONG_FORM, ..] = *input {
        return Some(PairHead { head: 2, name: usize::from(name), value: usize::from(value) });
    }
    long_pair_head(input)
}

/// The same where a length has the long form, or is not there yet; out of the way of the others.
#[cold]
fn long_pair_head(input: &[u8]) -> Option<PairHead> {
    let (_, (head, (name, value))) = consumed((length, length)).parse(input).ok()?;
    Some(PairHead { head: head.len(), name, value })
}

/// Pairs that are whole, and whose lengths are short.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ShortPairs {
    /// The bytes that they take.
    pub(crate) bytes: usize,
    /// How many they are.
    pub(crate) pairs: usize,
    /// The zero bytes among their lengths.
    pub(crate) zeros_in_lengths: usize,
}

/// Walks over such pairs at the start of `input`, `most` at most.
#[inline]
pub(crate) fn short_pairs(input: &[u8], most: usize) -> ShortPairs {
    let (mut rest, mut pairs, mut zeros_in_lengths) = (input, 0, 0);
    while pairs < most
        && let [name @ 0..LONG_FORM, value @ 0..LONG_FORM, behind @ ..] = rest
        && let Some(next) = behind.get(usize::from(*name) + usize::from(*value)..)
    {
        zeros_in_lengths += usize::from(*name == 0) + usize::from(*value == 0);
        pairs += 1;
        rest = next;
    }
    ShortPairs { bytes: input.len() - rest.len(), pairs, zeros_in_lengths }
}

/// Reads the pair at the start of `input`: name, value, and what follows them.
#[inline]
pub(crate) fn pair(input: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, value, rest) = if let [name @ 0..LONG_FORM, value @ 0..LONG_FORM, rest @ ..] = input {
        (usize::from(*name), usize::from(*value), rest)
    } else {
        let head = long_pair_head(input)?;
        (head.name, head.value, input.get(head.head..)?)
    };
    let (name, rest) = rest.split_at_checked(name)?;
    let (value, rest) = rest.split_at_checked(value)?;
    Some((name, value, rest))
}

/// Eight bytes.
#[inline]
fn header_bytes(input: &[u8]) -> IResult<&[u8], [u8; RecordHeader::LEN], ()> {
    map_res(take(RecordHeader::LEN), TryFrom::try_from).parse(input)
}

/// `0xxxxxxx`, or `1xxxxxxx` and three bytes more. A longer form than needed is allowed.
fn length(input: &[u8]) -> IResult<&[u8], usize, ()> {
    let (rest, first) = be_u8(input)?;
    if first & LONG_FORM == 0 {
        return Ok((rest, usize::from(first)));
    }
    let (rest, value) = be_u32(input)?;
    Ok((rest, usize::try_from(value & LENGTH_MASK).unwrap_or(usize::MAX)))
}

/// The bit that says that a length takes four bytes.
const LONG_FORM: u8 = 0x80;

/// The bits of a four-byte length.
const LENGTH_MASK: u32 = 0x7fff_ffff;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_needs_eight_bytes_but_the_version_only_one() {
        assert_eq!(record_header(&[]), Ok(None));
        assert_eq!(record_header(&[1, 5, 0, 1, 0, 5, 3]), Ok(None));
        assert_eq!(record_header(b"G"), Err(ProtocolError::UnsupportedVersion { version: b'G' }));
        assert!(matches!(record_header(&[1, 5, 0, 1, 0, 5, 3, 0, 9]), Ok(Some(_))));
    }

    #[test]
    fn lengths_in_both_forms() {
        let head = |bytes: &[u8]| pair_head(bytes).map(|h| (h.head, h.name, h.value));
        assert_eq!(head(&[3, 0x7f]), Some((2, 3, 127)));
        assert_eq!(head(&[3, 0x80, 0, 0, 128]), Some((5, 3, 128)));
        assert_eq!(head(&[0x80, 0, 0, 200, 0x80, 0, 1, 44]), Some((8, 200, 300)));
        assert_eq!(head(&[0x80, 0, 0, 1, 2]), Some((5, 1, 2)));
        for cut in 0..8 {
            assert_eq!(head(&[0x80, 0, 0, 200, 0x80, 0, 1, 44][..cut]), None);
        }
    }

    #[test]
    fn short_pairs_end_before_a_long_one_a_cut_one_and_the_limit() {
        let walk = |bytes: &[u8], most| {
            let found = short_pairs(bytes, most);
            (found.bytes, found.pairs, found.zeros_in_lengths)
        };
        assert_eq!(walk(b"", 9), (0, 0, 0));
        assert_eq!(walk(b"\x01\x02Axy\x00\x00\x01\x00B", 9), (10, 3, 3));
        assert_eq!(walk(b"\x01\x02Axy\x00\x00\x01\x00B", 2), (7, 2, 2));
        assert_eq!(walk(b"\x01\x02Axy\x01\x02Ax", 9), (5, 1, 0));
        assert_eq!(walk(b"\x01\x00A\x01\x80\x00\x00\x01Bx", 9), (3, 1, 1));
    }

    #[test]
    fn a_pair_needs_all_its_bytes() {
        assert_eq!(pair(b"\x01\x02Axyrest"), Some((&b"A"[..], &b"xy"[..], &b"rest"[..])));
        assert_eq!(pair(b"\x00\x00"), Some((&b""[..], &b""[..], &b""[..])));
        assert_eq!(pair(b"\x01\x02Ax"), None);
    }
}
