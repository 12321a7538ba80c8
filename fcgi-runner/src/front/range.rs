//! The header `Range`: which part of a file is asked for.
//!
//! One range of bytes is understood. Several of them, other units and what cannot be read are ignored, as RFC 9110
//! allows, and the whole file is sent.
//!
//! Source: RFC 9110 section 14.

/// What is to be sent of a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Part {
    /// All of it.
    Whole,
    /// The bytes from `first` to `last`, both included; `last` is before the end of the file.
    Bytes {
        /// The position of the first byte.
        first: u64,
        /// The position of the last byte.
        last: u64,
    },
    /// The file has none of the bytes: 416.
    Unsatisfiable,
}

/// Reads the value of `Range` for a file of `length` bytes.
pub(super) fn part(value: &str, length: u64) -> Part {
    read(value, length).unwrap_or(Part::Whole)
}

fn read(value: &str, length: u64) -> Option<Part> {
    let (unit, range) = value.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (first, last) = match (first, last) {
        ("", last) => (length.saturating_sub(number(last)?), u64::MAX),
        (first, "") => (number(first)?, u64::MAX),
        (first, last) => (number(first)?, number(last)?),
    };
    if first > last {
        return None;
    }
    if first >= length {
        return Some(Part::Unsatisfiable);
    }
    Some(Part::Bytes { first, last: last.min(length - 1) })
}

/// Reads digits; a number too large for us is beyond every file.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::{Part, part};

    #[test]
    fn ranges_of_ten_bytes() {
        for (value, first, last) in [
            ("bytes=0-0", 0, 0),
            ("bytes=2-5", 2, 5),
            ("bytes=2-", 2, 9),
            ("bytes=0-", 0, 9),
            ("bytes=-3", 7, 9),
            ("bytes=-30", 0, 9),
            ("bytes=5-99999999999999999999999", 5, 9),
            ("Bytes = 9-9", 9, 9),
        ] {
            assert_eq!(part(value, 10), Part::Bytes { first, last }, "{value}");
        }
        for value in ["bytes=10-", "bytes=10-20", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(part(value, 10), Part::Unsatisfiable, "{value}");
        }
        for value in [
            "",
            "bytes",
            "bytes=",
            "bytes=-",
            "bytes=a-b",
            "bytes=5-2",
            "bytes=0-1,3-4",
            "lines=0-1",
            "bytes=+1-2",
        ] {
            assert_eq!(part(value, 10), Part::Whole, "{value}");
        }
    }

    #[test]
    fn an_empty_file_has_no_part() {
        assert_eq!(part("bytes=0-", 0), Part::Unsatisfiable);
        assert_eq!(part("bytes=-5", 0), Part::Unsatisfiable);
    }
}
