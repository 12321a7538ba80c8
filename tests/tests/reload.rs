//! HUP, USR1, TTIN and TTOU: new code, new log files, more and fewer workers, and nobody notices.

use std::fs;

use fcgi_tests::{Request, Sandbox, Server, Traffic, in_background, until};
use nix::sys::signal::Signal;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

fn reload(server: &Server<'_>) {
    let before = server.err().matches(" reloaded").count();
    server.signal(Signal::SIGHUP);
    until("the server has reloaded", || server.err().matches(" reloaded").count() > before);
}

#[test]
fn hup_serves_new_code_and_no_request_fails() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "minspare=1"]);
        let traffic = Traffic::start(&server.address);
        for version in ["two", "three", "four"] {
            traffic.wait();
            let old = server.workers();
            sandbox.new_version(version);
            reload(&server);
            // From here on, nobody is served by old code any more, but for what is running.
            until("the old workers have left", || !server.workers().iter().any(|pid| old.contains(pid)));
            assert_eq!(server.get("/version").text(), version, "{method}");
        }
        traffic.wait();
        traffic.stop();
        server.stop();
    }
}

#[test]
fn hup_lets_a_running_request_finish_with_the_old_code() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=1"]);
        let held = in_background(&server.address, Request::get("/hold/a"));
        let old = sandbox.wait_for_held("a", 1)[0];
        sandbox.new_version("two");
        reload(&server);
        until("new requests are served by new code", || server.get("/version").text() == "two");
        assert!(server.workers().contains(&old), "{method}");
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held");
        until("the old worker has left", || !server.workers().contains(&old));
        server.stop();
    }
}

#[test]
fn hup_keeps_idle_kept_connections() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "minspare=0"]);
        let mut kept: Vec<_> = (0..10).map(|_| server.connect()).collect();
        for client in &mut kept {
            assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
        }
        // One that is not known yet would not be missed.
        let old = server.wait_for_workers(if method == METHODS[0] { 2 } else { 1 });
        sandbox.new_version("two");
        reload(&server);
        until("the old workers have left", || !server.workers().iter().any(|pid| old.contains(pid)));
        for client in &mut kept {
            assert_eq!(client.ask(&Request::get("/version").kept()).text(), "two", "{method}");
        }
        drop(kept);
        server.stop();
    }
}

#[test]
fn hup_with_broken_code_leaves_the_old_serving_and_logs_the_traceback() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2"]);
        let traffic = Traffic::start(&server.address);
        for (number, broken) in
            ["raise RuntimeError('half an edit')\n", "import os\nos._exit(3)\n"].into_iter().enumerate()
        {
            sandbox.write("web.py", broken);
            server.signal(Signal::SIGHUP);
            until("the reload is given up", || {
                server.err().matches("the reload was given up").count() == number + 1
            });
            traffic.wait();
            assert_eq!(server.get("/version").text(), "one", "{method}");
            // Who has said why it cannot serve has not died of itself; who could not say a word has.
            let (err, died) = (server.err(), number == 1);
            assert_eq!(err.contains("died unexpectedly"), died, "{err}");
        }
        let err = server.err();
        assert!(err.contains("Traceback") && err.contains("RuntimeError: half an edit"), "{err}");
        // And the mended code comes in.
        sandbox.new_version("two");
        reload(&server);
        until("new code", || server.get("/version").text() == "two");
        traffic.stop();
        server.stop();
    }
}

#[test]
fn many_hups_at_once_end_with_the_newest_code() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0"]);
    let traffic = Traffic::start(&server.address);
    for number in 0..10 {
        sandbox.new_version(&format!("v{number}"));
        server.signal(Signal::SIGHUP);
    }
    let mut newest = 0;
    until("the newest code is all there is", || {
        newest = if server.get("/version").text() == "v9" { newest + 1 } else { 0 };
        newest == 50
    });
    traffic.stop();
    until("as many workers as before", || server.workers().len() == 2);
    server.stop();
}

#[test]
fn usr1_opens_all_logs_anew() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server =
            sandbox.serve_and_ask(&[method, "outlog=o.log", "errlog=e.log", "accesslog=a.log", "maxspare=2"]);
        server.get("/print");
        for name in ["o", "e", "a"] {
            fs::rename(sandbox.path(&format!("{name}.log")), sandbox.path(&format!("{name}.old"))).unwrap();
        }
        server.signal(Signal::SIGUSR1);
        until("all workers write to new files", || {
            server.get("/print");
            sandbox.read("a.log").matches("GET /print").count() > 8
        });
        assert!(sandbox.read("o.log").contains("printed by the application"), "{method}");
        assert!(sandbox.read("e.log").contains("complained by the application"));
        // The old files are let go of: all of both processes write to the new ones now.
        let old = ["o.old", "e.old", "a.old"].map(|name| sandbox.read(name));
        for _ in 0..10 {
            server.get("/print");
        }
        assert_eq!(["o.old", "e.old", "a.old"].map(|name| sandbox.read(name)), old);
        server.stop();
        // The master has opened them too.
        assert!(sandbox.read("e.log").contains("stopping"), "{}", sandbox.read("e.log"));
    }
}

#[test]
fn ttin_and_ttou_change_the_number_of_workers() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0"]);
    server.wait_for_workers(2);
    for count in [3, 4] {
        server.signal(Signal::SIGTTIN);
        server.wait_for_workers(count);
    }
    for count in [3, 2, 1] {
        server.signal(Signal::SIGTTOU);
        server.wait_for_workers(count);
    }
    // The last one stays.
    server.signal(Signal::SIGTTOU);
    server.signal(Signal::SIGTTIN);
    server.wait_for_workers(2);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn an_application_that_was_told_that_it_is_alone_stays_alone() {
    for words in [["method=threaded", "maxspare=2"], ["maxchildren=1", "maxspare=1"]] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&words);
        assert!(server.get("/flags").text().contains(" False "), "{words:?}");
        let before = server.workers();
        server.signal(Signal::SIGTTIN);
        // Of several that wait, HUP would be heard first.
        until("the signal was heard", || server.pending_signals() == 0);
        sandbox.new_version("two");
        reload(&server);
        until("the old worker has left", || server.workers().iter().all(|pid| !before.contains(pid)));
        assert_eq!(server.workers().len(), 1, "{words:?}");
        server.stop();
    }
}
