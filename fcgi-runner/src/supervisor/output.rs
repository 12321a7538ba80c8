//! What workers print: read from pipes, cut into lines, and given on with the process id of who has printed it.
//!
//! A worker that prints faster than the master writes waits, as it would for a slow disk. What a process leaves behind when it
//! is killed is still read.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, ErrorKind, Read};

use super::Master;
use super::policy::WorkerId;
use crate::os::poller::Token;
use crate::os::stdio::Streams;

/// One of the two streams of a process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Stream {
    Out,
    Err,
}

/// Takes a line, without its end, with the id of the process.
pub type Record<'m> = &'m dyn Fn(Stream, u32, &[u8]);

/// The reading ends of all pipes.
#[derive(Default)]
pub(super) struct Outlets {
    open: BTreeMap<Token, Outlet>,
    opened: usize,
}

struct Outlet {
    pipe: File,
    stream: Stream,
    worker: WorkerId,
    /// Unknown until the worker has been forked.
    pid: Option<u32>,
    /// The beginning of a line.
    pending: Vec<u8>,
}

impl Master<'_> {
    /// Opens the pipes of a worker, if there is somebody to take what it prints.
    pub(super) fn open_outlets(&mut self, worker: WorkerId) -> io::Result<Option<Streams>> {
        if self.job.record.is_none() {
            return Ok(None);
        }
        let (readers, streams) = Streams::open()?;
        for (pipe, stream) in readers.map(File::from).into_iter().zip([Stream::Out, Stream::Err]) {
            let token = OUTLET + self.outlets.opened;
            self.outlets.opened += 1;
            self.poller.watch(&pipe, token)?;
            self.outlets.open.insert(token, Outlet { pipe, stream, worker, pid: None, pending: Vec::new() });
        }
        Ok(Some(streams))
    }

    /// Remembers who a worker was: its children may go on printing.
    pub(super) fn name_outlets(&mut self, worker: WorkerId, pid: Option<i32>) {
        let pid = pid.map(i32::cast_unsigned);
        for outlet in self.outlets.open.values_mut().filter(|outlet| outlet.worker == worker) {
            outlet.pid = outlet.pid.or(pid);
        }
    }

    /// Reads once from a pipe, so that no worker keeps the master from its other work.
    pub(super) fn read_outlet(&mut self, token: Token) {
        let Some(outlet) = self.outlets.open.get_mut(&token) else { return };
        if outlet.pid.is_none() {
            let process = self.workers.get(&outlet.worker).and_then(|child| child.process);
            outlet.pid = process.map(|process| process.0.cast_unsigned());
        }
        if outlet.read(self.job.record) == Found::End {
            let _ = self.poller.forget(&outlet.pipe);
            self.outlets.open.remove(&token);
        }
    }

    /// Reads what is left when all workers have ended; nobody waits for their children.
    pub(super) fn drain_outlets(&mut self) {
        for outlet in self.outlets.open.values_mut() {
            for _ in 0..LAST_READS {
                if outlet.read(self.job.record) != Found::Text {
                    break;
                }
            }
            outlet.finish(self.job.record);
        }
        self.outlets.open.clear();
    }
}

/// What a look into a pipe came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Found {
    Text,
    /// Nothing now.
    Nothing,
    /// Nobody can print into it any more.
    End,
}

impl Outlet {
    fn read(&mut self, record: Option<Record<'_>>) -> Found {
        let mut room = [0; READ];
        match self.pipe.read(&mut room) {
            Ok(length @ 1..) => {
                self.take(room.get(..length).unwrap_or_default(), record);
                Found::Text
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                Found::Nothing
            }
            Ok(0) | Err(_) => {
                self.finish(record);
                Found::End
            }
        }
    }

    fn take(&mut self, bytes: &[u8], record: Option<Record<'_>>) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(&rest[..end]);
            self.give(record);
            rest = &rest[end + 1..];
        }
        self.pending.extend_from_slice(rest);
        if self.pending.len() >= LONGEST_LINE {
            self.give(record);
        }
    }

    fn finish(&mut self, record: Option<Record<'_>>) {
        if !self.pending.is_empty() {
            self.give(record);
        }
    }

    fn give(&mut self, record: Option<Record<'_>>) {
        if let Some(record) = record {
            record(self.stream, self.pid.unwrap_or_default(), &self.pending);
        }
        self.pending.clear();
    }
}

/// Tokens above those of nurseries.
pub(super) const OUTLET: Token = 1 << 42;

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// Longer lines are given in pieces.
const LONGEST_LINE: usize = 64 * 1024;

/// Reads from each pipe at the end.
const LAST_READS: usize = 256;
