//! What becomes of parameters, row by row.

use proptest::prelude::*;

use super::{ContentLength, Essentials, has_nul, keep, query_of_uri, url_scheme};

#[test]
fn names_that_reach_the_application() {
    for name in
        ["PATH_INFO", "HTTP_HOST", "HTTP_PROXY_X", "http_proxy", "wsgi", "odd=name", "odd\nname", "PROXY"]
    {
        assert!(keep(name.as_bytes()), "{name:?}");
    }
    for name in
        ["", "HTTP_PROXY", "HTTP_CONTENT_LENGTH", "HTTP_CONTENT_TYPE", "wsgi.input", "wsgi.", "fcgi.data"]
    {
        assert!(!keep(name.as_bytes()), "{name:?}");
        assert!(!Essentials::default().note(name.as_bytes(), b""), "{name:?}");
    }
}

#[test]
fn nul_is_noticed_anywhere() {
    assert!(has_nul(b"a\0") && has_nul(b"\0") && !has_nul(b"") && !has_nul(b"a\x01\n\xff"));
}

#[test]
fn scheme_of_a_request() {
    let rows: [(Option<&str>, Option<&str>, &str); 12] = [
        (None, None, "http"),
        (Some("on"), None, "https"),
        (Some("ON"), None, "https"),
        (Some("1"), None, "https"),
        (Some("off"), None, "http"),
        (Some("0"), None, "http"),
        (Some("https"), None, "http"),
        (Some(""), Some("https"), "https"),
        (None, Some("https"), "https"),
        (None, Some("HTTPS"), "https"),
        (None, Some("http"), "http"),
        (Some("off"), Some("https"), "http"),
    ];
    for (https, scheme, expected) in rows {
        let found = url_scheme(https.map(str::as_bytes), scheme.map(str::as_bytes));
        assert_eq!(found, expected, "{https:?} {scheme:?}");
    }
}

#[test]
fn lengths_that_are_numbers_and_others() {
    use ContentLength::{Invalid, Known, Unknown};
    let rows: [(&str, ContentLength); 15] = [
        ("", Unknown),
        ("-1", Unknown),
        ("+5", Unknown),
        ("5 ", Unknown),
        (" 5", Unknown),
        ("0x5", Unknown),
        ("5,5", Unknown),
        ("\u{665}", Unknown),
        ("0", Known(0)),
        ("5", Known(5)),
        ("007", Known(7)),
        ("0000000000000000000000000000000000000012", Known(12)),
        ("9223372036854775807", Known(9_223_372_036_854_775_807)),
        ("9223372036854775808", Invalid),
        ("1000000000000000000000000000000", Invalid),
    ];
    for (text, expected) in rows {
        assert_eq!(ContentLength::parse(text.as_bytes()), expected, "{text:?}");
    }
}

#[test]
fn a_length_sent_twice_must_agree() {
    let lengths = |values: &[&'static str]| {
        let mut essentials = Essentials::default();
        for value in values {
            assert!(essentials.note(b"CONTENT_LENGTH", value.as_bytes()));
        }
        essentials.content_length
    };
    assert_eq!(lengths(&["5", "5"]), ContentLength::Known(5));
    assert_eq!(lengths(&["5", "6"]), ContentLength::Invalid);
    assert_eq!(lengths(&["5", "6", "5"]), ContentLength::Invalid);
    assert_eq!(lengths(&["", "5"]), ContentLength::Known(5));
    assert_eq!(lengths(&["5", ""]), ContentLength::Known(5));
    assert_eq!(lengths(&[]), ContentLength::Unknown);
}

#[test]
fn query_of_a_request_target() {
    let rows = [
        ("/a", ""),
        ("/a?", ""),
        ("/a?b=c", "b=c"),
        ("/a?b?c", "b?c"),
        ("/a?b#c", "b"),
        ("/a#?b", ""),
        ("", ""),
    ];
    for (uri, query) in rows {
        assert_eq!(query_of_uri(uri.as_bytes()), query.as_bytes(), "{uri}");
    }
}

fn filled(parameters: &[(&'static str, &'static str)]) -> Vec<(&'static str, String)> {
    let mut essentials = Essentials::default();
    for (name, value) in parameters {
        essentials.note(name.as_bytes(), value.as_bytes());
    }
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    essentials.missing().map(|(name, value)| (name, text(value))).collect()
}

#[test]
fn a_bare_request_is_completed() {
    let expected = [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_NAME", "localhost"),
        ("SERVER_PORT", "80"),
        ("SERVER_PROTOCOL", "HTTP/1.0"),
        ("QUERY_STRING", ""),
    ];
    assert_eq!(filled(&[]), expected.map(|(name, value)| (name, value.to_owned())));
}

#[test]
fn a_whole_request_stays_as_it_is() {
    let sent = [
        ("REQUEST_METHOD", "POST"),
        ("SERVER_NAME", "h"),
        ("SERVER_PORT", "8080"),
        ("SERVER_PROTOCOL", "HTTP/2.0"),
        ("QUERY_STRING", ""),
        ("REQUEST_URI", "/x"),
    ];
    assert_eq!(filled(&sent), []);
}

#[test]
fn query_and_port_are_taken_from_what_is_there() {
    let sent = [
        ("REQUEST_METHOD", "GET"),
        ("SERVER_NAME", "h"),
        ("SERVER_PORT", ""),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("QUERY_STRING", ""),
        ("REQUEST_URI", "/x?y=z"),
        ("HTTPS", "on"),
    ];
    let expected = [("SERVER_PORT", "443".to_owned()), ("QUERY_STRING", "y=z".to_owned())];
    assert_eq!(filled(&sent), expected);
}

#[test]
fn the_last_of_two_equal_names_counts() {
    let mut essentials = Essentials::default();
    essentials.note(b"REQUEST_METHOD", b"GET");
    essentials.note(b"REQUEST_METHOD", b"PUT");
    essentials.note(b"PATH_INFO", b"/a");
    essentials.note(b"PATH_INFO", b"/b");
    assert_eq!(essentials.request_method, Some(b"PUT".as_slice()));
    assert_eq!(essentials.path.path_info, Some(b"/b".as_slice()));
}

proptest! {
    #[test]
    fn a_number_is_its_own_length(number in 0..=i64::MAX.unsigned_abs(), zeros in 0..30_usize) {
        let text = format!("{}{number}", "0".repeat(zeros));
        prop_assert_eq!(ContentLength::parse(text.as_bytes()), ContentLength::Known(number));
    }

    #[test]
    fn what_is_not_all_digits_is_no_length(text in "[0-9]{0,3}[^0-9][0-9]{0,3}") {
        prop_assert_eq!(ContentLength::parse(text.as_bytes()), ContentLength::Unknown);
    }
}
