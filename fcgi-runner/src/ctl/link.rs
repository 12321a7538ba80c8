//! A connection to a control socket: a question out, an answer back.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::tables::HINT;
use super::trouble::{Status, Trouble};
use crate::messages::Code;
use crate::supervisor::control::message::{Answer, Question};

/// The connection.
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    path: PathBuf,
    /// What has come of the next answer.
    buffer: Vec<u8>,
    /// An answer has not come, and may come when another is waited for.
    is_lost: bool,
}

impl Link {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens there, or not to this user.
    pub(super) fn connect(path: &Path) -> io::Result<Self> {
        let stream = UnixStream::connect(path)?;
        stream.set_write_timeout(Some(PROMPT))?;
        Ok(Self { stream, path: path.to_owned(), buffer: Vec::new(), is_lost: false })
    }

    /// Asks, and gives the answer if it is a good one. `limit` is for each piece of it; `None` waits for ever.
    ///
    /// # Errors
    /// When there is none, or it says that it was not done.
    pub(super) fn ask(&mut self, question: &Question, limit: Option<Duration>) -> Result<Answer, Trouble> {
        let line = self.ask_for_line(question, limit)?;
        let answer: Answer = serde_json::from_slice(&line)
            .map_err(|error| silent(format!("the answer cannot be understood: {error}")))?;
        if answer.ok {
            return Ok(answer);
        }
        let message = answer.error.unwrap_or_else(|| "it was not done".to_owned());
        let mut trouble = Trouble::new(Status::Failed, Code::CONTROL_REFUSED, message);
        if let Some(detail) = answer.detail.filter(|detail| !detail.trim().is_empty()) {
            match detail.trim_end().rsplit_once(&format!("\n{HINT}")) {
                Some((detail, hint)) => {
                    trouble.detail = Some(detail.to_owned());
                    hint.clone_into(&mut trouble.hint);
                }
                None => trouble.detail = Some(detail),
            }
        }
        Err(trouble)
    }

    fn ask_for_line(&mut self, question: &Question, limit: Option<Duration>) -> Result<Vec<u8>, Trouble> {
        let failed = |error: io::Error| silent(format!("the server cannot be asked: {error}"));
        if self.is_lost {
            // It may be another server by now, at the same place.
            *self = Self::connect(&self.path).map_err(failed)?;
        }
        self.is_lost = true;
        let mut line = serde_json::to_vec(question).map_err(|error| failed(error.into()))?;
        line.push(b'\n');
        // A server that does not want to be asked by this user has answered and hung up already.
        let sent = self.stream.write_all(&line);
        self.stream.set_read_timeout(limit).map_err(failed)?;
        match self.next_line() {
            Ok(Some(line)) => {
                self.is_lost = false;
                Ok(line)
            }
            Ok(None) => Err(silent(match sent {
                Ok(()) => "the server has hung up without an answer".to_owned(),
                Err(error) => format!("the server cannot be asked: {error}"),
            })),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(silent(format!(
                "the server has not answered for {} s",
                limit.unwrap_or_default().as_secs()
            ))),
            Err(error) => Err(failed(error)),
        }
    }

    fn next_line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut piece = [0; 16 * 1024];
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(end + 1);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            match self.stream.read(&mut piece) {
                Ok(0) => return Ok(None),
                Ok(_) if self.buffer.len() > LONGEST_ANSWER => return Err(io::ErrorKind::FileTooLarge.into()),
                Ok(count) => self.buffer.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until the server ends.
    pub(super) fn wait_for_end(&mut self) {
        let _ = self.stream.set_read_timeout(None);
        while let Ok(Some(_)) = self.next_line() {}
    }
}

fn silent(message: String) -> Trouble {
    Trouble::new(Status::Failed, Code::CONTROL_SILENT, message)
}

/// Time in which a server answers that has nothing to wait for.
pub(super) const PROMPT: Duration = Duration::from_secs(10);

/// More than any server has to say.
const LONGEST_ANSWER: usize = 64 << 20;
