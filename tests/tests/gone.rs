//! Visitors that go away while the application runs: noticed in every mode, told, and harmless to everybody else.

use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use fcgi_tests::client::abort;
use fcgi_tests::{Address, Client, Request, Sandbox, Server};

/// Every way to serve; the last one has nobody beside it.
const MODES: [&[&str]; 3] = [
    &["method=prefork", "maxspare=1", "minspare=0", "maxchildren=1"],
    &["method=threaded", "threads=2"],
    &["method=prefork", "threads=2", "maxspare=1", "maxchildren=1", "minspare=0"],
];

/// Writes down what happens to it: `held`, `heard`, `raised-NAME` and `closed` are files that appear.
const APP: &str = r#"
import itertools, os, time
HERE = os.path.dirname(os.path.abspath(__file__))

def note(what):
    open(os.path.join(HERE, what), "w").close()

class Watch:
    def __init__(self, name, is_aborted):
        self.name, self.is_aborted = name, is_aborted

    def __iter__(self):
        return self

    def __next__(self):
        try:
            note("held-" + self.name)
            while not os.path.exists(os.path.join(HERE, "go-" + self.name)):
                if self.is_aborted():
                    note("heard-" + self.name)
                time.sleep(0.003)
        except BaseException as error:
            note("raised-" + type(error).__name__)
            raise
        raise StopIteration

    def close(self):
        note("closed-" + self.name)

def application(environ, start_response):
    word, _, name = environ["PATH_INFO"].strip("/").partition("/")
    if word == "eat":
        from fcgi_runner import ClientDisconnected
        try:
            list(Watch(name, environ["fcgi.is_aborted"]))
        except ClientDisconnected:
            pass
    if word == "sleep":
        note("held-" + name)
        try:
            time.sleep(1000)
        except BaseException as error:
            note("raised-" + type(error).__name__)
            raise
    if word == "told":
        start_response("200 OK", [("Content-Length", "5")])
        return itertools.chain([b"hello"], Watch(name, environ["fcgi.is_aborted"]))
    start_response("200 OK", [])
    if word == "watch":
        return Watch(name, environ["fcgi.is_aborted"])
    if word == "read":
        return [str(len(environ["wsgi.input"].read())).encode()]
    return [f"{os.getpid()} {environ['fcgi.is_aborted']()}".encode()]
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("gone.py", APP);
    sandbox
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.serve_app("gone:application", words)
}

/// Sends a request that is watched, and waits until it is served.
fn watched(sandbox: &Sandbox, server: &Server<'_>, name: &str, keep: bool) -> Client {
    let mut client = server.connect();
    let request = Request::get(&format!("/watch/{name}"));
    client.send(&if keep { request.kept() } else { request }.bytes());
    sandbox.wait_for_file(&format!("held-{name}"));
    client
}

/// The worker that answers now, which must not think that its request was given up.
fn worker(server: &Server<'_>) -> String {
    let text = server.get("/").text();
    text.strip_suffix(" False").unwrap_or_else(|| panic!("{text}")).to_owned()
}

#[test]
fn a_closed_connection_is_noticed_while_the_application_runs() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, mode);
        let before = worker(&server);
        drop(watched(&sandbox, &server, "a", false));
        sandbox.wait_for_file("heard-a");
        sandbox.release("a");
        sandbox.wait_for_file("closed-a");
        assert_eq!(worker(&server), before, "the worker lives on");
        server.stop();
    }
}

#[test]
fn over_tcp_as_well() {
    for mode in MODES {
        let sandbox = sandbox();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (port, words) = (format!("port={}", address.port()), ["host=127.0.0.1", "daemonize=false"]);
        let all = [&words[..], &[&port, "gone:application"], mode].concat();
        let server = sandbox.serve_at(&mut sandbox.command(&all), Address::Tcp(address));
        drop(watched(&sandbox, &server, "a", true));
        sandbox.wait_for_file("heard-a");
        sandbox.release("a");
        sandbox.wait_for_file("closed-a");
        server.stop();
    }
}

#[test]
fn an_abort_is_noticed_and_the_connection_goes_on() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, mode);
        let mut client = watched(&sandbox, &server, "a", true);
        client.send(&abort(1));
        sandbox.wait_for_file("heard-a");
        sandbox.release("a");
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.status() == 200, "{answer:?}");
        sandbox.wait_for_file("closed-a");
        client.send(&abort(1));
        let text = client.ask(&Request::get("/").kept()).text();
        assert!(text.ends_with(" False"), "{text}");
        server.stop();
    }
}

#[test]
fn a_web_server_that_only_says_that_it_sends_no_more_gets_its_answer() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, mode);
        let mut client = watched(&sandbox, &server, "a", false);
        client.finish_sending();
        // A second visitor is noticed to have gone, so the first would have been, too.
        if mode[1] == "threads=2" {
            drop(watched(&sandbox, &server, "b", false));
            sandbox.wait_for_file("heard-b");
            sandbox.release("b");
        }
        assert!(!sandbox.has("heard-a"));
        sandbox.release("a");
        assert!(client.answer(1).is_whole());
        assert!(!sandbox.has("heard-a"));
        server.stop();
    }
}

#[test]
fn a_half_closed_connection_that_is_closed_later_is_noticed() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, mode);
        let client = watched(&sandbox, &server, "a", false);
        client.finish_sending();
        drop(client);
        sandbox.wait_for_file("heard-a");
        sandbox.release("a");
        sandbox.wait_for_file("closed-a");
        server.stop();
    }
}

#[test]
fn an_interrupted_application_sees_an_exception_and_its_iterable_is_closed() {
    for mode in MODES {
        for by_abort in [false, true] {
            let sandbox = sandbox();
            let server = serve(&sandbox, &[mode, &["abort=interrupt"]].concat());
            let before = worker(&server);
            let mut client = watched(&sandbox, &server, "a", by_abort);
            if by_abort {
                client.send(&abort(1));
                assert!(client.answer(1).end.is_some());
            } else {
                drop(client);
            }
            sandbox.wait_for_file("raised-ClientDisconnected");
            sandbox.wait_for_file("closed-a");
            for _ in 0..20 {
                assert_eq!(worker(&server), before, "nobody else is interrupted");
            }
            server.wait_for_err("the visitor went away, the application was interrupted");
            assert!(!server.err().contains("Traceback"), "{}", server.err());
            server.stop();
        }
    }
}

/// Python ends such waits itself when a signal comes, and only in the main thread, which serves in a worker with one thread.
#[test]
fn a_wait_of_the_main_thread_is_ended_at_once() {
    for limit in [&[][..], &["requesttimeout=600"]] {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[MODES[0], &["abort=interrupt"], limit].concat());
        let before = worker(&server);
        for by_abort in [false, true] {
            let mut client = server.connect();
            client.send(&Request::get("/sleep/a").kept().bytes());
            sandbox.wait_for_file("held-a");
            if by_abort {
                client.send(&abort(1));
                assert!(client.answer(1).end.is_some());
            } else {
                drop(client);
            }
            sandbox.wait_for_file("raised-ClientDisconnected");
            for name in ["held-a", "raised-ClientDisconnected"] {
                std::fs::remove_file(sandbox.path(name)).unwrap();
            }
            for _ in 0..5 {
                assert_eq!(worker(&server), before, "nobody else is interrupted");
            }
        }
        assert!(!server.stop().contains("Traceback"));
    }
}

#[test]
fn an_application_may_catch_the_interruption_and_answer_all_the_same() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["abort=interrupt"]].concat());
        let mut client = server.connect();
        client.send(&Request::get("/eat/a").kept().bytes());
        sandbox.wait_for_file("held-a");
        client.send(&abort(1));
        let answer = client.answer(1);
        assert!(answer.is_whole() && answer.text().ends_with(" True"), "{answer:?}");
        server.stop();
    }
}

#[test]
fn abort_ignore_leaves_the_application_alone() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &["abort=ignore", "maxspare=1"]);
    drop(watched(&sandbox, &server, "a", false));
    sandbox.wait_for_file("heard-a");
    sandbox.release("a");
    sandbox.wait_for_file("closed-a");
    let raised = |path: &Path| path.read_dir().unwrap().any(|e| format!("{e:?}").contains("raised-"));
    assert!(!raised(sandbox.folder()));
    server.stop();
}

#[test]
fn a_second_request_on_a_connection_is_refused_at_once_while_the_only_thread_is_busy() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &["maxspare=1", "minspare=0", "maxchildren=1"]);
    let mut client = watched(&sandbox, &server, "a", true);
    client.send(&Request::get("/").id(2).kept().bytes());
    assert_eq!(client.answer(2).end, Some((0, 1)), "CANT_MPX_CONN");
    sandbox.release("a");
    assert!(client.answer(1).is_whole());
    assert!(client.ask(&Request::get("/").id(2).kept()).is_whole());
    server.stop();
}

/// `HAProxy` does that: it knows the end of an answer by its length.
#[test]
fn a_request_that_comes_before_the_end_of_a_whole_answer_has_its_turn() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &["maxspare=1", "minspare=0", "maxchildren=1"]);
    let mut client = server.connect();
    client.send(&Request::get("/told/a").kept().bytes());
    assert_eq!(client.begun(1).text(), "hello");
    sandbox.wait_for_file("held-a");
    client.send(&Request::get("/").id(2).kept().bytes());
    assert!(!client.stirs_within(Duration::from_millis(300)), "it is neither answered nor refused");
    sandbox.release("a");
    assert!(client.answer(1).is_whole());
    assert!(client.answer(2).is_whole());
    server.stop();
}

#[test]
fn a_body_that_arrives_while_the_application_runs_is_read_whole_whoever_looks() {
    for mode in MODES {
        let sandbox = sandbox();
        let server = serve(&sandbox, &[mode, &["requestbuffer=1"]].concat());
        let mut client = server.connect();
        for round in 0..3 {
            let request = Request::post("/read", vec![b'x'; 300_000]).kept();
            let bytes = request.bytes();
            client.send(&bytes[..bytes.len() - 250_000]);
            // The rest comes in pieces, some while the thread waits, some while another looks after the connection.
            for piece in bytes[bytes.len() - 250_000..].chunks(50_000) {
                std::thread::yield_now();
                client.send(piece);
            }
            assert_eq!(client.answer(1).text(), "300000", "round {round}, {mode:?}");
        }
        server.stop();
    }
}
