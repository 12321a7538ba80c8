//! Text of others, made fit for a line of a log and for a terminal.
//!
//! Whatever peers and applications have put into it, it neither begins a line of its own, nor moves a cursor, nor changes the
//! order in which letters are read.

use std::fmt::Write as _;

/// Whether a character does something else than to show itself: control characters, separators of lines, and marks that turn the
/// direction of writing round.
pub fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// One line: characters that act are escaped.
pub fn line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    push(&mut out, text, |_| false);
    out
}

/// A value behind a name: as [`line`], in quotes where it could be taken for further names and values.
pub fn value(text: &str) -> String {
    let text = line(text);
    if text.starts_with('"') || text.contains(' ') && text.contains('=') {
        return format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
    }
    text
}

/// Lines, as of a traceback: they stay lines, with tabs; one that looks like the beginning of a message is moved in by a blank.
pub fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        if looks_like_a_message(line) {
            out.push(' ');
        }
        push(&mut out, line, |character| character == '\t');
    }
    out
}

fn push(out: &mut String, text: &str, keeps: impl Fn(char) -> bool) {
    for character in text.chars() {
        if acts(character) && !keeps(character) {
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
}

/// Whether a line begins with a time as those of the log do: `2026-01-31 23:59:59 [`.
fn looks_like_a_message(line: &str) -> bool {
    let shape = "dddd-dd-dd dd:dd:dd [";
    line.len() >= shape.len()
        && line
            .bytes()
            .zip(shape.bytes())
            .all(|(byte, wanted)| if wanted == b'd' { byte.is_ascii_digit() } else { byte == wanted })
}

#[cfg(test)]
mod tests {
    use super::{line, lines, value};

    #[test]
    fn a_line_stays_one_and_steers_no_terminal() {
        assert_eq!(line("a\nb\r\u{1b}[1m\u{7f}\u{9b}\0"), "a\\nb\\r\\u{1b}[1m\\u{7f}\\u{9b}\\u{0}");
        assert_eq!(line("a\u{2028}b\u{2029}c\u{85}"), "a\\u{2028}b\\u{2029}c\\u{85}");
        assert_eq!(line("\u{202e}gpj.exe\u{2066}"), "\\u{202e}gpj.exe\\u{2066}");
        assert_eq!(line("é ü 漢 \"quoted\""), "é ü 漢 \"quoted\"");
    }

    #[test]
    fn a_value_is_one_value() {
        assert_eq!(value("/a?b=c"), "/a?b=c");
        assert_eq!(value("No such file (os error 2)"), "No such file (os error 2)");
        assert_eq!(value("/x status=200 pid=1"), "\"/x status=200 pid=1\"");
        assert_eq!(value("a=\"b\" \\c"), "\"a=\\\"b\\\" \\\\c\"");
        assert_eq!(value("\"x\""), "\"\\\"x\\\"\"");
        assert_eq!(value("a=b\nc d"), "\"a=b\\\\nc d\"");
    }

    #[test]
    fn lines_cannot_pass_for_messages() {
        let traceback =
            "Traceback:\n\tFile \"x\"\nValueError: \u{1b}[2J\r\n2026-01-31 23:59:59 [1] info: fine\n";
        assert_eq!(
            lines(traceback),
            "Traceback:\n\tFile \"x\"\nValueError: \\u{1b}[2J\\r\n 2026-01-31 23:59:59 [1] info: fine\n"
        );
        assert_eq!(lines("2026-01-31 23:59\n\n"), "2026-01-31 23:59\n\n");
    }
}
