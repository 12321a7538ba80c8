//! The help, and the clap command it comes from: both follow the table of options.

use clap::{Arg, ArgAction, Command, builder::OsStringValueParser};

use super::commands::COMMANDS;
use crate::{
    exit::ExitStatus,
    options::{OptionSpec, VARIABLE_PREFIX, all},
};

/// The flag that asks for the man page.
pub(super) const MAN: &str = "man";

/// The examples, each with what it does.
pub(super) const EXAMPLES: [(&str, &str); 6] = [
    ("fcgi-run method=prefork socket=/tmp/mysite.sock pidfile=mysite.pid", "serve in the background"),
    ("kill `cat mysite.pid`", "stop it"),
    ("fcgi-run method=threaded host=127.0.0.1 port=3033", "the same with threads, over TCP"),
    ("fcgi-run daemonize=false socket=/tmp/mysite.sock debug", "in the foreground, with tracebacks"),
    ("fcgi-run http=127.0.0.1:8000 mysite.wsgi:application", "look at it in a browser, without a web server"),
    ("fcgi-run config=mysite.toml", "options from a file"),
];

/// The signals that the master knows.
pub(super) const SIGNALS: [(&str, &str); 5] = [
    ("TERM, INT", "stop when running requests are done; a second one stops at once"),
    ("QUIT", "stop at once"),
    ("HUP", "reload the application: new workers are ready before old ones leave"),
    ("USR1", "reopen the logs; started by a web server on descriptor 0: finish and exit"),
    ("TTIN, TTOU", "one worker more, one less"),
];

/// The clap command: one flag per option.
pub(super) fn command() -> Command {
    let arguments = all().map(argument);
    Command::new("fcgi-run")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Hosts a Python WSGI application behind any web server that speaks FastCGI.")
        .override_usage("fcgi-run [KEY=VALUE]... [MODULE:CALLABLE]")
        .help_template("{about}\n\nUsage: {usage}\n\n{before-help}{all-args}{after-help}")
        .before_help(introduction())
        .after_help(closing())
        .disable_help_flag(true)
        .disable_version_flag(true)
        .args(arguments)
        .args([
            request(MAN, ArgAction::SetTrue).help("Print the man page"),
            request("help", ArgAction::Help).short('h').help("Print this help"),
            request("version", ArgAction::Version).short('V').help("Print the version"),
        ])
}

/// The help as it is printed.
pub(super) fn text() -> String {
    command().render_help().to_string()
}

/// A flag that asks for a text.
fn request(name: &'static str, action: ArgAction) -> Arg {
    Arg::new(name).long(name).action(action).help_heading("More")
}

fn argument(option: &'static OptionSpec) -> Arg {
    Arg::new(option.name)
        .long(option.name)
        .value_name(option.value_name)
        .value_parser(OsStringValueParser::new())
        .action(ArgAction::Append)
        .require_equals(true)
        .allow_hyphen_values(true)
        .help_heading(option.section.title())
        .help(match option.preset_text() {
            Some(preset) => format!("{} [{}]", plain(option.help), plain(preset)),
            None => plain(option.help),
        })
}

/// The text of the table without its backticks, but for those that are part of a shell command.
fn plain(text: &str) -> String {
    text.split('"')
        .enumerate()
        .map(|(index, part)| if index % 2 == 0 { part.replace('`', "") } else { format!("\"{part}\"") })
        .collect()
}

fn introduction() -> String {
    let examples: Vec<_> =
        EXAMPLES.iter().map(|(example, what)| format!("  {example}\n      {what}")).collect();
    format!(
        "Examples:\n{}\n\n\
         Each option below can be written as a word (socket=PATH), as a flag (--socket=PATH or --socket PATH), as a key \
         in the configuration file (socket = \"PATH\") or as an environment variable ({VARIABLE_PREFIX}SOCKET=PATH). \
         Letter case, - and _ do not matter. The command line wins over the environment, and that over the file. What \
         holds when nothing is said stands in brackets.",
        examples.join("\n")
    )
}

fn closing() -> String {
    let statuses = ExitStatus::ALL.map(|status| format!("  {}  {}", i32::from(status), status.meaning()));
    let signals = SIGNALS.map(|(signal, what)| format!("  {signal:<10}  {what}"));
    let commands: Vec<_> =
        COMMANDS.iter().map(|(command, what)| format!("  {command}\n      {what}")).collect();
    format!(
        "Exit status:\n{}\n\nSignals to the master:\n{}\n\nOther commands:\n{}",
        statuses.join("\n"),
        signals.join("\n"),
        commands.join("\n")
    )
}
