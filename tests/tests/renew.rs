//! What makes a renewal safe: a probe before visitors come, an end to waiting, and files that ask for it.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::process::Stdio;

use fcgi_tests::{Request, Sandbox, Server, ask, until, until_some};
use nix::sys::signal::Signal;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

fn count(server: &Server<'_>, text: &str) -> usize {
    server.err().matches(text).count()
}

/// Sends HUP and waits for what comes of it.
fn reload(server: &Server<'_>, outcome: &str) {
    let before = count(server, outcome);
    server.signal(Signal::SIGHUP);
    until("the reload is over", || count(server, outcome) > before);
}

const DONE: &str = " reloaded";
const GIVEN_UP: &str = "the reload was given up, the old workers go on serving";

#[test]
fn a_start_whose_probe_is_not_answered_well_fails_with_the_traceback() {
    for words in
        [&["probe=/raise"][..], &["probe=/raise", "method=threaded"], &["probe=/raise", "preload=true"]]
    {
        for daemonize in ["daemonize=false", "daemonize=true"] {
            let sandbox = Sandbox::new();
            let all = [&["socket=s.sock", "web:application", daemonize], words].concat();
            let end = sandbox.run(&all);
            assert_eq!(end.status, Some(3), "{all:?}: {}", end.err);
            let cause =
                "error[FR420]: the probe request `/raise` was answered with 500 Internal Server Error\n";
            assert!(end.err.contains(cause), "{all:?}: {}", end.err);
            assert!(end.err.contains("RuntimeError: raised by the application"), "{all:?}: {}", end.err);
            sandbox.wait_for_nobody();
            assert!(!sandbox.has("s.sock"));
        }
    }
}

#[test]
fn a_probe_of_a_page_that_is_not_there_fails_and_one_that_is_passes() {
    let sandbox = Sandbox::new();
    let end = sandbox.run(&["socket=s.sock", "web:application", "daemonize=false", "probe=/nowhere"]);
    assert_eq!(end.status, Some(3), "{}", end.err);
    assert!(end.err.contains("answered with 404 Not Found"), "{}", end.err);
    let server = sandbox.serve(&["probe=example.org/environ/HTTP_HOST", "accesslog=a.log"]);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
    assert!(!sandbox.read("a.log").contains("HTTP_HOST"), "it is no request of a visitor");
}

#[test]
fn new_code_that_fails_its_probe_is_not_let_near_visitors() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "probe=/version"]);
        let good = sandbox.read("web.py");
        let broken = good.replace("        body = VERSION", "        body = 1 / 0");
        assert_ne!(good, broken);
        sandbox.write("web.py", &broken);
        reload(&server, GIVEN_UP);
        assert_eq!(server.get("/version").text(), "one", "{method}");
        let err = server.err();
        let cause = "cause=[FR420] the probe request `/version` was answered with 500 Internal Server Error";
        assert!(err.contains(cause) && err.contains("ZeroDivisionError"), "{err}");
        sandbox.new_version("two");
        reload(&server, DONE);
        until("new code", || server.get("/version").text() == "two");
        server.stop();
    }
}

#[test]
fn a_new_worker_that_hangs_does_not_hold_a_reload_for_ever() {
    let hanging_import = "import time\ntime.sleep(3600)\n".to_owned();
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "probe=/version", "starttimeout=2"]);
        let hanging_page = format!(
            "{}\nanswer = application\ndef application(*args):\n    time.sleep(3600)\n",
            sandbox.read("web.py")
        );
        for (code, what) in
            [(&hanging_import, "imported the application"), (&hanging_page, "answered the probe")]
        {
            sandbox.write("web.py", code);
            reload(&server, GIVEN_UP);
            assert!(server.err().contains(&format!("has not {what}")), "{}", server.err());
            assert_eq!(server.get("/version").text(), "one", "{method}");
        }
        sandbox.new_version("two");
        reload(&server, DONE);
        until("new code", || server.get("/version").text() == "two");
        server.stop();
    }
}

#[test]
fn a_hanging_import_that_a_second_reload_has_overtaken_takes_nothing_with_it() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "starttimeout=2"]);
    let old = server.wait_for_workers(2);
    sandbox.write("web.py", "import time\nopen('hangs', 'w').close()\ntime.sleep(3600)\n");
    server.signal(Signal::SIGHUP);
    until("the import hangs", || sandbox.has("hangs"));
    let hanging =
        until_some("it is the master's", || server.workers().into_iter().find(|pid| !old.contains(pid)));
    sandbox.new_version("two");
    reload(&server, DONE);
    until("the worker that hangs is killed", || !server.workers().contains(&hanging));
    assert!(sandbox.has("s.sock"), "nobody finds the server any more: {}", server.err());
    server.wait_for_err("error[FR421]: a worker that nobody wants any more still imports after 2 seconds");
    until("new code", || server.get("/version").text() == "two");
    // And it can still be renewed.
    sandbox.new_version("three");
    reload(&server, DONE);
    until("newer code", || server.get("/version").text() == "three");
    let err = server.stop();
    assert!(!err.contains("died unexpectedly"), "{err}");
}

#[test]
fn a_start_that_hangs_fails() {
    for words in [&["maxspare=2"][..], &["maxspare=2", "preload=true"], &["method=threaded"]] {
        let sandbox = Sandbox::empty();
        sandbox.write("web.py", "import time\ntime.sleep(3600)\n");
        let all = [&["socket=s.sock", "web:application", "daemonize=true", "starttimeout=1"], words].concat();
        let end = sandbox.run(&all);
        assert_eq!(end.status, Some(3), "{words:?}: {}", end.err);
        assert!(end.err.contains("has not imported the application within 1 seconds"), "{}", end.err);
        assert!(end.err.contains("error[FR421]: "), "{}", end.err);
        sandbox.wait_for_nobody();
    }
}

#[test]
fn a_file_that_appears_or_is_touched_reloads() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        sandbox.write("b", "");
        let server = sandbox.serve(&[method, "maxspare=2", "touchreload=a", "touchreload=b"]);
        for (number, file) in ["a", "a", "b"].into_iter().enumerate() {
            let version = format!("v{number}");
            sandbox.new_version(&version);
            let before = count(&server, DONE);
            // What other editors do: a new file in the place of the old one.
            sandbox.write("new", "");
            fs::rename(sandbox.path("new"), sandbox.path(file)).unwrap();
            until("the server has reloaded", || count(&server, DONE) > before);
            until("new code", || server.get("/version").text() == version);
        }
        server.stop();
    }
}

#[test]
fn without_files_to_look_at_the_master_sleeps() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2"]);
    server.wait_for_workers(2);
    let switches = || {
        let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.unwrap().trim().parse::<u64>().unwrap()
    };
    // The nursery leaves two seconds after its last use, then nothing is left to do.
    until("no nursery", || server.nursery().is_none());
    let still = until_some("the master sleeps", || {
        let before = switches();
        std::thread::sleep(std::time::Duration::from_secs(3));
        (switches() == before).then_some(before)
    });
    assert!(still > 0);
    server.stop();
}

/// A process that serves alone, as one that a web server has started.
fn alone<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let listener = UnixListener::bind(sandbox.path("s.sock")).unwrap();
    let mut command = sandbox.command(&[&["web:application"], words].concat());
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    sandbox.serve_silently(&mut command, sandbox.unix("s.sock"))
}

#[test]
fn alone_it_is_probed_as_well() {
    let sandbox = Sandbox::new();
    let server = alone(&sandbox, &["probe=/raise"]);
    let answer = ask(&server.address, &Request::get("/version"));
    assert_eq!(answer.status(), 500);
    assert!(answer.text().contains("cannot be imported"), "{}", answer.text());
    assert!(server.err().contains("the probe request `/raise` was answered with 500"), "{}", server.err());
}
