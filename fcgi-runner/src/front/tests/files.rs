//! Files, asked for as browsers do.

use super::{House, has};

fn house() -> House {
    let house = House::start(|_, peer| peer.answer("X-By: application\r\n\r\n"));
    house.write_file("a.css", b"body{}");
    house.write_file("digits.mp4", b"0123456789");
    house
}

fn get(house: &House, path: &str, headers: &str) -> (String, Vec<u8>) {
    house.fetch(&format!("GET {path} HTTP/1.1\r\n{headers}\r\n"))
}

#[test]
fn a_file_is_sent_whole_with_its_type() {
    let house = house();
    let (head, body) = get(&house, "/static/a.css?v=1", "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    for line in ["content-type: text/css; charset=utf-8", "content-length: 6", "accept-ranges: bytes"] {
        assert!(has(&head, line), "{head}");
    }
    assert_eq!(body, b"body{}");
    let (head, body) = house.fetch("HEAD /static/a.css HTTP/1.1\r\n\r\n");
    assert!(has(&head, "content-length: 6"), "{head}");
    assert_eq!(body, b"");
}

#[test]
fn a_large_file_arrives_unchanged() {
    let house = house();
    let content: Vec<u8> = (0..253).cycle().take(3_000_001).collect();
    house.write_file("large.bin", &content);
    let (head, body) = get(&house, "/static/large.bin", "");
    assert!(has(&head, "content-length: 3000001") && has(&head, "content-type: application/octet-stream"));
    assert!(body == content, "the file is sent byte by byte");
}

#[test]
fn a_part_is_sent_and_one_that_is_not_there_refused() {
    let house = house();
    let (head, body) = get(&house, "/static/digits.mp4", "Range: bytes=3-5\r\n");
    assert!(head.starts_with("HTTP/1.1 206 Partial Content\r\n"), "{head}");
    assert!(has(&head, "content-range: bytes 3-5/10") && has(&head, "content-length: 3"), "{head}");
    assert_eq!(body, b"345");
    let (head, _) = get(&house, "/static/digits.mp4", "Range: bytes=10-\r\n");
    assert!(head.starts_with("HTTP/1.1 416 ") && has(&head, "content-range: bytes */10"), "{head}");
    let old = "Range: bytes=3-5\r\nIf-Range: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    assert_eq!(get(&house, "/static/digits.mp4", old).1, b"0123456789");
}

#[test]
fn a_file_that_the_browser_has_is_not_sent_again() {
    let house = house();
    let (head, _) = get(&house, "/static/a.css", "");
    let date = head.lines().find_map(|line| line.strip_prefix("last-modified: ")).unwrap();
    let (head, body) = get(&house, "/static/a.css", &format!("If-Modified-Since: {date}\r\n"));
    assert!(head.starts_with("HTTP/1.1 304 Not Modified\r\n"), "{head}");
    assert_eq!(body, b"");
    let (head, _) = get(&house, "/static/a.css", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    let (head, _) = get(&house, "/static/a.css", "If-Modified-Since: nonsense\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"));
    let same = format!("Range: bytes=0-0\r\nIf-Range: {date}\r\n");
    assert_eq!(get(&house, "/static/a.css", &same).1, b"b");
}

#[test]
fn nothing_else_can_be_reached() {
    let house = house();
    std::fs::write(house.home.path().join("secret"), "secret").unwrap();
    for path in
        ["../secret", "%2e%2e/secret", "..%2fsecret", "%2e%2e%5csecret", "a.css/", "", "/a.css", "a%00.css"]
    {
        let (head, body) = get(&house, &format!("/static/{path}"), "");
        assert!(head.starts_with("HTTP/1.1 40"), "{path}: {head}");
        assert!(!String::from_utf8(body).unwrap().contains("secret"));
    }
    assert_eq!(house.accepted(), 0, "the application is not asked");
    let (head, _) = house.fetch("POST /static/a.css HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc");
    assert!(head.starts_with("HTTP/1.1 405 ") && has(&head, "allow: GET, HEAD"), "{head}");
    let (head, _) = get(&house, "/other", "");
    assert!(has(&head, "x-by: application"), "{head}");
}

#[test]
fn an_empty_file_is_an_empty_answer() {
    let house = house();
    house.write_file("empty.txt", b"");
    let (head, body) = get(&house, "/static/empty.txt", "");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && has(&head, "content-length: 0"), "{head}");
    assert_eq!(body, b"");
}
