//! HTTP/1.1, as much as it takes to be read by browsers, `curl` and Prometheus. Source: RFC 9112.

use std::net::IpAddr;
use std::time::SystemTime;

use bytes::{Buf, Bytes, BytesMut};

use super::super::form::Reply;
use super::Question;
use crate::cgi::path::path_of_uri;

/// An answer as it goes over the wire.
pub(super) struct Spoken {
    pub(super) bytes: Bytes,
    pub(super) closes: bool,
}

/// Takes one request off the input, if it is whole, and answers it. What cannot be understood is answered, too, and ends the
/// connection.
pub(super) fn answer(
    input: &mut BytesMut,
    is_local: bool,
    answer: &dyn Fn(&Question<'_>) -> Reply,
) -> Option<Spoken> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let length = match request.parse(input) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) if input.len() < LONGEST_HEAD => return None,
        Ok(httparse::Status::Partial) => {
            let reply = Reply::line("431 Request Header Fields Too Large", "The request is too long.");
            return Some(spoken(&reply, false, true));
        }
        Err(_) => return Some(spoken(&Reply::line("400 Bad Request", "This is no request."), false, true)),
    };
    let of = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.map(|header| header.value)
    };
    let says = |name, word: &str| {
        of(name).is_some_and(|value| String::from_utf8_lossy(value).to_ascii_lowercase().contains(word))
    };
    let has_body = of("transfer-encoding").is_some() || of("content-length").is_some_and(|size| size != b"0");
    let is_old = request.version == Some(0);
    let closes = has_body || says("connection", "close") || is_old && !says("connection", "keep-alive");
    let target = request.path.unwrap_or_default().as_bytes();
    let method = request.method.unwrap_or_default();
    let query = target.iter().position(|byte| *byte == b'?').map_or(&[][..], |at| &target[at + 1..]);
    let reply = if is_local && of("host").is_some_and(|host| !is_of_this_machine(host)) {
        let text = "This name is not known here; ask for localhost, or for an address.";
        Reply::line("421 Misdirected Request", text)
    } else {
        answer(&Question {
            method: method.as_bytes(),
            path: path_of_uri(target),
            query,
            accept: of("accept").unwrap_or_default(),
        })
    };
    let spoken = spoken(&reply, method == "HEAD", closes);
    input.advance(length);
    Some(spoken)
}

fn spoken(reply: &Reply, is_head: bool, closes: bool) -> Spoken {
    let body = if is_head { "" } else { &reply.body };
    let date = httpdate::fmt_http_date(SystemTime::now());
    let connection = if closes { "close" } else { "keep-alive" };
    let text = format!(
        "HTTP/1.1 {}\r\nDate: {date}\r\n{}Connection: {connection}\r\n\r\n{body}",
        reply.status, reply.headers
    );
    Spoken { bytes: text.into(), closes }
}

/// A page of somebody else, whose name was made to mean this machine, is not to read what is here (DNS rebinding): it would ask
/// for its own name.
fn is_of_this_machine(host: &[u8]) -> bool {
    let host = String::from_utf8_lossy(host).to_ascii_lowercase();
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    bare.parse::<IpAddr>().is_ok() || matches!(bare, "localhost" | "localhost.localdomain" | "")
}

const MOST_HEADERS: usize = 64;
const LONGEST_HEAD: usize = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(text: &str, is_local: bool) -> (String, bool, usize) {
        let mut input = BytesMut::from(text.as_bytes());
        let echo = |question: &Question<'_>| {
            let parts = [question.method, question.path, question.query, question.accept];
            Reply::line("200 OK", &parts.map(|part| String::from_utf8_lossy(part).into_owned()).join("|"))
        };
        let spoken = answer(&mut input, is_local, &echo).unwrap();
        (String::from_utf8(spoken.bytes.to_vec()).unwrap(), spoken.closes, input.len())
    }

    #[test]
    fn a_request_is_taken_and_the_next_one_left() {
        let (text, closes, left) =
            ask("GET /a/json?x=1 HTTP/1.1\r\nHost: localhost:1\r\nAccept: text/html\r\n\r\nGET", true);
        assert!(
            text.starts_with("HTTP/1.1 200 OK\r\nDate: ") && text.contains("\r\nConnection: keep-alive\r\n")
        );
        assert!(text.ends_with("\r\n\r\nGET|/a/json|x=1|text/html\n"), "{text}");
        assert_eq!((closes, left), (false, 3));
        let (text, ..) = ask("HEAD / HTTP/1.1\r\n\r\n", true);
        assert!(text.contains("\r\nContent-Length: 9\r\n") && text.ends_with("\r\n\r\n"), "{text}");
    }

    #[test]
    fn connections_end_when_they_have_to() {
        for text in [
            "GET / HTTP/1.0\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: Close\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
            "nonsense\r\n\r\n",
            &format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000)),
        ] {
            assert!(ask(text, true).1, "{text:.60}");
        }
        assert!(!ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", true).1);
        let mut half = BytesMut::from(&b"GET / HTTP/1.1\r\nHost:"[..]);
        assert!(answer(&mut half, true, &|_| panic!("it is not whole")).is_none());
    }

    #[test]
    fn a_foreign_name_is_not_answered_where_only_this_machine_can_ask() {
        for host in ["localhost", "localhost:9", "127.0.0.1:9", "[::1]:9", "[::1]"] {
            assert!(
                ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"), true).0.contains(" 200 "),
                "{host}"
            );
        }
        let foreign = "GET / HTTP/1.1\r\nHost: evil.example:9\r\n\r\n";
        assert!(ask(foreign, true).0.contains(" 421 "));
        assert!(ask(foreign, false).0.contains(" 200 "));
    }
}
