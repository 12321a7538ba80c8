//! What leaves before the next record of an answer: what the protocol itself has to say, which is answers to management records
//! and to requests that were turned away, and what an application is ahead.
//!
//! While an answer fills the socket it waits for the thread that writes it; a peer that does not read and asks for ever more is
//! closed. A record of which a part has left is always the next to go on.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;

use bytes::{Buf, Bytes};

use super::ahead::Blocks;
use super::input::DEAF;
use super::{Connection, Input};
use crate::app::{Blocker, LinkGone};
use crate::messages::Code;
use crate::os::socket;

/// All that has to leave before the next record of an answer.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    pub(super) ahead: Blocks,
    outbox: Vec<Bytes>,
}

impl Waiting {
    pub(super) fn is_empty(&self) -> bool {
        self.ahead.is_empty() && self.outbox.is_empty()
    }

    /// The bytes in the order in which they leave.
    pub(super) fn slices(&self) -> impl Iterator<Item = IoSlice<'_>> {
        let (first, last) =
            if self.ahead.is_cut() { (self.ahead.rest(), &[][..]) } else { (&[][..], self.ahead.rest()) };
        let outbox = self.outbox.iter().map(|piece| &piece[..]);
        let all = [first].into_iter().chain(outbox).chain([last]);
        all.filter(|piece| !piece.is_empty()).map(IoSlice::new)
    }

    /// Takes off what has left.
    fn advance(&mut self, mut sent: usize) {
        if self.ahead.is_cut() {
            sent -= self.ahead.advance(sent);
        }
        self.outbox.retain_mut(|piece| {
            let gone = sent.min(piece.len());
            sent -= gone;
            piece.advance(gone);
            !piece.is_empty()
        });
        self.ahead.advance(sent);
    }
}

impl Input {
    /// Takes what leaves before anything else; with `output` held by the caller, who writes it.
    pub(super) fn take_waiting(&mut self) -> Waiting {
        self.outbox_size = 0;
        Waiting { ahead: self.take_ahead(), outbox: std::mem::take(&mut self.outbox) }
    }

    /// Puts back what could not leave, before everything that has come since.
    fn put_back(&mut self, waiting: Waiting) {
        self.outbox_size += waiting.outbox.iter().map(Bytes::len).sum::<usize>();
        self.outbox.splice(0..0, waiting.outbox);
        self.put_back_ahead(waiting.ahead);
    }

    /// Has bytes leave after all that is there already.
    pub(super) fn post(&mut self, piece: Bytes) {
        self.outbox_size += piece.len();
        self.outbox.push(piece);
    }

    /// Has what is left of an answer that has ended leave, before the rest if a record of it has left in part.
    pub(super) fn post_blocks(&mut self, blocks: Blocks) {
        let (at, rest) = (if blocks.is_cut() { 0 } else { self.outbox.len() }, blocks.into_rest());
        self.outbox_size += rest.len();
        self.outbox.insert(at, rest);
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
            match self.send_waiting() {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return self.keep_for_later(),
                Err(_) => {
                    self.gone();
                    return;
                }
            }
        }
    }

    /// Sends it before records of an answer, with `output` held by the caller.
    pub(super) fn write_waiting(&self, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        let waiting = self.input().take_waiting();
        if waiting.is_empty() {
            return Ok(());
        }
        let mut slices: Vec<_> = waiting.slices().collect();
        self.write_all(&mut slices, false, blocker)
    }

    /// Sends as much of it as the socket takes, with `output` held by the caller.
    pub(super) fn send_waiting(&self) -> io::Result<()> {
        let mut waiting = self.input().take_waiting();
        let mut result = Ok(());
        while result.is_ok() && !waiting.is_empty() {
            let slices: Vec<_> = waiting.slices().collect();
            result = socket::send(self.fd.as_fd(), &slices, false).map(|sent| waiting.advance(sent));
        }
        self.input().put_back(waiting);
        result
    }

    /// The end of another request takes it along; where there is none, the peer reads nothing and gets no more.
    fn keep_for_later(&self) {
        if !self.input().requests.is_empty() {
            return;
        }
        tracing::warn!(code = %Code::DEAF_PEER, peer = self.peer_name(), "{DEAF}");
        self.gone();
    }
}
