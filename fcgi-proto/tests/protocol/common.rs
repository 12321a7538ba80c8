//! What the tests of this crate share. Records are put together by hand here, so that a mistake of the
//! encoder cannot cancel itself.

use bytes::BytesMut;
use fcgi_proto::{Limits, Params, ProtocolError, client, server};

pub(crate) const BEGIN: u8 = 1;
pub(crate) const ABORT: u8 = 2;
pub(crate) const END: u8 = 3;
pub(crate) const PARAMS: u8 = 4;
pub(crate) const STDIN: u8 = 5;
pub(crate) const STDOUT: u8 = 6;
pub(crate) const STDERR: u8 = 7;
pub(crate) const DATA: u8 = 8;
pub(crate) const GET_VALUES: u8 = 9;

/// How often to do what is to be done often: less where every instruction is interpreted.
pub(crate) const fn many(times: usize) -> usize {
    if cfg!(miri) { times.div_ceil(50) } else { times }
}

/// One record with `padding` bytes of 0xee.
pub(crate) fn padded(record_type: u8, id: u16, content: &[u8], padding: u8) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap();
    let mut bytes = vec![1, record_type];
    bytes.extend_from_slice(&id.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&[padding, 0]);
    bytes.extend_from_slice(content);
    bytes.resize(bytes.len() + usize::from(padding), 0xee);
    bytes
}

/// One record without padding.
pub(crate) fn record(record_type: u8, id: u16, content: &[u8]) -> Vec<u8> {
    padded(record_type, id, content, 0)
}

/// `BEGIN_REQUEST`.
pub(crate) fn begin(id: u16, role: u8, flags: u8) -> Vec<u8> {
    record(BEGIN, id, &[0, role, flags, 0, 0, 0, 0, 0])
}

/// A responder's request that keeps the connection, whole, with the parameter A=b and an empty body.
pub(crate) fn whole_request(id: u16) -> Vec<u8> {
    [begin(id, 1, 1), params(id, b"\x01\x01Ab"), record(STDIN, id, b"")].concat()
}

/// PARAMS in one record, and their end.
pub(crate) fn params(id: u16, content: &[u8]) -> Vec<u8> {
    [record(PARAMS, id, content), record(PARAMS, id, b"")].concat()
}

/// `END_REQUEST`.
pub(crate) fn end(id: u16, app_status: u8, protocol_status: u8) -> Vec<u8> {
    record(END, id, &[0, 0, 0, app_status, protocol_status, 0, 0, 0])
}

/// A connection of an application that plays all roles.
pub(crate) fn server(limits: Limits) -> server::Connection {
    let values = fcgi_proto::ServerValues { max_conns: 16, max_reqs: 16 };
    server::Connection::new(server::Settings {
        limits,
        roles: server::Roles::ALL,
        values,
        ..Default::default()
    })
}

/// Limits that let several requests be active.
pub(crate) fn multiplexed(max_active_requests: usize) -> Limits {
    Limits { max_active_requests, ..Limits::default() }
}

/// Gives bytes to an application's connection, all of which it has to take.
pub(crate) fn feed(connection: &mut server::Connection, bytes: &[u8]) -> Result<(), ProtocolError> {
    let mut input = BytesMut::from(bytes);
    connection.handle_input(&mut input)?;
    assert!(input.is_empty(), "{} bytes were left", input.len());
    Ok(())
}

/// All waiting events, as text.
pub(crate) fn events(connection: &mut server::Connection) -> Vec<String> {
    std::iter::from_fn(|| connection.poll_event()).map(|event| describe(&event)).collect()
}

/// All bytes that wait to be sent.
pub(crate) fn sent(connection: &mut server::Connection) -> Vec<u8> {
    std::iter::from_fn(|| connection.poll_transmit()).flatten().collect()
}

/// The keys of the requests that were announced, and the events as text.
pub(crate) fn keys(connection: &mut server::Connection) -> (Vec<server::RequestKey>, Vec<String>) {
    let mut keys = Vec::new();
    let mut texts = Vec::new();
    while let Some(event) = connection.poll_event() {
        if let server::Event::Request { key, .. } | server::Event::Rejected { key, .. } = event {
            keys.push(key);
        }
        texts.push(describe(&event));
    }
    (keys, texts)
}

/// One event as text, without the generation in its key.
pub(crate) fn describe(event: &server::Event) -> String {
    use server::Event::{Aborted, Data, DataEnd, Rejected, Request, Stdin, StdinEnd, Warning};
    match event {
        Request { key, role, keep_conn, params } => {
            format!("request {key} {role} keep={keep_conn} {}", pairs(params))
        }
        Rejected { key, reason, .. } => format!("rejected {key} {reason:?}"),
        Stdin { key, data } => format!("stdin {key} {}", data.escape_ascii()),
        StdinEnd { key } => format!("stdin-end {key}"),
        Data { key, data } => format!("data {key} {}", data.escape_ascii()),
        DataEnd { key } => format!("data-end {key}"),
        Aborted { key } => format!("aborted {key}"),
        Warning(warning) => format!("warning {warning}"),
        other => panic!("an event without a text: {other:?}"),
    }
}

/// All pairs as `A=b;C=d;`.
pub(crate) fn pairs(params: &Params) -> String {
    let text = |(name, value): (&[u8], &[u8])| format!("{}={};", name.escape_ascii(), value.escape_ascii());
    params.iter().map(text).collect()
}

/// All waiting events of a web server's connection, as text.
pub(crate) fn client_events(connection: &mut client::Connection) -> Vec<String> {
    use client::Event::{End, Lost, Stderr, StderrEnd, Stdout, StdoutEnd, UnknownType, Values};
    let describe = |event| match event {
        Stdout { key, data } => format!("stdout {key} {}", data.escape_ascii()),
        StdoutEnd { key } => format!("stdout-end {key}"),
        Stderr { key, data } => format!("stderr {key} {}", data.escape_ascii()),
        StderrEnd { key } => format!("stderr-end {key}"),
        End { key, end } => format!("end {key} {} {}", end.app_status, end.protocol_status),
        Lost { key } => format!("lost {key}"),
        Values(values) => format!("{values:?}"),
        UnknownType(unknown) => format!("{unknown:?}"),
        other => panic!("an event without a text: {other:?}"),
    };
    std::iter::from_fn(|| connection.poll_event()).map(describe).collect()
}

/// What is told of [`whole_request`].
pub(crate) const REQUEST_1: [&str; 2] = ["request 1 RESPONDER keep=true A=b;", "stdin-end 1"];

/// A connection as it was accepted.
pub(crate) fn fresh() -> server::Connection {
    server(Limits::default())
}

/// A connection with request 1 active, whole, and announced.
pub(crate) fn serving(limits: Limits) -> (server::Connection, server::RequestKey) {
    let mut connection = server(limits);
    feed(&mut connection, &whole_request(1)).unwrap();
    let (keys, told) = keys(&mut connection);
    assert_eq!(told, REQUEST_1);
    (connection, keys[0])
}

/// `UNKNOWN_TYPE`.
pub(crate) fn unknown_type(record_type: u8) -> Vec<u8> {
    record(11, 0, &[record_type, 0, 0, 0, 0, 0, 0, 0])
}

/// The empty STDOUT record.
pub(crate) fn stdout_end(id: u16) -> Vec<u8> {
    record(STDOUT, id, b"")
}
