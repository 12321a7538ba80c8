//! The texts of `fcgi-run explain`: plain, and at most 80 columns wide.

use std::fmt::Write as _;

use super::{Message, table};

/// All that is known about a message, ending with a line feed.
pub fn explanation(message: &Message) -> String {
    let mut out = format!("{}: {}\n", message.code, message.cause);
    if out.len() > WIDTH {
        out = wrapped(out.trim_end(), "", "       ");
    }
    for (title, text) in [
        ("What has happened", message.happened),
        ("How to see it", message.look),
        ("What to do", message.act),
    ] {
        let _ = write!(out, "\n{title}\n{}", wrapped(text, INDENT, INDENT));
    }
    let _ = write!(out, "\nExample\n{INDENT}{}\n", message.example);
    out
}

/// A line or two for each message, in the order of the numbers, ending with a line feed.
pub fn overview() -> String {
    let mut out = String::new();
    for message in table::all() {
        let code = format!("{}  ", message.code);
        out.push_str(&wrapped(message.cause, &code, "       "));
        out.push_str(&wrapped(message.cure, "       > ", "         "));
    }
    out.push_str("\nMore about each of them: fcgi-run explain FR001\n");
    out
}

/// Breaks a text into lines, each ended by a line feed, of at most 80 columns where its words allow that. The first line begins
/// with `first`, the others with `further`.
pub fn wrapped(text: &str, first: &str, further: &str) -> String {
    let mut out = String::new();
    let mut line = first.to_owned();
    let mut is_empty = true;
    for word in text.split_whitespace() {
        if !is_empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            out.push_str(&line);
            out.push('\n');
            further.clone_into(&mut line);
            is_empty = true;
        }
        if !is_empty {
            line.push(' ');
        }
        line.push_str(word);
        is_empty = false;
    }
    out.push_str(&line);
    out.push('\n');
    out
}

/// Columns of the terminals that everybody has.
const WIDTH: usize = 80;

const INDENT: &str = "  ";

#[cfg(test)]
mod tests {
    use super::{WIDTH, explanation, overview, wrapped};
    use crate::messages::table;

    #[test]
    fn texts_fit_on_a_terminal() {
        let mut texts: Vec<String> = table::all().map(explanation).collect();
        texts.push(overview());
        for text in texts {
            for line in text.lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn an_explanation_has_everything() {
        let message = table::all().next().unwrap();
        let text = explanation(message);
        let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
        for part in [message.cause, message.happened, message.look, message.act, message.example] {
            assert!(flat.contains(&part.split_whitespace().collect::<Vec<_>>().join(" ")), "{part}");
        }
        assert!(text.starts_with("FR001: ") && text.ends_with('\n'));
    }

    #[test]
    fn words_are_not_broken() {
        let long = "x".repeat(100);
        assert_eq!(wrapped(&format!("a {long} b"), "1 ", "2 "), format!("1 a\n2 {long}\n2 b\n"));
    }
}
