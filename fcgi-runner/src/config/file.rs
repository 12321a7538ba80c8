//! Options from a TOML file: one key per option, in any spelling; lists for what can be repeated.
//!
//! In comes the text of the file, out go settings that know their line. Numbers and booleans may be written bare or
//! quoted; the digits of `umask` and `socketmode` are octal either way. There are no tables.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::settings::Settings;
use crate::options::{OptionSpec, Origin, UsageError, ValueKind, find};

/// Reads the file.
///
/// # Errors
///
/// The operator is at fault; all but a file that cannot be opened name the line.
pub fn settings(path: &Path) -> Result<Settings, UsageError> {
    let text = fs::read_to_string(path)
        .map_err(|source| UsageError::ConfigRead { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads the text of the file; `path` is where errors say it came from.
///
/// # Errors
///
/// The operator is at fault; the error names the line.
pub fn parse(text: &str, path: &Path) -> Result<Settings, UsageError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| UsageError::ConfigSyntax {
        message: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
        origin: source.origin(error.span().unwrap_or_default().start),
    })?;
    // The table is sorted by key; faults are reported in the order of the lines.
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let mut settings = Settings::default();
    for (key, value) in entries {
        let option = source.option(key)?;
        if settings.last(option.name).is_some() {
            return Err(UsageError::ConfigTwice {
                name: option.name,
                origin: source.origin(key.span().start),
            });
        }
        source.add(&mut settings, option, value)?;
    }
    Ok(settings)
}

/// The file being read.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl Source<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let line =
            1 + self.text.char_indices().filter(|(at, letter)| *at < offset && *letter == '\n').count();
        Origin::File { path: PathBuf::from(self.path), line }
    }

    fn option(&self, key: &Spanned<std::borrow::Cow<'_, str>>) -> Result<&'static OptionSpec, UsageError> {
        let origin = self.origin(key.span().start);
        match find(key.get_ref()) {
            Some(option) if option.name == "config" => Err(UsageError::ConfigNested(origin)),
            Some(option) => Ok(option),
            None => Err(UsageError::UnknownOption { name: key.get_ref().to_string(), origin }),
        }
    }

    fn add(
        &self,
        settings: &mut Settings,
        option: &'static OptionSpec,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), UsageError> {
        let origin = self.origin(value.span().start);
        let fault = |found| UsageError::ConfigType { option, found, origin: origin.clone() };
        let text = match value.get_ref() {
            DeValue::String(text) => text.to_string(),
            DeValue::Integer(number) => {
                digits(number, option.value).ok_or_else(|| fault("so large a number"))?
            }
            DeValue::Float(number) => number.as_str().trim_start_matches('+').to_owned(),
            DeValue::Boolean(flag) => flag.to_string(),
            DeValue::Array(values) if option.repeatable() => {
                return values.iter().try_for_each(|value| match value.get_ref() {
                    DeValue::Array(_) => Err(fault("a list in a list")),
                    _ => self.add(settings, option, value),
                });
            }
            DeValue::Array(_) => return Err(fault("a list")),
            DeValue::Table(_) => return Err(fault("a table")),
            DeValue::Datetime(_) => return Err(fault("a date")),
        };
        settings.add(option.name, text.into(), origin);
        Ok(())
    }
}

/// A number as one would type it on the command line.
fn digits(number: &DeInteger<'_>, kind: ValueKind) -> Option<String> {
    if number.radix() == 8 && kind == ValueKind::Mode {
        return Some(number.as_str().to_owned());
    }
    let value = i128::from_str_radix(number.as_str(), number.radix()).ok()?;
    let octal = kind == ValueKind::Mode && number.radix() != 10;
    Some(if octal { format!("{value:o}") } else { value.to_string() })
}
