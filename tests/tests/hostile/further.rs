//! What is in no list: more inputs of peers that are broken, slow or bad.

use std::thread;
use std::time::{Duration, Instant};

use fcgi_tests::client::abort;
use fcgi_tests::record::{BEGIN, GET_VALUES, PARAMS, RESPONDER, STDIN, begin, padded, pairs, record, stream};
use fcgi_tests::{in_background, processes};

use crate::harness::{Mode, Stage, Told, filled, get, in_both_modes, in_both_modes_over_tcp, is_page, post};

#[test]
fn x01_resets_of_connections_in_every_state() {
    in_both_modes_over_tcp(&[], |stage| {
        let request = post("/read", vec![b'x'; 200_000]).kept();
        let head = request.head();
        let half_a_body = [&head[..], &filled(STDIN, 1, 60_000), &filled(STDIN, 1, 60_000)].concat();
        for bytes in [&[][..], &head[..5], &head[..100], &head, &half_a_body] {
            for idle_before in [false, true] {
                let mut client = stage.connect();
                if idle_before {
                    assert_eq!(client.ask(&get("/version").kept()).text(), "one");
                }
                client.send(bytes);
                client.reset();
            }
        }
        vec![]
    });
}

#[test]
fn x02_sixty_thousand_ids_one_after_another() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let memory = || stage.server.workers().into_iter().map(processes::peak_of_memory).sum::<u64>();
        let before = memory();
        let ids: Vec<u16> = (1..=60_000).filter(|id| *id != 40_000).collect();
        for some in ids.chunks(500) {
            let bytes: Vec<u8> =
                some.iter().flat_map(|id| [begin(*id, RESPONDER, true), abort(*id)].concat()).collect();
            kept.client.send(&bytes);
            for id in some {
                assert!(kept.client.answer(*id).end.is_some());
            }
            assert_eq!(kept.client.ask(&get("/version").id(some[0]).kept()).text(), "one");
        }
        assert!(memory().saturating_sub(before) < 32 << 20, "{before} and then {}", memory());
        kept.survives();
        vec![]
    });
}

#[test]
fn x03_begin_with_all_that_is_reserved() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for id in [1, 255, 256, 65_535] {
            let request = post("/read", "four").id(id);
            let mut start = padded(BEGIN, id, &[0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], 255);
            start[7] = 0xff;
            let params = stream(PARAMS, id, &request.pairs(), 65_535);
            kept.client.send(&[start, params, request.stdin()].concat());
            assert_eq!(kept.client.answer(id).text(), "4 of 4");
        }
        kept.survives();
        vec![]
    });
}

#[test]
fn x04_a_flood_of_get_values_that_nobody_reads() {
    in_both_modes(&[], |stage| {
        let memory = || stage.server.workers().into_iter().map(processes::peak_of_memory).sum::<u64>();
        let before = memory();
        let query = record(GET_VALUES, 0, &pairs(["FCGI_MAX_CONNS", "FCGI_MAX_REQS"].map(|name| (name, ""))));
        let flood = query.repeat(1000);
        let mut client = stage.connect();
        // Some ten megabytes; the answers would be as many.
        for _ in 0..300 {
            if client.try_send(&flood).is_err() {
                break;
            }
        }
        stage.serves_at_once();
        assert!(memory().saturating_sub(before) < 32 << 20, "{before} and then {}", memory());
        drop(client);
        // Who reads gets them all.
        let mut kept = stage.kept();
        for _ in 0..20 {
            kept.client.send(&query.repeat(50));
            for _ in 0..50 {
                assert!(!kept.client.management().content.is_empty());
            }
        }
        kept.survives();
        vec!["?peer="]
    });
}

#[test]
fn x05_a_flood_of_aborts() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let flood = [abort(1), abort(2), abort(65_535)].concat().repeat(5_000);
        kept.client.send(&flood);
        let request = post("/hold/never", "body").kept();
        kept.client.send(&[request.head(), flood.clone()].concat());
        assert!(kept.client.answer(1).is_whole());
        kept.client.send(&flood);
        assert!(stage.sandbox.held("never").is_empty());
        kept.survives();
        vec![]
    });
}

#[test]
fn x06_roles_by_turns() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for round in 0..20 {
            for role in [2, 3, 9] {
                let request = get("/version").id(7);
                let params = stream(PARAMS, 7, &request.pairs(), 65_535);
                kept.client.send(&[begin(7, role, true), params, request.stdin()].concat());
                let answer = kept.client.answer(7);
                assert_eq!((answer.end, answer.stdout.len()), (Some((0, 3)), 0), "{round} {role}");
            }
            assert_eq!(kept.client.ask(&get("/version").id(7).kept()).text(), "one");
        }
        kept.survives();
        vec![]
    });
}

#[test]
fn x07_an_upload_of_single_bytes() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        // Each byte in a write, and each in a record with much padding.
        for byte in post("/read", vec![b'x'; 2_000]).kept().bytes() {
            kept.client.send(&[byte]);
        }
        assert_eq!(kept.client.answer(1).text(), "2000 of 2000");
        for length in [Some("20000"), None] {
            let request = post("/read", "").with("CONTENT_LENGTH", length.unwrap_or_default()).kept();
            kept.client.send(&request.head());
            kept.client.send(&padded(STDIN, 1, b"x", 255).repeat(20_000));
            kept.client.send(&record(STDIN, 1, &[]));
            assert_eq!(kept.client.answer(1).text(), "20000 of 20000");
        }
        kept.survives();
        vec![]
    });
}

#[test]
fn x08_more_requests_from_a_peer_that_does_not_read() {
    in_both_modes(&["maxspare=3"], |stage| {
        let mut client = stage.connect();
        client.send(&get("/early").id(1).kept().bytes());
        client.begun(1);
        let others: Vec<u16> = (2..60).collect();
        for id in &others {
            client.send(&get("/version").id(*id).kept().bytes());
        }
        stage.serves_at_once();
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.body().len() == 128 * 65_536);
        for id in others {
            let answer = client.answer(id);
            match stage.mode {
                // Served, or one too many.
                Mode::Threaded => {
                    assert!(is_page(&answer, 503) || answer.text() == "one", "{id}: {answer:?}");
                }
                Mode::Prefork => assert_eq!((answer.end, answer.stdout.len()), (Some((0, 1)), 0), "{id}"),
            }
        }
        assert_eq!(client.ask(&get("/version").kept()).text(), "one");
        vec!["?too many requests on one connection"; 58]
    });
}

/// Half-closed connections wait until a worker is free, and are answered.
fn half_connections_are_answered(stage: &Stage<'_>) -> Told {
    // The neighbour has one of two, this one the other.
    let busy = in_background(&stage.server.address, get("/hold/second"));
    stage.sandbox.wait_for_held("second", 1);
    let mut clients: Vec<_> = (0..5).map(|_| stage.connect()).collect();
    for client in &mut clients {
        client.send(&post("/read", "four").bytes());
        client.finish_sending();
    }
    stage.sandbox.release("second");
    assert_eq!(busy.join().unwrap().text(), "held");
    for client in &mut clients {
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.text() == "4 of 4");
        assert!(client.is_closed_by_peer());
    }
    vec![]
}

#[test]
fn x09_half_a_connection_in_the_queue() {
    in_both_modes(TWO_AT_ONCE, half_connections_are_answered);
}

#[test]
fn x09_half_a_connection_in_the_queue_over_tcp() {
    in_both_modes_over_tcp(TWO_AT_ONCE, half_connections_are_answered);
}

const TWO_AT_ONCE: &[&str] = &["minspare=0", "maxspare=2", "maxchildren=2"];

#[test]
fn x10_as_many_parameters_as_allowed_and_one_byte_more() {
    in_both_modes(&["maxparams=5000"], |stage| {
        let request = get("/names/HTTP_LONG");
        let head_of_pair = 4 + 1 + "HTTP_LONG".len();
        for (size, cut, status) in [(5000, 65_535, 200), (5000, 7, 200), (5001, 65_535, 431), (5001, 7, 431)]
        {
            let long = "v".repeat(size - request.pairs().len() - head_of_pair);
            let pairs = request.clone().with("HTTP_LONG", &long).pairs();
            assert_eq!(pairs.len(), size);
            let mut client = stage.connect();
            let bytes = [begin(1, RESPONDER, true), stream(PARAMS, 1, &pairs, cut), request.stdin()];
            client.send(&bytes.concat());
            let answer = client.answer(1);
            assert!(answer.is_whole() && answer.status() == status, "{size} {cut}: {answer:?}");
        }
        vec!["request refused"; 2]
    });
}

#[test]
fn x11_the_greatest_length_and_a_body_of_five_bytes() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", "hello").with("CONTENT_LENGTH", "9223372036854775807").kept();
        assert_eq!(kept.client.ask(&request).text(), "5 of 9223372036854775807");
        kept.survives();
        vec![]
    });
}

#[test]
fn x12_peers_that_go_while_their_bodies_are_kept_in_files() {
    in_both_modes(&[], |stage| {
        for _ in 0..5 {
            let request = post("/hold/never", "").without("CONTENT_LENGTH");
            let mut client = stage.connect();
            client.send(&request.head());
            for _ in 0..20 {
                client.send(&filled(STDIN, 1, 60_000));
            }
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec![]
    });
}

#[test]
fn x13_a_slow_reader() {
    in_both_modes(&["writetimeout=1", "maxspare=3", "maxchildren=3"], |stage| {
        let mut client = stage.connect();
        client.send(&get("/early").kept().bytes());
        for mebibytes in 1..8 {
            client.come_to(1, mebibytes << 20);
            stage.serves_at_once();
            // Slow as a whole, but never so slow that nothing moves for a second.
            thread::sleep(Duration::from_millis(200));
        }
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.body().len() == 128 * 65_536);
        vec![]
    });
}

#[test]
fn x14_a_flood_behind_an_answer_that_nobody_reads() {
    in_both_modes(&["maxspare=3"], |stage| {
        let memory = || stage.server.workers().into_iter().map(processes::peak_of_memory).sum::<u64>();
        let before = memory();
        let query = record(GET_VALUES, 0, &pairs([("FCGI_MAX_CONNS", "")]));
        // Each of these asks for an answer of our own; those cannot leave, and must not be kept for ever.
        for flood in [query, begin(7, 9, true), [begin(8, RESPONDER, true), abort(8)].concat()] {
            let mut client = stage.connect();
            client.send(&get("/endless").kept().bytes());
            client.begun(1);
            let flood = flood.repeat(2000);
            for _ in 0..500 {
                if client.try_send(&flood).is_err() {
                    break;
                }
            }
            stage.serves_at_once();
        }
        assert!(memory().saturating_sub(before) < 32 << 20, "{before} and then {}", memory());
        vec!["does not read"; 3]
    });
}

/// As many kibibytes of an answer as the socket takes while nobody reads.
fn room_of_a_socket(stage: &Stage<'_>) -> usize {
    let fits = |count: usize| {
        let mut client = stage.connect();
        let name = format!("room{count}");
        client.send(&get(&format!("/fill/{count}/{name}")).bytes());
        let start = Instant::now();
        let is_held = || !stage.sandbox.held(&name).is_empty();
        while !is_held() && start.elapsed() < Duration::from_millis(300) {
            thread::sleep(Duration::from_millis(5));
        }
        let fits = is_held();
        stage.sandbox.release(&name);
        fits
    };
    let (mut fitting, mut beyond) = (1, 1024);
    while fitting + 1 < beyond {
        let middle = usize::midpoint(fitting, beyond);
        if fits(middle) { fitting = middle } else { beyond = middle }
    }
    fitting
}

#[test]
fn x15_a_question_while_an_answer_fills_the_socket() {
    in_both_modes(&["maxspare=3"], |stage| {
        let room = room_of_a_socket(stage);
        let mut kept = stage.kept();
        kept.client.send(&get(&format!("/fill/{room}/full")).kept().bytes());
        stage.sandbox.wait_for_held("full", 1);
        // The answer to this finds no room, and must not cost the connection.
        kept.client.send(&record(GET_VALUES, 0, &pairs([("FCGI_MAX_CONNS", "")])).repeat(3));
        stage.serves_at_once();
        stage.sandbox.release("full");
        let answer = kept.client.answer(1);
        assert!(answer.is_whole() && answer.body().len() == (room + 1) * 1024, "{}", answer.body().len());
        for _ in 0..3 {
            assert!(!kept.client.management().content.is_empty());
        }
        kept.survives();
        vec![]
    });
}
