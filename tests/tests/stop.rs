//! How the server ends: gracefully, at once, in time, and what becomes of requests and connections then.

use std::os::unix::net::UnixListener;
use std::time::{Duration, Instant};

use fcgi_tests::{Request, Sandbox, in_background, processes, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

const METHODS: [&str; 2] = ["method=prefork", "method=threaded"];

#[test]
fn an_idle_server_stops_by_every_stop_signal() {
    for method in METHODS {
        for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
            let sandbox = Sandbox::new();
            let mut server = sandbox.serve(&[method, "pidfile=x.pid"]);
            assert_eq!(server.get("/version").text(), "one");
            server.signal(signal);
            assert_eq!(server.wait(), Some(0), "{method} {signal}: {}", server.err());
            sandbox.wait_for_nobody();
            assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"), "{method} {signal}");
        }
    }
}

#[test]
fn running_requests_are_finished_and_the_address_is_free_meanwhile() {
    for method in METHODS {
        for signal in [Signal::SIGTERM, Signal::SIGINT] {
            let sandbox = Sandbox::new();
            let mut server = sandbox.serve(&[method]);
            let held = server.hold("a", 3);
            server.signal(signal);
            until("the socket is gone", || !sandbox.has("s.sock"));
            // A successor can start at once.
            let successor = sandbox.serve(&[method]);
            assert_eq!(successor.get("/version").text(), "one");
            sandbox.release("a");
            for held in held {
                let answer = held.join().unwrap();
                assert_eq!((&answer.text()[..], answer.is_whole()), ("held", true), "{method} {signal}");
            }
            assert_eq!(server.wait(), Some(0));
            assert_eq!(successor.get("/version").text(), "one");
            successor.stop();
        }
    }
}

#[test]
fn requests_that_wait_in_the_queue_are_served_before_the_end() {
    let cases: [(&[&str], usize); 4] = [
        (&["method=prefork", "maxchildren=1", "maxspare=1"], 1),
        (&["method=prefork", "maxchildren=1", "maxspare=1", "threads=2"], 2),
        (&["method=threaded", "threads=1"], 1),
        (&["method=threaded", "threads=3"], 3),
    ];
    for (words, threads) in cases {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(words);
        let running = server.hold("a", threads);
        let mut waiting: Vec<_> = (0..3).map(|_| server.connect()).collect();
        for client in &mut waiting {
            client.send(&Request::get("/version").bytes());
        }
        server.signal(Signal::SIGTERM);
        until("the socket is gone", || !sandbox.has("s.sock"));
        sandbox.release("a");
        for answer in running {
            assert_eq!(answer.join().unwrap().text(), "held");
        }
        for mut client in waiting {
            assert_eq!(client.answer(1).text(), "one", "{words:?}");
        }
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn idle_kept_connections_do_not_delay_the_end() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "stoptimeout=600"]);
        let mut kept: Vec<_> = (0..5).map(|_| server.connect()).collect();
        for client in &mut kept {
            assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
        }
        // One that has never said anything, and one in the middle of a head.
        let mut silent = server.connect();
        server.stop();
        for client in &mut kept {
            assert!(client.is_closed_by_peer(), "{method}");
        }
        assert!(silent.is_closed_by_peer());
    }
}

#[test]
fn a_request_on_a_kept_connection_is_finished_and_then_the_connection_is_closed() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method]);
        let mut client = server.connect();
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
        client.send(&Request::get("/hold/a").kept().bytes());
        sandbox.wait_for_held("a", 1);
        server.signal(Signal::SIGTERM);
        until("the socket is gone", || !sandbox.has("s.sock"));
        sandbox.release("a");
        assert_eq!(client.answer(1).text(), "held");
        assert!(client.is_closed_by_peer());
        assert_eq!(server.wait(), Some(0), "{method}");
    }
}

#[test]
fn a_second_signal_ends_at_once_what_still_runs() {
    for method in METHODS {
        for second in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT] {
            let sandbox = Sandbox::new();
            let mut server = sandbox.serve(&[method, "stoptimeout=600"]);
            let mut client = server.connect();
            client.send(&Request::get("/hold/a").bytes());
            sandbox.wait_for_held("a", 1);
            server.signal(Signal::SIGTERM);
            until("the socket is gone", || !sandbox.has("s.sock"));
            assert!(processes::look(server.pid()).is_some());
            server.signal(second);
            assert_eq!(server.wait(), Some(0), "{method} {second}");
            sandbox.wait_for_nobody();
            assert_eq!(client.rest(1).end, None);
        }
    }
}

#[test]
fn quit_ends_at_once_what_runs() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method, "stoptimeout=600", "pidfile=x.pid"]);
        let mut client = server.connect();
        client.send(&Request::get("/hold/a").bytes());
        sandbox.wait_for_held("a", 1);
        server.signal(Signal::SIGQUIT);
        assert_eq!(server.wait(), Some(0));
        sandbox.wait_for_nobody();
        assert_eq!(client.rest(1).end, None);
        assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"));
    }
}

#[test]
fn stoptimeout_ends_what_runs_too_long() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method, "stoptimeout=0.7"]);
        let mut client = server.connect();
        client.send(&Request::get("/hold/a").bytes());
        sandbox.wait_for_held("a", 1);
        let start = Instant::now();
        server.signal(Signal::SIGTERM);
        assert_eq!(server.wait(), Some(0));
        let took = start.elapsed();
        assert!(took >= Duration::from_millis(700) && took < Duration::from_secs(9), "{method}: {took:?}");
        assert_eq!(client.rest(1).end, None);
        sandbox.wait_for_nobody();
    }
}

#[test]
fn an_answer_that_nobody_reads_does_not_hold_the_end_up_for_ever() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(&[method, "stoptimeout=0.5"]);
        let mut client = server.connect();
        client.send(&Request::get("/endless").bytes());
        client.begun(1);
        server.stop();
    }
}

#[test]
fn the_interrupt_of_a_terminal_lets_running_requests_finish() {
    // The terminal signals the whole group, workers too.
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut command = sandbox.command(&["socket=s.sock", "daemonize=false", method, "web:application"]);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
        let held = in_background(&server.address, Request::get("/hold/a"));
        sandbox.wait_for_held("a", 1);
        nix::sys::signal::killpg(Pid::from_raw(server.pid()), Signal::SIGINT).unwrap();
        until("the socket is gone", || !sandbox.has("s.sock"));
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held", "{method}");
        assert_eq!(server.wait(), Some(0));
        assert!(!server.err().contains("KeyboardInterrupt"), "{}", server.err());
    }
}

#[test]
fn the_interrupt_of_a_terminal_ends_a_worker_that_still_imports() {
    const SLOW: &str = "import os, time\nopen('importing-' + str(os.getpid()), 'w')\ntime.sleep(1000)\n";
    for words in [&["method=prefork"][..], &["method=threaded"], &["preload=true"]] {
        let sandbox = Sandbox::new();
        let mut command =
            sandbox.command(&["socket=s.sock", "daemonize=false", "stoptimeout=1000", "web:application"]);
        command.args(words);
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let mut server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
        sandbox.write("web.py", SLOW);
        server.signal(Signal::SIGHUP);
        let imports = || {
            let files = std::fs::read_dir(sandbox.folder()).unwrap();
            files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("importing-"))
        };
        until("a new worker imports", imports);
        nix::sys::signal::killpg(Pid::from_raw(server.pid()), Signal::SIGINT).unwrap();
        assert_eq!(server.wait(), Some(0), "{words:?}: {}", server.err());
        assert!(!server.err().contains("error[") && !server.err().contains("warn["), "{}", server.err());
    }
}

#[test]
fn a_process_that_serves_alone_stops_by_every_signal_of_a_web_server() {
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGUSR1, Signal::SIGHUP] {
        let sandbox = Sandbox::new();
        let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
        let mut command = sandbox.command(&["web:application"]);
        command.stdin(std::os::fd::OwnedFd::from(listener));
        let mut started = sandbox.spawn(&mut command);
        let held = in_background(&sandbox.unix("0.sock"), Request::get("/hold/a"));
        sandbox.wait_for_held("a", 1);
        kill(Pid::from_raw(started.child.id().cast_signed()), signal).unwrap();
        sandbox.release("a");
        assert_eq!(held.join().unwrap().text(), "held", "{signal}");
        assert_eq!(started.child.wait().unwrap().code(), Some(0), "{signal}: {}", started.err_text());
    }
}
#[test]
fn signals_that_come_while_it_ends_change_nothing() {
    for _ in 0..10 {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&["pidfile=x.pid", "maxspare=1", "minspare=0"]);
        // Until nobody is there any more, as an impatient administrator would.
        while !server.has_ended() {
            server.signal(Signal::SIGTERM);
        }
        assert_eq!(server.wait(), Some(0));
        assert!(!sandbox.has("x.pid"));
        assert!(!sandbox.has("s.sock"));
    }
}

#[test]
fn who_has_only_just_connected_is_still_served() {
    for method in METHODS {
        let sandbox = Sandbox::new();
        let mut server = sandbox.serve(&[method, "maxspare=1", "minspare=0"]);
        let worker = server.wait_for_workers(1)[0];
        let before = processes::open_files(worker).len();
        let mut client = server.connect();
        until("the connection is accepted", || processes::open_files(worker).len() > before);
        server.signal(Signal::SIGTERM);
        until("the socket is gone", || !sandbox.has("s.sock"));
        let answer = client.ask(&Request::get("/version"));
        assert_eq!((&answer.text()[..], answer.is_whole()), ("one", true), "{method}");
        assert_eq!(server.wait(), Some(0));
    }
}

#[test]
fn a_server_that_stops_is_not_reloaded() {
    let sandbox = Sandbox::new();
    sandbox.write("touched", "");
    let mut server = sandbox.serve(&["touchreload=touched", "maxspare=1"]);
    let held = server.hold("a", 1);
    server.signal(Signal::SIGTERM);
    until("the socket is gone", || !sandbox.has("s.sock"));
    sandbox.write("new", "");
    std::fs::rename(sandbox.path("new"), sandbox.path("touched")).unwrap();
    server.signal(Signal::SIGHUP);
    server.wait_for_err("the server is stopping");
    sandbox.release("a");
    for held in held {
        assert_eq!(held.join().unwrap().text(), "held");
    }
    assert_eq!(server.wait(), Some(0));
    assert!(!server.err().contains("reload"), "{}", server.err());
}

#[test]
fn a_stop_that_comes_as_soon_as_the_pid_is_known_leaves_nothing_behind() {
    let sandbox = Sandbox::new();
    // The way to the operator is taken, and waited for after the pidfile was written.
    let _taken = UnixListener::bind(sandbox.path("x.pid.ctl")).unwrap();
    let words = ["socket=s.sock", "pidfile=x.pid", "daemonize=false", "web:application"];
    let mut started = sandbox.spawn(&mut sandbox.command(&words));
    until("the pid is known", || sandbox.read("x.pid").ends_with('\n'));
    kill(Pid::from_raw(sandbox.pid()), Signal::SIGTERM).unwrap();
    assert_eq!(started.child.wait().unwrap().code(), Some(0), "{}", started.err_text());
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("x.pid") && !sandbox.has("s.sock"));
}
