//! Words and environment variables: a `Config` or an error, and the same one in whatever way an option is written.
#![no_main]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::OsStrExt,
    path::Path,
};

use fcgi_runner_fuzz::cli::{Command, parse};
use fcgi_runner_fuzz::config::{build::build, file};
use fcgi_runner_fuzz::options::{OptionSpec, UsageError, VARIABLE_PREFIX, ValueKind, find, value::read_flag};
use fcgi_runner_fuzz::{assert_one_line, assert_sound, assert_two_lines, fields};
use libfuzzer_sys::fuzz_target;

// Every field is a word; one that begins with `FCGI_RUN_` and has an equals sign is an environment variable.
fuzz_target!(|data: &[u8]| {
    let fields = fields(data);
    if fields.iter().any(|field| speaks_of_a_file(field)) {
        return;
    }
    let (mut words, mut variables) = (Vec::new(), Vec::new());
    for field in fields {
        match equals(field) {
            Some((name, value)) if name.starts_with(VARIABLE_PREFIX.as_bytes()) => {
                variables.push((owned(name), owned(value)));
            }
            _ => words.push(owned(field)),
        }
    }
    check(parse(&words, &variables, start()));
    // One word says enough, and six times the work for each input would be too much.
    if let ([word], []) = (&words[..], &variables[..])
        && let Some((name, value)) = equals(word.as_bytes())
        && let Some(name) = std::str::from_utf8(name).ok().filter(|name| !name.starts_with('-'))
        && let Some(option) = find(name).filter(|option| option.name != "site")
    {
        assert_spellings(name, option, value);
    }
});

/// The file that `config` names could be any on this machine.
fn speaks_of_a_file(field: &[u8]) -> bool {
    let plain: Vec<u8> = field.iter().filter(|byte| !b"-_".contains(byte)).copied().collect();
    plain.windows(6).any(|window| window.eq_ignore_ascii_case(b"config"))
}

fn check(result: Result<Command, UsageError>) {
    match result {
        Ok(Command::Run(config)) => assert_sound(&config),
        Ok(Command::Check(check)) => check.config.iter().for_each(assert_sound),
        Ok(Command::Print(text)) => assert!(text.lines().count() > 0),
        Ok(Command::Control(words)) => drop(words),
        Ok(other) => panic!("there is no file with sites: {other:?}"),
        Err(error) => assert_two_lines(&error),
    }
}

/// One option in every spelling: `name=value`, `--name=value`, `--name value`, `FCGI_RUN_NAME=value`, and in a file.
fn assert_spellings(name: &str, option: &OptionSpec, value: &[u8]) {
    let typed = |prefix: &str, name: &str, between: &str| {
        let mut word = OsString::from(format!("{prefix}{name}{between}"));
        word.push(OsStr::from_bytes(value));
        word
    };
    let expected = outcome(parse(&[typed("", name, "=")], &[], start()));
    assert_eq!(outcome(parse(&[typed("--", name, "=")], &[], start())), expected);
    assert_eq!(outcome(parse(&[typed("", &name.to_ascii_uppercase(), "=")], &[], start())), expected);
    if stands_alone(option, value) {
        let words = [OsString::from(format!("--{name}")), owned(value)];
        assert_eq!(outcome(parse(&words, &[], start())), expected);
    }
    if !value.is_empty() || option.value == ValueKind::Prefix {
        let variable = (option.variable().into(), owned(value));
        assert_eq!(outcome(parse(&[], &[variable], start())), expected);
    }
    if let Ok(text) = std::str::from_utf8(value) {
        let line = format!("\"{name}\" = {}", toml::Value::from(text));
        let settings = file::parse(&line, "/file".as_ref()).expect("a key and a text").common;
        assert_eq!(outcome(build(&settings, start(), Vec::new()).map(Box::new).map(Command::Run)), expected);
    }
}

/// Whether a word can be the value of the flag before it, and means nothing by itself.
fn stands_alone(option: &OptionSpec, value: &[u8]) -> bool {
    let text = std::str::from_utf8(value).unwrap_or("no text");
    let asks_for_help =
        matches!(text, "-h" | "-?") || text.trim_start_matches('-').eq_ignore_ascii_case("help");
    let taken = option.value != ValueKind::Flag || read_flag(text).is_some();
    taken && !asks_for_help && !value.starts_with(b"--")
}

/// What can be compared: the whole `Config`, or the cause and the hint without the place.
fn outcome(result: Result<Command, UsageError>) -> String {
    match result {
        Ok(Command::Run(config)) => {
            assert_sound(&config);
            format!("{config:?}")
        }
        Ok(Command::Check(check)) => format!("{check:?}"),
        Ok(Command::Print(text)) => text,
        Ok(other) => panic!("there is no file with sites: {other:?}"),
        Err(error) => {
            assert_two_lines(&error);
            let cause = error.to_string();
            assert_one_line(&cause);
            let places = [" (environment variable `", " (/file, line "];
            let cut = places.iter().filter_map(|place| cause.find(place)).min().unwrap_or(cause.len());
            format!("{}\n{}", &cause[..cut], error.hint())
        }
    }
}

fn equals(word: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = word.iter().position(|byte| *byte == b'=')?;
    Some((&word[..at], &word[at + 1..]))
}

fn owned(bytes: &[u8]) -> OsString {
    OsStr::from_bytes(bytes).to_owned()
}

fn start() -> &'static Path {
    Path::new("/start")
}
