//! Point by point through the source: whatever an administrator is told of, and every error page of the server's own, has a code.

use std::fs;
use std::path::PathBuf;

use fcgi_tests::source::{Token, rust_files, tokens};

/// Calls without a code, each with its reason: the file, a name or number that stands in the call, and why it is right.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("front/files.rs", "405", "a visitor has asked for something that files cannot do, which is no failure"),
    ("front/files.rs", "404", "a visitor has asked for what is not there, which is no failure"),
    ("front/files.rs", "403", "as a file that is not there, to visitors"),
    ("front/files.rs", "416", "a visitor has asked for a part that is not there, which is no failure"),
    (
        "front/service.rs",
        "code",
        "what a browser asks for in vain; only called with 4xx, which the other test sees to",
    ),
];

/// A call of a function or a macro: where it is, and what stands between its brackets.
struct Call {
    place: String,
    file: String,
    inside: Vec<Token>,
}

impl Call {
    fn words(&self) -> impl Iterator<Item = &str> {
        self.inside.iter().map(|token| &token.text[..])
    }

    /// A field of its name with a value, or one that is named as its value: `code = ...`, `%code`.
    fn has_field_code(&self) -> bool {
        let words: Vec<&str> = self.words().collect();
        words.windows(2).any(|pair| pair == ["code", "="] || pair == ["%", "code"])
    }

    fn is_excepted(&self) -> bool {
        EXCEPTIONS
            .iter()
            .any(|(file, word, _)| self.file == *file && self.words().any(|found| found == *word))
    }
}

/// All calls of one of the names that are followed by the sign (`!` for macros, nothing for functions).
fn calls(names: &[&str], is_macro: bool) -> Vec<Call> {
    let src = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../fcgi-runner/src")).unwrap();
    let mut found = Vec::new();
    for path in rust_files(&src) {
        let file = path.strip_prefix(&src).map(PathBuf::from).unwrap().display().to_string();
        let tokens = tokens(&fs::read_to_string(&path).unwrap());
        for (at, token) in tokens.iter().enumerate() {
            let text = |index: usize| tokens.get(index).map_or("", |token| &token.text[..]);
            let open = if is_macro { at + 2 } else { at + 1 };
            let is_declared = at > 0 && text(at - 1) == "fn";
            let is_call = text(open) == "(" && (!is_macro || text(at + 1) == "!") && !is_declared;
            if names.contains(&&token.text[..]) && is_call {
                let place = format!("{file}:{}", token.line);
                let inside = between_brackets(&tokens[open..]);
                found.push(Call { place, file: file.clone(), inside });
            }
        }
    }
    found
}

fn between_brackets(tokens: &[Token]) -> Vec<Token> {
    let mut depth = 0;
    let end = tokens.iter().position(|token| {
        depth += match &token.text[..] {
            "(" => 1,
            ")" => -1,
            _ => 0,
        };
        depth == 0
    });
    tokens[1..end.unwrap()].to_vec()
}

#[test]
fn every_warning_and_error_of_the_log_has_a_code() {
    let told = calls(&["error", "warn"], true);
    assert!(told.len() > 60, "only {} lines of the log were found", told.len());
    let bare = told.iter().filter(|call| !call.has_field_code() && !call.is_excepted());
    let faults: Vec<&str> = bare.map(|call| &call.place[..]).collect();
    assert!(faults.is_empty(), "no `code = %Code::...` at {faults:?}; add one to messages/table");
}

#[test]
fn every_error_page_of_the_servers_own_has_a_code() {
    let pages = calls(&["error_page", "error_response", "refuse"], false);
    assert!(pages.len() > 12, "only {} pages were found", pages.len());
    let bare = pages.iter().filter(|call| call.words().any(|word| word == "None") && !call.is_excepted());
    let faults: Vec<&str> = bare.map(|call| &call.place[..]).collect();
    assert!(faults.is_empty(), "a page without a code at {faults:?}");
    // What may be called without one is not called for failures of the server.
    let refusals = pages.iter().filter(|call| call.file == "front/service.rs");
    let failures: Vec<&str> = refusals
        .filter(|call| call.inside.first().is_some_and(|first| first.text.starts_with('5')))
        .filter(|call| !call.words().any(|word| word == "Some"))
        .map(|call| &call.place[..])
        .collect();
    assert!(failures.is_empty(), "a failure of the server is told without a code at {failures:?}");
}

/// What is told at a start is no line of the log, so it stands in quotes.
#[test]
fn every_warning_of_a_start_has_a_code() {
    let src = fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/../fcgi-runner/src/start")).unwrap();
    let (mut coded, mut bare) = (0, Vec::new());
    for path in rust_files(&src) {
        let text = fs::read_to_string(&path).unwrap();
        coded += text.matches("\"warning[").count();
        bare.extend(text.matches("\"warning: ").map(|_| path.display().to_string()));
    }
    assert!(coded >= 6, "only {coded} were found");
    assert!(bare.is_empty(), "a warning without a code in {bare:?}");
}

#[test]
fn every_exception_is_needed() {
    let all = [calls(&["error", "warn"], true), calls(&["error_page", "error_response"], false)];
    for (file, word, reason) in EXCEPTIONS {
        let mut hits = all.iter().flatten().filter(|call| call.file == *file);
        assert!(hits.any(|call| call.words().any(|found| found == *word)), "{file}: {word}");
        assert!(reason.len() > 20, "{file}: {word}");
    }
}
