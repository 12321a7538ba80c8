//! Odd and hostile input that concerns the connection: framing, ids, roles, management records, and the end.

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Disposition, Roles, Settings};
use fcgi_proto::{Limits, ProtocolError, RequestId};

use crate::common::{
    ABORT, DATA, END, GET_VALUES, PARAMS, REQUEST_1, STDERR, STDIN, STDOUT, begin, end, events, feed, fresh,
    keys, many, multiplexed, padded, params, record, sent, server, serving, stdout_end, unknown_type,
    whole_request,
};

#[test]
fn eof_before_anything_is_silent() {
    let mut connection = fresh();
    connection.handle_eof();
    assert_eq!(events(&mut connection), [""; 0]);
    assert!(connection.should_close() && connection.is_idle());
}

#[test]
fn eof_inside_a_header_or_a_content_is_seen() {
    for cut in [1, 7, 8, 12] {
        let mut connection = fresh();
        connection.handle_input(&mut BytesMut::from(&begin(1, 1, 1)[..cut])).unwrap();
        connection.handle_eof();
        assert!(connection.is_mid_record() && connection.should_close());
    }
}

#[test]
fn eof_inside_params_starts_nothing() {
    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 1, 1), record(PARAMS, 1, b"\x01\x01Ab")].concat()).unwrap();
    connection.handle_eof();
    assert_eq!(events(&mut connection), ["warning request `1`: input ended inside the parameters"]);
    assert_eq!(connection.active_requests(), 0);
}

#[test]
fn eof_inside_stdin_aborts_and_a_whole_request_is_still_answered() {
    let mut connection = server(multiplexed(2));
    let half = [begin(2, 1, 1), params(2, b"\x01\x01Ab"), record(STDIN, 2, b"par")].concat();
    feed(&mut connection, &[whole_request(1), half].concat()).unwrap();
    let (keys, _) = keys(&mut connection);
    connection.handle_eof();
    connection.handle_eof();
    assert_eq!(events(&mut connection), ["aborted 2"]);
    assert!(!connection.stdin_open(keys[1]));
    assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Keep));
    assert_eq!(connection.end_request(keys[1], 0), Ok(Disposition::Close));
    assert_eq!(sent(&mut connection), [stdout_end(1), end(1, 0, 0), stdout_end(2), end(2, 0, 0)].concat());
}

#[test]
fn other_versions_and_other_protocols_end_the_connection() {
    for version in [0, 2, 255] {
        let error = feed(&mut fresh(), &[version, 1, 0, 1, 0, 8, 0, 0]).unwrap_err();
        assert_eq!((error, error.hint()), (ProtocolError::UnsupportedVersion { version }, None));
    }
    for (bytes, hint) in [
        (&b"GET / HTTP/1.1\r\n"[..], "the peer seems to speak HTTP"),
        (&b"\x16\x03\x01\x02\x00\x01"[..], "the peer seems to speak TLS"),
        (&b"70:CONTENT_LENGTH"[..], "the peer seems to speak SCGI"),
    ] {
        assert_eq!(feed(&mut fresh(), bytes).unwrap_err().hint(), Some(hint));
    }
}

#[test]
fn an_error_aborts_what_is_active_and_stays() {
    let (mut connection, key) = serving(multiplexed(3));
    feed(&mut connection, &begin(2, 1, 1)).unwrap();
    let mut input = BytesMut::from(&b"\x07"[..]);
    let error = connection.handle_input(&mut input).unwrap_err();
    assert_eq!(events(&mut connection), ["aborted 1"]);
    assert!(connection.should_close());
    assert_eq!(connection.active_requests(), 1, "request 2 was never seen and is forgotten");
    assert_eq!(connection.handle_input(&mut BytesMut::from(&begin(3, 1, 1)[..])), Err(error));
    assert_eq!(events(&mut connection), [""; 0]);
    assert_eq!(connection.retire(key), Ok(Disposition::Close));
}

#[test]
fn reserved_bytes_unknown_flags_and_dirty_padding_are_accepted() {
    let mut bytes = padded(1, 1, &[0, 1, 0xff, 1, 2, 3, 4, 5], 255);
    bytes[7] = 0xaa;
    bytes.extend(padded(PARAMS, 1, b"\x01\x01Ab", 1));
    bytes.extend(padded(PARAMS, 1, b"", 255));
    bytes.extend(padded(STDIN, 1, b"", 17));
    let mut connection = fresh();
    feed(&mut connection, &bytes).unwrap();
    assert_eq!(events(&mut connection), REQUEST_1);
}

#[test]
fn begin_of_another_length_or_without_id_ends_the_connection() {
    for length in [0, 4, 7, 9, 16] {
        let error = feed(&mut fresh(), &record(1, 1, &vec![0; length])).unwrap_err();
        let length = u16::try_from(length).unwrap();
        assert_eq!(error, ProtocolError::BodyLength { name: "BEGIN_REQUEST", length });
    }
    let error = feed(&mut fresh(), &begin(0, 1, 1)).unwrap_err();
    assert_eq!(error, ProtocolError::NullRequestId { name: "BEGIN_REQUEST" });
}

#[test]
fn unknown_roles_are_answered_and_others_go_on() {
    for role in [[0, 0], [0, 4], [0xff, 0xff]] {
        let (mut connection, key) = serving(multiplexed(2));
        let body = [role[0], role[1], 1, 0, 0, 0, 0, 0];
        let bytes = [record(1, 5, &body), record(PARAMS, 5, b"junk"), record(STDIN, 5, b"")].concat();
        feed(&mut connection, &bytes).unwrap();
        assert_eq!(sent(&mut connection), end(5, 0, 3));
        assert_eq!(events(&mut connection), [""; 0]);
        assert_eq!(connection.end_request(key, 0), Ok(Disposition::Keep));
    }
}

#[test]
fn an_unknown_role_that_does_not_keep_the_connection_closes_it_when_idle() {
    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 77, 0), b"never read".to_vec()].concat()).unwrap();
    assert_eq!(sent(&mut connection), end(1, 0, 3));
    assert!(connection.should_close());

    let (mut connection, key) = serving(multiplexed(2));
    feed(&mut connection, &begin(5, 77, 0)).unwrap();
    assert!(!connection.should_close());
    assert_eq!(connection.end_request(key, 0), Ok(Disposition::Close));
}

#[test]
fn roles_that_the_application_does_not_play_are_unknown_to_it() {
    let mut connection = Connection::new(Settings::default());
    feed(&mut connection, &[begin(1, 2, 1), begin(2, 3, 1), whole_request(3)].concat()).unwrap();
    assert_eq!(sent(&mut connection), [end(1, 0, 3), end(2, 0, 3)].concat());
    assert_eq!(events(&mut connection), ["request 3 RESPONDER keep=true A=b;", "stdin-end 3"]);
    assert!(!Roles::default().contains(fcgi_proto::Role::AUTHORIZER));
}

#[test]
fn begin_of_an_active_id_ends_the_connection() {
    let (mut connection, _) = serving(multiplexed(2));
    let id = RequestId::new(1).unwrap();
    assert_eq!(feed(&mut connection, &begin(1, 1, 1)), Err(ProtocolError::AlreadyActive { id }));
}

#[test]
fn records_that_only_an_application_sends_are_answered_once_and_ignored() {
    let mut connection = fresh();
    for record_type in [10, 3, 6, 7, 10, 11, 2, 4, 5, 8] {
        feed(&mut connection, &record(record_type, 0, b"")).unwrap();
    }
    assert_eq!(sent(&mut connection), unknown_type(10));
    for record_type in [END, STDOUT, STDERR, GET_VALUES, 10, 11] {
        feed(&mut connection, &record(record_type, 1, b"whatever")).unwrap();
    }
    assert_eq!(sent(&mut connection), []);
    feed(&mut connection, &whole_request(1)).unwrap();
    let told = events(&mut connection);
    assert_eq!(told[0], "warning unexpected record `GET_VALUES_RESULT` with request id `0`");
    assert_eq!(told[16..], REQUEST_1);
}

#[test]
fn unknown_types_are_skipped_with_an_id_and_answered_without_up_to_a_limit() {
    let mut connection = fresh();
    for record_type in [0, 12, 255] {
        feed(&mut connection, &record(record_type, 1, b"whatever")).unwrap();
    }
    assert_eq!(sent(&mut connection), []);
    for record_type in [0, 12, 255] {
        feed(&mut connection, &padded(record_type, 0, b"whatever", 3)).unwrap();
    }
    assert_eq!(sent(&mut connection), [unknown_type(0), unknown_type(12), unknown_type(255)].concat());
    feed(&mut connection, &record(99, 0, b"").repeat(many(2000))).unwrap();
    assert_eq!(sent(&mut connection), unknown_type(99).repeat(29));
    assert_eq!(events(&mut connection), [""; 0]);
}

#[test]
fn a_query_of_many_names_gets_one_answer_for_each_known_one() {
    let repeated =
        [&b"\x0d\x03FCGI_MAX_REQSset"[..], b"\x05\x00X_FOO", b"\x00\x00"].concat().repeat(many(2000));
    let mut connection = fresh();
    feed(&mut connection, &record(GET_VALUES, 0, &repeated)).unwrap();
    let mut expected = record(10, 0, b"\x0d\x02FCGI_MAX_REQS16");
    expected[6] = 7;
    expected.extend([0; 7]);
    assert_eq!(sent(&mut connection), expected);
}

#[test]
fn malformed_and_oversized_queries_end_the_connection() {
    for content in [&b"\x0d"[..], b"\x0d\x00FCGI", b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x01\x00A\x80"] {
        let error = feed(&mut fresh(), &record(GET_VALUES, 0, content)).unwrap_err();
        assert_eq!(error, ProtocolError::MalformedValues);
    }
    let mut connection = server(Limits { max_management_bytes: 14, ..Limits::default() });
    feed(&mut connection, &record(GET_VALUES, 0, b"\x0c\x00FCGI_MAX_REQ")).unwrap();
    let error = feed(&mut connection, &record(GET_VALUES, 0, b"\x0d\x00FCGI_MAX_REQS")).unwrap_err();
    assert_eq!(error, ProtocolError::ManagementTooLarge { length: 15, limit: 14 });
}

#[test]
fn a_query_in_the_middle_of_a_request_is_answered_between_records() {
    let (mut connection, key) = serving(Limits::default());
    connection.stdout(key, Bytes::from_static(b"12345678")).unwrap();
    feed(&mut connection, &record(GET_VALUES, 0, b"\x05\x00X_FOO")).unwrap();
    connection.end_request(key, 0).unwrap();
    let expected = [record(STDOUT, 1, b"12345678"), record(10, 0, b""), stdout_end(1), end(1, 0, 0)];
    assert_eq!(sent(&mut connection), expected.concat());
}

#[test]
fn warnings_are_told_a_limited_number_of_times() {
    let (mut connection, _) = serving(Limits { max_warnings: 3, ..Limits::default() });
    feed(&mut connection, &record(STDIN, 1, b"more").repeat(100)).unwrap();
    assert_eq!(events(&mut connection).len(), 3);
}

#[test]
fn closing_waits_for_the_last_active_request() {
    let mut connection = server(multiplexed(2));
    let first = [begin(1, 1, 0), params(1, b"\x01\x01Ab"), record(STDIN, 1, b"")].concat();
    feed(&mut connection, &[first, whole_request(2)].concat()).unwrap();
    let (keys, _) = keys(&mut connection);
    assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Keep));
    assert!(!connection.should_close());
    assert_eq!(connection.end_request(keys[1], 0), Ok(Disposition::Close));
    assert!(connection.should_close());
}

#[test]
fn records_of_inactive_requests_are_skipped_up_to_a_limit() {
    let limits = Limits { max_skipped_bytes: 1000, ..Limits::default() };
    let mut connection = server(limits);
    for record_type in [ABORT, PARAMS, STDIN, DATA, 77] {
        feed(&mut connection, &record(record_type, 9, b"nobody's")).unwrap();
    }
    feed(&mut connection, &whole_request(1)).unwrap();
    let (keys, _) = keys(&mut connection);
    feed(&mut connection, &record(STDIN, 9, &[0; 5000])).unwrap();
    connection.end_request(keys[0], 0).unwrap();
    feed(&mut connection, &record(STDIN, 9, &[0; 992])).unwrap();
    let error = feed(&mut connection, &record(STDIN, 9, b"")).unwrap_err();
    assert_eq!(error, ProtocolError::SkippedInput { limit: 1000 });
}
