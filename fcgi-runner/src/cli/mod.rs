//! The door for whoever types: words in, a [`Command`] out.
//!
//! Words like `socket=/tmp/s.sock` and flags like `--socket /tmp/s.sock` are the same thing in two spellings; both
//! become flags and are taken in by clap, which also writes the help. Nothing is printed here, nothing is started.

mod commands;
mod help;
mod man;
mod words;

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
};

use clap::error::ErrorKind;

pub use self::commands::check::Check;
pub use crate::options::{UsageError, option_names};
use crate::{
    config::{Config, Sites, build::build, environment, file, settings::Settings, sites},
    options::{Origin, ValueKind, all},
};

/// What is to be done.
#[derive(Debug)]
pub enum Command {
    /// Serve.
    Run(Box<Config>),
    /// Look for what a start would run into.
    Check(Box<Check>),
    /// The same for several sites, by their names.
    CheckSites(Vec<(String, Check)>),
    /// Serve several sites, each by itself.
    RunSites(Box<Sites>),
    /// Ask a server that runs; these are the words behind `ctl`.
    Control(Vec<OsString>),
    /// Print this text to standard output, and exit with status 0: help, version, man page, explanations.
    Print(String),
}

/// Understands what was typed.
///
/// `words` are the arguments without the program's name, `environment` are the variables to look for `FCGI_RUN_*` in,
/// relative paths are taken from `start_dir`, which is absolute. The only file that is read is the configuration file.
///
/// ```
/// use fcgi_runner::cli::{Command, parse};
///
/// let words = ["method=threaded", "host=127.0.0.1", "--port=3033", "mysite.wsgi"].map(Into::into);
/// let Ok(Command::Run(config)) = parse(&words, &[], "/srv/mysite".as_ref()) else { panic!() };
/// assert_eq!(config.app.as_deref(), Some("mysite.wsgi"));
/// ```
///
/// # Errors
///
/// The operator is at fault; nothing has been started, the exit status is 2.
pub fn parse(
    words: &[OsString],
    environment: &[(OsString, OsString)],
    start_dir: &Path,
) -> Result<Command, UsageError> {
    match commands::read(words, environment, start_dir) {
        // It has a help of its own.
        Some(Ok(command @ Command::Control(_))) => return Ok(command),
        _ if words::ask_for_help(words) => return Ok(Command::Print(help::text())),
        Some(command) => return command,
        None => {}
    }
    let flags = words::flags(words, start_dir)?;
    let matches = match help::command().no_binary_name(true).try_get_matches_from(flags) {
        Ok(matches) => matches,
        Err(message) => return refusal(&message),
    };
    if matches.get_flag(help::MAN) {
        return Ok(Command::Print(man::page()));
    }
    let mut typed = Settings::default();
    for option in all() {
        for value in matches.get_many::<OsString>(option.name).into_iter().flatten() {
            typed.add(option.name, value.clone(), Origin::CommandLine);
        }
    }
    let (variables, warnings) = environment::settings(environment);
    let path = config_file(&typed, &variables, start_dir);
    let file = path.as_deref().map(file::read).transpose()?.unwrap_or_default();
    let wanted = typed.text("site").or_else(|| variables.text("site")).filter(|name| !name.is_empty());
    if wanted.is_none()
        && !file.sites.is_empty()
        && let Some(path) = path
    {
        let over = sites::Over { path, typed, variables, start_dir, warnings };
        return sites::build_all(&file, over).map(|sites| Command::RunSites(Box::new(sites)));
    }
    let mut settings = match wanted {
        Some(name) => sites::settings_of(&file, &name.to_string_lossy())?,
        None => file.common,
    };
    settings.overlay(variables);
    settings.overlay(typed);
    build(&settings, start_dir, warnings).map(|config| Command::Run(Box::new(config)))
}

/// Understands what was typed, in the environment and the current directory of this process.
///
/// # Errors
///
/// As [`parse`], and if the current directory is gone.
pub fn parse_here(words: &[OsString]) -> Result<Command, UsageError> {
    let start_dir = env::current_dir().map_err(UsageError::StartDirectory)?;
    let environment: Vec<_> = env::vars_os().collect();
    parse(words, &environment, &start_dir)
}

fn config_file(typed: &Settings, variables: &Settings, start_dir: &Path) -> Option<PathBuf> {
    let path = typed.text("config").or_else(|| variables.text("config"))?;
    match ValueKind::Path.read(path, start_dir) {
        Ok(crate::options::Value::Path(path)) => Some(path),
        _ => None,
    }
}

/// What clap says instead of giving matches: a text that was asked for, or an error.
fn refusal(message: &clap::Error) -> Result<Command, UsageError> {
    let text = message.render().to_string();
    match message.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Ok(Command::Print(text)),
        _ => {
            let cause = text.lines().next().unwrap_or_default();
            Err(UsageError::CommandLine(cause.trim_start_matches("error: ").to_owned()))
        }
    }
}

#[cfg(test)]
mod tests;
