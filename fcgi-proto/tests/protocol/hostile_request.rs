//! Odd and hostile input that concerns one request: too many, too large, too early, too late, aborted.

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Disposition, Settings};
use fcgi_proto::{Limits, ProtocolError, RequestId, UsageError};

use crate::common::{
    ABORT, DATA, PARAMS, REQUEST_1, STDIN, STDOUT, begin, end, events, feed, fresh, keys, many, multiplexed,
    params, record, sent, server, serving, stdout_end, whole_request,
};

#[test]
fn a_second_request_is_turned_away_without_multiplexing_and_the_first_is_unharmed() {
    let mut connection = fresh();
    let half = [begin(1, 1, 1), params(1, b"\x01\x01Ab"), record(STDIN, 1, b"one")].concat();
    let second = [begin(2, 1, 1), params(2, b"\x01\x01Cd"), record(STDIN, 2, b"two")].concat();
    let rest = [record(STDIN, 2, b""), record(ABORT, 2, b""), record(STDIN, 1, b"")].concat();
    feed(&mut connection, &[half, second, rest].concat()).unwrap();
    assert_eq!(sent(&mut connection), end(2, 0, 1));
    assert_eq!(events(&mut connection), ["request 1 RESPONDER keep=true A=b;", "stdin 1 one", "stdin-end 1"]);
}

#[test]
fn requests_beyond_the_limit_are_told_when_their_params_have_ended_and_skipped() {
    let (mut connection, first) = serving(multiplexed(2));
    feed(&mut connection, &whole_request(2)).unwrap();
    let second = keys(&mut connection).0[0];
    feed(&mut connection, &[begin(3, 1, 1), record(PARAMS, 3, b"junk")].concat()).unwrap();
    assert_eq!(events(&mut connection), [""; 0]);
    feed(&mut connection, &[record(PARAMS, 3, b""), record(STDIN, 3, b"body")].concat()).unwrap();
    let (refused, told) = keys(&mut connection);
    assert_eq!(told, ["rejected 3 TooManyRequests"]);
    connection.stdout(refused[0], Bytes::from_static(b"Status: 503\r\n\r\n")).unwrap();
    assert_eq!(connection.end_request(refused[0], 0), Ok(Disposition::Drain { close: false }));
    feed(&mut connection, &record(STDIN, 3, b"")).unwrap();
    let page = padded_page(3);
    assert_eq!(sent(&mut connection), [page, stdout_end(3), end(3, 0, 0)].concat());
    for key in [second, first] {
        assert_eq!(connection.end_request(key, 0), Ok(Disposition::Keep));
    }
}

#[test]
fn far_too_many_requests_are_answered_at_once_if_there_is_an_answer() {
    let settings =
        Settings { limits: multiplexed(2), overload_answer: b"Status: 503\r\n\r\n", ..Settings::default() };
    for keep in [1, 0] {
        let mut connection = Connection::new(settings);
        let active: Vec<u8> = (1..=4).flat_map(|id| begin(id, 1, 1)).collect();
        feed(&mut connection, &[active, begin(5, 1, keep)].concat()).unwrap();
        assert_eq!(sent(&mut connection), [padded_page(5), stdout_end(5), end(5, 0, 0)].concat());
        assert_eq!(connection.active_requests(), 4);
        // What else comes of it is nobody's.
        feed(&mut connection, &[params(5, b"junk"), record(STDIN, 5, b"body")].concat()).unwrap();
        feed(&mut connection, &(1..=4).flat_map(|id| record(ABORT, id, b"")).collect::<Vec<u8>>()).unwrap();
        assert_eq!((events(&mut connection), connection.should_close()), (vec![], keep == 0));
    }
}

#[test]
fn refused_requests_are_counted_too() {
    let mut connection = server(multiplexed(2));
    let last = u16::try_from(many(1000)).unwrap();
    let flood: Vec<u8> = (1..=last).flat_map(|id| begin(id, 1, 1)).collect();
    feed(&mut connection, &flood).unwrap();
    assert_eq!(connection.active_requests(), 4);
    let overloaded: Vec<u8> = (5..=last).flat_map(|id| end(id, 0, 2)).collect();
    assert_eq!(sent(&mut connection), overloaded);
}

#[test]
fn a_body_that_goes_on_after_the_answer_does_not_reach_the_next_request() {
    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 1, 1), params(1, b"\x01\x01Ab"), record(STDIN, 1, b"x")].concat())
        .unwrap();
    let (first, _) = keys(&mut connection);
    assert!(connection.stdin_open(first[0]));
    assert_eq!(connection.end_request(first[0], 0), Ok(Disposition::Drain { close: false }));
    feed(&mut connection, &[record(STDIN, 1, b"stale"), record(STDIN, 1, b""), whole_request(1)].concat())
        .unwrap();
    let (second, told) = keys(&mut connection);
    assert_eq!(told, REQUEST_1);
    sent(&mut connection);

    let error = UsageError::NotActive { id: first[0].id() };
    assert_eq!(connection.stdout(first[0], Bytes::from_static(b"late")), Err(error));
    assert_eq!(connection.stderr(first[0], Bytes::from_static(b"late")), Err(error));
    assert_eq!(connection.end_request(first[0], 0), Err(error));
    assert_eq!(connection.retire(first[0]), Err(error));
    assert_eq!(sent(&mut connection), []);
    assert_eq!(connection.end_request(second[0], 0), Ok(Disposition::Keep));
}

#[test]
fn events_of_a_request_that_was_ended_are_not_told() {
    let mut connection = fresh();
    feed(&mut connection, &[whole_request(1), record(ABORT, 1, b"")].concat()).unwrap();
    let key = connection.poll_event().and_then(|event| event.key()).unwrap();
    connection.retire(key).unwrap();
    assert_eq!(connection.poll_event(), None);
}

#[test]
fn streams_that_go_on_after_their_end_are_ignored() {
    let (mut connection, _) = serving(Limits::default());
    let bytes = [params(1, b"\x01\x01Cd"), record(STDIN, 1, b"more"), record(DATA, 1, b"data")].concat();
    feed(&mut connection, &bytes).unwrap();
    let expected = [
        "warning request `1`: `PARAMS` goes on after its end",
        "warning request `1`: `PARAMS` goes on after its end",
        "warning request `1`: `STDIN` goes on after its end",
        "warning unexpected record `DATA` with request id `1`",
    ];
    assert_eq!(events(&mut connection), expected);
}

#[test]
fn a_body_that_overtakes_the_params_is_kept_up_to_a_limit() {
    let limits = Limits { max_early_bytes: 10, ..Limits::default() };
    let early = [begin(1, 3, 1), record(STDIN, 1, b"01234"), record(DATA, 1, b"56789")].concat();
    let mut connection = server(limits);
    let rest = [record(STDIN, 1, b""), record(DATA, 1, b""), params(1, b"\x01\x01Ab")].concat();
    feed(&mut connection, &[early.clone(), rest].concat()).unwrap();
    let expected =
        ["request 1 FILTER keep=true A=b;", "stdin 1 01234", "stdin-end 1", "data 1 56789", "data-end 1"];
    assert_eq!(events(&mut connection), expected);

    let mut connection = server(limits);
    let error = feed(&mut connection, &[early, record(STDIN, 1, b"a")].concat()).unwrap_err();
    assert_eq!(error, ProtocolError::EarlyInput { id: RequestId::ONE, limit: 10 });
}

#[test]
fn an_authorizer_may_be_sent_an_empty_body() {
    let mut connection = fresh();
    let bytes = [begin(1, 2, 1), params(1, b"\x01\x01Ab"), record(STDIN, 1, b"")].concat();
    feed(&mut connection, &bytes).unwrap();
    assert_eq!(events(&mut connection), ["request 1 AUTHORIZER keep=true A=b;", "stdin-end 1"]);
    feed(&mut connection, &record(STDIN, 1, b"body")).unwrap();
    assert_eq!(events(&mut connection), ["warning unexpected record `STDIN` with request id `1`"]);
}

#[test]
fn params_that_end_inside_a_pair_close_the_connection_after_the_answer() {
    for content in [&b"\x01"[..], b"\x01\x01A", b"\x01\x01Ab\x80\x00", b"\x00\x05abc"] {
        let mut connection = fresh();
        feed(&mut connection, &[begin(1, 1, 1), params(1, content), record(STDIN, 1, b"")].concat()).unwrap();
        let (keys, told) = keys(&mut connection);
        assert_eq!(told, ["rejected 1 ParamsMalformed"]);
        assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Close));
    }
}

#[test]
fn params_beyond_a_limit_are_skipped_and_the_connection_is_kept() {
    let limits = Limits { max_params_bytes: 40, max_params_pairs: 4, ..Limits::default() };
    let pair = b"\x01\x05Avalue";
    let cases = [
        (record(PARAMS, 1, pair).repeat(4), "request 1 RESPONDER keep=true A=value;A=value;A=value;A=value;"),
        (record(PARAMS, 1, b"\x00\x00").repeat(5), "rejected 1 TooManyParams"),
        (record(PARAMS, 1, &pair.repeat(6)).repeat(3), "rejected 1 ParamsTooLarge"),
        (record(PARAMS, 1, &[b"\x01\x25A", &[b'v'; 37][..]].concat()), FILLED_TO_THE_LIMIT),
        (
            [record(PARAMS, 1, &[b"\x01\x25A", &[b'v'; 37][..]].concat()), record(PARAMS, 1, b"\x01")]
                .concat(),
            "rejected 1 ParamsTooLarge",
        ),
        (record(PARAMS, 1, b"\x01\x02A\x00b"), "rejected 1 ParamsNul"),
        (record(PARAMS, 1, b"\x02\x01\x00Ab"), "rejected 1 ParamsNul"),
    ];
    for (records, expected) in cases {
        let mut connection = server(limits);
        feed(&mut connection, &[begin(1, 1, 1), records].concat()).unwrap();
        assert_eq!(events(&mut connection), [""; 0], "before the end of PARAMS");
        feed(&mut connection, &[record(PARAMS, 1, b""), record(STDIN, 1, b"")].concat()).unwrap();
        let (keys, told) = keys(&mut connection);
        assert_eq!(told[0], expected);
        assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Keep), "{expected}");
    }
}

const FILLED_TO_THE_LIMIT: &str = "request 1 RESPONDER keep=true A=vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv;";

#[test]
fn what_a_refused_request_goes_on_to_send_is_counted() {
    let limits = Limits { max_params_bytes: 40, max_skipped_bytes: 1000, ..Limits::default() };
    let mut connection = server(limits);
    feed(&mut connection, &[begin(1, 1, 1), record(PARAMS, 1, &[b'x'; 41])].concat()).unwrap();
    let flood = record(PARAMS, 1, &[b'x'; 92]);
    feed(&mut connection, &flood.repeat(10)).unwrap();
    let error = feed(&mut connection, &record(STDIN, 1, b"")).unwrap_err();
    assert_eq!(error, ProtocolError::SkippedInput { limit: 1000 });
    assert_eq!(events(&mut connection), [""; 0]);
}

#[test]
fn an_announced_length_beyond_the_limit_is_refused_before_its_bytes_come() {
    let limits = Limits { max_params_bytes: 40, ..Limits::default() };
    let heads: [&[u8]; 4] = [
        b"\x01\x80\x00\x00\x40A",
        b"\x27\x00",
        b"\x01\x01Ab\x80\x00\x00\x20\x02",
        b"\xff\xff\xff\xff\xff\xff\xff\xff",
    ];
    for head in heads {
        let mut connection = server(limits);
        feed(&mut connection, &[begin(1, 1, 1), record(PARAMS, 1, head)].concat()).unwrap();
        let (keys, told) = keys(&mut connection);
        assert_eq!(told, ["rejected 1 ParamLengthTooLarge"]);
        feed(&mut connection, &params(1, b"skipped")).unwrap();
        feed(&mut connection, &record(STDIN, 1, b"")).unwrap();
        assert_eq!(events(&mut connection), [""; 0]);
        assert_eq!(connection.end_request(keys[0], 0), Ok(Disposition::Close));
    }
}

#[test]
fn repeated_and_empty_names_and_odd_bytes_pass_and_the_last_value_wins() {
    let raw = Bytes::from_static(b"\x01\x01Aa\x00\x01x\x03\x02=\n\xffb\xfe\x01\x02Abb");
    let params = fcgi_proto::Params::parse(raw, &Limits::default()).unwrap();
    assert_eq!(params.len(), 4);
    assert_eq!(params.get(b"A"), Some(&b"bb"[..]));
    assert_eq!(params.get(b"=\n\xff"), Some(&b"b\xfe"[..]));
    assert_eq!(params.get(b"B"), None);
    assert_eq!(format!("{params:?}"), r#"{"A", "", "=\\n\\xff", "A"}"#, "values are not shown");
}

#[test]
fn an_answer_before_the_end_of_the_body_asks_for_draining() {
    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 1, 0), params(1, b"\x01\x01Ab"), record(STDIN, 1, b"x")].concat())
        .unwrap();
    let (keys, _) = keys(&mut connection);
    assert_eq!(connection.retire(keys[0]), Ok(Disposition::Drain { close: true }));
    assert!(connection.should_close());
    feed(&mut connection, b"anything at all is thrown away").unwrap();
    assert_eq!(sent(&mut connection), []);
}

#[test]
fn abort_before_the_end_of_params_ends_the_request_unseen() {
    let mut connection = fresh();
    let head = [begin(1, 1, 1), record(PARAMS, 1, b"\x01\x01Ab")].concat();
    feed(&mut connection, &[head.clone(), record(ABORT, 1, b"")].concat()).unwrap();
    assert_eq!(events(&mut connection), [""; 0]);
    assert_eq!(sent(&mut connection), [stdout_end(1), end(1, 0, 0)].concat());
    assert!(connection.is_idle() && !connection.should_close());
    feed(&mut connection, &whole_request(1)).unwrap();
    assert_eq!(events(&mut connection), REQUEST_1);

    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 1, 0), record(ABORT, 1, b"")].concat()).unwrap();
    assert_eq!(sent(&mut connection), [stdout_end(1), end(1, 0, 0)].concat());
    assert!(connection.should_close());
}

#[test]
fn abort_while_running_is_told_once_and_after_the_end_not_at_all() {
    let mut connection = fresh();
    feed(&mut connection, &[begin(1, 1, 1), params(1, b"\x01\x01Ab")].concat()).unwrap();
    let (keys, _) = keys(&mut connection);
    let late_body = record(STDIN, 1, b"late");
    feed(&mut connection, &[record(ABORT, 1, b"").repeat(2), late_body].concat()).unwrap();
    assert_eq!(events(&mut connection), ["aborted 1"]);
    assert_eq!(connection.end_request(keys[0], 1), Ok(Disposition::Keep));
    feed(&mut connection, &record(ABORT, 1, b"")).unwrap();
    assert_eq!(events(&mut connection), [""; 0]);
    assert_eq!(sent(&mut connection), [stdout_end(1), end(1, 1, 0)].concat());
}

#[test]
fn a_payload_is_cut_into_records_without_a_copy_and_an_empty_one_sends_nothing() {
    let (mut connection, key) = serving(Limits::default());
    connection.stdout(key, Bytes::new()).unwrap();
    connection.stderr(key, Bytes::new()).unwrap();
    assert!(!connection.has_transmit());
    let payload = Bytes::from(vec![b'x'; 65528 + 2000]);
    connection.stdout(key, payload.clone()).unwrap();
    connection.end_request(key, 0).unwrap();
    let pieces: Vec<Bytes> = std::iter::from_fn(|| connection.poll_transmit()).collect();
    assert_eq!(pieces.len(), 5);
    assert_eq!(pieces[1].as_ptr(), payload.as_ptr());
    assert_eq!(pieces[3].as_ptr(), payload[65528..].as_ptr());
    let closing = [stdout_end(1), end(1, 0, 0)].concat();
    let expected = [record(STDOUT, 1, &payload[..65528]), record(STDOUT, 1, &payload[65528..]), closing];
    assert_eq!(pieces.concat(), expected.concat());
}

#[test]
fn params_in_one_record_are_not_copied() {
    let mut input = BytesMut::from(&whole_request(1)[..]);
    let place = input[24..].as_ptr();
    let mut connection = fresh();
    connection.handle_input(&mut input).unwrap();
    let Some(fcgi_proto::server::Event::Request { params, .. }) = connection.poll_event() else {
        panic!("no request")
    };
    assert_eq!(params.as_bytes().as_ptr(), place);
}

fn padded_page(id: u16) -> Vec<u8> {
    let mut page = record(STDOUT, id, b"Status: 503\r\n\r\n");
    page[6] = 1;
    page.push(0);
    page
}

#[test]
fn what_is_left_of_an_unread_body_is_waited_for_until_its_end_or_a_new_request() {
    let endings: [&[Vec<u8>]; 4] = [
        &[record(STDIN, 1, b"stale"), record(STDIN, 1, b"")],
        &[record(2, 1, b"")],
        &[begin(1, 1, 1)],
        &[begin(1, 9, 1)],
    ];
    for ending in endings {
        let mut connection = fresh();
        feed(&mut connection, &[begin(1, 1, 1), params(1, b"\x01\x01Ab")].concat()).unwrap();
        let (keys, _) = keys(&mut connection);
        assert!(!connection.is_draining());
        connection.end_request(keys[0], 0).unwrap();
        assert!(connection.is_draining() && connection.is_idle());
        feed(&mut connection, &[record(STDIN, 2, b""), record(PARAMS, 1, b"")].concat()).unwrap();
        assert!(connection.is_draining(), "that was not the end of this body");
        feed(&mut connection, &ending.concat()).unwrap();
        assert!(!connection.is_draining(), "{ending:?}");
    }
}

#[test]
fn nothing_is_waited_for_that_cannot_come() {
    let half = [begin(1, 1, 1), params(1, b"\x01\x01Ab"), whole_request(2)].concat();
    for ends_badly in [false, true] {
        let mut connection = server(multiplexed(2));
        feed(&mut connection, &half).unwrap();
        let (keys, _) = keys(&mut connection);
        connection.end_request(keys[0], 0).unwrap();
        assert!(connection.is_draining() && !connection.should_close());
        if ends_badly {
            feed(&mut connection, b"\x07").unwrap_err();
        } else {
            connection.handle_eof();
        }
        assert!(!connection.is_draining());
    }
}
