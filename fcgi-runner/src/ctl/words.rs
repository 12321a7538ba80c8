//! What was typed behind `fcgi-run ctl`: a command, its argument, switches, and words that say which server is meant.

use std::ffi::{OsStr, OsString};
use std::iter::Peekable;
use std::slice;
use std::str::FromStr;

use super::trouble::Trouble;
use crate::options::{ValueKind, find};

/// What is to be done, and with which server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Wanted {
    pub(super) verb: Verb,
    /// For scripts.
    pub(super) json: bool,
    /// Not when running requests are done, but at once.
    pub(super) now: bool,
    /// Whether to come back only when it is done.
    pub(super) wait: bool,
    /// As they are typed to start the server.
    pub(super) server: Vec<OsString>,
}

/// The commands.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Verb {
    Help,
    #[default]
    Status,
    Workers,
    Top,
    Reload,
    Upgrade,
    /// Of the worker with this process.
    Recycle(i32),
    /// To so many workers.
    Scale(usize),
    /// Of one worker, or of all.
    Stack(Option<i32>),
    Reopen,
    Stop,
}

impl Verb {
    /// Whether the server is another one afterwards, or none. A worker is named by its process, which no other server has.
    pub(super) fn alters(self) -> bool {
        matches!(self, Self::Reload | Self::Upgrade | Self::Scale(_) | Self::Reopen | Self::Stop)
    }
}

/// How each is written, and what it does.
pub(super) const VERBS: [(&str, &str); 10] = [
    ("status", "how the server is, in a few lines (also without any command)"),
    ("workers", "all workers, and what they do now"),
    ("top", "the same, live: q quits, ? shows the keys"),
    ("stack [PID]", "what the threads of one worker, or of all, do in Python just now"),
    ("reload", "load the application anew; comes back when it serves, or cannot"),
    ("upgrade", "replace program, Python and all by what is installed now, without a pause"),
    ("recycle PID", "replace one worker when its requests are done and another serves"),
    ("scale N", "have N workers from now on, until the server stops"),
    ("reopen", "open the log files anew"),
    ("stop", "stop when running requests are done; comes back when it has"),
];

/// The switches.
pub(super) const SWITCHES: [(&str, &str); 3] = [
    ("--json", "one JSON object on one line instead of text"),
    ("--no-wait", "come back when it has begun"),
    ("--now", "with `stop`: at once, whatever runs"),
];

/// Understands it.
///
/// # Errors
/// A word that is no command, or an argument that is missing or too much.
pub(super) fn read(words: &[OsString]) -> Result<Wanted, Trouble> {
    let mut wanted = Wanted { wait: true, ..Wanted::default() };
    let mut plain: Vec<String> = Vec::new();
    let mut rest = words.iter().peekable();
    while let Some(word) = rest.next() {
        let text = word.to_string_lossy();
        match text.to_ascii_lowercase().as_str() {
            "--json" => wanted.json = true,
            "--now" => wanted.now = true,
            "--wait" => wanted.wait = true,
            "--no-wait" | "--nowait" => wanted.wait = false,
            "help" | "--help" | "-h" => return Ok(Wanted { verb: Verb::Help, ..wanted }),
            flag if flag.starts_with('-') => {
                wanted.server.push(word.clone());
                wanted.server.extend(value_of(flag, &mut rest).cloned());
            }
            word_of_server if word_of_server.contains('=') => wanted.server.push(word.clone()),
            _ => plain.push(text.into_owned()),
        }
    }
    let mut plain = plain.iter().map(String::as_str);
    if let Some(name) = plain.next() {
        wanted.verb = verb(name, &mut plain)?;
    }
    match plain.next() {
        Some(more) => {
            let message = format!("`{}` is one word too much", more.escape_default());
            Err(Trouble::usage(
                message,
                "words that name the server look like `pidfile=PATH`; see `fcgi-run ctl help`",
            ))
        }
        None if wanted.now && wanted.verb != Verb::Stop => {
            Err(Trouble::usage("`--now` goes with `stop` alone", "see `fcgi-run ctl help`"))
        }
        None => Ok(wanted),
    }
}

/// The value of a flag that is a word of its own: `--socket PATH`.
fn value_of<'w>(flag: &str, rest: &mut Peekable<slice::Iter<'w, OsString>>) -> Option<&'w OsString> {
    let option = find(flag.trim_start_matches('-'))?;
    let takes_one = option.value != ValueKind::Flag && !flag.contains('=');
    rest.next_if(|next| takes_one && !is_flag(next))
}

fn is_flag(word: &OsStr) -> bool {
    word.as_encoded_bytes().starts_with(b"--")
}

fn verb<'w>(name: &str, arguments: &mut impl Iterator<Item = &'w str>) -> Result<Verb, Trouble> {
    Ok(match name.to_ascii_lowercase().as_str() {
        "status" => Verb::Status,
        "workers" => Verb::Workers,
        "top" => Verb::Top,
        "reload" => Verb::Reload,
        "upgrade" => Verb::Upgrade,
        "recycle" => Verb::Recycle(argument(name, arguments, "the pid of a worker: `recycle 4711`")?),
        "scale" => Verb::Scale(argument(name, arguments, "a number of workers: `scale 8`")?),
        "stack" => Verb::Stack(arguments.next().map(|word| number(word, OF_STACK)).transpose()?),
        "reopen" => Verb::Reopen,
        "stop" => Verb::Stop,
        other => return Err(unknown(other)),
    })
}

/// The number that a command needs.
fn argument<'w, T: FromStr>(
    name: &str,
    arguments: &mut impl Iterator<Item = &'w str>,
    hint: &str,
) -> Result<T, Trouble> {
    let Some(word) = arguments.next() else {
        return Err(Trouble::usage(format!("`{name}` needs a number"), hint));
    };
    number(word, hint)
}

fn number<T: FromStr>(word: &str, hint: &str) -> Result<T, Trouble> {
    word.parse().map_err(|_| Trouble::usage(format!("`{}` is no number", word.escape_default()), hint))
}

fn unknown(name: &str) -> Trouble {
    let names = VERBS.iter().filter_map(|(written, _)| written.split(' ').next());
    let nearest = names.min_by_key(|known| strsim::damerau_levenshtein(known, name));
    let hint = match nearest.filter(|known| strsim::damerau_levenshtein(known, name) <= 2) {
        Some(known) => format!("did you mean `fcgi-run ctl {known}`"),
        None => "`fcgi-run ctl help` shows all commands".to_owned(),
    };
    Trouble::usage(format!("`ctl` has no command `{}`", name.escape_default()), hint)
}

/// What the argument of `stack` is.
const OF_STACK: &str = "the pid of a worker, or nothing for all of them: `stack 4711`";

/// The help.
pub(super) fn help() -> String {
    let lines = |entries: &[(&str, &str)]| {
        entries.iter().fold(String::new(), |text, (written, what)| {
            text + &format!(
                "  {written:<12} {what}
"
            )
        })
    };
    format!(
        "Looks after a server that runs.\n\n\
         Usage: fcgi-run ctl [COMMAND] [KEY=VALUE]... [--json]\n\n\
         Commands:\n{}\nSwitches:\n{}\n\
         Which server: words that it was started with, such as pidfile=, socket=, config= or\n\
         controlsocket=, in any spelling that starts a server. Without any, the only server\n\
         started in this folder; to look at, also the only one of this user (of all users,\n\
         for root).\n\n\
         Exit status:\n\
         \x20 0  it was done\n  1  the server could not do it\n  2  the words cannot be understood\n\
         \x20 4  no server is there\n",
        lines(&VERBS),
        lines(&SWITCHES)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> Result<Wanted, String> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        read(&words).map_err(|trouble| trouble.message)
    }

    #[test]
    fn commands_switches_and_words_of_the_server_come_in_any_order() {
        let all = wanted("stop socket=/a --now --pidfile x.pid --json --debug --no-wait").unwrap();
        assert_eq!((all.verb, all.json, all.now, all.wait), (Verb::Stop, true, true, false));
        assert_eq!(all.server, ["socket=/a", "--pidfile", "x.pid", "--debug"]);
        let same = wanted("--json --no-wait pidfile=x.pid STOP").unwrap();
        assert_eq!((same.verb, same.server), (Verb::Stop, vec!["pidfile=x.pid".into()]));
        assert_eq!(wanted("").unwrap(), Wanted { wait: true, ..Wanted::default() });
        assert_eq!(wanted("--socket=/x top").unwrap().verb, Verb::Top);
        assert_eq!(wanted("recycle 12 --json").unwrap().verb, Verb::Recycle(12));
        assert_eq!(wanted("stack").unwrap().verb, Verb::Stack(None));
        assert_eq!(wanted("stack 7").unwrap().verb, Verb::Stack(Some(7)));
        assert_eq!(wanted("pidfile=x scale 3").unwrap().verb, Verb::Scale(3));
        assert_eq!(wanted("nonsense --help").unwrap().verb, Verb::Help);
    }

    #[test]
    fn mistakes_are_named() {
        for (line, message) in [
            ("relaod", "`ctl` has no command `relaod`"),
            ("status 12", "`12` is one word too much"),
            ("recycle", "`recycle` needs a number"),
            ("scale many", "`many` is no number"),
            ("scale 3 4", "`4` is one word too much"),
            ("reload --now", "`--now` goes with `stop` alone"),
        ] {
            assert_eq!(wanted(line), Err(message.to_owned()), "{line}");
        }
        assert_eq!(unknown("relaod").hint, "did you mean `fcgi-run ctl reload`");
        assert_eq!(unknown("dance").hint, "`fcgi-run ctl help` shows all commands");
    }

    #[test]
    fn the_help_shows_everything_within_the_width_of_a_terminal() {
        let help = help();
        for (name, _) in VERBS.iter().chain(&SWITCHES) {
            assert!(help.contains(&format!("\n  {name}")), "{name}");
        }
        assert!(help.lines().all(|line| line.chars().count() <= 90), "{help}");
    }
}
