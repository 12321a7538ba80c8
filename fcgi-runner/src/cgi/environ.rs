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

/// What a name says to the rules here, so that a name that comes again need not be looked at again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Meaning {
    /// Not handed to the application, see [`keep`].
    Dropped,
    /// Handed to the application as it is.
    Plain,
    ScriptName,
    ContentLength,
    PathInfo,
    RequestUri,
    ScriptUrl,
    RedirectUrl,
    ScriptFilename,
    DocumentUri,
    RequestMethod,
    QueryString,
    ServerName,
    ServerPort,
    ServerProtocol,
    Https,
    RequestScheme,
}

impl Meaning {
    /// Looks at a name.
    pub fn of(name: &[u8]) -> Self {
        match name {
            b"SCRIPT_NAME" => Self::ScriptName,
            b"CONTENT_LENGTH" => Self::ContentLength,
            b"PATH_INFO" => Self::PathInfo,
            b"REQUEST_URI" => Self::RequestUri,
            b"SCRIPT_URL" => Self::ScriptUrl,
            b"REDIRECT_URL" => Self::RedirectUrl,
            b"SCRIPT_FILENAME" => Self::ScriptFilename,
            b"DOCUMENT_URI" => Self::DocumentUri,
            b"REQUEST_METHOD" => Self::RequestMethod,
            b"QUERY_STRING" => Self::QueryString,
            b"SERVER_NAME" => Self::ServerName,
            b"SERVER_PORT" => Self::ServerPort,
            b"SERVER_PROTOCOL" => Self::ServerProtocol,
            b"HTTPS" => Self::Https,
            b"REQUEST_SCHEME" => Self::RequestScheme,
            other if keep(other) => Self::Plain,
            _ => Self::Dropped,
        }
    }

    /// Whether the application gets the value as it was sent; those of the others are worked out, or not for it to see.
    pub fn is_passed(self) -> bool {
        !matches!(self, Self::Dropped | Self::ScriptName | Self::PathInfo | Self::ContentLength)
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
        let meaning = Meaning::of(name);
        self.take(meaning, value);
        meaning != Meaning::Dropped
    }

    /// Takes notice of the value of a parameter whose name was looked at before.
    pub fn take(&mut self, meaning: Meaning, value: &'a [u8]) {
        let place = match meaning {
            Meaning::Dropped | Meaning::Plain => return,
            Meaning::ScriptName => {
                self.path.script_name = value;
                return;
            }
            Meaning::ContentLength => {
                self.content_length = self.content_length.and(ContentLength::parse(value));
                return;
            }
            Meaning::PathInfo => &mut self.path.path_info,
            Meaning::RequestUri => &mut self.path.request_uri,
            Meaning::ScriptUrl => &mut self.path.script_url,
            Meaning::RedirectUrl => &mut self.path.redirect_url,
            Meaning::ScriptFilename => &mut self.path.script_filename,
            Meaning::DocumentUri => &mut self.path.document_uri,
            Meaning::RequestMethod => &mut self.request_method,
            Meaning::QueryString => &mut self.query_string,
            Meaning::ServerName => &mut self.server_name,
            Meaning::ServerPort => &mut self.server_port,
            Meaning::ServerProtocol => &mut self.server_protocol,
            Meaning::Https => &mut self.https,
            Meaning::RequestScheme => &mut self.request_scheme,
        };
        *place = Some(value);
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
#[path = "environ_tests.rs"]
mod tests;
