//! Rows 38 to 40: requests that are given up, peers that go or do not read, and the end of what a process may have.

use std::fs;
use std::time::{Duration, Instant};

use fcgi_tests::client::abort;
use fcgi_tests::record::{RESPONDER, STDIN, begin, record, stream};
use fcgi_tests::{Sandbox, Server, processes, until};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::Signal;

use crate::harness::{AT_ONCE, Stage, get, in_both_modes, in_both_modes_over_tcp, post};

#[test]
fn h38_aborts() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/hold/never", "body").id(4).kept();
        let in_params = begin(4, RESPONDER, true);
        let in_body = [request.head(), record(STDIN, 4, b"bo")].concat();
        for start in [in_params, request.head(), in_body] {
            kept.client.send(&start);
            // Twice, and the second one finds nobody.
            kept.client.send(&[abort(4), abort(4)].concat());
            let answer = kept.client.answer(4);
            assert!(answer.is_whole(), "{answer:?}");
            kept.client.send(&[abort(4), record(STDIN, 4, b"late"), record(STDIN, 4, &[])].concat());
        }
        assert!(stage.sandbox.held("never").is_empty());
        // While the application reads.
        let request = post("/read", vec![b'x'; 200_000]).id(4).kept();
        kept.client.send(&request.head());
        kept.client.send(&stream(STDIN, 4, &request.body[..100_000], 50_000)[..100_016]);
        kept.client.send(&abort(4));
        assert!(kept.client.answer(4).end.is_some());
        // With a connection that is not to be kept.
        let mut closed = stage.kept();
        closed.client.send(&[begin(4, RESPONDER, false), abort(4)].concat());
        assert!(closed.client.answer(4).is_whole());
        closed.ends_with_the_last();
        kept.survives();
        vec![]
    });
}

#[test]
fn h38_an_abort_while_the_application_writes() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        kept.client.send(&get("/closing/aborted").id(4).kept().bytes());
        kept.client.begun(4);
        kept.client.send(&abort(4));
        // The application would never come to an end by itself.
        assert!(kept.client.answer(4).is_whole());
        until("the iterable is closed", || stage.sandbox.read("closed-aborted") == "x");
        kept.survives();
        vec![]
    });
}

#[test]
fn h38_an_abort_while_a_file_is_sent() {
    in_both_modes(&[], |stage| {
        fs::File::create(stage.sandbox.path("large")).unwrap().set_len(1 << 33).unwrap();
        let mut kept = stage.kept();
        kept.client.send(&get("/file/large").id(4).kept().bytes());
        kept.client.begun(4);
        kept.client.send(&abort(4));
        // The client does not take the whole file.
        assert!(kept.client.answer(4).is_whole());
        kept.survives();
        vec![]
    });
}

fn goes_while_the_application_writes(stage: &Stage<'_>, number: usize, reset: bool) {
    let name = format!("gone{number}");
    let mut client = stage.connect();
    client.send(&get(&format!("/closing/{name}")).bytes());
    client.begun(1);
    if reset {
        client.reset();
    } else {
        drop(client);
    }
    until("the iterable is closed", || stage.sandbox.read(&format!("closed-{name}")) == "x");
}

#[test]
fn h39_the_peer_goes_while_the_application_writes() {
    in_both_modes_over_tcp(&["writetimeout=1"], |stage| {
        for number in 0..3 {
            goes_while_the_application_writes(stage, number * 2, true);
            goes_while_the_application_writes(stage, number * 2 + 1, false);
        }
        // It stays, and reads nothing more.
        let mut client = stage.connect();
        client.send(&get("/closing/unread").bytes());
        client.begun(1);
        until("the iterable is closed", || stage.sandbox.read("closed-unread") == "x");
        stage.serves_at_once();
        let answer = client.rest(1);
        assert!(answer.end.is_none() && !answer.stdout_closed);
        vec!["the web server has not read the answer in time"]
    });
}

#[test]
fn h39_the_peer_goes_on_a_unix_socket() {
    in_both_modes(&[], |stage| {
        for number in 0..3 {
            goes_while_the_application_writes(stage, number, false);
        }
        vec![]
    });
}

/// A server that may have so many descriptors.
fn with_few_descriptors<'s>(sandbox: &'s Sandbox, count: usize, words: &[&str]) -> Server<'s> {
    let mut command = sandbox.marked("sh");
    let script = format!("ulimit -n {count}; exec \"$@\"");
    command.args(["-c", &script, "sh"]).arg(fcgi_tests::binary());
    command.args(["socket=s.sock", "daemonize=false", "web:application"]).args(words);
    sandbox.serve_at(&mut command, sandbox.unix("s.sock"))
}

const ONE_PROCESS: [&[&str]; 2] =
    [&["maxspare=1", "maxchildren=1"], &["method=threaded", "minspare=1", "maxspare=2", "maxchildren=2"]];

#[test]
fn h40_out_of_descriptors() {
    for words in ONE_PROCESS {
        let sandbox = Sandbox::new();
        let server = with_few_descriptors(&sandbox, 256, words);
        let mut first = server.connect();
        let taken: usize = first.ask(&get("/take-descriptors").kept()).text().parse().unwrap();
        assert!(taken > 100, "{taken}");
        let worker = server.wait_for_workers(1)[0];
        let mut crowd: Vec<_> = (0..20).map(|_| server.connect()).collect();
        let (start, spent) = (Instant::now(), processes::cpu_time(worker));
        // Who is in is served, and the process does not run in circles.
        while start.elapsed() < Duration::from_secs(2) {
            let asked = Instant::now();
            assert_eq!(first.ask(&get("/version").kept()).text(), "one");
            assert!(asked.elapsed() < AT_ONCE);
            assert!(!first.stirs_within(Duration::from_millis(200)));
        }
        let spent = processes::cpu_time(worker).saturating_sub(spent);
        assert!(spent < Duration::from_secs(1), "{spent:?} of processor time for nothing: {words:?}");
        let seconds = start.elapsed().as_secs();
        // Who waits is served when there are descriptors again.
        assert!(first.ask(&get("/give-descriptors").kept()).is_whole());
        for client in &mut crowd {
            assert_eq!(client.ask(&get("/version").kept()).text(), "one");
        }
        assert_eq!(server.workers(), [worker]);
        drop((first, crowd));
        let complaints = server.stop().matches("cannot accept connections").count();
        assert!(complaints > 0 && complaints as u64 <= seconds + 2, "{complaints}");
    }
}

#[test]
fn h40_more_connections_than_allowed() {
    for (limit, option) in [(50, None), (10, Some("maxconnections=10"))] {
        for words in ONE_PROCESS {
            let sandbox = Sandbox::new();
            let words: Vec<&str> = words.iter().copied().chain(option).collect();
            // Half of what the process may open is enough for connections.
            let server = with_few_descriptors(&sandbox, 100, &words);
            let mut inside: Vec<_> = (0..limit).map(|_| server.connect()).collect();
            for client in &mut inside {
                assert_eq!(client.ask(&get("/version").kept()).text(), "one");
            }
            let mut outside: Vec<_> = (0..30).map(|_| server.connect()).collect();
            for client in &mut outside {
                client.send(&get("/version").bytes());
            }
            for client in &mut inside {
                assert_eq!(client.ask(&get("/version").kept()).text(), "one");
            }
            assert!(outside.iter().all(|client| !client.stirs_within(Duration::ZERO)));
            // One after the other has its turn, in the place of the first that goes.
            drop(inside.pop());
            for client in &mut outside {
                assert_eq!(client.answer(1).text(), "one");
                assert!(client.is_closed_by_peer());
            }
            let complaints = server.stop().matches("as many connections as allowed").count();
            assert_eq!(complaints, 1, "{words:?}");
        }
    }
}

#[test]
fn h40_more_than_1024_descriptors() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, hard.min(8192), hard).unwrap();
    for words in ONE_PROCESS {
        let sandbox = Sandbox::new();
        let server = with_few_descriptors(&sandbox, 4096, words);
        let mut crowd: Vec<_> = (0..1100).map(|_| server.connect()).collect();
        for client in &mut crowd {
            client.send(&get("/version").kept().bytes());
        }
        for client in &mut crowd {
            assert_eq!(client.answer(1).text(), "one");
        }
        let worker = server.wait_for_workers(1)[0];
        assert!(fs::read_dir(format!("/proc/{worker}/fd")).unwrap().count() > 1100);
        // A large body, which has to be waited for and read at a high descriptor.
        let request = post("/read", vec![b'x'; 1_000_000]);
        assert_eq!(crowd.pop().unwrap().ask(&request).text(), "1000000 of 1000000");
        drop(crowd);
        server.stop();
    }
}

#[test]
fn h40_a_storm_of_connections() {
    in_both_modes(&[], |stage| {
        let address = &stage.server.address;
        std::thread::scope(|scope| {
            for number in 0..4 {
                scope.spawn(move || {
                    for round in 0..100 {
                        let mut client = address.connect().unwrap();
                        match (number + round) % 4 {
                            0 => drop(client),
                            1 => client.send(&[1, 1, 0]),
                            2 => client.send(&get("/version").bytes()),
                            _ => assert_eq!(client.ask(&get("/version")).text(), "one"),
                        }
                    }
                });
            }
        });
        vec![]
    });
}

#[test]
fn h40_sigterm_during_any_of_these() {
    for words in [&["method=prefork", "minspare=0", "maxspare=8", "maxchildren=8"][..], &["method=threaded"]]
    {
        let sandbox = Sandbox::new();
        // Everything that waits for a peer may wait for longer than the stop.
        let all = [words, &["stoptimeout=2", "pidfile=x.pid"]].concat();
        let mut server = sandbox.serve(&all);
        let request = post("/read", vec![b'x'; 200_000]);
        let unread: Vec<_> = (0..2)
            .map(|_| {
                let mut client = server.connect();
                client.send(&get("/closing/unread").bytes());
                client.begun(1);
                client
            })
            .collect();
        let mut reading = server.connect();
        reading.send(
            &[&request.head()[..], &stream(STDIN, 1, &request.body[..100_000], 50_000)[..100_016]].concat(),
        );
        let silent = server.connect();
        let mut half = server.connect();
        half.send(&request.head()[..40]);
        let mut stalled = server.connect();
        stalled.send(&[post("/read", "four").head(), record(STDIN, 1, b"th")].concat());
        let mut kept = server.connect();
        assert_eq!(kept.ask(&get("/version").kept()).text(), "one");
        let running = server.hold("a", 1).remove(0);
        server.signal(Signal::SIGTERM);
        until("the socket is gone", || !sandbox.has("s.sock"));
        // What belongs to somebody else by now.
        sandbox.write("s.sock", "not ours");
        sandbox.release("a");
        let answer = running.join().unwrap();
        assert!(answer.is_whole() && answer.text() == "held");
        let start = Instant::now();
        assert_eq!(server.wait(), Some(0), "{words:?}: {}", server.err());
        assert!(start.elapsed() < Duration::from_secs(12), "{:?}", start.elapsed());
        sandbox.wait_for_nobody();
        assert_eq!(sandbox.read("s.sock"), "not ours");
        assert!(!sandbox.has("x.pid"));
        assert!(kept.is_closed_by_peer());
        for client in [reading, half, stalled, silent].into_iter().chain(unread) {
            let mut client = client;
            assert!(!client.rest(1).is_whole());
        }
    }
}
