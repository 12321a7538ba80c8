//! The access log: one line a request, in the combined format with the duration, or as JSON.
//!
//! A line is written with one `write` to a file opened for appending, so lines of several workers do not mix. What comes
//! from the request is escaped: a line cannot be forged.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::app::{Finished, Request};
use crate::config::AccessFormat;
use crate::messages::Code;
use crate::os::stdio;

/// An open access log.
#[derive(Debug)]
pub struct AccessLog {
    path: PathBuf,
    format: AccessFormat,
    file: RwLock<File>,
}

impl AccessLog {
    /// Opens the file to append to.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(path: &Path, format: AccessFormat) -> io::Result<Self> {
        Ok(Self { path: path.to_owned(), format, file: RwLock::new(stdio::append(path)?) })
    }

    /// Opens the file anew, after it was moved away.
    pub fn reopen(&self) {
        match stdio::append(&self.path) {
            Ok(file) => *self.file.write().unwrap_or_else(PoisonError::into_inner) = file,
            Err(error) => {
                tracing::error!(code = %Code::LOG_REOPEN, path = %self.path.display(), %error, "the access log cannot be reopened");
            }
        }
    }

    /// Writes the line of a request that is over.
    pub fn record(&self, request: &Request) {
        let finished = request.finished();
        let line = match self.format {
            AccessFormat::Combined => combined(request, finished, &now(TimeFormat::Combined)),
            AccessFormat::Json => json(request, finished, &now(TimeFormat::Iso)),
        };
        let file = self.file.read().unwrap_or_else(PoisonError::into_inner);
        // A full disk loses log lines, not requests.
        let _ = (&*file).write_all(line.as_bytes());
    }
}

#[derive(Clone, Copy)]
enum TimeFormat {
    Combined,
    Iso,
}

fn now(format: TimeFormat) -> String {
    let time = super::log::local_time();
    match format {
        TimeFormat::Combined => time.combined(),
        TimeFormat::Iso => time.iso(),
    }
}

fn combined(request: &Request, finished: Finished, time: &str) -> String {
    let param = |name: &[u8]| escaped(request.params().get(name).unwrap_or_default());
    let or_dash = |text: String| if text.is_empty() { "-".to_owned() } else { text };
    format!(
        "{} - {} [{time}] \"{} {} {}\" {} {} \"{}\" \"{}\" {:.6}\n",
        or_dash(param(b"REMOTE_ADDR")),
        or_dash(param(b"REMOTE_USER")),
        param(b"REQUEST_METHOD"),
        or_dash(escaped(request.target())),
        param(b"SERVER_PROTOCOL"),
        finished.status,
        finished.body_bytes,
        or_dash(param(b"HTTP_REFERER")),
        or_dash(param(b"HTTP_USER_AGENT")),
        finished.duration.as_secs_f64(),
    )
}

fn json(request: &Request, finished: Finished, time: &str) -> String {
    let param = |name: &[u8]| json_text(request.params().get(name).unwrap_or_default());
    format!(
        "{{\"time\":\"{time}\",\"remote_addr\":{},\"remote_user\":{},\"method\":{},\"uri\":{},\"protocol\":{},\
         \"status\":{},\"body_bytes\":{},\"referer\":{},\"user_agent\":{},\"duration\":{:.6},\"pid\":{}}}\n",
        param(b"REMOTE_ADDR"),
        param(b"REMOTE_USER"),
        param(b"REQUEST_METHOD"),
        json_text(request.target()),
        param(b"SERVER_PROTOCOL"),
        finished.status,
        finished.body_bytes,
        param(b"HTTP_REFERER"),
        param(b"HTTP_USER_AGENT"),
        finished.duration.as_secs_f64(),
        std::process::id(),
    )
}

/// Printable ASCII as it is, quotes, backslashes and everything else as `\xHH`.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => {
                let _ = write!(text, "\\x{byte:02x}");
            }
            _ => text.push(char::from(*byte)),
        }
    }
    text
}

/// A JSON string; bytes that are no UTF-8 are replaced.
fn json_text(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for character in String::from_utf8_lossy(bytes).chars() {
        match character {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            control if control.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(control));
            }
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_cannot_be_forged() {
        assert_eq!(escaped(b"/a\"b\r\nGET \\ \xe9"), "/a\\x22b\\x0d\\x0aGET \\x5c \\xe9");
        assert_eq!(json_text(b"a\"\n\\\xff"), "\"a\\\"\\u000a\\\\\u{fffd}\"");
    }
}
