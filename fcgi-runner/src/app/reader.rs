//! The application's reading end of a body: sizes respected, never beyond its announced length.
//!
//! It gives out the buffers that the socket filled, not copies. A filter is told when it was sent less than was announced;
//! other roles read to the end of what there is. Sources: PEP 3333 "Input and Error Streams", FastCGI 1.0 sections 6.2 and 6.4.

use std::io;
use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};

use super::{Blocker, Body, Request, Taken};

/// Reads one of a request's bodies.
#[derive(Debug)]
pub struct BodyReader {
    request: Arc<Request>,
    /// It is the file of a filter, not the body.
    of_data: bool,
    /// What was taken from the body but not yet given out.
    pending: Bytes,
    /// Bytes until the end of the body.
    remaining: u64,
}

impl BodyReader {
    /// Opens the body of a request.
    pub fn new(request: Arc<Request>) -> Self {
        let remaining = request.content_length().unwrap_or(0);
        Self { request, of_data: false, pending: Bytes::new(), remaining }
    }

    /// Opens the file that a filter works on; for other roles it is empty.
    pub fn of_data(request: Arc<Request>) -> Self {
        let remaining = request.data().and_then(Body::length).unwrap_or(0);
        Self { request, of_data: true, pending: Bytes::new(), remaining }
    }

    /// Reads `size` bytes, or all there are when `size` is `None`; fewer only at the end.
    ///
    /// # Errors
    /// When the web server goes away in the middle of the body, or sends a filter less than it has announced, or a spooled body
    /// cannot be read back; `Interrupted` when a signal handler of the application has raised.
    pub fn read(&mut self, size: Option<usize>, blocker: &dyn Blocker) -> io::Result<Vec<Bytes>> {
        let mut chunks = Vec::new();
        let mut wanted = size.unwrap_or(usize::MAX);
        while wanted > 0 && self.fill_beside(&chunks, blocker)? {
            let at = self.pending.len().min(wanted);
            wanted -= at;
            chunks.push(self.pending.split_to(at));
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
        while wanted > 0 && self.fill_beside(&chunks, blocker)? {
            let window = &self.pending[..self.pending.len().min(wanted)];
            let newline = window.iter().position(|byte| *byte == b'\n');
            let at = newline.map_or(window.len(), |newline| newline + 1);
            wanted -= at;
            chunks.push(self.pending.split_to(at));
            if newline.is_some() {
                break;
            }
        }
        Ok(chunks)
    }

    /// Bytes until the end of the body, as far as it is known.
    pub fn left(&self) -> u64 {
        self.remaining + self.pending.len() as u64
    }

    /// Fills a room, which is no longer than what is [left](BodyReader::left); less only at the end. Where that fails, what is in
    /// the room was read all the same.
    ///
    /// # Errors
    /// As for [`BodyReader::read`].
    pub fn read_into(&mut self, room: &mut dyn BufMut, blocker: &dyn Blocker) -> io::Result<()> {
        while room.has_remaining_mut() && self.fill(room, blocker)? {
            let at = self.pending.len().min(room.remaining_mut());
            room.put_slice(&self.pending.split_to(at));
        }
        Ok(())
    }

    /// Takes back what was read, so that it is read again.
    pub fn take_back(&mut self, mut read: BytesMut) {
        read.extend_from_slice(&self.pending);
        self.pending = read.freeze();
    }

    /// As [`BodyReader::fill`], without a room. What was `taken` before is not lost when a signal handler of the application
    /// interrupts the reading.
    fn fill_beside(&mut self, taken: &[Bytes], blocker: &dyn Blocker) -> io::Result<bool> {
        let result = self.fill(&mut &mut [0; 0][..], blocker);
        if result.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::Interrupted) {
            self.take_back(taken.concat()[..].into());
        }
        result
    }

    /// Gets the next piece as it arrived, unless there is one, or has some of it put into the room; `false` at the end.
    fn fill(&mut self, room: &mut dyn BufMut, blocker: &dyn Blocker) -> io::Result<bool> {
        while self.pending.is_empty() {
            let max = usize::try_from(self.remaining).unwrap_or(usize::MAX);
            if max == 0 {
                return Ok(false);
            }
            let body = match self.request.data() {
                Some(data) if self.of_data => data,
                _ => self.request.body(),
            };
            match body.take(max)? {
                Taken::Data(data) => {
                    self.remaining -= data.len() as u64;
                    self.pending = data;
                }
                Taken::Nothing => {
                    let before = room.remaining_mut();
                    self.request.wait_for_input(body, room, blocker);
                    let put = before - room.remaining_mut();
                    self.remaining -= put as u64;
                    if blocker.is_interrupted() {
                        return Err(io::ErrorKind::Interrupted.into());
                    }
                    if put > 0 {
                        return Ok(true);
                    }
                }
                Taken::End if self.request.data().is_some() => {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, SHORT));
                }
                Taken::End => return Ok(false),
                Taken::Broken => return Err(io::Error::new(io::ErrorKind::ConnectionReset, BROKEN)),
            }
        }
        Ok(true)
    }
}

/// What an application reads in its traceback.
const BROKEN: &str = "the web server went away, or the request was over, before its body was complete";

/// What a filter reads in its traceback. The loop above has counted: something is still missing.
const SHORT: &str = "the web server has sent less than it announced";
