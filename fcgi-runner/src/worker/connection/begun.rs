//! Connections that change hands: what was read of a request that is not whole goes along, and is read again elsewhere.
//!
//! A worker cannot know at the first half of a request whether it will be busy when the second comes. So what is read of a
//! request is noted until it is whole, up to a limit; what comes whole in one piece, as nearly all requests do, costs nothing.

use std::sync::TryLockError;
use std::time::Instant;

use fcgi_proto::RecordType;

use super::{Connection, Input, Passing, Stage};
use crate::os::handoff::{Handoff, Luggage};
use std::os::fd::AsFd;

impl Connection {
    /// Gives the connection to a sibling if no request of it is being served, so that nothing can be lost; any thread may do
    /// it.
    ///
    /// Only a connection that was passed on has to be closed here; otherwise it is as it was.
    pub(in crate::worker) fn pass_on(&self, handoff: &Handoff) -> Passing {
        let _writing = match self.output.try_lock() {
            Ok(writing) => writing,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return Passing::Later,
        };
        let mut input = self.input();
        if !input.passed
            && let Some(luggage) = input.luggage()
        {
            input.passed = handoff.give(self.as_fd(), &luggage);
        }
        if input.passed { Passing::Done } else { Passing::Refused }
    }

    /// Takes over what another process has read of it.
    pub(in crate::worker) fn unpack(&self, luggage: Luggage) {
        let mut input = self.input();
        let Luggage { begun, head_since, waits_since } = luggage;
        input.head_since = head_since;
        if !begun.is_empty() {
            input.buffer.extend_from_slice(&begun);
            let got = begun.len();
            input.begun = Some(begun);
            input.take(got, &|| self.peer_name());
            self.drain(&mut input);
        }
        input.waits_since = waits_since;
    }

    /// Notes that input has waited to be read since `now`, unless it is known that it has for longer.
    pub(in crate::worker) fn note_waiting(&self, now: Instant) {
        self.input().waits_since.get_or_insert(now);
    }
}

impl Input {
    /// What has to go along when the connection is passed on; `None` when it has to stay.
    fn luggage(&mut self) -> Option<Luggage> {
        let (head_since, waits_since) = (self.head_since, self.waits_since);
        if self.is_untouched() {
            return Some(Luggage { begun: Vec::new(), head_since: None, waits_since });
        }
        let arriving = self.requests.iter().all(|active| active.stage == Stage::Arriving && !active.given_up);
        let begun = self.begun.clone().filter(|begun| !begun.is_empty() && arriving && self.is_quiet())?;
        Some(Luggage { begun, head_since, waits_since })
    }

    /// Before a read: begins to note where a request may begin.
    pub(super) fn begin_note(&mut self, wanted: bool) {
        if wanted && self.is_untouched() && !self.protocol.is_draining() {
            self.begun = Some(Vec::new());
        }
    }

    /// Notes the last `got` bytes of the buffer, before they are taken from there.
    pub(super) fn note(&mut self, got: usize) {
        let Some(begun) = &mut self.begun else { return };
        let new = &self.buffer[self.buffer.len() - got..];
        if begun.is_empty() && is_end_of_stdin(new) || begun.len() + got > MOST {
            self.begun = None;
        } else {
            begun.extend_from_slice(new);
        }
    }

    /// After a read: a request that is handed to the application is this process's own.
    pub(super) fn end_note(&mut self) {
        if !self.ready.is_empty() {
            self.begun = None;
        }
    }
}

/// Whether the bytes end as a request does that came in one piece: with an empty record of STDIN, without padding. Where that
/// is a coincidence, the connection stays until its request has been served.
fn is_end_of_stdin(bytes: &[u8]) -> bool {
    bytes.last_chunk::<8>().is_some_and(|header| {
        let [version, kind, _, _, high, low, padding, _] = *header;
        version == 1 && kind == RecordType::STDIN.0 && high == 0 && low == 0 && padding == 0
    })
}

/// Most bytes that are noted of a request: more than the usual `requestbuffer` and a head.
const MOST: usize = 96 * 1024;
