//! What can be wrong with what was typed, and what to do about it.
//!
//! Every error is two lines: the cause (`Display`) and a hint ([`UsageError::hint`]). Nothing has been started when
//! one of them arises, and the exit status is 2. What was typed is shown with its control characters
//! escaped, so that it can neither add a line nor steer the terminal.

use std::{fmt, io, path::PathBuf};

use super::{OptionSpec, VARIABLE_PREFIX, ValueKind};
use crate::messages::{Code, plain};

/// Where a value was given.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// In the configuration file, at this line.
    File {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// In an environment variable of this name.
    Environment(String),
    /// As a word or flag.
    CommandLine,
}

impl Origin {
    /// The strength among file, environment and command line: the greater one wins.
    pub const fn rank(&self) -> u8 {
        match self {
            Self::File { .. } => 0,
            Self::Environment(_) => 1,
            Self::CommandLine => 2,
        }
    }
}

/// What follows a message to say where the fault is: nothing for the command line.
impl fmt::Display for Origin {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, line } => write!(out, " ({}, line {line})", shown(path.display())),
            Self::Environment(variable) => write!(out, " (environment variable `{}`)", shown(variable)),
            Self::CommandLine => Ok(()),
        }
    }
}

/// The options cannot be used. The operator is at fault, nothing was started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UsageError {
    /// A word, flag or key that is no option.
    #[error("unknown option `{}`{origin}", shown(name))]
    UnknownOption {
        /// As typed, without dashes.
        name: String,
        /// Where.
        origin: Origin,
    },
    /// A bare word that is neither a switch nor an application.
    #[error("`{}` is neither an option nor an application", shown(.0))]
    UnknownWord(String),
    /// An option that needs a value has none.
    #[error("option `{}` needs a value{origin}", option.name)]
    MissingValue {
        /// The option.
        option: &'static OptionSpec,
        /// Where.
        origin: Origin,
    },
    /// A value that the option does not take.
    #[error("`{}={}` is not {}{origin}", option.name, shown(value), option.value.expected())]
    BadValue {
        /// The option.
        option: &'static OptionSpec,
        /// As typed.
        value: String,
        /// Where.
        origin: Origin,
    },
    /// A directive that the access log does not know.
    #[error("`{}` is no directive of an access log{origin}", shown(directive))]
    LogFormat {
        /// As typed, from the percent sign on.
        directive: String,
        /// Where.
        origin: Origin,
    },
    /// A protocol of the old `runfcgi` that is not spoken here.
    #[error("protocol `{0}` is not supported")]
    Protocol(String),
    /// Two ways of saying where to listen.
    #[error("`{0}` and `{1}` cannot go together")]
    TwoAddresses(&'static str, &'static str),
    /// `host` without `port`, or the other way round.
    #[error("`{given}` needs `{missing}` as well")]
    HalfAddress {
        /// The one that was given.
        given: &'static str,
        /// The one that was not.
        missing: &'static str,
    },
    /// The path of a Unix socket does not fit into a socket address.
    #[error("the path of the socket has {length} bytes, the system allows {SOCKET_PATH_LIMIT}: `{}`", shown(path.display()))]
    SocketPath {
        /// The absolute path.
        path: PathBuf,
        /// Its length.
        length: usize,
    },
    /// The configuration file cannot be read.
    #[error("cannot read the configuration file `{}`: {source}", shown(path.display()))]
    ConfigRead {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The configuration file is not TOML.
    #[error("{}{origin}", shown(message))]
    ConfigSyntax {
        /// What the TOML reader says.
        message: String,
        /// Where.
        origin: Origin,
    },
    /// A key of the configuration file that is there twice, in two spellings.
    #[error("option `{name}` is there twice{origin}")]
    ConfigTwice {
        /// The option.
        name: &'static str,
        /// Where the second one is.
        origin: Origin,
    },
    /// A value of the configuration file of a type that no option takes.
    #[error("option `{}` cannot be {found}{origin}", option.name)]
    ConfigType {
        /// The option.
        option: &'static OptionSpec,
        /// What was found: `a table`.
        found: &'static str,
        /// Where.
        origin: Origin,
    },
    /// A configuration file that names another one.
    #[error("`{0}` cannot stand in a configuration file{1}")]
    ConfigNested(&'static str, Origin),
    /// A table `[site.NAME]` whose name cannot be one, or that is no table.
    #[error("`site.{}` is no site{origin}", shown(name))]
    SiteName {
        /// As it stands in the file.
        name: String,
        /// Where.
        origin: Origin,
    },
    /// A site that the file does not have.
    #[error("there is no site `{}` in the configuration file", shown(name))]
    UnknownSite {
        /// As typed.
        name: String,
        /// The nearest one that is there.
        nearest: Option<String>,
    },
    /// An option that belongs to one site, where there are several.
    #[error("`{name}` cannot be the same for several sites{origin}")]
    NotCommon {
        /// The option.
        name: &'static str,
        /// Where.
        origin: Origin,
    },
    /// A site that does not say where to listen.
    #[error("the site `{name}` does not say where to listen")]
    SiteAddress {
        /// The site.
        name: String,
    },
    /// Two sites that cannot both have what they want.
    #[error("the sites `{first}` and `{second}` have the same `{name}`")]
    SitesCollide {
        /// The option.
        name: &'static str,
        /// One site.
        first: String,
        /// The other.
        second: String,
    },
    /// The current directory is gone or may not be entered.
    #[error("cannot tell the current directory: {0}")]
    StartDirectory(#[source] io::Error),
    /// `explain` was asked for something else than a code of the table.
    #[error("there is no code `{}`", shown(word))]
    UnknownCode {
        /// As typed.
        word: String,
        /// The nearest that there is, if it was a number at all.
        nearest: Option<Code>,
    },
    /// Anything else the reader of the command line refuses.
    #[error("{}", shown(.0))]
    CommandLine(String),
}

impl UsageError {
    /// What to do about it, in one line, without `hint:` in front.
    pub fn hint(&self) -> String {
        match self {
            Self::UnknownOption { name, origin } => unknown_hint(name, origin),
            Self::UnknownWord(word) => word_hint(word),
            Self::MissingValue { option, .. } => format!("write `{}`", option.written()),
            Self::BadValue { option, .. } => option.value.hint(option.name),
            Self::LogFormat { .. } => {
                "write `common`, `combined`, `json`, or text with `%h %l %u %t %r %m %U %q %H %s %b %B %D %T %P %v %p \
                 %{Header-Name}i %{VARIABLE}e %%`"
                    .to_owned()
            }
            Self::Protocol(_) => "leave it out, and let the web server speak FastCGI".to_owned(),
            Self::TwoAddresses(..) => {
                "say where to listen in one way: `socket=PATH`, `host=NAME port=N` or `fd=N`".to_owned()
            }
            Self::HalfAddress { .. } => "write both, as in `host=127.0.0.1 port=3033`".to_owned(),
            Self::SocketPath { .. } => "choose a shorter path, as in `socket=/tmp/app.sock`".to_owned(),
            Self::ConfigRead { .. } => "relative paths are taken from the current directory".to_owned(),
            Self::ConfigSyntax { .. } => {
                "the file is TOML, texts are quoted, as in `host = \"127.0.0.1\"`".to_owned()
            }
            Self::ConfigTwice { .. } => {
                "keep one of the two; letter case, `-` and `_` do not matter".to_owned()
            }
            Self::ConfigType { option, .. } => config_type_hint(option),
            Self::ConfigNested("site", _) => {
                "write `[site.NAME]` over the options of a site; `site=NAME` on the command line serves it alone".to_owned()
            }
            Self::ConfigNested(..) => {
                "name the file on the command line or in `FCGI_RUN_CONFIG`, and put everything into one"
                    .to_owned()
            }
            Self::SiteName { .. } => {
                "write `[site.NAME]` alone on a line, the name of letters, digits, `-`, `_` and `.`".to_owned()
            }
            Self::UnknownSite { nearest, .. } => match nearest {
                Some(name) => format!("did you mean `site={name}`"),
                None => "the file has no `[site.NAME]` at all".to_owned(),
            },
            Self::NotCommon { name, .. } => {
                format!("put `{name}` below `[site.NAME]`, or choose one site with `site=NAME`")
            }
            Self::SiteAddress { .. } => {
                "add `socket = \"/run/NAME.sock\"`, or `host` and `port`, below its `[site.NAME]`".to_owned()
            }
            Self::SitesCollide { .. } => "give each of them its own".to_owned(),
            Self::StartDirectory(_) => "change to a directory that is there".to_owned(),
            Self::UnknownCode { nearest, .. } => match nearest {
                Some(code) => format!("the nearest is `{code}`; `fcgi-run explain` shows all of them"),
                None => "codes look like `FR012`; `fcgi-run explain` shows all of them".to_owned(),
            },
            Self::CommandLine(_) => SEE_HELP.to_owned(),
        }
    }

    /// The code of the message.
    pub const fn code(&self) -> Code {
        match self {
            Self::UnknownOption { .. } => Code::UNKNOWN_OPTION,
            Self::UnknownWord(_) => Code::UNKNOWN_WORD,
            Self::MissingValue { .. } => Code::MISSING_VALUE,
            Self::BadValue { .. } => Code::BAD_VALUE,
            Self::LogFormat { .. } => Code::LOG_FORMAT,
            Self::Protocol(_) => Code::PROTOCOL,
            Self::TwoAddresses(..) => Code::TWO_ADDRESSES,
            Self::HalfAddress { .. } => Code::HALF_ADDRESS,
            Self::SocketPath { .. } => Code::SOCKET_PATH,
            Self::ConfigRead { .. } => Code::CONFIG_READ,
            Self::ConfigSyntax { .. } => Code::CONFIG_SYNTAX,
            Self::ConfigTwice { .. } => Code::CONFIG_TWICE,
            Self::ConfigType { .. } => Code::CONFIG_TYPE,
            Self::ConfigNested(..) => Code::CONFIG_NESTED,
            Self::SiteName { .. } => Code::SITE_NAME,
            Self::UnknownSite { .. } => Code::UNKNOWN_SITE,
            Self::NotCommon { .. } => Code::NOT_COMMON,
            Self::SiteAddress { .. } => Code::SITE_ADDRESS,
            Self::SitesCollide { .. } => Code::SITES_COLLIDE,
            Self::StartDirectory(_) => Code::START_DIRECTORY,
            Self::UnknownCode { .. } => Code::UNKNOWN_CODE,
            Self::CommandLine(_) => Code::COMMAND_LINE,
        }
    }

    /// Both lines, as they are printed.
    pub fn report(&self) -> String {
        format!("error[{}]: {self}\nhint: {}\n", self.code(), self.hint())
    }
}

fn unknown_hint(name: &str, origin: &Origin) -> String {
    match (super::nearest(name), origin) {
        (Some(near), Origin::Environment(_)) => {
            format!("did you mean `{VARIABLE_PREFIX}{}`", near.to_ascii_uppercase())
        }
        (Some(near), _) => format!("did you mean `{near}`"),
        (None, _) => SEE_HELP.to_owned(),
    }
}

fn word_hint(word: &str) -> String {
    if word.contains('/') {
        return format!("to listen on a Unix socket, write `socket={}`", shown(word));
    }
    match super::nearest(word).and_then(super::find) {
        Some(option) if option.value == ValueKind::Flag => format!("did you mean `{}`", option.name),
        Some(option) => format!("did you mean `{}`", option.written()),
        None => "write options as `key=value`, and the application as `module:callable`".to_owned(),
    }
}

fn config_type_hint(option: &OptionSpec) -> String {
    if option.repeatable() {
        format!("write a list of texts, as in `{} = [\"...\"]`", option.name)
    } else {
        format!("write `{} = ` and a text, a number, true or false", option.name)
    }
}

/// A text for messages: what would add a line or steer the terminal is escaped.
fn shown(text: impl fmt::Display) -> String {
    plain::line(&text.to_string())
}

/// The longest path of a Unix socket that every system and web server takes, in bytes.
pub const SOCKET_PATH_LIMIT: usize = 107;

const SEE_HELP: &str = "`fcgi-run help` shows all options";
