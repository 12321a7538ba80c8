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
        let pairs = pairs.into_iter();
        let mut out = BytesMut::with_capacity(pairs.size_hint().0.saturating_mul(USUAL_PAIR));
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

    #[inline]
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

impl<'a> Pairs<'a> {
    /// Walks over the pairs of `known` at once, if they come next with the very same bytes, and returns these bytes. One
    /// comparison is cheaper than many, where most of what a web server sends is what it has sent before.
    ///
    /// ```
    /// use fcgi_proto::Params;
    ///
    /// let params: Params = [("HTTPS", "on"), ("PATH_INFO", "/")].into_iter().collect();
    /// let known: Params = [("HTTPS", "on")].into_iter().collect();
    /// let mut pairs = params.iter();
    /// assert_eq!(pairs.skip_known(&known), Some(&b"\x05\x02HTTPSon"[..]));
    /// assert_eq!(pairs.skip_known(&known), None);
    /// assert_eq!(pairs.next(), Some((&b"PATH_INFO"[..], &b"/"[..])));
    /// ```
    #[inline]
    pub fn skip_known(&mut self, known: &Params) -> Option<&'a [u8]> {
        let (skipped, rest) = self.rest.split_at_checked(known.raw.len())?;
        if *skipped != *known.raw {
            return None;
        }
        self.rest = rest;
        self.left -= known.pairs;
        Some(skipped)
    }
}

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
    let lengths = (u8::try_from(name.len()), u8::try_from(value.len()));
    if let (Ok(name @ ..=0x7f), Ok(value @ ..=0x7f)) = lengths {
        // Nearly all are short: both lengths are written at once.
        out.put_u16(u16::from_be_bytes([name, value]));
    } else {
        encode_length(out, name.len());
        encode_length(out, value.len());
    }
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

/// The bytes of a pair that a web server sends, on average.
const USUAL_PAIR: usize = 32;

/// A PARAMS stream on its way in.
#[derive(Debug, Default)]
pub(crate) struct Assembly {
    raw: Raw,
    checked: usize,
    pairs: usize,
    zeros_in_lengths: usize,
}

/// The first record is kept as it came. Only a second one makes a copy, and the stream stays in one piece.
#[derive(Debug)]
enum Raw {
    Shared(Bytes),
    Joined(BytesMut),
}

impl Default for Raw {
    fn default() -> Self {
        Self::Shared(Bytes::new())
    }
}

impl Raw {
    fn push(&mut self, content: Bytes) {
        match self {
            Self::Shared(first) if first.is_empty() => *first = content,
            Self::Shared(first) => {
                // Where there is a second record there is often a third.
                let mut joined = BytesMut::with_capacity(2 * (first.len() + content.len()));
                joined.put_slice(first);
                joined.put_slice(&content);
                *self = Self::Joined(joined);
            }
            Self::Joined(joined) => joined.put_slice(&content),
        }
    }

    fn freeze(self) -> Bytes {
        match self {
            Self::Shared(first) => first,
            Self::Joined(joined) => joined.freeze(),
        }
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Shared(first) => first,
            Self::Joined(joined) => joined,
        }
    }
}

impl Assembly {
    /// Takes the content of one record.
    pub(crate) fn push(&mut self, content: Bytes, limits: &Limits) -> Result<(), ParamsError> {
        if self.raw.bytes().len() + content.len() > limits.max_params_bytes {
            return Err(ParamsError::TooLarge { limit: limits.max_params_bytes });
        }
        self.raw.push(content);
        self.check(limits)
    }

    /// Ends the stream.
    pub(crate) fn finish(self) -> Result<Params, ParamsError> {
        let raw = self.raw.bytes();
        if self.checked != raw.len() {
            return Err(ParamsError::Truncated);
        }
        // A zero byte that is not part of a length is part of a name or value: one pass over all bytes is
        // cheaper than one search in each of them.
        if count_zeros(raw) != self.zeros_in_lengths {
            return Err(ParamsError::Nul);
        }
        Ok(Params { raw: self.raw.freeze(), pairs: self.pairs })
    }

    /// Walks on over the pairs that are whole by now, and looks at the lengths of the one that is not.
    fn check(&mut self, limits: &Limits) -> Result<(), ParamsError> {
        let raw = self.raw.bytes();
        let Self { mut checked, mut pairs, mut zeros_in_lengths, .. } = *self;
        while let Some(rest) = raw.get(checked..) {
            let short = parse::short_pairs(rest, limits.max_params_pairs - pairs);
            checked += short.bytes;
            pairs += short.pairs;
            zeros_in_lengths += short.zeros_in_lengths;
            let rest = &rest[short.bytes..];
            let Some(head) = parse::pair_head(rest) else { break };
            let length = head.pair_length();
            if length > limits.max_params_bytes - checked {
                return Err(ParamsError::LengthTooLarge { length, limit: limits.max_params_bytes });
            }
            if pairs == limits.max_params_pairs {
                return Err(ParamsError::TooMany { limit: limits.max_params_pairs });
            }
            if length > rest.len() {
                break;
            }
            zeros_in_lengths += match head.head {
                2 => usize::from(head.name == 0) + usize::from(head.value == 0),
                long => rest.iter().take(long).filter(|byte| **byte == 0).count(),
            };
            checked += length;
            pairs += 1;
        }
        (self.checked, self.pairs, self.zeros_in_lengths) = (checked, pairs, zeros_in_lengths);
        Ok(())
    }
}

/// Counts in blocks that a byte can count, of a size that compilers turn into a few vector instructions.
fn count_zeros(bytes: &[u8]) -> usize {
    let (blocks, rest) = bytes.as_chunks::<128>();
    let (small_blocks, rest) = rest.as_chunks::<16>();
    let in_blocks: usize = blocks.iter().map(|block| zeros_in(block)).sum();
    let in_small_blocks: usize = small_blocks.iter().map(|block| zeros_in(block)).sum();
    in_blocks + in_small_blocks + zeros_in(rest)
}

/// Counts in less than 256 bytes.
#[inline]
fn zeros_in(block: &[u8]) -> usize {
    usize::from(block.iter().map(|byte| u8::from(*byte == 0)).sum::<u8>())
}
