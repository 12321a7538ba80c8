//! A server that a web server has started, on descriptor 0: its program is executed anew in its process, and nobody notices.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use fcgi_tests::{Request, Sandbox, Server, Traffic, in_background, until};
use nix::sys::signal::Signal;

const ALONE: &[&str] = &[];
const THREADS: &[&str] = &["method=threaded"];
const MASTER: &[&str] = &["method=prefork", "maxspare=2"];

/// Starts it as a web server does, which keeps nothing of the socket for itself: what waits there when it is closed is lost.
fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = sandbox.command(&[words, &["web:application"]].concat());
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    sandbox.serve_silently(&mut command, sandbox.unix("0.sock"))
}

/// Ends it as a web server does: it has never been another process.
fn stop(mut server: Server<'_>) {
    assert!(!server.has_ended(), "{}", server.err());
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(), Some(0), "{}", server.err());
}

#[test]
fn new_code_is_served_by_the_same_process_and_no_request_fails() {
    for words in [ALONE, THREADS, MASTER] {
        let sandbox = Sandbox::new();
        let server = serve(&sandbox, &[words, &["touchreload=reload"]].concat());
        let traffic = Traffic::start(&server.address);
        // A master that runs the application's interpreter itself loads code anew in its workers.
        for version in ["two", "three"] {
            traffic.wait();
            sandbox.new_version(version);
            sandbox.write("reload", version);
            until("new code is served", || server.get("/version").text() == version);
        }
        if words != MASTER {
            assert_eq!(server.get("/pid").text(), server.pid().to_string(), "{words:?}");
        }
        traffic.stop();
        stop(server);
    }
}

#[test]
fn code_that_cannot_be_imported_changes_nothing() {
    for words in [ALONE, THREADS] {
        let sandbox = Sandbox::new();
        let server = serve(&sandbox, &[words, &["touchreload=reload"]].concat());
        let begun = server.get("/version").text();
        sandbox.write("web.py", "raise RuntimeError('half uploaded')\n");
        sandbox.write("reload", "");
        server.wait_for_err("error[FR423]: the changed program cannot serve, this one goes on cause=");
        assert!(server.err().contains("RuntimeError: half uploaded"), "{}", server.err());
        assert_eq!(server.get("/version").text(), begun);
        sandbox.new_version("two");
        sandbox.write("reload", "again");
        until("new code is served", || server.get("/version").text() == "two");
        stop(server);
    }
}

#[test]
fn a_page_is_tried_before() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, &["touchreload=reload", "probe=/version"]);
    sandbox.write("web.py", "def application(environ, start_response):\n    raise ValueError('no table')\n");
    sandbox.write("reload", "");
    server.wait_for_err("[FR423]");
    assert!(server.err().contains("ValueError: no table"), "{}", server.err());
    assert_eq!(server.get("/version").text(), "one");
    stop(server);
}

#[test]
fn an_import_that_hangs_is_not_waited_for() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, &["touchreload=reload", "starttimeout=1"]);
    sandbox.write("web.py", "import threading\nthreading.Event().wait()\n");
    sandbox.write("reload", "");
    server.wait_for_err("it has not come to serve in time");
    until("it is gone", || sandbox.processes() == [server.pid()]);
    assert_eq!(server.get("/version").text(), "one");
    stop(server);
}

#[test]
fn who_has_served_enough_starts_anew_and_no_request_fails() {
    for (words, limit) in [
        (ALONE, "maxrequests=50"),
        (THREADS, "maxrequests=50"),
        (ALONE, "maxlifetime=1"),
        (THREADS, "maxlifetime=1"),
    ] {
        let sandbox = Sandbox::new();
        let server = serve(&sandbox, &[words, &[limit]].concat());
        let traffic = Traffic::start(&server.address);
        until("it has started several times", || {
            server.err().matches("this process starts anew").count() >= 3
        });
        traffic.stop();
        assert_eq!(server.get("/pid").text(), server.pid().to_string(), "{words:?}");
        stop(server);
    }
}

#[test]
fn an_application_asks_for_a_new_start() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, ALONE);
    sandbox.new_version("two");
    assert_eq!(server.get("/recycle").text(), server.pid().to_string());
    until("new code is served", || server.get("/version").text() == "two");
    stop(server);
}

#[test]
fn a_master_is_upgraded_in_its_place() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, MASTER);
    let traffic = Traffic::start(&server.address);
    traffic.wait();
    let old = server.workers();
    server.signal(Signal::SIGUSR2);
    until("all workers are new", || {
        let now = server.workers();
        !now.is_empty() && !now.iter().any(|pid| old.contains(pid))
    });
    traffic.wait();
    traffic.stop();
    server.wait_for_err("the new server could serve: this process becomes it");
    stop(server);
}

#[test]
fn a_request_that_does_not_end_keeps_the_others_waiting_for_a_time_only() {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, &["method=threaded", "touchreload=reload", "stoptimeout=1"]);
    let held = in_background(&server.address, Request::get("/hold/a"));
    sandbox.wait_for_held("a", 1);
    sandbox.new_version("two");
    sandbox.write("reload", "");
    until("new code is served", || server.get("/version").text() == "two");
    assert!(held.join().is_err(), "it has no answer");
    assert!(server.err().contains("[FR424]"), "{}", server.err());
    stop(server);
}

#[test]
fn nothing_is_left_open_from_one_program_to_the_next() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "leaking.py",
        "import os\nos.set_inheritable(os.open('leaking.py', os.O_RDONLY), True)\ndef application(environ, start_response):\n    environ['fcgi.recycle']()\n    start_response('200 OK', [])\n    return [str(len(os.listdir('/proc/self/fd'))).encode()]\n",
    );
    let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = sandbox.command(&["leaking:application"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let server = sandbox.serve_silently(&mut command, sandbox.unix("0.sock"));
    let counts: Vec<String> = (0..4).map(|_| server.get("/").text()).collect();
    assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
    // It starts, and perhaps does not listen to signals yet.
    drop(server);
}
