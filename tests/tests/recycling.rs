//! Workers that have done their part are replaced, and nobody notices.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fcgi_tests::{Request, Sandbox, Server, ask, until};

const PREFORK: &[&str] = &["method=prefork", "maxspare=3", "maxchildren=3"];
const THREADED: &[&str] = &["method=threaded", "threads=4"];

/// Visitors, some on kept connections and some not, as long as `while_they_come` runs; gives how many answers they had.
fn visit(server: &Server<'_>, visitors: usize, while_they_come: impl FnOnce()) -> usize {
    let over = Arc::new(AtomicBool::new(false));
    let visitors: Vec<_> = (0..visitors)
        .map(|number| {
            let (address, over) = (server.address.clone(), over.clone());
            thread::spawn(move || {
                let mut kept = (number % 2 == 0).then(|| address.connect().unwrap());
                let mut count = 0;
                while !over.load(Ordering::Relaxed) {
                    let answer = match &mut kept {
                        Some(client) => client.ask(&Request::get("/version").kept()),
                        None => ask(&address, &Request::get("/version")),
                    };
                    assert!(answer.is_whole() && answer.text() == "one", "{answer:?}");
                    count += 1;
                }
                count
            })
        })
        .collect();
    while_they_come();
    over.store(true, Ordering::Relaxed);
    visitors.into_iter().map(|visitor| visitor.join().unwrap()).sum()
}

fn replaced(err: &str) -> usize {
    err.matches("worker replaced").count()
}

#[test]
fn nobody_notices_that_workers_are_replaced_after_fifty_requests() {
    for words in [PREFORK, THREADED] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[words, &["maxrequests=50"]].concat());
        let answers = visit(&server, 6, || until("many were replaced", || replaced(&server.err()) >= 5));
        let err = server.stop();
        assert!(answers > 200, "{words:?}: {answers}");
        assert!(err.contains("it has served `maxrequests` requests"), "{err}");
        assert!(!err.contains("unexpectedly") && !err.contains("too fast"), "{err}");
    }
}

#[test]
fn all_are_due_and_only_one_is_missing_at_a_time() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["pool=static", "maxchildren=4", "maxlifetime=1", "jitter=0"]);
    let first = server.wait_for_workers(4);
    let mut fewest = 4;
    until("all are new", || {
        let now = server.workers();
        fewest = fewest.min(now.len());
        assert!(now.len() <= 5, "{now:?}");
        first.iter().all(|pid| !now.contains(pid))
    });
    assert_eq!(fewest, 4, "the next one is there before one leaves");
    server.wait_for_err("it has lived for `maxlifetime`");
    server.stop();
}

#[test]
fn an_application_asks_for_a_new_process() {
    for words in [PREFORK, THREADED] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        let old: i32 = server.get("/recycle").text().parse().unwrap();
        until("it was replaced", || !server.workers().contains(&old));
        assert_ne!(server.get("/pid").text(), old.to_string());
        server.wait_for_err("the application has asked for it");
        server.stop();
    }
}

#[test]
fn a_worker_that_has_asked_is_replaced_although_nobody_comes_any_more() {
    for words in [PREFORK, THREADED] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        let mut client = server.connect();
        let old: i32 = client.ask(&Request::get("/recycle").kept()).text().parse().unwrap();
        until("it was replaced", || !server.workers().contains(&old));
        assert_ne!(
            client.ask(&Request::get("/pid").kept()).text(),
            old.to_string(),
            "on the same connection"
        );
        server.stop();
    }
}

#[test]
fn a_worker_that_takes_too_much_memory_is_replaced() {
    for words in [PREFORK, THREADED] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[words, &["maxmemory=100m"]].concat());
        let mut client = server.connect();
        let old = client.ask(&Request::get("/grow/120").kept()).text();
        // It is looked at once a second at most.
        until("another worker answers", || client.ask(&Request::get("/pid").kept()).text() != old);
        until("it was replaced", || !server.workers().contains(&old.parse().unwrap()));
        server.wait_for_err("it takes more memory than `maxmemory`");
        server.stop();
    }
}

#[test]
fn a_successor_that_cannot_start_leaves_the_old_worker_serving() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "maxchildren=1", "maxrequests=20"]);
    assert_eq!(server.get("/version").text(), "one");
    sandbox.write("web.py", "raise RuntimeError('half uploaded')\n");
    for _ in 0..60 {
        assert_eq!(server.get("/version").text(), "one");
    }
    server.wait_for_err("half uploaded");
    assert_eq!(server.get("/version").text(), "one");
    sandbox.new_version("two");
    until("the new code is there", || server.get("/version").text() == "two");
    server.stop();
}
