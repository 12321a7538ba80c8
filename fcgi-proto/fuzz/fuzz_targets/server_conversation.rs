//! An application's connection: input at random, commands at random.
#![no_main]

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, RequestKey, Roles, Settings};
use fcgi_proto::{Limits, ServerValues};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    /// Raw bytes from the peer.
    Bytes(&'a [u8]),
    /// A record with a right header from the peer.
    Record {
        record_type: u8,
        id: u8,
        content: &'a [u8],
        padding: u8,
    },
    Stdout {
        key: u8,
        length: u16,
    },
    Stderr {
        key: u8,
        length: u16,
    },
    End {
        key: u8,
    },
    Retire {
        key: u8,
    },
    Eof,
}

const LIMITS: Limits = Limits {
    max_params_bytes: 200,
    max_params_pairs: 8,
    max_active_requests: 3,
    max_skipped_bytes: 2000,
    max_management_bytes: 200,
    max_early_bytes: 50,
    max_unknown_type_answers: 3,
    max_warnings: 3,
};

fn take_events(connection: &mut Connection, keys: &mut Vec<RequestKey>) {
    while let Some(event) = connection.poll_event() {
        match event {
            Event::Request { key, params, .. } => {
                assert!(params.as_bytes().len() <= LIMITS.max_params_bytes);
                assert!(params.len() <= LIMITS.max_params_pairs);
                keys.push(key);
            }
            Event::Rejected { key, .. } => keys.push(key),
            other => assert!(other.key().is_none_or(|key| keys.contains(&key))),
        }
    }
    assert!(connection.active_requests() <= 2 * LIMITS.max_active_requests);
}

/// Walks over the records that were sent.
fn take_answers(connection: &mut Connection) {
    let bytes: Vec<u8> = std::iter::from_fn(|| connection.poll_transmit()).flatten().collect();
    let mut rest = &bytes[..];
    while !rest.is_empty() {
        assert_eq!((rest[0], rest[7]), (1, 0));
        assert!([3, 6, 7, 10, 11].contains(&rest[1]));
        let length = usize::from(rest[4]) * 256 + usize::from(rest[5]) + usize::from(rest[6]);
        rest = &rest[8 + length..];
    }
}

fn give(connection: &mut Connection, input: &mut BytesMut) {
    if connection.handle_input(input).is_err() {
        assert!(connection.should_close());
        input.clear();
    }
}

fuzz_target!(|operations: Vec<Operation<'_>>| {
    let values = ServerValues { max_conns: 1, max_reqs: 3 };
    let mut connection = Connection::new(Settings { limits: LIMITS, roles: Roles::ALL, values, ..Settings::default() });
    let (mut input, mut keys) = (BytesMut::new(), Vec::new());
    for operation in operations {
        let key = |at: u8| keys.get(usize::from(at) % keys.len().max(1)).copied();
        let payload = |length: u16| Bytes::from(vec![b'x'; usize::from(length)]);
        match operation {
            Operation::Bytes(bytes) => {
                input.extend_from_slice(bytes);
                give(&mut connection, &mut input);
            }
            Operation::Record { record_type, id, content, padding } => {
                let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
                input.extend_from_slice(&[1, record_type % 13, 0, id % 6]);
                input.extend_from_slice(&length.to_be_bytes());
                input.extend_from_slice(&[padding, 0]);
                input.extend_from_slice(&content[..usize::from(length)]);
                input.extend_from_slice(&vec![0xee; usize::from(padding)]);
                give(&mut connection, &mut input);
            }
            Operation::Stdout { key: at, length } => {
                let _stale = key(at).map(|key| connection.stdout(key, payload(length)));
            }
            Operation::Stderr { key: at, length } => {
                let _stale = key(at).map(|key| connection.stderr(key, payload(length)));
            }
            Operation::End { key: at } => {
                let _stale = key(at).map(|key| connection.end_request(key, 0));
            }
            Operation::Retire { key: at } => {
                let _stale = key(at).map(|key| connection.retire(key));
            }
            Operation::Eof => connection.handle_eof(),
        }
        take_events(&mut connection, &mut keys);
        take_answers(&mut connection);
    }
});
