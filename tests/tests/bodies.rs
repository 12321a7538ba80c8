//! Bodies that come bit by bit, for applications with several threads: whoever reads them keeps nobody waiting.

use fcgi_tests::client::abort;
use fcgi_tests::record::{GET_VALUES, STDIN, pairs, record};
use fcgi_tests::{Client, Request, Sandbox, Server, until};

/// Every way to have several application threads; one byte of a body is enough to begin with.
const MODES: [&[&str]; 2] =
    [&["method=threaded", "requestbuffer=1"], &["threads=4", "maxchildren=1", "requestbuffer=1"]];

/// Reads bodies, in the thread of the request or in one of its own, and leaves a file when the first piece was there.
const APP: &str = r#"
import os, threading, time
HERE = os.path.dirname(os.path.abspath(__file__))

def leave(name):
    open(os.path.join(HERE, name), "w").close()

def wait_for(name):
    while not os.path.exists(os.path.join(HERE, name)):
        time.sleep(0.003)

def read(source, name):
    size = 0
    try:
        while piece := source.read(1000):
            if not size:
                leave("begun-" + name)
            size += len(piece)
    except OSError:
        leave("broken-" + name)
    finally:
        leave("ended-" + name)
    return size

def application(environ, start_response):
    word, _, name = environ["PATH_INFO"].strip("/").partition("/")
    source = environ["wsgi.input"]
    body = ""
    if word == "read":
        body = str(read(source, name))
    elif word == "aside":
        threading.Thread(target=read, args=(source, name), daemon=True).start()
        wait_for("go-" + name)
    elif word == "compute":
        source.read(1000)
        leave("begun-" + name)
        try:
            while True:
                sum(range(1000))
        except BaseException:
            leave("interrupted-" + name)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("reading.py", APP);
    sandbox
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.serve_app("reading:application", words)
}

fn piece(id: u16) -> Vec<u8> {
    record(STDIN, id, &[b'x'; 1000])
}

/// Sends a head and a first piece, and waits until the application has that.
fn begin(client: &mut Client, sandbox: &Sandbox, request: &Request, name: &str) {
    client.send(&request.head());
    client.send(&piece(request.id));
    until("the application reads", || sandbox.has(&format!("begun-{name}")));
}

#[test]
fn threads_that_wait_for_bodies_on_one_connection_read_for_each_other_and_for_everybody() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        let (mut client, mut other) = (server.connect(), server.connect());
        let upload = |name: &str| Request::post(&format!("/read/{name}"), vec![b'x'; 52_000]).kept();
        for (id, name) in [(1, "a"), (3, "b")] {
            begin(&mut client, &sandbox, &upload(name).id(id), name);
        }
        for _ in 0..50 {
            client.send(&record(GET_VALUES, 0, &pairs([("FCGI_MPXS_CONNS", "")])));
            assert_eq!(client.management().content, pairs([("FCGI_MPXS_CONNS", "1")]));
            for id in [1, 3] {
                client.send(&piece(id));
                assert!(client.ask(&Request::get("/hello").id(5).kept()).is_whole());
                assert!(other.ask(&Request::get("/hello").kept()).is_whole());
            }
        }
        for id in [3, 1] {
            client.send(&piece(id));
            client.send(&record(STDIN, id, b""));
            assert_eq!(client.answer(id).text(), "52000");
        }
        assert!(client.ask(&Request::get("/hello").id(1).kept()).is_whole());
        drop((client, other));
        server.stop();
    }
}

#[test]
fn a_body_in_large_and_small_pieces_is_read_whole_while_others_are_served() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        let mut other = server.connect();
        for kept in [true, false] {
            let mut client = server.connect();
            let upload = Request::post("/read/a", vec![b'x'; 1_000_000]);
            let upload = if kept { upload.kept() } else { upload };
            for part in upload.bytes().chunks(70_001) {
                client.send(part);
                assert!(other.ask(&Request::get("/hello").kept()).is_whole());
            }
            assert_eq!(client.answer(1).text(), "1000000");
            if kept {
                assert!(client.ask(&Request::get("/hello").kept()).is_whole());
            } else {
                assert!(client.is_closed_by_peer());
            }
        }
        drop(other);
        server.stop();
    }
}

#[test]
fn what_comes_for_others_does_not_lengthen_the_wait_for_a_body() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[words, &["readtimeout=1"]].concat());
        let mut client = server.connect();
        begin(&mut client, &sandbox, &Request::post("/read/a", vec![b'x'; 2000]).kept(), "a");
        until("the wait has ended", || {
            assert!(client.ask(&Request::get("/hello").id(3).kept()).is_whole());
            sandbox.has("broken-a")
        });
        assert_eq!(client.answer(1).text(), "1000");
        drop(client);
        server.stop();
    }
}

#[test]
fn the_end_of_a_request_does_not_wait_for_another_thread_that_reads_its_body() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        for (name, kept) in [("a", false), ("b", true)] {
            let mut client = server.connect();
            let upload = Request::post(&format!("/aside/{name}"), vec![b'x'; 3000]);
            let upload = if kept { upload.kept() } else { upload };
            begin(&mut client, &sandbox, &upload, name);
            // So many requests later the other thread waits for the next piece.
            (0..50).for_each(|_| assert!(server.get("/hello").is_whole()));
            sandbox.write(&format!("go-{name}"), "");
            assert!(client.answer(1).is_whole());
            if kept {
                client.send(&[piece(1), piece(1), record(STDIN, 1, b"")].concat());
                assert!(client.ask(&Request::get("/hello").kept()).is_whole());
            } else {
                assert!(client.is_closed_by_peer());
            }
            until("the reading has ended", || sandbox.has(&format!("ended-{name}")));
        }
        server.stop();
    }
}

#[test]
fn an_abort_is_noticed_although_the_thread_of_the_request_has_read_by_itself() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[words, &["abort=interrupt"]].concat());
        let mut client = server.connect();
        for (name, more) in [("a", 0), ("b", 1)] {
            let upload = Request::post(&format!("/compute/{name}"), vec![b'x'; 3000]).kept();
            client.send(&[upload.head(), record(STDIN, 1, b"x")].concat());
            client.send(&piece(1));
            until("the application computes", || sandbox.has(&format!("begun-{name}")));
            (0..more).for_each(|_| client.send(&piece(1)));
            client.send(&abort(1));
            until("it is interrupted", || sandbox.has(&format!("interrupted-{name}")));
            assert!(client.answer(1).end.is_some());
        }
        drop(client);
        server.stop();
    }
}

#[test]
fn a_peer_that_goes_away_ends_the_wait_for_its_body() {
    for words in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, words);
        for (name, half) in [("a", false), ("b", true)] {
            let mut client = server.connect();
            begin(&mut client, &sandbox, &Request::post(&format!("/read/{name}"), vec![b'x'; 3000]), name);
            if half {
                client.finish_sending();
                until("the reading has ended", || sandbox.has(&format!("broken-{name}")));
            }
            drop(client);
            until("the reading has ended", || sandbox.has(&format!("broken-{name}")));
        }
        assert!(server.get("/hello").is_whole());
        server.stop();
    }
}
