//! Rows 27 to 32: the parameters.

use fcgi_tests::record::{PARAMS, RESPONDER, STDIN, begin, padded, pairs, record, stream};
use fcgi_tests::{Request, processes};

use crate::harness::{SECRET, Stage, get, in_both_modes, is_page, post};

/// The bytes of a kept request with id 1 whose parameters are those of `request` and then these.
fn with_pairs(request: &Request, more: &[u8]) -> Vec<u8> {
    let pairs = [&request.pairs()[..], more].concat();
    [begin(1, RESPONDER, true), stream(PARAMS, 1, &pairs, 65_535), request.stdin()].concat()
}

/// Sends a request on a connection that survives, and gives the answer's text.
fn text(stage: &Stage<'_>, bytes: &[u8]) -> String {
    let mut kept = stage.kept();
    kept.client.send(bytes);
    let answer = kept.client.answer(1);
    assert!(answer.is_whole() && answer.status() == 200, "{answer:?}");
    kept.survives();
    answer.text()
}

#[test]
fn h27_pairs_cut_over_records() {
    in_both_modes(&[], |stage| {
        let long = "v".repeat(300);
        let request = get("/environ/HTTP_LONG").with("HTTP_LONG", &long);
        let pairs = request.pairs();
        // Every cut into two falls once within each of the lengths, one of four bytes among them.
        let at = pairs.windows(4).position(|four| four == b"\x80\x00\x01\x2c").unwrap();
        for cut in [1, at - 1, at, at + 1, at + 2, at + 3, at + 4, at + 9, pairs.len() - 1] {
            let (head, tail) = pairs.split_at(cut);
            let params = [record(PARAMS, 1, head), record(PARAMS, 1, tail), record(PARAMS, 1, &[])].concat();
            let mut client = stage.connect();
            client.send(&[begin(1, RESPONDER, false), params, record(STDIN, 1, &[])].concat());
            assert_eq!(client.answer(1).text(), long, "{cut}");
        }
        let bytes: Vec<u8> = pairs.iter().flat_map(|byte| padded(PARAMS, 1, &[*byte], 2)).collect();
        let bytes =
            [begin(1, RESPONDER, true), bytes, record(PARAMS, 1, &[]), record(STDIN, 1, &[])].concat();
        assert_eq!(text(stage, &bytes), long);
        vec![]
    });
}

#[test]
fn h28_the_end_within_a_pair() {
    in_both_modes(&[], |stage| {
        let parts: [&[u8]; 4] = [b"\x05", b"\x80\x00", b"\x05\x05HTTP", b"\x01\x85"];
        for part in parts {
            let mut kept = stage.kept();
            kept.client.send(&with_pairs(&get("/hold/never"), part));
            let answer = kept.client.answer(1);
            assert!(is_page(&answer, 400), "{part:?}: {answer:?}");
            kept.ends_with_the_last();
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec!["parameters end inside a pair"; 4]
    });
}

#[test]
fn h29_huge_lengths() {
    in_both_modes(&["maxparams=64k"], |stage| {
        let memory = || stage.server.workers().into_iter().map(processes::peak_of_memory).sum::<u64>();
        let before = memory();
        let parts: [&[u8]; 4] = [
            b"\xff\xff\xff\xff\xff\xff\xff\xffAAAA",
            b"\x01\xff\xff\xff\xffA",
            b"\xff\xff\xff\xff\x01A",
            // One byte more than is left.
            b"\x00\x80\x01\x00\x00",
        ];
        for part in parts {
            let mut kept = stage.kept();
            kept.client.send(&with_pairs(&get("/hold/never"), part));
            let answer = kept.client.answer(1);
            assert!(is_page(&answer, 431), "{part:?}: {answer:?}");
            kept.ends_with_the_last();
        }
        assert!(memory().saturating_sub(before) < 64 << 20, "{before} and then {}", memory());
        vec!["a parameter announces too many bytes"; 4]
    });
}

#[test]
fn h30_very_many_pairs() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        kept.client.send(&with_pairs(&get("/hold/never"), &b"\x01\x00a".repeat(100_000)));
        let answer = kept.client.answer(1);
        assert!(is_page(&answer, 431), "{answer:?}");
        kept.survives();
        assert!(stage.sandbox.held("never").is_empty());
        // As many as are allowed, of names that older hash functions take for one and the same.
        let few = get("/names/HTTP_").without("HTTP_COOKIE");
        let names = (0..4096 - few.params.len()).map(|number| {
            (0..12)
                .fold("HTTP_".to_owned(), |name, bit| name + if number >> bit & 1 == 0 { "Ez" } else { "FY" })
        });
        let names: Vec<String> = names.collect();
        let more = pairs(names.iter().map(|name| (&name[..], "")));
        assert_eq!(text(stage, &with_pairs(&few, &more)), names.len().to_string());
        let one_more = [&more[..], b"\x01\x00a"].concat();
        let mut kept = stage.kept();
        kept.client.send(&with_pairs(&few, &one_more));
        assert!(is_page(&kept.client.answer(1), 431));
        kept.survives();
        vec!["too many parameters"; 2]
    });
}

#[test]
fn h31_odd_names_and_values() {
    in_both_modes(&[], |stage| {
        let ask = |path: &str, more: &[(&str, &str)]| {
            text(stage, &with_pairs(&get(path), &pairs(more.iter().copied())))
        };
        assert_eq!(ask("/environ/HTTP_X", &[("HTTP_X", "first"), ("HTTP_X", "second")]), "second");
        assert_eq!(ask("/environ/", &[("", "nameless"), ("", "")]), "None");
        assert_eq!(ask("/environ/HTTP_A=B", &[("HTTP_A=B", "c=d")]), "c=d");
        assert_eq!(ask("/environ/HTTP_A\nB", &[("HTTP_A\nB", "c\r\nd")]), "c\r\nd");
        assert_eq!(ask("/environ/A", &[("A=B", ""), ("HTTP_A", "")]), "None");
        for nul in [("HTTP_A", "b\0c"), ("HTTP\0A", "b"), ("\0", ""), ("", "\0")] {
            let mut kept = stage.kept();
            kept.client.send(&with_pairs(&get("/hold/never"), &pairs([nul])));
            let answer = kept.client.answer(1);
            assert!(is_page(&answer, 400), "{nul:?}: {answer:?}");
            kept.survives();
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec!["a parameter holds a NUL byte"; 4]
    });
}

#[test]
fn h32_values_that_are_no_text() {
    in_both_modes(&[], |stage| {
        let all: Vec<u8> = (1..=255).collect();
        let as_text: String = all.iter().map(|byte| char::from(*byte)).collect();
        let odd: [&[u8]; 4] = [&all, b"\xff\xfe", b"\xc3\x28", "\u{1f40d}".as_bytes()];
        for value in odd {
            let more = pairs([(&b"HTTP_X"[..], value)]);
            let expected: String = value.iter().map(|byte| char::from(*byte)).collect();
            assert_eq!(text(stage, &with_pairs(&get("/environ/HTTP_X"), &more)), expected);
        }
        // In the parameters that the server itself looks at.
        for name in [
            "PATH_INFO",
            "SCRIPT_NAME",
            "REQUEST_METHOD",
            "QUERY_STRING",
            "SERVER_PORT",
            "HTTPS",
            "REQUEST_URI",
        ] {
            let more = pairs([(name.as_bytes(), &all[..])]);
            let mut kept = stage.kept();
            kept.client.send(&with_pairs(&get("/version"), &more));
            assert!(kept.client.answer(1).is_whole(), "{name}");
            kept.survives();
        }
        let more = pairs([(&all[..], &all[..])]);
        assert_eq!(text(stage, &with_pairs(&get(&format!("/names/{}", &as_text[..1])), &more)), "1");
        assert_eq!(text(stage, &post("/read", SECRET).kept().bytes()), "16 of 16");
        vec![]
    });
}
