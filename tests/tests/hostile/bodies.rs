//! Rows 33 to 37: bodies that are not as long as they were said to be, or that never end.

use std::time::{Duration, Instant};

use fcgi_tests::record::{STDIN, record, stream};
use fcgi_tests::until;

use crate::harness::{AT_ONCE, Kept, filled, get, in_both_modes, is_page, post};

#[test]
fn h33_lengths_that_are_none() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for length in ["", "-1", "+5", "5 ", " 5", "0x5", "5.0", "five", "1e1"] {
            let request = post("/read", "hello").with("CONTENT_LENGTH", length).kept();
            assert_eq!(kept.client.ask(&request).text(), "5 of 5", "{length:?}");
        }
        let mut twice = post("/read", "hello").with("CONTENT_LENGTH", "5").kept();
        twice.params.push(("CONTENT_LENGTH".to_owned(), "5".to_owned()));
        assert_eq!(kept.client.ask(&twice).text(), "5 of 5");
        let ten_to_30 = format!("1{}", "0".repeat(30));
        for length in [&ten_to_30[..], "9223372036854775808", "18446744073709551616"] {
            let answer = kept.client.ask(&post("/hold/never", "hello").with("CONTENT_LENGTH", length).kept());
            assert!(is_page(&answer, 400), "{length}: {answer:?}");
        }
        twice.params.push(("CONTENT_LENGTH".to_owned(), "6".to_owned()));
        assert!(is_page(&kept.client.ask(&twice), 400));
        assert!(stage.sandbox.held("never").is_empty());
        kept.survives();
        vec!["length of the request body makes no sense"; 4]
    });
}

#[test]
fn h34_a_body_without_a_length() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        // In memory, and in a file.
        for size in [5, 65_536, 2_000_000] {
            let request = post("/read", vec![b'x'; size]).without("CONTENT_LENGTH").kept();
            assert_eq!(kept.client.ask(&request).text(), format!("{size} of {size}"));
            let request = post("/environ/CONTENT_LENGTH", vec![b'x'; size]).without("CONTENT_LENGTH").kept();
            assert_eq!(kept.client.ask(&request).text(), size.to_string());
        }
        let none = post("/read", "").without("CONTENT_LENGTH").kept();
        assert!(kept.client.ask(&none).text().starts_with("0 of "));
        let terminated = get("/environ/wsgi.input_terminated").kept();
        assert_eq!(kept.client.ask(&terminated).text(), "True");
        kept.survives();
        vec![]
    });
}

#[test]
fn h35_a_body_shorter_than_its_length() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for (size, length) in [(0, 5), (3, 10), (3, 1_000_000), (100_000, 200_000)] {
            let request = post("/read", vec![b'x'; size]).with("CONTENT_LENGTH", &length.to_string()).kept();
            assert_eq!(kept.client.ask(&request).text(), format!("{size} of {length}"));
        }
        kept.survives();
        vec!["?shorter", "?shorter", "?shorter", "?shorter"]
    });
}

#[test]
fn h36_a_body_longer_than_its_length() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        // The surplus looks like a request.
        let surplus = get("/exit").bytes().repeat(500);
        for length in [0, 4] {
            let body = [&[b'x'; 4][..], &surplus].concat();
            let request = post("/read", body).with("CONTENT_LENGTH", &length.to_string()).kept();
            assert_eq!(kept.client.ask(&request).text(), format!("{length} of {length}"));
            assert_eq!(kept.client.ask(&get("/version").kept()).text(), "one");
        }
        // Answered and ended before the surplus comes.
        let request = post("/read", "four").kept();
        kept.client.send(&[request.head(), record(STDIN, 1, b"four")].concat());
        assert_eq!(kept.client.answer(1).text(), "4 of 4");
        kept.client.send(&stream(STDIN, 1, &surplus, 65_535));
        kept.survives();
        vec![]
    });
}

#[test]
fn h37_a_body_whose_end_never_comes() {
    in_both_modes(&["draintimeout=1"], |stage| {
        // The body is as long as it was said to be; or the application did not want it.
        let wanted = post("/read", "four").kept();
        let unwanted = post("/version", vec![b'x'; 200_000]).kept();
        let mut all = Vec::new();
        for (request, text) in [(wanted, "4 of 4"), (unwanted, "one")] {
            let mut kept = stage.kept();
            let sent = request.body.len().min(65_536);
            let body: Vec<u8> =
                request.body[..sent].chunks(60_000).flat_map(|part| record(STDIN, 1, part)).collect();
            kept.client.send(&[request.head(), body].concat());
            let answer = kept.client.answer(1);
            assert!(answer.is_whole() && answer.text() == text, "{answer:?}");
            all.push(kept);
        }
        let start = Instant::now();
        all.into_iter().for_each(Kept::ends_with_the_last);
        assert!(start.elapsed() < AT_ONCE + Duration::from_secs(3), "{:?}", start.elapsed());
        vec!["?peer=", "?peer="]
    });
}

#[test]
fn h37_a_body_that_goes_on_for_ever() {
    in_both_modes(&["maxdrain=1m", "draintimeout=600"], |stage| {
        for kept in [true, false] {
            let mut client = stage.connect();
            let mut request = post("/version", vec![b'x'; 65_536]).with("CONTENT_LENGTH", "9999999999");
            request.keep = kept;
            client.send(&request.head());
            client.send(&[filled(STDIN, 1, 60_000), filled(STDIN, 1, 60_000)].concat());
            assert_eq!(client.answer(1).text(), "one");
            let more = filled(STDIN, 1, 60_000);
            until("the connection is closed", || client.try_send(&more).is_err());
        }
        vec!["?peer=", "?peer="]
    });
}

#[test]
fn h37_a_body_that_stalls_before_the_application_was_started() {
    in_both_modes(&["readtimeout=1", "draintimeout=1"], |stage| {
        let requests = [post("/hold/never", "four"), post("/hold/never", "four").without("CONTENT_LENGTH")];
        let mut all = requests.map(|request| {
            let mut kept = stage.kept();
            kept.client.send(&[request.kept().head(), record(STDIN, 1, b"thr")].concat());
            kept
        });
        for kept in &mut all {
            let answer = kept.client.answer(1);
            assert!(is_page(&answer, 408), "{answer:?}");
        }
        all.into_iter().for_each(Kept::ends_with_the_last);
        assert!(stage.sandbox.held("never").is_empty());
        vec!["request refused", "request refused"]
    });
}

#[test]
fn h37_a_body_that_stalls_while_the_application_reads_it() {
    in_both_modes(&["readtimeout=1"], |stage| {
        let mut client = stage.connect();
        let request = post("/read", vec![b'x'; 200_000]);
        client.send(&request.head());
        client.send(&[filled(STDIN, 1, 60_000), filled(STDIN, 1, 60_000)].concat());
        let answer = client.rest(1);
        assert!(!answer.is_whole() || answer.status() >= 400, "{answer:?}");
        vec!["has not sent the request body in time", "the application has failed"]
    });
}
