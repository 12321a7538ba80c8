//! Error messages of the application, into the log, line by line.
//!
//! In come pieces of the STDERR stream, cut anywhere; out goes one log entry for each line. What the request leaves
//! without a newline is logged at its end. A line longer than 8 KiB is cut into several.

use std::mem;

/// The lines of one request's STDERR stream.
#[derive(Debug, Default)]
pub(super) struct Lines {
    begun: Vec<u8>,
}

impl Lines {
    /// Takes a piece and logs the lines that it ends.
    pub(super) fn log(&mut self, piece: &[u8]) {
        self.push(piece, &mut write);
    }

    /// Cuts a piece into lines.
    fn push(&mut self, piece: &[u8], out: &mut dyn FnMut(&[u8])) {
        for part in piece.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = part.strip_suffix(b"\n").map_or((part, false), |text| (text, true));
            for bytes in text.chunks(LONGEST) {
                if self.begun.len() + bytes.len() > LONGEST {
                    out(&mem::take(&mut self.begun));
                }
                self.begun.extend_from_slice(bytes);
            }
            if ended {
                out(&mem::take(&mut self.begun));
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if !self.begun.is_empty() {
            write(&self.begun);
        }
    }
}

fn write(line: &[u8]) {
    let text = String::from_utf8_lossy(line);
    let text = text.trim_end();
    if !text.is_empty() {
        tracing::debug!("application: {text}");
    }
}

const LONGEST: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::{LONGEST, Lines};

    fn lines(pieces: &[&[u8]]) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut lines = Lines::default();
        let mut found = Vec::new();
        for piece in pieces {
            lines.push(piece, &mut |line| found.push(line.to_vec()));
        }
        (found, std::mem::take(&mut lines.begun))
    }

    #[test]
    fn lines_are_put_together_however_they_are_cut() {
        let (found, rest) = lines(&[b"on", b"e\ntwo\n\nthr", b"", b"ee\nfo", b"ur"]);
        assert_eq!(found, [&b"one"[..], b"two", b"", b"three"]);
        assert_eq!(rest, b"four");
    }

    #[test]
    fn an_endless_line_takes_no_more_than_the_limit() {
        let (found, rest) = lines(&[&[b'x'; LONGEST], b"y", &[b'z'; LONGEST]]);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].len(), found[1].as_slice()), (LONGEST, &b"y"[..]));
        assert_eq!(rest.len(), LONGEST);
    }
}
