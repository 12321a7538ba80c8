//! What a request asks for: path, query and host, checked.
//!
//! In comes the head of a request as hyper has read it; out goes a [`Target`], or why the request is refused.
//!
//! Source: RFC 9112 section 3.2, RFC 9110 section 7.2.

use hyper::Version;
use hyper::header::HOST;
use hyper::http::request::Parts;
use percent_encoding::percent_decode;

/// What a request asks for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Target {
    /// The path, percent-decoded; begins with a slash and has no NUL.
    pub path: Vec<u8>,
    /// Path and query as they were sent, without scheme and host.
    pub uri: String,
    /// What stands behind the question mark, as it was sent.
    pub query: String,
    /// The host as it was sent, with its port; `None` if there is none, or an empty one.
    pub host: Option<String>,
}

/// Why a request is refused with 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum TargetError {
    /// `*`, or the bare host of CONNECT.
    #[error("The request asks for something that is no path.")]
    NoPath,
    /// The path holds `%00`.
    #[error("The path of the request holds a NUL byte.")]
    Nul,
    /// HTTP/1.1 requires the header `Host`.
    #[error("The request has no Host header.")]
    NoHost,
    /// There is more than one `Host`, or it is no host name.
    #[error("The Host header of the request is not a host name.")]
    Host,
}

impl Target {
    /// Reads the target of a request.
    ///
    /// # Errors
    ///
    /// The client is at fault, and gets 400.
    pub(super) fn read(parts: &Parts) -> Result<Self, TargetError> {
        let path = parts.uri.path();
        if !path.starts_with('/') {
            return Err(TargetError::NoPath);
        }
        let decoded: Vec<u8> = percent_decode(path.as_bytes()).collect();
        if decoded.contains(&0) {
            return Err(TargetError::Nul);
        }
        let query = parts.uri.query();
        let uri = query.map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
        let query = query.unwrap_or_default().to_owned();
        Ok(Self { path: decoded, uri, query, host: host(parts)? })
    }

    /// The host without its port, and the port if it is given.
    pub(super) fn host_and_port(&self) -> Option<(&str, Option<u16>)> {
        split_host(self.host.as_deref()?)
    }
}

/// The host that was asked for. One in the request line counts more than the header.
fn host(parts: &Parts) -> Result<Option<String>, TargetError> {
    let mut headers = parts.headers.get_all(HOST).iter();
    let header = headers.next();
    if headers.next().is_some() {
        return Err(TargetError::Host);
    }
    if header.is_none() && parts.version == Version::HTTP_11 {
        return Err(TargetError::NoHost);
    }
    let host = match (parts.uri.authority(), header) {
        (Some(authority), _) => authority.as_str(),
        (None, Some(header)) => header.to_str().map_err(|_| TargetError::Host)?.trim(),
        (None, None) => "",
    };
    match split_host(host) {
        Some(_) => Ok(Some(host.to_owned())),
        None if host.is_empty() => Ok(None),
        None => Err(TargetError::Host),
    }
}

/// Splits `name:port`; `None` if the name is none or the port is no number.
fn split_host(host: &str) -> Option<(&str, Option<u16>)> {
    let name_end = match host.strip_prefix('[') {
        Some(rest) => rest.find(']')? + 2,
        None => host.find(':').unwrap_or(host.len()),
    };
    let (name, port) = host.split_at_checked(name_end)?;
    let inner = name.strip_prefix('[').and_then(|name| name.strip_suffix(']'));
    let sound = match inner {
        Some(address) => address.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.')),
        None => name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_')),
    };
    if name.is_empty() || !sound {
        return None;
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Some((name, None)),
        Some("") => Some((name, None)),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            Some((name, Some(digits.parse().ok()?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hyper::Request;

    use super::{Target, TargetError};

    fn read(uri: &str, hosts: &[&str]) -> Result<Target, TargetError> {
        let mut request = Request::builder().uri(uri);
        for host in hosts {
            request = request.header("host", *host);
        }
        Target::read(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn the_path_is_decoded_and_the_uri_kept() {
        let target = read("/a%20b/%c3%A9%2F?q=%20&r", &["x"]).unwrap();
        assert_eq!(target.path, b"/a b/\xc3\xa9/");
        assert_eq!(target.uri, "/a%20b/%c3%A9%2F?q=%20&r");
        assert_eq!(target.query, "q=%20&r");
        assert_eq!(read("/%zz%4", &["x"]).unwrap().path, b"/%zz%4", "what is no code stays");
        assert_eq!(read("/?", &["x"]).unwrap().uri, "/?");
    }

    #[test]
    fn a_whole_url_counts_more_than_the_host_header() {
        let target = read("http://example.org:81/a?b", &["other"]).unwrap();
        assert_eq!((target.uri.as_str(), target.host.as_deref()), ("/a?b", Some("example.org:81")));
        assert_eq!(read("http://example.org", &["x"]).unwrap().uri, "/");
    }

    #[test]
    fn hosts_are_split() {
        let split = |host| {
            let target = read("/", &[host]).unwrap();
            target.host_and_port().map(|(name, port)| (name.to_owned(), port))
        };
        let some = |name: &str, port| Some((name.to_owned(), port));
        assert_eq!(split("localhost:8000"), some("localhost", Some(8000)));
        assert_eq!(split("a_b.example.org"), some("a_b.example.org", None));
        assert_eq!(split("127.0.0.1:"), some("127.0.0.1", None));
        assert_eq!(split("[::1]:80"), some("[::1]", Some(80)));
        assert_eq!(split("[::1]"), some("[::1]", None));
        assert_eq!(split(""), None);
    }

    #[test]
    fn odd_requests_are_refused() {
        assert_eq!(read("*", &["x"]), Err(TargetError::NoPath));
        assert_eq!(read("x:80", &["x"]), Err(TargetError::NoPath));
        assert_eq!(read("/a%00b", &["x"]), Err(TargetError::Nul));
        assert_eq!(read("/", &[]), Err(TargetError::NoHost));
        assert_eq!(read("/", &["a", "a"]), Err(TargetError::Host));
        for host in ["a b", "a/b", "a:b", "a:99999", "[::1", "[::1]x", "a@b", ":80", "[x]", "a:1:2"] {
            assert_eq!(read("/", &[host]), Err(TargetError::Host), "{host:?}");
        }
    }
}
