//! What becomes of the parameters of a request before an application sees them.
//!
//! In come names and values as the web server sent them; out go the verdict on each name, the values that are missing
//! and have to be filled in, the URL scheme and the length of the body. Values stay bytes: nothing is decoded here,
//! and nothing ever reaches the environment of the process (CVE-2016-5385, "httpoxy").
//!
//! Source: RFC 3875 section 4.1, PEP 3333 "environ Variables".

use super::path::SentPath;

/// Whether a parameter is handed to the application.
///
/// Dropped are nameless ones, `wsgi.*` and `fcgi.*` (keys of our own), `HTTP_PROXY` (a client could set a proxy for programs that
/// the application starts), and `HTTP_CONTENT_LENGTH` and `HTTP_CONTENT_TYPE` (doubles of the real ones).
pub fn keep(name: &[u8]) -> bool {
    match name.len() {
        0 => false,
        10 if name == b"HTTP_PROXY" => false,
        17 if name == b"HTTP_CONTENT_TYPE" => false,
        19 if name == b"HTTP_CONTENT_LENGTH" => false,
        _ => !name.starts_with(b"wsgi.") && !name.starts_with(b"fcgi."),
    }
}

/// Whether a name or value holds a NUL byte, for which the request is to be refused with 400.
///
/// The protocol has none in its texts, and programs that cut a string there would see another value than we checked.
pub fn has_nul(bytes: &[u8]) -> bool {
    bytes.contains(&0)
}

/// The `wsgi.url_scheme` of a request: `https` if `HTTPS` is `on` or `1`, else if it is not set and `REQUEST_SCHEME`
/// is `https`; letter case does not matter.
pub fn url_scheme(https: Option<&[u8]>, request_scheme: Option<&[u8]>) -> &'static str {
    let secure = match https.filter(|value| !value.is_empty()) {
        Some(value) => value == b"1" || value.eq_ignore_ascii_case(b"on"),
        None => request_scheme.is_some_and(|value| value.eq_ignore_ascii_case(b"https")),
    };
    if secure { "https" } else { "http" }
}

/// The query of a request target, without the question mark; empty if there is none.
pub fn query_of_uri(uri: &[u8]) -> &[u8] {
    let end = uri.iter().position(|byte| *byte == b'#').unwrap_or(uri.len());
    let target = &uri[..end];
    target.iter().position(|byte| *byte == b'?').map_or(b"", |mark| &target[mark + 1..])
}

/// The length of a request's body, as `CONTENT_LENGTH` tells it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum ContentLength {
    /// Not sent, empty (nginx, for every GET), negative (Caddy 2.6) or otherwise no number: the body ends where its
    /// stream ends.
    #[default]
    Unknown,
    /// So many bytes.
    Known(u64),
    /// A number beyond `i64`, or two that differ: the request is to be refused with 400.
    Invalid,
}

impl ContentLength {
    /// Reads one value of `CONTENT_LENGTH`. Only plain digits are a number.
    pub fn parse(value: &[u8]) -> Self {
        if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
            return Self::Unknown;
        }
        let number = value
            .iter()
            .try_fold(0_i64, |number, digit| number.checked_mul(10)?.checked_add(i64::from(digit - b'0')));
        number.map_or(Self::Invalid, |number| Self::Known(number.unsigned_abs()))
    }

    /// Joins the values of a parameter that was sent twice.
    #[must_use]
    pub fn and(self, later: Self) -> Self {
        match (self, later) {
            (Self::Known(first), Self::Known(second)) if first != second => Self::Invalid,
            (Self::Invalid, _) | (_, Self::Invalid) => Self::Invalid,
            (known, Self::Unknown) | (_, known) => known,
        }
    }
}

/// The parameters that rules here depend on, picked up in one pass over a request.
///
/// ```
/// use fcgi_runner::cgi::environ::Essentials;
///
/// let mut essentials = Essentials::default();
/// for (name, value) in [("REQUEST_METHOD", "GET"), ("PATH_INFO", "/a"), ("HTTP_PROXY", "x")] {
///     let kept = essentials.note(name.as_bytes(), value.as_bytes());
///     assert_eq!(kept, name != "HTTP_PROXY");
/// }
/// assert_eq!(essentials.request_method, Some(b"GET".as_slice()));
/// assert_eq!(essentials.url_scheme(), "http");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Essentials<'a> {
    /// What [`super::path::split_path`] wants to know.
    pub path: SentPath<'a>,
    /// The length of the body; two different ones are [`ContentLength::Invalid`].
    pub content_length: ContentLength,
    /// `REQUEST_METHOD`.
    pub request_method: Option<&'a [u8]>,
    /// `QUERY_STRING`.
    pub query_string: Option<&'a [u8]>,
    /// `SERVER_NAME`.
    pub server_name: Option<&'a [u8]>,
    /// `SERVER_PORT`.
    pub server_port: Option<&'a [u8]>,
    /// `SERVER_PROTOCOL`.
    pub server_protocol: Option<&'a [u8]>,
    /// `HTTPS`.
    pub https: Option<&'a [u8]>,
    /// `REQUEST_SCHEME`.
    pub request_scheme: Option<&'a [u8]>,
}

impl<'a> Essentials<'a> {
    /// Takes notice of one parameter and tells whether it is handed to the application, as [`keep`] does.
    ///
    /// Of a parameter that comes twice the last one counts, but for `CONTENT_LENGTH`.
    pub fn note(&mut self, name: &[u8], value: &'a [u8]) -> bool {
        if name.starts_with(b"HTTP_") {
            return keep(name);
        }
        let place = match name {
            b"SCRIPT_NAME" => {
                self.path.script_name = value;
                return true;
            }
            b"CONTENT_LENGTH" => {
                self.content_length = self.content_length.and(ContentLength::parse(value));
                return true;
            }
            b"PATH_INFO" => &mut self.path.path_info,
            b"REQUEST_URI" => &mut self.path.request_uri,
            b"SCRIPT_URL" => &mut self.path.script_url,
            b"REDIRECT_URL" => &mut self.path.redirect_url,
            b"SCRIPT_FILENAME" => &mut self.path.script_filename,
            b"DOCUMENT_URI" => &mut self.path.document_uri,
            b"REQUEST_METHOD" => &mut self.request_method,
            b"QUERY_STRING" => &mut self.query_string,
            b"SERVER_NAME" => &mut self.server_name,
            b"SERVER_PORT" => &mut self.server_port,
            b"SERVER_PROTOCOL" => &mut self.server_protocol,
            b"HTTPS" => &mut self.https,
            b"REQUEST_SCHEME" => &mut self.request_scheme,
            _ => return keep(name),
        };
        *place = Some(value);
        true
    }

    /// The `wsgi.url_scheme`, see [`url_scheme`].
    pub fn url_scheme(&self) -> &'static str {
        url_scheme(self.https, self.request_scheme)
    }

    /// The parameters that an application must find and the web server has not sent, with the values to fill in.
    ///
    /// `SCRIPT_NAME` and `PATH_INFO` are not among them: they come from [`super::path::split_path`]. An empty value
    /// counts as missing, but for `QUERY_STRING`, which may be empty as long as `REQUEST_URI` has no query either.
    pub fn missing(&self) -> impl Iterator<Item = (&'static str, &'a [u8])> + use<'a> {
        let port: &[u8] = if self.url_scheme() == "https" { b"443" } else { b"80" };
        let query = self.path.request_uri.map_or(b"".as_slice(), query_of_uri);
        let lacks = |value: Option<&[u8]>| value.is_none_or(<[u8]>::is_empty);
        let lacks_query = self.query_string.is_none() || (lacks(self.query_string) && !query.is_empty());
        [
            (lacks(self.request_method), "REQUEST_METHOD", b"GET".as_slice()),
            (lacks(self.server_name), "SERVER_NAME", b"localhost"),
            (lacks(self.server_port), "SERVER_PORT", port),
            (lacks(self.server_protocol), "SERVER_PROTOCOL", b"HTTP/1.0"),
            (lacks_query, "QUERY_STRING", query),
        ]
        .into_iter()
        .filter_map(|(lacking, name, value)| lacking.then_some((name, value)))
    }
}

#[cfg(test)]
mod tests {
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
}
