//! What was typed, from three sources put over one another: file, then environment, then command line.
//!
//! A later source replaces what an earlier one says about an option, lists as a whole. Values are still text here.

use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    path::Path,
};

use crate::options::{Origin, UsageError, Value, find};

/// One value as typed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Setting {
    /// The text.
    pub value: OsString,
    /// Where it was typed.
    pub origin: Origin,
}

/// What was typed, by the name of the option.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    values: BTreeMap<&'static str, Vec<Setting>>,
}

impl Settings {
    /// Adds a value behind those of the same option.
    pub fn add(&mut self, name: &'static str, value: OsString, origin: Origin) {
        self.values.entry(name).or_default().push(Setting { value, origin });
    }

    /// Puts another source over this one.
    pub fn overlay(&mut self, stronger: Self) {
        self.values.extend(stronger.values);
    }

    /// Forgets an option.
    pub fn remove(&mut self, name: &str) {
        self.values.remove(name);
    }

    /// Everything as flags of a command line.
    pub fn flags(&self) -> Vec<OsString> {
        let flag = |name: &str, value: &OsStr| {
            let mut flag = OsString::from(format!("--{name}="));
            flag.push(value);
            flag
        };
        let values =
            self.values.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
        values.map(|(name, setting)| flag(name, &setting.value)).collect()
    }

    /// All values of an option.
    pub fn all(&self, name: &str) -> &[Setting] {
        self.values.get(name).map_or(&[], Vec::as_slice)
    }

    /// The value of an option: the last one.
    pub fn last(&self, name: &str) -> Option<&Setting> {
        self.all(name).last()
    }

    /// The text of an option.
    pub fn text(&self, name: &str) -> Option<&OsStr> {
        self.last(name).map(|setting| setting.value.as_os_str())
    }
}

impl Setting {
    /// Reads the value as the option wants it.
    ///
    /// # Errors
    ///
    /// The operator is at fault; the error names the place.
    pub fn read(&self, name: &str, start_dir: &Path) -> Result<Value, UsageError> {
        let option = find(name).ok_or_else(|| UsageError::UnknownOption {
            name: name.to_owned(),
            origin: self.origin.clone(),
        })?;
        option.value.read(&self.value, start_dir).map_err(|_| {
            let origin = self.origin.clone();
            if self.value.is_empty() {
                UsageError::MissingValue { option, origin }
            } else {
                UsageError::BadValue { option, value: self.value.to_string_lossy().into_owned(), origin }
            }
        })
    }
}
