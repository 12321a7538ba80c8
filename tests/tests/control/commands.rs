//! Each command: what it does, text, JSON, exit status.

use std::fs;

use fcgi_tests::{Request, Sandbox, in_background, until};

use crate::harness::{ctl, done, failed};

#[test]
fn status_and_workers_say_how_the_server_is() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=1"]);
    let workers = server.wait_for_workers(2);
    let held = in_background(&server.address, Request::get("/hold/a"));
    let busy = sandbox.wait_for_held("a", 1)[0];
    until("both serve", || !done(&sandbox, "status").contains(" starting"));
    for line in ["socket=s.sock", "status --socket s.sock", "STATUS"] {
        let text = done(&sandbox, line);
        assert!(
            text.starts_with("fcgi-run ") && text.contains(&format!(", pid {}, serving, up ", server.pid()))
        );
        assert!(text.contains("\n  serves    web:application in "), "{text}");
        assert!(text.contains("\n  workers   2 of at most 50: 1 busy, 1 idle"), "{text}");
        assert!(text.contains("1 running"), "{text}");
    }
    let table = done(&sandbox, "workers");
    assert!(table.starts_with("    PID STATE "), "{table}");
    for pid in workers {
        let line = table.lines().find(|line| line.trim_start().starts_with(&pid.to_string())).unwrap();
        assert_eq!(line.contains(" busy ") && line.ends_with(" GET /hold/a"), pid == busy, "{table}");
    }
    let json = done(&sandbox, "status --json");
    assert_eq!(json.lines().count(), 1);
    for part in
        ["\"ok\":true", "\"state\":\"serving\"", &format!("\"pid\":{}", server.pid()), "\"path\":\"/hold/a\""]
    {
        assert!(json.contains(part), "{part}: {json}");
    }
    let json = done(&sandbox, "workers --json");
    assert!(json.contains(&format!("\"pid\":{busy}")) && !json.contains("\"queues\""), "{json}");
    sandbox.release("a");
    held.join().unwrap();
    server.stop();
    assert!(!sandbox.has("s.sock.ctl"), "the socket is removed");
}

#[test]
fn reload_comes_back_when_new_code_serves_or_cannot() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2"]);
    sandbox.new_version("two");
    assert!(done(&sandbox, "reload").starts_with("reloaded: pid "));
    // An old worker may still take one visitor before it hears that it is to leave.
    until("new code serves", || server.get("/version").text() == "two");
    let told = |line: &str| line.starts_with("  reload    ") && line.ends_with("s ago, well");
    assert!(done(&sandbox, "status").lines().any(told));
    sandbox.write("web.py", "raise RuntimeError('half an edit')\n");
    failed(&sandbox, "reload", 1, "RuntimeError: half an edit");
    let finished = ctl(&sandbox, "reload");
    assert!(
        finished.err.starts_with("error[FR506]: ") && finished.err.contains("\nTraceback "),
        "{}",
        finished.err
    );
    assert!(done(&sandbox, "status").contains("FAILED: RuntimeError: half an edit\n"));
    assert_eq!(server.get("/version").text(), "two");
    sandbox.new_version("three");
    assert!(done(&sandbox, "reload --no-wait").starts_with("reloading: "));
    until("new code serves", || server.get("/version").text() == "three");
    server.stop();
}

#[test]
fn upgrade_comes_back_when_the_new_server_serves_or_cannot() {
    let sandbox = Sandbox::new();
    let first = sandbox.daemon(&["maxspare=1"]);
    sandbox.new_version("two");
    let text = done(&sandbox, "upgrade pidfile=x.pid");
    let second = sandbox.pid();
    assert!(first != second && text.starts_with(&format!("upgraded: pid {second} in ")), "{text}");
    assert!(done(&sandbox, "status pidfile=x.pid").contains(&format!(", pid {second}, serving, ")));
    assert_eq!(fcgi_tests::ask(&sandbox.unix("s.sock"), &Request::get("/version")).text(), "two");
    sandbox.write("web.py", "raise RuntimeError('half an edit')\n");
    failed(&sandbox, "upgrade pidfile=x.pid", 1, "RuntimeError: half an edit");
    assert!(done(&sandbox, "status pidfile=x.pid").contains(&format!(", pid {second}, serving, ")));
    done(&sandbox, "stop pidfile=x.pid");
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("x.pid.ctl"));
}

#[test]
fn recycle_replaces_one_worker_and_no_request_is_lost() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=1"]);
    let before = server.wait_for_workers(2);
    let held = in_background(&server.address, Request::get("/hold/a"));
    let busy = sandbox.wait_for_held("a", 1)[0];
    assert!(done(&sandbox, &format!("recycle {busy}")).starts_with(&format!("worker {busy} leaves ")));
    until("a new worker is there", || server.workers().iter().any(|pid| !before.contains(pid)));
    sandbox.release("a");
    assert_eq!(held.join().unwrap().text(), "held");
    until("the old one has left", || !server.workers().contains(&busy));
    let other = before.into_iter().find(|pid| *pid != busy).unwrap();
    assert!(server.workers().contains(&other), "the other one stays");
    failed(&sandbox, &format!("recycle {busy}"), 1, &format!("no worker has the pid {busy}"));
    failed(&sandbox, &format!("recycle {}", server.pid()), 1, "no worker has the pid");
    failed(&sandbox, "recycle", 2, "`recycle` needs a number");
    server.stop();
}

#[test]
fn stack_shows_what_workers_do_in_python() {
    for method in ["method=prefork", "method=threaded"] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "minspare=0"]);
        let held = in_background(&server.address, Request::get("/hold/a"));
        let busy = sandbox.wait_for_held("a", 1)[0];
        let text = done(&sandbox, &format!("stack {busy}"));
        assert!(text.starts_with(&format!("worker {busy}\n  thread ")), "{text}");
        assert!(text.contains(", serves GET /hold/a") && text.contains("web.py\", line "), "{text}");
        let all = done(&sandbox, "stack");
        let count = if method == "method=threaded" { 1 } else { 2 };
        assert_eq!(all.matches("worker ").count(), count, "{all}");
        assert_eq!(all.matches("  no thread runs Python now\n").count(), count - 1, "{all}");
        let json = done(&sandbox, "stack --json");
        assert!(json.contains(&format!("\"pid\":{busy}")) && json.lines().count() == 1, "{json}");
        failed(&sandbox, &format!("stack {}", server.pid()), 1, "no worker has the pid");
        failed(&sandbox, "stack everywhere", 2, "`everywhere` is no number");
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held");
        server.stop();
    }
}

#[test]
fn scale_sets_the_number_of_workers() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "minspare=0"]);
    assert!(done(&sandbox, "scale 3").starts_with("3 workers from now on: pid "));
    server.wait_for_workers(3);
    done(&sandbox, "scale 1 --json");
    server.wait_for_workers(1);
    failed(&sandbox, "scale 0", 1, "the number of workers is 1 at least");
    failed(&sandbox, "scale many", 2, "`many` is no number");
    server.stop();
    let server = sandbox.serve(&["method=threaded"]);
    failed(&sandbox, "scale 2", 1, "the number of workers cannot be changed");
    server.stop();
}

#[test]
fn reopen_opens_the_logs_anew() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve_and_ask(&["accesslog=access.log", "errlog=err.log", "maxspare=1"]);
    fs::rename(sandbox.path("err.log"), sandbox.path("err.old")).unwrap();
    done(&sandbox, "reopen");
    until("the log is there again", || sandbox.has("err.log"));
    server.stop();
}

#[test]
fn stop_comes_back_when_nothing_is_left_and_asking_twice_kills_nobody() {
    let sandbox = Sandbox::new();
    let master = sandbox.daemon(&["maxspare=1"]);
    let address = sandbox.unix("s.sock");
    let held = in_background(&address, Request::get("/hold/a"));
    sandbox.wait_for_held("a", 1);
    let mut first = sandbox.command(&["ctl", "stop", "pidfile=x.pid"]);
    let first = sandbox.spawn(&mut first);
    until("it stops", || done(&sandbox, "status pidfile=x.pid").contains(", stopping, "));
    assert!(done(&sandbox, "stop pidfile=x.pid --no-wait").starts_with(&format!("stopping: pid {master} ")));
    failed(&sandbox, "reload pidfile=x.pid", 1, "the server is stopping");
    sandbox.release("a");
    assert_eq!(held.join().unwrap().text(), "held");
    let first = first.finish();
    assert_eq!((first.status, first.err.as_str()), (Some(0), ""));
    assert!(first.out.starts_with(&format!("stopped: pid {master} ")), "{}", first.out);
    for name in ["s.sock", "x.pid", "x.pid.ctl"] {
        assert!(!sandbox.has(name), "{name} is left");
    }
    sandbox.wait_for_nobody();
}

#[test]
fn stop_now_waits_for_no_request() {
    let sandbox = Sandbox::new();
    sandbox.daemon(&["maxspare=1", "stoptimeout=600"]);
    let _held = in_background(&sandbox.unix("s.sock"), Request::get("/hold/a"));
    sandbox.wait_for_held("a", 1);
    done(&sandbox, "stop --now");
    sandbox.wait_for_nobody();
}

#[test]
fn a_server_is_found_by_few_words() {
    let sandbox = Sandbox::new();
    // By neither of the words from which the path is derived, but by what the server says of itself.
    let pid = sandbox.daemon(&["maxspare=1"]);
    let is_ours = |line: &str| done(&sandbox, line).contains(&format!(", pid {pid}, "));
    sandbox.write("site.toml", "socket = \"s.sock\"\npidfile = \"x.pid\"\nmaxspare = 1\n");
    for line in ["pidfile=x.pid", "socket=s.sock", "config=site.toml", "controlsocket=x.pid.ctl", "status"] {
        assert!(is_ours(line), "{line}");
    }
    failed(&sandbox, "status pidfile=other.pid", 4, "error[FR500]");
    failed(&sandbox, "status controlsocket=/nowhere", 4, "no server answers at `/nowhere`");
    failed(&sandbox, "status controlsocket=off", 4, "error[FR500]");
    // A second one in the same folder.
    let second = sandbox.run(&["socket=t.sock", "pidfile=y.pid", "web:application", "maxspare=1"]);
    assert_eq!(second.status, Some(0), "{second:?}");
    failed(&sandbox, "status", 2, "error[FR501]");
    assert!(is_ours("socket=s.sock"));
    done(&sandbox, "stop pidfile=y.pid");
    done(&sandbox, "stop pidfile=x.pid");
    sandbox.wait_for_nobody();
}

#[test]
fn words_that_make_no_sense_are_refused_with_a_hint() {
    let sandbox = Sandbox::new();
    failed(&sandbox, "relaod", 2, "did you mean `fcgi-run ctl reload`");
    failed(&sandbox, "status 12", 2, "`12` is one word too much");
    failed(&sandbox, "status sokcet=/x", 2, "error[FR001]");
    failed(&sandbox, "top controlsocket=/nowhere", 4, "error[FR500]");
    let help = done(&sandbox, "help");
    assert!(help.contains("\nExit status:\n") && help.contains("\n  reload "), "{help}");
    assert_eq!(done(&sandbox, "status --help"), help);
}

#[test]
fn the_socket_is_where_it_was_said_and_nowhere_if_so() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["controlsocket=here", "maxspare=1"]);
    assert!(!sandbox.has("s.sock.ctl"));
    assert!(done(&sandbox, "status controlsocket=here").contains(", serving, "));
    server.stop();
    assert!(!sandbox.has("here"));
    let server = sandbox.serve(&["controlsocket=off", "maxspare=1"]);
    assert!(!sandbox.has("s.sock.ctl"));
    server.stop();
    // Something that is no socket is never removed: no start where it was asked for, and a warning where it was not.
    sandbox.write("s.sock.ctl", "precious");
    let words = ["socket=s.sock", "daemonize=false", "web:application", "controlsocket=s.sock.ctl"];
    let refused = sandbox.run(&words);
    assert_eq!(refused.status, Some(4), "{refused:?}");
    let server = sandbox.serve(&["maxspare=1"]);
    assert!(server.err().contains("warning[FR503]: "), "{}", server.err());
    assert!(server.stop().contains("exists and is not a socket"));
    assert_eq!(sandbox.read("s.sock.ctl"), "precious");
}

#[test]
fn threads_have_a_master_to_ask_as_well() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["method=threaded", "maxspare=3"]);
    assert!(done(&sandbox, "status").contains("\n  workers   1 of at most 1: 1 idle (threaded)\n"));
    let held = server.hold("a", 2);
    assert!(done(&sandbox, "workers").contains(" GET /hold/a (+1)\n"));
    sandbox.release("a");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    sandbox.new_version("two");
    done(&sandbox, "reload");
    until("new code serves", || server.get("/version").text() == "two");
    server.stop();
}
