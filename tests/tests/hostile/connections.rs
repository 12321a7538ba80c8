//! Rows 1 to 5: connections on which nothing, too little or only a part comes.

use std::time::{Duration, Instant};

use fcgi_tests::record::{BEGIN, PARAMS, RESPONDER, STDIN, begin, padded, record};

use crate::harness::{get, in_both_modes, post};

#[test]
fn h01_nothing_is_sent() {
    in_both_modes(&["headertimeout=1"], |stage| {
        let start = Instant::now();
        let mut silent: Vec<_> = (0..10).map(|_| stage.connect()).collect();
        // A worker that waited for each would not come to this one in time.
        stage.serves_at_once();
        for client in &mut silent {
            assert!(client.is_closed_by_peer());
        }
        // The server has counted from the connect on, or from the first byte.
        assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
        vec![]
    });
}

#[test]
fn h02_closed_at_once() {
    in_both_modes(&[], |stage| {
        for _ in 0..50 {
            drop(stage.connect());
        }
        let client = stage.connect();
        client.finish_sending();
        stage.serves_at_once();
        vec![]
    });
}

#[test]
fn h03_a_head_that_comes_byte_by_byte_has_one_deadline() {
    in_both_modes(&["headertimeout=1"], |stage| {
        let mut clients = [stage.connect(), stage.connect()];
        // A head that comes second on its connection has no more time than one that comes first.
        assert_eq!(clients[1].ask(&get("/version").kept()).text(), "one");
        let head = get("/version").head();
        for client in &mut clients {
            let start = Instant::now();
            let mut left = head.iter();
            while !client.stirs_within(Duration::from_millis(100)) {
                let byte = left.next().expect("the connection outlives the head");
                if client.try_send(&[*byte]).is_err() {
                    break;
                }
            }
            assert!(client.is_closed_by_peer());
            // The server has counted from the connect on, or from the first byte.
            assert!(start.elapsed() >= Duration::from_millis(900), "{:?}", start.elapsed());
            assert!(left.len() > 0);
        }
        vec!["?peer=", "?peer="]
    });
}

#[test]
fn h04_the_end_within_a_header() {
    in_both_modes(&[], |stage| {
        let head = get("/hold/never").bytes();
        for cut in [1, 2, 7, 16 + 1, 16 + 7] {
            let mut client = stage.connect();
            client.send(&head[..cut]);
            client.finish_sending();
            assert!(client.is_closed_by_peer(), "{cut}");
        }
        let mut kept = stage.connect();
        assert_eq!(kept.ask(&get("/version").kept()).text(), "one");
        kept.send(&head[..5]);
        kept.finish_sending();
        assert!(kept.is_closed_by_peer());
        assert!(stage.sandbox.held("never").is_empty());
        vec![]
    });
}

#[test]
fn h05_the_end_within_content_or_padding() {
    in_both_modes(&[], |stage| {
        let request = post("/hold/never", "body");
        let pairs = request.pairs();
        let [open, body] = [begin(1, RESPONDER, true), record(STDIN, 1, b"body")];
        let parts: [Vec<u8>; 7] = [
            record(BEGIN, 1, &[0, 1, 0, 0, 0, 0, 0, 0])[..11].to_vec(),
            [&open[..], &record(PARAMS, 1, &pairs)[..30]].concat(),
            [&open[..], &padded(PARAMS, 1, &pairs, 9)[..8 + pairs.len() + 4]].concat(),
            // PARAMS as whole as they can be without their end.
            [&open[..], &record(PARAMS, 1, &pairs)].concat(),
            [&open[..], &record(PARAMS, 1, &pairs), &padded(PARAMS, 1, &[], 200)[..100]].concat(),
            [&request.head()[..], &body[..10]].concat(),
            [&request.head()[..], &padded(STDIN, 1, b"bod", 7)[..13]].concat(),
        ];
        for part in parts {
            let mut client = stage.connect();
            client.send(&part);
            client.finish_sending();
            assert!(client.is_closed_by_peer(), "{}", part.len());
        }
        assert!(stage.sandbox.held("never").is_empty(), "the application was started");
        vec![]
    });
}
