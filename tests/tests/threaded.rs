//! The threaded model: one process, many requests at once, also on one connection.

use std::collections::BTreeSet;

use fcgi_tests::processes::threads;
use fcgi_tests::record::{GET_VALUES, pairs, record};
use fcgi_tests::{Request, Sandbox, in_background, until};

#[test]
fn threads_grow_to_maxchildren_and_shrink_to_maxspare() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "minspare=1", "maxspare=2", "maxchildren=6"]);
    let worker = server.wait_for_workers(1)[0];
    assert_eq!(server.get("/version").text(), "one");
    let at_rest = threads(worker);
    let held: Vec<_> = (0..9).map(|_| in_background(&server.address, Request::get("/hold/a"))).collect();
    let pids = sandbox.wait_for_held("a", 6);
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 1);
    assert_eq!(threads(worker), at_rest - 2 + 6);
    sandbox.release("a");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    until("spare threads have left", || threads(worker) <= at_rest);
    server.stop();
}

#[test]
fn threads_is_a_fixed_number() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "threads=3"]);
    let worker = server.wait_for_workers(1)[0];
    server.get("/version");
    let at_rest = threads(worker);
    let held: Vec<_> = (0..5).map(|_| in_background(&server.address, Request::get("/hold/a"))).collect();
    sandbox.wait_for_held("a", 3);
    assert_eq!(threads(worker), at_rest);
    sandbox.release("a");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    assert_eq!(threads(worker), at_rest);
    server.stop();
}

#[test]
fn requests_of_one_connection_run_in_parallel_and_end_in_any_order() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded"]);
    let mut client = server.connect();
    for (id, name) in [(1, "a"), (3, "b"), (5, "c")] {
        client.send(&Request::get(&format!("/hold/{name}")).id(id).kept().bytes());
        sandbox.wait_for_held(name, 1);
    }
    for (id, name) in [(5, "c"), (1, "a"), (3, "b")] {
        sandbox.release(name);
        let answer = client.answer(id);
        assert!(answer.is_whole() && answer.text() == "held");
    }
    assert_eq!(client.ask(&Request::get("/version").id(2).kept()).text(), "one");
    drop(client);
    server.stop();
}

#[test]
fn a_slow_body_of_one_request_does_not_stop_the_others_of_its_connection() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded"]);
    let mut client = server.connect();
    let slow = Request::post("/read", vec![b'a'; 100]).id(1).kept();
    client.send(&slow.head());
    for id in 2..6 {
        assert_eq!(client.ask(&Request::get("/version").id(id).kept()).text(), "one");
    }
    client.send(&slow.stdin());
    assert_eq!(client.answer(1).text(), "100 of 100");
    drop(client);
    server.stop();
}

#[test]
fn an_aborted_request_ends_when_the_application_is_done_with_it() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded"]);
    let mut client = server.connect();
    client.send(&Request::get("/hold/a").id(9).kept().bytes());
    sandbox.wait_for_held("a", 1);
    client.send(&fcgi_tests::client::abort(9));
    // The connection serves others meanwhile.
    assert_eq!(client.ask(&Request::get("/version").id(2).kept()).text(), "one");
    sandbox.release("a");
    assert!(client.answer(9).end.is_some());
    assert_eq!(client.ask(&Request::get("/version").id(9).kept()).text(), "one");
    drop(client);
    server.stop();
}

#[test]
fn too_many_requests_on_one_connection_are_refused_one_by_one() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "maxchildren=20"]);
    let mut client = server.connect();
    for id in 1..=16 {
        client.send(&Request::get("/hold/a").id(id).kept().bytes());
    }
    sandbox.wait_for_held("a", 16);
    let refused = client.ask(&Request::get("/version").id(17).kept());
    assert_eq!(refused.status(), 503);
    sandbox.release("a");
    for id in 1..=16 {
        assert_eq!(client.answer(id).text(), "held");
    }
    assert_eq!(client.ask(&Request::get("/version").id(18).kept()).text(), "one");
    drop(client);
    server.stop();
}

#[test]
fn a_request_that_does_not_read_its_body_keeps_no_other_waiting_on_the_connection() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "threads=3"]);
    let mut client = server.connect();
    client.send(&Request::post("/hold/a", vec![b'x'; 5_000_000]).kept().bytes());
    sandbox.wait_for_held("a", 1);
    assert_eq!(client.ask(&Request::get("/version").id(3).kept()).text(), "one");
    client.send(&Request::post("/read/b", vec![b'y'; 5_000_000]).id(5).kept().bytes());
    sandbox.wait_for_held("b", 1);
    assert_eq!(client.ask(&Request::get("/version").id(7).kept()).text(), "one");
    sandbox.release("b");
    assert_eq!(client.answer(5).text(), "5000000 of 5000000");
    sandbox.release("a");
    assert_eq!(client.answer(1).text(), "held");
    server.stop();
}

#[test]
fn a_body_that_stops_coming_ends_the_wait_of_the_application() {
    let sandbox = Sandbox::new();
    for words in [&["method=threaded"][..], &["method=prefork", "maxspare=1"]] {
        let server = sandbox.serve(&[words, &["requestbuffer=1", "readtimeout=1"]].concat());
        let mut client = server.connect();
        let request = Request::post("/read", vec![b'x'; 100_000]);
        let bytes = request.bytes();
        client.send(&bytes[..bytes.len() - 20_000]);
        server.wait_for_err("the web server has not sent the request body in time");
        server
            .wait_for_err("the web server went away, or the request was over, before its body was complete");
        assert_eq!(client.answer(1).status(), 500);
        assert_eq!(server.get("/version").text(), "one");
        server.stop();
    }
}

/// `HAProxy`, which alone asks, sends so many requests over each connection.
#[test]
fn a_connection_takes_all_the_requests_that_the_server_says_it_takes() {
    let cases: [(&[&str], usize); 3] = [
        (&["method=threaded", "threads=4"], 4),
        (&["method=threaded", "maxactive=5"], 5),
        (&["threads=3", "maxspare=1", "minspare=0", "maxchildren=9"], 3),
    ];
    for (words, count) in cases {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        let mut client = server.connect();
        client.send(&record(GET_VALUES, 0, &pairs([("FCGI_MAX_REQS", "")])));
        let result = client.management().content;
        assert_eq!(result, pairs([("FCGI_MAX_REQS", count.to_string().as_str())]), "{words:?}");
        let ids = || (1..).step_by(2).take(count);
        for id in ids() {
            client.send(&Request::get("/hold/a").id(id).kept().bytes());
        }
        sandbox.wait_for_held("a", count);
        sandbox.release("a");
        for id in ids() {
            assert_eq!(client.answer(id).text(), "held", "{words:?}");
        }
        drop(client);
        server.stop();
    }
}
