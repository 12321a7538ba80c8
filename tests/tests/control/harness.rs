//! What both parts need: a command run to its end.

use fcgi_tests::{Finished, Sandbox};

/// Runs `fcgi-run ctl` with these words in the sandbox.
pub(crate) fn ctl(sandbox: &Sandbox, line: &str) -> Finished {
    let words: Vec<&str> = ["ctl"].into_iter().chain(line.split_whitespace()).collect();
    sandbox.run(&words)
}

#[track_caller]
pub(crate) fn done(sandbox: &Sandbox, line: &str) -> String {
    let finished = ctl(sandbox, line);
    assert_eq!(finished.status, Some(0), "{line}: {finished:?}");
    assert_eq!(finished.err, "", "{line}");
    finished.out
}

#[track_caller]
pub(crate) fn failed(sandbox: &Sandbox, line: &str, status: i32, text: &str) {
    let finished = ctl(sandbox, line);
    assert_eq!(finished.status, Some(status), "{line}: {finished:?}");
    assert!(finished.err.contains(text), "{line}: {}", finished.err);
    let as_json = ctl(sandbox, &format!("{line} --json"));
    assert_eq!(as_json.status, Some(status), "{line}: {as_json:?}");
    assert_eq!(as_json.err, "", "{line}");
    assert!(as_json.out.contains("\"ok\":false") && as_json.out.lines().count() == 1, "{}", as_json.out);
}
