//! A web server's connection: commands at random, and input at random as the answer.
#![no_main]

use std::collections::HashMap;

use arbitrary::Arbitrary;
use bytes::{Bytes, BytesMut};
use fcgi_proto::client::{Connection, Event, RequestKey};
use fcgi_proto::{Flags, Limits, Params, Role};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
enum Operation<'a> {
    Begin {
        role: u8,
        keep: bool,
    },
    Stdin {
        key: u8,
        data: &'a [u8],
    },
    EndStdin {
        key: u8,
    },
    Data {
        key: u8,
        data: &'a [u8],
    },
    EndData {
        key: u8,
    },
    Abort {
        key: u8,
    },
    Values,
    /// Raw bytes from the peer.
    Bytes(&'a [u8]),
    /// A record with a right header from the peer.
    Record {
        record_type: u8,
        id: u8,
        content: &'a [u8],
        padding: u8,
    },
    Eof,
}

fn give(connection: &mut Connection, input: &mut BytesMut) {
    if connection.handle_input(input).is_err() {
        assert!(connection.should_close());
        input.clear();
    }
}

/// Counts how often each request has ended.
fn take_events(connection: &mut Connection, ends: &mut HashMap<RequestKey, usize>) {
    while let Some(event) = connection.poll_event() {
        if let Event::End { key, .. } | Event::Lost { key } = event {
            *ends.get_mut(&key).expect("the end of a request that was begun") += 1;
        }
    }
}

fuzz_target!(|operations: Vec<Operation<'_>>| {
    let limits = Limits { max_active_requests: 3, max_skipped_bytes: 2000, ..Limits::default() };
    let mut connection = Connection::new(limits);
    let params: Params = [("A", "b")].into_iter().collect();
    let (mut input, mut keys, mut ends) = (BytesMut::new(), Vec::new(), HashMap::new());
    for operation in operations {
        let key = |at: u8| keys.get(usize::from(at) % keys.len().max(1)).copied();
        match operation {
            Operation::Begin { role, keep } => {
                let role = Role(u16::from(role % 4));
                if let Ok(key) = connection.begin(role, Flags(u8::from(keep)), &params) {
                    keys.push(key);
                    ends.insert(key, 0);
                }
            }
            Operation::Stdin { key: at, data } => {
                let _stale = key(at).map(|key| connection.stdin(key, Bytes::copy_from_slice(data)));
            }
            Operation::Data { key: at, data } => {
                let _stale = key(at).map(|key| connection.data(key, Bytes::copy_from_slice(data)));
            }
            Operation::EndStdin { key: at } => {
                let _stale = key(at).map(|key| connection.end_stdin(key));
            }
            Operation::EndData { key: at } => {
                let _stale = key(at).map(|key| connection.end_data(key));
            }
            Operation::Abort { key: at } => {
                let _stale = key(at).map(|key| connection.abort(key));
            }
            Operation::Values => connection.request_values(),
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
            Operation::Eof => connection.handle_eof(),
        }
        while connection.poll_transmit().is_some() {}
        take_events(&mut connection, &mut ends);
    }
    connection.handle_eof();
    take_events(&mut connection, &mut ends);
    assert!(ends.values().all(|count| *count == 1));
    assert_eq!(connection.active_requests(), 0);
});
