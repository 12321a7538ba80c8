//! What becomes of answers: whole, streamed, cut, refused.

use super::{Browser, House, PATIENCE, Peer, has, signal};

const GET: &str = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

/// What an application does with a connection.
type Serve = fn(&mut Peer) -> Option<()>;

/// The answer to `GET /` from an application that does just this.
fn fetched(serve: Serve) -> (String, Vec<u8>) {
    House::start(move |_, peer| serve(peer)).fetch("GET / HTTP/1.1\r\n\r\n")
}

#[test]
fn each_piece_arrives_before_the_next_is_made() {
    let (go_on, wait) = signal();
    let house = House::start(move |_, peer| {
        peer.request()?;
        peer.body()?;
        peer.stdout("Status: 200 OK\r\nContent-Type: text/plain\r\n\r\none")?;
        for text in ["two", "three"] {
            wait.lock().unwrap().recv_timeout(PATIENCE).ok()?;
            peer.stdout(text)?;
        }
        wait.lock().unwrap().recv_timeout(PATIENCE).ok()?;
        peer.end()
    });
    let mut browser = house.browser();
    browser.send(GET);
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(has(&head, "transfer-encoding: chunked") && has(&head, "content-type: text/plain"), "{head}");
    for text in ["one", "two", "three"] {
        assert_eq!(browser.chunk(), text.as_bytes());
        go_on.send(()).unwrap();
    }
    assert_eq!(browser.chunk(), b"");
}

#[test]
fn a_head_that_comes_in_bits_is_put_together() {
    let house = House::start(|_, peer| {
        peer.request()?;
        peer.body()?;
        for bit in "Status: 404 Gone Fishing\r\nX-A: 1\r\nX-A: 2\r\n\r\nbo".as_bytes().chunks(3) {
            peer.send(6, bit)?;
        }
        peer.stdout("dy")?;
        peer.end()
    });
    let mut browser = house.browser();
    browser.send(GET);
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 404 Gone Fishing\r\n"), "{head}");
    assert!(has(&head, "x-a: 1") && has(&head, "x-a: 2"));
    assert_eq!(browser.chunked_body(), b"body");
}

#[test]
fn a_location_alone_redirects() {
    let (head, _) = fetched(|peer| peer.answer("Location: /there\r\n\r\n"));
    assert!(head.starts_with("HTTP/1.1 302 Found\r\n") && has(&head, "location: /there"), "{head}");
}

#[test]
fn a_declared_length_is_kept_and_more_is_not_sent() {
    let (head, body) = fetched(|peer| peer.answer("Content-Length: 5\r\n\r\nhello, world"));
    assert!(has(&head, "content-length: 5") && !head.contains("chunked"), "{head}");
    assert_eq!(body, b"hello");
}

#[test]
fn messages_on_stderr_are_no_part_of_the_answer() {
    let (head, body) = fetched(|peer| {
        peer.request()?;
        peer.body()?;
        peer.send(7, b"oops\nmore")?;
        peer.stdout("Content-Length: 2\r\n\r\nhi")?;
        peer.send(7, b"")?;
        peer.end()
    });
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(body, b"hi");
}

#[test]
fn no_body_for_head_and_for_states_without_one() {
    let house = House::start(|_, peer| {
        loop {
            let path = peer.request()?.remove("PATH_INFO")?;
            peer.body()?;
            let status = if path == "/" { "200 OK" } else { &path[1..] };
            peer.stdout(&format!("Status: {status}\r\nX-Path: {path}\r\nContent-Length: 4\r\n\r\nbody"))?;
            peer.end()?;
        }
    });
    let mut browser = house.browser();
    browser.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && has(&head, "content-length: 4"), "{head}");
    browser.send("GET /204%20No%20Content HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 204 No Content\r\n") && !head.contains("content-length"), "{head}");
    browser.send("GET /304%20Not%20Modified HTTP/1.1\r\nHost: x\r\n\r\n");
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 304 Not Modified\r\n") && !head.contains("chunked"), "{head}");
    browser.send(GET);
    let head = browser.head();
    assert!(has(&head, "x-path: /") && head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert_eq!(browser.bytes(4), b"body");
}

#[test]
fn without_an_answer_there_is_a_page_that_explains() {
    let cases: [(Serve, &str); 7] = [
        (|peer| peer.request().map(drop), "closed the connection before it answered"),
        (|peer| peer.request().and_then(|_| peer.stdout("Status: 200")), "closed the connection"),
        (|peer| peer.request().and_then(|_| peer.end()), "without an answer"),
        (
            |peer| peer.request().and_then(|_| peer.send(3, &[0, 0, 0, 0, 2, 0, 0, 0])),
            "turned the request away",
        ),
        (|peer| peer.answer("<p>hello</p>\n\n"), "cannot be used"),
        (|peer| peer.answer("Status: 103 Early Hints\r\n\r\n"), "cannot be used"),
        (|peer| peer.request().and_then(|_| peer.stream_garbage()), "does not speak FastCGI"),
    ];
    for (serve, words) in cases {
        let (head, body) = fetched(serve);
        assert!(head.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{words}: {head}");
        assert!(String::from_utf8(body).unwrap().contains(words), "{words}");
    }
}

impl Peer {
    fn stream_garbage(&mut self) -> Option<()> {
        use std::io::Write;
        self.stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").ok()
    }
}

#[test]
fn an_answer_cut_in_the_middle_looks_cut() {
    let (head, body) = fetched(|peer| {
        peer.request()?;
        peer.body()?;
        peer.stdout("Content-Type: a/b\r\n\r\npart")
    });
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(body, b"4\r\npart\r\n", "the last chunk is missing");
    let (head, body) = fetched(|peer| peer.answer("Content-Length: 10\r\n\r\nshort"));
    assert!(has(&head, "content-length: 10"));
    assert_eq!(body, b"short");
}

#[test]
fn odd_requests_are_refused_without_the_application() {
    let house = House::start_with(
        |_, peer| peer.answer("X: 1\r\n\r\n"),
        |options| options.script_name = Some("/app".to_owned()),
    );
    let answer = |text: &str| -> String {
        let mut browser: Browser = house.browser();
        browser.send(text);
        browser.head()
    };
    assert!(answer("GET / HTTP/1.1\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(answer("GET /app/%00 HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 400 "));
    assert!(answer("GET /application HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 404 "));
    assert_eq!(house.accepted(), 0);
    assert!(answer("GET /app/x HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 200 "));
    assert_eq!(house.accepted(), 1);
}
