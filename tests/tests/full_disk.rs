//! A disk without room for logs: they lose lines, and nobody loses anything else.

use fcgi_tests::{Request, Sandbox, Server, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

/// Everything that writes a line somewhere, in the master and in a worker.
fn make_noise(server: &Server<'_>) {
    assert_eq!(server.get("/raise").status(), 500);
    assert_eq!(server.get("/print").text(), "silent");
    assert!(server.get("/log").is_whole());
    assert_eq!(server.get("/nowhere").status(), 404);
    let mut odd = server.connect();
    odd.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(odd.is_closed_by_peer());
}

#[test]
fn a_full_disk_loses_lines_of_the_logs_and_nothing_else() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let full = ["errlog=/dev/full", "outlog=/dev/full", "accesslog=/dev/full", "loglevel=debug"];
        let server = sandbox.serve_and_ask(&[&[method, "minspare=1", "maxspare=1"][..], &full].concat());
        make_noise(&server);
        let first = server.wait_for_workers(1);
        kill(Pid::from_raw(first[0]), Signal::SIGKILL).unwrap();
        until("it is replaced", || server.workers().len() == 1 && server.workers() != first);
        make_noise(&server);
        let second = server.workers();
        sandbox.new_version("two");
        server.signal(Signal::SIGHUP);
        until("the new worker serves", || server.get("/version").text() == "two");
        until("the old one has left", || server.workers().len() == 1 && server.workers() != second);
        server.signal(Signal::SIGUSR1);
        make_noise(&server);
        server.stop();
    }
}
