//! Bytes and records at random: no panic, no limit passed, and every answer well-formed.

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, RequestKey};
use fcgi_proto::{Flags, Limits, Params, Role, client};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::common::{padded, server};

/// The most records in a conversation.
const RECORDS: usize = if cfg!(miri) { 8 } else { 60 };

const LIMITS: Limits = Limits {
    max_params_bytes: 300,
    max_params_pairs: 5,
    max_active_requests: 3,
    max_skipped_bytes: 5000,
    max_management_bytes: 200,
    max_early_bytes: 50,
    max_unknown_type_answers: 4,
    max_warnings: 4,
};

/// Records that are likely to mean something: few ids, all types, bodies of the right and of wrong length.
fn any_record() -> impl Strategy<Value = Vec<u8>> {
    let begin =
        (1..4_u8, any::<bool>()).prop_map(|(role, keep)| vec![0, role, u8::from(keep), 0, 0, 0, 0, 0]);
    let pair = (vec(any::<u8>(), 0..6), vec(any::<u8>(), 0..6)).prop_map(|(name, value)| {
        let lengths = [u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap()];
        [&lengths[..], &name, &value].concat()
    });
    let content = prop_oneof![Just(Vec::new()), begin.clone(), pair, vec(any::<u8>(), 0..400)];
    let record_type = prop_oneof![1..=11_u8, any::<u8>()];
    let other = (record_type, 0..6_u16, content, any::<u8>())
        .prop_map(|(record_type, id, content, padding)| padded(record_type, id, &content, padding));
    let begin = (1..6_u16, begin).prop_map(|(id, body)| padded(1, id, &body, 0));
    let end_of_params = (1..6_u16).prop_map(|id| padded(4, id, b"", 0));
    prop_oneof![2 => begin, 2 => end_of_params, 5 => other]
}

/// What a caller does after some input.
#[derive(Clone, Copy, Debug)]
enum Action {
    Answer(prop::sample::Index),
    End(prop::sample::Index),
    Retire(prop::sample::Index),
    Eof,
    Wait,
}

fn any_action() -> impl Strategy<Value = Action> {
    prop_oneof![
        3 => any::<prop::sample::Index>().prop_map(Action::Answer),
        3 => any::<prop::sample::Index>().prop_map(Action::End),
        1 => any::<prop::sample::Index>().prop_map(Action::Retire),
        1 => Just(Action::Eof),
        9 => Just(Action::Wait),
    ]
}

/// Takes all events, checks them against the limits, and remembers the keys.
fn take_events(connection: &mut Connection, keys: &mut Vec<RequestKey>) {
    while let Some(event) = connection.poll_event() {
        match event {
            Event::Request { key, params, .. } => {
                assert!(params.as_bytes().len() <= LIMITS.max_params_bytes);
                assert!(params.len() <= LIMITS.max_params_pairs);
                keys.push(key);
            }
            Event::Rejected { key, .. } => keys.push(key),
            Event::Stdin { key, data } | Event::Data { key, data } => {
                assert!(keys.contains(&key) && !data.is_empty());
            }
            Event::StdinEnd { key } | Event::DataEnd { key } | Event::Aborted { key } => {
                assert!(keys.contains(&key));
            }
            _ => {}
        }
    }
    assert!(connection.active_requests() <= 2 * LIMITS.max_active_requests);
}

/// Takes all bytes to send and walks over their records.
fn take_answers(connection: &mut Connection) {
    let bytes: Vec<u8> = std::iter::from_fn(|| connection.poll_transmit()).flatten().collect();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        assert_eq!(rest[0], 1);
        assert!([3, 6, 7, 10, 11].contains(&rest[1]), "type {}", rest[1]);
        let length = usize::from(rest[4]) * 256 + usize::from(rest[5]) + usize::from(rest[6]);
        rest = &rest[8 + length..];
    }
}

fn act(connection: &mut Connection, keys: &[RequestKey], action: Action) {
    let payload = Bytes::from_static(b"Status: 200 OK\r\n\r\n");
    match action {
        Action::Eof => connection.handle_eof(),
        Action::Answer(at) if !keys.is_empty() => drop(connection.stdout(*at.get(keys), payload)),
        Action::End(at) if !keys.is_empty() => drop(connection.end_request(*at.get(keys), 0)),
        Action::Retire(at) if !keys.is_empty() => drop(connection.retire(*at.get(keys))),
        _ => {}
    }
}

/// Runs a whole conversation and lets the caller act after each piece.
fn converse(pieces: &[(Vec<u8>, Action)]) {
    let mut connection = server(LIMITS);
    let (mut input, mut keys) = (BytesMut::new(), Vec::new());
    for (piece, action) in pieces {
        input.extend_from_slice(piece);
        let result = connection.handle_input(&mut input);
        assert!(result.is_ok() || connection.should_close());
        take_events(&mut connection, &mut keys);
        act(&mut connection, &keys, *action);
        take_events(&mut connection, &mut keys);
        take_answers(&mut connection);
    }
    for key in &keys {
        let _stale_or_not = connection.retire(*key);
    }
    assert_eq!(connection.poll_event().and_then(|event| event.key()), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 400 }))]

    #[test]
    fn records_to_an_application(pieces in vec((any_record(), any_action()), 0..RECORDS)) {
        converse(&pieces);
    }

    #[test]
    fn bytes_to_an_application(
        pieces in vec((vec(prop_oneof![0..12_u8, any::<u8>()], 0..40), any_action()), 0..RECORDS / 3),
    ) {
        converse(&pieces);
    }

    #[test]
    fn records_to_a_web_server(records in vec(any_record(), 0..RECORDS), noise in vec(any::<u8>(), 0..40)) {
        let mut connection = client::Connection::new(LIMITS);
        let params: Params = [("A", "b")].into_iter().collect();
        for _ in 0..3 {
            connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
        }
        let mut input = BytesMut::new();
        let mut ended = 0;
        for piece in records.iter().chain([&noise]) {
            input.extend_from_slice(piece);
            if connection.handle_input(&mut input).is_err() {
                break;
            }
        }
        connection.handle_eof();
        while let Some(event) = connection.poll_event() {
            ended += usize::from(matches!(event, client::Event::End { .. } | client::Event::Lost { .. }));
        }
        prop_assert_eq!((ended, connection.active_requests()), (3, 0));
    }
}
