//! What can go wrong, in numbers that stay: `FR012` stands for the same thing in every version.
//!
//! A [`Code`] goes with every failed start, with every error page of the server's own, and with the lines of the log that tell
//! of them. [`table`] says for each what has happened and what to do; `fcgi-run explain FR012` prints it. In comes a code, out go
//! texts: nothing here knows what is served, and nothing is read or written.
//!
//! A new message is one entry in the table, in the block of numbers of its file, and one line in the list of the test in
//! [`table`], which holds that numbers never change. A number that is no longer used is not used again.

pub mod plain;
pub mod table;
mod text;

use std::fmt;

pub use self::text::{explanation, overview, wrapped};

/// The number of a message, written `FR012`.
///
/// There is one constant for each entry of the table: `Code::UNKNOWN_OPTION`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Code(u16);

/// What is known about a code.
#[derive(Debug, Eq, PartialEq)]
pub struct Message {
    /// The number.
    pub code: Code,
    /// One line of cause.
    pub cause: &'static str,
    /// One line of cure, for those who read nothing else.
    pub cure: &'static str,
    /// What has happened, in whole sentences.
    pub happened: &'static str,
    /// Where to look for more.
    pub look: &'static str,
    /// What to do, in whole sentences.
    pub act: &'static str,
    /// A command that helps.
    pub example: &'static str,
}

impl Code {
    /// Reads `FR012`; letter case, leading zeros, the letters and brackets around it do not matter. `None` if there is no number
    /// in it, whether or not the table has it otherwise.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let inner = text.split_once('[').map_or(text, |(_, rest)| rest).trim_end_matches([':', ']']);
        let prefix = inner.get(..2).filter(|letters| letters.eq_ignore_ascii_case("fr"));
        let digits = &inner[prefix.map_or(0, str::len)..];
        let sound = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| digits.parse().ok()).flatten().map(Self)
    }

    /// A text with the code before it, for ways on which only text travels: `[FR012] text`.
    pub fn tag(self, text: &str) -> String {
        format!("[{self}] {text}")
    }

    /// The two parts of a tagged text.
    pub fn split(text: &str) -> Option<(Self, &str)> {
        let (tag, rest) = text.strip_prefix('[')?.split_once("] ")?;
        Some((Self::read(tag)?, rest))
    }

    /// What is known about it, if the table has it.
    pub fn message(self) -> Option<&'static Message> {
        table::all().find(|message| message.code == self)
    }

    /// One line of cure; empty if the table does not have it.
    pub fn cure(self) -> &'static str {
        self.message().map_or("", |message| message.cure)
    }

    /// The code of the table that is nearest by number.
    pub fn nearest(self) -> Option<Self> {
        table::all().map(|message| message.code).min_by_key(|code| code.0.abs_diff(self.0))
    }
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "FR{:03}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::Code;

    #[test]
    fn codes_are_read_as_people_write_them() {
        for text in ["FR012", "fr012", "Fr12", "12", " FR012 ", "[FR012]", "error[FR012]:", "FR12:"] {
            assert_eq!(Code::read(text), Some(Code(12)), "{text}");
        }
        for text in ["", "FR", "12FR", "FR-12", "FR012x", "é012", "FR999999", "socket"] {
            assert_eq!(Code::read(text), None, "{text}");
        }
        assert_eq!(Code(7).to_string(), "FR007");
    }

    #[test]
    fn a_tag_is_found_again() {
        assert_eq!(Code::split(&Code(12).tag("a [FR013] b")), Some((Code(12), "a [FR013] b")));
        for text in ["", "[FR012]", "FR012] x", "[x] y", "a [FR012] b"] {
            assert_eq!(Code::split(text), None, "{text}");
        }
    }

    #[test]
    fn a_code_that_is_not_there_has_a_neighbour() {
        assert_eq!(Code(0).nearest(), Some(Code::UNKNOWN_OPTION));
        assert_eq!(Code(0).message(), None);
        assert_eq!(Code::UNKNOWN_OPTION.message().map(|message| message.code), Some(Code(1)));
        assert!(!Code::UNKNOWN_OPTION.cure().is_empty());
    }
}
