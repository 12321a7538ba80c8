//! The application's side of a connection, which the specification calls the application server.
//!
//! Bytes of the web server come in through [`Connection::handle_input`]; [`Connection::poll_event`] tells
//! what they mean, and [`Connection::poll_transmit`] gives the bytes to send back. No socket, no clock and
//! no thread is here: when to read, how long to wait and what to answer is the caller's business. Source:
//! FastCGI 1.0 sections 3 to 6.

mod event;
mod input;
mod leftovers;
mod request;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::body::{EndRequest, Role};
use crate::decode::RecordDecoder;
use crate::encode;
use crate::error::{ProtocolError, UsageError};
use crate::header::RecordType;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::table::Table;
use crate::values::ServerValues;

pub use crate::table::RequestKey;
pub use event::{Disposition, Event, ProtocolWarning, Rejection};

use leftovers::Leftovers;
use request::{Request, Stage};

/// How a connection behaves.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Settings {
    /// What the web server may make the connection keep.
    pub limits: Limits,
    /// The roles that the application plays. Requests for others are answered with `UNKNOWN_ROLE`.
    pub roles: Roles,
    /// The answers to `GET_VALUES`.
    pub values: ServerValues,
    /// The whole content of STDOUT for requests that begin while twice as many are active as
    /// [`Limits::max_active_requests`] allows; they are ended at once. Where it is empty they are answered
    /// with `OVERLOADED` alone, which some web servers take for an empty page. Default: empty.
    pub overload_answer: &'static [u8],
}

/// A set of roles. Default: the responder alone.
///
/// ```
/// use fcgi_proto::Role;
/// use fcgi_proto::server::Roles;
///
/// let roles = Roles::RESPONDER.with(Role::AUTHORIZER);
/// assert!(roles.contains(Role::AUTHORIZER) && !roles.contains(Role::FILTER));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Roles(u8);

impl Roles {
    /// No role at all.
    pub const NONE: Self = Self(0);
    /// The responder.
    pub const RESPONDER: Self = Self::NONE.with(Role::RESPONDER);
    /// All three roles that the specification knows.
    pub const ALL: Self = Self::RESPONDER.with(Role::AUTHORIZER).with(Role::FILTER);

    /// The set with one role more. A role that the specification does not know cannot be a member.
    #[must_use]
    pub const fn with(self, role: Role) -> Self {
        Self(self.0 | Self::bit(role))
    }

    /// Whether the role is in the set.
    pub const fn contains(self, role: Role) -> bool {
        self.0 & Self::bit(role) != 0
    }

    const fn bit(role: Role) -> u8 {
        match role {
            Role::RESPONDER => 1,
            Role::AUTHORIZER => 2,
            Role::FILTER => 4,
            _ => 0,
        }
    }
}

impl Default for Roles {
    fn default() -> Self {
        Self::RESPONDER
    }
}

/// One connection, seen from the application.
///
/// The methods come in four kinds:
///
/// - *network in*: [`handle_input`](Self::handle_input), [`handle_eof`](Self::handle_eof);
/// - *commands*: [`stdout`](Self::stdout), [`stderr`](Self::stderr), [`end_request`](Self::end_request),
///   [`retire`](Self::retire);
/// - *out*: [`poll_event`](Self::poll_event), [`poll_transmit`](Self::poll_transmit);
/// - *state*: the rest.
///
/// After each call of the first two kinds, take all events and send all bytes before more input is read:
/// what waits inside is bounded by the input that was given, and stays so only if it is taken.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use fcgi_proto::server::{Connection, Disposition, Event, Settings};
///
/// let mut connection = Connection::new(Settings::default());
/// let mut input = BytesMut::from(&b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0\
///     \x01\x04\0\x01\0\x13\0\0\x0e\x03REQUEST_METHODGET\
///     \x01\x04\0\x01\0\0\0\0\x01\x05\0\x01\0\0\0\0"[..]);
/// connection.handle_input(&mut input)?;
///
/// let Some(Event::Request { key, params, .. }) = connection.poll_event() else { panic!("no request") };
/// assert_eq!(params.get(b"REQUEST_METHOD"), Some(&b"GET"[..]));
/// assert_eq!(connection.poll_event(), Some(Event::StdinEnd { key }));
///
/// connection.stdout(key, Bytes::from_static(b"Status: 200 OK\r\n\r\nhi"))?;
/// assert_eq!(connection.end_request(key, 0)?, Disposition::Close);
///
/// let mut sent = Vec::new();
/// while let Some(piece) = connection.poll_transmit() {
///     sent.extend_from_slice(&piece);
/// }
/// assert_eq!(sent, b"\x01\x06\0\x01\0\x14\x04\0Status: 200 OK\r\n\r\nhi\0\0\0\0\
///     \x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    settings: Settings,
    decoder: RecordDecoder,
    requests: Table<Request>,
    leftovers: Leftovers,
    events: VecDeque<Event>,
    outbox: Outbox,
    fate: Fate,
    counters: Counters,
}

/// What is to become of the connection.
#[derive(Clone, Copy, Debug, Default)]
struct Fate {
    /// The peer broke the protocol: nothing is read or answered any more.
    error: Option<ProtocolError>,
    /// A request has ended whose connection is not to be kept.
    closing: bool,
    /// The peer sends nothing any more.
    eof: bool,
}

/// What the limits are compared with.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    skipped_bytes: usize,
    unknown_type_answers: usize,
    misplaced_type_answered: bool,
    warnings: usize,
}

impl Connection {
    /// Makes the state for a connection that was just accepted. Nothing is allocated until something
    /// arrives.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            decoder: RecordDecoder::new(),
            requests: Table::new(),
            leftovers: Leftovers::default(),
            events: VecDeque::new(),
            outbox: Outbox::default(),
            fate: Fate::default(),
            counters: Counters::default(),
        }
    }

    /// Takes every whole record from `input` and leaves the beginning of a last one there. Contents are
    /// split off, not copied.
    ///
    /// Once [`should_close`](Self::should_close) is true, all input is thrown away.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: the web server's fault. The connection is dead: events of what came before can
    /// still be taken, and every request that was active gets [`Event::Aborted`]; the socket has to be
    /// closed. Each later call returns the same error.
    pub fn handle_input(&mut self, input: &mut BytesMut) -> Result<(), ProtocolError> {
        let result = self.take_records(input);
        if let Err(error) = result
            && self.fate.error.is_none()
        {
            self.fate.error = Some(error);
            self.leftovers.forget_all();
            self.abort_all();
        }
        result
    }

    /// Takes note that the web server sends nothing any more, because it closed the connection or its half
    /// of it.
    ///
    /// Requests that were received as a whole can still be answered. Those with an open stream get
    /// [`Event::Aborted`]; those whose PARAMS are incomplete, which the caller has never seen, are
    /// forgotten.
    pub fn handle_eof(&mut self) {
        if self.fate.eof {
            return;
        }
        self.fate.eof = true;
        self.leftovers.forget_all();
        self.abort_unfinished();
    }

    /// Sends a piece of the answer, in as many records as it takes. Payloads of 1 KiB and more are not
    /// copied. Nothing is sent for an empty piece, because an empty record would end the stream.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`]: the request has ended; nothing is sent.
    #[expect(clippy::needless_pass_by_value, reason = "the payload is handed over, and passes through")]
    pub fn stdout(&mut self, key: RequestKey, data: Bytes) -> Result<(), UsageError> {
        self.requests.get_mut(key)?;
        self.outbox.push_stream(RecordType::STDOUT, key.id(), &data);
        Ok(())
    }

    /// Sends a piece of the error messages, as [`stdout`](Self::stdout) does with the answer.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`]: the request has ended; nothing is sent.
    #[expect(clippy::needless_pass_by_value, reason = "the payload is handed over, and passes through")]
    pub fn stderr(&mut self, key: RequestKey, data: Bytes) -> Result<(), UsageError> {
        self.requests.get_mut(key)?.stderr_used |= !data.is_empty();
        self.outbox.push_stream(RecordType::STDERR, key.id(), &data);
        Ok(())
    }

    /// Ends a request: closes STDOUT, and STDERR if it was used, and sends `END_REQUEST` with
    /// `REQUEST_COMPLETE`.
    ///
    /// Web servers want a header block in front: give one to [`stdout`](Self::stdout) before, also where a
    /// request is refused.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`]: the request has ended before; nothing is sent.
    pub fn end_request(&mut self, key: RequestKey, app_status: u32) -> Result<Disposition, UsageError> {
        let stderr_used = self.requests.get_mut(key)?.stderr_used;
        let disposition = self.retire(key)?;
        self.outbox.push_stream_end(RecordType::STDOUT, key.id());
        if stderr_used {
            self.outbox.push_stream_end(RecordType::STDERR, key.id());
        }
        self.outbox.push(&encode::end_request(key.id(), EndRequest::complete(app_status)));
        Ok(disposition)
    }

    /// Ends a request without sending anything, for callers who write the closing records to the socket
    /// themselves, or who close the connection in the middle of an answer.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`]: the request has ended before.
    pub fn retire(&mut self, key: RequestKey) -> Result<Disposition, UsageError> {
        let request = self.requests.remove(key)?;
        self.fate.closing |= request.closes_connection();
        let close = self.should_close();
        if !request.open.is_empty() {
            self.leftovers.add(key.id(), request.open);
            return Ok(Disposition::Drain { close });
        }
        Ok(if close { Disposition::Close } else { Disposition::Keep })
    }

    /// Takes the next event. Events of a request that has ended meanwhile are left out.
    pub fn poll_event(&mut self) -> Option<Event> {
        loop {
            let event = self.events.pop_front()?;
            match event.key() {
                Some(key) if self.requests.get(key).is_none() => {}
                _ => return Some(event),
            }
        }
    }

    /// Takes the next bytes to send: answers to management records and to requests that were turned away,
    /// and what the commands queued. Pieces of one record come one after the other; what the connection
    /// sends by itself is always a number of whole records.
    pub fn poll_transmit(&mut self) -> Option<Bytes> {
        self.outbox.pop()
    }

    /// Whether [`poll_transmit`](Self::poll_transmit) has something to give.
    pub fn has_transmit(&self) -> bool {
        !self.outbox.is_empty()
    }

    /// The number of requests that have begun and not ended.
    pub fn active_requests(&self) -> usize {
        self.requests.len()
    }

    /// Whether no request is active and no part of a record is waiting for its rest. A kept connection that
    /// is idle can be closed without harm to anybody.
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.is_mid_record()
    }

    /// Whether requests have ended whose input is still on its way: it is skipped, and a web server that
    /// never finishes sending it should not be waited for without end.
    pub fn is_draining(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Whether the last input ended inside a record.
    pub fn is_mid_record(&self) -> bool {
        self.decoder.is_mid_record()
    }

    /// The bytes that the record at the end of the last input still lacks; a hint for the next read.
    pub fn missing_bytes(&self) -> usize {
        self.decoder.missing()
    }

    /// Whether the connection has to be closed once everything is sent: the web server broke the protocol,
    /// or no request is active and either one has ended that did not want the connection kept, or nothing
    /// more can come.
    pub fn should_close(&self) -> bool {
        self.fate.error.is_some() || (self.requests.is_empty() && (self.fate.closing || self.fate.eof))
    }

    /// Whether more of the request's body may come; false for a request that has ended.
    pub fn stdin_open(&self, key: RequestKey) -> bool {
        self.requests.get(key).is_some_and(|request| request.open.has_stdin())
    }

    /// Forgets the requests that the caller has not seen and tells of the others.
    fn abort_all(&mut self) {
        let events = &mut self.events;
        self.requests.retain(|key, request| {
            if !matches!(request.stage, Stage::Head | Stage::Aborted) {
                request.abort();
                events.push_back(Event::Aborted { key });
            }
            request.stage != Stage::Head
        });
    }

    /// As [`Self::abort_all`], for requests that still wait for input.
    fn abort_unfinished(&mut self) {
        let mut unseen = Vec::new();
        let events = &mut self.events;
        self.requests.retain(|key, request| match request.stage {
            Stage::Head => {
                unseen.push(key.id());
                false
            }
            Stage::Served | Stage::Refused if !request.open.is_empty() => {
                request.abort();
                events.push_back(Event::Aborted { key });
                true
            }
            _ => true,
        });
        for id in unseen {
            self.warn(ProtocolWarning::UnexpectedEnd { id });
        }
    }
}
