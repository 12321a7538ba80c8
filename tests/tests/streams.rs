//! Answers that are made block by block, and faster than a socket takes them one by one: each block is on its way although no other
//! one follows, in order, once, in every mode.

use std::fs::File;
use std::io::Write;

use fcgi_tests::record::{Record, STDOUT};
use fcgi_tests::{Answer, Client, Request, Sandbox, processes, until};

const MODES: [&[&str]; 3] = [&["maxchildren=1"], &["method=threaded"], &["threads=4", "maxchildren=1"]];

/// Makes numbered lines of eight bytes as fast as it can, and waits, fails, forks or goes on behind them.
const APP: &str = r#"
import os, time
HERE = os.path.dirname(os.path.abspath(__file__))

def leave(name):
    open(os.path.join(HERE, name), "w").close()

def wait_for(name):
    while not os.path.exists(os.path.join(HERE, name)):
        time.sleep(0.003)

def lines(first, last):
    return (b"%07d\n" % number for number in range(first, last))

def pausing(count, name):
    yield from lines(0, count)
    leave("made-" + name)
    wait_for("go-" + name)
    yield from lines(count, count + 3)

def failing(count, name):
    yield from lines(0, count)
    raise RuntimeError("as arranged")

def forking(count, name):
    yield from lines(0, count)
    child = os.fork()
    if not child:
        raise SystemExit
    os.waitpid(child, 0)
    yield from lines(count, 2 * count)

def endless(count, name):
    try:
        while True:
            yield b"x" * count
    finally:
        leave("ended-" + name)

def mixed(count, name):
    for number in range(count):
        yield bytes([number % 251]) * (1 << number % 17)

def application(environ, start_response):
    kind, count, name = environ["PATH_INFO"].strip("/").split("/")
    write = start_response("200 OK", [("Content-Type", "text/plain")])
    if kind == "writing":
        for line in pausing(int(count), name):
            write(line)
        return []
    return globals()[kind](int(count), name)
"#;

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("fast.py", APP);
    sandbox
}

fn lines(count: usize) -> String {
    let lines: Vec<_> = (0..count).map(|number| format!("{number:07}\n")).collect();
    lines.concat()
}

/// Waits until so many lines have come.
fn come_to(client: &mut Client, id: u16, count: usize) {
    let head = client.begun(id).stdout.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(client.come_to(id, head + 8 * count).text(), lines(count));
}

#[test]
fn every_block_leaves_although_the_application_makes_no_other() {
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        for (kind, count) in [("pausing", 1), ("pausing", 5000), ("writing", 2), ("writing", 5000)] {
            let name = format!("{kind}-{count}");
            client.send(&Request::get(&format!("/{kind}/{count}/{name}")).kept().bytes());
            come_to(&mut client, 1, count);
            sandbox.write(&format!("go-{name}"), "");
            let answer = client.answer(1);
            assert!(answer.is_whole(), "{words:?} {name}");
            assert_eq!(answer.text(), lines(count + 3));
        }
        drop(client);
        server.stop();
    }
}

#[test]
fn what_a_full_socket_holds_up_leaves_as_soon_as_the_web_server_reads() {
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        // Of these, the socket takes none of the last, then a part of them, then all.
        for lines in (8_000..36_000).step_by(4_000) {
            client.send(&Request::get(&format!("/pausing/{lines}/{lines}")).kept().bytes());
            processes::wait_for_rest(server.workers()[0]);
            come_to(&mut client, 1, lines);
            sandbox.write(&format!("go-{lines}"), "");
            assert!(client.answer(1).is_whole());
        }
        drop(client);
        server.stop();
    }
}

#[test]
fn blocks_that_come_faster_than_they_are_written_share_records() {
    let sandbox = sandbox();
    let server = sandbox.serve_app("fast:application", &["maxchildren=1"]);
    let mut stream = File::from(server.address.open().unwrap());
    stream.write_all(&Request::get("/pausing/100000/a").bytes()).unwrap();
    sandbox.write("go-a", "");
    let (mut answer, mut records) = (Answer::default(), 0);
    while answer.end.is_none() {
        let record = Record::read(&mut stream).unwrap().unwrap();
        records += usize::from(record.kind == STDOUT);
        answer.take(record);
    }
    assert_eq!(answer.text(), lines(100_003));
    assert!(records < 50_000, "{records} records");
    drop(stream);
    server.stop();
}

#[test]
fn blocks_of_all_lengths_arrive_in_order() {
    let expected: Vec<u8> =
        (0..2000_u16).flat_map(|number| vec![(number % 251).to_le_bytes()[0]; 1 << (number % 17)]).collect();
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        for _ in 0..3 {
            let answer = client.ask(&Request::get("/mixed/2000/a").kept());
            assert!(answer.is_whole() && answer.body() == expected, "{words:?}");
        }
        drop(client);
        server.stop();
    }
}

#[test]
fn what_was_made_before_a_failure_arrives_and_the_answer_is_not_whole() {
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        client.send(&Request::get("/failing/5000/a").kept().bytes());
        let answer = client.rest(1);
        assert_eq!(answer.text(), lines(5000), "{words:?}");
        assert!(!answer.is_whole());
        server.wait_for_err("as arranged");
        drop(client);
        server.stop();
    }
}

#[test]
fn a_process_that_the_application_forks_meanwhile_sends_nothing_again() {
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        for _ in 0..5 {
            let answer = client.ask(&Request::get("/forking/3000/a").kept());
            assert!(answer.is_whole());
            assert_eq!(answer.text(), lines(6000), "{words:?}");
        }
        drop(client);
        server.stop();
    }
}

#[test]
fn an_answer_without_end_ends_with_its_visitor() {
    for words in MODES {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        for length in [1, 8192] {
            let mut client = server.connect();
            client.send(&Request::get(&format!("/endless/{length}/{length}")).kept().bytes());
            client.come_to(1, 1_000_000);
            drop(client);
            until("the application has ended", || sandbox.has(&format!("ended-{length}")));
        }
        server.stop();
    }
}

#[test]
fn answers_that_share_a_connection_are_kept_apart() {
    for words in &MODES[1..] {
        let sandbox = sandbox();
        let server = sandbox.serve_app("fast:application", words);
        let mut client = server.connect();
        let path = |id: u16| format!("/pausing/{}/{id}", 4000 + id);
        for id in 1..=3 {
            client.send(&Request::get(&path(id)).id(id).kept().bytes());
        }
        for id in 1..=3 {
            come_to(&mut client, id, 4000 + usize::from(id));
        }
        for id in [3, 1, 2] {
            sandbox.write(&format!("go-{id}"), "");
            let answer = client.answer(id);
            assert!(answer.is_whole());
            assert_eq!(answer.text(), lines(4003 + usize::from(id)));
        }
        drop(client);
        server.stop();
    }
}
