//! The application's reading end of a body: sizes respected, never beyond CONTENT_LENGTH.
//!
//! It gives out the buffers that the socket filled, not copies. Source: PEP 3333 "Input and Error Streams".

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::{Blocker, Request, Taken};

/// Reads one request's body.
#[derive(Debug)]
pub struct BodyReader {
    request: Arc<Request>,
    /// What was taken from the body but not yet given out.
    pending: Bytes,
    /// Bytes until CONTENT_LENGTH; `None` when the length is unknown.
    remaining: Option<u64>,
}

impl BodyReader {
    /// Opens the body of a request.
    pub fn new(request: Arc<Request>) -> Self {
        let remaining = Some(request.content_length().unwrap_or(0));
        Self { request, pending: Bytes::new(), remaining }
    }

    /// Opens a body that ends where its stream ends, whatever was announced.
    pub fn to_the_end(request: Arc<Request>) -> Self {
        Self { request, pending: Bytes::new(), remaining: None }
    }

    /// Reads `size` bytes, or all there are when `size` is `None`; fewer only at the end.
    ///
    /// # Errors
    /// When the web server goes away in the middle of the body, or a spooled body cannot be read back.
    pub fn read(&mut self, size: Option<usize>, blocker: &dyn Blocker) -> io::Result<Vec<Bytes>> {
        let mut chunks = Vec::new();
        let mut wanted = size.unwrap_or(usize::MAX);
        while wanted > 0 {
            let chunk = self.chunk(wanted, blocker)?;
            if chunk.is_empty() {
                break;
            }
            wanted -= chunk.len();
            chunks.push(chunk);
        }
        Ok(chunks)
    }

    /// Reads up to and with the next newline, `limit` bytes at most; nothing at the end.
    ///
    /// # Errors
    /// As for [`BodyReader::read`].
    pub fn read_line(&mut self, limit: Option<usize>, blocker: &dyn Blocker) -> io::Result<Vec<Bytes>> {
        let mut chunks = Vec::new();
        let mut wanted = limit.unwrap_or(usize::MAX);
        while wanted > 0 {
            let mut chunk = self.chunk(wanted, blocker)?;
            if chunk.is_empty() {
                break;
            }
            let newline = chunk.iter().position(|byte| *byte == b'\n');
            if let Some(at) = newline {
                self.give_back(chunk.split_off(at + 1));
            }
            wanted -= chunk.len();
            chunks.push(chunk);
            if newline.is_some() {
                break;
            }
        }
        Ok(chunks)
    }

    /// The next piece as it arrived, `max` bytes at most; empty at the end.
    fn chunk(&mut self, max: usize, blocker: &dyn Blocker) -> io::Result<Bytes> {
        if !self.pending.is_empty() {
            let at = self.pending.len().min(max);
            return Ok(self.pending.split_to(at));
        }
        let max = self.remaining.map_or(max, |left| max.min(usize::try_from(left).unwrap_or(usize::MAX)));
        if max == 0 {
            return Ok(Bytes::new());
        }
        loop {
            match self.request.body().take(max)? {
                Taken::Data(data) => {
                    if let Some(left) = &mut self.remaining {
                        *left -= data.len() as u64;
                    }
                    return Ok(data);
                }
                Taken::Nothing => self.request.link().wait_for_input(&self.request, blocker),
                Taken::End => return Ok(Bytes::new()),
                Taken::Broken => {
                    let text = "the web server went away before the request body was complete";
                    return Err(io::Error::new(io::ErrorKind::ConnectionReset, text));
                }
            }
        }
    }

    fn give_back(&mut self, rest: Bytes) {
        if !rest.is_empty() {
            self.pending = if self.pending.is_empty() {
                rest
            } else {
                [rest, std::mem::take(&mut self.pending)].concat().into()
            };
        }
    }
}
