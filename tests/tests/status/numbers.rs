//! What is told is so.

use std::thread;

use fcgi_tests::{Request, Sandbox, ask, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::asking::{SOCKET, json, number, status, until_json};

#[test]
fn the_status_is_told_while_all_workers_are_busy() {
    for words in [&["minspare=0", "maxspare=1", "maxchildren=1"][..], &["method=threaded", "threads=1"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[words, &[SOCKET]].concat());
        let held = server.hold("a", 1);
        let mut waiting = server.connect();
        waiting.send(&Request::get("/version").bytes());
        let told =
            until_json(&status(&sandbox), "the queue is seen", |json| number(json, "/queues/0/waiting") == 1);
        let worker = &told["workers"][0];
        assert_eq!(worker["state"], "busy", "{told:#}");
        assert_eq!(worker["pid"].as_i64(), Some(i64::from(sandbox.held("a")[0])));
        assert_eq!(worker["requests"][0]["method"], "GET");
        assert_eq!(worker["requests"][0]["path"], "/hold/a");
        assert_eq!((number(&told, "/requests/running"), number(&told, "/requests/total")), (1, 0));
        sandbox.release("a");
        for answer in held {
            assert_eq!(answer.join().unwrap().text(), "held");
        }
        assert_eq!(waiting.answer(1).text(), "one");
        until_json(&status(&sandbox), "both are over", |json| {
            number(json, "/requests/total") == 2 && number(json, "/queues/0/waiting") == 0
        });
        server.stop();
    }
}

#[test]
fn every_request_is_counted_once() {
    for words in [&["maxspare=3"][..], &["method=threaded", "threads=3"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[words, &[SOCKET, "maxbody=10"]].concat());
        let address = &server.address;
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(move || {
                    let mut client = address.connect().unwrap();
                    for number in 0..75 {
                        let path = match number % 3 {
                            0 => "/version",
                            1 => "/nowhere",
                            _ => "/raise",
                        };
                        client.ask(&Request::get(path).kept());
                    }
                });
            }
        });
        // The application does not hear of it.
        assert_eq!(ask(&server.address, &Request::post("/read", "x".repeat(20))).status(), 413);
        let told =
            until_json(&status(&sandbox), "all are counted", |json| number(json, "/requests/total") >= 301);
        let statuses =
            ["2xx", "4xx", "5xx"].map(|class| number(&told["requests"]["statuses"], &format!("/{class}")));
        assert_eq!(statuses, [100, 101, 100], "{told:#}");
        assert_eq!(number(&told, "/requests/refused"), 1);
        assert_eq!(number(&told, "/requests/latency/all/count"), 301);
        assert_eq!(number(&told, "/requests/running"), 0);
        server.stop();
    }
}

#[test]
fn nothing_is_lost_when_a_worker_is_killed() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["minspare=0", "maxspare=1", "maxchildren=1", SOCKET]);
    for _ in 0..20 {
        assert_eq!(server.get("/version").text(), "one");
    }
    let before =
        until_json(&status(&sandbox), "all are counted", |json| number(json, "/requests/total") == 20);
    let worker = server.workers()[0];
    let held = server.hold("a", 1);
    kill(Pid::from_raw(worker), Signal::SIGKILL).unwrap();
    drop(held);
    until("another worker answers", || server.workers().iter().any(|pid| *pid != worker));
    sandbox.release("a");
    for _ in 0..5 {
        assert_eq!(server.get("/version").text(), "one");
    }
    let told = until_json(&status(&sandbox), "all are counted", |json| number(json, "/requests/total") == 25);
    assert_eq!(number(&told, "/requests/statuses/2xx"), 25);
    assert_eq!(number(&told, "/requests/sent_bytes"), number(&before, "/requests/sent_bytes") / 20 * 25);
    assert_eq!(number(&told, "/requests/running"), 0, "what it worked on is over");
    assert_eq!((number(&told, "/restarts/total"), number(&told, "/restarts/reasons/died")), (1, 1));
    let ended = &told["restarts"]["recent"][0];
    assert_eq!((ended["pid"].as_i64(), ended["served"].as_u64()), (Some(i64::from(worker)), Some(20)));
    assert!(ended["detail"].as_str().unwrap().contains("KILL"), "{ended:#}");
    server.stop();
}

#[test]
fn a_slow_request_is_remembered_without_its_query() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let mut client = server.connect();
    client.send(&Request::get("/hold/a?password=1").bytes());
    until_json(&status(&sandbox), "it is slow", |json| {
        let workers = json["workers"].as_array().unwrap();
        let ages = workers.iter().filter_map(|worker| worker["requests"][0]["age_seconds"].as_f64());
        ages.fold(0.0, f64::max) > 1.1
    });
    sandbox.release("a");
    assert_eq!(client.answer(1).text(), "held");
    let told = until_json(&status(&sandbox), "it is remembered", |json| json["slow_requests"][0].is_object());
    let slow = &told["slow_requests"][0];
    assert_eq!((slow["method"].as_str(), slow["path"].as_str()), (Some("GET"), Some("/hold/a")));
    assert_eq!(slow["status"], 200);
    assert!(slow["took_seconds"].as_f64().unwrap() > 1.0);
    assert!(!told.to_string().contains("password"));
    server.stop();
}

#[test]
fn a_reload_brings_another_generation_and_notes_are_taken_meanwhile() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=1", SOCKET]);
    server.wait_for_workers(2);
    let address = status(&sandbox);
    until_json(&address, "workers are ready", |json| number(json, "/worker_states/idle") == 2);
    server.signal(Signal::SIGHUP);
    until_json(&address, "new workers are there", |json| {
        let workers = json["workers"].as_array().unwrap();
        workers.len() == 2 && workers.iter().all(|worker| worker["generation"].as_u64() > Some(0))
    });
    let told = until_json(&address, "the notes tell of the rate", |json| {
        json["history"].as_array().unwrap().len() > 1
    });
    assert!(told["requests"]["rates"][0]["requests_per_second"].is_number(), "{told:#}");
    assert!(json(&address)["workers"][0]["resident_bytes"].as_u64() > Some(1 << 20));
    server.stop();
}
