//! Conversations cut at every place: however the bytes arrive, the events and the answers are the same.

use std::fmt::Debug;

use bytes::BytesMut;
use fcgi_proto::{EndRequest, Flags, Limits, Params, Record, RecordDecoder, Role, client, encode};

use crate::common::{
    ABORT, DATA, GET_VALUES, PARAMS, STDERR, STDIN, STDOUT, begin, client_events, describe, end, events,
    feed, multiplexed, padded, params, record, sent, server, whole_request,
};

/// Runs `bytes` through `run` in one piece, cut in two at every place, and byte by byte.
fn every_split<T: Debug + PartialEq>(bytes: &[u8], run: impl Fn(&[&[u8]]) -> T) -> T {
    let whole = run(&[bytes]);
    for cut in (0..=bytes.len()).step_by(if cfg!(miri) { 300 } else { 1 }) {
        let (first, second) = bytes.split_at(cut);
        assert_eq!(run(&[first, second]), whole, "cut at {cut}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(run(&single), whole, "byte by byte");
    whole
}

/// Serves every request as soon as its body has ended, and gives what was told and sent, and the error.
fn serve(limits: Limits, pieces: &[&[u8]]) -> (Vec<String>, Vec<u8>, Option<String>) {
    let mut connection = server(limits);
    let (mut told, mut answers, mut error) = (Vec::new(), Vec::new(), None);
    let mut input = BytesMut::new();
    for piece in pieces {
        input.extend_from_slice(piece);
        if let Err(reason) = connection.handle_input(&mut input) {
            error = Some(reason.to_string());
            input.clear();
        }
        while let Some(event) = connection.poll_event() {
            told.push(describe(&event));
        }
        answers.extend(sent(&mut connection));
    }
    (told, answers, error)
}

#[test]
fn a_long_conversation_of_several_requests() {
    let long_value = [&b"\x04\x80\x00\x00\x90NAME"[..], &[b'v'; 0x90]].concat();
    let (first_half, second_half) = long_value.split_at(3);
    let bytes = [
        record(GET_VALUES, 0, b"\x0f\x00FCGI_MPXS_CONNS"),
        begin(1, 1, 1),
        padded(PARAMS, 1, first_half, 7),
        begin(3, 3, 1),
        record(STDIN, 3, b"early"),
        padded(PARAMS, 1, second_half, 255),
        padded(PARAMS, 1, b"", 8),
        padded(STDIN, 1, b"hello", 3),
        params(3, b"\x01\x01Ab"),
        padded(99, 0, b"abc", 5),
        record(99, 7, b"skipped"),
        record(STDIN, 3, b""),
        record(DATA, 3, b"file"),
        record(DATA, 3, b""),
        record(STDIN, 1, b""),
        begin(4, 9, 1),
        record(ABORT, 3, b""),
    ]
    .concat();
    let (told, answers, error) = every_split(&bytes, |pieces| serve(multiplexed(4), pieces));
    let expected = [
        &format!("request 1 RESPONDER keep=true NAME={};", "v".repeat(0x90)),
        "stdin 1 hello",
        "request 3 FILTER keep=true A=b;",
        "stdin 3 early",
        "stdin-end 3",
        "data 3 file",
        "data-end 3",
        "stdin-end 1",
        "aborted 3",
    ];
    assert_eq!(told, expected);
    let expected = [
        padded_with_zeros(10, 0, b"\x0f\x01FCGI_MPXS_CONNS1"),
        record(11, 0, &[99, 0, 0, 0, 0, 0, 0, 0]),
        end(4, 0, 3),
    ];
    assert_eq!(answers, expected.concat());
    assert_eq!(error, None);
}

/// A record as a strict sender writes it: up to a multiple of eight, with zeros.
fn padded_with_zeros(record_type: u8, id: u16, content: &[u8]) -> Vec<u8> {
    let padding = content.len().next_multiple_of(8) - content.len();
    let mut bytes = padded(record_type, id, content, u8::try_from(padding).unwrap());
    let length = bytes.len();
    bytes[length - padding..].fill(0);
    bytes
}

#[test]
fn an_error_comes_at_the_same_place_however_the_bytes_arrive() {
    let bytes = [whole_request(1), b"HTTP/1.1 ".to_vec()].concat();
    let (told, _, error) = every_split(&bytes, |pieces| serve(Limits::default(), pieces));
    assert_eq!(told, ["request 1 RESPONDER keep=true A=b;", "stdin-end 1", "aborted 1"]);
    assert_eq!(error.as_deref(), Some("unsupported FastCGI version `72`"));
}

#[test]
fn pairs_arrive_whole_whatever_cuts_them_into_records() {
    let stream = b"\x04\x80\x00\x00\x03LONGabc\x00\x00\x80\x00\x00\x02\x01AB1";
    let expected = ["request 1 RESPONDER keep=true LONG=abc;=;AB=1;"];
    for cut in 1..stream.len() {
        let (first, second) = stream.split_at(cut);
        let mut connection = server(Limits::default());
        feed(&mut connection, &[begin(1, 1, 1), record(PARAMS, 1, first), params(1, second)].concat())
            .unwrap();
        assert_eq!(events(&mut connection), expected, "cut at {cut}");
    }
    let mut connection = server(Limits::default());
    feed(&mut connection, &begin(1, 1, 1)).unwrap();
    for byte in stream {
        feed(&mut connection, &padded(PARAMS, 1, &[*byte], 255)).unwrap();
    }
    feed(&mut connection, &record(PARAMS, 1, b"")).unwrap();
    assert_eq!(events(&mut connection), expected, "one byte in each record");
}

#[test]
fn answers_arrive_whole_at_the_web_server() {
    let bytes = [
        padded(STDOUT, 1, b"Status: 200 OK\r\n\r\n", 5),
        record(STDERR, 1, b"oops\n"),
        record(10, 0, b"\x0f\x01FCGI_MPXS_CONNS1\x0d\x02FCGI_MAX_REQS12"),
        record(STDOUT, 9, b"nobody's"),
        record(STDOUT, 2, b"second"),
        record(STDERR, 1, b""),
        record(STDOUT, 1, b""),
        end(1, 7, 0),
        record(STDOUT, 1, b"too late"),
        record(11, 0, &[99, 0, 0, 0, 0, 0, 0, 0]),
        end(2, 0, 2),
    ]
    .concat();
    let run = |pieces: &[&[u8]]| {
        let mut connection = client::Connection::new(multiplexed(2));
        for _ in 0..2 {
            connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &Params::default()).unwrap();
        }
        let mut input = BytesMut::new();
        let mut error = None;
        for piece in pieces {
            input.extend_from_slice(piece);
            error = error.or(connection.handle_input(&mut input).err());
        }
        (client_events(&mut connection), error)
    };
    let (told, error) = every_split(&bytes, run);
    let expected = [
        "stdout 1 Status: 200 OK\\r\\n\\r\\n",
        "stderr 1 oops\\n",
        "ReportedValues { max_conns: None, max_reqs: Some(12), mpxs_conns: Some(true) }",
        "stdout 2 second",
        "stderr-end 1",
        "stdout-end 1",
        "end 1 7 REQUEST_COMPLETE",
        "UnknownType { record_type: type 99 }",
        "end 2 0 OVERLOADED",
    ];
    assert_eq!(told, expected);
    assert_eq!(error, None);
}

#[test]
fn records_come_out_whole_and_a_partial_one_stays() {
    let bytes = [padded(STDIN, 1, b"hello", 3), padded(42, 65535, b"", 255), record(DATA, 0, b"x")].concat();
    let run = |pieces: &[&[u8]]| -> Vec<Record> {
        let (mut decoder, mut input, mut records) = (RecordDecoder::new(), BytesMut::new(), Vec::new());
        for piece in pieces {
            input.extend_from_slice(piece);
            while let Some(record) = decoder.decode(&mut input).unwrap() {
                records.push(record);
            }
            assert_eq!(decoder.is_mid_record(), !input.is_empty());
        }
        records
    };
    let ids: Vec<_> = every_split(&bytes, run).iter().map(|record| record.request_id).collect();
    assert_eq!(ids, [1, 65535, 0]);
}

#[test]
fn the_missing_bytes_are_told() {
    let bytes = padded(STDIN, 1, b"hello", 3);
    for cut in 1..bytes.len() {
        let mut connection = server(Limits::default());
        connection.handle_input(&mut BytesMut::from(&bytes[..cut])).unwrap();
        let wanted = if cut < 8 { 8 } else { 16 };
        assert_eq!(connection.missing_bytes(), wanted - cut);
        assert!(connection.is_mid_record() && !connection.is_idle());
    }
}

#[test]
fn a_stream_of_65535_bytes_and_255_of_padding_is_taken_exactly() {
    let bytes = [
        begin(1, 1, 1),
        params(1, b"\x01\x01Ab"),
        padded(STDIN, 1, &vec![b'x'; 65535], 255),
        padded(STDIN, 1, b"", 255),
    ];
    let bytes = bytes.concat();
    let steps: &[usize] = if cfg!(miri) { &[65535] } else { &[1, 7, 4096, 65535, 70000] };
    for &step in steps {
        let mut connection = server(Limits::default());
        let (mut input, mut told) = (BytesMut::new(), Vec::new());
        for piece in bytes.chunks(step) {
            input.extend_from_slice(piece);
            connection.handle_input(&mut input).unwrap();
            told.extend(events(&mut connection));
        }
        let body = format!("stdin 1 {}", "x".repeat(65535));
        assert_eq!(told, ["request 1 RESPONDER keep=true A=b;", &body, "stdin-end 1"], "{step} at a time");
        assert!(input.is_empty() && !connection.is_mid_record());
    }
}

#[test]
fn encoded_streams_fit_together_at_every_length_around_the_largest_record() {
    let lengths = [0, 1, 7, 8, 9, 65527, 65528, 65529, 65535, 65536, 131_056, 131_057, 200_000];
    for length in &lengths[..if cfg!(miri) { 5 } else { lengths.len() }] {
        let content: Vec<u8> = (0..=u8::MAX).cycle().take(*length).collect();
        let mut bytes = BytesMut::new();
        let id = fcgi_proto::RequestId::ONE;
        encode::encode_stream(&mut bytes, fcgi_proto::RecordType::STDOUT, id, &content);
        encode::encode_end(&mut bytes, id, EndRequest::complete(0));
        assert_eq!(bytes.len() % 8, 0);
        assert_eq!(strict_stdout(&bytes), content, "{length} bytes");
    }
}

/// Reads STDOUT records up to `END_REQUEST` with nothing of this crate.
fn strict_stdout(mut bytes: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    loop {
        let (header, rest) = bytes.split_at(8);
        let length = usize::from(header[4]) * 256 + usize::from(header[5]);
        let (body, rest) = rest.split_at(length);
        let (padding, rest) = rest.split_at(usize::from(header[6]));
        assert_eq!((header[0], header[7]), (1, 0));
        assert!(padding.iter().all(|byte| *byte == 0));
        match header[1] {
            STDOUT => assert!(!body.is_empty(), "an empty record would end the stream"),
            _ => return content,
        }
        content.extend_from_slice(body);
        bytes = rest;
    }
}
