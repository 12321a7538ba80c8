//! A disk without room: for logs, which lose lines and nothing else, and for bodies, which are refused.

use fcgi_tests::{Request, Sandbox, Server, binary, until};
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

/// Starts a server whose files, temporary ones too, cannot grow beyond 300 KiB.
fn serve_with_little_room<'s>(sandbox: &'s Sandbox, method: &str) -> Server<'s> {
    let mut command = sandbox.marked("sh");
    command.args(["-c", "ulimit -f 600 && exec \"$@\"", "sh"]).arg(binary());
    command.args([
        "socket=s.sock",
        "daemonize=false",
        "web:application",
        "minspare=1",
        "maxspare=1",
        "maxchildren=1",
        method,
    ]);
    sandbox.serve_at(&mut command, sandbox.unix("s.sock"))
}

#[test]
fn a_body_that_the_disk_has_no_room_for_is_refused_and_costs_nobody_else() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = serve_with_little_room(&sandbox, method);
        let worker = server.get("/pid").text();
        let mut client = server.connect();
        for _ in 0..3 {
            // Its length is not told, so that it has to be kept until it has ended.
            let request = Request::post("/read", vec![b'x'; 2 << 20]).without("CONTENT_LENGTH").kept();
            let answer = client.ask(&request);
            assert_eq!((answer.status(), answer.is_whole()), (503, true), "{method}");
            // What fits is taken, on the same connection.
            let request = Request::post("/read", vec![b'x'; 500_000]).without("CONTENT_LENGTH").kept();
            assert_eq!(client.ask(&request).text(), "500000 of 500000", "{method}");
        }
        assert_eq!(server.get("/pid").text(), worker, "{method}");
        drop(client);
        assert!(server.stop().contains("temporary file"));
    }
}

#[test]
fn a_body_that_nobody_reads_needs_no_room_for_the_answer_to_be_whole() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = serve_with_little_room(&sandbox, method);
        let worker = server.get("/pid").text();
        let mut client = server.connect();
        // The answer is not read before all is sent, as mod_fcgid does it.
        let answer = client.ask(&Request::post("/early", vec![b'x'; 4 << 20]).kept());
        assert!(answer.is_whole(), "{method}");
        assert_eq!(answer.body().len(), 128 * 65_536, "{method}");
        assert_eq!(client.ask(&Request::get("/pid").kept()).text(), worker, "{method}");
        drop(client);
        server.stop();
    }
}
