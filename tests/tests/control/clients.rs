//! Who connects: other users, garbage, crowds, those who never ask and those who never read; and a terminal.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use fcgi_tests::{Sandbox, until, until_some};
use nix::unistd::geteuid;

use crate::harness::done;

/// A connection to a control socket, that gives up when nothing comes.
fn connect(path: &Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
}

fn ask(mut stream: &UnixStream, line: &str) -> String {
    stream.write_all(line.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let mut byte = [0];
    while answer.last() != Some(&b'\n') && stream.read(&mut byte).unwrap() > 0 {
        answer.push(byte[0]);
    }
    String::from_utf8(answer).unwrap()
}

const STATUS: &str = "{\"v\":1,\"command\":\"status\"}\n";

#[test]
fn nobody_but_the_owner_may_ask() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let path = sandbox.path("s.sock.ctl");
    let meta = fs::metadata(&path).unwrap();
    assert_eq!((meta.permissions().mode() & 0o777, meta.uid()), (0o600, geteuid().as_raw()));
    if geteuid().is_root() {
        let binary = sandbox.path("fcgi-run");
        fs::copy(fcgi_tests::binary(), &binary).unwrap();
        fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o755)).unwrap();
        let as_nobody = || {
            let mut command = sandbox.marked("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
            sandbox.finish(command.arg(&binary).args(["ctl", "stop", "socket=s.sock"]))
        };
        let refused = as_nobody();
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.err.starts_with("error[FR502]: "), "{}", refused.err);
        // Even where somebody has opened the file to all, the user is asked for.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let refused = as_nobody();
        assert_eq!(refused.status, Some(1), "{refused:?}");
        assert!(refused.err.contains("this user may not control the server"), "{}", refused.err);
        server.wait_for_err("the control socket is not for this user");
    }
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn garbage_gets_an_error_and_disturbs_nobody() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let path = sandbox.path("s.sock.ctl");
    let stream = connect(&path);
    for line in [
        "\n",
        "hello\n",
        "{}\n",
        "\u{0}\u{1}\n",
        "{\"v\":1,\"command\":\"dance\"}\n",
        "{\"v\":9,\"command\":\"stop\"}\n",
    ] {
        let answer = ask(&stream, line);
        assert!(answer.starts_with("{\"v\":1,\"ok\":false,\"error\":\""), "{line:?}: {answer}");
    }
    assert!(ask(&stream, STATUS).starts_with("{\"v\":1,\"ok\":true,"), "the connection is still good");
    // Bytes that are no text, and a line that has no end.
    let mut stream = connect(&path);
    stream.write_all(b"\xff\xfe{\n").unwrap();
    assert!(ask(&stream, "").contains("\"ok\":false"));
    let mut stream = connect(&path);
    stream.write_all(&[b'x'; 4096]).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("the line is too long") && rest.lines().count() == 1, "{rest}");
    // One that says nothing more once it has asked, as `nc` does.
    let mut stream = connect(&path);
    stream.write_all(STATUS.trim_end().as_bytes()).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).unwrap();
    assert!(rest.starts_with("{\"v\":1,\"ok\":true,") && rest.ends_with("}\n"), "{rest}");
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn a_hundred_at_once_are_all_answered() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let path = sandbox.path("s.sock.ctl");
    let streams: Vec<UnixStream> = (0..100).map(|_| connect(&path)).collect();
    let all: Vec<_> = streams
        .into_iter()
        .map(|stream| std::thread::spawn(move || ask(&stream, STATUS).starts_with("{\"v\":1,\"ok\":true,")))
        .collect();
    assert!(all.into_iter().all(|one| one.join().unwrap()));
    server.stop();
}

#[test]
fn who_stays_without_asking_keeps_nobody_out() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let path = sandbox.path("s.sock.ctl");
    // More than there is room for: those that have asked and stay, and those that never ask.
    let stay: Vec<UnixStream> = (0..20).map(|_| connect(&path)).collect();
    for stream in &stay {
        assert!(ask(stream, STATUS).contains("\"ok\":true"));
    }
    let _silent: Vec<UnixStream> = (0..40).map(|_| connect(&path)).collect();
    done(&sandbox, "status socket=s.sock");
    drop(stay);
    server.stop();
}

#[test]
fn one_who_never_reads_does_not_delay_the_master() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2"]);
    let path = sandbox.path("s.sock.ctl");
    let mut deaf = connect(&path);
    deaf.set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    // Questions without end, until its own socket is full of them: the server reads no more before an answer is taken.
    let questions = STATUS.repeat(1000);
    let begun = Instant::now();
    while deaf.write_all(questions.as_bytes()).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(30), "it reads without end");
    }
    let mut waits = connect(&path);
    waits.write_all(b"{\"v\":1,\"command\":\"reload\",\"wait\":true}\n").unwrap();
    for version in ["two", "three"] {
        sandbox.new_version(version);
        done(&sandbox, "reload");
        // An old worker may still take one visitor before it hears that it is to leave.
        until("new code serves", || server.get("/version").text() == version);
    }
    assert!(ask(&waits, "").contains("\"ok\":true"), "who waits for a reload gets an answer");
    drop(deaf);
    server.stop();
}

#[test]
fn a_process_of_a_web_server_says_that_there_is_nobody_to_ask() {
    let sandbox = Sandbox::new();
    let listener = std::os::unix::net::UnixListener::bind(sandbox.path("w.sock")).unwrap();
    let mut command = sandbox.command(&["web:application", "controlsocket=c.sock"]);
    command.stdin(std::os::fd::OwnedFd::from(listener));
    let started = sandbox.spawn(&mut command);
    let text =
        until_some("it warns", || Some(started.err_text()).filter(|text| text.contains("controlsocket")));
    assert!(text.contains("has no master") && !sandbox.has("c.sock"), "{text}");
}

#[test]
fn top_shows_the_server_and_leaves_the_terminal_as_it_was() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let worker = server.wait_for_workers(1)[0];
    for end in ["q", "\u{3}", "TERM"] {
        sandbox.write("shot", "");
        let binary = fcgi_tests::binary().display().to_string();
        let line =
            format!("stty rows 24 cols 80; stty -g; {binary} ctl top socket=s.sock; echo rc=$?; stty -g");
        let mut command = sandbox.marked("script");
        command.args(["-qfec", &line, "shot"]).env("TERM", "xterm-256color").env("SHELL", "/bin/sh");
        let mut child =
            command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().unwrap();
        until("the worker is shown", || sandbox.read("shot").contains(&worker.to_string()));
        if end == "TERM" {
            let shown = |pid: &i32| {
                let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                words.split(|byte| *byte == 0).skip(1).take(2).eq([&b"ctl"[..], b"top"])
            };
            let pid = sandbox.processes().into_iter().find(shown).unwrap();
            nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM)
                .unwrap();
        } else {
            child.stdin.as_mut().unwrap().write_all(end.as_bytes()).unwrap();
        }
        until("it has ended", || child.try_wait().unwrap().is_some());
        let shot = sandbox.read("shot");
        assert!(shot.contains("\u{1b}[?1049h") && shot.contains("\u{1b}[?1049l"), "{end}: {shot:?}");
        let settings: Vec<&str> =
            shot.lines().map(str::trim).filter(|line| line.matches(':').count() > 20).collect();
        assert_eq!(settings.len(), 2, "{shot:?}");
        assert!(
            settings[1].ends_with(settings[0].trim_start_matches(|c: char| !c.is_ascii_hexdigit())),
            "{settings:?}"
        );
        assert!(shot.contains("rc=0"), "{shot:?}");
    }
    server.stop();
}

#[test]
fn who_asks_often_where_threads_are_has_no_worker_killed() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1"]);
    let held = server.hold("a", 1);
    let worker = sandbox.held("a")[0];
    let stream = connect(&sandbox.path("s.sock.ctl"));
    let question = format!("{{\"v\":1,\"command\":\"stack\",\"pid\":{worker}}}\n");
    for _ in 0..600 {
        let answer = ask(&stream, &question);
        assert!(answer.contains("\"ok\":true") && answer.contains("thread "), "{answer} {}", server.err());
    }
    sandbox.release("a");
    for held in held {
        assert_eq!(held.join().unwrap().text(), "held", "{}", server.err());
    }
    server.stop();
}
