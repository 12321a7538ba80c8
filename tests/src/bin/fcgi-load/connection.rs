//! A connection, and the requests that are under way on it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Write};
use std::thread;
use std::time::Instant;

use fcgi_tests::Answer;
use fcgi_tests::record::Record;

use crate::errand::Errand;
use crate::options::Options;

/// A connection.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: BufReader<File>,
    open: BTreeMap<u16, UnderWay>,
    next_id: u16,
}

/// A request that was sent, and what has come of its answer.
#[derive(Debug)]
pub(crate) struct UnderWay {
    pub(crate) errand: Errand,
    pub(crate) since: Instant,
    answer: Answer,
}

impl UnderWay {
    /// Whether anything was answered.
    pub(crate) fn is_begun(&self) -> bool {
        self.answer != Answer::default()
    }
}

impl Connection {
    /// Opens one.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn open(options: &Options) -> io::Result<Self> {
        let stream = BufReader::with_capacity(READ, File::from(options.address.open()?));
        Ok(Self { stream, open: BTreeMap::new(), next_id: 1 })
    }

    /// Requests that are under way.
    pub(crate) fn load(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn is_busy(&self) -> bool {
        !self.open.is_empty()
    }

    /// Sends a request, which is under way then, sent as a whole or not.
    ///
    /// # Errors
    /// When the peer takes no more.
    pub(crate) fn send(&mut self, errand: Errand, options: &Options) -> io::Result<()> {
        let id = self.free_id();
        let bytes = errand.request(id, options.keep).bytes();
        self.open.insert(id, UnderWay { errand, since: Instant::now(), answer: Answer::default() });
        let Some(pause) = options.pause else { return self.stream.get_mut().write_all(&bytes) };
        for piece in bytes.chunks(bytes.len().div_ceil(PIECES)) {
            self.stream.get_mut().write_all(piece)?;
            thread::sleep(pause);
        }
        Ok(())
    }

    /// Waits for the next answer that is whole.
    ///
    /// # Errors
    /// When the connection ends before, nothing comes for too long, or what comes belongs to no request.
    pub(crate) fn receive(&mut self, options: &Options) -> io::Result<(Errand, Instant, Answer)> {
        loop {
            let record = Record::read(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            let id = record.id;
            let stray = || io::Error::other(format!("a record for request {id}, which is not under way"));
            let under_way = self.open.get_mut(&id).ok_or_else(stray)?;
            under_way.answer.take(record);
            if under_way.answer.end.is_some() {
                let UnderWay { errand, since, answer } = self.open.remove(&id).ok_or_else(stray)?;
                return Ok((errand, since, answer));
            }
            if let Some(pause) = options.pause {
                thread::sleep(pause);
            }
        }
    }

    /// What is still under way.
    pub(crate) fn leave(self) -> impl Iterator<Item = UnderWay> {
        self.open.into_values()
    }

    /// An id that is not in use; they are used in turn, so that a late record of an old request is noticed.
    fn free_id(&mut self) -> u16 {
        while self.open.contains_key(&self.next_id) {
            self.next_id = self.next_id % IDS + 1;
        }
        let id = self.next_id;
        self.next_id = id % IDS + 1;
        id
    }
}

/// Of a request, when it is sent slowly.
const PIECES: usize = 8;

/// Ids in use, one after the other.
const IDS: u16 = 1000;

/// Bytes asked of the kernel at once.
const READ: usize = 32 * 1024;
