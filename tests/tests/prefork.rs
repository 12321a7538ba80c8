//! The numbers of prefork: how many workers there are, when they are replaced, what each of them takes on.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use fcgi_tests::{Request, Sandbox, ask, in_background, try_ask, until};
use nix::sys::signal::Signal;

#[test]
fn twelve_requests_grow_to_maxchildren_and_rest_shrinks_to_maxspare() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["minspare=2", "maxspare=3", "maxchildren=8"]);
    server.wait_for_workers(3);
    let held = server.hold("a", 8);
    let busy = sandbox.held("a");
    let waiting: Vec<_> = (0..4).map(|_| in_background(&server.address, Request::get("/hold/a"))).collect();
    // Eight run, each in a process of its own; four wait, and no worker more comes for them.
    assert_eq!(busy.iter().collect::<BTreeSet<_>>().len(), 8);
    assert_eq!(server.workers().len(), 8);
    sandbox.release("a");
    for answer in held.into_iter().chain(waiting) {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    server.wait_for_workers(3);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn maxspare_workers_start_and_maxspare_may_be_more_than_maxchildren() {
    for (words, count) in
        [(&[][..], 5), (&["maxspare=3"], 3), (&["maxspare=4", "maxchildren=2"], 4), (&["maxspare=1"], 1)]
    {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        server.wait_for_capacity(count);
        assert!(server.workers().len() >= count, "{words:?}");
        server.wait_for_workers(count);
        server.stop();
    }
}

#[test]
fn a_worker_serves_one_request_at_a_time() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "maxchildren=1"]);
    let first = in_background(&server.address, Request::get("/hold/a"));
    sandbox.wait_for_held("a", 1);
    // It waits in the queue of the socket, and is not lost.
    let second = in_background(&server.address, Request::get("/version"));
    sandbox.release("a");
    assert_eq!((first.join().unwrap().text(), second.join().unwrap().text()), ("held".into(), "one".into()));
    server.stop();
}

#[test]
fn maxrequests_counts_requests_also_on_a_kept_connection() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "maxchildren=1", "maxrequests=3"]);
    let mut client = server.connect();
    let pids: Vec<String> = (0..12).map(|_| client.ask(&Request::get("/pid").kept()).text()).collect();
    let groups: Vec<&[String]> = pids.chunk_by(|a, b| a == b).collect();
    assert!(groups.iter().all(|group| group.len() == 3), "{pids:?}");
    assert_eq!(groups.len(), 4);
    drop(client);
    assert!(!server.stop().contains("unexpectedly"));
}

#[test]
fn maxrequests_counts_requests_on_connections_of_their_own() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0", "maxchildren=2", "maxrequests=4"]);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..40 {
        *counts.entry(server.get("/pid").text()).or_default() += 1;
    }
    assert!(counts.values().all(|requests| *requests <= 4), "{counts:?}");
    assert!(counts.len() >= 10, "{counts:?}");
    server.stop();
}

#[test]
fn no_request_is_lost_while_workers_are_replaced_all_the_time() {
    for (method, count) in [("method=prefork", 60), ("method=threaded", 30)] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=3", "minspare=1", "maxchildren=4", "maxrequests=3"]);
        let clients: Vec<_> = (0..6)
            .map(|number| {
                let address = server.address.clone();
                thread::spawn(move || {
                    let request = Request::post("/read", "four");
                    let mut kept = (number % 2 == 0).then(|| address.connect().unwrap());
                    for round in 0..count {
                        let answer = match &mut kept {
                            Some(client) => client.ask(&request.clone().kept()),
                            None => ask(&address, &request),
                        };
                        assert_eq!(answer.text(), "4 of 4", "{method}, client {number}, request {round}");
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap();
        }
        let err = server.stop();
        assert!(!err.contains("unexpectedly") && !err.contains("too fast"), "{method}: {err}");
    }
}

#[test]
fn threads_in_prefork_serve_in_parallel_in_one_worker() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "maxchildren=1", "threads=4"]);
    let held: Vec<_> = (0..4).map(|_| in_background(&server.address, Request::get("/hold/a"))).collect();
    let pids = sandbox.wait_for_held("a", 4);
    assert_eq!(pids.iter().collect::<BTreeSet<_>>().len(), 1);
    // The fifth waits.
    let fifth = in_background(&server.address, Request::get("/hold/a"));
    sandbox.release("a");
    for answer in held.into_iter().chain([fifth]) {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    server.stop();
}

#[test]
fn flags_tell_the_truth_of_each_model() {
    let cases: [(&[&str], &str); 8] = [
        (&[], "False True False"),
        (&["method=prefork"], "False True False"),
        (&["method=fork"], "False True False"),
        (&["maxspare=1", "maxchildren=1"], "False False False"),
        (&["threads=4"], "True True False"),
        (&["method=threaded"], "True False False"),
        (&["method=thread", "threads=3"], "True False False"),
        (&["method=threaded", "threads=1"], "False False False"),
    ];
    for (words, flags) in cases {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        assert_eq!(server.get("/flags").text(), flags, "{words:?}");
        server.stop();
    }
}

#[test]
fn preload_imports_once_and_refuses_threads() {
    let sandbox = Sandbox::new();
    sandbox.write("counted.py", "open('imports', 'a').write('x')\nfrom web import application\n");
    let words = ["socket=s.sock", "daemonize=false", "preload", "maxspare=3", "counted:application"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    server.wait_for_capacity(3);
    assert_eq!(sandbox.read("imports"), "x");
    server.stop();
    let without = words.map(|word| if word == "preload" { "preload=false" } else { word });
    let server = sandbox.serve_at(&mut sandbox.command(&without), sandbox.unix("s.sock"));
    server.wait_for_capacity(3);
    assert!(sandbox.read("imports").len() >= 4);
    server.stop();
    sandbox.write("busy.py", "import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()\nfrom web import application\n");
    let refused = sandbox.run(&["socket=s.sock", "daemonize=false", "preload", "busy:application"]);
    assert_eq!(refused.status, Some(3), "{refused:?}");
    assert!(refused.err.contains("threads"), "{refused:?}");
}

#[test]
fn what_is_printed_before_the_fork_is_printed_once() {
    let sandbox = Sandbox::new();
    sandbox.write("chatty.py", "print('imported')\nfrom web import application\n");
    let words = ["socket=s.sock", "daemonize=false", "outlog=out.log", "preload", "chatty:application"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    server.wait_for_capacity(5);
    server.stop();
    assert_eq!(sandbox.read("out.log").matches("imported").count(), 1);
}

#[test]
fn a_crowd_is_served_to_the_last() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve(&["maxspare=2", "minspare=1", "maxchildren=4"]);
    let clients: Vec<_> =
        (0..100).map(|_| in_background(&server.address, Request::get("/version"))).collect();
    for answer in clients {
        assert_eq!(answer.join().unwrap().text(), "one");
    }
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(), Some(0));
    until("nobody answers", || try_ask(&server.address, &Request::get("/version")).is_err());
}
