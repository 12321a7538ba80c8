//! A web server and an application, both of this crate, joined by two buffers instead of a socket.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{self, Disposition, Roles, Settings};
use fcgi_proto::{
    EndRequest, Flags, Limits, Params, ProtocolStatus, RequestKey, Role, ServerValues, UsageError, client,
};

/// Both ends of one connection. Every transfer is cut into pieces of `step` bytes.
struct Pair {
    web_server: client::Connection,
    application: server::Connection,
    step: usize,
}

impl Pair {
    fn new(max_active_requests: usize, step: usize) -> Self {
        let limits = Limits { max_active_requests, ..Limits::default() };
        let values = ServerValues { max_conns: 10, max_reqs: 20 };
        let settings = Settings { limits, roles: Roles::ALL, values, ..Settings::default() };
        let web_server = client::Connection::new(Limits { max_active_requests: 64, ..limits });
        Self { web_server, application: server::Connection::new(settings), step }
    }

    fn send_requests(&mut self) {
        let bytes: Vec<u8> = std::iter::from_fn(|| self.web_server.poll_transmit()).flatten().collect();
        let mut input = BytesMut::new();
        for piece in bytes.chunks(self.step) {
            input.extend_from_slice(piece);
            self.application.handle_input(&mut input).unwrap();
        }
        assert!(input.is_empty());
    }

    fn send_answers(&mut self) {
        let bytes: Vec<u8> = std::iter::from_fn(|| self.application.poll_transmit()).flatten().collect();
        let mut input = BytesMut::new();
        for piece in bytes.chunks(self.step) {
            input.extend_from_slice(piece);
            self.web_server.handle_input(&mut input).unwrap();
        }
        assert!(input.is_empty());
    }

    /// Begins a request with a body that says its name, and sends all of it.
    fn request(&mut self, flags: Flags, name: &str) -> RequestKey {
        let params: Params = [("NAME", name)].into_iter().collect();
        let key = self.web_server.begin(Role::RESPONDER, flags, &params).unwrap();
        self.web_server.stdin(key, Bytes::from(format!("body of {name}"))).unwrap();
        self.web_server.end_stdin(key).unwrap();
        key
    }

    /// The requests that the application has been told of as a whole: name, body and key.
    fn received(&mut self) -> Vec<(String, Vec<u8>, RequestKey)> {
        let mut open = BTreeMap::new();
        let mut whole = Vec::new();
        while let Some(event) = self.application.poll_event() {
            match event {
                server::Event::Request { key, params, .. } => {
                    let name = String::from_utf8(params.get(b"NAME").unwrap().to_vec()).unwrap();
                    open.insert(key.id(), (name, Vec::new(), key));
                }
                server::Event::Stdin { key, data } => open.get_mut(&key.id()).unwrap().1.extend(data),
                server::Event::StdinEnd { key } => whole.push(open.remove(&key.id()).unwrap()),
                other => panic!("{other:?}"),
            }
        }
        assert!(open.is_empty());
        whole
    }

    /// The answers that the web server has got: key, STDOUT, STDERR and end.
    fn answers(&mut self) -> Vec<(RequestKey, Vec<u8>, Vec<u8>, EndRequest)> {
        let mut open: BTreeMap<_, (Vec<u8>, Vec<u8>)> = BTreeMap::new();
        let mut whole = Vec::new();
        while let Some(event) = self.web_server.poll_event() {
            match event {
                client::Event::Stdout { key, data } => open.entry(key.id()).or_default().0.extend(data),
                client::Event::Stderr { key, data } => open.entry(key.id()).or_default().1.extend(data),
                client::Event::StdoutEnd { .. } | client::Event::StderrEnd { .. } => {}
                client::Event::End { key, end } => {
                    let (stdout, stderr) = open.remove(&key.id()).unwrap_or_default();
                    whole.push((key, stdout, stderr, end));
                }
                other => panic!("{other:?}"),
            }
        }
        whole
    }
}

const STEPS: &[usize] = if cfg!(miri) { &[100_000] } else { &[1, 3, 8, 100_000] };

#[test]
fn many_requests_one_after_the_other_on_a_kept_connection() {
    for &step in STEPS {
        let mut pair = Pair::new(1, step);
        for number in 0..20_u8 {
            let name = format!("request {number}");
            let key = pair.request(Flags::KEEP_CONN, &name);
            assert_eq!(key.id().value(), 1);
            pair.send_requests();
            let received = pair.received();
            assert_eq!((&received[0].0, &received[0].1[..]), (&name, format!("body of {name}").as_bytes()));
            pair.application.stdout(received[0].2, Bytes::from(name.clone())).unwrap();
            assert_eq!(pair.application.end_request(received[0].2, number.into()), Ok(Disposition::Keep));
            pair.send_answers();
            let end = EndRequest::complete(number.into());
            assert_eq!(pair.answers(), [(key, name.into_bytes(), Vec::new(), end)]);
        }
        assert!(pair.application.is_idle() && pair.web_server.is_idle());
        assert!(!pair.application.should_close() && !pair.web_server.should_close());
    }
}

#[test]
fn several_requests_at_once_end_in_another_order() {
    for &step in STEPS {
        let mut pair = Pair::new(8, step);
        let keys: Vec<_> = (0..8).map(|n| pair.request(Flags::KEEP_CONN, &n.to_string())).collect();
        let ids: Vec<u16> = keys.iter().map(|key| key.id().value()).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5, 6, 7, 8]);
        pair.send_requests();
        let received = pair.received();
        // Their answers mix: a piece of each in turn, then the ends from the last to the first.
        for round in 0..3 {
            for (name, _, key) in &received {
                pair.application.stdout(*key, Bytes::from(format!("{name}.{round};"))).unwrap();
            }
        }
        pair.application.stderr(received[4].2, Bytes::from_static(b"complaint")).unwrap();
        for (_, _, key) in received.iter().rev() {
            assert_eq!(pair.application.end_request(*key, 0), Ok(Disposition::Keep));
        }
        pair.send_answers();
        let answers = pair.answers();
        assert_eq!(answers.len(), 8);
        for (answer, number) in answers.iter().zip((0..8_usize).rev()) {
            let text = format!("{number}.0;{number}.1;{number}.2;");
            let complaint: &[u8] = if number == 4 { b"complaint" } else { b"" };
            assert_eq!((answer.0, &answer.1[..], &answer.2[..]), (keys[number], text.as_bytes(), complaint));
        }
    }
}

#[test]
fn the_smallest_free_id_is_given_and_an_old_key_stays_old() {
    let mut pair = Pair::new(8, 64);
    let keys: Vec<_> = (0..4).map(|n| pair.request(Flags::KEEP_CONN, &n.to_string())).collect();
    pair.send_requests();
    let received = pair.received();
    pair.application.end_request(received[1].2, 0).unwrap();
    pair.send_answers();
    assert_eq!(pair.answers().len(), 1);
    let next = pair.request(Flags::KEEP_CONN, "next");
    assert_eq!(next.id(), keys[1].id());
    assert_ne!(next, keys[1]);
    let error = UsageError::NotActive { id: keys[1].id() };
    assert_eq!(pair.web_server.stdin(keys[1], Bytes::from_static(b"late")), Err(error));
    assert_eq!(pair.web_server.abort(keys[1]), Err(error));
    pair.send_requests();
    assert_eq!(pair.received()[0].0, "next");
    assert_eq!(pair.application.stdout(received[1].2, Bytes::from_static(b"late")), Err(error));
}

#[test]
fn large_bodies_and_answers_pass_in_both_directions() {
    // Where every instruction is interpreted, less is large.
    let scale = if cfg!(miri) { 500 } else { 1 };
    for step in [1000, 65535, 1_000_000] {
        let mut pair = Pair::new(1, step);
        let large: Bytes = (0..=u8::MAX).cycle().take(300_001 / scale).collect::<Vec<u8>>().into();
        let value = "v".repeat(200_000 / scale);
        let params: Params = [("NAME", "large"), ("VALUE", &value)].into_iter().collect();
        let key = pair.web_server.begin(Role::RESPONDER, Flags::NONE, &params).unwrap();
        pair.web_server.stdin(key, large.clone()).unwrap();
        pair.web_server.end_stdin(key).unwrap();
        pair.send_requests();
        let received = pair.received();
        assert!(received[0].1 == large);
        pair.application.stdout(received[0].2, large.clone()).unwrap();
        assert_eq!(pair.application.end_request(received[0].2, 0), Ok(Disposition::Close));
        pair.send_answers();
        assert!(pair.answers()[0].1 == large);
        assert!(pair.web_server.should_close());
    }
}

#[test]
fn an_application_that_does_not_multiplex_says_so_and_turns_the_second_away() {
    let mut pair = Pair::new(1, 5);
    pair.web_server.request_values();
    pair.send_requests();
    pair.send_answers();
    let Some(client::Event::Values(values)) = pair.web_server.poll_event() else { panic!("no values") };
    assert_eq!((values.max_conns, values.max_reqs, values.mpxs_conns), (Some(10), Some(20), Some(false)));

    let first = pair.request(Flags::KEEP_CONN, "first");
    let second = pair.request(Flags::KEEP_CONN, "second");
    pair.send_requests();
    let received = pair.received();
    assert_eq!(received.len(), 1);
    pair.application.end_request(received[0].2, 0).unwrap();
    pair.send_answers();
    let ends: Vec<_> = pair.answers().into_iter().map(|(key, _, _, end)| (key, end)).collect();
    let turned_away = EndRequest::rejected(ProtocolStatus::CANT_MPX_CONN);
    assert_eq!(ends, [(second, turned_away), (first, EndRequest::complete(0))]);
}

#[test]
fn an_abort_reaches_the_application_and_its_end_the_web_server() {
    let mut pair = Pair::new(1, 2);
    let params: Params = [("NAME", "slow")].into_iter().collect();
    let key = pair.web_server.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
    pair.web_server.stdin(key, Bytes::from_static(b"half of")).unwrap();
    pair.web_server.abort(key).unwrap();
    let closed = UsageError::StreamClosed { id: key.id() };
    assert_eq!(pair.web_server.stdin(key, Bytes::from_static(b"more")), Err(closed));
    assert_eq!(pair.web_server.end_stdin(key), Err(closed));
    pair.send_requests();
    let events: Vec<_> = std::iter::from_fn(|| pair.application.poll_event()).collect();
    let Some(server::Event::Aborted { key: aborted }) = events.last() else { panic!("{events:?}") };
    assert_eq!(pair.application.end_request(*aborted, 0), Ok(Disposition::Keep));
    pair.send_answers();
    assert_eq!(pair.answers(), [(key, Vec::new(), Vec::new(), EndRequest::complete(0))]);
}

#[test]
fn authorizer_and_filter() {
    let mut pair = Pair::new(1, 7);
    let params: Params = [("NAME", "gate")].into_iter().collect();
    let key = pair.web_server.begin(Role::AUTHORIZER, Flags::KEEP_CONN, &params).unwrap();
    assert_eq!(pair.web_server.end_stdin(key), Err(UsageError::StreamClosed { id: key.id() }));
    pair.send_requests();
    let received = pair.received();
    pair.application.end_request(received[0].2, 0).unwrap();
    pair.send_answers();
    assert_eq!(pair.answers().len(), 1);

    let key = pair.web_server.begin(Role::FILTER, Flags::KEEP_CONN, &params).unwrap();
    pair.web_server.end_stdin(key).unwrap();
    pair.web_server.data(key, Bytes::from_static(b"file")).unwrap();
    pair.web_server.end_data(key).unwrap();
    pair.send_requests();
    let mut data = Vec::new();
    let mut ended = None;
    while let Some(event) = pair.application.poll_event() {
        match event {
            server::Event::Data { data: piece, .. } => data.extend(piece),
            server::Event::DataEnd { key } => ended = Some(key),
            _ => {}
        }
    }
    assert_eq!(data, b"file");
    assert_eq!(pair.application.end_request(ended.unwrap(), 0), Ok(Disposition::Keep));
}

#[test]
fn a_lost_connection_ends_every_request_at_both_ends() {
    let mut pair = Pair::new(4, 50);
    let keys: Vec<_> = (0..2).map(|n| pair.request(Flags::KEEP_CONN, &n.to_string())).collect();
    pair.web_server.handle_eof();
    let lost: Vec<_> = std::iter::from_fn(|| pair.web_server.poll_event()).collect();
    assert_eq!(lost, keys.iter().map(|key| client::Event::Lost { key: *key }).collect::<Vec<_>>());
    let params = Params::default();
    let refused = pair.web_server.begin(Role::RESPONDER, Flags::NONE, &params);
    assert_eq!(refused, Err(UsageError::Closing));
}

#[test]
fn no_request_is_begun_beyond_the_limit_or_after_one_that_closes() {
    let params = Params::default();
    let mut connection = client::Connection::new(Limits { max_active_requests: 2, ..Limits::default() });
    connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
    connection.begin(Role::RESPONDER, Flags::NONE, &params).unwrap();
    let closing = connection.begin(Role::RESPONDER, Flags::NONE, &params);
    assert_eq!(closing, Err(UsageError::Closing));
    let mut connection = client::Connection::new(Limits::default());
    connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
    let full = connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params);
    assert_eq!(full, Err(UsageError::TooManyRequests { limit: 1 }));
}
