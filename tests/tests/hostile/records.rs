//! Rows 21 to 26: types that have no business there, and management records.

use fcgi_tests::Client;
use fcgi_tests::record::{
    DATA, GET_VALUES, GET_VALUES_RESULT, STDIN, UNKNOWN_TYPE, padded, pairs, record, short_pairs,
};

use crate::harness::{get, in_both_modes, post};

const NAMES: [&str; 3] = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"];

/// Asks for a value and gives the types of the management records that came until its answer.
fn management_up_to_now(client: &mut Client) -> Vec<(u8, Vec<u8>)> {
    client.send(&record(GET_VALUES, 0, &pairs([(NAMES[0], "")])));
    let mut found = Vec::new();
    loop {
        let next = client.management();
        if next.kind == GET_VALUES_RESULT {
            return found;
        }
        found.push((next.kind, next.content));
    }
}

#[test]
fn h21_data_for_a_responder() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", "four").id(2).kept();
        let data = [record(DATA, 2, &[b'd'; 1000]), record(DATA, 2, &[]), record(DATA, 2, b"more")].concat();
        kept.client.send(&[&data[..], &request.head(), &data, &request.stdin(), &data].concat());
        assert_eq!(kept.client.answer(2).text(), "4 of 4");
        kept.survives();
        vec![]
    });
}

#[test]
fn h22_types_of_an_application_from_a_web_server() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", "four").id(2).kept();
        kept.client.send(&request.head());
        for _ in 0..5 {
            for kind in [3, 6, 7, 10, 11] {
                kept.client.send(
                    &[record(kind, 0, &[0; 8]), record(kind, 2, &[0; 8]), record(kind, 9, b"x")].concat(),
                );
            }
        }
        let answers = management_up_to_now(&mut kept.client);
        assert_eq!(answers, [(UNKNOWN_TYPE, vec![3, 0, 0, 0, 0, 0, 0, 0])]);
        kept.client.send(&request.stdin());
        assert_eq!(kept.client.answer(2).text(), "4 of 4");
        kept.survives();
        vec![]
    });
}

#[test]
fn h23_unknown_types_with_an_id() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", "four").id(2).kept();
        let odd: Vec<u8> = [0, 12, 13, 99, 127, 128, 254, 255]
            .into_iter()
            .flat_map(|kind| {
                [padded(kind, 2, b"what is this", 3), padded(kind, 9, &vec![0xff; 65_535], 255)].concat()
            })
            .collect();
        kept.client.send(&odd);
        kept.client.send(&[request.head(), odd.clone(), request.stdin()].concat());
        assert_eq!(kept.client.answer(2).text(), "4 of 4");
        assert_eq!(management_up_to_now(&mut kept.client), []);
        kept.survives();
        vec![]
    });
}

#[test]
fn h24_unknown_types_without_an_id() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let kinds: Vec<u8> = std::iter::once(0).chain(12..=255).collect();
        let request = post("/read", "four").id(2).kept();
        kept.client.send(&request.head());
        for kind in &kinds {
            kept.client.send(&padded(*kind, 0, b"abc", 5));
        }
        let answers = management_up_to_now(&mut kept.client);
        assert!((1..=64).contains(&answers.len()), "{}", answers.len());
        for (kind, answer) in kinds.iter().zip(answers) {
            assert_eq!(answer, (UNKNOWN_TYPE, vec![*kind, 0, 0, 0, 0, 0, 0, 0]));
        }
        kept.client.send(&request.stdin());
        assert_eq!(kept.client.answer(2).text(), "4 of 4");
        kept.survives();
        vec![]
    });
}

#[test]
fn h25_get_values_of_unusual_content() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let many: Vec<String> = (0..10_000).map(|number| format!("X{number:03}")).collect();
        // Among thousands of others, each twice and with a value.
        let known = NAMES.iter().chain(&NAMES).map(|name| (*name, "17"));
        let all = pairs(many[..4_000].iter().map(|name| (&name[..], "")).chain(known.clone()));
        kept.client.send(&record(GET_VALUES, 0, &all));
        let found = short_pairs(&kept.client.management().content);
        assert_eq!(found.iter().map(|(name, _)| &name[..]).collect::<Vec<_>>(), NAMES);
        assert!(found.iter().all(|(_, value)| value != "17"), "{found:?}");
        let unknown = pairs(many.iter().map(|name| (&name[..4], "")));
        for content in [&unknown[..], &[], &vec![0; 20_000]] {
            kept.client.send(&record(GET_VALUES, 0, content));
            let result = kept.client.management();
            assert_eq!((result.kind, result.content), (GET_VALUES_RESULT, vec![]));
        }
        kept.survives();
        for broken in [&b"\x0eFCGI_MAX_CONNS"[..], b"\xff\xff\xff\xff\xff\xff\xff\xff", b"\x0e\x00FCGI"] {
            let mut kept = stage.kept();
            kept.client.send(&record(GET_VALUES, 0, broken));
            kept.goes_down();
        }
        vec!["a management record holds malformed pairs"; 3]
    });
}

#[test]
fn h26_get_values_within_a_request() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let query = record(GET_VALUES, 0, &pairs(NAMES.map(|name| (name, ""))));
        let mine = record(GET_VALUES, 1, &pairs(NAMES.map(|name| (name, ""))));
        let request = post("/read", "four").kept();
        for part in
            [&request.head()[..], &query, &mine, &record(STDIN, 1, b"fo"), &query, &record(STDIN, 1, b"ur")]
        {
            kept.client.send(part);
        }
        for _ in 0..2 {
            assert_eq!(short_pairs(&kept.client.management().content).len(), 3);
        }
        kept.client.send(&record(STDIN, 1, &[]));
        assert_eq!(kept.client.answer(1).text(), "4 of 4");
        // While an answer fills the socket, which is read only then: every record has to be whole.
        kept.client.send(&get("/early").kept().bytes());
        kept.client.begun(1);
        kept.client.send(&[query.clone(), mine.clone(), query.clone()].concat());
        let answer = kept.client.answer(1);
        assert!(answer.is_whole() && answer.body().len() == 128 * 65_536);
        assert!(answer.body().iter().all(|byte| *byte == b'x'));
        for _ in 0..2 {
            assert_eq!(short_pairs(&kept.client.management().content).len(), 3);
        }
        assert_eq!(management_up_to_now(&mut kept.client), []);
        kept.survives();
        vec![]
    });
}
