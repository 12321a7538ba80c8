//! How long requests wait: on kept connections while one worker is busy, and when many come at once.
//!
//! `cargo bench -p fcgi-tests --bench waits [-- WORD…]` runs the scenes whose names hold one of the words, and prints a line
//! of figures in milliseconds for each. Nothing is judged here: the tests have bounds, this has figures.

#![expect(clippy::print_stdout, reason = "figures are for people")]

use std::env;
use std::thread;
use std::time::{Duration, Instant};

use fcgi_tests::{Client, Request, Sandbox, Server};

const APP: &str = r#"
import os, time

def application(environ, start_response):
    word, _, rest = environ["PATH_INFO"].strip("/").partition("/")
    if word == "sleep":
        time.sleep(int(rest) / 1000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]
"#;

/// The words of each way to serve with four workers, or four threads, or two workers with two threads each; and how many
/// requests make all of a worker busy, or a part of its threads where it is alone.
const WAYS: [(&str, &[&str], usize); 3] = [
    ("prefork", &["maxspare=4", "minspare=0", "maxchildren=4"], 1),
    ("prefork-threads", &["maxspare=2", "minspare=0", "maxchildren=2", "threads=2"], 2),
    ("threaded", &["method=threaded", "threads=4"], 1),
];

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word.as_str()));
    for (way, options, fills) in WAYS {
        for count in [64, 10_000] {
            let name = format!("kept-{way}-{count}");
            if wanted(&name) {
                kept(&name, options, count, fills);
            }
            let name = format!("burst-{way}-{count}");
            if wanted(&name) {
                burst(&name, options, count, fills);
            }
        }
        for keeps in [false, true] {
            let name = format!("crowd-{way}-{}", if keeps { "kept" } else { "new" });
            if wanted(&name) {
                crowd(&name, options, keeps);
            }
        }
    }
}

fn serve<'s>(sandbox: &'s Sandbox, options: &[&str]) -> Server<'s> {
    sandbox.write("app.py", APP);
    let words = ["socket=s.sock", "daemonize=false", "app:application", "idletimeout=600"];
    let all = [&words[..], options].concat();
    let server = sandbox.serve_at(&mut sandbox.command(&all), sandbox.unix("s.sock"));
    // All workers have begun when so many requests have run at once.
    let many: Vec<_> =
        (0..8).map(|_| fcgi_tests::in_background(&server.address, Request::get("/sleep/300"))).collect();
    for answer in many {
        answer.join().unwrap();
    }
    server
}

/// Connections that were asked once, so that they are kept; what each said of its worker.
fn keep(server: &Server<'_>, count: usize) -> Vec<(Client, String)> {
    let open = |_| {
        let mut client = server.connect();
        let pid = client.ask(&Request::get("/pid").kept()).text();
        (client, pid)
    };
    (0..count).map(open).collect()
}

/// Moves so many connections to the end whose last requests the same worker has served; gives its pid.
fn gather(clients: &mut [(Client, String)], fills: usize, chance: &mut Chance) -> String {
    let pid = clients[chance.below(clients.len())].1.clone();
    for place in (clients.len() - fills..clients.len()).rev() {
        let other = (0..=place).rev().find(|at| clients[*at].1 == pid).unwrap();
        clients.swap(place, other);
    }
    pid
}

/// A worker is busy for two seconds; meanwhile requests come on other connections, one at a time from each of four visitors.
fn kept(name: &str, options: &[&str], count: usize, fills: usize) {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, options);
    let mut clients = keep(&server, count);
    let mut chance = Chance(42);
    let (mut waits, mut of_busy) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let pid = gather(&mut clients, fills, &mut chance);
        let mut busy = clients.split_off(clients.len() - fills);
        for (client, _) in &mut busy {
            client.send(&Request::get("/sleep/2000").kept().bytes());
        }
        let end = Instant::now() + Duration::from_millis(1900);
        let share = clients.len().div_ceil(4);
        let found: Vec<(bool, f64)> = thread::scope(|scope| {
            let visitors: Vec<_> = clients
                .chunks_mut(share)
                .enumerate()
                .map(|(number, mine)| {
                    let (pid, seed) = (&pid, 7 + number as u64);
                    scope.spawn(move || visit(mine, pid, end, seed))
                })
                .collect();
            visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect()
        });
        waits.extend(found.iter().map(|(_, wait)| *wait));
        of_busy.extend(found.iter().filter(|(hers, _)| *hers).map(|(_, wait)| *wait));
        for (client, _) in &mut busy {
            client.answer(1);
        }
        clients.extend(busy);
    }
    println!("{name:<28} {}   of the busy worker: {}", figures(&mut waits), figures(&mut of_busy));
    server.stop();
}

/// Asks on one's connections at random until `end`; gives for each whether the busy worker had it, and the wait.
fn visit(mine: &mut [(Client, String)], busy: &str, end: Instant, seed: u64) -> Vec<(bool, f64)> {
    let mut chance = Chance(seed);
    let mut found = Vec::new();
    while Instant::now() < end {
        let (client, pid) = &mut mine[chance.below(mine.len())];
        let start = Instant::now();
        let now = client.ask(&Request::get("/pid").kept()).text();
        found.push((pid == busy, millis(start)));
        *pid = now;
        thread::sleep(Duration::from_millis(2));
    }
    found
}

/// A worker is busy for two seconds; meanwhile requests come on hundreds of other connections at once, of which half have
/// begun before.
fn burst(name: &str, options: &[&str], count: usize, fills: usize) {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, options);
    let mut clients = keep(&server, count);
    let mut chance = Chance(42);
    let (mut waits, mut begun) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        gather(&mut clients, fills, &mut chance);
        let mut busy = clients.split_off(clients.len() - fills);
        let many = 300.min(clients.len() - 1);
        for place in 0..many {
            let other = place + chance.below(clients.len() - place);
            clients.swap(place, other);
        }
        let request = Request::get("/pid").kept().bytes();
        for (client, _) in &mut clients[..many / 2] {
            client.send(&request[..30]);
        }
        for (client, _) in &mut busy {
            client.send(&Request::get("/sleep/2000").kept().bytes());
        }
        thread::sleep(Duration::from_millis(100));
        let start = Instant::now();
        for (number, (client, _)) in clients[..many].iter_mut().enumerate() {
            client.send(if number < many / 2 { &request[30..] } else { &request });
        }
        let answers: Vec<f64> = thread::scope(|scope| {
            let read = |(client, pid): &mut (Client, String)| {
                *pid = client.answer(1).text();
                millis(start)
            };
            let small = || thread::Builder::new().stack_size(128 * 1024);
            let readers: Vec<_> = clients[..many]
                .iter_mut()
                .map(|mine| small().spawn_scoped(scope, move || read(mine)).unwrap())
                .collect();
            readers.into_iter().map(|reader| reader.join().unwrap()).collect()
        });
        begun.extend(&answers[..many / 2]);
        waits.extend(&answers[many / 2..]);
        for (client, _) in &mut busy {
            client.answer(1);
        }
        clients.extend(busy);
    }
    println!("{name:<28} {}   begun before: {}", figures(&mut waits), figures(&mut begun));
    server.stop();
}

/// Five hundred visitors at once, each with four requests of 5 to 20 ms.
fn crowd(name: &str, options: &[&str], keeps: bool) {
    let sandbox = Sandbox::new();
    let server = serve(&sandbox, options);
    let visitors: Vec<_> = (0..500)
        .map(|number| {
            let address = server.address.clone();
            let body = move || {
                let mut chance = Chance(number);
                let mut waits = Vec::new();
                let mut client = None;
                for _ in 0..4 {
                    let time = 5 + chance.below(16);
                    let mut request = Request::get(&format!("/sleep/{time}"));
                    request.keep = keeps;
                    let start = Instant::now();
                    let mut mine: Client = client.take().unwrap_or_else(|| address.connect().unwrap());
                    mine.ask(&request);
                    waits.push(millis(start) - f64::from(u32::try_from(time).unwrap()));
                    client = keeps.then_some(mine);
                }
                waits
            };
            thread::Builder::new().stack_size(128 * 1024).spawn(body).unwrap()
        })
        .collect();
    let start = Instant::now();
    let mut waits: Vec<f64> = visitors.into_iter().flat_map(|visitor| visitor.join().unwrap()).collect();
    let took = millis(start);
    let figures = figures(&mut waits);
    let ratio = waits[waits.len() - 1] / waits[waits.len() / 2];
    println!("{name:<28} {figures}   longest to median {ratio:.1}, all done after {took:.0} ms");
    server.stop();
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1000.0
}

/// How many, and the usual quantiles; sorts.
fn figures(waits: &mut [f64]) -> String {
    waits.sort_by(f64::total_cmp);
    let Some(last) = waits.last() else { return "none".to_owned() };
    let at = |thousandths: usize| waits[(waits.len() - 1) * thousandths / 1000];
    let (median, high) = (at(500), at(990));
    format!("n {:>5}  p50 {median:8.2}  p99 {high:8.2}  max {last:8.2}", waits.len())
}

/// Numbers that look random and are the same in each run.
struct Chance(u64);

impl Chance {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }
}
