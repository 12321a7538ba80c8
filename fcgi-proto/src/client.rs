//! The web server's side of a connection.
//!
//! Requests go in as commands and come out of [`Connection::poll_transmit`] as bytes; the application's
//! bytes go into [`Connection::handle_input`] and come out of [`Connection::poll_event`] as answers. No
//! socket and no clock is here. Source: FastCGI 1.0 sections 3 to 6.

mod event;

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use crate::body::{BeginRequest, EndRequest, Flags, Role, UnknownType};
use crate::decode::{Frames, RecordDecoder};
use crate::encode;
use crate::error::{ProtocolError, UsageError};
use crate::header::{RecordType, RequestId};
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::params::Params;
use crate::table::Table;
use crate::values::{self, ReportedValues};

pub use crate::table::RequestKey;
pub use event::Event;

/// One connection, seen from the web server.
///
/// After each call that changes something, send what [`poll_transmit`](Self::poll_transmit) gives and take
/// all events. To a multiplexing application several requests can be sent at once, if
/// [`Limits::max_active_requests`] allows it; answers may come in any order.
///
/// ```
/// use bytes::{Bytes, BytesMut};
/// use fcgi_proto::client::{Connection, Event};
/// use fcgi_proto::{EndRequest, Flags, Limits, Params, Role};
///
/// let mut connection = Connection::new(Limits::default());
/// let params: Params = [("REQUEST_METHOD", "GET")].into_iter().collect();
/// let key = connection.begin(Role::RESPONDER, Flags::NONE, &params)?;
/// connection.end_stdin(key)?;
/// let request = connection.poll_transmit().unwrap_or_default();
/// assert_eq!(&request[..2], b"\x01\x01");
///
/// let mut answer = BytesMut::from(&b"\x01\x06\0\x01\0\x02\0\0hi\x01\x06\0\x01\0\0\0\0\
///     \x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0"[..]);
/// connection.handle_input(&mut answer)?;
/// assert_eq!(connection.poll_event(), Some(Event::Stdout { key, data: Bytes::from_static(b"hi") }));
/// assert_eq!(connection.poll_event(), Some(Event::StdoutEnd { key }));
/// assert_eq!(connection.poll_event(), Some(Event::End { key, end: EndRequest::complete(0) }));
/// assert!(connection.should_close());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    decoder: RecordDecoder,
    requests: Table<Request>,
    events: VecDeque<Event>,
    outbox: Outbox,
    error: Option<ProtocolError>,
    /// A request was begun that does not keep the connection.
    last_begun: bool,
    eof: bool,
    skipped_bytes: usize,
}

/// One active request: which streams the caller can still write to.
#[derive(Clone, Copy, Debug)]
struct Request {
    stdin_open: bool,
    data_open: bool,
}

impl Connection {
    /// Makes the state for a connection that was just opened. Of the limits, those for active requests,
    /// skipped bytes and management records count here.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            decoder: RecordDecoder::new(),
            requests: Table::new(),
            events: VecDeque::new(),
            outbox: Outbox::default(),
            error: None,
            last_begun: false,
            eof: false,
            skipped_bytes: 0,
        }
    }

    /// Takes every whole record from `input` and leaves the beginning of a last one there. Contents are
    /// split off, not copied.
    ///
    /// # Errors
    ///
    /// [`ProtocolError`]: the application's fault. The connection is dead, every active request gets
    /// [`Event::Lost`], and each later call returns the same error.
    pub fn handle_input(&mut self, input: &mut BytesMut) -> Result<(), ProtocolError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        self.take_records(input).inspect_err(|error| {
            self.error = Some(*error);
            self.lose_all();
        })
    }

    /// Takes note that the application sends nothing any more. Active requests get [`Event::Lost`].
    pub fn handle_eof(&mut self) {
        self.eof = true;
        self.lose_all();
    }

    /// Begins a request under the smallest free id, with all its parameters.
    ///
    /// # Errors
    ///
    /// [`UsageError::TooManyRequests`] if as many are active as [`Limits::max_active_requests`] says,
    /// [`UsageError::Closing`] if the connection is broken or will be closed after a request already begun.
    pub fn begin(&mut self, role: Role, flags: Flags, params: &Params) -> Result<RequestKey, UsageError> {
        if self.error.is_some() || self.eof || self.last_begun {
            return Err(UsageError::Closing);
        }
        let limit = self.limits.max_active_requests.max(1);
        let refusal = UsageError::TooManyRequests { limit };
        if self.requests.len() >= limit {
            return Err(refusal);
        }
        let id = self.requests.smallest_free_id().ok_or(refusal)?;
        let request = Request { stdin_open: role != Role::AUTHORIZER, data_open: role == Role::FILTER };
        let key = self.requests.insert(id, request).ok_or(refusal)?;
        self.skipped_bytes = 0;
        self.last_begun = !flags.keep_conn();
        self.outbox.push(&encode::begin_request(id, BeginRequest { role, flags }));
        self.outbox.push_stream(RecordType::PARAMS, id, params.as_bytes());
        self.outbox.push_stream_end(RecordType::PARAMS, id);
        Ok(key)
    }

    /// Sends a piece of the request's body. Payloads of 1 KiB and more are not copied.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`] or [`UsageError::StreamClosed`]; nothing is sent.
    pub fn stdin(&mut self, key: RequestKey, data: Bytes) -> Result<(), UsageError> {
        let open = self.requests.get_mut(key)?.stdin_open;
        self.send(RecordType::STDIN, key, open, data)
    }

    /// Ends the request's body. An authorizer has none to end.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`] or [`UsageError::StreamClosed`]; nothing is sent.
    pub fn end_stdin(&mut self, key: RequestKey) -> Result<(), UsageError> {
        let open = std::mem::take(&mut self.requests.get_mut(key)?.stdin_open);
        self.send_end(RecordType::STDIN, key, open)
    }

    /// Sends a piece of the file that a filter works on, after the end of the body.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`] or [`UsageError::StreamClosed`]; nothing is sent.
    pub fn data(&mut self, key: RequestKey, data: Bytes) -> Result<(), UsageError> {
        let open = self.requests.get_mut(key)?.data_open;
        self.send(RecordType::DATA, key, open, data)
    }

    /// Ends the file that a filter works on.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`] or [`UsageError::StreamClosed`]; nothing is sent.
    pub fn end_data(&mut self, key: RequestKey) -> Result<(), UsageError> {
        let open = std::mem::take(&mut self.requests.get_mut(key)?.data_open);
        self.send_end(RecordType::DATA, key, open)
    }

    /// Asks for the early end of a request. Its streams are closed here, but it stays active until the
    /// application ends it.
    ///
    /// # Errors
    ///
    /// [`UsageError::NotActive`]; nothing is sent.
    pub fn abort(&mut self, key: RequestKey) -> Result<(), UsageError> {
        *self.requests.get_mut(key)? = Request { stdin_open: false, data_open: false };
        self.outbox.push(&encode::abort_request(key.id()));
        Ok(())
    }

    /// Asks the application for the three values that the specification knows; [`Event::Values`] brings the
    /// answer.
    pub fn request_values(&mut self) {
        let query = values::query();
        // Three short names always fit in one record.
        let _always_fits = encode::encode_record(self.outbox.gather(), RecordType::GET_VALUES, 0, &query);
    }

    /// Takes the next event.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Takes the next bytes to send.
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

    /// Whether no request is active and no part of a record is waiting for its rest.
    pub fn is_idle(&self) -> bool {
        self.requests.is_empty() && !self.is_mid_record()
    }

    /// Whether the last input ended inside a record.
    pub fn is_mid_record(&self) -> bool {
        self.decoder.is_mid_record()
    }

    /// Whether the connection is of no more use: it is broken, or no request is active and none can be
    /// begun.
    pub fn should_close(&self) -> bool {
        self.error.is_some() || self.eof || (self.requests.is_empty() && self.last_begun)
    }

    #[expect(clippy::needless_pass_by_value, reason = "the payload is handed over, and passes through")]
    fn send(
        &mut self,
        stream: RecordType,
        key: RequestKey,
        open: bool,
        data: Bytes,
    ) -> Result<(), UsageError> {
        if !open {
            return Err(UsageError::StreamClosed { id: key.id() });
        }
        self.outbox.push_stream(stream, key.id(), &data);
        Ok(())
    }

    fn send_end(&mut self, stream: RecordType, key: RequestKey, was_open: bool) -> Result<(), UsageError> {
        if !was_open {
            return Err(UsageError::StreamClosed { id: key.id() });
        }
        self.outbox.push_stream_end(stream, key.id());
        Ok(())
    }

    fn take_records(&mut self, input: &mut BytesMut) -> Result<(), ProtocolError> {
        let mut frames = Frames::new(input);
        while frames.next(&mut self.decoder)? {
            match RequestId::new(frames.header.request_id) {
                Some(id) => self.take_request_record(id, &mut frames)?,
                None => self.take_management_record(&mut frames)?,
            }
        }
        Ok(())
    }

    fn take_management_record(&mut self, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        match frame.header.record_type {
            RecordType::GET_VALUES_RESULT => {
                let reported = ReportedValues::parse(frame.take_content(), &self.limits)?;
                self.events.push_back(Event::Values(reported));
                Ok(())
            }
            RecordType::UNKNOWN_TYPE => {
                let body = frame.body().ok_or(body_length("UNKNOWN_TYPE", frame))?;
                self.events.push_back(Event::UnknownType(UnknownType::from_bytes(body)));
                Ok(())
            }
            RecordType::END_REQUEST => Err(ProtocolError::NullRequestId { name: "END_REQUEST" }),
            _ => self.skip(frame),
        }
    }

    fn take_request_record(&mut self, id: RequestId, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let Some((key, _)) = self.requests.find(id) else { return self.skip(frame) };
        let is_end = frame.header.content_length == 0;
        let event = match frame.header.record_type {
            RecordType::STDOUT if is_end => Event::StdoutEnd { key },
            RecordType::STDOUT => Event::Stdout { key, data: frame.take_content() },
            RecordType::STDERR if is_end => Event::StderrEnd { key },
            RecordType::STDERR => Event::Stderr { key, data: frame.take_content() },
            RecordType::END_REQUEST => {
                let body = frame.body().ok_or(body_length("END_REQUEST", frame))?;
                self.requests.retain(|candidate, _| candidate != key);
                Event::End { key, end: EndRequest::from_bytes(body) }
            }
            _ => return self.skip(frame),
        };
        self.events.push_back(event);
        Ok(())
    }

    /// Leaves a record alone, and counts it if no request is active.
    fn skip(&mut self, frame: &Frames<'_>) -> Result<(), ProtocolError> {
        let limit = self.limits.max_skipped_bytes;
        if self.requests.is_empty() {
            self.skipped_bytes = self.skipped_bytes.saturating_add(frame.header.record_len());
        }
        if self.skipped_bytes > limit { Err(ProtocolError::SkippedInput { limit }) } else { Ok(()) }
    }

    fn lose_all(&mut self) {
        let events = &mut self.events;
        self.requests.retain(|key, _| {
            events.push_back(Event::Lost { key });
            false
        });
    }
}

fn body_length(name: &'static str, frame: &Frames<'_>) -> ProtocolError {
    ProtocolError::BodyLength { name, length: frame.header.content_length }
}
