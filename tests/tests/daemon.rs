//! The background: what the launcher tells the shell, and what it leaves behind.

use std::fs;
use std::os::unix::net::UnixListener;

use fcgi_tests::{Finished, Request, Sandbox, ask, processes, try_ask, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

fn send(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Ends the server of `x.pid`, which has to leave nothing.
fn stop(sandbox: &Sandbox) {
    send(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("x.pid") && !sandbox.has("s.sock"));
}

/// A start in the background that fails; nothing may be left of it.
fn fails(sandbox: &Sandbox, status: i32, words: &[&str]) -> String {
    let Finished { status: found, err, out } = sandbox.run(words);
    assert_eq!((found, &out[..]), (Some(status), ""), "{words:?}: {err}");
    sandbox.wait_for_nobody();
    err
}

#[test]
fn the_launcher_returns_when_the_server_serves() {
    let sandbox = Sandbox::new();
    // An import that takes its time.
    sandbox.write("slow.py", "import time\ntime.sleep(0.3)\nfrom web import application\n");
    let launcher = sandbox.run(&["socket=s.sock", "pidfile=x.pid", "errlog=e.log", "slow:application"]);
    assert_eq!((launcher.status, &launcher.out[..], &launcher.err[..]), (Some(0), "", ""));
    // Serving is what the log says already, not what it will say soon.
    assert!(sandbox.read("e.log").contains(" serving "), "{}", sandbox.read("e.log"));
    assert_eq!(ask(&sandbox.unix("s.sock"), &Request::get("/version")).text(), "one");
    stop(&sandbox);
}

#[test]
fn the_pidfile_holds_the_master_which_is_nobodys_child() {
    let sandbox = Sandbox::new();
    let pid = sandbox.daemon(&["maxspare=2", "minspare=0"]);
    let master = processes::look(pid).unwrap();
    let shell = std::process::id().cast_signed();
    assert_ne!(master.parent, shell);
    assert_ne!(master.session, processes::look(shell).unwrap().session);
    // Not the leader of its session: it can never get a terminal again.
    assert_ne!(master.session, pid);
    let worker = ask(&sandbox.unix("s.sock"), &Request::get("/pid")).text().parse().unwrap();
    assert_eq!(processes::look(worker).unwrap().parent, pid);
    stop(&sandbox);
}

#[test]
fn an_import_error_is_seen_on_the_terminal_and_nothing_is_left() {
    let sandbox = Sandbox::new();
    sandbox.write("broken.py", "def f():\n    raise RuntimeError('no luck today')\nf()\n");
    sandbox.write("needy.py", "import no_such_package\n");
    let cases: [(&str, &[&str]); 4] = [
        ("broken:application", &["Traceback", "broken.py\", line 2, in f", "RuntimeError: no luck today"]),
        ("needy:application", &["no_such_package", "hint: "]),
        ("missing:application", &["missing", "hint: "]),
        ("web:applicatoin", &["applicatoin", "hint: "]),
    ];
    for preload in ["preload=false", "preload=true"] {
        for (app, texts) in cases {
            let err = fails(&sandbox, 3, &["socket=s.sock", "pidfile=x.pid", preload, app]);
            for text in texts {
                assert!(err.contains(text), "{preload} {app}: {err}");
            }
            assert_eq!(err.matches("cannot be imported").count(), 1, "told twice: {err}");
            assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"), "{preload} {app}");
        }
    }
    let foreground =
        fails(&sandbox, 3, &["socket=s.sock", "pidfile=x.pid", "daemonize=false", "broken:application"]);
    assert!(foreground.contains("RuntimeError: no luck today"), "{foreground}");
    assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"));
}

#[test]
fn an_application_that_ends_its_process_at_import_is_not_started_again() {
    let sandbox = Sandbox::new();
    sandbox.write("dies.py", "import os\nopen('starts', 'a').write('x')\nos._exit(9)\n");
    for daemonize in ["daemonize=true", "daemonize=false"] {
        let workdir = format!("workdir={}", sandbox.folder().display());
        let err =
            fails(&sandbox, 1, &["socket=s.sock", "pidfile=x.pid", daemonize, &workdir, "dies:application"]);
        assert!(err.contains("exit status 9"), "{err}");
        assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"));
    }
    assert_eq!(sandbox.read("starts"), "xx");
}

#[test]
fn an_address_in_use_is_seen_on_the_terminal() {
    let sandbox = Sandbox::new();
    let _other = UnixListener::bind(sandbox.path("s.sock")).unwrap();
    let err = fails(&sandbox, 4, &["socket=s.sock", "pidfile=x.pid", "web:application"]);
    assert!(err.contains("s.sock"), "{err}");
    assert!(!sandbox.has("x.pid") && sandbox.has("s.sock"));
}

#[test]
fn the_pidfile_of_a_live_server_is_an_obstacle() {
    let sandbox = Sandbox::new();
    let pid = sandbox.daemon(&["maxspare=1"]);
    let second = sandbox.run(&["socket=t.sock", "pidfile=x.pid", "web:application"]);
    assert_eq!(second.status, Some(4), "{second:?}");
    assert!(second.err.contains(&format!("pid {pid}")), "{}", second.err);
    assert_eq!(sandbox.pid(), pid);
    assert!(!sandbox.has("t.sock"));
    assert_eq!(ask(&sandbox.unix("s.sock"), &Request::get("/version")).text(), "one");
    stop(&sandbox);
}

#[test]
fn a_pidfile_that_was_left_is_none_even_with_a_living_pid_in_it() {
    for left in [std::process::id().to_string(), "1".to_owned(), "999999999".to_owned()] {
        let sandbox = Sandbox::new();
        sandbox.write("x.pid", &format!("{left}\n"));
        let pid = sandbox.daemon(&["maxspare=1"]);
        assert_ne!(pid.to_string(), left);
        stop(&sandbox);
    }
}

#[test]
fn a_pidfile_that_cannot_be_written_ends_the_start() {
    let sandbox = Sandbox::new();
    let err = fails(&sandbox, 4, &["socket=s.sock", "pidfile=missing/x.pid", "web:application"]);
    assert!(err.contains("missing/x.pid"), "{err}");
    assert!(!sandbox.has("s.sock"));
}

#[test]
fn a_killed_server_can_be_started_again_over_what_it_has_left() {
    let sandbox = Sandbox::new();
    let pid = sandbox.daemon(&["maxspare=2"]);
    send(pid, Signal::SIGKILL);
    sandbox.wait_for_nobody();
    assert!(sandbox.has("x.pid") && sandbox.has("s.sock"));
    assert_ne!(sandbox.daemon(&["maxspare=2"]), pid);
    stop(&sandbox);
}

#[test]
fn logs_are_appended_to() {
    let sandbox = Sandbox::new();
    sandbox.write("o.log", "old out\n");
    sandbox.write("e.log", "old err\n");
    let logs = ["outlog=o.log", "errlog=e.log", "maxspare=1"];
    for time in 1..=2 {
        sandbox.daemon(&logs);
        ask(&sandbox.unix("s.sock"), &Request::get("/print"));
        stop(&sandbox);
        assert_eq!(sandbox.read("o.log").matches("printed by the application").count(), time);
        assert_eq!(sandbox.read("e.log").matches("complained by the application").count(), time);
    }
    let server = sandbox.serve_and_ask(&logs);
    server.get("/print");
    assert_eq!((server.out(), server.stop()), (String::new(), String::new()));
    assert_eq!(sandbox.read("o.log").matches("printed by the application").count(), 3);
    assert!(sandbox.read("o.log").starts_with("old out\n") && sandbox.read("e.log").starts_with("old err\n"));
}

#[test]
fn a_missing_errlog_is_warned_of() {
    let sandbox = Sandbox::new();
    let words = ["socket=s.sock", "pidfile=x.pid", "web:application"];
    let without = sandbox.run(&words);
    assert_eq!(without.status, Some(0));
    assert!(without.err.contains("warning[FR329]: ") && without.err.contains("errlog="), "{without:?}");
    stop(&sandbox);
    let with = sandbox.run(&[&words[..], &["errlog=e.log"]].concat());
    assert_eq!((with.status, &with.err[..]), (Some(0), ""));
    stop(&sandbox);
}

#[test]
fn a_log_that_cannot_be_opened_ends_the_start() {
    let sandbox = Sandbox::new();
    for word in ["errlog=missing/e.log", "outlog=missing/o.log", "accesslog=missing/a.log"] {
        for daemonize in ["daemonize=true", "daemonize=false"] {
            let err =
                fails(&sandbox, 4, &["socket=s.sock", "pidfile=x.pid", word, daemonize, "web:application"]);
            assert!(err.contains("missing/"), "{err}");
            assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"));
        }
    }
}

#[test]
fn workdir_is_the_root_unless_said_and_paths_are_taken_from_the_start() {
    let sandbox = Sandbox::new();
    let address = sandbox.unix("s.sock");
    let logs = ["errlog=e.log", "outlog=o.log", "accesslog=a.log", "maxspare=1"];
    sandbox.daemon(&logs);
    assert_eq!(ask(&address, &Request::get("/cwd")).text(), "/");
    ask(&address, &Request::get("/print"));
    until("logs", || sandbox.has("e.log") && sandbox.read("o.log").contains("printed"));
    until("access log", || sandbox.read("a.log").contains("GET /print"));
    stop(&sandbox);
    let folder = fs::canonicalize(sandbox.folder()).unwrap();
    sandbox.write("work/here", "");
    sandbox.daemon(&[&logs[..], &["workdir=work"]].concat());
    assert_eq!(ask(&address, &Request::get("/cwd")).text(), folder.join("work").to_str().unwrap());
    stop(&sandbox);
    let server = sandbox.serve(&["maxspare=1"]);
    assert_eq!(server.get("/cwd").text(), folder.to_str().unwrap());
    server.stop();
    let server = sandbox.serve(&["maxspare=1", "workdir=work"]);
    assert_eq!(server.get("/cwd").text(), folder.join("work").to_str().unwrap());
    server.stop();
}

#[test]
fn a_workdir_that_cannot_be_entered_ends_the_start() {
    let sandbox = Sandbox::new();
    for daemonize in ["daemonize=true", "daemonize=false"] {
        for folder in ["nowhere", "web.py"] {
            let workdir = format!("workdir={folder}");
            let words = ["socket=s.sock", "pidfile=x.pid", &workdir, daemonize, "web:application"];
            let err = fails(&sandbox, 2, &words);
            assert!(err.starts_with("error[FR") && err.contains(folder) && err.contains("\nhint: "), "{err}");
            assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"), "{words:?}");
        }
    }
}

/// What the documentation of `runfcgi` gives as the way to restart, with no pause anywhere.
#[test]
fn kill_remove_and_start_again_works_each_time() {
    let sandbox = Sandbox::new();
    let address = sandbox.unix("s.sock");
    let script = "if [ -f x.pid ]; then kill `cat -- x.pid`; rm -f -- x.pid; fi; exec \"$@\" socket=s.sock pidfile=x.pid maxspare=2 web:application";
    let mut old = None;
    for _ in 0..10 {
        let mut command = sandbox.marked("sh");
        command.args(["-c", script, "sh"]).arg(fcgi_tests::binary());
        let restarted = sandbox.finish(&mut command);
        assert_eq!(restarted.status, Some(0), "{restarted:?}");
        let new = sandbox.pid();
        let worker = ask(&address, &Request::get("/pid")).text().parse().unwrap();
        assert_eq!(processes::look(worker).unwrap().parent, new);
        if let Some(old) = old.replace(new) {
            until("the old server has ended", || processes::look(old).is_none());
            // It has not taken anything of the new one with it.
            assert_eq!(sandbox.pid(), new);
            assert!(try_ask(&address, &Request::get("/version")).is_ok());
        }
    }
    stop(&sandbox);
}
