//! The sockets of the status, and the process behind them.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::process::Command;

use fcgi_tests::processes;
use fcgi_tests::{Address, Request, Sandbox, Server, ask, until_some};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::asking::{SOCKET, exchange, first_page, get, json, number, status};

fn port() -> (Address, String) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    (Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port))), format!("statusport={port}"))
}

fn teller(server: &Server<'_>) -> i32 {
    until_some("the status process is there", || {
        processes::children(server.pid()).into_iter().find(|pid| processes::is_status(*pid))
    })
}

#[test]
fn every_form_is_told_over_http() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let address = status(&sandbox);
    let text = get(&address, "/");
    assert!(text.head.contains("\r\nContent-Type: text/plain; charset=utf-8"), "{text:?}");
    assert!(text.body.starts_with("app:                  web:application\n"), "{}", text.body);
    let metrics = get(&address, "/metrics");
    assert!(metrics.head.contains("Content-Type: application/openmetrics-text; version=1.0.0"));
    assert!(metrics.body.ends_with("\n# EOF\n"), "{}", metrics.body);
    let page = get(&address, "/?html");
    assert!(page.head.contains("\r\nContent-Security-Policy: default-src 'none'; "), "{}", page.head);
    assert!(page.head.contains("\r\nX-Content-Type-Options: nosniff"));
    assert!(page.body.contains("<title>web:application: status</title>"));
    assert_eq!(number(&json(&address), "/server/pid"), u64::try_from(server.pid()).unwrap());
    assert_eq!(get(&address, "/favicon.ico").status, 404);
    let post = exchange(&address, b"POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx");
    assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\r\nAllow: GET, HEAD\r\n"), "{post}");
    assert!(exchange(&address, b"nonsense\r\n\r\n").starts_with("HTTP/1.1 400 "));
    server.stop();
}

#[test]
fn several_requests_come_over_one_connection_and_head_has_no_body() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let text = exchange(
        &status(&sandbox),
        b"GET /text HTTP/1.1\r\n\r\nGET /json HTTP/1.1\r\n\r\nHEAD / HTTP/1.1\r\nConnection: close\r\n\r\n",
    );
    let (first, rest) = first_page(&text);
    let (second, rest) = first_page(rest);
    assert!(first.body.starts_with("app:") && second.body.starts_with('{'));
    assert!(rest.starts_with("HTTP/1.1 200 ") && rest.ends_with("\r\n\r\n"), "{rest}");
    server.stop();
}

#[test]
fn the_same_socket_speaks_fastcgi() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let answer = ask(&status(&sandbox), &Request::get("/whatever/path/metrics"));
    assert!(answer.is_whole());
    assert_eq!(answer.status(), 200);
    assert!(answer.text().ends_with("\n# EOF\n"));
    let mut client = status(&sandbox).connect().unwrap();
    for _ in 0..3 {
        let answer = client.ask(&Request::get("/status?text").kept());
        assert!(answer.text().starts_with("app:"), "{answer:?}");
    }
    assert_eq!(ask(&status(&sandbox), &Request::post("/status", "x")).status(), 405);
    server.stop();
}

#[test]
fn the_socket_is_private_and_goes_with_the_server() {
    let sandbox = Sandbox::new();
    // One that was left by a server that was killed.
    drop(UnixListener::bind(sandbox.path("status.sock")).unwrap());
    let server = sandbox.serve(&[SOCKET]);
    let mode = |name: &str| fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("status.sock"), 0o600);
    assert_eq!(get(&status(&sandbox), "/").status, 200);
    server.stop();
    assert!(!sandbox.has("status.sock"));
    let server = sandbox.serve(&[SOCKET, "statusmode=0660"]);
    assert_eq!(mode("status.sock"), 0o660);
    server.stop();
    sandbox.write("status.sock", "data");
    let refused = sandbox.run(&["socket=s.sock", "daemonize=false", "web:application", SOCKET]);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    assert_eq!(sandbox.read("status.sock"), "data");
    assert!(!sandbox.has("s.sock"), "nothing is left of a start that failed");
}

#[test]
fn a_port_is_for_those_who_are_allowed() {
    let sandbox = Sandbox::new();
    let (address, word) = port();
    let server = sandbox.serve(&[&word]);
    assert_eq!(get(&address, "/").status, 200);
    let foreign = exchange(&address, b"GET / HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    assert!(foreign.starts_with("HTTP/1.1 421 "), "{foreign}");
    server.stop();
    let server = sandbox.serve(&[&word, "statusallow=10.0.0.0/8"]);
    let page = get(&address, "/");
    assert!(page.status == 403 && !page.body.contains("web:application"), "{page:?}");
    assert_eq!(ask(&address, &Request::get("/")).status(), 403);
    server.stop();
}

#[test]
fn a_port_is_free_as_soon_as_the_server_stops() {
    let sandbox = Sandbox::new();
    let (address, word) = port();
    let server = sandbox.serve(&[&word, SOCKET]);
    let held = server.hold("a", 1);
    // It is answered on the same connection until the last request is over.
    let mut kept = fs::File::from(address.open().unwrap());
    server.signal(Signal::SIGTERM);
    until_some("nobody listens any more", || address.open().is_err().then_some(()));
    let Address::Tcp(tcp) = address else { unreachable!() };
    until_some("the port is free", || TcpListener::bind(tcp).ok());
    kept.write_all(b"GET /json HTTP/1.1\r\nConnection: close\r\n\r\n").unwrap();
    let text = std::io::read_to_string(kept).unwrap();
    assert!(first_page(&text).0.body.contains("/hold/a"), "{text}");
    sandbox.release("a");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    sandbox.wait_for_nobody();
}

#[test]
fn a_status_process_that_dies_is_followed_by_another() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let first = teller(&server);
    assert_eq!(get(&status(&sandbox), "/").status, 200);
    kill(Pid::from_raw(first), Signal::SIGKILL).unwrap();
    server.wait_for_err("the status process died");
    assert_eq!(server.get("/version").text(), "one");
    // Who asks meanwhile waits in the listen queue.
    assert_eq!(get(&status(&sandbox), "/").status, 200);
    assert_ne!(teller(&server), first);
    server.stop();
}

#[test]
fn nobody_keeps_others_from_being_told() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let address = status(&sandbox);
    let mut silent: Vec<_> = (0..300).map(|_| fs::File::from(address.open().unwrap())).collect();
    for (number, socket) in silent.iter_mut().enumerate() {
        let bytes: &[u8] =
            [&b""[..], b"GET / HT", b"\x01\x01\x00", b"\x01\xff\xff\xff\xff\xff\xff\xff"][number % 4];
        // The first ones have had to go for the last.
        let _ = socket.write_all(bytes);
    }
    assert_eq!(get(&address, "/").status, 200);
    drop(silent);
    assert_eq!(get(&address, "/").status, 200);
    server.stop();
}

#[test]
fn where_no_descriptor_is_left_who_asks_waits_and_nothing_spins() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[SOCKET]);
    let (address, pid) = (status(&sandbox), teller(&server));
    let limit_files = |limit: &str| {
        let words = [format!("--pid={pid}"), format!("--nofile={limit}:")];
        assert!(Command::new("prlimit").args(words).status().unwrap().success());
    };
    limit_files("0");
    let mut socket = fs::File::from(address.open().unwrap());
    socket.write_all(b"GET /text HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    processes::wait_for_rest(pid);
    limit_files("256");
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    assert_eq!(first_page(&text).0.status, 200);
    server.stop();
}
