//! The server as the first process of a container: it hears of the end of everybody who has lost a parent, and ends by its
//! own will alone.

use std::fs;

use fcgi_tests::{Request, Sandbox, Server, in_background, processes, until, until_some};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

const METHODS: [&[&str]; 3] = [
    &["method=prefork", "maxspare=2", "maxchildren=2"],
    &["method=prefork", "maxspare=2", "maxchildren=2", "preload=true"],
    &["method=threaded"],
];

/// What is added to the application: `/orphan/NAME` starts a process that outlives its parent and waits for the file `NAME`.
const ORPHANS: &str = r#"
import subprocess
answer = application

def application(environ, start_response):
    word, _, name = environ["PATH_INFO"].strip("/").partition("/")
    if word != "orphan":
        return answer(environ, start_response)
    wait = f"until [ -e {HERE}/{name} ]; do sleep 0.02; done; exit 7"
    subprocess.run(["sh", "-c", f"({wait}) >/dev/null 2>&1 &"], check=True)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"left alone"]
"#;

/// A server that is process 1 of its own namespace, and as which process it is seen from outside.
struct Container<'s> {
    server: Server<'s>,
    first: i32,
}

impl<'s> Container<'s> {
    fn start(sandbox: &'s Sandbox, words: &[&str]) -> Self {
        sandbox.write("web.py", &format!("{}{ORPHANS}", sandbox.read("web.py")));
        let mut command = sandbox.marked("unshare");
        if !geteuid().is_root() {
            command.arg("--map-root-user");
        }
        command.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(fcgi_tests::binary());
        command.args(["socket=s.sock", "daemonize=false", "web:application"]).args(words);
        let server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
        let [first] = processes::children(server.pid())[..] else { panic!("not one child") };
        assert_eq!(number_inside(first), 1);
        Self { server, first }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.first), signal).unwrap();
    }

    /// Children that serve, and the others.
    fn children(&self) -> (Vec<i32>, Vec<i32>) {
        let mut children = processes::children(self.first);
        children.retain(|pid| !processes::is_nursery(*pid) && !processes::is_status(*pid));
        children.into_iter().partition(|pid| name(*pid) != "sh")
    }

    /// Leaves a process without its parent; gives its pid.
    fn leave_alone(&self, file: &str) -> i32 {
        let (_, before) = self.children();
        assert_eq!(self.server.get(&format!("/orphan/{file}")).text(), "left alone");
        until_some("the orphan has a new parent", || {
            self.children().1.into_iter().find(|pid| !before.contains(pid))
        })
    }

    /// Stops it, as the end of a container does.
    fn stop(self, sandbox: &Sandbox) {
        self.signal(Signal::SIGTERM);
        self.ends(sandbox);
    }

    /// Waits for the end, which has to be a good one that leaves nobody and nothing behind.
    fn ends(mut self, sandbox: &Sandbox) {
        assert_eq!(self.server.wait(), Some(0), "{}", self.server.err());
        sandbox.wait_for_nobody();
        assert!(!sandbox.has("s.sock"), "{}", self.server.err());
    }
}

fn name(pid: i32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

/// The pid that a process knows itself by.
fn number_inside(pid: i32) -> i32 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let numbers = text.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    numbers.split_whitespace().next_back().unwrap().parse().unwrap()
}

/// Whether nothing is left of a process, not even its exit status.
fn is_reaped(pid: i32) -> bool {
    fs::symlink_metadata(format!("/proc/{pid}")).is_err()
}

#[test]
fn an_orphan_is_reaped_and_is_no_worker() {
    for words in METHODS {
        let sandbox = Sandbox::new();
        let container = Container::start(&sandbox, words);
        let full = if words.len() > 1 { 2 } else { 1 };
        until("all workers", || container.children().0.len() == full);
        let (workers, _) = container.children();
        let said = container.server.err();
        let (ends, killed) = (container.leave_alone("a"), container.leave_alone("b"));
        sandbox.write("a", "");
        until("the orphan that has ended is reaped", || is_reaped(ends));
        kill(Pid::from_raw(killed), Signal::SIGKILL).unwrap();
        until("the orphan that was killed is reaped", || is_reaped(killed));
        assert_eq!(container.server.get("/version").text(), "one");
        // What the killed one had started is an orphan as well, for a moment.
        until("the workers alone are left", || container.children() == (workers.clone(), Vec::new()));
        assert_eq!(container.server.err(), said, "nothing was said of processes that are none of ours");
        container.stop(&sandbox);
    }
}

#[test]
fn it_stops_when_its_requests_are_done_whoever_else_still_runs() {
    for words in METHODS {
        let sandbox = Sandbox::new();
        let container = Container::start(&sandbox, words);
        container.leave_alone("never");
        let held = in_background(&container.server.address, Request::get("/hold/a"));
        sandbox.wait_for_held("a", 1);
        container.signal(Signal::SIGTERM);
        until("it does not listen any more", || !sandbox.has("s.sock"));
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held", "{words:?}");
        container.ends(&sandbox);
    }
}

#[test]
fn it_takes_new_code_but_leaves_its_place_to_nobody() {
    for words in METHODS {
        let sandbox = Sandbox::new();
        let container = Container::start(&sandbox, words);
        let orphan = container.leave_alone("a");
        container.signal(Signal::SIGUSR2);
        container.server.wait_for_err("a container ends with its first process");
        sandbox.new_version("two");
        container.signal(Signal::SIGHUP);
        until("new code", || container.server.get("/version").text() == "two");
        sandbox.write("a", "");
        until("the orphan is reaped after a reload as well", || is_reaped(orphan));
        container.stop(&sandbox);
    }
}
