//! Connections that a prefork worker keeps while it serves another one: their requests must not wait for it.

use fcgi_tests::{Client, Request, Sandbox, Server};

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
