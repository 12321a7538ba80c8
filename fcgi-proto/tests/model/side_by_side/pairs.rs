//! Name-value pairs (FastCGI 1.0 section 3.4), read slowly: from the first byte, each time one more record has come.

/// What a stream of pairs is worth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// It has more bytes than it may have.
    TooLarge,
    /// A pair announces more bytes than the stream may have.
    LengthTooLarge,
    /// It has more pairs than it may have.
    TooMany,
    /// It ends inside a pair.
    Truncated,
    /// A name or a value has a NUL byte.
    Nul,
}

/// Names and values in their order.
pub(crate) type Pairs = Vec<(Vec<u8>, Vec<u8>)>;

/// The whole pairs at the start of a stream whose end has not come, and the number of bytes they take.
pub(crate) fn so_far(stream: &[u8], max_bytes: usize, max_pairs: usize) -> Result<(Pairs, usize), Fault> {
    if stream.len() > max_bytes {
        return Err(Fault::TooLarge);
    }
    let mut pairs = Pairs::new();
    let mut at = 0;
    while let Some((name_length, after_name_length)) = length(stream, at)
        && let Some((value_length, start)) = length(stream, after_name_length)
    {
        let middle = start + name_length;
        let end = middle + value_length;
        if end > max_bytes {
            return Err(Fault::LengthTooLarge);
        }
        if pairs.len() == max_pairs {
            return Err(Fault::TooMany);
        }
        if end > stream.len() {
            break;
        }
        pairs.push((stream[start..middle].to_vec(), stream[middle..end].to_vec()));
        at = end;
    }
    Ok((pairs, at))
}

/// The pairs of a stream that has ended.
pub(crate) fn whole(stream: &[u8], max_bytes: usize, max_pairs: usize) -> Result<Pairs, Fault> {
    let (pairs, used) = so_far(stream, max_bytes, max_pairs)?;
    if used < stream.len() {
        return Err(Fault::Truncated);
    }
    if pairs.iter().any(|(name, value)| name.contains(&0) || value.contains(&0)) {
        return Err(Fault::Nul);
    }
    Ok(pairs)
}

/// A length in one of its two forms, and where it ends.
fn length(stream: &[u8], at: usize) -> Option<(usize, usize)> {
    let first = usize::from(*stream.get(at)?);
    if first < 128 {
        return Some((first, at + 1));
    }
    let rest = stream.get(at + 1..at + 4)?;
    let lower = rest.iter().fold(0, |number, byte| number * 256 + usize::from(*byte));
    Some(((first - 128) * 256 * 256 * 256 + lower, at + 4))
}
