//! Importing the application in a process of its own, where it can do no harm, and hearing how that went.

use std::fs;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::limits::kibibytes;
use crate::app::{Blocker, Host, LoadError};
use crate::messages::Code;
use crate::os::fork::{self, End, Side};
use crate::os::privileges::RightsError;
use crate::os::socket;
use crate::os::stdio::{Destination, LogFiles};

/// How an import went.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    Imported(Imported),
    Failed {
        code: Code,
        /// The cause, and perhaps a traceback below it.
        message: String,
        hint: String,
    },
    /// The process has ended without a word of ours; what it had written.
    Died(End, String),
    /// It was not over in time.
    Late,
}

/// What is known of an application that can be imported.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Imported {
    /// Starting the interpreter, and importing.
    pub seconds: f64,
    /// Memory of the process then, in bytes; what it shares with others is divided among them.
    pub size: Option<u64>,
    /// See [`Host::facts`].
    pub facts: Vec<(String, String)>,
}

impl Imported {
    /// A fact.
    pub fn fact(&self, name: &str) -> Option<&str> {
        self.facts.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// How the application is to be imported.
pub struct Import<'i> {
    pub host: &'i Arc<dyn Host>,
    /// The folder to be in.
    pub workdir: Option<&'i Path>,
    /// Import as `preload` does.
    pub preload: bool,
    /// Becomes the user as whom the application is to run.
    pub assume: &'i dyn Fn() -> Result<(), RightsError>,
    pub limit: Duration,
}

impl Import<'_> {
    /// Forks, imports there, and waits for the news.
    ///
    /// # Errors
    /// When no process can be had.
    pub fn run(&self) -> io::Result<Outcome> {
        let output = tempfile::NamedTempFile::new()?;
        let path = output.path().to_owned();
        let mut outcome = Err(io::ErrorKind::Other.into());
        self.host.run_thread(&mut |blocker| outcome = self.fork(&path, blocker));
        outcome
    }

    fn fork(&self, output: &Path, blocker: &dyn Blocker) -> io::Result<Outcome> {
        let (ours, theirs) = UnixStream::pair()?;
        match fork::fork(&**self.host)? {
            Side::Child => {
                drop(ours);
                let life = std::panic::AssertUnwindSafe(|| self.live(&theirs, output.to_owned()));
                fork::exit_now(i32::from(std::panic::catch_unwind(life).is_err()));
            }
            Side::Parent(process) => {
                drop(theirs);
                let (mut words, mut late) = (Vec::new(), false);
                blocker.block(&mut || late = !listen(&ours, &mut words, self.limit));
                if late {
                    fork::kill_now(process);
                }
                let end = fork::wait_for_end(process);
                Ok(match understand(&words) {
                    Some(outcome) => outcome,
                    None if late => Outcome::Late,
                    None => Outcome::Died(end, last_lines(&fs::read(output).unwrap_or_default())),
                })
            }
        }
    }

    /// The life of the other process.
    fn live(&self, mut line: &UnixStream, output: PathBuf) {
        let output = Destination::File(output);
        // What it prints must not get between our lines.
        let _ = LogFiles { out: Some(output.clone()), err: Some(output), ..LogFiles::default() }.redirect();
        if let Some(folder) = self.workdir {
            let _ = std::env::set_current_dir(folder);
        }
        if let Err(error) = (self.assume)() {
            let words = refusal(Code::RIGHTS, &error.to_string(), Code::RIGHTS.cure());
            let _ = line.write_all(words.as_bytes());
            return;
        }
        let begun = Instant::now();
        let loaded = if self.preload { self.host.preload() } else { Ok(()) }.and_then(|()| self.host.load());
        let seconds = begun.elapsed().as_secs_f64();
        let words = match loaded {
            Ok(_app) => {
                let size = fs::read_to_string("/proc/self/smaps_rollup").ok();
                let size = size.and_then(|text| kibibytes(&text, "Pss:"));
                written(&Imported { seconds, size, facts: self.host.facts() })
            }
            Err(LoadError { code, message, hint }) => {
                let hint = hint.unwrap_or_else(|| code.cure().to_owned());
                refusal(code, &message, &hint)
            }
        };
        let _ = line.write_all(words.as_bytes());
    }
}

/// Hears names and values until the end mark or the end of the line; `false` if neither comes in time.
fn listen(mut line: &UnixStream, words: &mut Vec<u8>, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let mut buffer = [0; 4096];
    while !words.ends_with(END) {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return false;
        }
        if !socket::wait(line.as_fd(), true, false, left).is_ok_and(|found| found.readable || found.hung_up) {
            continue;
        }
        match line.read(&mut buffer) {
            Ok(0) | Err(_) => return true,
            Ok(got) => words.extend_from_slice(&buffer[..got]),
        }
    }
    true
}

fn written(imported: &Imported) -> String {
    let (seconds, size) = (imported.seconds.to_string(), imported.size.unwrap_or(0).to_string());
    let mut all = vec![("seconds", seconds.as_str()), ("size", &size)];
    all.extend(imported.facts.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    joined(&all)
}

fn refusal(code: Code, message: &str, hint: &str) -> String {
    joined(&[("code", &code.to_string()), ("message", message), ("hint", hint)])
}

fn joined(pairs: &[(&str, &str)]) -> String {
    let clean = |text: &str| text.replace('\0', "\u{fffd}");
    let parts = pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), clean(value)]);
    let all: Vec<String> = parts.chain(["end".to_owned(), "\0".to_owned()]).collect();
    all.join("\0")
}

/// What the other process has said; `None` if it did not come to its end.
fn understand(words: &[u8]) -> Option<Outcome> {
    let text = String::from_utf8_lossy(words.strip_suffix(END)?).into_owned();
    let mut parts = text.split('\0');
    let mut pairs = Vec::new();
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        pairs.push((name.to_owned(), value.to_owned()));
    }
    let value = |name: &str| pairs.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
    if let Some(code) = value("code") {
        return Some(Outcome::Failed {
            code: Code::read(&code)?,
            message: value("message")?,
            hint: value("hint")?,
        });
    }
    Some(Outcome::Imported(Imported {
        seconds: value("seconds")?.parse().ok()?,
        size: value("size")?.parse().ok().filter(|size| *size > 0),
        facts: pairs.into_iter().skip(2).collect(),
    }))
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(SHOWN)..].join("\n")
}

/// Marks the end of what is said.
const END: &[u8] = b"end\0\0";

/// Lines that are shown of what a process has written before it died.
const SHOWN: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_arrive_as_they_were_sent() {
        let facts = vec![("python".to_owned(), "3.11.2".to_owned()), ("a".to_owned(), "b\nc".to_owned())];
        let imported = Imported { seconds: 0.25, size: Some(4096), facts };
        assert_eq!(imported.fact("a"), Some("b\nc"));
        assert_eq!(understand(written(&imported).as_bytes()), Some(Outcome::Imported(imported)));
        let failed = joined(&[("code", "FR103"), ("message", "a\0b"), ("hint", "")]);
        let (message, hint) = ("a\u{fffd}b".to_owned(), String::new());
        assert_eq!(
            understand(failed.as_bytes()),
            Some(Outcome::Failed { code: Code::SYNTAX_ERROR, message, hint })
        );
        assert_eq!(understand(b"seconds\x001\0"), None);
    }

    #[test]
    fn only_the_last_lines_of_an_output_are_shown() {
        let output: Vec<String> = (0..30).map(|number| number.to_string()).collect();
        assert!(last_lines(output.join("\n").as_bytes()).starts_with("10\n11\n"));
        assert_eq!(last_lines(b"one\n"), "one");
    }
}
