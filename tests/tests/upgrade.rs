//! USR2: a new server takes the place of the old one, with its sockets and its pidfile, and nobody notices.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fcgi_tests::{
    Address, Request, Sandbox, Traffic, ask, binary, in_background, processes, until, until_some,
};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

fn signal(pid: i32, signal: Signal) {
    kill(Pid::from_raw(pid), signal).unwrap();
}

/// Asks the server of the pidfile for an upgrade; gives the new one's pid when the old one is gone.
fn upgrade(sandbox: &Sandbox) -> i32 {
    let old = sandbox.pid();
    signal(old, Signal::SIGUSR2);
    let new = until_some("a new server", || Some(sandbox.pid()).filter(|pid| *pid != old));
    until("the old server has left", || !sandbox.processes().contains(&old));
    new
}

/// Stops the server of the pidfile, which has to leave nothing behind.
fn stop(sandbox: &Sandbox) {
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"), "{}", sandbox.read("e.log"));
}

fn version(address: &Address) -> String {
    ask(address, &Request::get("/version")).text()
}

/// Reads the pidfile again and again: each time it has to name a server that lives.
struct Reader {
    stop: Arc<AtomicBool>,
    thread: thread::JoinHandle<()>,
}

impl Reader {
    fn start(sandbox: &Sandbox) -> Self {
        let (stop, path) = (Arc::new(AtomicBool::new(false)), sandbox.path("x.pid"));
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                let text = fs::read_to_string(&path).unwrap();
                let pid: i32 = text.trim_end().parse().unwrap_or_else(|_| panic!("pidfile: {text:?}"));
                assert!(kill(Pid::from_raw(pid), None).is_ok(), "{pid} is gone");
            }
        });
        Self { stop, thread }
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
    }
}

#[test]
fn a_daemon_is_replaced_under_load() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        sandbox.daemon(&[method, "maxspare=2", "errlog=e.log", "probe=/version"]);
        let address = sandbox.unix("s.sock");
        let (traffic, reader) = (Traffic::start(&address), Reader::start(&sandbox));
        for new in ["two", "three", "four"] {
            traffic.wait();
            sandbox.new_version(new);
            upgrade(&sandbox);
            assert_eq!(version(&address), new, "{method}");
        }
        traffic.wait();
        traffic.stop();
        reader.stop();
        stop(&sandbox);
    }
}

#[test]
fn in_the_foreground_and_over_tcp_too() {
    let sandbox = Sandbox::new();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = Address::Tcp(([127, 0, 0, 1], port).into());
    let port = format!("port={port}");
    let words = ["host=127.0.0.1", &port, "daemonize=false", "pidfile=x.pid", "web:application"];
    let mut server = sandbox.serve_at(&mut sandbox.command(&words), address.clone());
    let traffic = Traffic::start(&address);
    sandbox.new_version("two");
    signal(sandbox.pid(), Signal::SIGUSR2);
    assert_eq!(server.wait(), Some(0), "{}", server.err());
    assert_eq!(version(&address), "two");
    traffic.wait();
    traffic.stop();
    stop(&sandbox);
}

#[test]
fn sockets_of_a_service_manager_go_on() {
    let sandbox = Sandbox::new();
    let listener = UnixListener::bind(sandbox.path("s.sock")).unwrap();
    let shell = ["-c", "exec \"$@\" 3<&0 </dev/null", "sh"];
    let words = ["fd=3", "daemonize=false", "pidfile=x.pid", "web:application"];
    let mut command = sandbox.marked("/bin/sh");
    command.args(shell).arg(binary()).args(words).stdin(Stdio::from(OwnedFd::from(listener)));
    let mut server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
    drop(command);
    sandbox.new_version("two");
    signal(sandbox.pid(), Signal::SIGUSR2);
    assert_eq!(server.wait(), Some(0), "{}", server.err());
    assert_eq!(version(&sandbox.unix("s.sock")), "two");
    signal(sandbox.pid(), Signal::SIGTERM);
    sandbox.wait_for_nobody();
    assert!(sandbox.has("s.sock"), "it was made by somebody else");
}

#[test]
fn a_running_request_ends_with_the_old_server_and_a_kept_connection_goes_on() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let old = sandbox.daemon(&[method, "maxspare=2", "errlog=e.log"]);
        let address = sandbox.unix("s.sock");
        let mut kept: Vec<_> = (0..10).map(|_| address.connect().unwrap()).collect();
        for client in &mut kept {
            assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
        }
        let held = in_background(&address, Request::get("/hold/a"));
        sandbox.wait_for_held("a", 1);
        sandbox.new_version("two");
        signal(old, Signal::SIGUSR2);
        until("a new server", || sandbox.pid() != old);
        until("new requests are served by it", || version(&address) == "two");
        // An old worker that has not heard of it yet may still answer.
        for client in &mut kept {
            until("it is in new hands", || client.ask(&Request::get("/version").kept()).text() == "two");
        }
        assert!(sandbox.processes().contains(&old), "{method}");
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held");
        until("the old server has left", || !sandbox.processes().contains(&old));
        stop(&sandbox);
    }
}

#[test]
fn what_cannot_serve_does_not_take_over() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let old = sandbox.daemon(&[method, "maxspare=2", "errlog=e.log", "probe=/version", "starttimeout=2"]);
        let address = sandbox.unix("s.sock");
        let good = sandbox.read("web.py");
        let traffic = Traffic::start(&address);
        let cases = [
            ("raise RuntimeError('half an edit')\n".to_owned(), "half an edit"),
            (good.replace("        body = VERSION", "        body = 1 / 0"), "ZeroDivisionError"),
            (
                "import time\ntime.sleep(3600)\n".to_owned(),
                "has not imported the application within 2 seconds",
            ),
            (KILLING.to_owned(), "signal SIGKILL"),
        ];
        for (number, (code, reason)) in cases.iter().enumerate() {
            sandbox.write("web.py", code);
            signal(old, Signal::SIGUSR2);
            let given_up = || sandbox.read("e.log").matches("the upgrade was given up").count() > number;
            until("the upgrade is given up", given_up);
            assert!(sandbox.read("e.log").contains(reason), "{reason}: {}", sandbox.read("e.log"));
            assert_eq!((sandbox.pid(), sandbox.has("s.sock")), (old, true));
            traffic.wait();
        }
        sandbox.new_version("two");
        upgrade(&sandbox);
        assert_eq!(version(&address), "two");
        traffic.stop();
        stop(&sandbox);
    }
}

/// Code that ends the master, but for the one that serves: that may want another worker at any time.
const KILLING: &str = "\
import os, signal, time
# The process between the master and its worker is no master.
first = os.getppid()
for _ in range(50):
    if os.getppid() != first:
        break
    time.sleep(0.01)
with open(os.path.join(os.path.dirname(__file__), 'x.pid')) as pidfile:
    if int(pidfile.read()) != os.getppid():
        os.kill(os.getppid(), signal.SIGKILL)
raise RuntimeError('not to be served')
";

#[test]
fn the_program_is_the_one_that_is_there_now() {
    let sandbox = Sandbox::new();
    symlink(binary(), sandbox.path("run")).unwrap();
    let words = ["socket=s.sock", "pidfile=x.pid", "errlog=e.log", "maxspare=1", "web:application"];
    let started = sandbox.finish(sandbox.marked(sandbox.path("run")).args(words));
    assert_eq!(started.status, Some(0), "{}", started.err);
    let old = sandbox.pid();
    // Nothing there, and then something that is no server.
    fs::remove_file(sandbox.path("run")).unwrap();
    for (number, program) in [None, Some("/bin/false")].into_iter().enumerate() {
        if let Some(program) = program {
            symlink(program, sandbox.path("run")).unwrap();
        }
        signal(old, Signal::SIGUSR2);
        until("the upgrade is given up", || {
            sandbox.read("e.log").matches("the upgrade was given up").count() > number
        });
    }
    let log = sandbox.read("e.log");
    assert!(log.contains("No such file") && log.contains("exit status 1"), "{log}");
    fs::remove_file(sandbox.path("run")).unwrap();
    sandbox.write(
        "run",
        &format!("#!/bin/sh\ntouch {}\nexec {} \"$@\"\n", sandbox.path("new").display(), binary().display()),
    );
    fs::set_permissions(sandbox.path("run"), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    upgrade(&sandbox);
    assert!(sandbox.has("new"));
    assert_eq!(version(&sandbox.unix("s.sock")), "one");
    stop(&sandbox);
}

#[test]
fn the_new_server_hands_nothing_on_to_workers() {
    let sandbox = Sandbox::new();
    sandbox.daemon(&["maxspare=1", "errlog=e.log"]);
    let address = sandbox.unix("s.sock");
    let worker = || ask(&address, &Request::get("/pid")).text();
    let descriptors = |pid: &str| {
        let mut all: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
            .unwrap()
            .filter_map(|entry| fs::read_link(entry.unwrap().path()).ok())
            .map(|link| link.display().to_string().split(':').next().unwrap_or_default().to_owned())
            .collect();
        all.sort();
        all
    };
    let before = descriptors(&worker());
    for _ in 0..3 {
        let master = upgrade(&sandbox);
        assert_eq!(ask(&address, &Request::get("/process-environ/FCGI_RUN_UPGRADE")).text(), "None");
        let environment =
            fs::read(format!("/proc/{master}/cwd/../proc/{master}/environ")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&environment).contains("LISTEN_PID"));
    }
    until("none is left over from one server to the next", || descriptors(&worker()) == before);
    stop(&sandbox);
}

#[test]
fn a_stop_in_the_middle_stops_both() {
    let sandbox = Sandbox::new();
    let old = sandbox.daemon(&["maxspare=1", "errlog=e.log"]);
    sandbox.write("web.py", "import time\ntime.sleep(3600)\n");
    signal(old, Signal::SIGUSR2);
    until("the new server imports", || {
        processes::children(old).iter().any(|pid| !processes::children(*pid).is_empty())
    });
    stop(&sandbox);
}
