//! Rows 33 to 37: bodies that are not as long as they were said to be, or that never end.

use fcgi_tests::record::{STDIN, record, stream};

use crate::harness::{get, in_both_modes, is_page, post};

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
