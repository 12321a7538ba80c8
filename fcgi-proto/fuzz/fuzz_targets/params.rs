//! One stream of name-value pairs, whole and cut into records.
#![no_main]

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, Settings};
use fcgi_proto::{Limits, Params, RecordType, encode};
use libfuzzer_sys::fuzz_target;

const LIMITS: Limits = Limits {
    max_params_bytes: 2000,
    max_params_pairs: 50,
    max_active_requests: 1,
    max_skipped_bytes: 1_000_000,
    max_management_bytes: 65535,
    max_early_bytes: 1000,
    max_unknown_type_answers: 1,
    max_warnings: 1,
};

/// Sends the stream in records of `step` bytes, and gives the pairs if they were taken.
fn by_records(raw: &[u8], step: usize) -> Option<Params> {
    let mut input = BytesMut::from(&b"\x01\x01\x00\x01\x00\x08\x00\x00\x00\x01\x01\x00\x00\x00\x00\x00"[..]);
    for piece in raw.chunks(step) {
        encode::encode_record(&mut input, RecordType::PARAMS, 1, piece).expect("a small piece");
    }
    encode::encode_record(&mut input, RecordType::PARAMS, 1, b"").expect("an empty piece");
    let mut connection = Connection::new(Settings { limits: LIMITS, ..Settings::default() });
    connection.handle_input(&mut input).expect("well-formed records");
    match connection.poll_event().expect("the PARAMS have ended") {
        Event::Request { params, .. } => Some(params),
        Event::Rejected { .. } => None,
        other => panic!("{other:?}"),
    }
}

fuzz_target!(|input: (u8, &[u8])| {
    let (step, raw) = input;
    let whole = Params::parse(Bytes::copy_from_slice(raw), &LIMITS).ok();
    assert_eq!(by_records(raw, usize::from(step).max(1)), whole);
    let Some(params) = whole else { return };
    assert!(params.as_bytes().len() <= LIMITS.max_params_bytes && params.len() <= LIMITS.max_params_pairs);
    assert_eq!(params.iter().count(), params.len());
    let again: Params = params.iter().collect();
    assert!(again.iter().eq(params.iter()));
    assert!(params.iter().all(|(name, value)| !name.contains(&0) && !value.contains(&0)));
});
