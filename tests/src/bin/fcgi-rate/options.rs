//! What is asked, of whom, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use fcgi_tests::record::{STDIN, stream};
use fcgi_tests::{Address, Request};

/// The words, read.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// `socket=PATH` or `tcp=HOST:PORT`.
    pub(crate) address: Address,
    /// `connections=N`: at once.
    pub(crate) connections: usize,
    /// `keep=true`: connections are kept; otherwise there is one for each request.
    pub(crate) keep: bool,
    /// `active=N`: requests at once on each connection; more than one needs `keep=true`.
    pub(crate) active: u16,
    /// `path=/hello`.
    pub(crate) path: String,
    /// `script=FILE`: `SCRIPT_FILENAME`, for servers that run a file.
    pub(crate) script: Option<String>,
    /// `body=BYTES`: length of the body of each request.
    pub(crate) body: usize,
    /// `status=200`.
    pub(crate) status: u16,
    /// `length=BYTES`: of the body of each answer; any, if it is left out.
    pub(crate) length: Option<usize>,
    /// `warmup=SECONDS`: at the beginning, not counted.
    pub(crate) warmup: Duration,
    /// `seconds=SECONDS`: counted.
    pub(crate) seconds: Duration,
    /// `held=N`: kept connections beside, each of which has had one answer.
    pub(crate) held: usize,
}

impl Options {
    /// Reads the words.
    ///
    /// # Errors
    /// A sentence about the word that makes no sense.
    pub(crate) fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        let mut is_addressed = false;
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| format!("`{word}` has no value"))?;
            match key {
                "socket" => options.address = Address::Unix(value.into()),
                "tcp" => options.address = Address::Tcp(number(&word, value)?),
                "connections" => options.connections = number(&word, value)?,
                "keep" => options.keep = number(&word, value)?,
                "active" => options.active = number::<u16>(&word, value)?.max(1),
                "path" => value.clone_into(&mut options.path),
                "script" => options.script = Some(value.to_owned()),
                "body" => options.body = number(&word, value)?,
                "status" => options.status = number(&word, value)?,
                "length" => options.length = Some(number(&word, value)?),
                "warmup" => options.warmup = seconds(&word, value)?,
                "seconds" => options.seconds = seconds(&word, value)?,
                "held" => options.held = number(&word, value)?,
                _ => return Err(format!("`{key}` is not known")),
            }
            is_addressed |= matches!(key, "socket" | "tcp");
        }
        if !is_addressed {
            return Err("`socket=PATH` or `tcp=HOST:PORT` is missing".to_owned());
        }
        if options.active > 1 && !options.keep {
            return Err("`active` needs `keep=true`".to_owned());
        }
        Ok(options)
    }

    /// The bytes of a request, with what nginx sends for a browser: some 900 bytes of parameters.
    pub(crate) fn request(&self, id: u16, keep: bool) -> Vec<u8> {
        let mut request = match self.body {
            0 => Request::get(&self.path),
            length => Request::post(&self.path, vec![b'x'; length]),
        };
        for (name, value) in BROWSER {
            request = request.with(name, value);
        }
        if let Some(script) = &self.script {
            request =
                request.with("SCRIPT_FILENAME", script).with("SCRIPT_NAME", &self.path).without("PATH_INFO");
        }
        let mut request = request.id(id);
        request.keep = keep;
        [request.head(), stream(STDIN, id, &request.body, CUT)].concat()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            address: Address::Unix(PathBuf::new()),
            connections: 2,
            keep: false,
            active: 1,
            path: "/hello".to_owned(),
            script: None,
            body: 0,
            status: 200,
            length: None,
            warmup: Duration::from_millis(300),
            seconds: Duration::from_secs(1),
            held: 0,
        }
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Display>>(word: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|error| format!("`{word}`: {error}"))
}

fn seconds(word: &str, value: &str) -> Result<Duration, String> {
    Duration::try_from_secs_f64(number(word, value)?).map_err(|error| format!("`{word}`: {error}"))
}

/// Bytes in a record of a body, as nginx cuts it.
const CUT: usize = 32 * 1024;

const BROWSER: [(&str, &str); 16] = [
    ("DOCUMENT_URI", "/hello"),
    ("DOCUMENT_ROOT", "/srv/www/html"),
    ("REQUEST_SCHEME", "http"),
    ("SERVER_SOFTWARE", "nginx/1.22.1"),
    ("REMOTE_PORT", "51234"),
    ("REMOTE_USER", ""),
    ("SERVER_ADDR", "192.0.2.80"),
    ("SERVER_PORT", "80"),
    ("REDIRECT_STATUS", "200"),
    ("CONTENT_TYPE", ""),
    ("HTTP_HOST", "test.example"),
    ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("HTTP_ACCEPT_LANGUAGE", "es-ES,es;q=0.8,en-US;q=0.5,en;q=0.3"),
    ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br"),
    ("HTTP_COOKIE", "sessionid=38afes7a8; csrftoken=aXbYcZ0123456789aXbYcZ0123456789"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &[&str]) -> Result<Options, String> {
        Options::read(words.iter().map(|word| (*word).to_owned()))
    }

    #[test]
    fn words_are_read() {
        let options =
            read(&["socket=/tmp/s", "connections=16", "keep=true", "seconds=0.5", "length=13"]).unwrap();
        assert_eq!(options.address, Address::Unix("/tmp/s".into()));
        assert_eq!((options.connections, options.keep, options.length), (16, true, Some(13)));
        assert_eq!(options.seconds, Duration::from_millis(500));
    }

    #[test]
    fn words_without_sense_are_complained_about() {
        for words in [&[][..], &["socket=s", "keep"], &["socket=s", "fast=true"], &["socket=s", "active=8"]] {
            assert!(read(words).is_err(), "{words:?}");
        }
        assert!(read(&["socket=s", "seconds=-1"]).is_err());
    }
}
