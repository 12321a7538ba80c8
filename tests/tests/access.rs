//! Who may connect, over TCP and over a Unix socket, and what becomes of those who may not.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use fcgi_tests::{Address, Request, Sandbox, Server, ask, try_ask, until};
use nix::unistd::{User, getgid, getuid};

fn tcp<'s>(sandbox: &'s Sandbox, host: &str, words: &[&str], variable: Option<&str>) -> Server<'s> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let host_word = format!("host={host}");
    let port_word = format!("port={port}");
    let all = [&[&*host_word, &*port_word, "daemonize=false", "web:application"], words].concat();
    let mut command = sandbox.command(&all);
    command.envs(variable.map(|value| ("FCGI_WEB_SERVER_ADDRS", value)));
    // The other end of an IPv6 socket may be an IPv4 visitor.
    let loopback = if host.contains(':') && !host.contains('.') { "[::1]" } else { "127.0.0.1" };
    let address: SocketAddr = format!("{loopback}:{port}").parse().unwrap();
    sandbox.serve_at(&mut command, Address::Tcp(address))
}

fn is_refused(address: &Address) -> bool {
    try_ask(address, &Request::get("/version")).is_err()
}

#[track_caller]
fn fails(words: &[&str], variable: Option<&str>, code: &str) {
    let sandbox = Sandbox::new();
    let all = [&["daemonize=false", "web:application"], words].concat();
    let mut command = sandbox.command(&all);
    command.envs(variable.map(|value| ("FCGI_WEB_SERVER_ADDRS", value)));
    let ended = sandbox.finish(&mut command);
    assert_eq!(ended.status, Some(2), "{words:?}: {ended:?}");
    assert!(
        ended.err.starts_with(&format!("error[{code}]: ")) && ended.err.contains("\nhint: "),
        "{ended:?}"
    );
    assert!(!sandbox.has("s.sock"));
}

#[test]
fn addresses_on_the_list_come_in_and_others_are_closed_at_once() {
    for (host, words, variable, comes_in) in [
        ("127.0.0.1", &["allowedclients=127.0.0.1"][..], None, true),
        ("127.0.0.1", &["allowedclients=10.0.0.0/8,::1", "allowedclients=127.0.0.0/8"], None, true),
        ("127.0.0.1", &["allowedclients=10.0.0.0/8"], None, false),
        ("127.0.0.1", &["allowedclients=::/0"], None, false),
        ("::1", &["allowedclients=::1"], None, true),
        ("::1", &["allowedclients=fd00::/8,127.0.0.1"], None, false),
        // An IPv4 visitor of an IPv6 socket.
        ("::ffff:127.0.0.1", &["allowedclients=127.0.0.1"], None, true),
        ("0.0.0.0", &["allowedclients=127.0.0.1"], None, true),
        ("0.0.0.0", &["allowedclients=any"], None, true),
        ("127.0.0.1", &[], Some("127.0.0.1,10.0.0.9"), true),
        ("127.0.0.1", &[], Some("10.0.0.9"), false),
        ("127.0.0.1", &["allowedclients=127.0.0.1"], Some("10.0.0.9"), true),
        ("127.0.0.1", &["allowedclients=127.0.0.1", "method=threaded"], None, true),
        ("127.0.0.1", &["allowedclients=10.0.0.1", "method=threaded"], None, false),
    ] {
        let sandbox = Sandbox::new();
        let server = tcp(&sandbox, host, words, variable);
        assert_eq!(!is_refused(&server.address), comes_in, "{host} {words:?} {variable:?}");
        let err = server.stop();
        assert_eq!(!err.contains("warning[FR532]"), comes_in, "{host} {words:?}: {err}");
    }
}

#[test]
fn those_who_are_refused_fill_no_log_and_run_no_python() {
    let sandbox = Sandbox::new();
    let words = ["allowedclients=10.0.0.1", "maxspare=2", "accesslog=access.log"];
    let server = tcp(&sandbox, "127.0.0.1", &words, None);
    let Address::Tcp(address) = server.address else { panic!("not TCP") };
    for _ in 0..50 {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        let mut byte = [0];
        // Closed without a word, whether or not something was sent.
        let _ = stream.write_all(b"\x01\x01\0\x01\0\x08\0\0\0\x01\0\0\0\0\0\0");
        let ended = stream.read(&mut byte);
        assert!(
            matches!(&ended, Ok(0))
                || matches!(&ended, Err(error) if error.kind() == ErrorKind::ConnectionReset),
            "{ended:?}"
        );
    }
    let err = server.stop();
    let lines: Vec<&str> = err.lines().filter(|line| line.contains("FR532")).collect();
    assert_eq!(lines.len(), 1, "{err}");
    assert!(lines[0].contains(" peer=127.0.0.1 count=1"), "{err}");
    assert_eq!(sandbox.read("access.log"), "");
}

#[test]
fn users_and_groups_come_in_over_a_unix_socket() {
    let (uid, gid) = (getuid(), getgid());
    for (list, comes_in) in [
        (format!("user:{uid}"), true),
        (format!("uid:{uid},10.0.0.1"), true),
        (format!("group:{gid}"), true),
        ("user:4100000000".to_owned(), false),
        ("gid:4100000000,uid:4100000000".to_owned(), false),
    ] {
        let sandbox = Sandbox::new();
        let word = format!("allowedclients={list}");
        let server = sandbox.serve(&[&word]);
        assert_eq!(!is_refused(&server.address), comes_in, "{list}");
        let err = server.stop();
        let name = User::from_uid(uid).unwrap().map_or_else(|| uid.to_string(), |user| user.name);
        assert_eq!(!err.contains(&format!("peer=user {name} count=1")), comes_in, "{list}: {err}");
    }
}

/// Connects as somebody else, and prints what comes of it.
const VISIT: &str = r#"
import os, socket, sys
os.setgroups([int(group) for group in sys.argv[3].split(",")])
os.setresgid(*[int(sys.argv[2])] * 3)
os.setresuid(*[int(sys.argv[1])] * 3)
s = socket.socket(socket.AF_UNIX)
s.settimeout(20)
s.connect("s.sock")
try:
    # GET_VALUES, which is answered at once.
    s.sendall(b"\x01\x09\0\0\0\0\0\0")
    print("in" if s.recv(1) else "out")
except OSError:
    print("out")
"#;

#[test]
fn the_kernel_says_who_has_connected() {
    let sandbox = Sandbox::new();
    if !getuid().is_root() {
        // Only root can be somebody else; what comes of one's own user stands above.
        let server = sandbox.serve(&["allowedclients=user:0"]);
        assert!(is_refused(&server.address));
        return;
    }
    sandbox.write("visit.py", VISIT);
    std::fs::set_permissions(sandbox.folder(), std::fs::Permissions::from_mode(0o755)).unwrap();
    let _server = sandbox.serve(&["allowedclients=uid:1234,gid:77", "socketmode=0666"]);
    for (uid, gid, groups, wanted) in [
        ("1234", "1", "1", "in"),
        ("4321", "77", "1", "in"),
        ("4321", "1", "5,77", "in"),
        ("4321", "1", "5,78", "out"),
        ("0", "0", "0", "out"),
    ] {
        let mut command = Command::new("python3");
        let output =
            command.current_dir(sandbox.folder()).args(["visit.py", uid, gid, groups]).output().unwrap();
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim(),
            wanted,
            "{uid} {gid} {groups}: {output:?}"
        );
    }
}

#[test]
fn all_addresses_are_not_served_without_a_word() {
    for host in ["0.0.0.0", "::", "[::]", "*", "0"] {
        fails(&[&format!("host={host}"), "port=0"], None, "FR530");
    }
    fails(&["host=0.0.0.0", "port=0", "allowedclients=user:root"], None, "FR531");
    fails(&["socket=s.sock", "allowedclients=127.0.0.1"], None, "FR531");
    fails(&["socket=s.sock", "allowedclients="], None, "FR003");
    fails(&["socket=s.sock", "allowedclients=web.example"], None, "FR004");
    fails(&["host=127.0.0.1", "port=0"], Some("web.example"), "FR533");
}

#[test]
fn a_descriptor_that_all_can_reach_is_warned_of() {
    let sandbox = Sandbox::new();
    let listener = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let address = Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port)));
    let mut command = sandbox.command(&["fd=0", "method=prefork", "web:application"]);
    command.stdin(std::process::Stdio::from(std::os::fd::OwnedFd::from(listener)));
    let server = sandbox.serve_at(&mut command, address.clone());
    assert_eq!(ask(&address, &Request::get("/version")).text(), "one");
    until("it is said", || server.err().contains("warning[FR530]: all who reach `0.0.0.0:"));
    server.stop();
}
