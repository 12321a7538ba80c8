//! Rust source as words: enough to see who names whom.

use std::fs;
use std::path::{Path, PathBuf};

/// A name or a sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Token {
    pub text: String,
    /// Counted from 1.
    pub line: usize,
    /// `::` stands before it.
    pub after_colons: bool,
}

/// All Rust files below a folder that are no tests.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !matches!(&name[..], "tests" | "target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The tokens of a file up to the tests at its end, without comments and without what stands in quotes.
pub fn tokens(source: &str) -> Vec<Token> {
    let source = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut reader = Reader { rest: source, line: 1 };
    let mut found: Vec<Token> = Vec::new();
    while let Some((text, line)) = reader.next() {
        let after_colons = found.last().is_some_and(|last| last.text == "::");
        found.push(Token { text: text.to_owned(), line, after_colons });
    }
    found
}

struct Reader<'s> {
    rest: &'s str,
    line: usize,
}

impl<'s> Reader<'s> {
    fn next(&mut self) -> Option<(&'s str, usize)> {
        loop {
            let first = self.rest.chars().next()?;
            let line = self.line;
            let is_name = |letter: char| letter.is_alphanumeric() || letter == '_';
            let raw = self.rest.trim_start_matches('b');
            if self.rest.starts_with("//") {
                self.take(self.rest.find('\n').unwrap_or(self.rest.len()));
            } else if self.rest.starts_with("/*") {
                self.take(self.rest.find("*/").map_or(self.rest.len(), |end| end + 2));
            } else if raw.starts_with("r\"") || raw.starts_with("r#\"") {
                self.take_raw_string();
            } else if first == '"' {
                self.take_string();
            } else if first == '\'' {
                self.take_quote();
            } else if is_name(first) {
                let end = self.rest.find(|letter| !is_name(letter)).unwrap_or(self.rest.len());
                return Some((self.take(end), line));
            } else if self.rest.starts_with("::") {
                return Some((self.take(2), line));
            } else {
                let sign = self.take(first.len_utf8());
                if !first.is_whitespace() {
                    return Some((sign, line));
                }
            }
        }
    }

    fn take(&mut self, length: usize) -> &'s str {
        let (taken, rest) = self.rest.split_at(length);
        self.line += taken.matches('\n').count();
        self.rest = rest;
        taken
    }

    fn take_string(&mut self) {
        let mut escaped = false;
        let end = self.rest[1..].find(|letter| {
            let ends = letter == '"' && !escaped;
            escaped = letter == '\\' && !escaped;
            ends
        });
        self.take(end.map_or(self.rest.len(), |end| end + 2));
    }

    fn take_raw_string(&mut self) {
        let open = self.rest.find('"').unwrap_or(0);
        let close = format!("\"{}", "#".repeat(self.rest[..open].matches('#').count()));
        let end = self.rest[open + 1..].find(&close).map(|end| open + 1 + end + close.len());
        self.take(end.unwrap_or(self.rest.len()));
    }

    /// A character, or the mark of a lifetime.
    fn take_quote(&mut self) {
        let inside = &self.rest[1..];
        let end = match inside.strip_prefix('\\') {
            Some(escape) => escape.get(1..).and_then(|rest| rest.find('\'')).map(|end| end + 4),
            None => inside
                .chars()
                .next()
                .filter(|c| inside[c.len_utf8()..].starts_with('\''))
                .map(|c| c.len_utf8() + 2),
        };
        self.take(end.unwrap_or(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_quotes_are_left_out() {
        let source = "use a::b; // unsafe\n/* unsafe */ let s = \"uns\\\"afe\"; 'x: loop { '\\''; b'\"'; r#\"unsafe\"#; '\"' }\nend";
        let words: Vec<String> = tokens(source).into_iter().map(|token| token.text).collect();
        let expected = "use a :: b ; let s = ; x : loop { ; b ; ; } end";
        assert_eq!(words.join(" "), expected);
        assert_eq!(tokens(source).last().unwrap().line, 3);
    }
}
