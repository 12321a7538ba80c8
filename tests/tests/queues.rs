//! Requests that wait: for how long they may (`queuetimeout`), and how many processes a request wakes.

use std::thread;
use std::time::Duration;

use fcgi_tests::processes;
use fcgi_tests::{Address, Answer, Request, Sandbox, Server, until};

const ONE_PROCESS: &[&str] = &["minspare=0", "maxspare=1", "maxchildren=1"];
const TWO_THREADS: &[&str] = &["method=threaded", "threads=2"];

fn is_turned_away(answer: &Answer) -> bool {
    let text = String::from_utf8_lossy(&answer.stdout);
    answer.is_whole() && answer.status() == 503 && text.contains("\r\nRetry-After: ")
}

fn serve_tcp<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let port_word = format!("port={port}");
    let all = [&["host=127.0.0.1", &port_word, "daemonize=false", "web:application"], words].concat();
    let address = Address::Tcp(std::net::SocketAddr::from(([127, 0, 0, 1], port)));
    sandbox.serve_at(&mut sandbox.command(&all), address)
}

/// While all application threads are held, requests come in every way there is; those that have waited for too long when it
/// is free again are turned away, and one that has come late is served.
fn turns_away(sandbox: &Sandbox, server: Server<'_>, threads: usize) {
    let shares = threads > 1;
    let mut kept = server.connect();
    assert_eq!(kept.ask(&Request::get("/version").kept()).text(), "one");
    let mut begun = server.connect();
    let upload = Request::post("/read", b"0123456789".to_vec()).kept();
    begun.send(&upload.head());
    assert_eq!(kept.ask(&Request::get("/version").kept()).text(), "one");
    let mut holder = server.connect();
    holder.send(&Request::get("/hold/a").kept().bytes());
    let others = (1..threads).map(|_| fcgi_tests::in_background(&server.address, Request::get("/hold/a")));
    let others: Vec<_> = others.collect();
    sandbox.wait_for_held("a", threads);
    kept.send(&Request::get("/version").kept().bytes());
    begun.send(&upload.stdin());
    if shares {
        holder.send(&Request::get("/version").id(2).kept().bytes());
    }
    let mut new: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut new {
        client.send(&Request::get("/version").bytes());
    }
    // Nothing can be seen of a time that goes by.
    thread::sleep(Duration::from_secs(3));
    let mut late = server.connect();
    late.send(&Request::get("/version").bytes());
    sandbox.release("a");
    assert_eq!(holder.answer(1).text(), "held");
    assert_eq!(late.answer(1).text(), "one");
    for other in others {
        assert_eq!(other.join().unwrap().text(), "held");
    }
    for client in [&mut kept, &mut begun].into_iter().chain(&mut new) {
        let answer = client.answer(1);
        assert!(is_turned_away(&answer), "{answer:?}");
    }
    if shares {
        assert!(is_turned_away(&holder.answer(2)));
    }
    // Who was turned away may try again.
    assert_eq!(kept.ask(&Request::get("/version").kept()).text(), "one");
    drop((kept, begun, holder, new));
    let log = server.stop();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("`queuetimeout`")).collect();
    let count = |line: &&str| -> usize {
        let (_, rest) = line.split_once("requests=").unwrap();
        rest.split_whitespace().next().unwrap().parse().unwrap()
    };
    assert!(lines.len() <= 2, "once at the beginning and once at the end: {log}");
    assert_eq!(lines.iter().map(count).sum::<usize>(), 22 + usize::from(shares), "{log}");
}

#[test]
fn prefork_turns_away_what_has_waited_for_too_long_at_a_unix_socket() {
    let sandbox = Sandbox::new();
    turns_away(&sandbox, sandbox.serve(&[ONE_PROCESS, &["queuetimeout=1.5"]].concat()), 1);
}

#[test]
fn prefork_turns_away_what_has_waited_for_too_long_at_a_port() {
    let sandbox = Sandbox::new();
    turns_away(&sandbox, serve_tcp(&sandbox, &[ONE_PROCESS, &["queuetimeout=1.5"]].concat()), 1);
}

#[test]
fn threaded_turns_away_what_has_waited_for_too_long_at_a_unix_socket() {
    let sandbox = Sandbox::new();
    turns_away(&sandbox, sandbox.serve(&[TWO_THREADS, &["queuetimeout=1.5"]].concat()), 2);
}

#[test]
fn threaded_turns_away_what_has_waited_for_too_long_at_a_port() {
    let sandbox = Sandbox::new();
    turns_away(&sandbox, serve_tcp(&sandbox, &[TWO_THREADS, &["queuetimeout=1.5"]].concat()), 2);
}

#[test]
fn what_a_slow_visitor_takes_is_no_wait() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&[ONE_PROCESS, &["queuetimeout=1"]].concat());
    // The connection is there for long before the request, and its head before its body.
    let mut slow = server.connect();
    let mut upload = server.connect();
    let request = Request::post("/read", b"0123456789".to_vec());
    upload.send(&request.head());
    thread::sleep(Duration::from_secs(2));
    upload.send(&request.stdin());
    assert_eq!(upload.answer(1).text(), "10 of 10");
    assert_eq!(slow.ask(&Request::get("/version")).text(), "one");
    assert!(!server.stop().contains("queuetimeout"));
}

/// How often the threads of processes have gone to sleep by themselves.
fn sleeps(pids: &[i32]) -> u64 {
    let of_thread = |folder: std::fs::DirEntry| {
        let status = std::fs::read_to_string(folder.path().join("status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.and_then(|count| count.trim().parse::<u64>().ok()).unwrap_or(0)
    };
    let tasks = pids.iter().flat_map(|pid| std::fs::read_dir(format!("/proc/{pid}/task")).unwrap());
    tasks.map(|folder| of_thread(folder.unwrap())).sum()
}

/// A request wakes one of 32 idle workers, not all of them.
#[test]
fn a_request_wakes_hardly_more_than_one_of_many_workers() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["minspare=0", "maxspare=32", "maxchildren=32"]);
    server.wait_for_capacity(32);
    let workers = server.workers();
    assert_eq!(workers.len(), 32);
    let mut kept: Vec<_> = (0..32).map(|_| server.connect()).collect();
    for client in &mut kept {
        client.ask(&Request::get("/version").kept());
    }
    let rest = || {
        // What looks after a busy worker goes on for a second after it.
        let mut before = sleeps(&workers);
        until("all is quiet", || {
            thread::sleep(Duration::from_millis(300));
            let now = sleeps(&workers);
            let is_quiet = now - before <= 40;
            before = now;
            is_quiet
        });
        before
    };
    let measure = |what: &str, ask: &mut dyn FnMut(usize)| {
        let before = rest();
        (0..1000).for_each(ask);
        let all = sleeps(&workers) - before;
        // Were all of them woken, it would be 32000; the clock of a slow run wakes some as well.
        assert!(all <= 4000, "{what}: {all} wake-ups for 1000");
    };
    measure("a connection per request", &mut |_| {
        assert_eq!(server.get("/version").text(), "one");
    });
    measure("kept connections", &mut |number| {
        let client = &mut kept[number % 32];
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    });
    assert_eq!(processes::children(server.pid()).len(), 32);
    server.stop();
}
