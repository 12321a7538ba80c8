//! The checks of PEP 3333 on status and headers, and the bytes of a head.

use super::{
    HeadError, Status, body_allowed, check_header, check_header_name, check_header_value, is_hop_by_hop,
    parse_content_length, parse_status, reason_phrase, write_head, write_header,
};

#[test]
fn a_sound_status_is_taken_apart() {
    for (status, code, reason) in [
        ("200 OK", 200, "OK"),
        ("404 Not Found", 404, "Not Found"),
        ("200 ", 200, ""),
        ("299  odd  spaces ", 299, " odd  spaces "),
        ("999 Last", 999, "Last"),
        ("100 Continue", 100, "Continue"),
    ] {
        assert_eq!(
            parse_status(status.as_bytes()),
            Ok(Status { code, reason: reason.as_bytes() }),
            "{status}"
        );
    }
    assert_eq!(parse_status(b"200 Gr\xfc\xdfe").map(|status| status.reason.len()), Ok(5));
}

#[test]
fn a_faulty_status_is_refused() {
    for status in
        ["", "200", "20 OK", "2000 OK", " 200 OK", "200\tOK", "OK", "+20 OK", "099 Low", "200OK", "2x0 OK"]
    {
        assert_eq!(
            parse_status(status.as_bytes()),
            Err(HeadError::Status(status.escape_debug().to_string()))
        );
    }
    for status in ["200 OK\r\nX: y", "200 OK\n", "200 O\tK", "200 \0", "200 \x7f", "200 \x1b[1m"] {
        assert!(matches!(parse_status(status.as_bytes()), Err(HeadError::StatusControl(_))), "{status:?}");
    }
}

#[test]
fn messages_show_no_control_characters() {
    let error = parse_status(b"200 OK\r\nSet-Cookie: a").unwrap_err();
    assert_eq!(error.to_string(), r"status `200 OK\r\nSet-Cookie: a` has a control character");
    let long = "x".repeat(1000);
    assert!(check_header_name(format!("{long} ").as_bytes()).unwrap_err().to_string().len() < 120);
}

#[test]
fn header_names_are_tokens() {
    for name in ["X", "Content-Type", "x_y.z", "!#$%&'*+-.^_`|~", "0"] {
        assert_eq!(check_header_name(name.as_bytes()), Ok(()), "{name}");
    }
    for name in [
        "", " ", "X ", "X:", "X Y", "X\r\nY", "X\0", "\u{e9}", "X(", "X)", "X,", "X/", "X@", "X[", "\"X\"",
        "X\x7f",
    ] {
        assert!(check_header_name(name.as_bytes()).is_err(), "{name:?}");
    }
}

#[test]
fn header_values_have_no_controls_but_tab() {
    for value in ["", "text/html", " a\tb ", "~", "\u{e9}"] {
        assert_eq!(check_header_value(value.as_bytes()), Ok(()), "{value:?}");
    }
    assert_eq!(check_header_value(b"\x80\xff"), Ok(()));
    for byte in (0..=0x1f_u8).filter(|byte| *byte != b'\t').chain([0x7f]) {
        assert!(check_header_value(&[b'a', byte, b'b']).is_err(), "{byte:#x}");
    }
}

#[test]
fn headers_of_the_connection_are_refused() {
    for name in [
        "Connection",
        "keep-alive",
        "Proxy-Authenticate",
        "PROXY-AUTHORIZATION",
        "TE",
        "Trailers",
        "Transfer-Encoding",
        "upgrade",
    ] {
        assert!(is_hop_by_hop(name.as_bytes()), "{name}");
        assert_eq!(check_header(name.as_bytes(), b"x"), Err(HeadError::HopByHop(name.to_owned())));
    }
    for name in ["Content-Type", "Set-Cookie", "Location", "ETag", "Trailer", "Upgrade-Insecure-Requests"] {
        assert!(!is_hop_by_hop(name.as_bytes()), "{name}");
        assert_eq!(check_header(name.as_bytes(), b"x"), Ok(()));
    }
    assert_eq!(check_header(b"STATUS", b"200 OK"), Err(HeadError::StatusHeader));
}

#[test]
fn the_length_of_an_answer_is_a_number() {
    for (text, length) in
        [("0", 0), ("12", 12), (" 12 ", 12), ("9223372036854775807", 9_223_372_036_854_775_807)]
    {
        assert_eq!(parse_content_length(text.as_bytes()), Ok(length), "{text:?}");
    }
    for text in ["", " ", "-1", "+1", "1, 1", "0x1", "1.0", "9223372036854775808"] {
        assert_eq!(parse_content_length(text.as_bytes()), Err(HeadError::ContentLength(text.to_owned())));
    }
}

#[test]
fn head_keeps_order_and_doubles() {
    let status = parse_status(b"201 Gemacht").unwrap();
    let headers = [("Set-Cookie", "a=1"), ("X-Empty", ""), ("Set-Cookie", "b=2")];
    let mut out = b"before".to_vec();
    write_head(&mut out, status, headers).unwrap();
    assert_eq!(
        out,
        b"beforeStatus: 201 Gemacht\r\nSet-Cookie: a=1\r\nX-Empty: \r\nSet-Cookie: b=2\r\n\r\n".as_slice()
    );
}

#[test]
fn a_head_without_headers() {
    let mut out = Vec::new();
    write_head(&mut out, parse_status(b"204 No Content").unwrap(), [("", ""); 0]).unwrap();
    assert_eq!(out, b"Status: 204 No Content\r\n\r\n");
}

#[test]
fn a_refused_header_leaves_nothing_behind() {
    let status = parse_status(b"200 OK").unwrap();
    let mut out = b"before".to_vec();
    let error = write_head(&mut out, status, [("A", "b"), ("X", "a\r\nSet-Cookie: c")]).unwrap_err();
    assert_eq!(error, HeadError::Value("X".to_owned()));
    assert_eq!(write_header(&mut out, b"A b", b"c"), Err(HeadError::Name("A b".to_owned())));
    assert_eq!(out, b"before");
}

#[test]
fn answers_that_have_no_body() {
    assert!(body_allowed(b"GET", 200) && body_allowed(b"POST", 404) && body_allowed(b"GET", 205));
    assert!(body_allowed(b"head", 200), "method names are case-sensitive");
    for code in [100, 101, 199, 204, 304] {
        assert!(!body_allowed(b"GET", code), "{code}");
    }
    assert!(!body_allowed(b"HEAD", 200));
}

#[test]
fn reasons_are_found() {
    assert_eq!(reason_phrase(200), "OK");
    assert_eq!(reason_phrase(413), "Content Too Large");
    assert_eq!(reason_phrase(504), "Gateway Timeout");
    assert_eq!(reason_phrase(299), "Unknown");
    assert!(super::REASONS.is_sorted_by_key(|(code, _)| *code));
}
