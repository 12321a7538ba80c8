//! Odd and hostile input to a web server, from an application.

use bytes::BytesMut;
use fcgi_proto::client::Connection;
use fcgi_proto::{Flags, Limits, Params, ProtocolError, RequestKey, Role};

use crate::common::{BEGIN, END, STDIN, STDOUT, client_events, end, record};

/// A connection with request 1 active.
fn waiting(limits: Limits, flags: Flags) -> (Connection, RequestKey) {
    let mut connection = Connection::new(limits);
    let key = connection.begin(Role::RESPONDER, flags, &Params::default()).unwrap();
    (connection, key)
}

fn feed(connection: &mut Connection, bytes: &[u8]) -> Result<(), ProtocolError> {
    connection.handle_input(&mut BytesMut::from(bytes))
}

#[test]
fn what_cannot_be_understood_ends_the_connection_and_the_requests() {
    let cases = [
        (record(END, 1, &[0; 7]), ProtocolError::BodyLength { name: "END_REQUEST", length: 7 }),
        (record(END, 0, &[0; 8]), ProtocolError::NullRequestId { name: "END_REQUEST" }),
        (record(11, 0, &[0; 9]), ProtocolError::BodyLength { name: "UNKNOWN_TYPE", length: 9 }),
        (record(10, 0, b"\x0d\x02FCGI"), ProtocolError::MalformedValues),
        (record(10, 0, &[0; 15]), ProtocolError::ManagementTooLarge { length: 15, limit: 14 }),
        (b"\x00".to_vec(), ProtocolError::UnsupportedVersion { version: 0 }),
    ];
    for (bytes, error) in cases {
        let limits = Limits { max_management_bytes: 14, ..Limits::default() };
        let (mut connection, _) = waiting(limits, Flags::KEEP_CONN);
        assert_eq!(feed(&mut connection, &bytes), Err(error));
        assert_eq!(feed(&mut connection, &end(1, 0, 0)), Err(error), "the connection stays dead");
        assert_eq!(client_events(&mut connection), ["lost 1"]);
        assert!(connection.should_close() && connection.active_requests() == 0);
    }
}

#[test]
fn records_that_make_no_sense_are_skipped() {
    let (mut connection, _) = waiting(Limits::default(), Flags::KEEP_CONN);
    for id in [0, 1, 2] {
        for record_type in [BEGIN, 2, 4, STDIN, 8, 9, 77] {
            feed(&mut connection, &record(record_type, id, b"whatever")).unwrap();
        }
    }
    feed(&mut connection, &[record(STDOUT, 2, b"nobody's"), record(END, 2, b"short"), end(1, 0, 9)].concat())
        .unwrap();
    assert_eq!(client_events(&mut connection), ["end 1 0 protocol status 9"]);
}

#[test]
fn records_of_no_request_are_skipped_up_to_a_limit() {
    let limits = Limits { max_skipped_bytes: 1000, ..Limits::default() };
    let (mut connection, _) = waiting(limits, Flags::KEEP_CONN);
    feed(&mut connection, &record(STDOUT, 2, &[0; 5000])).unwrap();
    feed(&mut connection, &end(1, 0, 0)).unwrap();
    feed(&mut connection, &record(STDOUT, 1, &[0; 992])).unwrap();
    connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &Params::default()).unwrap();
    feed(&mut connection, &[end(1, 0, 0), record(STDOUT, 1, &[0; 992])].concat()).unwrap();
    assert_eq!(
        feed(&mut connection, &record(STDOUT, 1, b"")),
        Err(ProtocolError::SkippedInput { limit: 1000 })
    );
}

#[test]
fn a_connection_that_is_not_kept_can_close_when_its_last_request_has_ended() {
    let (mut connection, _) = waiting(Limits::default(), Flags::NONE);
    assert!(!connection.should_close());
    feed(&mut connection, &end(1, 0, 0)).unwrap();
    assert!(connection.should_close() && connection.is_idle());
}
