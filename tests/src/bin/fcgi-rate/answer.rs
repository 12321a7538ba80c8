//! An answer while it arrives: what is kept of it is its head, and the length of its body.

use std::io;

use fcgi_tests::record::{END, STDERR, STDOUT};

use crate::framing::Piece;
use crate::options::Options;

/// An answer, as far as it is there.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    head: Vec<u8>,
    is_body: bool,
    body: usize,
    end: Vec<u8>,
}

impl Answer {
    /// Takes a piece of a record; true when that was the last.
    ///
    /// # Errors
    /// When it is no part of an answer.
    pub(crate) fn take(&mut self, piece: Piece<'_>) -> io::Result<bool> {
        match piece.kind {
            STDOUT if self.is_body => self.body += piece.bytes.len(),
            STDOUT => {
                self.head.extend_from_slice(piece.bytes);
                if let Some(at) = self.head.windows(4).position(|four| four == b"\r\n\r\n") {
                    self.is_body = true;
                    self.body = self.head.len() - at - 4;
                    self.head.truncate(at);
                }
            }
            END => self.end.extend_from_slice(piece.bytes),
            STDERR => {}
            kind => return Err(io::Error::other(format!("a record of kind {kind}"))),
        }
        Ok(self.end.len() >= END_BODY)
    }

    /// What is wrong with the whole answer.
    pub(crate) fn fault(&self, options: &Options) -> Option<String> {
        let [_, _, _, _, protocol_status, ..] = self.end[..] else { return Some("has no end".to_owned()) };
        if protocol_status != 0 {
            return Some(format!("END_REQUEST with protocol status {protocol_status}"));
        }
        let head = String::from_utf8_lossy(&self.head);
        if !self.is_body {
            return Some(format!("no end of the head in {head:?}"));
        }
        // RFC 3875, section 6.3.3: without a status it is 200.
        let given = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200");
        if given.split(' ').next() != Some(options.status.to_string().as_str()) {
            return Some(format!("status {given:?}"));
        }
        let length = options.length.filter(|wanted| *wanted != self.body)?;
        Some(format!("{} bytes, not {length}", self.body))
    }

    /// Makes room for the next.
    pub(crate) fn clear(&mut self) {
        self.head.clear();
        self.end.clear();
        (self.is_body, self.body) = (false, 0);
    }
}

/// FastCGI 1.0 section 5.5.
const END_BODY: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(stdout: &[&str], end: [u8; 8]) -> Option<String> {
        let mut answer = Answer::default();
        for text in stdout {
            assert!(!answer.take(Piece { kind: STDOUT, id: 1, bytes: text.as_bytes() }).unwrap());
        }
        assert!(answer.take(Piece { kind: END, id: 1, bytes: &end }).unwrap());
        answer.fault(&Options { length: Some(5), ..Options::default() })
    }

    #[test]
    fn status_and_length_are_looked_at() {
        assert_eq!(fault(&["Status: 200 OK\r\nX: y\r\n\r\nhello"], [0; 8]), None);
        assert_eq!(fault(&["Status: 200 OK\r\n\r", "\nhel", "lo"], [0; 8]), None);
        assert_eq!(fault(&["Content-Type: text/plain\r\n\r\nhello"], [0; 8]), None);
        for (stdout, wrong) in [
            ("Status: 503 Busy\r\n\r\nhello", "status \"503 Busy\""),
            ("Status: 200 OK\r\n\r\nhell", "4 bytes, not 5"),
            ("Status: 200 OK\r\n", "no end of the head"),
        ] {
            let told = fault(&[stdout], [0; 8]).unwrap();
            assert!(told.contains(wrong), "{told}");
        }
    }

    #[test]
    fn a_refusal_is_no_answer() {
        let told = fault(&[], [0, 0, 0, 0, 1, 0, 0, 0]).unwrap();
        assert!(told.contains("protocol status 1"), "{told}");
    }
}
