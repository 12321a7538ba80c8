//! Options from a TOML file: one key per option, in any spelling; lists for what can be repeated.
//!
//! In comes the text of the file, out go settings that know their line. Numbers and booleans may be written bare or
//! quoted; the digits of `umask` and `socketmode` are octal either way. The only tables are those of sites, `[site.NAME]`.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use toml::{
    Spanned,
    de::{DeInteger, DeTable, DeValue},
};

use super::settings::Settings;
use crate::options::{OptionSpec, Origin, UsageError, ValueKind, find};

/// What stands in a file.
#[derive(Clone, Debug, Default)]
pub struct File {
    /// What stands outside of all sites: the options of the one server, or what all sites have in common.
    pub common: Settings,
    /// What is said of each site, by its name.
    pub sites: BTreeMap<String, Settings>,
}

/// Reads the file.
///
/// # Errors
///
/// The operator is at fault; all but a file that cannot be opened name the line.
pub fn read(path: &Path) -> Result<File, UsageError> {
    let text = fs::read_to_string(path)
        .map_err(|source| UsageError::ConfigRead { path: path.to_owned(), source })?;
    parse(&text, path)
}

/// Reads the text of the file; `path` is where errors say it came from.
///
/// # Errors
///
/// The operator is at fault; the error names the line.
pub fn parse(text: &str, path: &Path) -> Result<File, UsageError> {
    let source = Source { path, text };
    let table = DeTable::parse(text).map_err(|error| UsageError::ConfigSyntax {
        message: error.message().split_whitespace().collect::<Vec<_>>().join(" "),
        origin: source.origin(error.span().unwrap_or_default().start),
    })?;
    let mut sites = BTreeMap::new();
    let common = source.settings(table.get_ref(), Some(&mut sites))?;
    Ok(File { common, sites })
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

    /// The options of a table; `sites` takes the tables of sites, where there may be some.
    fn settings(
        &self,
        table: &DeTable<'_>,
        mut sites: Option<&mut BTreeMap<String, Settings>>,
    ) -> Result<Settings, UsageError> {
        // The table is sorted by key; faults are reported in the order of the lines.
        let mut entries: Vec<_> = table.iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut settings = Settings::default();
        for (key, value) in entries {
            if let (Some(sites), "site", DeValue::Table(tables)) =
                (sites.as_deref_mut(), key.get_ref().as_ref(), value.get_ref())
            {
                self.sites(tables, sites)?;
                continue;
            }
            let option = self.option(key)?;
            if settings.last(option.name).is_some() {
                let origin = self.origin(key.span().start);
                return Err(UsageError::ConfigTwice { name: option.name, origin });
            }
            self.add(&mut settings, option, value)?;
        }
        Ok(settings)
    }

    fn sites(&self, tables: &DeTable<'_>, sites: &mut BTreeMap<String, Settings>) -> Result<(), UsageError> {
        for (key, value) in tables {
            let (name, origin) = (key.get_ref(), self.origin(key.span().start));
            let is_sound =
                |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'-' | b'_' | b'.');
            let DeValue::Table(table) = value.get_ref() else {
                return Err(UsageError::SiteName { name: name.to_string(), origin });
            };
            if name.is_empty() || !name.bytes().all(is_sound) {
                return Err(UsageError::SiteName { name: name.to_string(), origin });
            }
            sites.insert(name.to_string(), self.settings(table, None)?);
        }
        Ok(())
    }

    fn option(&self, key: &Spanned<Cow<'_, str>>) -> Result<&'static OptionSpec, UsageError> {
        let origin = self.origin(key.span().start);
        match find(key.get_ref()) {
            Some(option) if matches!(option.name, "config" | "site") => {
                Err(UsageError::ConfigNested(option.name, origin))
            }
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
