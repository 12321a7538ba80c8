//! Where the server listens: sockets made, inherited, replaced, left alone and removed.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use fcgi_tests::{Address, Finished, Request, Sandbox, ask, processes, until};
use nix::sys::signal::Signal;

fn refused(sandbox: &Sandbox, words: &[&str]) -> String {
    let Finished { status, err, .. } = sandbox.run(words);
    assert_eq!(status, Some(4), "{words:?}: {err}");
    assert!(err.starts_with("error[FR0") && err.contains("\nhint: "), "{words:?}: {err}");
    err
}

/// The address in the line that says where the server serves.
fn announced(err: &str) -> SocketAddr {
    let (_, rest) = err.split_once(" serving address=").unwrap();
    rest.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn a_unix_socket_is_made_and_removed() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    assert!(fs::symlink_metadata(sandbox.path("s.sock")).unwrap().file_type().is_socket());
    assert_eq!(server.get("/version").text(), "one");
    // Checks that the socket is gone.
    server.stop();
}

#[test]
fn tcp_is_served_in_both_families() {
    for host in ["127.0.0.1", "::1", "[::1]", "localhost"] {
        let sandbox = Sandbox::new();
        let port = free_port().to_string();
        let words = [&format!("host={host}"), &format!("port={port}"), "daemonize=false", "web:application"];
        let named = if host.contains(':') { format!("[::1]:{port}") } else { format!("127.0.0.1:{port}") };
        let server = sandbox.serve_at(&mut sandbox.command(&words), Address::Tcp(named.parse().unwrap()));
        assert_eq!(server.get("/version").text(), "one", "{host}");
        server.stop();
    }
}

#[test]
fn port_0_lets_the_system_choose_and_tells() {
    let sandbox = Sandbox::new();
    let started = sandbox.spawn(&mut sandbox.command(&[
        "host=127.0.0.1",
        "port=0",
        "daemonize=false",
        "web:application",
    ]));
    until("it serves", || started.err_text().contains(" serving "));
    let address = announced(&started.err_text());
    assert_ne!(address.port(), 0);
    assert_eq!(ask(&Address::Tcp(address), &Request::get("/version")).text(), "one");
}

#[test]
fn descriptor_0_is_served_when_it_listens() {
    let sandbox = Sandbox::new();
    for words in [&["web:application"][..], &["fd=0", "web:application"]] {
        let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
        let mut command = sandbox.command(words);
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        let mut started = sandbox.spawn(&mut command);
        let address = sandbox.unix("0.sock");
        assert_eq!(ask(&address, &Request::get("/version")).text(), "one");
        // One process, one thread: web servers start as many as they want.
        assert_eq!(ask(&address, &Request::get("/pid")).text(), started.child.id().to_string());
        assert_eq!(ask(&address, &Request::get("/flags")).text(), "False True False");
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(started.child.id().cast_signed()), Signal::SIGTERM)
            .unwrap();
        assert_eq!(started.child.wait().unwrap().code(), Some(0));
        // What somebody else has made is not removed.
        assert!(sandbox.has("0.sock"));
        fs::remove_file(sandbox.path("0.sock")).unwrap();
    }
}

#[test]
fn descriptor_0_may_be_a_tcp_socket_and_serve_with_workers() {
    let sandbox = Sandbox::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = Address::Tcp(listener.local_addr().unwrap());
    let mut command = sandbox.command(&["method=prefork", "maxspare=2", "web:application"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let server = sandbox.serve_at(&mut command, address);
    let workers = server.wait_for_workers(2);
    assert!(workers.contains(&server.get("/pid").text().parse().unwrap()));
    server.stop();
}

#[test]
fn the_application_cannot_read_connections_from_descriptor_0() {
    let sandbox = Sandbox::new();
    sandbox.write("stdin.py", "import os, stat\nKIND = os.readlink('/proc/self/fd/0')\ndef application(e, s):\n    s('200 OK', [])\n    return [KIND.encode()]\n");
    let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = sandbox.command(&["stdin:application"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let _started = sandbox.spawn(&mut command);
    assert_eq!(ask(&sandbox.unix("0.sock"), &Request::get("/")).text(), "/dev/null");
}

#[test]
fn another_descriptor_is_served_by_its_number() {
    let sandbox = Sandbox::new();
    let listener = UnixListener::bind(sandbox.path("7.sock")).unwrap();
    let mut command = sandbox.marked("sh");
    let binary = fcgi_tests::binary();
    command.args(["-c", "exec \"$@\" 7<&0 </dev/null", "sh"]).arg(binary).args(["fd=7", "web:application"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    let server = sandbox.serve_at(&mut command, sandbox.unix("7.sock"));
    assert_eq!(server.get("/version").text(), "one");
    assert_ne!(server.get("/pid").text(), server.pid().to_string());
}

#[test]
fn descriptors_of_a_service_manager_are_served_by_the_process_they_are_for() {
    let sandbox = Sandbox::new();
    let binary = fcgi_tests::binary();
    let command = |pid: &str, name: &str| {
        let listener = UnixListener::bind(sandbox.path(name)).unwrap();
        let mut command = sandbox.marked("sh");
        let script = format!(
            "LISTEN_PID={pid} LISTEN_FDS=1; export LISTEN_PID LISTEN_FDS; exec \"$@\" 3<&0 </dev/null"
        );
        command.args(["-c", &script, "sh"]).arg(binary).arg("web:application");
        command.stdin(Stdio::from(OwnedFd::from(listener)));
        command
    };
    let server = sandbox.serve_at(&mut command("$$", "3.sock"), sandbox.unix("3.sock"));
    assert_eq!(server.get("/version").text(), "one");
    let other = sandbox.finish(&mut command("1", "4.sock"));
    assert_eq!(other.status, Some(2), "{other:?}");
}

#[test]
fn a_descriptor_that_does_not_listen_is_refused() {
    let sandbox = Sandbox::new();
    assert!(refused(&sandbox, &["fd=9", "web:application"]).contains("descriptor 9"));
    assert!(refused(&sandbox, &["fd=0", "web:application"]).contains("descriptor 0"));
}

#[test]
fn a_live_socket_is_not_stolen() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[]);
    let err = refused(&sandbox, &["socket=s.sock", "daemonize=false", "web:application"]);
    assert!(err.contains("s.sock"), "{err}");
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn the_socket_of_a_dead_server_is_replaced() {
    let sandbox = Sandbox::new();
    drop(UnixListener::bind(sandbox.path("s.sock")).unwrap());
    assert!(sandbox.has("s.sock"));
    let server = sandbox.serve(&[]);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn anything_else_at_the_path_is_left_alone() {
    let sandbox = Sandbox::new();
    sandbox.write("s.sock", "precious");
    assert!(refused(&sandbox, &["socket=s.sock", "web:application"]).contains("is not a socket"));
    assert_eq!(sandbox.read("s.sock"), "precious");
    sandbox.write("folder/file", "precious");
    refused(&sandbox, &["socket=folder", "web:application"]);
    std::os::unix::fs::symlink("s.sock", sandbox.path("link")).unwrap();
    refused(&sandbox, &["socket=link", "web:application"]);
    assert_eq!((sandbox.read("folder/file"), sandbox.read("s.sock")), ("precious".into(), "precious".into()));
}

#[test]
fn a_socket_that_was_replaced_meanwhile_is_not_removed_at_the_end() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve(&[]);
    fs::remove_file(sandbox.path("s.sock")).unwrap();
    let _other = UnixListener::bind(sandbox.path("s.sock")).unwrap();
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(), Some(0));
    assert!(sandbox.has("s.sock"));
}

#[test]
fn a_port_in_use_is_refused() {
    let sandbox = Sandbox::new();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let err = refused(&sandbox, &["host=127.0.0.1", &format!("port={port}"), "web:application"]);
    assert!(err.contains(&format!("127.0.0.1:{port}")), "{err}");
}

#[test]
fn an_address_that_the_system_refuses_is_said() {
    let sandbox = Sandbox::new();
    assert!(refused(&sandbox, &["socket=missing/s.sock", "web:application"]).contains("missing/s.sock"));
    // Nobody may make anything there, not even root.
    assert!(
        refused(&sandbox, &["socket=/sys/fcgi-tests.sock", "web:application"])
            .contains("/sys/fcgi-tests.sock")
    );
    // An address for documentation, which no machine has.
    assert!(
        refused(&sandbox, &["host=192.0.2.7", "port=3033", "web:application"]).contains("192.0.2.7:3033")
    );
    assert!(
        refused(&sandbox, &["host=no.such.host.invalid", "port=3033", "web:application"])
            .contains("no.such.host")
    );
}

#[test]
fn of_two_servers_that_start_at_once_one_serves() {
    for _ in 0..2 {
        let sandbox = Sandbox::new();
        // A socket of a dead server, which both want to replace.
        drop(UnixListener::bind(sandbox.path("s.sock")).unwrap());
        let words = ["socket=s.sock", "daemonize=false", "maxspare=1", "web:application"];
        let mut both = [0, 1].map(|_| sandbox.spawn(&mut sandbox.command(&words)));
        let mut loser = None;
        until("one has given up", || {
            loser = both.iter_mut().position(|started| started.child.try_wait().unwrap().is_some());
            loser.is_some()
        });
        let [first, second] = both;
        let (lost, won) = if loser == Some(0) { (first, second) } else { (second, first) };
        let lost = lost.finish();
        assert_eq!(lost.status, Some(4), "{lost:?}");
        let worker = ask(&sandbox.unix("s.sock"), &Request::get("/pid")).text().parse().unwrap();
        assert_eq!(processes::look(worker).unwrap().parent, won.child.id().cast_signed());
    }
}

#[test]
fn closed_standard_descriptors_do_no_harm() {
    let sandbox = Sandbox::new();
    let binary = fcgi_tests::binary();
    let mut command = sandbox.marked("sh");
    command.args(["-c", "exec \"$@\" <&- >&- 2>&-", "sh"]).arg(binary);
    command.args(["socket=s.sock", "daemonize=false", "errlog=e.log", "web:application"]);
    let _started = sandbox.spawn(&mut command);
    until("it serves", || sandbox.read("e.log").contains(" serving "));
    assert_eq!(ask(&sandbox.unix("s.sock"), &Request::get("/print")).text(), "silent");
    // Nothing that is printed may land on a socket.
    let text = sandbox.read("e.log");
    assert!(text.contains("complained by the application"), "{text}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
