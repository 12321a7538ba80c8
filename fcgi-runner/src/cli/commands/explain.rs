//! `fcgi-run explain [CODE]...`: the texts of the room `messages`.

use std::ffi::OsString;

use super::{Command, UsageError};
use crate::messages::{self, Code};

/// Looks the codes up; without one, shows all.
///
/// # Errors
/// A word that is no code, or one that the table does not have.
pub(super) fn read(words: &[OsString]) -> Result<Command, UsageError> {
    if words.is_empty() {
        return Ok(Command::Print(messages::overview()));
    }
    let texts = words.iter().map(|word| text(&word.to_string_lossy())).collect::<Result<Vec<_>, _>>()?;
    Ok(Command::Print(texts.join("\n\n")))
}

fn text(word: &str) -> Result<String, UsageError> {
    let code = Code::read(word);
    code.and_then(Code::message).map(messages::explanation).ok_or_else(|| UsageError::UnknownCode {
        word: word.to_owned(),
        nearest: code.and_then(Code::nearest),
    })
}
