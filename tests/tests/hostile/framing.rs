//! Rows 6 to 12: what is no record, and records of unusual form.

use fcgi_tests::record::{BEGIN, GET_VALUES, PARAMS, RESPONDER, STDIN, begin, padded, record};

use crate::harness::{Mode, SECRET, get, in_both_modes, post};

#[test]
fn h06_another_version() {
    in_both_modes(&[], |stage| {
        for version in [0, 2, 255] {
            let mut other = record(STDIN, 9, b"?");
            other[0] = version;
            let mut first = stage.connect();
            first.send(&other);
            assert!(first.is_closed_by_peer(), "{version}");
            // In the middle of a request, and while others run on the connection.
            let mut kept = stage.kept();
            kept.client.send(&[post("/hold/never", "body").id(1).kept().head(), other].concat());
            kept.goes_down();
        }
        assert!(stage.sandbox.held("never").is_empty());
        vec!["protocol error, the connection is closed"; 6]
    });
}

#[test]
fn h07_http_or_tls_on_the_socket() {
    in_both_modes(&[], |stage| {
        let http = format!("GET / HTTP/1.1\r\nHost: x\r\nCookie: {SECRET}\r\n\r\n");
        let scgi = format!("70:CONTENT_LENGTH\x000\x00SCGI\x001\x00HTTP_COOKIE\x00{SECRET}\x00,");
        for text in [http.as_bytes(), b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", scgi.as_bytes()] {
            let mut client = stage.connect();
            client.send(text);
            assert!(client.is_closed_by_peer(), "{text:?}");
        }
        vec!["speak HTTP", "speak TLS", "speak SCGI"]
    });
}

#[test]
fn h08_reserved_bytes_and_unknown_flags() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        let request = post("/read", "four").id(3).kept();
        let mut bytes = request.bytes();
        // The reserved byte of each header.
        let mut at = 0;
        while at < bytes.len() {
            bytes[at + 7] = 0xaa;
            at += 8 + usize::from(u16::from_be_bytes([bytes[at + 4], bytes[at + 5]]));
        }
        // All flags, and the reserved bytes of the body of BEGIN_REQUEST.
        bytes[10..16].fill(0xff);
        kept.client.send(&bytes);
        assert_eq!(kept.client.answer(3).text(), "4 of 4");
        // Flags without the one that is known.
        let mut other = stage.connect();
        let mut bytes = get("/version").bytes();
        bytes[10] = 0xfe;
        other.send(&bytes);
        assert_eq!(other.answer(1).text(), "one");
        assert!(other.is_closed_by_peer());
        kept.survives();
        vec![]
    });
}

#[test]
fn h09_the_longest_record() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for _ in 0..3 {
            let request = post("/read", vec![b'x'; 65_535]).kept();
            kept.client.send(&request.head());
            kept.client.send(&padded(STDIN, 1, &request.body, 255));
            kept.client.send(&padded(STDIN, 1, &[], 255));
            assert_eq!(kept.client.answer(1).text(), "65535 of 65535");
        }
        // The parameters fill it to its last byte.
        let request = get("/names/HTTP_LONG");
        let head_of_pair = 1 + 4 + "HTTP_LONG".len();
        let long = "v".repeat(65_535 - request.pairs().len() - head_of_pair);
        let pairs = request.with("HTTP_LONG", &long).pairs();
        kept.client.send(&begin(1, RESPONDER, true));
        kept.client.send(&padded(PARAMS, 1, &pairs, 255));
        kept.client.send(&[padded(PARAMS, 1, &[], 255), padded(STDIN, 1, &[], 255)].concat());
        assert_eq!(kept.client.answer(1).text(), "1");
        kept.survives();
        vec![]
    });
}

#[test]
fn h10_padding_everywhere() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        for padding in [1, 7, 8, 254, 255] {
            let request = post("/read", "four");
            let bytes = [
                padded(BEGIN, 1, &[0, 1, 1, 0, 0, 0, 0, 0], padding),
                padded(GET_VALUES, 0, &[], padding),
                padded(PARAMS, 1, &request.pairs(), padding),
                padded(PARAMS, 1, &[], padding),
                padded(STDIN, 1, b"fo", padding),
                padded(STDIN, 1, b"ur", padding),
                padded(STDIN, 1, &[], padding),
            ];
            kept.client.send(&bytes.concat());
            assert_eq!(kept.client.answer(1).text(), "4 of 4", "{padding}");
        }
        kept.survives();
        vec![]
    });
}

#[test]
fn h11_begin_of_another_length() {
    in_both_modes(&[], |stage| {
        for length in [0, 4, 7, 9, 16] {
            let mut kept = stage.kept();
            kept.client.send(&record(BEGIN, 1, &[0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0][..length]));
            kept.goes_down();
        }
        vec!["`BEGIN_REQUEST` is"; 5]
    });
}

#[test]
fn h12_begin_with_id_0() {
    in_both_modes(&[], |stage| {
        let mut kept = stage.kept();
        kept.client.send(&begin(0, RESPONDER, true));
        kept.goes_down();
        let mut other = stage.connect();
        if stage.mode == Mode::Prefork {
            // Within a request whose body is still on its way.
            other.send(&post("/hold/never", "body").kept().head());
        }
        other.send(&begin(0, RESPONDER, true));
        assert!(other.is_closed_by_peer());
        assert!(stage.sandbox.held("never").is_empty());
        vec!["`BEGIN_REQUEST` has request id `0`"; 2]
    });
}
