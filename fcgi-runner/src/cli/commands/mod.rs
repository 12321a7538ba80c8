//! The commands beside serving: `fcgi-run COMMAND ...`, where the command is the first word.
//!
//! Each has a file of its own here that understands what follows it, and one line in [`COMMANDS`], which the help and the man page
//! show. A command that is known at once what to say gives a [`Command::Print`]; others are done by the room `start`.

pub(super) mod check;
mod explain;

use std::ffi::OsString;
use std::path::Path;

use super::{Command, UsageError};

/// The commands: how each is written, and what it does.
pub(super) const COMMANDS: [(&str, &str); 3] = [
    (
        "fcgi-run check [json] [running] [webuser=NAME] [OPTION]...",
        "look for what a start with these options would run into, without serving; the exit status is that of the start",
    ),
    (
        "fcgi-run ctl [COMMAND] [KEY=VALUE]... [--json]",
        "look after a server that runs: status, workers, top, stack, reload, upgrade, recycle, scale, reopen, stop; see `fcgi-run ctl help`",
    ),
    (
        "fcgi-run explain [CODE]...",
        "say what a code such as FR012 means and what to do; without one, list all",
    ),
];

/// What the words of a command say; `None` if the first word is no command.
pub(super) fn read(
    words: &[OsString],
    environment: &[(OsString, OsString)],
    start_dir: &Path,
) -> Option<Result<Command, UsageError>> {
    let (first, rest) = words.split_first()?;
    match first.to_str()?.to_ascii_lowercase().as_str() {
        "check" => Some(Ok(check::read(rest, environment, start_dir))),
        "ctl" => Some(Ok(Command::Control(rest.to_vec()))),
        "explain" => Some(explain::read(rest)),
        _ => None,
    }
}
