//! Requests that a worker has read, and with which it cannot begin any more, since code in C holds the interpreter.

use fcgi_tests::record::{STDIN, stream};
use fcgi_tests::{Answer, Request, Sandbox, Server, in_background, until};

/// Every way to serve with a master.
const MODES: [&[&str]; 3] = [
    &["method=prefork", "maxspare=1", "minspare=0"],
    &["method=threaded", "threads=4"],
    &["method=prefork", "threads=4", "maxspare=1", "minspare=0"],
];

const APP: &str = r#"
import ctypes, os
HERE = os.path.dirname(os.path.abspath(__file__))

def application(environ, start_response):
    word, _, name = environ["PATH_INFO"].strip("/").partition("/")
    if word == "lock":
        open(os.path.join(HERE, "held-" + name), "w").close()
        library, mutex = ctypes.PyDLL(None), ctypes.create_string_buffer(64)
        library.pthread_mutex_lock(mutex)
        library.pthread_mutex_lock(mutex)
    if word == "read":
        name = str(len(environ["wsgi.input"].read()))
        if environ["fcgi.role"] == "filter":
            name += "+" + str(len(environ["fcgi.data"].read()))
    start_response("200 OK", [("X-Read", name)])
    return [str(os.getpid()).encode()]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("held.py", APP);
    sandbox
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.serve_app("held:application", words)
}

/// Requests that the worker has read and that no thread has begun with: what the interpreter's lock keeps from them is theirs.
#[test]
fn what_was_not_begun_goes_to_another_worker() {
    for mode in MODES {
        for words in [&["deadlocktimeout=1"][..], &["requesttimeout=1", "killgrace=0.5"]] {
            let sandbox = sandbox();
            let server = serve(&sandbox, &[mode, words].concat());
            let worker = server.wait_for_workers(1)[0];
            let mut kept: Vec<_> = (0..6).map(|_| server.connect()).collect();
            for client in &mut kept {
                assert_eq!(client.ask(&Request::get("/").kept()).text(), worker.to_string());
            }
            let mut lock = server.connect();
            lock.send(&Request::get("/lock/a").bytes());
            sandbox.wait_for_file("held-a");
            for client in &mut kept {
                client.send(&Request::post("/read/x", vec![b'x'; 1000]).kept().bytes());
            }
            let fresh: Vec<_> = (0..6).map(|_| in_background(&server.address, Request::get("/"))).collect();
            for client in &mut kept {
                let answer = client.answer(1);
                assert_eq!(
                    (answer.status(), answer.is_whole()),
                    (200, true),
                    "{mode:?} {words:?} {answer:?}"
                );
                assert_ne!(answer.text(), worker.to_string());
                assert_eq!(client.ask(&Request::get("/").kept()).status(), 200, "the connection goes on");
            }
            for thread in fresh {
                let answer = thread.join().unwrap();
                assert_eq!(
                    (answer.status(), answer.is_whole()),
                    (200, true),
                    "{mode:?} {words:?} {answer:?}"
                );
            }
            drop(lock);
            until("the worker has left", || !server.workers().contains(&worker));
            server.stop();
        }
    }
}

#[test]
fn authorizers_and_filters_are_given_away_with_all_that_they_were_sent() {
    let sandbox = sandbox();
    let words = ["authorizer=held:application", "filter=held:application", "deadlocktimeout=1"];
    let server = serve(&sandbox, &[MODES[1], &words].concat());
    let worker = server.wait_for_workers(1)[0];
    let (mut authorizer, mut filter) = (server.connect(), server.connect());
    for client in [&mut authorizer, &mut filter] {
        assert_eq!(client.ask(&Request::get("/").kept()).text(), worker.to_string());
    }
    let mut lock = server.connect();
    lock.send(&Request::get("/lock/a").bytes());
    sandbox.wait_for_file("held-a");
    authorizer.send(&Request::authorize("/").kept().bytes());
    filter.send(&Request::filter("/read/x", vec![b'x'; 70_000], vec![b'y'; 100_000]).kept().bytes());
    let verdict = authorizer.answer(1);
    assert_eq!((verdict.status(), verdict.is_whole()), (200, true), "{verdict:?}");
    let answer = filter.answer(1);
    assert_eq!((answer.status(), answer.is_whole()), (200, true), "{answer:?}");
    assert!(String::from_utf8_lossy(&answer.stdout).contains("X-Read: 70000+100000\r\n"), "{answer:?}");
    assert_ne!(answer.text(), worker.to_string());
    drop(lock);
    server.stop();
}

/// A body whose end is not there belongs to nobody else, once more of it was read than is noted.
#[test]
fn a_body_that_is_on_its_way_is_told_to_come_again() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["deadlocktimeout=1"]].concat());
        let worker = server.wait_for_workers(1)[0];
        let mut arriving = server.connect();
        let request = Request::post("/read/b", Vec::new()).without("CONTENT_LENGTH");
        // More than a socket holds: who has sent it knows that most of it was read.
        let body = stream(STDIN, 1, &vec![b'x'; 2 << 20], 65_535);
        arriving.send(&[request.head(), body[..body.len() - 8].to_vec()].concat());
        let mut lock = server.connect();
        lock.send(&Request::get("/lock/a").bytes());
        sandbox.wait_for_file("held-a");
        assert_told_to_come_again(&arriving.answer(1));
        until("the worker has left", || !server.workers().contains(&worker));
        assert_eq!(server.get("/").status(), 200);
        drop(lock);
        server.stop();
    }
}

/// Only workers with threads take several requests on one connection.
#[test]
fn what_shares_its_connection_with_a_request_that_runs_is_told_to_come_again() {
    for mode in &MODES[1..] {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["deadlocktimeout=1"][..]].concat());
        let mut client = server.connect();
        client.send(&Request::get("/lock/a").kept().bytes());
        sandbox.wait_for_file("held-a");
        client.send(&Request::get("/").id(2).kept().bytes());
        assert_told_to_come_again(&client.answer(2));
        let err = server.stop();
        assert!(err.contains("error[FR462]") && !err.contains("panicked"), "{err}");
    }
}

#[track_caller]
fn assert_told_to_come_again(answer: &Answer) {
    assert_eq!((answer.status(), answer.is_whole()), (503, true), "{answer:?}");
    let text = String::from_utf8_lossy(&answer.stdout);
    assert!(text.contains("\r\nRetry-After: ") && text.contains("<small>FR462</small>"), "{text}");
}
