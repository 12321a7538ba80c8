//! FastCGI over the socket, as web servers speak it and as they do not; with one application thread and with many.

use fcgi_tests::client::abort;
use fcgi_tests::record::{
    BEGIN, END, GET_VALUES, GET_VALUES_RESULT, PARAMS, RESPONDER, STDIN, UNKNOWN_TYPE, begin, padded, pairs,
    record, short_pairs, stream,
};
use fcgi_tests::{Client, Request, Sandbox, Server, ask, until};

/// Runs a test with one application thread in one worker, and with several.
fn in_both(test: impl Fn(&Sandbox, &Server<'_>)) {
    for words in [["maxspare=1", "maxchildren=1"], ["method=threaded", "maxspare=2"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&words);
        test(&sandbox, &server);
        let err = server.stop();
        assert!(!err.contains("panicked") && !err.contains("unexpectedly"), "{words:?}: {err}");
    }
}

fn version(client: &mut Client) -> String {
    client.ask(&Request::get("/version").kept()).text()
}

#[test]
fn a_kept_connection_serves_many_requests_and_one_that_is_not_kept_is_closed() {
    in_both(|_, server| {
        let mut client = server.connect();
        for id in [1, 2, 1, 255, 256, 257, 65_535, 1] {
            let answer = client.ask(&Request::post("/read", "four").id(id).kept());
            assert!(answer.is_whole() && answer.text() == "4 of 4", "{id}: {answer:?}");
            assert!(answer.stdout.starts_with(b"Status: 200 OK\r\n"));
        }
        assert!(client.ask(&Request::get("/version")).is_whole());
        assert!(client.is_closed_by_peer());
    });
}

#[test]
fn requests_that_arrive_before_the_last_is_answered_are_served_in_turn() {
    in_both(|_, server| {
        let mut client = server.connect();
        let first = Request::get("/version").kept();
        assert_eq!(client.ask(&first).text(), "one");
        // The second one follows in the same write as the end of the first.
        let (one, two) = (Request::post("/read", "abc").id(1).kept(), Request::get("/version").id(2).kept());
        client.send(&one.bytes());
        assert_eq!(client.answer(1).text(), "3 of 3");
        client.send(&two.bytes());
        assert_eq!(client.answer(2).text(), "one");
    });
}

#[test]
fn records_may_be_cut_anywhere() {
    in_both(|_, server| {
        let long = "v".repeat(200);
        let request = Request::post("/environ/HTTP_LONG", "body").with("HTTP_LONG", &long).kept();
        let mut bytes = begin(1, RESPONDER, true);
        // One byte of the pairs in each record, with padding.
        bytes.extend(request.pairs().chunks(1).flat_map(|byte| padded(PARAMS, 1, byte, 3)));
        bytes.extend(padded(PARAMS, 1, &[], 5));
        bytes.extend(stream(STDIN, 1, b"body", 1));
        let mut client = server.connect();
        client.send(&bytes);
        assert_eq!(client.answer(1).text(), long);
        // And each byte of a request by itself.
        for byte in request.bytes() {
            client.send(&[byte]);
        }
        assert_eq!(client.answer(1).text(), long);
    });
}

#[test]
fn the_largest_records_are_taken() {
    in_both(|_, server| {
        let mut client = server.connect();
        let request = Request::post("/read", vec![b'x'; 65_535]).kept();
        client.send(&request.head());
        client.send(&padded(STDIN, 1, &request.body, 255));
        client.send(&record(STDIN, 1, &[]));
        assert_eq!(client.answer(1).text(), "65535 of 65535");
    });
}

#[test]
fn an_abort_before_the_application_runs_ends_the_request_and_keeps_the_connection() {
    in_both(|_, server| {
        let mut client = server.connect();
        let request = Request::post("/read", vec![b'a'; 100]).id(4).kept();
        // Within the parameters, and within the body.
        for cut in [begin(4, RESPONDER, true), request.head()] {
            client.send(&cut);
            client.send(&abort(4));
            let answer = client.answer(4);
            assert_eq!(answer.end, Some((0, 0)));
            assert_eq!(version(&mut client), "one");
        }
        // Nobody is there to be aborted.
        client.send(&abort(4));
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn an_abort_while_the_application_reads_breaks_its_body_off() {
    in_both(|sandbox, server| {
        sandbox.release("now");
        let mut client = server.connect();
        let request = Request::post("/read", vec![b'a'; 200_000]).kept();
        client.send(&request.head());
        client.send(&stream(STDIN, 1, &request.body[..100_000], 50_000)[..100_016]);
        client.send(&abort(1));
        assert!(client.answer(1).end.is_some());
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn a_second_request_at_once_is_refused_where_one_is_served_at_a_time() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "maxchildren=1"]);
    let mut client = server.connect();
    let first = Request::post("/read", vec![b'a'; 10]).id(1).kept();
    client.send(&first.head());
    client.send(&Request::get("/version").id(2).kept().bytes());
    let second = client.answer(2);
    // CANT_MPX_CONN, and nothing that could be taken for an answer.
    assert_eq!((second.end, second.stdout.len()), (Some((0, 1)), 0));
    client.send(&first.stdin());
    assert_eq!(client.answer(1).text(), "10 of 10");
    assert_eq!(version(&mut client), "one");
    drop(client);
    server.stop();
}

#[test]
fn get_values_tells_the_truth() {
    let names = [("FCGI_MAX_CONNS", ""), ("FCGI_MAX_REQS", ""), ("FCGI_MPXS_CONNS", ""), ("X_OTHER", "")];
    let cases: [(&[&str], [&str; 3]); 4] = [
        (&["maxspare=2", "maxchildren=7"], ["7", "7", "0"]),
        (&["maxspare=2", "maxchildren=7", "threads=3"], ["21", "3", "1"]),
        (&["method=threaded", "maxspare=2", "maxchildren=9"], ["9", "9", "1"]),
        (&["method=threaded", "threads=4"], ["4", "4", "1"]),
    ];
    for (words, expected) in cases {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        let mut client = server.connect();
        client.send(&record(GET_VALUES, 0, &pairs(names)));
        let result = client.management();
        assert_eq!(result.kind, GET_VALUES_RESULT);
        let found = short_pairs(&result.content);
        let expected: Vec<_> =
            names.iter().map(|(name, _)| (*name).to_owned()).zip(expected.map(str::to_owned)).collect();
        assert_eq!(found, expected, "{words:?}");
        assert_eq!(version(&mut client), "one");
        drop(client);
        server.stop();
    }
}

#[test]
fn management_records_are_answered_before_between_and_within_requests() {
    in_both(|_, server| {
        let mut client = server.connect();
        let request = Request::post("/read", "four").kept();
        let query = record(GET_VALUES, 0, &pairs([("FCGI_MPXS_CONNS", "")]));
        client.send(&[&request.head()[..], &query, &padded(99, 0, b"abc", 5), &request.stdin()].concat());
        assert_eq!(client.management().kind, GET_VALUES_RESULT);
        let unknown = client.management();
        assert_eq!((unknown.kind, &unknown.content[..]), (UNKNOWN_TYPE, &[99, 0, 0, 0, 0, 0, 0, 0][..]));
        assert_eq!(client.answer(1).text(), "4 of 4");
    });
}

#[test]
fn other_roles_are_refused_at_once() {
    in_both(|_, server| {
        for role in [3, 4, 65_535, 0] {
            let mut client = server.connect();
            // Without any parameter.
            client.send(&begin(6, role, true));
            assert_eq!(client.answer(6).end, Some((0, 3)), "{role}");
            assert_eq!(version(&mut client), "one");
        }
    });
}

#[test]
fn what_is_no_fastcgi_closes_the_connection_and_hurts_nobody() {
    in_both(|_, server| {
        let hostile: [&[u8]; 6] = [
            b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            &[2, BEGIN, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            &[1, BEGIN, 0, 1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0],
            &[1, BEGIN, 0, 0, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0],
            &[begin(1, RESPONDER, true), begin(1, RESPONDER, true)].concat(),
        ];
        for bytes in hostile {
            let mut client = server.connect();
            client.send(bytes);
            assert!(client.is_closed_by_peer(), "{bytes:?}");
            assert_eq!(server.get("/version").text(), "one");
        }
        server.wait_for_err("protocol error");
    });
}

#[test]
fn odd_records_are_skipped() {
    in_both(|_, server| {
        let mut client = server.connect();
        let request = Request::post("/read", "four").id(3).kept();
        let odd = [
            record(STDIN, 8, b"nobody's"),
            record(PARAMS, 8, b"nobody's"),
            record(END, 8, &[0; 8]),
            record(77, 8, b"?"),
        ];
        client.send(&odd.concat());
        client.send(&request.head());
        client.send(&odd.concat());
        client.send(&request.stdin());
        assert_eq!(client.answer(3).text(), "4 of 4");
        // More of an ended stream.
        client.send(&record(STDIN, 3, b"late"));
        client.send(&record(STDIN, 3, &[]));
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn broken_parameters_are_answered_with_a_page() {
    in_both(|_, server| {
        let cases: [(&[u8], u16); 3] = [
            // They end inside a pair; a NUL; a length beyond all limits.
            (b"\x05\x05HTT", 400),
            (b"\x01\x03aX\x00Y", 400),
            (b"\xff\xff\xff\xff\xff\xff\xff\xff", 431),
        ];
        for (params, status) in cases {
            let mut client = server.connect();
            client.send(
                &[begin(1, RESPONDER, false), stream(PARAMS, 1, params, 65_535), stream(STDIN, 1, b"", 1)]
                    .concat(),
            );
            assert_eq!(client.answer(1).status(), status, "{params:?}");
        }
    });
}

#[test]
fn a_length_that_makes_no_sense_is_refused_and_one_that_is_missing_is_no_harm() {
    in_both(|_, server| {
        let huge = "9".repeat(30);
        assert_eq!(
            ask(&server.address, &Request::post("/read", "four").with("CONTENT_LENGTH", &huge)).status(),
            400
        );
        for length in ["", "-1"] {
            let answer = ask(&server.address, &Request::post("/read", "").with("CONTENT_LENGTH", length));
            assert!(answer.text().starts_with("0 of "), "{length}: {}", answer.text());
        }
    });
}

#[test]
fn a_body_without_length_gets_one() {
    in_both(|_, server| {
        for size in [5, 300_000, 3_000_000] {
            let request = Request::post("/read", vec![b'x'; size]).without("CONTENT_LENGTH");
            assert_eq!(ask(&server.address, &request).text(), format!("{size} of {size}"));
        }
    });
}

#[test]
fn what_comes_beyond_the_announced_length_belongs_to_nobody() {
    in_both(|_, server| {
        let mut client = server.connect();
        for _ in 0..3 {
            let request = Request::post("/read", vec![b'x'; 200_000]).with("CONTENT_LENGTH", "10").kept();
            assert_eq!(client.ask(&request).text(), "10 of 10");
        }
        assert_eq!(version(&mut client), "one");
    });
}

#[test]
fn a_large_upload_goes_through() {
    in_both(|_, server| {
        let size = 20_000_000;
        assert_eq!(
            ask(&server.address, &Request::post("/read", vec![b'x'; size])).text(),
            format!("{size} of {size}")
        );
    });
}

#[test]
fn an_answer_before_the_upload_is_read_does_not_lock_both_up() {
    in_both(|_, server| {
        // Much more than all socket buffers, in both directions; the client writes everything before it reads.
        for keep in [false, true] {
            let mut request = Request::post("/early", vec![b'x'; 16_000_000]);
            request.keep = keep;
            let mut client = server.connect();
            client.send(&request.bytes());
            let answer = client.answer(1);
            assert!(answer.is_whole());
            assert_eq!(answer.body().len(), 128 * 65_536);
        }
    });
}

#[test]
fn a_client_that_goes_in_the_middle_costs_nothing() {
    in_both(|sandbox, server| {
        let worker = server.get("/pid").text();
        let body = Request::post("/read", vec![b'a'; 200_000]).kept();
        let head = Request::get("/version").bytes();
        for cut in [1, 8, 15, 16, 30, head.len() - 9] {
            server.connect().send(&head[..cut]);
        }
        // The application reads, and the rest never comes.
        let mut client = server.connect();
        client.send(&body.head());
        client.send(&record(STDIN, 1, &vec![b'a'; 60_000]));
        client.send(&record(STDIN, 1, &vec![b'a'; 60_000]));
        drop(client);
        // The application writes, and nobody reads.
        let mut client = server.connect();
        client.send(&Request::get("/endless").bytes());
        client.begun(1);
        drop(client);
        until("the same worker serves", || server.get("/pid").text() == worker);
        assert_eq!(sandbox.held("a"), [0; 0]);
    });
}

#[test]
fn half_a_connection_is_enough_for_an_answer() {
    in_both(|_, server| {
        let mut client = server.connect();
        client.send(&Request::post("/read", "four").bytes());
        client.finish_sending();
        assert_eq!(client.answer(1).text(), "4 of 4");
        assert!(client.is_closed_by_peer());
    });
}

#[test]
fn slow_clients_do_not_hold_the_worker() {
    in_both(|_, server| {
        let bytes = Request::post("/read", vec![b'a'; 100]).kept().bytes();
        // Each has sent a different part of a request.
        let cuts = (0..40).map(|number| 1 + number * (bytes.len() - 2) / 40);
        let mut slow: Vec<_> = cuts.map(|cut| (server.connect(), cut)).collect();
        for (client, cut) in &mut slow {
            client.send(&bytes[..*cut]);
        }
        for _ in 0..10 {
            assert_eq!(server.get("/version").text(), "one");
        }
        for (client, cut) in &mut slow {
            client.send(&bytes[*cut..]);
            assert_eq!(client.answer(1).text(), "100 of 100");
        }
    });
}

#[test]
fn errors_reach_the_web_server_and_the_log() {
    in_both(|_, server| {
        let answer = server.get("/log");
        assert_eq!(String::from_utf8_lossy(&answer.stderr), "logged by the application\n");
        assert!(answer.is_whole());
        server.wait_for_err("logged by the application");
        let printed = server.get("/print");
        assert_eq!(printed.text(), "silent");
        assert_eq!(server.out(), "printed by the application\n");
    });
}
