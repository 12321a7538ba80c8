//! What workers share from their start, and what they must not share: the interpreter is started once for all of them, by a
//! process that is gone soon or stays with `preload`, and neither a reload nor its death is to show that.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use fcgi_tests::{Sandbox, Server, processes, until, until_some};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A sandbox with a virtual environment in which `.pth` files can be placed; gives their folder, as the sandbox names it.
fn sandbox_with_packages() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    let made =
        Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(sandbox.path(".venv")).output();
    assert!(made.as_ref().unwrap().status.success(), "{made:?}");
    let mut versions = std::fs::read_dir(sandbox.path(".venv/lib")).unwrap();
    let packages: PathBuf = versions.next().unwrap().unwrap().path().join("site-packages");
    let packages = packages.strip_prefix(sandbox.folder()).unwrap().to_str().unwrap().to_owned();
    (sandbox, packages)
}

fn reload(server: &Server<'_>) {
    let before = server.err().matches(" reloaded").count();
    server.signal(Signal::SIGHUP);
    until("the server has reloaded", || server.err().matches(" reloaded").count() > before);
}

/// Each process that has written its number into the file, once.
fn writers(sandbox: &Sandbox, file: &str) -> Vec<i32> {
    let mut pids: Vec<i32> = sandbox.read(file).lines().map(|line| line.parse().unwrap()).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Written by the interpreter at its start, before there is an application.
const NOTE_START: &str =
    "import os; file = open('starts', 'a'); file.write(f'{os.getpid()}\\n'); file.close()\n";

#[test]
fn one_interpreter_is_started_for_all_workers_of_a_generation() {
    let (sandbox, packages) = sandbox_with_packages();
    sandbox.write(&format!("{packages}/note.pth"), NOTE_START);
    let server = sandbox.serve(&["maxspare=3", "minspare=0"]);
    let workers = server.wait_for_workers(3);
    let starters = writers(&sandbox, "starts");
    assert_eq!(starters.len(), 1);
    assert!(!workers.contains(&starters[0]) && starters[0] != server.pid());
    until("it has left", || server.nursery().is_none());
    reload(&server);
    until("all are new", || {
        let now = server.workers();
        now.len() == 3 && now.iter().all(|pid| !workers.contains(pid))
    });
    assert_eq!(writers(&sandbox, "starts").len(), 2);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn what_was_installed_or_changed_is_seen_after_a_reload() {
    for word in ["preload=false", "preload=true"] {
        let (sandbox, packages) = sandbox_with_packages();
        sandbox.write(&format!("{packages}/helper.py"), "NAME = 'first'\n");
        sandbox.write(&format!("{packages}/helper.pth"), "import helper\n");
        sandbox.write("asking.py", ASKING);
        let words = ["socket=s.sock", "daemonize=false", "maxspare=2", word, "asking:application"];
        let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
        assert_eq!(server.get("/").text(), "first nothing");
        // One that the interpreter has imported by itself, and one that is found by a new `.pth` file, as editable installs do.
        sandbox.write(&format!("{packages}/helper.py"), "NAME = 'the second'\n");
        sandbox.write("elsewhere/added.py", "NAME = 'added'\n");
        let path = sandbox.path("elsewhere");
        sandbox.write(&format!("{packages}/added.pth"), &format!("{}\n", path.display()));
        let old = server.wait_for_workers(2);
        reload(&server);
        until("the old ones have left", || server.workers().iter().all(|pid| !old.contains(pid)));
        assert_eq!(server.get("/").text(), "the second added", "{word}");
        server.stop();
    }
}

const ASKING: &str = "
import helper
try:
    from added import NAME
except ImportError:
    NAME = 'nothing'
def application(environ, start_response):
    start_response('200 OK', [])
    return [f'{helper.NAME} {NAME}'.encode()]
";

#[test]
fn an_interpreter_that_starts_with_threads_or_files_is_not_shared() {
    for start in ["import starter; starter.run_thread()\n", "import starter; starter.open_file()\n"] {
        let (sandbox, packages) = sandbox_with_packages();
        sandbox.write(&format!("{packages}/starter.py"), STARTER);
        sandbox.write(&format!("{packages}/starter.pth"), start);
        sandbox.write("started.py", "import starter\nfrom web import application\nstarter.note()\n");
        let words = ["socket=s.sock", "daemonize=false", "maxspare=3", "minspare=0", "started:application"];
        let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
        let workers = server.wait_for_workers(3);
        server.wait_for_capacity(3);
        let own = writers(&sandbox, "own");
        assert!(workers.iter().all(|pid| own.contains(pid)), "{start}: {own:?} {workers:?}");
        server.stop();
    }
}

/// Notes the process whose own thread or file it has.
const STARTER: &str = "
import os, threading
owner, thread, file = os.getpid(), None, None
def run_thread():
    global thread
    thread = threading.Thread(target=threading.Event().wait, daemon=True)
    thread.start()
def open_file():
    global file
    file = open('/dev/null')
def note():
    if owner == os.getpid() and (file or thread.is_alive()):
        with open('own', 'a') as own:
            own.write(f'{owner}\\n')
";

#[test]
fn an_application_may_start_threads_when_it_is_imported() {
    let sandbox = Sandbox::new();
    sandbox.write("busy.py", BUSY);
    let words = ["socket=s.sock", "daemonize=false", "maxspare=3", "minspare=0", "busy:application"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    server.wait_for_workers(3);
    for _ in 0..10 {
        assert_eq!(server.get("/").text(), "alive");
    }
    server.stop();
}

const BUSY: &str = "
import threading
thread = threading.Thread(target=threading.Event().wait, daemon=True)
thread.start()
def application(environ, start_response):
    start_response('200 OK', [])
    return [b'alive' if thread.is_alive() else b'dead']
";

#[test]
fn preload_imports_anew_at_a_reload_and_keeps_the_old_code_when_it_cannot() {
    let sandbox = Sandbox::new();
    sandbox.write("counted.py", "VERSION = 'one'\n");
    sandbox.write("app.py", PRELOADED);
    let words =
        ["socket=s.sock", "daemonize=false", "preload", "maxspare=3", "minspare=0", "app:application"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    let old = server.wait_for_workers(3);
    sandbox.write("counted.py", "VERSION = 'number two'\n");
    reload(&server);
    until("the old ones have left", || server.workers().iter().all(|pid| !old.contains(pid)));
    let new = server.wait_for_workers(3);
    assert_eq!(server.get("/").text(), "number two");
    assert_eq!(sandbox.read("imports"), "xx");
    sandbox.write("counted.py", "raise RuntimeError('no such luck')\n");
    server.signal(Signal::SIGHUP);
    server.wait_for_err("the reload was given up");
    assert!(server.err().contains("no such luck"));
    assert_eq!(server.get("/").text(), "number two");
    assert!(new.iter().all(|pid| server.workers().contains(pid)));
    server.stop();
}

const PRELOADED: &str = "
from counted import VERSION
open('imports', 'a').write('x')
def application(environ, start_response):
    start_response('200 OK', [])
    return [VERSION.encode()]
";

#[test]
fn the_death_of_a_nursery_costs_nobody_anything() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["preload", "maxspare=3", "minspare=0"]);
    let workers = server.wait_for_workers(3);
    let nursery = until_some("the nursery", || server.nursery());
    kill(Pid::from_raw(nursery), Signal::SIGKILL).unwrap();
    server.wait_for_err("SIGKILL");
    assert_eq!(server.get("/version").text(), "one");
    assert_eq!(server.workers(), workers);
    kill(Pid::from_raw(workers[0]), Signal::SIGKILL).unwrap();
    until("the worker is replaced", || {
        let now = server.workers();
        now.len() == 3 && !now.contains(&workers[0])
    });
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn signals_to_the_whole_group_do_not_end_a_nursery() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["preload", "maxspare=2", "minspare=0"]);
    server.wait_for_workers(2);
    let nursery = until_some("the nursery", || server.nursery());
    for signal in [Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1] {
        kill(Pid::from_raw(nursery), signal).unwrap();
    }
    until("they have come", || processes::pending_signals(nursery) == 0);
    server.signal(Signal::SIGTTIN);
    server.wait_for_workers(3);
    assert_eq!(server.nursery(), Some(nursery));
    server.stop();
}

#[test]
fn a_master_that_is_killed_leaves_no_nursery_behind() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["preload", "maxspare=2", "minspare=0"]);
    server.wait_for_workers(2);
    until_some("the nursery", || server.nursery());
    kill(Pid::from_raw(server.pid()), Signal::SIGKILL).unwrap();
    until("nobody is left", || sandbox.processes().iter().all(|pid| *pid == server.pid()));
}

#[test]
fn a_stop_while_the_application_is_imported_for_all_does_not_wait_for_it() {
    let sandbox = Sandbox::new();
    sandbox.write("slow.py", "open('begun', 'w')\nimport time\ntime.sleep(600)\n");
    let words = ["socket=s.sock", "daemonize=false", "preload", "stoptimeout=300", "slow:application"];
    let mut started = sandbox.spawn(&mut sandbox.command(&words));
    until("it is being imported", || sandbox.has("begun"));
    kill(Pid::from_raw(started.child.id().cast_signed()), Signal::SIGTERM).unwrap();
    started.child.wait().unwrap();
    until("nobody is left", || sandbox.processes().is_empty());
    assert!(!sandbox.has("s.sock"));
}

/// Looks for what is there for a moment only, and may be missed.
fn glimpse<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_millis(200) {
        if let Some(found) = look() {
            return Some(found);
        }
    }
    None
}

/// It is told to stop at once when the first worker is being forked, again and again, since that takes but a moment.
#[test]
fn a_worker_that_is_not_yet_known_does_not_outlive_a_stop() {
    let sandbox = Sandbox::new();
    sandbox.write("slow.py", "import time\ntime.sleep(600)\n");
    for _ in 0..40 {
        let mut started =
            sandbox.spawn(&mut sandbox.command(&["socket=s.sock", "daemonize=false", "slow:application"]));
        let master = started.child.id().cast_signed();
        let children = |pid: i32| {
            let list =
                std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
            list.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
        };
        let nursery = glimpse(|| children(master).into_iter().find(|pid| processes::is_nursery(*pid)));
        nursery.and_then(|nursery| glimpse(|| children(nursery).pop()));
        kill(Pid::from_raw(master), Signal::SIGQUIT).unwrap();
        started.child.wait().unwrap();
        sandbox.wait_for_nobody();
    }
}
