//! From what was typed to flags: every word becomes `--key=value` in the one spelling that clap knows.
//!
//! | typed | becomes |
//! |---|---|
//! | `key=value`, `--key=value`, `--key value` | `--key=value` |
//! | `debug`, `--debug` (a boolean) | `--debug=true` |
//! | `mysite.wsgi`, `module:callable`, `app.py` | `--app=...` |
//! | `help`, `version`, `man` | `--help`, `--version`, `--man` |

use std::{
    ffi::{OsStr, OsString},
    iter::Peekable,
    os::unix::ffi::OsStrExt,
    path::Path,
    slice,
};

use crate::options::{OptionSpec, Origin, UsageError, ValueKind, find, value::read_flag};

/// Whether the help is asked for, whatever else was typed.
pub(super) fn ask_for_help(words: &[OsString]) -> bool {
    words.iter().filter_map(|word| word.to_str()).any(|word| {
        matches!(word.trim_start_matches('-').to_ascii_lowercase().as_str(), "help")
            || matches!(word, "-h" | "-?")
    })
}

/// Turns words into flags.
///
/// # Errors
///
/// The operator is at fault: an option that is unknown or has no value, or a word that says nothing.
pub(super) fn flags(words: &[OsString], start_dir: &Path) -> Result<Vec<OsString>, UsageError> {
    let mut flags = Vec::with_capacity(words.len());
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let bytes = word.as_bytes();
        if bytes == b"--" {
            continue;
        }
        flags.push(match bytes.strip_prefix(b"-") {
            Some(b"V") => "--version".into(),
            Some(flag) => dashed(flag, &mut rest)?,
            None => plain(word, start_dir)?,
        });
    }
    Ok(flags)
}

/// A flag, without its first dash.
fn dashed(flag: &[u8], rest: &mut Peekable<slice::Iter<'_, OsString>>) -> Result<OsString, UsageError> {
    let flag = flag.strip_prefix(b"-").unwrap_or(flag);
    let (name, value) = split(flag).unwrap_or((flag, None));
    let name = String::from_utf8_lossy(name);
    if let Some(command) = command(&name) {
        return Ok(command);
    }
    let option = known(&name)?;
    match value {
        Some(value) => Ok(joined(option, value)),
        None => next_value(option, rest).map(|value| joined(option, &value)),
    }
}

/// The value of a flag that has none of its own: the next word, which a boolean takes only if it says true or false.
fn next_value(
    option: &'static OptionSpec,
    rest: &mut Peekable<slice::Iter<'_, OsString>>,
) -> Result<OsString, UsageError> {
    if option.value == ValueKind::Flag {
        let next = rest.next_if(|word| word.to_str().and_then(read_flag).is_some());
        return Ok(next.cloned().unwrap_or_else(|| "true".into()));
    }
    let next = rest.next_if(|word| !word.as_bytes().starts_with(b"--"));
    next.cloned().ok_or(UsageError::MissingValue { option, origin: Origin::CommandLine })
}

/// A word without dashes.
fn plain(word: &OsStr, start_dir: &Path) -> Result<OsString, UsageError> {
    if let Some((name, Some(value))) = split(word.as_bytes()) {
        return known(&String::from_utf8_lossy(name)).map(|option| joined(option, value));
    }
    let text = word.to_string_lossy();
    if let Some(command) = command(&text) {
        return Ok(command);
    }
    match find(&text) {
        Some(option) if option.value == ValueKind::Flag => Ok(joined(option, OsStr::new("true"))),
        Some(option) if !is_module(&text, start_dir) => {
            Err(UsageError::MissingValue { option, origin: Origin::CommandLine })
        }
        _ if names_application(&text, start_dir) => Ok(joined(known("app")?, word)),
        _ => Err(UsageError::UnknownWord(text.into_owned())),
    }
}

fn known(name: &str) -> Result<&'static OptionSpec, UsageError> {
    find(name).ok_or_else(|| UsageError::UnknownOption { name: name.to_owned(), origin: Origin::CommandLine })
}

/// Words that are no options but ask for a text.
fn command(word: &str) -> Option<OsString> {
    let word = word.to_ascii_lowercase();
    matches!(word.as_str(), "help" | "version" | "man").then(|| format!("--{word}").into())
}

fn joined(option: &OptionSpec, value: &OsStr) -> OsString {
    let mut flag = OsString::from(format!("--{}=", option.name));
    flag.push(value);
    flag
}

/// Name and value at the first equals sign; `None` if what is before it cannot be a name.
fn split(word: &[u8]) -> Option<(&[u8], Option<&OsStr>)> {
    let equals = word.iter().position(|byte| *byte == b'=')?;
    let name = &word[..equals];
    let sound = !name.is_empty()
        && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    sound.then(|| (name, Some(OsStr::from_bytes(&word[equals + 1..]))))
}

/// Whether a bare word names an application: `module:callable`, `package.module`, a Python file, or a module that is
/// there.
fn names_application(word: &str, start_dir: &Path) -> bool {
    let python_file = Path::new(word).extension().is_some_and(|extension| extension == "py");
    let dotted = word.contains('.') && word.split('.').all(is_identifier);
    word.contains(':') || python_file || dotted || is_module(word, start_dir)
}

fn is_module(word: &str, start_dir: &Path) -> bool {
    is_identifier(word)
        && (start_dir.join(format!("{word}.py")).is_file()
            || start_dir.join(word).join("__init__.py").is_file())
}

fn is_identifier(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with(|letter: char| letter.is_ascii_digit())
        && word.chars().all(|letter| letter.is_alphanumeric() || letter == '_')
}
