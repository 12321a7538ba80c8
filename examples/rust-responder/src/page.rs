//! What is answered: a plain text page that starts with the `Status` header, as web servers want it.

use bytes::Bytes;
use fcgi_proto::Params;

/// Greets and tells what was asked for. An answer to HEAD has no body.
pub(crate) fn hello(params: &Params, body_length: u64) -> Bytes {
    let text = |name: &[u8]| String::from_utf8_lossy(params.get(name).unwrap_or_default()).into_owned();
    let method = text(b"REQUEST_METHOD");
    let path = text(b"SCRIPT_NAME") + &text(b"PATH_INFO");
    let body = format!("Hello from Rust.\nmethod: {method}\npath: {path}\nbody: {body_length} bytes\n");
    page("200 OK", if method == "HEAD" { None } else { Some(&body) }, body.len())
}

/// Tells why a request was not served.
pub(crate) fn refusal(status: u16, reason: &str) -> Bytes {
    let body = format!("{reason}\n");
    page(&status.to_string(), Some(&body), body.len())
}

fn page(status: &str, body: Option<&str>, length: usize) -> Bytes {
    let body = body.unwrap_or_default();
    let head = format!(
        "Status: {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {length}\r\n\
         X-Content-Type-Options: nosniff\r\n\r\n"
    );
    Bytes::from(head + body)
}
