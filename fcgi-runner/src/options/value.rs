//! The values of options: from the text of one value to the value itself.
//!
//! The text is the same wherever it was typed. Paths come out absolute. What a value means, and whether it goes with
//! the values of other options, is decided elsewhere.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::clients::{Client, read_list};
use super::networks::read_networks;

/// The words of a choice: each with its synonyms, the first one being what comes out.
pub type Choices = &'static [(&'static str, &'static [&'static str])];

/// What kind of value an option takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueKind {
    /// True or false; the bare word is true.
    Flag,
    /// A whole number.
    Number {
        /// The least.
        min: u64,
        /// The greatest.
        max: u64,
    },
    /// A number of bytes, with `k`, `m` or `g` for 1024, its square and its cube.
    Size {
        /// The greatest.
        max: u64,
    },
    /// Permission bits in octal.
    Mode,
    /// A time in seconds, which may have a fraction.
    Seconds,
    /// One of a few words.
    Choice(Choices),
    /// Any text; an empty one is none.
    Text,
    /// A host name or an address, which may stand in brackets; an empty one is none.
    Host,
    /// A path; an empty one is none.
    Path,
    /// Where a log goes: a path, `syslog` or `journald`, either with a socket behind a colon; an empty one is none.
    Log,
    /// Paths with colons between them.
    PathList,
    /// Words with commas between them.
    Words,
    /// A mount prefix: empty, or beginning with a slash.
    Prefix,
    /// `/path` or `HOST/path`, perhaps with a query; an empty one is none.
    Page,
    /// `HOST:PORT`, `[HOST]:PORT` or `PORT`.
    Address,
    /// `/url/=directory`.
    Mount,
    /// The path of a page of the server's own: it begins with a slash, and has no characters that URLs write in another way; an
    /// empty one is none.
    OwnPage,
    /// Addresses and networks, with commas between them.
    Networks,
    /// Who may connect, with commas between them.
    Clients,
}

/// A value that has been read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Value {
    /// Of a flag.
    Flag(bool),
    /// Of a number, a size or a mode.
    Number(u64),
    /// Of seconds.
    Time(Duration),
    /// Of a text, a choice or a prefix; of a host, without brackets.
    Text(String),
    /// Of a path.
    Path(PathBuf),
    /// Of a log.
    Log(LogPlace),
    /// Of a list of paths.
    Paths(Vec<PathBuf>),
    /// Of a list of words.
    Words(Vec<String>),
    /// Of an address.
    Address {
        /// Without brackets.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
    /// Of a mount.
    Mount {
        /// Begins and ends with a slash.
        url: String,
        /// Absolute.
        dir: PathBuf,
    },
    /// Of networks: addresses, and how many leading bits count.
    Networks(Vec<(std::net::IpAddr, u8)>),
    /// Of those who may connect.
    Clients(Vec<Client>),
    /// An empty text, path or address: as if nothing had been typed.
    Nothing,
}

/// Where a log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LogPlace {
    /// A file, by its absolute path.
    File(PathBuf),
    /// The syslog service, at this socket if it is not the usual one.
    Syslog(Option<PathBuf>),
    /// The journal of systemd, likewise.
    Journal(Option<PathBuf>),
}

/// The text is no value of this kind.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NotAValue;

impl ValueKind {
    /// Reads a value; paths are taken from `start_dir`. No value has a NUL byte, which no system call takes.
    ///
    /// # Errors
    ///
    /// [`NotAValue`], which [`Self::expected`] puts into words.
    pub fn read(self, typed: &OsStr, start_dir: &Path) -> Result<Value, NotAValue> {
        let blank = typed.as_bytes().trim_ascii().is_empty();
        match self {
            _ if typed.as_bytes().contains(&0) => Err(NotAValue),
            Self::Path
            | Self::Log
            | Self::PathList
            | Self::Words
            | Self::Text
            | Self::Host
            | Self::Page
            | Self::Address
            | Self::Mount
            | Self::OwnPage
                if blank =>
            {
                Ok(Value::Nothing)
            }
            Self::Log => Ok(Value::Log(read_log(typed, start_dir))),
            Self::Path => Ok(Value::Path(absolute(typed, start_dir))),
            Self::PathList => Ok(Value::Paths(path_list(typed, start_dir))),
            Self::Mount => read_mount(typed, start_dir).ok_or(NotAValue),
            Self::Text => text(typed).map(|text| Value::Text(text.to_owned())),
            _ => self.read_text(text(typed)?.trim()).ok_or(NotAValue),
        }
    }

    fn read_text(self, text: &str) -> Option<Value> {
        match self {
            Self::Flag => read_flag(text).map(Value::Flag),
            Self::Number { min, max } => {
                whole_number(text).filter(|n| (min..=max).contains(n)).map(Value::Number)
            }
            Self::Size { max } => read_size(text).filter(|size| *size <= max).map(Value::Number),
            Self::Mode => read_mode(text).map(Value::Number),
            Self::Seconds => read_seconds(text).map(Value::Time),
            Self::Choice(choices) => read_choice(text, choices),
            Self::Words => Some(Value::Words(read_words(text))),
            Self::Prefix => read_prefix(text).map(Value::Text),
            Self::Host => read_host(text).map(Value::Text),
            Self::Page => is_page(text).then(|| Value::Text(text.to_owned())),
            Self::Address => read_address(text),
            Self::OwnPage => read_page(text).map(Value::Text),
            Self::Networks => read_networks(text).map(Value::Networks),
            Self::Clients => read_list(text).map(Value::Clients),
            Self::Text | Self::Path | Self::Log | Self::PathList | Self::Mount => None,
        }
    }

    /// What a value should be, to follow "is not".
    pub fn expected(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Number { min, max: u64::MAX } => format!("a number from {min} on"),
            Self::Number { min, max } => format!("a number from {min} to {max}"),
            Self::Size { max: u64::MAX } => "a size".to_owned(),
            Self::Size { max } => format!("a size up to {}m", max >> 20),
            Self::Mode => "an octal number from 0 to 0777".to_owned(),
            Self::Seconds => format!("a number of seconds up to {LONGEST_TIME}"),
            Self::Choice(choices) => {
                choices.iter().map(|(word, _)| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Text | Self::Words => "UTF-8 text without NUL".to_owned(),
            Self::Path | Self::Log | Self::PathList => "text without NUL".to_owned(),
            Self::Host => "a host name or an address".to_owned(),
            Self::Prefix => "a path that begins with a slash".to_owned(),
            Self::Page => "a path that begins with a slash, or with a host".to_owned(),
            Self::Address => "an address".to_owned(),
            Self::Mount => "a URL and a directory".to_owned(),
            Self::OwnPage => "a path that begins with a slash, of plain letters and digits".to_owned(),
            Self::Networks => "a list of addresses and networks".to_owned(),
            Self::Clients => "a list of addresses, networks, users and groups".to_owned(),
        }
    }

    /// How to write a value of the option `name`.
    pub fn hint(self, name: &str) -> String {
        match self {
            Self::Flag => format!("write `{name}=true` or `{name}=false`"),
            Self::Number { .. } => format!("write `{name}=` and digits, without sign or unit"),
            Self::Size { .. } => format!("write bytes, or a number with k, m or g, as in `{name}=10m`"),
            Self::Mode => "write octal digits, as in `umask=027` and `socketmode=0660`".to_owned(),
            Self::Seconds => format!("write digits alone, as in `{name}=10`"),
            Self::Choice(choices) => format!("write `{name}={}`", choices[0].0),
            Self::Text | Self::Words | Self::Path | Self::Log | Self::PathList => {
                "check the encoding of the terminal or the file".to_owned()
            }
            Self::Host => {
                format!("write a name or an address alone, as in `{name}=127.0.0.1` or `{name}=::1`")
            }
            Self::Prefix => format!("write `{name}=/app`, or `{name}=` for the root"),
            Self::Page => format!("write `{name}=/path`, or `{name}=example.org/path`"),
            Self::Address => format!("write host and port, as in `{name}=127.0.0.1:8000`"),
            Self::OwnPage => format!("write `{name}=/server-status`, without a host and without `?`"),
            Self::Networks => format!("write numbers, as in `{name}=127.0.0.1,::1,10.0.0.0/8`"),
            Self::Clients => format!(
                "write `{name}=10.0.0.5,10.1.0.0/16,fd00::/8` for TCP, `{name}=user:www-data` for a Unix socket, or `any`"
            ),
            Self::Mount => format!("write both with an equals sign between, as in `{name}=/static/=public`"),
        }
    }
}

/// Whether a word says true or false.
pub fn read_flag(word: &str) -> Option<bool> {
    let is = |words: [&str; 6]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    if is(["true", "yes", "on", "1", "t", "y"]) {
        Some(true)
    } else if is(["false", "no", "off", "0", "f", "n"]) {
        Some(false)
    } else {
        None
    }
}

fn text(typed: &OsStr) -> Result<&str, NotAValue> {
    typed.to_str().ok_or(NotAValue)
}

fn absolute(typed: &OsStr, start_dir: &Path) -> PathBuf {
    // Going through the components takes out `.` and doubled slashes, which would show up in messages.
    start_dir.join(Path::new(typed)).components().collect()
}

fn path_list(typed: &OsStr, start_dir: &Path) -> Vec<PathBuf> {
    let parts = typed.as_bytes().split(|byte| *byte == b':').filter(|part| !part.is_empty());
    parts.map(|part| absolute(OsStr::from_bytes(part), start_dir)).collect()
}

fn read_log(typed: &OsStr, start_dir: &Path) -> LogPlace {
    let bytes = typed.as_bytes();
    let split = bytes.iter().position(|byte| *byte == b':').unwrap_or(bytes.len());
    let socket = bytes.get(split + 1..).filter(|path| !path.is_empty());
    let socket = socket.map(|path| absolute(OsStr::from_bytes(path), start_dir));
    match bytes.get(..split) {
        Some(b"syslog") => LogPlace::Syslog(socket),
        Some(b"journald") => LogPlace::Journal(socket),
        _ => LogPlace::File(absolute(typed, start_dir)),
    }
}

fn read_words(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A number of plain digits: no sign, no blanks.
fn whole_number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn read_size(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let lower = lower.strip_suffix("ib").or_else(|| lower.strip_suffix('b')).unwrap_or(&lower);
    let (digits, shift) = match lower.as_bytes().last()? {
        b'k' => (&lower[..lower.len() - 1], 10),
        b'm' => (&lower[..lower.len() - 1], 20),
        b'g' => (&lower[..lower.len() - 1], 30),
        _ => (lower, 0),
    };
    whole_number(digits.trim_end())?.checked_mul(1 << shift)
}

fn read_mode(text: &str) -> Option<u64> {
    let digits = text.strip_prefix("0o").unwrap_or(text);
    let octal = !digits.is_empty() && digits.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
    octal.then(|| u64::from_str_radix(digits, 8).ok())?.filter(|mode| *mode <= 0o777)
}

fn read_seconds(text: &str) -> Option<Duration> {
    let number = text.strip_suffix(['s', 'S']).unwrap_or(text).trim_end();
    let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let seconds: f64 =
        plain.then(|| number.parse().ok())?.filter(|seconds| *seconds <= f64::from(LONGEST_TIME))?;
    Duration::try_from_secs_f64(seconds).ok()
}

fn read_choice(text: &str, choices: Choices) -> Option<Value> {
    let means = |word: &&str| text.eq_ignore_ascii_case(word);
    let found = choices.iter().find(|(word, synonyms)| means(word) || synonyms.iter().any(&means));
    found.map(|(word, _)| Value::Text((*word).to_owned()))
}

fn read_prefix(text: &str) -> Option<String> {
    let sound = text.is_empty() || text.starts_with('/');
    sound.then(|| text.trim_end_matches('/').to_owned())
}

fn read_page(text: &str) -> Option<String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~!$&'()*+,;=:@".contains(&byte);
    (text.starts_with('/') && text.bytes().all(plain)).then(|| text.to_owned())
}

fn read_host(text: &str) -> Option<String> {
    let host = text.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(text);
    let sound = !host.trim().is_empty() && !host.contains(['[', ']', '/']);
    sound.then(|| host.to_owned())
}

fn is_page(text: &str) -> bool {
    text.contains('/') && !text.contains("//") && text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn read_address(text: &str) -> Option<Value> {
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    if host.contains(':') && !host.starts_with('[') {
        return None;
    }
    let host = if host.is_empty() { LOOPBACK.to_owned() } else { read_host(host)? };
    let port = whole_number(port).and_then(|port| u16::try_from(port).ok())?;
    Some(Value::Address { host, port })
}

fn read_mount(typed: &OsStr, start_dir: &Path) -> Option<Value> {
    let bytes = typed.as_bytes();
    let equals = bytes.iter().position(|byte| *byte == b'=')?;
    let (url, dir) = (std::str::from_utf8(&bytes[..equals]).ok()?.trim(), &bytes[equals + 1..]);
    if url.is_empty() || dir.is_empty() {
        return None;
    }
    let url = match url.trim_matches('/') {
        "" => "/".to_owned(),
        inner => format!("/{inner}/"),
    };
    Some(Value::Mount { url, dir: absolute(OsStr::from_bytes(dir), start_dir) })
}

const LOOPBACK: &str = "127.0.0.1";

/// The longest time that can be asked for, in seconds: a year.
const LONGEST_TIME: u32 = 365 * 24 * 60 * 60;

#[cfg(test)]
#[path = "value_tests.rs"]
mod tests;
