//! What can be typed: one declaration per option, from which everything else follows.
//!
//! An [`OptionSpec`] in [`table`] gives the word `key=value`, the flag `--key`, the key in the configuration file, the
//! environment variable, the entry in the help and the entry in the man page. [`value`] turns the text of one value
//! into a [`value::Value`]; what the values mean together is decided in the room `config`.

mod clients;
pub mod error;
mod networks;
pub mod table;
pub mod value;

pub use clients::Client;
pub use error::{Origin, UsageError};
pub use table::all;
pub use value::{LogPlace, Value, ValueKind};

/// The declaration of one option.
#[derive(Debug)]
pub struct OptionSpec {
    /// The word, in lower case and without dashes: `maxspare`.
    pub name: &'static str,
    /// Other words for the same.
    pub aliases: &'static [&'static str],
    /// What values it takes.
    pub value: ValueKind,
    /// What stands for the value in the help: `N`, `PATH`.
    pub value_name: &'static str,
    /// What holds when nothing is typed.
    pub preset: Preset,
    /// Where it stands in the help.
    pub section: Section,
    /// What it does, in one or two sentences without a full stop at the end; words of the user in backticks.
    pub help: &'static str,
}

/// What holds for an option when nothing is typed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Preset {
    /// Nothing, and nothing is to be said about it.
    Nothing,
    /// A value, as one would type it.
    Value(&'static str),
    /// It depends; this is how.
    Depends(&'static str),
}

/// A heading in the help.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Section {
    /// Where to listen.
    Address,
    /// What to serve.
    Application,
    /// How many processes and threads.
    Processes,
    /// Background, pidfile, directory.
    Running,
    /// Logs.
    Logs,
    /// The control socket.
    Control,
    /// Limits and times.
    Limits,
    /// The built-in preview front.
    Preview,
    /// How the server is doing.
    Status,
    /// Who the workers run as, and who may connect.
    Security,
}

impl Section {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 10] = [
        Self::Address,
        Self::Application,
        Self::Processes,
        Self::Running,
        Self::Logs,
        Self::Control,
        Self::Limits,
        Self::Preview,
        Self::Status,
        Self::Security,
    ];

    /// The heading.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Address => "Where to listen",
            Self::Application => "What to serve",
            Self::Processes => "Processes and threads",
            Self::Running => "Running",
            Self::Logs => "Logs",
            Self::Control => "Control",
            Self::Limits => "Limits",
            Self::Preview => "Preview without a web server",
            Self::Status => "Status",
            Self::Security => "Who it runs as, and who may come in",
        }
    }
}

impl OptionSpec {
    /// Whether it may be given several times, and as an array in the configuration file.
    pub const fn repeatable(&self) -> bool {
        matches!(self.value, ValueKind::PathList | ValueKind::Words | ValueKind::Mount | ValueKind::Clients)
    }

    /// The environment variable: `FCGI_RUN_MAXSPARE`.
    pub fn variable(&self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name.to_ascii_uppercase())
    }

    /// The option as it is written: `maxspare=N`.
    pub fn written(&self) -> String {
        format!("{}={}", self.name, self.value_name)
    }

    /// The note on the preset for the help, if there is one.
    pub const fn preset_text(&self) -> Option<&'static str> {
        match self.preset {
            Preset::Nothing => None,
            Preset::Value(text) | Preset::Depends(text) => Some(text),
        }
    }
}

/// The option of this name or alias; letter case, `-` and `_` do not matter.
pub fn find(name: &str) -> Option<&'static OptionSpec> {
    let name = canonical(name);
    all().find(|option| option.name == name || option.aliases.contains(&name.as_str()))
}

/// The words that mean the most nearly the same, for a typing error; `None` if nothing comes near.
pub fn nearest(typed: &str) -> Option<&'static str> {
    let words = all().flat_map(|option| option.aliases.iter().chain([&option.name]));
    nearest_of(&canonical(typed), words.copied())
}

/// The one of some words that means the most nearly the same; `None` if nothing comes near.
pub fn nearest_of<W: AsRef<str>>(typed: &str, words: impl Iterator<Item = W>) -> Option<W> {
    let scored = words.map(|word| (strsim::jaro_winkler(typed, word.as_ref()), word));
    let best = scored.max_by(|(left, _), (right, _)| left.total_cmp(right))?;
    (best.0 >= NEAR_ENOUGH).then_some(best.1)
}

/// The names of all options, without aliases, in the order of the help.
pub fn option_names() -> impl Iterator<Item = &'static str> {
    all().map(|option| option.name)
}

/// A name as it is looked up: in lower case, without `-` and `_`.
fn canonical(name: &str) -> String {
    name.chars()
        .filter(|letter| !matches!(letter, '-' | '_'))
        .map(|letter| letter.to_ascii_lowercase())
        .collect()
}

/// What the names of our environment variables begin with.
pub const VARIABLE_PREFIX: &str = "FCGI_RUN_";

const NEAR_ENOUGH: f64 = 0.8;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Preset, Section, ValueKind, all, canonical, find, nearest, option_names};

    #[test]
    fn names_are_unique_and_canonical() {
        let mut seen = BTreeSet::new();
        for option in all() {
            for name in option.aliases.iter().chain([&option.name]) {
                assert_eq!(canonical(name), **name);
                assert!(seen.insert(*name), "`{name}` is declared twice");
            }
        }
    }

    #[test]
    fn every_preset_is_a_value_of_its_option() {
        for option in all() {
            if let Preset::Value(text) = option.preset {
                assert!(option.value.read(text.as_ref(), "/".as_ref()).is_ok(), "{}={text}", option.name);
            }
        }
    }

    #[test]
    fn every_option_has_a_text_and_sections_are_not_scattered() {
        let mut order = Section::ALL.iter().peekable();
        for option in all() {
            assert!(option.help.len() > 10 && !option.help.ends_with('.'), "{}", option.name);
            assert!(!option.value_name.is_empty(), "{}", option.name);
            while order.peek().is_some_and(|section| **section != option.section) {
                order.next();
            }
            assert!(order.peek().is_some(), "`{}` stands outside of its section", option.name);
        }
    }

    #[test]
    fn spelling_does_not_matter() {
        for name in ["maxspare", "MaxSpare", "max-spare", "MAX_SPARE", "maxSpare"] {
            assert_eq!(find(name).map(|option| option.name), Some("maxspare"), "{name}");
        }
        assert_eq!(find("venv").map(|option| option.name), Some("virtualenv"));
        assert!(find("").is_none() && find("max spare").is_none() && find("maxspares").is_none());
    }

    #[test]
    fn typing_errors_are_understood() {
        for (typed, meant) in [
            ("maxrequest", "maxrequests"),
            ("max-childs", "maxchildren"),
            ("daemonise", "daemonize"),
            ("daemon", "daemonize"),
            ("sokcet", "socket"),
            ("pid", "pidfile"),
            ("errorlog", "errlog"),
        ] {
            assert_eq!(nearest(typed), Some(meant), "{typed}");
        }
        for typed in ["quux", "xyzzy", ""] {
            assert_eq!(nearest(typed), None, "{typed}");
        }
    }

    #[test]
    fn the_words_of_runfcgi_are_all_there() {
        let names: BTreeSet<_> = option_names().collect();
        for name in
            "protocol host port socket method maxspare minspare maxchildren maxrequests daemonize workdir \
                     pidfile outlog errlog umask debug settings pythonpath"
                .split_whitespace()
        {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn lists_are_what_can_be_repeated() {
        let repeatable: Vec<_> =
            all().filter(|option| option.repeatable()).map(|option| option.name).collect();
        assert_eq!(
            repeatable,
            ["pythonpath", "touchreload", "accessskip", "redact", "static", "groups", "allowedclients"]
        );
        assert_eq!(find("socket").unwrap().value, ValueKind::Path);
    }
}
