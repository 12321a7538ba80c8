//! Connections that change hands: what was read of a request that is not whole goes along, and is read again elsewhere.
//!
//! A worker cannot know at the first half of a request whether it will be busy when the second comes. So what is read of a
//! request is noted until it is whole, up to a limit; what comes whole in one piece, as nearly all requests do, costs nothing.
//! Requests that are whole, and with which no thread can begin any more, are written down anew.

use std::os::fd::AsFd;
use std::sync::{Arc, TryLockError};
use std::time::Instant;

use bytes::BytesMut;
use fcgi_proto::{BeginRequest, Flags, RecordType, Role, encode};

use super::{Connection, Input, Passing, Stage};
use crate::app::{Body, Request};
use crate::os::handoff::{Handoff, Luggage};

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

    /// Whether [`Connection::pass_on`] would find nothing against it, but for the end of an answer that is on its way.
    pub(in crate::worker) fn could_be_passed_on(&self) -> bool {
        self.input().can_leave()
    }

    /// Gives the connection to a sibling with the requests that were read as a whole, if no thread has begun with any of them:
    /// they are written down as they came. Where that fails, those that were withdrawn for it stay withdrawn.
    pub(in crate::worker) fn pass_on_unbegun(&self, handoff: &Handoff) -> bool {
        let Ok(_writing) = self.output.try_lock() else { return false };
        let mut input = self.input();
        if input.passed || input.requests.is_empty() || !input.is_between_requests() {
            return false;
        }
        let mut begun = BytesMut::new();
        for active in &input.requests {
            if active.given_up || !write_down(&active.request, active.keeps, &mut begun) {
                return false;
            }
        }
        let waits_since = input.requests.iter().map(|active| active.request.arrived()).min();
        let luggage = Luggage { begun: begun.into(), head_since: None, waits_since };
        let withdrawn: Vec<_> = input.requests.iter().map(|active| active.request.clone()).collect();
        if !withdrawn.iter().all(|request| request.withdraw()) || !handoff.give(self.as_fd(), &luggage) {
            return false;
        }
        input.passed = true;
        for request in withdrawn {
            let _ = input.retire(request.key());
        }
        true
    }

    /// Takes the requests away from the application threads with which none has begun; whoever asks has to end them.
    pub(in crate::worker) fn withdraw_unbegun(&self) -> Vec<Arc<Request>> {
        let input = self.input();
        let all = input.requests.iter().map(|active| &active.request);
        all.filter(|request| !request.is_ended() && request.withdraw()).cloned().collect()
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
            let filled = got >= input.room;
            input.take(got, filled, &|| self.peer_name());
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
    /// Whether there would be something to say in [`Input::luggage`].
    fn can_leave(&self) -> bool {
        let arriving =
            || self.requests.iter().all(|active| active.stage == Stage::Arriving && !active.given_up);
        let is_noted = || self.begun.as_ref().is_some_and(|begun| !begun.is_empty());
        self.is_untouched() || is_noted() && arriving() && self.is_quiet()
    }

    /// What has to go along when the connection is passed on; `None` when it has to stay.
    fn luggage(&mut self) -> Option<Luggage> {
        let (head_since, waits_since) = (self.head_since, self.waits_since);
        if self.is_untouched() {
            return Some(Luggage { begun: Vec::new(), head_since: None, waits_since });
        }
        let begun = self.begun.clone().filter(|_| self.can_leave())?;
        Some(Luggage { begun, head_since, waits_since })
    }

    /// Whether all that was read belongs to requests that are known as a whole.
    fn is_between_requests(&self) -> bool {
        let waits = self.has_outbox() || self.lingers.is_some() || self.is_over();
        let rest = !self.buffer.is_empty() || self.protocol.is_mid_record() || self.protocol.is_draining();
        !waits && !rest && self.protocol.active_requests() == self.requests.len()
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

/// Writes the records of a request as a web server would send them; `false` where that is not known as a whole any more.
fn write_down(request: &Request, keeps: bool, out: &mut BytesMut) -> bool {
    let (id, role) = (request.key().id(), request.role());
    let flags = if keeps { Flags::KEEP_CONN } else { Flags::default() };
    encode::encode_begin(out, id, BeginRequest { role, flags });
    let mut stream = |kind, parts: &[&[u8]]| {
        for part in parts {
            encode::encode_stream(out, kind, id, part);
        }
        encode::encode_stream_end(out, kind, id);
    };
    stream(RecordType::PARAMS, &[request.params().as_bytes()]);
    let bodies = [(RecordType::STDIN, Some(request.body())), (RecordType::DATA, request.data())];
    for (kind, body) in bodies {
        let Some(body) = body.filter(|_| role != Role::AUTHORIZER) else { continue };
        let Some(chunks) = Body::whole(body) else { return false };
        stream(kind, &chunks.iter().map(|chunk| &chunk[..]).collect::<Vec<_>>());
    }
    true
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
