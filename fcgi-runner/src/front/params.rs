//! The parameters that tell the application of a request, as a good web server sends them.
//!
//! In come the head of a request, its target and the addresses of its connection; out go [`Params`]. Left out are
//! `Proxy` (CVE-2016-5385), and headers whose names have other characters than letters, digits and hyphens, since an
//! underscore in a name could pose as a hyphen.
//!
//! Source: RFC 3875 section 4.1.

use std::net::{IpAddr, SocketAddr};

use fcgi_proto::Params;
use hyper::Version;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName};
use hyper::http::request::Parts;

use super::service::Ends;
use super::target::Target;

/// Makes the parameters of a request.
pub(super) fn params(parts: &Parts, target: &Target, ends: Ends) -> Params {
    let mut pairs = Pairs::default();
    add_request(&mut pairs, parts, target);
    add_addresses(&mut pairs, target, ends);
    add_headers(&mut pairs, &parts.headers, target);
    pairs.0.into_iter().collect()
}

#[derive(Default)]
struct Pairs(Vec<(String, Vec<u8>)>);

impl Pairs {
    fn add(&mut self, name: &str, value: impl AsRef<[u8]>) {
        self.0.push((name.to_owned(), value.as_ref().to_vec()));
    }
}

fn add_request(pairs: &mut Pairs, parts: &Parts, target: &Target) {
    pairs.add("GATEWAY_INTERFACE", "CGI/1.1");
    pairs.add("SERVER_SOFTWARE", concat!("fcgi-run/", env!("CARGO_PKG_VERSION"), " (preview)"));
    pairs.add("SERVER_PROTOCOL", if parts.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" });
    pairs.add("REQUEST_METHOD", parts.method.as_str());
    pairs.add("REQUEST_SCHEME", "http");
    pairs.add("REQUEST_URI", &target.uri);
    pairs.add("SCRIPT_NAME", "");
    pairs.add("PATH_INFO", &target.path);
    pairs.add("QUERY_STRING", &target.query);
    for (name, header) in [("CONTENT_TYPE", CONTENT_TYPE), ("CONTENT_LENGTH", CONTENT_LENGTH)] {
        if let Some(value) = parts.headers.get(header) {
            pairs.add(name, value);
        }
    }
}

fn add_addresses(pairs: &mut Pairs, target: &Target, ends: Ends) {
    let Ends { local, peer } = ends;
    let (name, port) = match target.host_and_port() {
        Some((name, port)) => (name.to_owned(), port.unwrap_or(local.port())),
        None => (host_of(local), local.port()),
    };
    pairs.add("SERVER_NAME", name);
    pairs.add("SERVER_PORT", port.to_string());
    pairs.add("SERVER_ADDR", local.ip().to_canonical().to_string());
    pairs.add("REMOTE_ADDR", peer.ip().to_canonical().to_string());
    pairs.add("REMOTE_PORT", peer.port().to_string());
}

/// An address as it stands in a URL.
fn host_of(address: SocketAddr) -> String {
    match address.ip().to_canonical() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn add_headers(pairs: &mut Pairs, headers: &HeaderMap, target: &Target) {
    for name in headers.keys() {
        let Some(parameter) = parameter_name(name) else { continue };
        if let (&HOST, Some(host)) = (name, &target.host) {
            pairs.add(&parameter, host);
            continue;
        }
        let separator: &[u8] = if name == COOKIE { b"; " } else { b", " };
        let values: Vec<&[u8]> = headers.get_all(name).iter().map(AsRef::as_ref).collect();
        pairs.add(&parameter, values.join(separator));
    }
}

/// The name of the parameter for a header, if it is to have one.
fn parameter_name(name: &HeaderName) -> Option<String> {
    let text = name.as_str();
    let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !plain || text == "proxy" || name == CONTENT_TYPE || name == CONTENT_LENGTH {
        return None;
    }
    Some(format!("HTTP_{}", text.to_ascii_uppercase().replace('-', "_")))
}

#[cfg(test)]
mod tests {
    use hyper::{Request, Version};

    use super::super::service::Ends;
    use super::super::target::Target;
    use super::params;

    fn made(request: hyper::http::request::Builder) -> Vec<(String, String)> {
        let parts = request.body(()).unwrap().into_parts().0;
        let target = Target::read(&parts).unwrap();
        let ends = Ends {
            local: "127.0.0.1:8000".parse().unwrap(),
            peer: "[::ffff:10.0.0.9]:4711".parse().unwrap(),
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        params(&parts, &target, ends).iter().map(|(name, value)| (text(name), text(value))).collect()
    }

    fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
        let mut found = pairs.iter().filter(|(known, _)| known == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "`{name}` is sent once");
        value
    }

    #[test]
    fn a_request_is_told_as_a_web_server_tells_it() {
        let request = Request::post("/a%20b?c=d%20e")
            .header("host", "example.org:8080")
            .header("content-type", "text/plain")
            .header("content-length", "12")
            .header("x-thing", "one")
            .header("x-thing", "two")
            .header("cookie", "a=1")
            .header("cookie", "b=2");
        let pairs = made(request);
        let software = concat!("fcgi-run/", env!("CARGO_PKG_VERSION"), " (preview)");
        for (name, expected) in [
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_SOFTWARE", software),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("REQUEST_METHOD", "POST"),
            ("REQUEST_SCHEME", "http"),
            ("REQUEST_URI", "/a%20b?c=d%20e"),
            ("SCRIPT_NAME", ""),
            ("PATH_INFO", "/a b"),
            ("QUERY_STRING", "c=d%20e"),
            ("SERVER_NAME", "example.org"),
            ("SERVER_PORT", "8080"),
            ("SERVER_ADDR", "127.0.0.1"),
            ("REMOTE_ADDR", "10.0.0.9"),
            ("REMOTE_PORT", "4711"),
            ("CONTENT_TYPE", "text/plain"),
            ("CONTENT_LENGTH", "12"),
            ("HTTP_HOST", "example.org:8080"),
            ("HTTP_X_THING", "one, two"),
            ("HTTP_COOKIE", "a=1; b=2"),
        ] {
            assert_eq!(value(&pairs, name), Some(expected), "{name}");
        }
        assert_eq!(pairs.len(), 19);
    }

    #[test]
    fn dangerous_and_doubled_headers_are_left_out() {
        let request = Request::get("/")
            .header("host", "x")
            .header("proxy", "http://evil")
            .header("x_forwarded_for", "1.2.3.4")
            .header("x.y", "1")
            .header("content-type", "a/b");
        let pairs = made(request);
        let names: Vec<_> = pairs.iter().map(|(name, _)| name.as_str()).collect();
        assert!(names.contains(&"CONTENT_TYPE"));
        let headers: Vec<_> = names.iter().filter(|name| name.starts_with("HTTP_")).collect();
        assert_eq!(headers, [&"HTTP_HOST"]);
    }

    #[test]
    fn without_a_length_none_is_told() {
        let request = Request::post("/").header("host", "x").header("transfer-encoding", "chunked");
        let pairs = made(request);
        assert_eq!(value(&pairs, "CONTENT_LENGTH"), None);
        assert_eq!(value(&pairs, "HTTP_TRANSFER_ENCODING"), Some("chunked"));
    }

    #[test]
    fn without_a_host_the_listener_counts() {
        let pairs = made(Request::get("/").version(Version::HTTP_10));
        assert_eq!(value(&pairs, "SERVER_NAME"), Some("127.0.0.1"));
        assert_eq!(value(&pairs, "SERVER_PORT"), Some("8000"));
        assert_eq!(value(&pairs, "SERVER_PROTOCOL"), Some("HTTP/1.0"));
        assert_eq!(value(&pairs, "HTTP_HOST"), None);
    }

    #[test]
    fn a_host_in_the_request_line_replaces_the_header() {
        let pairs = made(Request::get("http://real:81/").header("host", "other"));
        assert_eq!(value(&pairs, "HTTP_HOST"), Some("real:81"));
        assert_eq!(value(&pairs, "SERVER_NAME"), Some("real"));
    }
}
