//! What is said over the control socket: one JSON object a line, each way.
//!
//! A question names the version of the language and a command, as in `{"v":1,"command":"status"}`. Its answer is one line with
//! `"ok":true` or with an `"error"`. Members that are not known are passed over, so that one side may be newer than the other;
//! the version changes when that would be wrong.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The version of the language.
pub const VERSION: u32 = 1;

/// Bytes of the longest question.
pub const LONGEST_QUESTION: usize = 4096;

/// A question as it is written.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Question {
    pub v: u32,
    pub command: String,
    /// The process that is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<i32>,
    /// How many workers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<usize>,
    /// At once, running requests or not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub now: bool,
    /// Answer when it is done, not when it is begun.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wish {
    /// Who is there.
    Hello,
    /// How the server and its workers are.
    Status,
    Reload {
        wait: bool,
    },
    /// Replace the whole server, the program included.
    Upgrade {
        wait: bool,
    },
    /// Replace the worker with this process.
    Recycle(i32),
    /// Have so many workers.
    Scale(usize),
    /// Open the log files anew.
    Reopen,
    Stop {
        now: bool,
    },
    /// Where the threads of the worker with this process are.
    Stack(i32),
}

/// An answer.
#[derive(Debug, Deserialize, Serialize)]
pub struct Answer {
    pub v: u32,
    pub ok: bool,
    /// Why not, in one line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// More about it: a traceback, or what was asked for as text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Introduction>,
    /// The whole picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<Value>,
}

/// How a server introduces itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Introduction {
    /// The master.
    pub pid: u32,
    pub version: String,
    /// Where it was started.
    pub folder: PathBuf,
    /// Where it listens: a path, or an address and a port.
    pub addresses: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pidfile: Option<PathBuf>,
}

impl Question {
    /// A question with this command and nothing else.
    pub fn new(command: &str) -> Self {
        Self { v: VERSION, command: command.to_owned(), ..Self::default() }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// One line for whoever has asked.
    pub fn read(line: &[u8]) -> Result<Wish, String> {
        let question: Self =
            serde_json::from_slice(line).map_err(|error| format!("this is no question: {error}"))?;
        if question.v != VERSION {
            return Err(format!(
                "version {} of the language is not known here, but version {VERSION} is",
                question.v
            ));
        }
        question.wish()
    }

    fn wish(&self) -> Result<Wish, String> {
        let missing = |what: &str| format!("`{}` needs `{what}`", self.command);
        Ok(match &self.command[..] {
            "hello" => Wish::Hello,
            "status" => Wish::Status,
            "reload" => Wish::Reload { wait: self.wait },
            "upgrade" => Wish::Upgrade { wait: self.wait },
            "recycle" => Wish::Recycle(self.pid.ok_or_else(|| missing("pid"))?),
            "scale" => Wish::Scale(self.count.ok_or_else(|| missing("count"))?),
            "reopen" => Wish::Reopen,
            "stack" => Wish::Stack(self.pid.ok_or_else(|| missing("pid"))?),
            "stop" => Wish::Stop { now: self.now },
            other => return Err(format!("there is no command `{}`", other.escape_default())),
        })
    }
}

impl Answer {
    /// It was done, or has begun.
    pub fn good() -> Self {
        Self { v: VERSION, ok: true, error: None, detail: None, server: None, status: None }
    }

    /// It was not done, and why.
    pub fn bad(error: impl Into<String>) -> Self {
        Self { ok: false, error: Some(error.into()), ..Self::good() }
    }

    /// The line, with its end.
    pub fn line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_else(|_| b"{\"v\":1,\"ok\":false}".to_vec());
        line.push(b'\n');
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_read_and_garbage_is_told_so() {
        for (line, wish) in [
            (r#"{"v":1,"command":"status","unknown":[1]}"#, Wish::Status),
            (r#"{"command":"reload","v":1,"wait":true}"#, Wish::Reload { wait: true }),
            (r#"{"v":1,"command":"stop"}"#, Wish::Stop { now: false }),
            (r#"{"v":1,"command":"recycle","pid":12}"#, Wish::Recycle(12)),
            (r#"{"v":1,"command":"scale","count":3}"#, Wish::Scale(3)),
        ] {
            assert_eq!(Question::read(line.as_bytes()), Ok(wish), "{line}");
        }
        for (line, error) in [
            ("", "this is no question: EOF while parsing a value at line 1 column 0"),
            (
                r#"{"v":2,"command":"status"}"#,
                "version 2 of the language is not known here, but version 1 is",
            ),
            (r#"{"v":1,"command":"dan\nce"}"#, "there is no command `dan\\nce`"),
            (r#"{"v":1,"command":"recycle"}"#, "`recycle` needs `pid`"),
            (r#"{"v":1,"command":"scale"}"#, "`scale` needs `count`"),
        ] {
            assert_eq!(Question::read(line.as_bytes()), Err(error.to_owned()), "{line}");
        }
        for line in ["status", "[]", "{}", "{\"v\":1}", "\u{0}", &"[".repeat(4000)] {
            assert!(Question::read(line.as_bytes()).is_err(), "{line}");
        }
    }

    #[test]
    fn an_answer_is_one_line() {
        let line = Answer { detail: Some("a\nb".into()), ..Answer::bad("no\nway") }.line();
        assert_eq!(line, br#"{"v":1,"ok":false,"error":"no\nway","detail":"a\nb"}"#.iter().copied().chain([b'\n']).collect::<Vec<_>>());
        assert_eq!(Answer::good().line(), b"{\"v\":1,\"ok\":true}\n");
    }
}
