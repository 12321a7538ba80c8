//! The options themselves: the one place where an option is declared.
//!
//! A new option is one entry here and one line in `config::build`; a test there holds that every entry is used.

mod control;
mod limits;
mod running;
mod security;
mod serving;
mod status;

use super::{OptionSpec, Preset, Section, ValueKind};

/// All options, in the order of the help.
pub fn all() -> impl Iterator<Item = &'static OptionSpec> {
    [
        serving::OPTIONS,
        running::OPTIONS,
        control::OPTIONS,
        limits::OPTIONS,
        status::OPTIONS,
        security::OPTIONS,
    ]
    .into_iter()
    .flatten()
}

const fn option(
    section: Section,
    name: &'static str,
    value: ValueKind,
    value_name: &'static str,
    preset: Preset,
    help: &'static str,
) -> OptionSpec {
    OptionSpec { name, aliases: &[], value, value_name, preset, section, help }
}
