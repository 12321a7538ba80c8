//! How threads of one worker share their work: none that is busy keeps the others waiting, and none is forgotten.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fcgi_tests::{Client, Request, Sandbox, Server, until};

/// Every way to have several application threads.
const MODES: [&[&str]; 3] = [
    &["method=threaded"],
    &["method=threaded", "threads=4"],
    &["threads=4", "minspare=0", "maxspare=1", "maxchildren=1"],
];

/// Threads of its own that count, one all the time and one now and then, and requests that are stuck until a file appears.
const APP: &str = r#"
import os, signal, threading, time
HERE = os.path.dirname(os.path.abspath(__file__))
counted = {"always": 0, "sometimes": 0}
waits = threading.Event()
signals = []

def always():
    waits.wait()
    while True:
        counted["always"] += 1

def sometimes():
    while True:
        time.sleep(0.001)
        counted["sometimes"] += 1

for count in always, sometimes:
    threading.Thread(target=count, daemon=True).start()
signal.signal(signal.SIGUSR2, lambda *_: signals.append(threading.current_thread() is threading.main_thread()))

def stuck(way, name):
    open(os.path.join(HERE, "stuck-" + name), "w").close()
    while not os.path.exists(os.path.join(HERE, "go-" + name)):
        if way == "waits":
            time.sleep(0.05)

def application(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    body = ""
    if word == "stuck":
        stuck(*rest.split("/"))
        body = "free"
    elif word == "begin":
        waits.set()
    elif word == "count":
        body = str(counted[rest])
    elif word == "signals":
        body = str(signals)
    elif word == "read":
        body = str(len(environ["wsgi.input"].read()))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("counting.py", APP);
    sandbox
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.serve_app("counting:application", words)
}

fn ask(client: &mut Client, id: u16, path: &str) -> String {
    let answer = client.ask(&Request::get(path).id(id).kept());
    assert!(answer.is_whole(), "{path}: {answer:?}");
    answer.text()
}

fn count(client: &mut Client, which: &str) -> u64 {
    ask(client, 9, &format!("/count/{which}")).parse().unwrap()
}

#[test]
fn a_thread_that_is_stuck_keeps_nobody_waiting() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        let (mut same, mut other) = (server.connect(), server.connect());
        for way in ["waits", "computes"] {
            let stuck = Request::get(&format!("/stuck/{way}/{way}")).id(1).kept();
            for client in [&mut same, &mut other] {
                // The server is used to requests that are answered at once.
                (0..100).for_each(|_| assert_eq!(ask(client, 3, "/hello"), ""));
            }
            same.send(&stuck.bytes());
            until("it is stuck", || sandbox.has(&format!("stuck-{way}")));
            for id in 2..32 {
                assert_eq!(ask(&mut same, id, "/hello"), "");
                assert_eq!(ask(&mut other, id, "/hello"), "");
                assert_eq!(server.get("/hello").text(), "");
            }
            let body = vec![b'x'; 400_000];
            assert_eq!(other.ask(&Request::post("/read", body).kept()).text(), "400000");
            sandbox.write(&format!("go-{way}"), "");
            assert_eq!(same.answer(1).text(), "free");
        }
        drop((same, other));
        server.stop();
    }
}

#[test]
fn as_many_threads_as_there_are_may_be_stuck_and_the_next_request_waits_for_the_first_that_is_free() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &["method=threaded", "threads=2"]);
    let mut client = server.connect();
    for (id, name) in [(1, "a"), (2, "b")] {
        client.send(&Request::get(&format!("/stuck/waits/{name}")).id(id).kept().bytes());
        until("it is stuck", || sandbox.has(&format!("stuck-{name}")));
    }
    client.send(&Request::get("/hello").id(3).kept().bytes());
    // What is asked of the server itself needs no thread, and is behind the request on the same connection.
    client.send(&fcgi_tests::record::record(fcgi_tests::record::GET_VALUES, 0, &[]));
    client.management();
    sandbox.write("go-b", "");
    assert_eq!(client.answer(2).text(), "free");
    assert_eq!(client.answer(3).text(), "");
    assert_eq!(ask(&mut client, 4, "/hello"), "");
    sandbox.write("go-a", "");
    assert_eq!(client.answer(1).text(), "free");
    drop(client);
    server.stop();
}

#[test]
fn threads_of_the_application_itself_are_not_starved_by_requests_nor_requests_by_them() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        let mut client = server.connect();
        let (address, over) = (&server.address, &AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(move || {
                    let mut client = address.connect().unwrap();
                    while !over.load(Ordering::Relaxed) {
                        assert_eq!(ask(&mut client, 1, "/hello"), "");
                    }
                });
            }
            for which in ["sometimes", "always"] {
                let before = count(&mut client, which);
                until("the thread gets on while requests pour in", || {
                    count(&mut client, which) >= before + 50
                });
                // From here on somebody wants the interpreter all the time.
                ask(&mut client, 1, "/begin");
            }
            over.store(true, Ordering::Relaxed);
        });
        drop(client);
        server.stop();
    }
}

#[test]
fn signal_handlers_of_the_application_run_in_the_main_thread_although_another_one_waits() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        let worker = server.wait_for_workers(1)[0];
        let mut client = server.connect();
        assert_eq!(ask(&mut client, 1, "/signals"), "[]");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker), nix::sys::signal::Signal::SIGUSR2)
            .unwrap();
        until("the handler has run", || ask(&mut client, 1, "/signals") == "[True]");
        drop(client);
        server.stop();
    }
}
