//! What the protocol itself has to say: answers to management records, and to requests that were turned away.
//!
//! It leaves between the records of answers. While an answer fills the socket it waits for the thread that writes it; a peer
//! that does not read and asks for ever more is closed.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};

use super::input::DEAF;
use super::{Connection, Input};
use crate::app::{Blocker, LinkGone};
use crate::messages::Code;
use crate::os::socket;

impl Input {
    /// Takes the bytes for the peer that have to wait for the writer.
    pub(super) fn take_outbox(&mut self) -> Vec<Bytes> {
        self.outbox_size = 0;
        std::mem::take(&mut self.outbox)
    }

    /// Puts back what could not leave, before everything that has come since.
    pub(super) fn put_back(&mut self, pieces: Vec<Bytes>) {
        self.outbox_size += pieces.iter().map(Bytes::len).sum::<usize>();
        self.outbox.splice(0..0, pieces);
    }

    pub(super) fn has_outbox(&self) -> bool {
        !self.outbox.is_empty()
    }
}

impl Connection {
    /// Sends it now, unless somebody is writing: that one sends it then.
    pub(super) fn flush_outbox(&self) {
        while self.input().has_outbox() {
            let Ok(_writing) = self.output.try_lock() else { return };
            let mut input = self.input();
            if input.is_within_record() {
                // The courier comes back.
                return;
            }
            let mut pieces = input.take_outbox();
            drop(input);
            match self.send_at_once(&mut pieces) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return self.keep_for_later(pieces);
                }
                Err(_) => {
                    self.gone();
                    return;
                }
            }
        }
    }

    /// Sends it before records of an answer, and before it what the application is ahead, with `output` held by the caller: a part
    /// of either may have left.
    pub(super) fn write_waiting(&self, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        let mut input = self.input();
        let (ahead, pieces) = (input.take_ahead(), input.take_outbox());
        drop(input);
        if ahead.is_empty() && pieces.is_empty() {
            return Ok(());
        }
        let mut slices = vec![IoSlice::new(ahead.rest())];
        slices.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
        self.write_all(&mut slices, false, blocker)
    }

    /// Sends as much as the socket takes; what is left stays in the list.
    fn send_at_once(&self, pieces: &mut Vec<Bytes>) -> io::Result<()> {
        while !pieces.is_empty() {
            let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
            let mut sent = socket::send(self.fd.as_fd(), &slices, false)?;
            pieces.retain_mut(|piece| {
                let gone = sent.min(piece.len());
                sent -= gone;
                piece.advance(gone);
                !piece.is_empty()
            });
        }
        Ok(())
    }

    /// The end of a request that runs takes it along; where none does, the peer reads nothing and gets no more.
    fn keep_for_later(&self, pieces: Vec<Bytes>) {
        let mut input = self.input();
        if input.is_running() {
            input.put_back(pieces);
            return;
        }
        drop(input);
        tracing::warn!(code = %Code::DEAF_PEER, peer = self.peer_name(), "{DEAF}");
        self.gone();
    }
}
