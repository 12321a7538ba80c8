//! Connections that a prefork worker keeps while it serves another one: their requests must not wait for it.

use std::collections::BTreeSet;
use std::fs;

use fcgi_tests::processes::wait_for_rest;
use fcgi_tests::{Client, Request, Sandbox, Server, until};

/// Holds a request on each connection in turn; meanwhile all the others have to be served by the idle sibling.
fn each_in_turn(sandbox: &Sandbox, server: &Server<'_>, mut clients: Vec<Client>) {
    for busy in 0..clients.len() {
        clients[busy].send(&Request::get("/hold/a").kept().bytes());
        sandbox.wait_for_held("a", 1);
        for (number, client) in clients.iter_mut().enumerate().filter(|(number, _)| *number != busy) {
            let answer = client.ask(&Request::get("/version").kept());
            assert_eq!(answer.text(), "one", "connection {number} while {busy} is busy");
        }
        sandbox.release("a");
        assert_eq!(clients[busy].answer(1).text(), "held");
        sandbox.forget("a");
    }
    drop(clients);
    assert_eq!(server.workers().len(), 2);
}

#[test]
fn a_request_on_a_kept_connection_of_a_busy_worker_is_served_by_its_sibling() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0", "maxchildren=2"]);
    server.wait_for_capacity(2);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    each_in_turn(&sandbox, &server, clients);
    server.stop();
}

#[test]
fn a_request_that_comes_after_its_connection_is_served_although_the_worker_is_busy_that_took_it() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0", "maxchildren=2"]);
    server.wait_for_capacity(2);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    // Half of a head is no request yet.
    let half = Request::get("/version").kept().bytes();
    let mut slow = server.connect();
    slow.send(&half[..20]);
    assert_eq!(clients[3].ask(&Request::get("/version").kept()).text(), "one");
    each_in_turn(&sandbox, &server, clients);
    slow.send(&half[20..]);
    assert_eq!(slow.answer(1).text(), "one");
    server.stop();
}

/// Opens connections whose last request one worker has served, alone among four; gives its pid too.
fn connections_of_one_worker(sandbox: &Sandbox, server: &Server<'_>, count: usize) -> (i32, Vec<Client>) {
    let held = server.hold("others", 3);
    let mut clients: Vec<_> = (0..count).map(|_| server.connect()).collect();
    let ask = |client: &mut Client| client.ask(&Request::get("/pid").kept()).text().parse().unwrap();
    let pids: Vec<i32> = clients.iter_mut().map(ask).collect();
    assert!(pids.iter().all(|pid| *pid == pids[0]), "{pids:?}");
    assert!(!sandbox.held("others").contains(&pids[0]));
    sandbox.release("others");
    for answer in held {
        assert_eq!(answer.join().unwrap().text(), "held");
    }
    (pids[0], clients)
}

#[test]
fn requests_on_many_connections_of_a_busy_worker_are_served_by_others_while_it_is_busy() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=4", "minspare=0", "maxchildren=4"]);
    server.wait_for_capacity(4);
    let (pid, mut clients) = connections_of_one_worker(&sandbox, &server, 64);
    clients[0].send(&Request::get("/hold/a").kept().bytes());
    assert_eq!(sandbox.wait_for_held("a", 1), [pid]);
    for client in &mut clients[10..30] {
        client.send(&Request::get("/pid").kept().bytes());
    }
    for client in &mut clients[10..30] {
        assert_ne!(client.answer(1).text(), pid.to_string());
    }
    // A connection that was passed on is closed as soon as its new worker closes it.
    for client in &mut clients[5..15] {
        assert_ne!(client.ask(&Request::get("/pid")).text(), pid.to_string());
        assert!(client.is_closed_by_peer());
    }
    assert_eq!(sandbox.held("a"), [pid], "it was busy all the time");
    sandbox.release("a");
    assert_eq!(clients[0].answer(1).text(), "held");
    clients.drain(5..15);
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    assert_eq!(server.workers().len(), 4);
    server.stop();
}

#[test]
fn a_request_that_a_busy_worker_has_read_in_part_is_served_by_another_when_the_rest_comes() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=4", "minspare=0", "maxchildren=4"]);
    server.wait_for_capacity(4);
    let (pid, mut clients) = connections_of_one_worker(&sandbox, &server, 8);
    let upload = Request::post("/read", vec![b'x'; 60_000]).kept();
    let file = Request::post("/read", vec![b'x'; 5_000]).without("CONTENT_LENGTH").kept();
    let parts = [
        // Within the first header, behind it, within the parameters, behind a record.
        (Request::get("/version").kept().bytes(), 3, "one"),
        (Request::get("/version").kept().bytes(), 16, "one"),
        (Request::get("/version").kept().bytes(), 100, "one"),
        (upload.bytes(), upload.head().len(), "60000 of 60000"),
        (upload.bytes(), upload.head().len() + 40_000, "60000 of 60000"),
        (file.bytes(), file.head().len() + 2_000, "5000 of 5000"),
    ];
    for ((bytes, at, _), client) in parts.iter().zip(&mut clients[1..]) {
        client.send(&bytes[..*at]);
    }
    // What was sent before is read before this is served.
    assert_eq!(clients[0].ask(&Request::get("/pid").kept()).text(), pid.to_string());
    clients[0].send(&Request::get("/hold/a").kept().bytes());
    assert_eq!(sandbox.wait_for_held("a", 1), [pid]);
    for ((bytes, at, text), client) in parts.iter().zip(&mut clients[1..]) {
        client.send(&bytes[*at..]);
        assert_eq!(client.answer(1).text(), *text, "cut at {at}");
    }
    assert_eq!(sandbox.held("a"), [pid], "it was busy all the time");
    sandbox.release("a");
    assert_eq!(clients[0].answer(1).text(), "held");
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    server.stop();
}

#[test]
fn hundreds_of_requests_at_once_on_connections_of_a_busy_worker_are_served_meanwhile() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=4", "minspare=0", "maxchildren=4"]);
    server.wait_for_capacity(4);
    let (pid, mut clients) = connections_of_one_worker(&sandbox, &server, 400);
    clients[0].send(&Request::get("/hold/a").kept().bytes());
    assert_eq!(sandbox.wait_for_held("a", 1), [pid]);
    for client in &mut clients[1..] {
        client.send(&Request::get("/pid").kept().bytes());
    }
    let workers: BTreeSet<String> = clients[1..].iter_mut().map(|client| client.answer(1).text()).collect();
    assert_eq!(sandbox.held("a"), [pid], "it was busy all the time");
    assert!(!workers.contains(&pid.to_string()), "{workers:?}");
    sandbox.release("a");
    assert_eq!(clients[0].answer(1).text(), "held");
    server.stop();
}

/// The words of two workers with two threads each.
const TWO_BY_TWO: [&str; 4] = ["maxspare=2", "minspare=0", "maxchildren=2", "threads=2"];

/// Opens connections until one of two workers has `count` of them; gives its pid, its connections, and those of the other one.
fn connections_of_two_workers(server: &Server<'_>, count: usize) -> (i32, Vec<Client>, Vec<Client>) {
    let (mut mine, mut others) = (Vec::new(), Vec::new());
    let mut pid = None;
    while mine.len() < count {
        assert!(mine.len() + others.len() < 50 * count, "one worker gets them all");
        let mut client = server.connect();
        let its: i32 = client.ask(&Request::get("/pid").kept()).text().parse().unwrap();
        let all = if *pid.get_or_insert(its) == its { &mut mine } else { &mut others };
        all.push(client);
    }
    (pid.unwrap(), mine, others)
}

/// Makes all threads of a worker busy with requests on its first connections.
fn fill(sandbox: &Sandbox, pid: i32, clients: &mut [Client], name: &str) {
    // A thread whose request was answered may not count as free yet.
    wait_for_rest(pid);
    for client in &mut clients[..2] {
        client.send(&Request::get(&format!("/hold/{name}")).kept().bytes());
    }
    assert_eq!(sandbox.wait_for_held(name, 2), [pid, pid]);
}

#[test]
fn a_request_on_a_kept_connection_of_a_worker_whose_threads_are_all_busy_is_served_by_its_sibling() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&TWO_BY_TWO);
    server.wait_for_capacity(4);
    let (pid, mut clients, _others) = connections_of_two_workers(&server, 40);
    fill(&sandbox, pid, &mut clients, "a");
    for client in &mut clients[2..30] {
        client.send(&Request::get("/pid").kept().bytes());
    }
    for client in &mut clients[2..30] {
        assert_ne!(client.answer(1).text(), pid.to_string());
    }
    for client in &mut clients[30..] {
        assert_ne!(client.ask(&Request::get("/pid").kept()).text(), pid.to_string());
    }
    assert_eq!(sandbox.held("a"), [pid, pid], "it was busy all the time");
    sandbox.release("a");
    for client in &mut clients[..2] {
        assert_eq!(client.answer(1).text(), "held");
    }
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    assert_eq!(server.workers().len(), 2);
    server.stop();
}

#[test]
fn requests_that_wait_while_all_threads_are_busy_are_served_by_the_worker_that_is_free_first() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&TWO_BY_TWO);
    server.wait_for_capacity(4);
    let (pid, mut clients, mut others) = connections_of_two_workers(&server, 20);
    while others.len() < 4 {
        others.push(server.connect());
        let at = others.len() - 1;
        if others[at].ask(&Request::get("/pid").kept()).text() == pid.to_string() {
            clients.extend(others.pop());
        }
    }
    fill(&sandbox, pid, &mut clients, "a");
    for client in &mut others[..2] {
        client.send(&Request::get("/hold/b").kept().bytes());
    }
    sandbox.wait_for_held("b", 2);
    for client in &mut clients[2..] {
        client.send(&Request::get("/pid").kept().bytes());
    }
    // One that nobody has taken in, either.
    let mut new = server.connect();
    new.send(&Request::get("/pid").bytes());
    // Nobody asks again and again for what cannot be done.
    wait_for_rest(pid);
    sandbox.release("b");
    for client in clients[2..].iter_mut().chain([&mut new]) {
        assert_ne!(client.answer(1).text(), pid.to_string());
    }
    assert_eq!(sandbox.held("a"), [pid, pid], "it was busy all the time");
    sandbox.release("a");
    for client in clients[..2].iter_mut().chain(&mut others[..2]) {
        assert_eq!(client.answer(1).text(), "held");
    }
    server.stop();
}

#[test]
fn a_request_that_was_read_in_part_is_served_by_another_worker_when_all_threads_are_busy() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&TWO_BY_TWO);
    server.wait_for_capacity(4);
    let (pid, mut clients, _others) = connections_of_two_workers(&server, 6);
    let request = Request::get("/pid").kept().bytes();
    let cuts = [3, 16, 100];
    for (cut, client) in cuts.iter().zip(&mut clients[2..]) {
        client.send(&request[..*cut]);
    }
    // What was sent before is read before this is served.
    assert_eq!(clients[5].ask(&Request::get("/pid").kept()).text(), pid.to_string());
    fill(&sandbox, pid, &mut clients, "a");
    for (cut, client) in cuts.iter().zip(&mut clients[2..]) {
        client.send(&request[*cut..]);
        assert_ne!(client.answer(1).text(), pid.to_string(), "cut at {cut}");
    }
    assert_eq!(sandbox.held("a"), [pid, pid], "it was busy all the time");
    sandbox.release("a");
    for client in &mut clients[..2] {
        assert_eq!(client.answer(1).text(), "held");
    }
    server.stop();
}

#[test]
fn a_stopping_server_serves_what_no_thread_was_free_for() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve(&TWO_BY_TWO);
    server.wait_for_capacity(4);
    let mut clients: Vec<_> = (0..12).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    for client in &mut clients[..4] {
        client.send(&Request::get("/hold/a").kept().bytes());
    }
    sandbox.wait_for_held("a", 4);
    for client in &mut clients[4..] {
        client.send(&Request::get("/version").kept().bytes());
    }
    server.signal(nix::sys::signal::Signal::SIGTERM);
    sandbox.release("a");
    for client in &mut clients[..4] {
        assert_eq!(client.answer(1).text(), "held");
    }
    for client in &mut clients[4..] {
        assert_eq!(client.answer(1).text(), "one");
    }
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn no_request_is_lost_or_mixed_up_while_connections_change_hands() {
    change_hands(&["maxspare=4", "minspare=0", "maxchildren=4"]);
    change_hands(&TWO_BY_TWO);
}

/// Asks on connections at random while up to three of four threads are busy.
fn change_hands(options: &[&str]) {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(options);
    server.wait_for_capacity(4);
    let workers = server.workers().len();
    let mut clients: Vec<_> = (0..40).map(|_| server.connect()).collect();
    let mut chance: usize = 20_231;
    for round in 0..25 {
        let name = format!("r{round}");
        // Who is asked, and how many workers are busy meanwhile, differs from round to round.
        for place in (1..clients.len()).rev() {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            clients.swap(place, (chance >> 33) % (place + 1));
        }
        let (holding, others) = clients.split_at_mut(round % 4);
        for client in holding.iter_mut() {
            client.send(&Request::get(&format!("/hold/{name}")).kept().bytes());
        }
        let busy = sandbox.wait_for_held(&name, holding.len());
        for (number, client) in others[..20].iter_mut().enumerate() {
            let token = format!("{name}-{number}");
            let request = Request::get("/environ/HTTP_TOKEN").with("HTTP_TOKEN", &token).kept();
            client.send(&request.bytes());
        }
        for (number, client) in others[..20].iter_mut().enumerate() {
            assert_eq!(client.answer(1).text(), format!("{name}-{number}"), "while {busy:?} are busy");
        }
        sandbox.release(&name);
        for client in holding {
            assert_eq!(client.answer(1).text(), "held");
        }
    }
    assert_eq!(server.workers().len(), workers);
    server.stop();
}

#[test]
fn a_request_that_no_worker_could_take_is_served_before_the_server_stops() {
    let sandbox = Sandbox::new();
    let mut server = sandbox.serve(&["maxspare=2", "minspare=0", "maxchildren=2"]);
    server.wait_for_capacity(2);
    let mut clients: Vec<_> = (0..8).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    }
    let sockets = || server.workers().into_iter().map(sockets_of).sum::<usize>();
    for client in &mut clients[..2] {
        client.send(&Request::get("/hold/a").kept().bytes());
    }
    sandbox.wait_for_held("a", 2);
    for client in &mut clients[2..] {
        client.send(&Request::get("/version").kept().bytes());
    }
    until("the connections wait for any worker", || sockets() == 2);
    server.signal(nix::sys::signal::Signal::SIGTERM);
    sandbox.release("a");
    for client in &mut clients[..2] {
        assert_eq!(client.answer(1).text(), "held");
    }
    for client in &mut clients[2..] {
        assert_eq!(client.answer(1).text(), "one");
    }
    assert_eq!(server.wait(), Some(0));
}

/// How many connections of web servers a process holds.
fn sockets_of(pid: i32) -> usize {
    // Sockets that have a path: the listener, and what was accepted from it.
    let table = fs::read_to_string(format!("/proc/{pid}/net/unix")).unwrap();
    let accepted: Vec<String> = table
        .lines()
        .filter(|line| line.ends_with("/s.sock"))
        .filter_map(|line| line.split_whitespace().nth(6).map(|inode| format!("socket:[{inode}]")))
        .collect();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    let found = links.filter(|link| accepted.iter().any(|socket| link.as_os_str() == &socket[..])).count();
    found.saturating_sub(1)
}

/// Whether the thread of a worker that looks after kept connections waits without a limit of time.
fn attendant_sleeps(worker: i32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{worker}/task")).unwrap();
    let mut waits = tasks.filter_map(|task| {
        let folder = task.ok()?.path();
        let name = fs::read_to_string(folder.join("comm")).ok()?;
        let call = fs::read_to_string(folder.join("syscall")).ok()?;
        // The number of the call and its arguments: of `futex`, the fourth is the limit.
        (name.trim_end() == "fcgi-attendant").then(|| call.split_whitespace().nth(4) == Some("0x0"))
    });
    let wait = waits.next();
    assert!(waits.next().is_none(), "one is enough");
    wait == Some(true)
}

#[test]
fn what_looks_after_kept_connections_sleeps_while_a_worker_is_idle() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=2", "minspare=0", "maxchildren=2"]);
    server.wait_for_capacity(2);
    let mut clients: Vec<_> = (0..4).map(|_| server.connect()).collect();
    for _ in 0..2 {
        for client in &mut clients {
            assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
        }
        clients[0].send(&Request::get("/hold/a").kept().bytes());
        let busy = sandbox.wait_for_held("a", 1)[0];
        for client in &mut clients[1..] {
            assert_ne!(client.ask(&Request::get("/pid").kept()).text(), busy.to_string());
        }
        // All but one are with the sibling now, which has to look after them.
        sandbox.release("a");
        assert_eq!(clients[0].answer(1).text(), "held");
        sandbox.forget("a");
        for worker in server.workers() {
            until("the attendant sleeps", || attendant_sleeps(worker));
        }
    }
    server.stop();
}
