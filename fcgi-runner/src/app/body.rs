//! What a request carries: STDIN, or the DATA of a filter, on its way from the socket to the application.
//!
//! The side of the socket pushes, the side of the application takes. Up to [`MEMORY`] bytes wait in memory as the very
//! buffers that the socket filled; what comes beyond that, because the application is not reading while the web server
//! must be read from, goes to an unlinked temporary file.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;

use crate::cgi::environ::ContentLength;

/// Bytes of a body that may wait in memory.
const MEMORY: usize = 256 * 1024;

/// A body with its two ends.
#[derive(Debug, Default)]
pub struct Body {
    announced: ContentLength,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Bytes in `chunks`.
    held: usize,
    /// Bytes that came after those in `chunks`, in a file.
    spool: Option<Spool>,
    received: u64,
    ended: bool,
    broken: bool,
    /// Threads in [`Body::wait`].
    waiting: usize,
}

#[derive(Debug)]
struct Spool {
    file: File,
    written: u64,
    read: u64,
}

/// What a take came to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Taken {
    Data(Bytes),
    /// Nothing has arrived yet.
    Nothing,
    /// All was taken.
    End,
    /// The peer went away in the middle.
    Broken,
}

impl Body {
    /// Begins with nothing arrived, and with what was said about its length.
    pub fn new(announced: ContentLength) -> Self {
        Self { announced, ..Self::default() }
    }

    /// The length as it was announced.
    pub fn announced(&self) -> ContentLength {
        self.announced
    }

    /// The length as announced, or as counted where all has come without announcement.
    pub fn length(&self) -> Option<u64> {
        if let ContentLength::Known(length) = self.announced {
            return Some(length);
        }
        let state = self.lock();
        state.ended.then_some(state.received)
    }

    /// Whether it has ended before all that was announced had come.
    pub fn is_short(&self) -> bool {
        let state = self.lock();
        state.ended && matches!(self.announced, ContentLength::Known(length) if state.received < length)
    }

    /// Adds bytes that arrived.
    ///
    /// # Errors
    /// When the temporary file cannot be written (a full disk); the body is broken then.
    pub fn push(&self, data: Bytes) -> io::Result<()> {
        let mut state = self.lock();
        if data.is_empty() || state.ended || state.broken {
            return Ok(());
        }
        state.received += data.len() as u64;
        let result = if state.spool.is_none() && state.held + data.len() <= MEMORY.max(data.len()) {
            state.held += data.len();
            state.chunks.push_back(data);
            Ok(())
        } else {
            state.spool(&data)
        };
        state.broken |= result.is_err();
        self.wake(&state);
        result
    }

    /// Bytes that were announced and have not arrived.
    pub fn outstanding(&self) -> usize {
        let ContentLength::Known(length) = self.announced else { return 0 };
        usize::try_from(length.saturating_sub(self.received())).unwrap_or(usize::MAX)
    }

    /// Notes bytes that the application has been given without them coming by here.
    pub fn note_passed_by(&self, bytes: usize) {
        self.lock().received += bytes as u64;
    }

    /// Says that all has arrived.
    pub fn end(&self) {
        let mut state = self.lock();
        state.ended = true;
        self.wake(&state);
    }

    /// Says that the rest will never arrive.
    pub fn break_off(&self) {
        let mut state = self.lock();
        state.broken |= !state.ended;
        self.wake(&state);
    }

    /// Takes up to `max` bytes.
    ///
    /// # Errors
    /// When the temporary file cannot be read.
    pub fn take(&self, max: usize) -> io::Result<Taken> {
        let mut state = self.lock();
        if let Some(mut chunk) = state.chunks.pop_front() {
            if chunk.len() > max {
                let rest = chunk.split_off(max);
                state.chunks.push_front(rest);
            }
            state.held -= chunk.len();
            return Ok(Taken::Data(chunk));
        }
        if let Some(data) = state.unspool(max)? {
            return Ok(Taken::Data(data));
        }
        Ok(if state.broken {
            Taken::Broken
        } else if state.ended {
            Taken::End
        } else {
            Taken::Nothing
        })
    }

    /// All of it, where it has come to its end and nothing was taken yet; not where a part of it lies in a file.
    pub fn whole(&self) -> Option<Vec<Bytes>> {
        let state = self.lock();
        let is_whole =
            state.ended && !state.broken && state.spool.is_none() && state.held as u64 == state.received;
        is_whole.then(|| state.chunks.iter().cloned().collect())
    }

    /// Says that a thread is going to wait for this body; for bodies that another thread pushes to.
    pub fn await_news(&self) -> Awaited<'_> {
        self.lock().waiting += 1;
        Awaited { body: self }
    }

    /// Whether a thread waits for this body, and with reason.
    pub fn is_awaited(&self) -> bool {
        let state = self.lock();
        state.waiting > 0 && !state.has_news()
    }

    /// Whether a take would give something, or the end.
    pub fn has_news(&self) -> bool {
        self.lock().has_news()
    }

    /// Bytes that have arrived so far, taken or not.
    pub fn received(&self) -> u64 {
        self.lock().received
    }

    /// Whether all has arrived.
    pub fn is_ended(&self) -> bool {
        self.lock().ended
    }

    /// Whether more should not be read from the socket before some of this is taken.
    pub fn is_full(&self) -> bool {
        let state = self.lock();
        state.held >= MEMORY || state.spool.is_some()
    }

    /// Wakes those who wait; a system call, so not for nobody.
    fn wake(&self, state: &State) {
        if state.waiting > 0 {
            self.arrived.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread's wish for more of a body.
#[derive(Debug)]
pub struct Awaited<'b> {
    body: &'b Body,
}

impl Awaited<'_> {
    /// Waits until something is there to take, or the end; `false` when nothing has come within the limit.
    pub fn wait(self, limit: Duration) -> bool {
        let nothing = |state: &mut State| !state.has_news();
        let waited = self.body.arrived.wait_timeout_while(self.body.lock(), limit, nothing);
        // The lock is let go of here, before this wish is taken back.
        let timed_out = waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        !timed_out
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.body.lock().waiting -= 1;
    }
}

impl State {
    fn has_news(&self) -> bool {
        !self.chunks.is_empty() || self.spool.is_some() || self.ended || self.broken
    }

    fn spool(&mut self, data: &[u8]) -> io::Result<()> {
        if self.spool.is_none() {
            self.spool = Some(Spool { file: tempfile::tempfile()?, written: 0, read: 0 });
        }
        if let Some(spool) = &mut self.spool {
            spool.file.write_all_at(data, spool.written)?;
            spool.written += data.len() as u64;
        }
        Ok(())
    }

    fn unspool(&mut self, max: usize) -> io::Result<Option<Bytes>> {
        let Some(spool) = &mut self.spool else { return Ok(None) };
        let left = spool.written - spool.read;
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(max).min(MEMORY);
        let mut data = vec![0; size];
        spool.file.read_exact_at(&mut data, spool.read)?;
        spool.read += size as u64;
        if spool.read == spool.written {
            self.spool = None;
        }
        Ok(Some(data.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take_all(body: &Body, max: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while let Taken::Data(data) = body.take(max).unwrap() {
            assert!(data.len() <= max && !data.is_empty());
            all.extend_from_slice(&data);
        }
        all
    }

    #[test]
    fn waits_no_longer_than_asked_and_not_at_all_for_what_is_there() {
        let body = Body::default();
        assert!(!body.has_news());
        assert!(!body.await_news().wait(Duration::from_millis(1)));
        body.push(Bytes::from_static(b"x")).unwrap();
        assert!(body.has_news());
        assert!(body.await_news().wait(Duration::ZERO));
    }

    #[test]
    fn gives_back_what_came_in_order_whatever_the_sizes() {
        let body = Body::default();
        body.push(Bytes::from_static(b"hello ")).unwrap();
        body.push(Bytes::from_static(b"world")).unwrap();
        assert_eq!(take_all(&body, 4), b"hello world");
        assert_eq!(body.take(1).unwrap(), Taken::Nothing);
        body.end();
        assert_eq!(body.take(1).unwrap(), Taken::End);
        assert_eq!(body.received(), 11);
    }

    #[test]
    fn spills_to_a_file_and_comes_back_to_memory() {
        let body = Body::default();
        let sent: Vec<u8> = (0..MEMORY * 3).map(|at| u8::try_from(at % 251).unwrap()).collect();
        for chunk in sent.chunks(60_000) {
            body.push(Bytes::copy_from_slice(chunk)).unwrap();
        }
        assert!(body.is_full());
        assert!(take_all(&body, 70_000) == sent);
        assert!(!body.is_full());
        body.push(Bytes::from_static(b"tail")).unwrap();
        body.end();
        assert_eq!(take_all(&body, 10), b"tail");
        assert_eq!(body.take(10).unwrap(), Taken::End);
    }

    #[test]
    fn a_broken_body_gives_what_came_and_then_says_so() {
        let body = Body::default();
        body.push(Bytes::from_static(b"part")).unwrap();
        body.break_off();
        assert_eq!(take_all(&body, 10), b"part");
        assert_eq!(body.take(1).unwrap(), Taken::Broken);
    }

    #[test]
    fn the_end_cannot_be_broken() {
        let body = Body::default();
        body.end();
        body.break_off();
        assert_eq!(body.take(1).unwrap(), Taken::End);
    }

    #[test]
    fn a_waiting_reader_is_woken() {
        let body = std::sync::Arc::new(Body::default());
        let reader = std::thread::spawn({
            let body = body.clone();
            move || {
                assert!(body.await_news().wait(Duration::from_secs(60)));
                body.take(10).unwrap()
            }
        });
        body.push(Bytes::from_static(b"x")).unwrap();
        assert_eq!(reader.join().unwrap(), Taken::Data(Bytes::from_static(b"x")));
        assert!(!body.is_awaited());
    }

    #[test]
    fn a_body_is_awaited_by_those_for_whom_there_is_nothing() {
        let body = Body::default();
        assert!(!body.is_awaited());
        let awaited = body.await_news();
        assert!(body.is_awaited());
        body.push(Bytes::from_static(b"x")).unwrap();
        assert!(!body.is_awaited());
        assert!(awaited.wait(Duration::from_secs(60)));
        take_all(&body, 1);
        assert!(!body.is_awaited());
    }

    #[test]
    fn its_length_is_announced_or_counted() {
        let (counted, announced) = (Body::default(), Body::new(ContentLength::Known(9)));
        for body in [&counted, &announced] {
            body.push(Bytes::from_static(b"hello")).unwrap();
            assert!(!body.is_short());
        }
        assert_eq!((counted.length(), announced.length()), (None, Some(9)));
        for body in [&counted, &announced] {
            body.end();
        }
        assert_eq!((counted.length(), announced.length()), (Some(5), Some(9)));
        assert!(announced.is_short() && !counted.is_short());
    }
}
