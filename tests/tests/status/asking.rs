//! Asking over HTTP, as `curl` does.

use std::fs::File;
use std::io::{Read, Write};

use fcgi_tests::{Address, Sandbox, until_some};
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Page {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: String,
}

/// Sends bytes on a connection of their own; gives everything that comes until its end.
pub(super) fn exchange(address: &Address, bytes: &[u8]) -> String {
    let mut socket = File::from(address.open().unwrap());
    socket.write_all(bytes).unwrap();
    let mut text = String::new();
    socket.read_to_string(&mut text).unwrap();
    text
}

/// Takes the answer at the beginning of a text apart; gives it and the rest.
pub(super) fn first_page(text: &str) -> (Page, &str) {
    let (head, rest) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text:?}"));
    let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
    let (body, rest) = rest.split_at(length.parse().unwrap());
    (Page { status, head: head.to_owned(), body: body.to_owned() }, rest)
}

/// Asks for a target.
pub(super) fn get(address: &Address, target: &str) -> Page {
    let request = format!("GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    let text = exchange(address, request.as_bytes());
    let (page, rest) = first_page(&text);
    assert_eq!(rest, "");
    page
}

/// Everything, as it is told to programs.
pub(super) fn json(address: &Address) -> Value {
    let page = get(address, "/json");
    assert_eq!(page.status, 200, "{page:?}");
    serde_json::from_str(&page.body).unwrap()
}

/// Waits until what is told to programs is as wanted; gives it.
pub(super) fn until_json(address: &Address, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    until_some(what, || Some(json(address)).filter(|json| is_so(json)))
}

/// A number in what is told.
pub(super) fn number(json: &Value, path: &str) -> u64 {
    json.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {json:#}"))
}

/// The socket of the status in a sandbox.
pub(super) fn status(sandbox: &Sandbox) -> Address {
    sandbox.unix("status.sock")
}

pub(super) const SOCKET: &str = "statussocket=status.sock";
