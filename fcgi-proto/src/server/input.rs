//! From records to events: what each type does to the requests of the connection.
//!
//! Every arm either changes one request, or answers a management record, or skips. Nothing is kept for a
//! request that is not active or that was refused, and bytes so skipped are counted as long as nobody is
//! being served.

use bytes::{Bytes, BytesMut};

use super::event::{Event, ProtocolWarning, Rejection};
use super::request::{OpenStreams, Request, Stage};
use super::{Connection, RequestKey};
use crate::body::{BeginRequest, EndRequest, ProtocolStatus, Role, UnknownType};
use crate::decode::{Frames, RecordDecoder};
use crate::encode;
use crate::error::ProtocolError;
use crate::header::{RecordType, RequestId};

impl Connection {
    pub(super) fn take_records(&mut self, input: &mut BytesMut) -> Result<(), ProtocolError> {
        if let Some(error) = self.fate.error {
            return Err(error);
        }
        let mut frames = Frames::new(input);
        while !self.should_close() {
            if !frames.next(&mut self.decoder)? {
                return Ok(());
            }
            match RequestId::new(frames.header.request_id) {
                Some(id) => self.take_request_record(id, &mut frames)?,
                None => self.take_management_record(&mut frames)?,
            }
        }
        drop(frames);
        input.clear();
        self.decoder = RecordDecoder::new();
        Ok(())
    }

    /// Notes something odd, unless the log has heard enough.
    pub(super) fn warn(&mut self, warning: ProtocolWarning) {
        if self.counters.warnings < self.settings.limits.max_warnings {
            self.counters.warnings += 1;
            self.events.push_back(Event::Warning(warning));
        }
    }

    fn take_management_record(&mut self, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let record_type = frame.header.record_type;
        match record_type {
            RecordType::BEGIN_REQUEST => Err(ProtocolError::NullRequestId { name: "BEGIN_REQUEST" }),
            RecordType::GET_VALUES => self.take_get_values(frame),
            RecordType(2..=11) => {
                self.warn(ProtocolWarning::UnexpectedRecord { record_type, request_id: 0 });
                if !self.counters.misplaced_type_answered {
                    self.counters.misplaced_type_answered = true;
                    self.outbox.push(&encode::unknown_type(UnknownType { record_type }));
                }
                Ok(())
            }
            _ => {
                if self.counters.unknown_type_answers < self.settings.limits.max_unknown_type_answers {
                    self.counters.unknown_type_answers += 1;
                    self.outbox.push(&encode::unknown_type(UnknownType { record_type }));
                }
                Ok(())
            }
        }
    }

    fn take_get_values(&mut self, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let limits = &self.settings.limits;
        let multiplexes = limits.max_active_requests > 1;
        let result = self.settings.values.answer(multiplexes, frame.take_content(), limits)?;
        let length = result.len();
        encode::encode_record(self.outbox.gather(), RecordType::GET_VALUES_RESULT, 0, &result)
            .map_err(|_| ProtocolError::ManagementTooLarge { length, limit: usize::from(u16::MAX) })
    }

    fn take_request_record(&mut self, id: RequestId, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        match frame.header.record_type {
            RecordType::BEGIN_REQUEST => self.take_begin(id, frame),
            RecordType::ABORT_REQUEST => self.take_abort(id, frame),
            RecordType::PARAMS => self.take_params(id, frame),
            RecordType::STDIN => self.take_stream(id, OpenStreams::STDIN, frame),
            RecordType::DATA => self.take_stream(id, OpenStreams::DATA, frame),
            record_type => {
                if record_type.name().is_some() {
                    self.warn(ProtocolWarning::UnexpectedRecord { record_type, request_id: id.value() });
                }
                self.skip(frame)
            }
        }
    }

    fn take_begin(&mut self, id: RequestId, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let Some(body) = frame.body() else {
            let length = frame.header.content_length;
            return Err(ProtocolError::BodyLength { name: "BEGIN_REQUEST", length });
        };
        if self.requests.contains_id(id) {
            return Err(ProtocolError::AlreadyActive { id });
        }
        self.leftovers.forget(id);
        let begin = BeginRequest::from_bytes(body);
        let active = self.requests.len();
        let limit = self.settings.limits.max_active_requests.max(1);
        if !self.settings.roles.contains(begin.role) {
            self.turn_away(id, begin, ProtocolStatus::UNKNOWN_ROLE);
        } else if active < limit {
            self.counters.skipped_bytes = 0;
            self.requests.insert(id, Request::new(begin, None));
        } else if limit == 1 {
            self.turn_away(id, begin, ProtocolStatus::CANT_MPX_CONN);
        } else if active < limit.saturating_mul(2) {
            self.requests.insert(id, Request::new(begin, Some(Rejection::TooManyRequests)));
        } else if self.settings.overload_answer.is_empty() {
            self.turn_away(id, begin, ProtocolStatus::OVERLOADED);
        } else {
            self.fate.closing |= !begin.flags.keep_conn();
            let answer = Bytes::from_static(self.settings.overload_answer);
            self.outbox.push_stream(RecordType::STDOUT, id, &answer);
            self.outbox.push_stream_end(RecordType::STDOUT, id);
            self.outbox.push(&encode::end_request(id, EndRequest::complete(0)));
        }
        Ok(())
    }

    /// Ends a request that has only just begun.
    fn turn_away(&mut self, id: RequestId, begin: BeginRequest, status: ProtocolStatus) {
        self.fate.closing |= !begin.flags.keep_conn();
        self.outbox.push(&encode::end_request(id, EndRequest::rejected(status)));
    }

    fn take_abort(&mut self, id: RequestId, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let Some((key, request)) = self.requests.find(id) else {
            self.leftovers.forget(id);
            return self.skip(frame);
        };
        match request.stage {
            Stage::Head => {
                self.fate.closing |= request.closes_connection();
                self.requests.retain(|candidate, _| candidate != key);
                self.outbox.push_stream_end(RecordType::STDOUT, id);
                self.outbox.push(&encode::end_request(id, EndRequest::complete(0)));
            }
            Stage::Served | Stage::Refused => {
                request.abort();
                self.events.push_back(Event::Aborted { key });
            }
            Stage::Aborted => {}
        }
        Ok(())
    }

    fn take_params(&mut self, id: RequestId, frame: &mut Frames<'_>) -> Result<(), ProtocolError> {
        let limits = &self.settings.limits;
        let Some((key, request)) = self.requests.find(id) else {
            return self.take_leftover(id, OpenStreams::PARAMS, frame);
        };
        if !request.open.contains(OpenStreams::PARAMS) {
            return self.take_after_end(id, RecordType::PARAMS, frame);
        }
        if frame.header.content_length == 0 {
            request.open.close(OpenStreams::PARAMS);
            if request.stage == Stage::Head {
                self.announce(key);
            }
            return Ok(());
        }
        if !request.is_wanted() {
            return self.skip(frame);
        }
        if let Err(error) = request.params.push(frame.take_content(), limits) {
            let rejection = Rejection::from(error);
            request.reject(rejection);
            if rejection.closes_connection() {
                self.announce(key);
            }
        }
        Ok(())
    }

    /// Tells the caller of a request whose PARAMS have ended, or cannot go on.
    fn announce(&mut self, key: RequestKey) {
        let Ok(request) = self.requests.get_mut(key) else { return };
        let (role, keep_conn) = (request.role, request.keep_conn);
        let params = match request.rejection {
            None => std::mem::take(&mut request.params).finish().map_err(Rejection::from),
            Some(rejection) => Err(rejection),
        };
        match params {
            Ok(params) => {
                request.stage = Stage::Served;
                self.events.push_back(Event::Request { key, role, keep_conn, params });
                self.deliver_early(key, role);
            }
            Err(reason) => {
                request.reject(reason);
                request.stage = Stage::Refused;
                self.events.push_back(Event::Rejected { key, role, keep_conn, reason });
            }
        }
    }

    /// Tells of the input that overtook the PARAMS.
    fn deliver_early(&mut self, key: RequestKey, role: Role) {
        let Ok(request) = self.requests.get_mut(key) else { return };
        let early = request.early.take().map(|early| *early);
        let (stdin, data) = early.map_or_else(Default::default, |early| (early.stdin, early.data));
        if !stdin.is_empty() {
            self.events.push_back(Event::Stdin { key, data: stdin.freeze() });
        }
        if !request.open.has_stdin() {
            self.events.push_back(Event::StdinEnd { key });
        }
        if !data.is_empty() {
            self.events.push_back(Event::Data { key, data: data.freeze() });
        }
        if role == Role::FILTER && !request.open.contains(OpenStreams::DATA) {
            self.events.push_back(Event::DataEnd { key });
        }
    }

    /// Takes a record of STDIN or DATA.
    fn take_stream(
        &mut self,
        id: RequestId,
        stream: OpenStreams,
        frame: &mut Frames<'_>,
    ) -> Result<(), ProtocolError> {
        let limit = self.settings.limits.max_early_bytes;
        let Some((key, request)) = self.requests.find(id) else {
            return self.take_leftover(id, stream, frame);
        };
        if !request.open.contains(stream) {
            return self.take_after_end(id, frame.header.record_type, frame);
        }
        let is_end = frame.header.content_length == 0;
        if is_end {
            request.open.close(stream);
        }
        if !request.is_wanted() {
            return self.skip(frame);
        }
        if request.stage == Stage::Head {
            let mut keep = |data| request.early.get_or_insert_default().push(stream, data, limit);
            let fits = is_end || keep(&frame.take_content());
            return if fits { Ok(()) } else { Err(ProtocolError::EarlyInput { id, limit }) };
        }
        self.events.push_back(match (stream == OpenStreams::STDIN, is_end) {
            (true, false) => Event::Stdin { key, data: frame.take_content() },
            (true, true) => Event::StdinEnd { key },
            (false, false) => Event::Data { key, data: frame.take_content() },
            (false, true) => Event::DataEnd { key },
        });
        Ok(())
    }

    /// Takes a record of a stream whose request is not active.
    fn take_leftover(
        &mut self,
        id: RequestId,
        stream: OpenStreams,
        frame: &mut Frames<'_>,
    ) -> Result<(), ProtocolError> {
        if frame.header.content_length == 0 {
            self.leftovers.close(id, stream);
        }
        self.skip(frame)
    }

    /// Takes a record of a stream that has ended, or that the request never had.
    fn take_after_end(
        &mut self,
        id: RequestId,
        stream: RecordType,
        frame: &mut Frames<'_>,
    ) -> Result<(), ProtocolError> {
        if let Some((_, request)) = self.requests.find(id)
            && request.is_wanted()
        {
            match (stream, request.role) {
                // Some web servers send an authorizer the empty STDIN that the specification has no place
                // for.
                (RecordType::STDIN, Role::AUTHORIZER) if frame.header.content_length == 0 => {}
                (RecordType::STDIN, Role::AUTHORIZER)
                | (RecordType::DATA, Role::RESPONDER | Role::AUTHORIZER) => {
                    self.warn(ProtocolWarning::UnexpectedRecord {
                        record_type: stream,
                        request_id: id.value(),
                    });
                }
                _ => self.warn(ProtocolWarning::StreamAlreadyEnded { id, stream }),
            }
        }
        self.skip(frame)
    }

    /// Leaves a record alone, and counts it if nobody is being served.
    fn skip(&mut self, frame: &Frames<'_>) -> Result<(), ProtocolError> {
        if self.requests.iter().any(|(_, request)| request.is_wanted()) {
            return Ok(());
        }
        let limit = self.settings.limits.max_skipped_bytes;
        self.counters.skipped_bytes = self.counters.skipped_bytes.saturating_add(frame.header.record_len());
        if self.counters.skipped_bytes > limit { Err(ProtocolError::SkippedInput { limit }) } else { Ok(()) }
    }
}
