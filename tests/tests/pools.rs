//! Pools of a fixed size, and workers on demand.

use std::net::TcpListener;

use fcgi_tests::{Address, Client, Request, Sandbox, in_background, until};
use nix::sys::signal::Signal;

#[test]
fn a_static_pool_has_as_many_workers_all_the_time() {
    for (words, count) in
        [(&["maxchildren=3"][..], 3), (&["maxspare=2"], 2), (&["maxspare=4", "maxchildren=2"], 2)]
    {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[&["pool=static"], words].concat());
        let workers = server.wait_for_workers(count);
        let held = server.hold("a", count);
        let waiting = in_background(&server.address, Request::get("/version"));
        assert_eq!(server.workers(), workers);
        sandbox.release("a");
        for answer in held {
            assert_eq!(answer.join().unwrap().text(), "held");
        }
        assert_eq!(waiting.join().unwrap().text(), "one");
        assert_eq!(server.workers(), workers, "{words:?}");
        server.signal(Signal::SIGTTIN);
        server.wait_for_workers(count + 1);
        server.signal(Signal::SIGTTOU);
        server.wait_for_workers(count);
        server.stop();
    }
}

#[test]
fn a_static_pool_of_threads_is_a_fixed_number() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "pool=static", "maxchildren=3"]);
    let held = server.hold("a", 3);
    let fourth = in_background(&server.address, Request::get("/hold/a"));
    assert_eq!(server.workers().len(), 1);
    assert_eq!(sandbox.held("a").len(), 3, "no fourth thread");
    sandbox.release("a");
    for answer in held.into_iter().chain([fourth]) {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    server.stop();
}

#[test]
fn workers_on_demand_come_with_requests_and_go() {
    for method in ["method=prefork", "method=threaded"] {
        for preload in ["preload=false", "preload=true"] {
            let sandbox = Sandbox::new();
            let server =
                sandbox.serve(&[method, "pool=ondemand", "maxchildren=3", "idletimeout=0.5", preload]);
            for version in ["one", "one"] {
                server.wait_for_workers(0);
                assert_eq!(server.get("/version").text(), version, "{method} {preload}");
                assert_eq!(server.workers().len(), 1);
            }
            server.wait_for_workers(0);
            // With the application at hand it stays.
            let stays = preload == "preload=true";
            until("the nursery is needed or gone", || server.nursery().is_some() == stays);
            let err = server.stop();
            assert!(!err.contains("unexpectedly"), "{err}");
        }
    }
}

#[test]
fn workers_on_demand_are_as_many_as_are_needed_and_allowed() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["pool=ondemand", "maxchildren=3", "idletimeout=0.5"]);
    server.wait_for_workers(0);
    let held = server.hold("a", 3);
    let waiting = in_background(&server.address, Request::get("/version"));
    let crowd: Vec<_> = (0..20).map(|_| in_background(&server.address, Request::get("/version"))).collect();
    assert_eq!(server.workers().len(), 3);
    sandbox.release("a");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    for answer in crowd.into_iter().chain([waiting]) {
        assert_eq!(answer.join().unwrap().text(), "one");
    }
    server.wait_for_workers(0);
    server.stop();
}

#[test]
fn over_tcp_workers_come_on_demand_too() {
    let sandbox = Sandbox::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let words = ["host=127.0.0.1", &format!("port={port}"), "daemonize=false", "web:application"];
    let pool = ["pool=ondemand", "idletimeout=0.5", "maxchildren=2"];
    let address = Address::Tcp(([127, 0, 0, 1], port).into());
    let server = sandbox.serve_at(&mut sandbox.command(&[&words[..], &pool].concat()), address);
    server.wait_for_workers(0);
    let held = server.hold("a", 2);
    sandbox.release("a");
    assert!(held.into_iter().all(|answer| answer.join().unwrap().text() == "held"));
    server.wait_for_workers(0);
    server.stop();
}

#[test]
fn kept_connections_are_served_by_workers_on_demand_until_they_are_closed() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["pool=ondemand", "maxchildren=3", "idletimeout=3"]);
    let mut clients: Vec<_> = (0..3).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    server.wait_for_workers(1);
    for client in &mut clients {
        assert_eq!(
            client.ask(&Request::get("/version").kept()).text(),
            "one",
            "those of who left are with who stayed"
        );
    }
    server.wait_for_workers(0);
    assert!(clients.iter_mut().all(Client::is_closed_by_peer), "they have rested for as long");
    server.stop();
}

#[test]
fn a_broken_application_on_demand_fails_the_start() {
    let sandbox = Sandbox::empty();
    sandbox.write("web.py", "import nothing_of_the_kind\n");
    let words = ["socket=s.sock", "daemonize=false", "pool=ondemand", "web:application"];
    let finished = sandbox.run(&words);
    assert_eq!(finished.status, Some(3), "{finished:?}");
    assert!(finished.err.contains("nothing_of_the_kind"), "{finished:?}");
}

#[test]
fn a_reload_and_a_stop_of_an_empty_house_do_what_they_say() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["pool=ondemand", "idletimeout=0.5"]);
    server.wait_for_workers(0);
    sandbox.new_version("two");
    server.signal(Signal::SIGHUP);
    server.wait_for_err("reloaded");
    assert_eq!(server.get("/version").text(), "two");
    server.wait_for_workers(0);
    until("the master sleeps", || server.pending_signals() == 0);
    server.stop();
}
