//! From the words of the crate to those of the model, so that they can be compared.

use fcgi_proto::server::{self, Event, ProtocolWarning, Rejection, RequestKey, Roles, Settings};
use fcgi_proto::{Limits, Params, ProtocolError, Role, ServerValues};

use super::pairs;
use super::vocabulary::{Disposition, Fault, Reason, Record, Rules, STDERR, STDOUT, Told};

pub(super) fn settings(rules: &Rules) -> Settings {
    let limits = Limits {
        max_params_bytes: rules.max_params_bytes,
        max_params_pairs: rules.max_params_pairs,
        max_active_requests: rules.max_active_requests,
        max_skipped_bytes: rules.max_skipped_bytes,
        max_management_bytes: rules.max_management_bytes,
        max_early_bytes: rules.max_early_bytes,
        max_unknown_type_answers: rules.max_unknown_type_answers,
        max_warnings: rules.max_warnings,
    };
    let played = rules.roles.iter().fold(Roles::NONE, |played, role| played.with(Role(*role)));
    let values = ServerValues { max_conns: rules.max_conns, max_reqs: rules.max_reqs };
    Settings { limits, roles: played, values, overload_answer: rules.overload_answer }
}

pub(super) fn fault(error: ProtocolError) -> Fault {
    match error {
        ProtocolError::UnsupportedVersion { version } => Fault::Version(version),
        ProtocolError::BodyLength { name: "BEGIN_REQUEST", length } => Fault::BeginLength(length.into()),
        ProtocolError::NullRequestId { name: "BEGIN_REQUEST" } => Fault::BeginWithoutId,
        ProtocolError::AlreadyActive { id } => Fault::BeginTwice { id: id.value() },
        ProtocolError::EarlyInput { id, .. } => Fault::TooMuchEarly { id: id.value() },
        ProtocolError::SkippedInput { .. } => Fault::TooMuchSkipped,
        ProtocolError::ManagementTooLarge { length, .. } => Fault::ManagementTooLarge(length),
        ProtocolError::MalformedValues => Fault::ManagementMalformed,
        other => panic!("an error that the model does not know: {other}"),
    }
}

pub(super) fn disposition(disposition: server::Disposition) -> Disposition {
    match disposition {
        server::Disposition::Keep => Disposition::Keep,
        server::Disposition::Close => Disposition::Close,
        server::Disposition::Drain { close } => Disposition::Drain { close },
    }
}

pub(super) fn told(event: Event, number: impl Fn(RequestKey) -> Option<usize>) -> Told {
    let number = |key| number(key).expect("a request that was told of");
    match event {
        Event::Request { key, role, keep_conn: keep, params } => Told::Request {
            number: number(key),
            id: key.id().value(),
            role: role.0,
            keep,
            pairs: pairs(&params),
        },
        Event::Rejected { key, role, keep_conn: keep, reason } => Told::Rejected {
            number: number(key),
            id: key.id().value(),
            role: role.0,
            keep,
            reason: self::reason(reason),
        },
        Event::Stdin { key, data } => Told::Stdin { number: number(key), data: data.to_vec() },
        Event::StdinEnd { key } => Told::StdinEnd { number: number(key) },
        Event::Data { key, data } => Told::Data { number: number(key), data: data.to_vec() },
        Event::DataEnd { key } => Told::DataEnd { number: number(key) },
        Event::Aborted { key } => Told::Aborted { number: number(key) },
        Event::Warning(warning) => warned(warning),
        other => panic!("an event that the model does not know: {other:?}"),
    }
}

fn warned(warning: ProtocolWarning) -> Told {
    match warning {
        ProtocolWarning::StreamAlreadyEnded { id, stream } => {
            Told::GoesOn { id: id.value(), stream: stream.0 }
        }
        ProtocolWarning::UnexpectedRecord { record_type, request_id } => {
            Told::Unexpected { id: request_id, kind: record_type.0 }
        }
        ProtocolWarning::UnexpectedEnd { id } => Told::UnexpectedEnd { id: id.value() },
        other => panic!("a warning that the model does not know: {other}"),
    }
}

fn reason(rejection: Rejection) -> Reason {
    match rejection {
        Rejection::TooManyRequests => Reason::TooManyRequests,
        Rejection::ParamsTooLarge => Reason::Params(pairs::Fault::TooLarge),
        Rejection::ParamLengthTooLarge => Reason::Params(pairs::Fault::LengthTooLarge),
        Rejection::TooManyParams => Reason::Params(pairs::Fault::TooMany),
        Rejection::ParamsMalformed => Reason::Params(pairs::Fault::Truncated),
        Rejection::ParamsNul => Reason::Params(pairs::Fault::Nul),
        other => panic!("a rejection that the model does not know: {other}"),
    }
}

fn pairs(params: &Params) -> pairs::Pairs {
    assert_eq!(params.iter().count(), params.len());
    params.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

/// The records in what was sent: whole ones, padded with zeros to a multiple of eight bytes.
pub(super) fn records(mut bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let [1, kind, id1, id0, length1, length0, padding, 0, ..] = *bytes else {
            panic!("no header: {:?}", &bytes[..bytes.len().min(8)])
        };
        let length = usize::from(length1) * 256 + usize::from(length0);
        let end = 8 + length + usize::from(padding);
        assert!(end % 8 == 0 && padding < 8, "content of {length} bytes with {padding} bytes of padding");
        assert!(bytes[8 + length..end].iter().all(|byte| *byte == 0), "padding that is not zero");
        let id = u16::from_be_bytes([id1, id0]);
        records.push(Record { kind, id, content: bytes[8..8 + length].to_vec() });
        bytes = &bytes[end..];
    }
    records
}

/// The same records, but neighbours of one stream as one: where a stream is cut has no meaning.
pub(super) fn joined(records: Vec<Record>) -> Vec<Record> {
    let mut joined: Vec<Record> = Vec::new();
    for record in records {
        let goes_on = |last: &&mut Record| {
            [STDOUT, STDERR].contains(&record.kind)
                && (last.kind, last.id) == (record.kind, record.id)
                && !last.content.is_empty()
                && !record.content.is_empty()
        };
        match joined.last_mut().filter(goes_on) {
            Some(last) => last.content.extend(record.content),
            None => joined.push(record),
        }
    }
    joined
}
