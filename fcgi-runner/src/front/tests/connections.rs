//! Connections on both sides: kept, closed, retried, many at once, and the stop.

use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Barrier};
use std::{io::Read, net::TcpListener, thread};

use super::{Backend, House, PATIENCE, has, signal};

const GET: &str = "GET /a%20b?c HTTP/1.1\r\nHost: localhost:81\r\n\r\n";

#[test]
fn connections_are_kept_on_both_sides() {
    let house = House::start(|_, peer| {
        for number in 0.. {
            let params = peer.request()?;
            assert_eq!(params["REQUEST_METHOD"], "GET");
            assert_eq!((params["PATH_INFO"].as_str(), params["REQUEST_URI"].as_str()), ("/a b", "/a%20b?c"));
            assert_eq!((params["SERVER_NAME"].as_str(), params["SERVER_PORT"].as_str()), ("localhost", "81"));
            assert_eq!(params["REMOTE_ADDR"], "127.0.0.1");
            assert_eq!(peer.body()?, b"");
            peer.stdout(&format!("Content-Type: a/b\r\n\r\n{number}"))?;
            peer.end()?;
        }
        None
    });
    let mut browser = house.browser();
    for number in 0..5 {
        browser.send(GET);
        assert!(has(&browser.head(), "content-type: a/b"));
        assert_eq!(browser.chunked_body(), number.to_string().as_bytes());
    }
    assert_eq!(house.accepted(), 1);
}

#[test]
fn a_kept_connection_that_was_closed_is_replaced() {
    let house = House::start(|number, peer| {
        peer.answer("X: 1\r\n\r\n")?;
        if number == 0 {
            // Takes the second request and closes without a word.
            return peer.request().map(drop);
        }
        peer.answer("X: 2\r\n\r\n")
    });
    let mut browser = house.browser();
    for _ in 0..2 {
        browser.send(GET);
        let head = browser.head();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && has(&head, "x: 1"), "{head}");
        assert_eq!(browser.chunked_body(), b"");
    }
    assert_eq!(house.accepted(), 2);
}

#[test]
fn a_request_that_does_something_is_sent_once() {
    let house = House::start(|_, peer| {
        let method = peer.request()?.remove("REQUEST_METHOD")?;
        peer.body()?;
        if method == "POST" {
            return None;
        }
        peer.stdout("X: 1\r\n\r\n")?;
        peer.end()
    });
    house.fetch("GET / HTTP/1.1\r\n\r\n");
    let (head, _) = house.fetch("POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 502 "), "{head}");
    assert_eq!(house.accepted(), 2);
}

#[test]
fn many_requests_run_at_once() {
    let all_there = Arc::new(Barrier::new(12));
    let house = House::start(move |_, peer| {
        peer.request()?;
        peer.body()?;
        all_there.wait();
        peer.stdout("Content-Length: 2\r\n\r\nok")?;
        peer.end()
    });
    let mut browsers: Vec<_> = (0..12).map(|_| house.browser()).collect();
    for browser in &mut browsers {
        browser.send(GET);
    }
    for browser in &mut browsers {
        browser.head();
        assert_eq!(browser.bytes(2), b"ok");
    }
}

#[test]
fn the_application_notices_when_the_browser_goes() {
    let (told, seen) = signal();
    let told = Mutex::new(told);
    let house = House::start(move |_, peer| {
        let told = told.lock().unwrap();
        peer.request()?;
        peer.body()?;
        told.send("request").ok()?;
        let ended = peer.stream.read(&mut [0]).is_ok_and(|count| count == 0);
        told.send(if ended { "end" } else { "more" }).ok()
    });
    let mut browser = house.browser();
    browser.send(GET);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE), Ok("request"));
    drop(browser);
    assert_eq!(seen.recv_timeout(PATIENCE), Ok("end"));
}

#[test]
fn the_application_notices_when_the_browser_goes_in_an_answer() {
    let (told, seen) = signal();
    let told = Mutex::new(told);
    let house = House::start(move |_, peer| {
        peer.request()?;
        peer.stdout("X: 1\r\n\r\nbegun")?;
        while peer.stdout("more").is_some() {}
        told.lock().unwrap().send(()).ok()
    });
    let mut browser = house.browser();
    browser.send(GET);
    browser.head();
    drop(browser);
    assert_eq!(seen.lock().unwrap().recv_timeout(PATIENCE), Ok(()));
}

#[test]
fn an_application_that_is_not_there_is_told_of() {
    let home = tempfile::tempdir().unwrap();
    let backend = Backend::Unix(home.path().join("none.sock"));
    let house = House::open(home, Arc::new(AtomicUsize::new(0)), backend, |_| {});
    let (head, body) = house.fetch("GET / HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 502 "));
    assert!(String::from_utf8(body).unwrap().contains("Is the server still running?"));
}

#[test]
fn the_application_may_be_on_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let backend = Backend::Tcp(listener.local_addr().unwrap());
    let application = thread::spawn(move || {
        use std::io::Write;
        let (mut stream, _) = listener.accept().unwrap();
        // One record of STDOUT with "A: b", a blank line and "hi", its end, and END_REQUEST.
        let answer = b"\x01\x06\0\x01\0\x0a\0\0A: b\r\n\r\nhi\x01\x06\0\x01\0\0\0\0\x01\x03\0\x01\0\x08\0\0\0\0\0\0\0\0\0\0";
        stream.write_all(answer).unwrap();
        stream.read_to_end(&mut Vec::new()).unwrap();
    });
    let house = House::open(tempfile::tempdir().unwrap(), Arc::new(AtomicUsize::new(0)), backend, |_| {});
    let (head, body) = house.fetch("GET / HTTP/1.0\r\n\r\n");
    assert!(has(&head, "a: b"), "{head}");
    assert_eq!(body, b"hi");
    drop(house);
    application.join().unwrap();
}

#[test]
fn a_stop_closes_what_is_idle_and_finishes_what_runs() {
    let (go_on, wait) = signal();
    let mut house = House::start(move |_, peer| {
        peer.request()?;
        peer.body()?;
        peer.stdout("Content-Type: a/b\r\n\r\nbegun")?;
        wait.lock().unwrap().recv_timeout(PATIENCE).ok()?;
        peer.stdout("done")?;
        peer.end()
    });
    let mut running = house.browser();
    running.send(GET);
    running.head();
    assert_eq!(running.chunk(), b"begun");
    let mut idle = house.browser();
    idle.send("GET /static/none HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = idle.head();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
    idle.bytes(length.parse().unwrap());
    let mut fresh = house.browser();
    house.stop();
    assert_eq!(idle.rest(), b"", "idle connections are closed at once");
    assert_eq!(fresh.rest(), b"");
    go_on.send(()).unwrap();
    assert_eq!(running.chunked_body(), b"done");
    house.join();
    assert!(std::net::TcpStream::connect(house.address).is_err(), "nothing is accepted any more");
}

#[test]
fn a_stop_does_not_wait_for_ever() {
    let mut house = House::start_with(
        |_, peer| {
            peer.request()?;
            peer.stdout("Content-Type: a/b\r\n\r\nbegun")?;
            peer.record().map(drop)?;
            peer.record().map(drop)
        },
        |options| options.stop_timeout = std::time::Duration::from_millis(50),
    );
    let mut browser = house.browser();
    browser.send(GET);
    browser.head();
    assert_eq!(browser.chunk(), b"begun");
    house.stop();
    house.join();
    assert_eq!(browser.rest(), b"", "the answer is cut, without a last chunk");
}
