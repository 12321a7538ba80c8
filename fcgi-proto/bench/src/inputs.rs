//! Requests and answers as bytes, put together without any crate that is measured.

use bytes::Bytes;

pub const BEGIN_REQUEST: u8 = 1;
pub const END_REQUEST: u8 = 3;
pub const PARAMS: u8 = 4;
pub const STDIN: u8 = 5;
pub const STDOUT: u8 = 6;
pub const STDERR: u8 = 7;

/// The size of a large body.
pub const LARGE: usize = 1024 * 1024;

/// A name and a value.
pub type Pair = (String, String);

/// What nginx's `fastcgi_params` send for a page that a browser asks for: 26 pairs, about 800 bytes.
pub fn nginx_pairs() -> Vec<Pair> {
    [
        ("QUERY_STRING", "page=3&sort=name"),
        ("REQUEST_METHOD", "GET"),
        ("CONTENT_TYPE", ""),
        ("CONTENT_LENGTH", ""),
        ("SCRIPT_NAME", "/shop/articles/42/"),
        ("REQUEST_URI", "/shop/articles/42/?page=3&sort=name"),
        ("DOCUMENT_URI", "/shop/articles/42/"),
        ("DOCUMENT_ROOT", "/usr/share/nginx/html"),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("REQUEST_SCHEME", "https"),
        ("HTTPS", "on"),
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", "nginx/1.27.4"),
        ("REMOTE_ADDR", "198.51.100.23"),
        ("REMOTE_PORT", "51334"),
        ("SERVER_ADDR", "203.0.113.5"),
        ("SERVER_PORT", "443"),
        ("SERVER_NAME", "www.example.org"),
        ("REDIRECT_STATUS", "200"),
        ("HTTP_HOST", "www.example.org"),
        ("HTTP_USER_AGENT", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"),
        ("HTTP_ACCEPT", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
        ("HTTP_ACCEPT_LANGUAGE", "en-US,en;q=0.5"),
        ("HTTP_ACCEPT_ENCODING", "gzip, deflate, br, zstd"),
        ("HTTP_CONNECTION", "keep-alive"),
        (
            "HTTP_COOKIE",
            "csrftoken=kJq3yLw0aQmZxV5tR8uN1bE7cHs2dF4g; sessionid=0v6m3k9x2q8w5z7y1t4r0p6n3b9c2d8f; \
             _ga=GA1.1.1234567890.1700000000; theme=dark; consent=all",
        ),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect()
}

/// As many pairs as the default limit lets through, each as small as distinct names can be.
pub fn hostile_pairs() -> Vec<Pair> {
    (0..4096).map(|number| (format!("{number:x}"), String::from("v"))).collect()
}

/// The content of PARAMS for the pairs.
pub fn params_content(pairs: &[Pair]) -> Vec<u8> {
    let mut content = Vec::new();
    for (name, value) in pairs {
        for length in [name.len(), value.len()] {
            match u8::try_from(length) {
                Ok(short @ 0..=127) => content.push(short),
                _ => content.extend((u32::try_from(length).unwrap() | 0x8000_0000).to_be_bytes()),
            }
        }
        content.extend(name.bytes().chain(value.bytes()));
    }
    content
}

/// One record, padded to a multiple of eight as nginx does.
pub fn record(record_type: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    let padding = (8 - content.len() % 8) % 8;
    let header = [1, record_type, 0, 1, length[0], length[1], u8::try_from(padding).unwrap(), 0];
    [&header[..], content, &[0; 8][..padding]].concat()
}

/// A request of a responder that keeps the connection: its PARAMS in one record for each of `heads`, its
/// body in records of `piece` bytes.
pub fn request(heads: &[&[Pair]], body: &[u8], piece: usize) -> Vec<u8> {
    let mut wire = record(BEGIN_REQUEST, &[0, 1, 1, 0, 0, 0, 0, 0]);
    for pairs in heads {
        wire.extend(record(PARAMS, &params_content(pairs)));
    }
    wire.extend(record(PARAMS, b""));
    wire.extend(body.chunks(piece).flat_map(|piece| record(STDIN, piece)));
    wire.extend(record(STDIN, b""));
    wire
}

/// A whole answer whose STDOUT lies in records of `piece` bytes.
pub fn answer(stdout: &[u8], piece: usize) -> Vec<u8> {
    let mut wire: Vec<u8> = stdout.chunks(piece).flat_map(|piece| record(STDOUT, piece)).collect();
    wire.extend(record(STDOUT, b""));
    wire.extend(record(END_REQUEST, &[0; 8]));
    wire
}

/// The head of a page, and a body of `size` bytes.
pub fn page(size: usize) -> Bytes {
    let head = "Status: 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n";
    Bytes::from([head.as_bytes(), &content(size)].concat())
}

/// Bytes of any value, always the same ones.
pub fn content(size: usize) -> Vec<u8> {
    (0..size).map(|at| (at * 31 + at / 251).to_le_bytes()[0]).collect()
}
