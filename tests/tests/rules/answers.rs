//! Rules 1, 2, 3, 8, 16, 17 and 18: what an answer looks like.

use std::os::fd::{AsRawFd, OwnedFd};

use fcgi_tests::record::{PARAMS, RESPONDER, STDIN, begin, record, stream};
use fcgi_tests::{Answer, Request, Sandbox, Server, ask, until};
use nix::sys::signal::Signal;
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, bind, connect, listen, recv, send, socket,
};

use crate::in_both;

/// Has the application of the tests say something.
fn say(status: &str) -> Request {
    Request::get(&format!("/say/{status}"))
}

/// A page of the server's own with this status, ended as a whole.
fn is_page(answer: &Answer, status: u16) {
    let head = String::from_utf8_lossy(&answer.stdout).into_owned();
    assert!(head.starts_with(&format!("Status: {status} ")), "{status}: {answer:?}");
    assert!(answer.is_whole() && answer.text().contains("<h1>"), "{status}: {answer:?}");
}

#[test]
fn rule01_every_refusal_is_a_page_and_its_end() {
    let words = ["maxbody=1000", "maxparams=2000", "maxpairs=50", "maxactive=2", "readtimeout=1"];
    in_both(&words, |sandbox, server| {
        let ask = |request: &Request| ask(&server.address, request);
        is_page(&ask(&Request::get("/raise")), 500);
        is_page(&ask(&say("no status")), 500);
        is_page(&ask(&Request::post("/read", vec![b'x'; 1001])), 413);
        is_page(&ask(&Request::post("/read", vec![b'x'; 5000]).without("CONTENT_LENGTH")), 413);
        is_page(&ask(&Request::post("/read", "x").with("CONTENT_LENGTH", &"9".repeat(20))), 400);
        is_page(&ask(&Request::get("/").with("HTTP_NUL", "a\0b")), 400);
        is_page(&ask(&Request::get("/").with("HTTP_LONG", &"v".repeat(2000))), 431);
        is_page(&ask(&(0..50).fold(Request::get("/"), |get, n| get.with(&format!("N{n}"), ""))), 431);
        for (params, status) in [(&b"\x05\x05HTT"[..], 400), (b"\xff\xff\xff\xff\xff\xff\xff\xff", 431)] {
            let mut client = server.connect();
            client.send(
                &[begin(1, RESPONDER, true), stream(PARAMS, 1, params, 65_535), record(STDIN, 1, &[])]
                    .concat(),
            );
            is_page(&client.answer(1), status);
        }
        let mut stalled = server.connect();
        stalled.send(&Request::post("/read", "four").head());
        is_page(&stalled.answer(1), 408);
        if server.get("/flags").text().starts_with("True") {
            too_many_at_once(sandbox, server);
        }
    });
}

fn too_many_at_once(sandbox: &Sandbox, server: &Server<'_>) {
    let mut client = server.connect();
    for id in 1..=2 {
        client.send(&Request::get("/hold/a").id(id).kept().bytes());
    }
    sandbox.wait_for_held("a", 2);
    client.send(&(3..20).flat_map(|id| begin(id, RESPONDER, true)).collect::<Vec<u8>>());
    for id in 3..20 {
        let request = Request::get("/version").id(id);
        client.send(&[stream(PARAMS, id, &request.pairs(), 65_535), request.stdin()].concat());
        is_page(&client.answer(id), 503);
    }
    sandbox.release("a");
    for id in 1..=2 {
        assert_eq!(client.answer(id).text(), "held");
    }
}

#[test]
fn rule01_trouble_of_the_servers_own_is_a_page_too() {
    // An application that cannot be imported, where a web server would start us again and again.
    let sandbox = Sandbox::new();
    sandbox.write("wrong.py", "import nothing_of_this_name\n");
    let listener = std::os::unix::net::UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = sandbox.command(&["wrong:application"]);
    command.stdin(OwnedFd::from(listener));
    let _started = sandbox.spawn(&mut command);
    is_page(&ask(&sandbox.unix("0.sock"), &Request::get("/")), 500);
    // No room for a body whose length is not known.
    let sandbox = Sandbox::new();
    let mut command = sandbox.command(&["socket=s.sock", "daemonize=false", "web:application"]);
    command.env("TMPDIR", sandbox.path("missing"));
    let server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
    let upload = Request::post("/read", vec![b'x'; 1_000_000]).without("CONTENT_LENGTH");
    is_page(&ask(&server.address, &upload), 503);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn rule02_every_head_begins_with_its_status() {
    in_both(&[], |_, server| {
        let cases = [
            (say("200 OK"), "Status: 200 OK\r\n"),
            (say("299 A reason of its own"), "Status: 299 A reason of its own\r\n"),
            (say("204 No Content"), "Status: 204 No Content\r\n"),
            (say("302 Found").with("SAY_HEADERS", "Location: /there"), "Status: 302 Found\r\n"),
            (say("200 OK").with("SAY_PIECES", ""), "Status: 200 OK\r\n"),
            (say("200 OK").with("REQUEST_METHOD", "HEAD"), "Status: 200 OK\r\n"),
            (say("200 OK").with("SAY_HEADERS", "Status: 404 Not Found"), "Status: "),
            (Request::get("/raise"), "Status: 500 Internal Server Error\r\n"),
            (Request::get("/raise").with("REQUEST_METHOD", "HEAD"), "Status: 500 Internal Server Error\r\n"),
        ];
        for (request, start) in cases {
            let answer = ask(&server.address, &request);
            let text = String::from_utf8_lossy(&answer.stdout).into_owned();
            assert!(text.starts_with(start) && text.contains("\r\n\r\n"), "{start:?}: {text:?}");
            assert_eq!(text.matches("Status: ").count(), 1, "{text:?}");
            assert!(answer.is_whole());
        }
    });
}

/// A connection that keeps writes apart.
struct Packets {
    stream: OwnedFd,
}

impl Packets {
    fn open(address: &UnixAddr) -> Self {
        let stream = socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        connect(stream.as_raw_fd(), address).unwrap();
        Self { stream }
    }

    fn send(&self, request: &Request) {
        send(self.stream.as_raw_fd(), &request.bytes(), MsgFlags::empty()).unwrap();
    }

    /// What was written at once.
    fn next(&self) -> Vec<u8> {
        let mut packet = vec![0; 1 << 20];
        let length = recv(self.stream.as_raw_fd(), &mut packet, MsgFlags::empty()).unwrap();
        packet.truncate(length);
        packet
    }
}

#[test]
fn rule03_the_end_leaves_with_the_last_data() {
    let sandbox = Sandbox::new();
    let end = [&record(6, 1, &[])[..], &record(3, 1, &[0; 8])].concat();
    for words in [&["web:application"][..], &["web:application", "method=threaded"]] {
        let listener =
            socket(AddressFamily::Unix, SockType::SeqPacket, SockFlag::SOCK_CLOEXEC, None).unwrap();
        let address = UnixAddr::new(&sandbox.path("0.sock")).unwrap();
        bind(listener.as_raw_fd(), &address).unwrap();
        listen(&listener, Backlog::new(5).unwrap()).unwrap();
        let mut command = sandbox.command(words);
        command.stdin(listener);
        let mut started = sandbox.spawn(&mut command);
        let client = Packets::open(&address);
        // A list leaves whole.
        client.send(&say("200 OK").with("SAY_BODY", "hello").kept());
        let packet = client.next();
        assert!(packet.starts_with(&[1, 6, 0, 1]) && packet.ends_with(&end), "{packet:?}");
        // A piece of something else leaves before the next is asked for; the end leaves in one.
        client.send(&say("200 OK").with("SAY_BODY", "hello").with("SAY_PIECES", "").kept());
        assert!(client.next().windows(5).any(|window| window == b"hello"));
        assert_eq!(client.next(), end);
        // Who has seen the empty STDOUT and goes is no trouble.
        client.send(&say("200 OK").with("SAY_BODY", "hello").with("SAY_PIECES", ""));
        client.next();
        drop(client);
        let last = Packets::open(&address);
        last.send(&Request::get("/version"));
        last.next();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(started.child.id().cast_signed()), Signal::SIGTERM)
            .unwrap();
        assert_eq!(started.child.wait().unwrap().code(), Some(0));
        let err = started.err_text();
        assert!(!err.contains("warning") && !err.contains("] error"), "{err}");
        std::fs::remove_file(sandbox.path("0.sock")).unwrap();
    }
}

#[test]
fn rule08_no_record_is_longer_than_it_says() {
    in_both(&[], |_, server| {
        let mut client = server.connect();
        // The client takes records by their lengths: one that is wrong makes nonsense of everything behind it.
        for size in [0, 1, 7, 8, 65_527, 65_528, 65_529, 65_535, 65_536, 131_072, 1_000_003] {
            for pieces in [false, true] {
                let mut request = say("200 OK").with("SAY_BODY", "x").with("SAY_TIMES", &size.to_string());
                if pieces {
                    request = request.with("SAY_PIECES", "");
                }
                let answer = client.ask(&request.kept());
                assert!(answer.is_whole() && answer.body().len() == size, "{size}: {}", answer.body().len());
            }
        }
        let long = "v".repeat(100_000);
        let answer = client.ask(&say("200 OK").with("SAY_HEADERS", &format!("X-Long: {long}")).kept());
        let head = String::from_utf8(answer.stdout).unwrap();
        assert!(head.contains(&format!("\r\nX-Long: {long}\r\n")));
    });
}

#[test]
fn rule16_no_transfer_encoding() {
    in_both(&[], |_, server| {
        let pieces = say("200 OK").with("SAY_BODY", "hello").with("SAY_PIECES", "");
        let answer = ask(&server.address, &pieces);
        let text = String::from_utf8(answer.stdout).unwrap().to_ascii_lowercase();
        assert!(!text.contains("transfer-encoding") && text.ends_with("\r\n\r\nhello"), "{text}");
        for name in ["Transfer-Encoding", "transfer-encoding", "TRANSFER-ENCODING"] {
            let request = pieces.clone().with("SAY_HEADERS", &format!("{name}: chunked"));
            let answer = ask(&server.address, &request);
            is_page(&answer, 500);
            assert!(!String::from_utf8(answer.stdout).unwrap().contains("chunked"));
        }
    });
}

#[test]
fn rule17_bodies_are_as_long_as_they_were_said_to_be() {
    in_both(&[], |_, server| {
        let ask = |request: &Request| ask(&server.address, request);
        for status in ["103 Early Hints", "204 No Content", "304 Not Modified"] {
            let answer = ask(&say(status).with("SAY_BODY", "a body"));
            assert!(answer.is_whole() && answer.body().is_empty(), "{answer:?}");
        }
        let headers = say("200 OK").with("SAY_BODY", "a body").with("SAY_HEADERS", "Content-Length: 6");
        let answer = ask(&headers.clone().with("REQUEST_METHOD", "HEAD"));
        assert!(answer.is_whole() && answer.body().is_empty());
        assert!(String::from_utf8_lossy(&answer.stdout).contains("Content-Length: 6\r\n"));
        assert_eq!(ask(&headers).text(), "a body");
        for pieces in [false, true] {
            let mut long = headers.clone().with("SAY_HEADERS", "Content-Length: 3");
            let mut short = headers.clone().with("SAY_HEADERS", "Content-Length: 9");
            if pieces {
                (long, short) = (long.with("SAY_PIECES", ""), short.with("SAY_PIECES", ""));
            }
            let answer = ask(&long);
            assert!(answer.is_whole() && answer.text() == "a b", "{answer:?}");
            // Too short, and seen to be: a page while nothing was sent, and no end afterwards.
            let mut client = server.connect();
            client.send(&short.bytes());
            let answer = client.rest(1);
            assert!(answer.end.is_none() || answer.status() == 500, "{answer:?}");
        }
    });
}

#[test]
fn rule18_what_breaks_in_the_middle_does_not_look_whole() {
    for words in [["maxspare=1", "maxchildren=1"], ["method=threaded", "maxspare=2"]] {
        for way in ["raise", "exit"] {
            let sandbox = Sandbox::new();
            let server = sandbox.serve(&words);
            for keep in [false, true] {
                let mut client = server.connect();
                let mut request = Request::get(&format!("/break/{way}"));
                request.keep = keep;
                client.send(&request.bytes());
                let answer = client.rest(1);
                assert_eq!(
                    (answer.text(), answer.stdout_closed, answer.end),
                    ("the first half".to_owned(), false, None)
                );
                until("a worker serves", || {
                    fcgi_tests::try_ask(&server.address, &Request::get("/version")).is_ok()
                });
            }
            server.stop();
        }
    }
}
