//! A worker that was taken over: what it writes to the master is refused, and it alone is lost.

use std::process::{Child, Command};

use fcgi_tests::{Request, Sandbox, Server, processes, try_ask, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// An application that speaks to the master behind the back of its worker.
const TAKEN: &str = r#"
import os, socket, struct

def lines():
    """The sockets on which the master is spoken to."""
    found = []
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("socket:"):
                line = socket.socket(fileno=os.dup(int(name)))
                if line.type & 0xf == socket.SOCK_SEQPACKET:
                    found.append(line)
        except OSError:
            pass
    return found

def say(what):
    for line in lines():
        if what == "flood":
            for _ in range(100000):
                line.send(b"L", socket.MSG_NOSIGNAL)
        elif what == "descriptor":
            socket.send_fds(line, [b"L"], [0])
        elif what == "long":
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            line.send(b"I" * 70000, socket.MSG_NOSIGNAL)
        elif what == "ready":
            line.send(b"R", socket.MSG_NOSIGNAL)
        else:
            line.send(b"\xff\x00garbage", socket.MSG_NOSIGNAL)

def application(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    if word == "say":
        try:
            say(rest)
        except OSError:
            pass
        import time
        time.sleep(60)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"#;

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    sandbox.write("taken.py", TAKEN);
    let all = [&["socket=s.sock", "daemonize=false", "taken:application"], words].concat();
    sandbox.serve_at(&mut sandbox.command(&all), sandbox.unix("s.sock"))
}

#[test]
fn a_worker_that_says_what_no_worker_says_is_killed_and_replaced() {
    for (what, cause) in [
        ("garbage", "says what no worker says"),
        ("descriptor", "says what no worker says"),
        ("long", "says what no worker says"),
        ("ready", "is ready twice"),
        ("flood", "talks too much"),
    ] {
        let sandbox = Sandbox::new();
        let server = serve(&sandbox, &["maxspare=2"]);
        let before = server.wait_for_workers(2);
        let lost = server.address.clone();
        let request = Request::get(&format!("/say/{what}"));
        let lost = std::thread::spawn(move || try_ask(&lost, &request).is_err());
        server.wait_for_err(cause);
        assert!(lost.join().unwrap(), "{what}");
        // The other one has gone on, and there are two again.
        until("there are two again", || {
            let now = server.workers();
            now.len() == 2 && now != before
        });
        assert!(before.iter().any(|pid| server.workers().contains(pid)), "{what}");
        assert!(server.get("/").text().parse::<i32>().is_ok());
        let err = server.stop();
        assert!(!err.contains("died unexpectedly"), "the server has killed it: {err}");
    }
}

/// A process that is none of the server's.
struct Bystander(Child);

impl Bystander {
    fn new() -> Self {
        Self(Command::new("sleep").arg("600").spawn().unwrap())
    }

    fn pid(&self) -> i32 {
        i32::try_from(self.0.id()).unwrap()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Run while the application is imported for all workers, in the process of which they are forked.
fn born(worker: u32, pid: i32) -> String {
    format!("{TAKEN}\nfor line in lines():\n    line.send(struct.pack('=cIi', b'B', {worker}, {pid}))\n")
}

#[test]
fn the_master_kills_nobody_whom_it_is_told_to_be_a_worker() {
    let sandbox = Sandbox::new();
    let bystander = Bystander::new();
    sandbox.write("taken.py", &born(0, bystander.pid()));
    let words = ["socket=s.sock", "daemonize=false", "taken:application", "preload", "stoptimeout=0.2"];
    let mut server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    assert!(server.get("/").text().parse::<i32>().is_ok());
    // The first worker is waited for in vain, and what is said to be it is to be killed.
    server.signal(Signal::SIGTERM);
    assert_eq!(server.wait(), Some(0), "{}", server.err());
    assert!(processes::look(bystander.pid()).is_some(), "{}", server.err());
}

#[test]
fn names_of_workers_that_cannot_be_are_refused() {
    let bystander = Bystander::new();
    for (worker, pid, cause) in [
        (0, -1, "names a process that it has not forked"),
        (0, 0, "names a process that it has not forked"),
        (0, 1, "names a process that it has not forked"),
        (77, bystander.pid(), "names a worker that was not ordered"),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("taken.py", &born(worker, pid));
        let words = ["socket=s.sock", "daemonize=false", "taken:application", "preload", "stoptimeout=0.2"];
        let started = sandbox.spawn(&mut sandbox.command(&words));
        until(cause, || started.err_text().contains(cause));
        // A worker that it had forked before may serve by now.
        let _ = kill(Pid::from_raw(i32::try_from(started.child.id()).unwrap()), Signal::SIGTERM);
        sandbox.wait_for_nobody();
        assert!(processes::look(bystander.pid()).is_some());
    }
}
