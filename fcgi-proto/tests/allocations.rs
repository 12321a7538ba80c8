//! How often a request asks for memory: a constant few times on a new connection, not at all on one that
//! has served a request like it, and never for each parameter.
//!
//! Records are put together by hand, before anything is counted. The buffer is the caller's, as it would be
//! with a socket: what it needs is counted too.

#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

use allocation_counter::{AllocationInfo, measure};
use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, Settings};
use fcgi_proto::{Flags, Limits, Params, Role, client};

const BEGIN: u8 = 1;
const END: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const STDOUT: u8 = 6;

fn record(record_type: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, record_type, 0, 1, length[0], length[1], 0, 0], content].concat()
}

fn pair(number: u16) -> Vec<u8> {
    format!("\x09\x0bNAME_{number:04x}value {number:05}").into_bytes()
}

/// A request with so many parameters, which come in so many records, and a body of so many records.
fn request(pairs: u16, records: usize, body: usize) -> Vec<u8> {
    let pairs: Vec<Vec<u8>> = (0..pairs).map(pair).collect();
    let heads = pairs.chunks(pairs.len().div_ceil(records)).flat_map(|part| record(PARAMS, &part.concat()));
    let mut wire = record(BEGIN, &[0, 1, 1, 0, 0, 0, 0, 0]);
    wire.extend(heads);
    wire.extend(record(PARAMS, b""));
    wire.extend((0..body).flat_map(|_| record(STDIN, &[b'x'; 4096])));
    wire.extend(record(STDIN, b""));
    wire
}

/// A connection of an application and the buffer that it is read into.
struct Served {
    connection: Connection,
    input: BytesMut,
}

impl Served {
    fn new() -> Self {
        Self { connection: Connection::new(Settings::default()), input: BytesMut::new() }
    }

    /// Serves one request; gives the number of its parameters and the size of its body.
    fn serve(&mut self, wire: &[u8]) -> (usize, usize) {
        let (mut pairs, mut body, mut sent) = (0, 0, 0);
        self.input.extend_from_slice(wire);
        self.connection.handle_input(&mut self.input).unwrap();
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Request { params, .. } => pairs = params.iter().count(),
                Event::Stdin { data, .. } => body += data.len(),
                Event::StdinEnd { key } => {
                    let page = Bytes::from_static(b"Status: 200 OK\r\n\r\nhello");
                    self.connection.stdout(key, page).unwrap();
                    self.connection.end_request(key, 0).unwrap();
                }
                event => unreachable!("{event:?}"),
            }
        }
        while let Some(piece) = self.connection.poll_transmit() {
            sent += piece.len();
        }
        assert_eq!(sent, 8 + 24 + 8 + 16);
        (pairs, body)
    }
}

/// What the first request of a connection and its fourth ask for.
fn first_and_fourth(wire: &[u8], expected: (usize, usize)) -> (AllocationInfo, AllocationInfo) {
    let mut served = Served::new();
    let first = measure(|| assert_eq!(served.serve(wire), expected));
    served.serve(wire);
    served.serve(wire);
    let fourth = measure(|| assert_eq!(served.serve(wire), expected));
    (first, fourth)
}

#[test]
fn parameters_ask_for_no_memory() {
    for pairs in [1, 25, 1000] {
        let (first, fourth) = first_and_fourth(&request(pairs, 1, 0), (usize::from(pairs), 0));
        assert!(first.count_total <= 6, "{pairs} parameters: {first:?}");
        assert_eq!(fourth.count_total, 0, "{pairs} parameters: {fourth:?}");
    }
}

#[test]
fn parameters_in_several_records_are_joined_once() {
    let (first, fourth) = first_and_fourth(&request(24, 3, 0), (24, 0));
    assert!(first.count_total <= 8, "{first:?}");
    assert!(fourth.count_total <= 2, "{fourth:?}");
}

#[test]
fn bodies_are_not_copied() {
    let (first, fourth) = first_and_fourth(&request(25, 1, 15), (25, 15 * 4096));
    assert!(first.count_total <= 9, "{first:?}");
    assert_eq!(fourth.count_total, 0, "{fourth:?}");
}

#[test]
fn an_answer_asks_the_web_server_for_no_memory() {
    let params: Params = [("REQUEST_METHOD", "GET")].into_iter().collect();
    let answer = [record(STDOUT, &[b'x'; 4096]), record(STDOUT, b""), record(END, &[0; 8])].concat();
    let mut connection = client::Connection::new(Limits::default());
    let mut input = BytesMut::new();
    let mut ask = || {
        let key = connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
        connection.end_stdin(key).unwrap();
        while connection.poll_transmit().is_some() {}
        input.extend_from_slice(&answer);
        connection.handle_input(&mut input).unwrap();
        while connection.poll_event().is_some() {}
    };
    let first = measure(&mut ask);
    ask();
    ask();
    let fourth = measure(&mut ask);
    assert!((1..=7).contains(&first.count_total), "{first:?}");
    assert_eq!(fourth.count_total, 0, "{fourth:?}");
}
