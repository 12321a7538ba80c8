//! Answers that lie in files: the kernel takes them to the socket, between record headers of ours.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use fcgi_proto::encode::{self, StreamChunk};
use fcgi_proto::{RecordType, RequestKey};

use super::Connection;
use crate::app::{Blocker, FilePart, Link, LinkGone};
use crate::messages::Code;
use crate::os::{file, socket};

impl Connection {
    /// Sends a part of a file as STDOUT, record by record, so that others on the connection are not kept waiting for all of it.
    pub(super) fn send_file(
        &self,
        key: RequestKey,
        part: FilePart,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        let length = usize::try_from(part.length).unwrap_or(usize::MAX);
        for record in encode::stream_records(RecordType::STDOUT, key.id(), length) {
            let writing = self.output(blocker);
            if !self.can_write(key) {
                return Err(LinkGone);
            }
            if self.input().is_given_up(key) {
                drop(writing);
                return self.stdout(key, &[], false, blocker);
            }
            self.write_waiting(blocker)?;
            self.send_file_record(part, &record, blocker)?;
            drop(writing);
            self.flush_outbox();
        }
        Ok(())
    }

    /// Sends one record, with `output` held by the caller.
    fn send_file_record(
        &self,
        part: FilePart,
        record: &StreamChunk,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        self.write_all(&mut [IoSlice::new(&record.header)], true, blocker)?;
        let (mut at, end) =
            (part.offset + record.content.start as u64, part.offset + record.content.end as u64);
        while at < end {
            let left = usize::try_from(end - at).unwrap_or(usize::MAX);
            let mut sent = Ok(0);
            // The file may have to be read from a disk.
            blocker.block(&mut || sent = socket::send_file(self.fd.as_fd(), part.fd, at, left));
            match sent {
                Ok(0) => {
                    tracing::warn!(
                        code = %Code::FILE_CHANGED,
                        peer = self.peer_name(),
                        "a file became shorter while it was being sent"
                    );
                    return Err(self.gone());
                }
                Ok(sent) => at += sent as u64,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.wait_to_write(blocker)?,
                // A file system that cannot do it.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    at += self.copy(part, at, left, blocker)?;
                }
                Err(_) => return Err(self.gone()),
            }
        }
        self.write_all(&mut [IoSlice::new(&encode::PADDING[..record.padding])], false, blocker)
    }

    /// Sends what the kernel cannot take to the socket by itself; gives the number of bytes.
    fn copy(&self, part: FilePart, at: u64, most: usize, blocker: &dyn Blocker) -> Result<u64, LinkGone> {
        let mut buffer = vec![0; most];
        let mut got = Ok(0);
        blocker.block(&mut || got = file::read_at(part.fd, &mut buffer, at));
        match got {
            Ok(got @ 1..) => {
                self.write_all(&mut [IoSlice::new(&buffer[..got])], false, blocker)?;
                Ok(got as u64)
            }
            _ => Err(self.gone()),
        }
    }
}
