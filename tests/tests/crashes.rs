//! Processes that are killed or end by themselves, and what the others do about it.

use fcgi_tests::{Request, Sandbox, in_background, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

fn murder(pid: i32) {
    kill(Pid::from_raw(pid), Signal::SIGKILL).unwrap();
}

#[test]
fn idle_workers_leave_when_the_master_is_killed() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method]);
        let mut kept = server.connect();
        assert_eq!(kept.ask(&Request::get("/version").kept()).text(), "one");
        murder(server.pid());
        assert_eq!(server.wait(), None);
        sandbox.wait_for_nobody();
        assert!(kept.is_closed_by_peer(), "{method}");
    }
}

#[test]
fn busy_workers_finish_their_requests_when_the_master_is_killed() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method, "maxspare=2", "minspare=0"]);
        let held = in_background(&server.address, Request::get("/hold/a"));
        let busy = sandbox.wait_for_held("a", 1);
        murder(server.pid());
        assert_eq!(server.wait(), None);
        until("the idle ones have left", || sandbox.processes() == busy);
        sandbox.release("a");
        let answer = held.join().unwrap();
        assert!(answer.is_whole() && answer.text() == "held", "{method}");
        sandbox.wait_for_nobody();
    }
}

#[test]
fn a_killed_worker_is_noticed_and_replaced() {
    for (method, count) in [("method=prefork", 3), ("method=threaded", 1)] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=3", "minspare=0"]);
        let workers = server.wait_for_workers(count);
        murder(workers[0]);
        server.wait_for_err("SIGKILL");
        until("it is replaced", || {
            let now = server.workers();
            now.len() == count && !now.contains(&workers[0])
        });
        assert_eq!(server.get("/version").text(), "one", "{method}");
        assert!(server.stop().contains(&format!("pid={}", workers[0])));
    }
}

#[test]
fn a_request_that_ends_its_process_costs_that_worker_alone() {
    for (method, count) in [("method=prefork", 2), ("method=threaded", 1)] {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "maxspare=2", "minspare=0"]);
        let workers = server.wait_for_workers(count);
        let mut client = server.connect();
        client.send(&Request::get("/exit").bytes());
        let answer = client.rest(1);
        // Nothing that looks like an answer, or like its end.
        assert_eq!((answer.end, answer.stdout_closed), (None, false), "{method}");
        server.wait_for_err("exit status 7");
        until("it is replaced", || server.workers().len() == count && server.workers() != workers);
        assert_eq!(server.get("/version").text(), "one");
        server.stop();
    }
}

#[test]
fn the_sibling_of_a_dead_worker_goes_on_with_its_request() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0"]);
    let held = in_background(&server.address, Request::get("/hold/a"));
    let busy = sandbox.wait_for_held("a", 1)[0];
    let other = server.wait_for_workers(2).into_iter().find(|pid| *pid != busy).unwrap();
    murder(other);
    until("it is replaced", || server.workers().len() == 2 && !server.workers().contains(&other));
    sandbox.release("a");
    assert_eq!(held.join().unwrap().text(), "held");
    server.stop();
}

#[test]
fn workers_that_die_at_every_start_are_started_ever_more_slowly() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0"]);
    let workers = server.wait_for_capacity(2);
    // From now on, nobody new comes to serve.
    sandbox.write("web.py", "import os\nopen('starts', 'a').write('x')\nos._exit(5)\n");
    murder(workers[0]);
    until("the master waits ever longer", || server.err().matches("workers die too fast").count() >= 2);
    // Two or three, not hundreds; and the one that is left serves all the time.
    let starts = sandbox.read("starts").len();
    assert!((2..=4).contains(&starts), "{starts}");
    assert_eq!(server.get("/pid").text(), workers[1].to_string());
    sandbox.new_version("two");
    // Two requests at once need the new worker too.
    server.wait_for_capacity(2);
    server.stop();
}

#[test]
fn a_stop_while_workers_die_is_a_stop() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "minspare=0"]);
    sandbox.write("web.py", "import os\nos._exit(5)\n");
    murder(server.wait_for_capacity(1)[0]);
    server.wait_for_err("workers die too fast");
    server.stop();
}
