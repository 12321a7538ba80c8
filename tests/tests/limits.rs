//! Time limits: requests that take too long are interrupted, answered and told of, and cost a worker only where nothing else helps.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;

use fcgi_tests::record::{STDIN, record};
use fcgi_tests::{Request, Sandbox, Server, ask, in_background, processes, until};

/// Every way to serve with a master.
const MODES: [&[&str]; 3] = [
    &["method=prefork", "maxspare=1", "minspare=0"],
    &["method=threaded", "threads=4"],
    &["method=prefork", "threads=4", "maxspare=1", "minspare=0"],
];

/// `/WORD/NAME`; a file `go-NAME` lets a request go on.
const APP: &str = r#"
import ctypes, os, threading, time
from fcgi_runner import RequestTimeout
HERE = os.path.dirname(os.path.abspath(__file__))

def note(what):
    open(os.path.join(HERE, what), "w").close()

def wait_for_ever(library):
    mutex = ctypes.create_string_buffer(64)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)

def may_go(name):
    return os.path.exists(os.path.join(HERE, "go-" + name))

class Cleaned:
    def __init__(self, name):
        self.name = name
    def __enter__(self):
        note("held-" + self.name)
    def __exit__(self, *error):
        note(f"cleaned-{self.name}-{error[0].__name__ if error[0] else None}")

def wait_in_python(name):
    with Cleaned(name):
        while not may_go(name):
            time.sleep(0.002)

def stall(name):
    yield b"begun"
    wait_in_python(name)
    yield b"ended"

def stubborn(name):
    note("held-" + name)
    while not may_go(name):
        try:
            time.sleep(0.002)
        except RequestTimeout:
            pass

class Closing(list):
    def __init__(self, name):
        super().__init__([b"whole"])
        self.name = name
    def close(self):
        wait_in_python(self.name)

def application(environ, start_response):
    word, _, name = environ["PATH_INFO"].strip("/").partition("/")
    if word == "catch":
        try:
            wait_in_python(name)
        except RequestTimeout:
            start_response("200 OK", [])
            return [b"caught"]
    if word == "wait":
        wait_in_python(name)
    if word == "busy":
        note("held-" + name)
        while True:
            pass
    if word == "stubborn":
        stubborn(name)
    if word == "sleep":
        note("held-" + name)
        time.sleep(1000)
    if word == "stuck":
        note("held-" + name)
        wait_for_ever(ctypes.CDLL(None))
    if word == "lock":
        note("held-" + name)
        wait_for_ever(ctypes.PyDLL(None))
    if word == "lock-later":
        threading.Timer(0.1, wait_for_ever, [ctypes.PyDLL(None)]).start()
    if word == "read":
        environ["wsgi.input"].read()
    start_response("200 OK", [])
    if word == "stall":
        return stall(name)
    if word == "closing":
        return Closing(name)
    return [str(os.getpid()).encode()]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("limits.py", APP);
    sandbox
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.serve_app("limits:application", words)
}

#[test]
fn a_request_at_its_limit_is_interrupted_and_the_thread_goes_on() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requesttimeout=0.3", "killgrace=30"]].concat());
        let worker = server.get("/").text();
        let answer = server.get("/wait/a");
        assert_eq!((answer.status(), answer.is_whole()), (504, true));
        assert!(sandbox.has("cleaned-a-RequestTimeout"), "`with` does its work");
        for path in ["/busy/b", "/busy/c"] {
            assert_eq!(server.get(path).status(), 504);
        }
        for _ in 0..20 {
            assert_eq!(server.get("/").text(), worker, "nobody else is interrupted");
        }
        let err = server.stop();
        assert!(err.contains(" the application is interrupted method=GET path=/wait/a seconds="), "{err}");
        assert!(err.contains("in wait_in_python\n    time.sleep(0.002)\n"), "{err}");
        assert!(err.contains("in application\n    wait_in_python(name)\n"), "{err}");
        assert!(!err.contains("Traceback"), "{err}");
    }
}

/// Python ends such waits itself when a signal comes, and only in the main thread.
#[test]
fn a_wait_of_the_main_thread_is_ended_at_once() {
    let sandbox = sandbox();
    let words = ["requesttimeout=0.3", "killgrace=30", "requestbuffer=1000"];
    let server = serve(&sandbox, &[MODES[0], &words].concat());
    let worker = server.get("/").text();
    assert_eq!(server.get("/sleep/a").status(), 504);
    let body = Request::post("/read/b", vec![b'x'; 100]).with("CONTENT_LENGTH", "100000");
    let mut client = server.connect();
    client.send(&[body.head(), record(STDIN, 1, &[b'x'; 2000])].concat());
    let answer = client.answer(1);
    assert_eq!((answer.status(), answer.is_whole()), (504, true), "a body that does not come");
    assert_eq!(server.get("/sleep/c").status(), 504);
    assert_eq!(server.get("/").text(), worker);
    let err = server.stop();
    assert!(err.contains("    time.sleep(1000)\n"), "{err}");
    assert!(err.contains("    environ[\"wsgi.input\"].read()\n"), "{err}");
    assert!(!err.contains("Traceback"), "{err}");
}

#[test]
fn an_application_may_catch_the_interruption_and_answer_all_the_same() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requesttimeout=0.3"]].concat());
        let answer = server.get("/catch/a");
        assert!(answer.is_whole() && answer.status() == 200 && answer.text() == "caught", "{answer:?}");
        server.stop();
    }
}

#[test]
fn an_answer_that_has_begun_is_cut_off() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requesttimeout=0.3"]].concat());
        let mut client = server.connect();
        client.send(&Request::get("/stall/a").bytes());
        assert_eq!(client.begun(1).text(), "begun");
        assert!(client.try_answer(1).map_or(true, |answer| !answer.is_whole()));
        assert!(sandbox.has("cleaned-a-RequestTimeout"));
        server.stop();
    }
}

#[test]
fn an_answer_that_is_whole_stays_so_when_its_close_takes_too_long() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requesttimeout=0.3", "killgrace=30"]].concat());
        let worker = server.get("/").text();
        assert_eq!(server.get("/closing/a").text(), "whole");
        sandbox.wait_for_file("cleaned-a-RequestTimeout");
        assert_eq!(server.get("/").text(), worker);
        server.stop();
    }
}

#[test]
fn a_request_that_does_not_react_is_answered_and_its_worker_replaced() {
    for mode in MODES {
        for path in ["/stuck/a", "/stubborn/a"] {
            let sandbox = sandbox();
            let server = serve(&sandbox, &[mode, &["requesttimeout=0.3", "killgrace=0.5"]].concat());
            let worker = server.wait_for_workers(1)[0];
            let mut client = server.connect();
            let answer = client.ask(&Request::get(path).kept());
            assert_eq!((answer.status(), answer.is_whole()), (504, true), "{mode:?} {path}");
            let other: i32 = server.get("/").text().parse().unwrap();
            assert_ne!(other, worker);
            until("the worker has left", || server.workers() == [other]);
            let err = server.stop();
            let told = format!("this worker is replaced method=GET path={path} ");
            assert!(err.contains(&told), "{err}");
            assert!(!err.contains("died unexpectedly"), "{err}");
        }
    }
}

#[test]
fn a_stuck_request_costs_one_thread_and_the_others_finish() {
    let sandbox = sandbox();
    let words = ["method=threaded", "threads=8", "requesttimeout=4", "killgrace=1"];
    let server = serve(&sandbox, &words);
    let worker = server.wait_for_workers(1)[0].to_string();
    let stuck = in_background(&server.address, Request::get("/stuck/s"));
    sandbox.wait_for_file("held-s");
    until("it has reached its limit", || {
        assert_eq!(server.get("/").text(), worker, "the others go on");
        server.err().contains("path=/stuck/s ")
    });
    // These have most of their own limit left when it is given up.
    let others: Vec<_> = (0..7)
        .map(|number| in_background(&server.address, Request::get(&format!("/wait/{number}"))))
        .collect();
    (0..7).for_each(|number| sandbox.wait_for_file(&format!("held-{number}")));
    assert_eq!(stuck.join().unwrap().status(), 504);
    assert_ne!(server.get("/").text(), worker, "a replacement serves");
    (0..7).for_each(|number| sandbox.release(&number.to_string()));
    for other in others {
        let answer = other.join().unwrap();
        assert!(answer.is_whole() && answer.text() == worker, "{answer:?}");
    }
    until("the worker has left", || server.workers().iter().all(|pid| pid.to_string() != worker));
    server.stop();
}

#[test]
fn code_that_does_not_let_go_of_the_interpreter_is_found_by_the_limit() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requesttimeout=0.3", "killgrace=0.5"]].concat());
        let worker = server.wait_for_workers(1)[0];
        assert_eq!(server.get("/lock/a").status(), 504);
        until("the worker has left", || !server.workers().contains(&worker));
        assert_ne!(server.get("/").text(), worker.to_string());
        let err = server.stop();
        assert!(err.contains("the interpreter cannot be had"), "{err}");
        assert!(err.contains("path=/lock/a "), "{err}");
    }
}

#[test]
fn code_that_does_not_let_go_of_the_interpreter_is_found_without_a_limit() {
    for mode in MODES {
        for path in ["/lock/a", "/lock-later/a"] {
            let sandbox = sandbox();
            let server = serve(&sandbox, &[mode, &["deadlocktimeout=1"]].concat());
            let worker = server.wait_for_workers(1)[0];
            let answer = in_background(&server.address, Request::get(path));
            until("the worker has left", || !server.workers().contains(&worker));
            drop(answer);
            until("another one serves", || {
                server.address.connect().is_ok() && server.get("/").text() != worker.to_string()
            });
            assert!(server.stop().contains("(`deadlocktimeout`)"));
        }
    }
}

#[test]
fn slow_requests_are_written_down_once_and_go_on() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["slowlog=slow.log", "slowtimeout=0.2"]].concat());
        let quick = server.get("/?quick");
        assert_eq!(quick.status(), 200);
        let path = "/wait/a\"x\n2026-01-01?secret";
        let slow = in_background(&server.address, Request::get("/wait/a").with("REQUEST_URI", path));
        until("it is noted", || sandbox.read("slow.log").contains("time.sleep(0.002)"));
        sandbox.release("a");
        assert_eq!(slow.join().unwrap().text(), quick.text());
        until("its end is noted", || sandbox.read("slow.log").contains(" has ended with 200 after "));
        let log = sandbox.read("slow.log");
        assert_eq!(log.matches("has taken ").count(), 1, "{log}");
        assert!(log.contains(": GET \"/wait/a\\\"x\\n2026-01-01\" has taken "), "{log}");
        assert!(log.lines().all(|line| line.starts_with("  ") || line.contains("] request ")), "{log}");
        assert!(!log.contains("quick"), "{log}");
        server.stop();
    }
}

#[test]
fn a_process_that_serves_alone_starts_anew_with_a_request_that_does_not_react() {
    for words in [&[][..], &["threads=3"]] {
        for path in ["/stuck/a", "/lock/a"] {
            let sandbox = sandbox();
            let listener = UnixListener::bind(sandbox.path("s.sock")).unwrap();
            let all = [&["limits:application", "requesttimeout=0.3", "killgrace=0.3"], words].concat();
            let mut command = sandbox.command(&all);
            command.stdin(Stdio::from(OwnedFd::from(listener)));
            let mut started = sandbox.spawn(&mut command);
            let address = sandbox.unix("s.sock");
            assert_eq!(ask(&address, &Request::get("/wait/b")).status(), 504);
            assert_eq!(ask(&address, &Request::get(path)).status(), 504);
            // Who comes now waits in the socket, which nobody else holds.
            sandbox.release("b");
            assert_eq!(ask(&address, &Request::get("/wait/b")).status(), 200);
            assert_eq!(started.child.try_wait().unwrap(), None, "{}", started.err_text());
        }
    }
}

#[test]
fn the_slow_log_is_opened_anew_with_the_others() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &[MODES[0], &["slowlog=slow.log", "slowtimeout=0.1"]].concat());
    std::fs::rename(sandbox.path("slow.log"), sandbox.path("old.log")).unwrap();
    server.signal(Signal::SIGUSR1);
    until("it is there again", || sandbox.has("slow.log"));
    let holds_old = |pid: &i32| processes::open_files(*pid).iter().any(|file| file.ends_with("/old.log"));
    until("nobody writes to the old one", || !server.workers().iter().any(holds_old));
    let slow = in_background(&server.address, Request::get("/wait/a"));
    until("it is noted", || sandbox.read("slow.log").contains("GET \"/wait/a\""));
    sandbox.release("a");
    slow.join().unwrap();
    assert_eq!(sandbox.read("old.log"), "");
    server.stop();
}

/// With a master the answer goes to it; a process that serves alone writes it down.
#[test]
fn a_process_that_is_asked_tells_where_its_threads_are() {
    for (path, told) in
        [("/wait/a", "in wait_in_python\n    time.sleep(0.002)"), ("/lock/a", "cannot be had")]
    {
        let sandbox = sandbox();
        let listener = UnixListener::bind(sandbox.path("s.sock")).unwrap();
        let mut command = sandbox.command(&["limits:application", "threads=3"]);
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        let mut started = sandbox.spawn(&mut command);
        let address = sandbox.unix("s.sock");
        assert_eq!(ask(&address, &Request::get("/")).status(), 200);
        let held = in_background(&address, Request::get(path));
        sandbox.wait_for_file("held-a");
        let pid = started.child.id().to_string();
        let asked = Command::new("kill").args(["-s", "RTMIN+7", &pid]).status().unwrap();
        assert!(asked.success());
        until("it has told", || started.err_text().contains(told));
        let text = started.err_text();
        assert!(text.contains(&format!(", serves GET {path} for ")), "{text}");
        started.child.kill().unwrap();
        started.child.wait().unwrap();
        drop(held);
    }
}
