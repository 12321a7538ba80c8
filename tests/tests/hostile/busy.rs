//! Some of the rows again, while the application is busy with a request of the connection: where one thread reads and serves,
//! as in prefork, what comes meanwhile must be heard all the same.

use fcgi_tests::client::abort;
use fcgi_tests::record::{GET_VALUES, PARAMS, RESPONDER, STDIN, begin, pairs, record, short_pairs};
use fcgi_tests::{Client, Sandbox};

use crate::harness::{Mode, Stage, filled, get, in_both_modes};

/// A third worker, for the request that has to be served while two are busy.
const WORDS: &[&str] = &["maxspare=3", "maxchildren=3"];

/// A connection with a request that the application holds.
fn busy(stage: &Stage<'_>, id: u16) -> Client {
    let mut client = stage.connect();
    client.send(&get("/hold/busy").id(id).kept().bytes());
    stage.sandbox.wait_for_held("busy", 1);
    client
}

fn is_held_to_its_end(sandbox: &Sandbox, client: &mut Client, id: u16) {
    sandbox.release("busy");
    let answer = client.answer(id);
    assert!(answer.is_whole() && answer.text() == "held", "{answer:?}");
    assert_eq!(client.ask(&get("/version").id(id).kept()).text(), "one");
}

#[test]
fn h06_another_version_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        let mut other = record(STDIN, 9, b"?");
        other[0] = 2;
        client.send(&other);
        assert!(client.is_closed_by_peer());
        stage.sandbox.release("busy");
        vec!["unsupported FastCGI version `2`"]
    });
}

#[test]
fn h13_an_unknown_role_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        client.send(&begin(2, 9, true));
        assert_eq!(client.answer(2).end, Some((0, 3)));
        is_held_to_its_end(stage.sandbox, &mut client, 1);
        vec![]
    });
}

#[test]
fn h14_begin_for_an_active_id_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 2);
        client.send(&begin(2, RESPONDER, true));
        assert!(client.is_closed_by_peer());
        stage.sandbox.release("busy");
        vec!["request `2` was begun while it was active"]
    });
}

#[test]
fn h15_a_second_id_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        client.send(&get("/version").id(2).kept().bytes());
        let answer = client.answer(2);
        match stage.mode {
            Mode::Threaded => assert_eq!(answer.text(), "one"),
            Mode::Prefork => assert_eq!((answer.end, answer.stdout.len()), (Some((0, 1)), 0)),
        }
        is_held_to_its_end(stage.sandbox, &mut client, 1);
        vec![]
    });
}

#[test]
fn h17_records_of_nobody_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        for kind in [PARAMS, STDIN] {
            client.send(&[filled(kind, 8, 60_000), record(kind, 8, &[]), abort(8)].concat());
        }
        // Read already, and not kept for later.
        client.send(&record(GET_VALUES, 0, &[]));
        assert!(client.management().content.is_empty());
        is_held_to_its_end(stage.sandbox, &mut client, 1);
        vec![]
    });
}

#[test]
fn h26_get_values_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        client.send(&record(GET_VALUES, 0, &pairs([("FCGI_MPXS_CONNS", "")])));
        let found = short_pairs(&client.management().content);
        let multiplexes = if stage.mode == Mode::Threaded { "1" } else { "0" };
        assert_eq!(found, [("FCGI_MPXS_CONNS".to_owned(), multiplexes.to_owned())]);
        is_held_to_its_end(stage.sandbox, &mut client, 1);
        vec![]
    });
}

#[test]
fn h38_an_abort_while_the_application_is_busy() {
    in_both_modes(WORDS, |stage| {
        let mut client = busy(stage, 1);
        client.send(&[abort(1), abort(1)].concat());
        stage.serves_at_once();
        stage.sandbox.release("busy");
        // The application had nothing sent by then: a header block, or nothing, but the end in any case.
        let answer = client.answer(1);
        assert!(answer.end.is_some() && answer.stdout_closed, "{answer:?}");
        client.send(&abort(1));
        assert_eq!(client.ask(&get("/version").kept()).text(), "one");
        vec![]
    });
}
