//! The name-value pairs of a request: one stream of bytes, however it was cut into records.
//!
//! In come the contents of PARAMS records, out goes [`Params`], checked once and then walked without
//! copying. A length is compared with the limits as soon as it is read, before any byte of its pair is
//! kept. Names and values are bytes; what they mean is no business of this file. Source: FastCGI 1.0
//! section 3.4.

use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::ParamsError;
use crate::limits::Limits;
use crate::parse;

/// The checked pairs of one request, in one piece of memory.
///
/// ```
/// use bytes::Bytes;
/// use fcgi_proto::{Limits, Params};
///
/// let raw = Bytes::from_static(b"\x0e\x03REQUEST_METHODGET\x05\x00HTTPS");
/// let params = Params::parse(raw, &Limits::default())?;
/// assert_eq!(params.len(), 2);
/// assert_eq!(params.get(b"REQUEST_METHOD"), Some(&b"GET"[..]));
/// assert_eq!(params.iter().last(), Some((&b"HTTPS"[..], &b""[..])));
///
/// let same: Params = [("REQUEST_METHOD", "GET"), ("HTTPS", "")].into_iter().collect();
/// assert_eq!(same, params);
/// # Ok::<(), fcgi_proto::ParamsError>(())
/// ```
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Params {
    raw: Bytes,
    pairs: usize,
}

impl Params {
    /// Checks a whole PARAMS stream. The bytes are kept as they are.
    ///
    /// # Errors
    ///
    /// [`ParamsError`] if the stream passes a limit, ends inside a pair, or holds a NUL byte in a name or
    /// value.
    pub fn parse(raw: Bytes, limits: &Limits) -> Result<Self, ParamsError> {
        let mut assembly = Assembly::default();
        assembly.push(raw, limits)?;
        assembly.finish()
    }

    /// Walks the pairs in the order of their arrival, repeated names and empty names included.
    pub fn iter(&self) -> Pairs<'_> {
        Pairs { rest: &self.raw, left: self.pairs }
    }

    /// The value of `name`; the last one where the name is repeated.
    pub fn get(&self, name: &[u8]) -> Option<&[u8]> {
        self.iter().filter(|(candidate, _)| *candidate == name).last().map(|(_, value)| value)
    }

    /// The number of pairs, repeated ones included.
    pub fn len(&self) -> usize {
        self.pairs
    }

    /// Whether there is no pair.
    pub fn is_empty(&self) -> bool {
        self.pairs == 0
    }

    /// The stream as it was sent, without the cuts.
    pub fn as_bytes(&self) -> &Bytes {
        &self.raw
    }
}

/// Shows the names alone: values can be secrets.
impl fmt::Debug for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| name.escape_ascii().to_string());
        f.debug_set().entries(names).finish()
    }
}

/// Encodes the pairs.
///
/// # Panics
///
/// As [`encode_pair`] does.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> FromIterator<(N, V)> for Params {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let mut out = BytesMut::new();
        let mut count = 0;
        for (name, value) in pairs {
            encode_pair(&mut out, name.as_ref(), value.as_ref());
            count += 1;
        }
        Self { raw: out.freeze(), pairs: count }
    }
}

impl<'a> IntoIterator for &'a Params {
    type Item = (&'a [u8], &'a [u8]);
    type IntoIter = Pairs<'a>;

    fn into_iter(self) -> Pairs<'a> {
        self.iter()
    }
}

/// Walks the pairs of [`Params`].
#[derive(Clone)]
pub struct Pairs<'a> {
    rest: &'a [u8],
    left: usize,
}

impl<'a> Iterator for Pairs<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = parse::pair(self.rest)?;
        self.rest = rest;
        self.left -= 1;
        Some((name, value))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl ExactSizeIterator for Pairs<'_> {}

impl fmt::Debug for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairs").field("left", &self.left).finish_non_exhaustive()
    }
}

/// Appends one pair, each length in its shortest form.
///
/// # Panics
///
/// If the name or the value is longer than 2 147 483 647 bytes, which the format cannot express.
pub fn encode_pair(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.reserve(8 + name.len() + value.len());
    encode_length(out, name.len());
    encode_length(out, value.len());
    out.put_slice(name);
    out.put_slice(value);
}

fn encode_length(out: &mut BytesMut, length: usize) {
    match u32::try_from(length) {
        Ok(short @ 0..=0x7f) => out.put_u8(short.to_be_bytes()[3]),
        Ok(long @ ..=0x7fff_ffff) => out.put_u32(long | 0x8000_0000),
        _ => panic!("a name or value of {length} bytes cannot be encoded"),
    }
}

/// A PARAMS stream on its way in.
///
/// The first record is kept as it came. Only a second one makes a copy, and the stream stays in one piece.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    first: Bytes,
    joined: BytesMut,
    checked: usize,
    pairs: usize,
    zeros_in_lengths: usize,
}

impl Assembly {
    /// Takes the content of one record.
    pub(crate) fn push(&mut self, content: Bytes, limits: &Limits) -> Result<(), ParamsError> {
        let length = self.raw().len() + content.len();
        if length > limits.max_params_bytes {
            return Err(ParamsError::TooLarge { limit: limits.max_params_bytes });
        }
        if self.joined.is_empty() && self.first.is_empty() {
            self.first = content;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(length);
                self.joined.put_slice(&self.first);
                self.first.clear();
            }
            self.joined.put_slice(&content);
        }
        self.check(limits)
    }

    /// Ends the stream.
    pub(crate) fn finish(self) -> Result<Params, ParamsError> {
        let raw = self.raw();
        if self.checked != raw.len() {
            return Err(ParamsError::Truncated);
        }
        // A zero byte that is not part of a length is part of a name or value: one pass over all bytes is
        // cheaper than one search in each of them.
        if count_zeros(raw) != self.zeros_in_lengths {
            return Err(ParamsError::Nul);
        }
        let raw = if self.joined.is_empty() { self.first } else { self.joined.freeze() };
        Ok(Params { raw, pairs: self.pairs })
    }

    /// Walks on over the pairs that are whole by now, and looks at the lengths of the one that is not.
    fn check(&mut self, limits: &Limits) -> Result<(), ParamsError> {
        let raw: &[u8] = if self.joined.is_empty() { &self.first } else { &self.joined };
        let mut rest = raw.get(self.checked..).unwrap_or_default();
        while let Some(head) = parse::pair_head(rest) {
            let length = head.pair_length();
            if length > limits.max_params_bytes - self.checked {
                return Err(ParamsError::LengthTooLarge { length, limit: limits.max_params_bytes });
            }
            if self.pairs == limits.max_params_pairs {
                return Err(ParamsError::TooMany { limit: limits.max_params_pairs });
            }
            let Some((pair, after)) = rest.split_at_checked(length) else { break };
            self.zeros_in_lengths += count_zeros(&pair[..head.head]);
            self.checked += length;
            self.pairs += 1;
            rest = after;
        }
        Ok(())
    }

    fn raw(&self) -> &[u8] {
        if self.joined.is_empty() { &self.first } else { &self.joined }
    }
}

/// Counts in blocks that a byte can count, which compilers turn into vector instructions.
fn count_zeros(bytes: &[u8]) -> usize {
    let in_block = |block: &[u8]| usize::from(block.iter().map(|byte| u8::from(*byte == 0)).sum::<u8>());
    bytes.chunks(usize::from(u8::MAX)).map(in_block).sum()
}
