//! Request bodies: large ones, unread ones, ones of unknown length.

use std::io::Write;
use std::sync::Mutex;
use std::thread;

use super::{House, PATIENCE, has, signal};

/// More than all socket buffers on the way take together.
const LARGE: usize = 24 * 1024 * 1024;

fn large_body() -> Vec<u8> {
    let mut body = (0..251).collect::<Vec<u8>>().repeat(LARGE.div_ceil(251));
    body.truncate(LARGE);
    body
}

#[test]
fn an_application_may_answer_without_reading_the_upload() {
    let (finish, wait) = signal();
    let house = House::start(move |_, peer| {
        peer.request()?;
        peer.stdout("Status: 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")?;
        peer.end()?;
        // Stays open, and unread, to the end of the test.
        wait.lock().unwrap().recv_timeout(PATIENCE).ok()
    });
    let mut browser = house.browser();
    // Made first: once the answer is there, a pause of some seconds ends the upload.
    let body = large_body();
    browser.send(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut sender = browser.stream.try_clone().unwrap();
    let upload = thread::spawn(move || sender.write_all(&body).unwrap());
    let head = browser.head();
    assert!(head.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{head}");
    assert_eq!(browser.bytes(2), b"no");
    upload.join().unwrap();
    browser.send("GET /static/none HTTP/1.1\r\nHost: x\r\n\r\n");
    assert!(browser.head().starts_with("HTTP/1.1 404 "), "the connection goes on behind the upload");
    finish.send(()).unwrap();
}

#[test]
fn upload_and_answer_flow_at_the_same_time() {
    let house = House::start(|_, peer| {
        peer.request()?;
        peer.stdout("Content-Type: a/b\r\n\r\n")?;
        loop {
            let (kind, content) = peer.record()?;
            assert_eq!(kind, 5);
            if content.is_empty() {
                return peer.end();
            }
            peer.send(6, &content)?;
        }
    });
    let mut browser = house.browser();
    browser.send(&format!("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {LARGE}\r\n\r\n"));
    let mut sender = browser.stream.try_clone().unwrap();
    let upload = thread::spawn(move || sender.write_all(&large_body()).unwrap());
    assert!(has(&browser.head(), "transfer-encoding: chunked"));
    assert!(browser.chunked_body() == large_body(), "the echo is the upload");
    upload.join().unwrap();
}

#[test]
fn a_chunked_upload_has_no_length_and_arrives_whole() {
    let house = House::start(|_, peer| {
        let params = peer.request()?;
        let body = String::from_utf8(peer.body()?).unwrap();
        let length = params.get("CONTENT_LENGTH");
        peer.stdout(&format!("X-Length: {length:?}\r\nContent-Length: {}\r\n\r\n{body}", body.len()))?;
        peer.end()
    });
    let request = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTrailer: X-T\r\n\r\n\
                   3\r\none\r\n4\r\n two\r\n0\r\nX-T: 1\r\n\r\n";
    let (head, body) = house.fetch(request);
    assert!(has(&head, "x-length: None"), "{head}");
    assert_eq!(body, b"one two");
}

#[test]
fn a_client_that_waits_for_permission_gets_it() {
    let house = House::start(|_, peer| {
        let length = peer.request()?.remove("CONTENT_LENGTH")?;
        assert_eq!(length, "5");
        let body = String::from_utf8(peer.body()?).unwrap();
        peer.stdout(&format!("Content-Length: 5\r\n\r\n{body}"))?;
        peer.end()
    });
    let mut browser = house.browser();
    browser.send("PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
    assert_eq!(browser.head(), "HTTP/1.1 100 Continue\r\n\r\n");
    browser.send("hello");
    assert!(browser.head().starts_with("HTTP/1.1 200 OK\r\n"));
    assert_eq!(browser.bytes(5), b"hello");
}

#[test]
fn an_upload_broken_off_is_never_told_as_ended() {
    let (told, seen) = signal();
    let told = Mutex::new(told);
    let house = House::start(move |_, peer| {
        let told = told.lock().unwrap();
        peer.request()?;
        told.send(peer.record()).ok()?;
        told.send(peer.record()).ok()
    });
    let mut browser = house.browser();
    browser.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(Some((5, b"half".to_vec()))));
    drop(browser);
    assert_eq!(seen.recv_timeout(PATIENCE), Ok(None), "no empty record ends the body");
}
