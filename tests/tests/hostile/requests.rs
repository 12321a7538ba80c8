//! Rows 13 to 20: ids, roles and the order of records.

use fcgi_tests::client::abort;
use fcgi_tests::record::{DATA, PARAMS, RESPONDER, STDIN, begin, pairs, record, stream};
use fcgi_tests::until;

use crate::harness::{Mode, filled, get, in_both_modes, is_page, post};

#[test]
fn h13_an_unknown_role() {
    in_both_modes(&[], |stage| {
        for role in [0, 4, 65_535] {
            let mut kept = stage.kept();
            // With what belongs to it, which is nobody's.
            let request = post("/hold/never", "body").id(6);
            let rest = [stream(PARAMS, 6, &request.pairs(), 65_535), request.stdin()].concat();
            kept.client.send(&[begin(6, role, true), rest.clone()].concat());
            let answer = kept.client.answer(6);
            assert_eq!((answer.end, answer.stdout.len()), (Some((0, 3)), 0), "{role}");
            kept.survives();
            let mut closed = stage.kept();
            closed.client.send(&[begin(6, role, false), rest].concat());
            assert_eq!(closed.client.answer(6).end, Some((0, 3)), "{role}");
            closed.ends_with_the_last();
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec![]
    });
}

#[test]
fn h14_begin_for_an_active_id() {
    in_both_modes(&[], |stage| {
        let request = post("/hold/never", "body").id(2).kept();
        // In the parameters, and in the body.
        for start in [begin(2, RESPONDER, true), request.head()] {
            let mut kept = stage.kept();
            kept.client.send(&[start, begin(2, RESPONDER, true)].concat());
            kept.goes_down();
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec!["request `2` was begun while it was active"; 2]
    });
}

#[test]
fn h15_a_second_id() {
    in_both_modes(&[], |stage| {
        let mut client = stage.connect();
        let first = post("/read", "first body").id(1).kept();
        let second = post("/read", "no").id(2).kept();
        client.send(&first.head());
        client.send(&second.bytes());
        let answer = client.answer(2);
        if stage.mode == Mode::Threaded {
            assert_eq!(answer.text(), "2 of 2");
        } else {
            // CANT_MPX_CONN, and nothing that could be taken for an answer.
            assert_eq!((answer.end, answer.stdout.len()), (Some((0, 1)), 0));
        }
        // More of it is no part of the first one.
        client.send(&[record(STDIN, 2, b"late"), record(PARAMS, 2, b"late"), abort(2)].concat());
        client.send(&first.stdin());
        assert_eq!(client.answer(1).text(), "10 of 10");
        assert_eq!(client.ask(&get("/version").id(2).kept()).text(), "one");
        vec![]
    });
}

#[test]
fn h16_more_ids_than_allowed() {
    in_both_modes(&["maxactive=2", "maxparams=64k"], |stage| {
        let mut client = stage.connect();
        let first = post("/read", "first body").id(1).kept();
        client.send(&first.head());
        if stage.mode == Mode::Threaded {
            client.send(&get("/hold/second").id(2).kept().bytes());
            stage.sandbox.wait_for_held("second", 1);
        }
        // All begin before the first of them is told everything; one has more in its parameters than is read otherwise.
        let others: Vec<u16> = (3..10).collect();
        for id in &others {
            client.send(&begin(*id, RESPONDER, true));
        }
        for id in &others {
            let long = "v".repeat(if *id == 5 { 200_000 } else { 10 });
            let request = post("/hold/never", vec![b'x'; 100_000]).with("HTTP_LONG", &long).id(*id);
            client.send(&[stream(PARAMS, *id, &request.pairs(), 65_535), request.stdin()].concat());
        }
        for id in &others {
            let answer = client.answer(*id);
            match stage.mode {
                Mode::Threaded => assert!(is_page(&answer, 503), "{id}: {answer:?}"),
                Mode::Prefork => assert_eq!((answer.end, answer.stdout.len()), (Some((0, 1)), 0)),
            }
        }
        client.send(&first.stdin());
        assert_eq!(client.answer(1).text(), "10 of 10");
        if stage.mode == Mode::Threaded {
            stage.sandbox.release("second");
            assert_eq!(client.answer(2).text(), "held");
        }
        assert_eq!(client.ask(&get("/version").id(3).kept()).text(), "one");
        assert!(stage.sandbox.held("never").is_empty());
        vec!["?too many requests on one connection"; 7]
    });
}

#[test]
fn h17_records_of_nobody() {
    in_both_modes(&["maxdrain=1m"], |stage| {
        let mut kept = stage.kept();
        let long = vec![b'x'; 60_000];
        for kind in [PARAMS, STDIN, DATA] {
            kept.client.send(&[record(kind, 8, &long), record(kind, 8, &[])].concat());
        }
        kept.client.send(&[abort(8), abort(COMMON)].concat());
        assert_eq!(kept.client.ask(&get("/version").id(8).kept()).text(), "one");
        kept.survives();
        // Without a request that is served, not for ever.
        let mut endless = stage.connect();
        let record = record(STDIN, 8, &long);
        until("the connection is closed", || endless.try_send(&record).is_err());
        assert!(endless.is_closed_by_peer());
        vec!["belong to no active request"]
    });
}

/// An id that other tests of the same connection use.
const COMMON: u16 = 1;

#[test]
fn h18_a_stale_body_before_the_same_id_begins_again() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let first = post("/version", vec![b'x'; 200_000]).kept();
        // With the end of its stream and without.
        for stale in [stream(STDIN, 1, &vec![b'x'; 130_000], 65_535), filled(STDIN, 1, 65_000)] {
            kept.client.send(&first.head());
            kept.client.send(&filled(STDIN, 1, 65_535));
            kept.client.send(&filled(STDIN, 1, 4_465));
            assert_eq!(kept.client.answer(1).text(), "one");
            kept.client.send(&stale);
            assert_eq!(kept.client.ask(&post("/read", "fresh").kept()).text(), "5 of 5");
        }
        kept.survives();
        vec![]
    });
}

#[test]
fn h19_more_of_a_stream_that_has_ended() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/environ/HTTP_X", "four").with("HTTP_X", "first").kept();
        kept.client.send(&request.head());
        kept.client.send(&record(PARAMS, 1, &pairs([("HTTP_X", "second")])));
        kept.client.send(&record(PARAMS, 1, &[]));
        kept.client.send(&request.stdin());
        assert_eq!(kept.client.answer(1).text(), "first");
        let request = post("/read", "four").kept();
        kept.client.send(&[request.bytes(), record(STDIN, 1, b"more"), record(STDIN, 1, &[])].concat());
        assert_eq!(kept.client.answer(1).text(), "4 of 4");
        kept.survives();
        vec![]
    });
}

#[test]
fn h20_a_body_before_the_parameters_have_ended() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", vec![b'x'; 65_536]).kept();
        kept.client.send(&begin(1, RESPONDER, true));
        kept.client.send(&request.stdin());
        kept.client.send(&stream(PARAMS, 1, &request.pairs(), 10));
        assert_eq!(kept.client.answer(1).text(), "65536 of 65536");
        kept.survives();
        let mut more = stage.kept();
        more.client.send(&begin(1, RESPONDER, true));
        more.client.send(&stream(STDIN, 1, &vec![b'x'; 65_537], 65_535));
        more.goes_down();
        vec!["of its body before its parameters ended"]
    });
}
