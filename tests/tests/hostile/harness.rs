//! The stage for a hostile peer: a server of each process model, with a neighbour whose request the application holds, and
//! what has to be true when the attack is over.
//!
//! In prefork the neighbour has one of two workers, so that the attack meets the other one. In threaded mode a connection
//! that is to survive carries a companion: another held request, under another id.

use std::cell::Cell;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;
use std::time::{Duration, Instant};

use fcgi_tests::record::record;
use fcgi_tests::{Address, Answer, Client, Request, Sandbox, Server, processes, until};

/// The value of a parameter of every hostile request; it must never be seen in a log.
pub(crate) const SECRET: &str = "tell-nobody-7c1e";

/// Longest time that still counts as at once: much longer than an idle server needs, and shorter than several timeouts.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(5);

/// The request id of companions.
const COMPANION: u16 = 40_000;

/// How a server is built.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Prefork,
    Threaded,
}

/// A server under attack.
pub(crate) struct Stage<'s> {
    pub(crate) mode: Mode,
    pub(crate) sandbox: &'s Sandbox,
    pub(crate) server: &'s Server<'s>,
    companions: Cell<u16>,
}

/// What the log may say of an attack: a line with each of these texts, in any order, and no other. What begins with a question
/// mark may be missing.
pub(crate) type Told = Vec<&'static str>;

/// Attacks a server of each process model on a Unix socket; both at the same time, because most attacks are a wait.
pub(crate) fn in_both_modes(words: &[&str], attack: impl Fn(&Stage<'_>) -> Told + Sync) {
    in_each_mode(words, &attack, false);
}

/// As [`in_both_modes`], over TCP.
pub(crate) fn in_both_modes_over_tcp(words: &[&str], attack: impl Fn(&Stage<'_>) -> Told + Sync) {
    in_each_mode(words, &attack, true);
}

fn in_each_mode(words: &[&str], attack: &(impl Fn(&Stage<'_>) -> Told + Sync), tcp: bool) {
    thread::scope(|scope| {
        let modes = [Mode::Prefork, Mode::Threaded].map(|mode| {
            let act = move || {
                let sandbox = Sandbox::new();
                let server = start(&sandbox, mode, words, tcp);
                play(mode, words, &sandbox, server, attack);
            };
            (mode, scope.spawn(act))
        });
        for (mode, outcome) in modes {
            assert!(outcome.join().is_ok(), "{mode:?}");
        }
    });
}

fn start<'s>(sandbox: &'s Sandbox, mode: Mode, words: &[&str], tcp: bool) -> Server<'s> {
    let all = [mode.words(), words].concat();
    if !tcp {
        return sandbox.serve(&all);
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let port_word = format!("port={port}");
    let address = ["host=127.0.0.1", &port_word, "daemonize=false", "web:application"];
    let address = [&address[..], &all].concat();
    let place = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    sandbox.serve_at(&mut sandbox.command(&address), Address::Tcp(place))
}

fn play(
    mode: Mode,
    words: &[&str],
    sandbox: &Sandbox,
    server: Server<'_>,
    attack: impl Fn(&Stage<'_>) -> Told,
) {
    let workers = server.wait_for_workers(mode.workers(words));
    let neighbour = server.hold("neighbour", 1).remove(0);
    let before = server.err().len();
    // The kernel's list of sockets may pass over one while others come and go.
    until("the neighbour's connection is seen", || held_by(&server, &workers) == 1);
    let stage = Stage { mode, sandbox, server: &server, companions: Cell::new(0) };
    let told = attack(&stage);
    stage.serves_at_once();
    until("the server has let go of every connection and file", || held_by(&server, &workers) <= 1);
    sandbox.release("neighbour");
    let answer = neighbour.join().unwrap();
    assert!(answer.is_whole() && answer.text() == "held", "{mode:?}, the neighbour: {answer:?}");
    assert_eq!(server.workers(), workers, "{mode:?}: {}", server.err());
    let err = server.stop();
    check_log(mode, &err[before..], told);
}

/// How many connections of web servers and temporary files these processes have open.
fn held_by(server: &Server<'_>, workers: &[i32]) -> usize {
    let connections = server.address.connections();
    let all = workers.iter().flat_map(|pid| processes::open_files(*pid));
    all.filter(|name| connections.contains(name) || name.ends_with(" (deleted)")).count()
}

fn check_log(mode: Mode, log: &str, told: Told) {
    for word in ["panicked", "unexpectedly", "a bug in the server", SECRET] {
        assert!(!log.contains(word), "{mode:?}: {log}");
    }
    let is_complaint = |line: &&str| line.contains("] warning") || line.contains("] error");
    let mut lines: Vec<&str> = log.lines().filter(is_complaint).collect();
    for line in &lines {
        assert!(line.contains(" peer="), "{mode:?}, nobody is named: {line}");
    }
    for text in told {
        let may_miss = text.starts_with('?');
        let text = text.trim_start_matches('?');
        match lines.iter().position(|line| line.contains(text)) {
            Some(at) => drop(lines.remove(at)),
            None => assert!(may_miss, "{mode:?}, not in the log: {text:?}: {log}"),
        }
    }
    assert!(lines.is_empty(), "{mode:?}, more than was expected in the log: {lines:#?}");
}

impl Mode {
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Prefork => &["method=prefork", "minspare=0", "maxspare=2", "maxchildren=2"],
            Self::Threaded => &["method=threaded", "minspare=1", "maxspare=3", "maxchildren=40"],
        }
    }
}

impl Mode {
    /// With how many workers a server starts.
    fn workers(self, words: &[&str]) -> usize {
        let spare = self.words().iter().chain(words).rev().find_map(|word| word.strip_prefix("maxspare="));
        if self == Self::Prefork { spare.unwrap().parse().unwrap() } else { 1 }
    }
}

impl Stage<'_> {
    /// A connection.
    pub(crate) fn connect(&self) -> Client {
        self.server.connect()
    }

    /// A connection that the web server keeps, with its companion.
    pub(crate) fn kept(&self) -> Kept<'_> {
        let mut client = self.connect();
        let mut companion = None;
        if self.mode == Mode::Threaded {
            let number = self.companions.replace(self.companions.get() + 1);
            let name = format!("companion{number}");
            client.send(&Request::get(&format!("/hold/{name}")).id(COMPANION).kept().bytes());
            self.sandbox.wait_for_held(&name, 1);
            companion = Some(name);
        }
        Kept { stage: self, client, companion }
    }

    /// A request on a new connection is answered at once.
    pub(crate) fn serves_at_once(&self) {
        let start = Instant::now();
        assert_eq!(self.server.get("/version").text(), "one");
        let took = start.elapsed();
        assert!(took < AT_ONCE, "{:?}: {took:?}", self.mode);
    }
}

/// A connection that serves on after the attack, or that goes down with all its requests.
pub(crate) struct Kept<'s> {
    stage: &'s Stage<'s>,
    pub(crate) client: Client,
    companion: Option<String>,
}

impl Kept<'_> {
    /// The connection is as before: the companion comes out whole, and further requests are served.
    pub(crate) fn survives(mut self) {
        self.companion_is_whole();
        assert_eq!(self.client.ask(&get("/version").kept()).text(), "one", "{:?}", self.stage.mode);
        assert!(self.client.ask(&get("/version")).is_whole());
        assert!(self.client.is_closed_by_peer());
    }

    /// The connection is closed when its last request has ended, and that one is whole.
    pub(crate) fn ends_with_the_last(mut self) {
        self.companion_is_whole();
        assert!(self.client.is_closed_by_peer(), "{:?}", self.stage.mode);
    }

    /// The connection is closed at once, whatever runs on it.
    pub(crate) fn goes_down(mut self) {
        let start = Instant::now();
        let left = self.client.rest(COMPANION);
        assert_eq!((left.end, left.stdout.len()), (None, 0), "{:?}", self.stage.mode);
        assert!(start.elapsed() < AT_ONCE, "{:?}: {:?}", self.stage.mode, start.elapsed());
        if let Some(name) = self.companion {
            self.stage.sandbox.release(&name);
        }
    }

    fn companion_is_whole(&mut self) {
        if let Some(name) = self.companion.take() {
            self.stage.sandbox.release(&name);
            let answer = self.client.answer(COMPANION);
            assert!(answer.is_whole() && answer.text() == "held", "the companion: {answer:?}");
        }
    }
}

/// Asks for a path, and tells a secret.
pub(crate) fn get(path: &str) -> Request {
    Request::get(path).with("HTTP_COOKIE", SECRET)
}

/// Sends a body to a path, and tells a secret.
pub(crate) fn post(path: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::post(path, body).with("HTTP_COOKIE", SECRET)
}

/// A record of so many bytes.
pub(crate) fn filled(kind: u8, id: u16, size: usize) -> Vec<u8> {
    record(kind, id, &vec![b'x'; size])
}

/// Whether an answer is a page of the server's own with this status, and its end.
pub(crate) fn is_page(answer: &Answer, status: u16) -> bool {
    answer.is_whole() && answer.status() == status && answer.text().contains("<h1>")
}
