//! The program itself, driven over real sockets with bytes written by hand.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A running program, killed at the end of the test.
struct Program {
    child: Child,
    address: String,
}

impl Program {
    fn start(address: &str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rust-responder"))
            .arg(address)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on ").unwrap().to_owned();
        Self { child, address }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

fn record(record_type: u8, id: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [&[1, record_type, 0, id, length[0], length[1], 0, 0], content].concat()
}

/// A request without its body: `BEGIN_REQUEST`, PARAMS and their end.
fn head(id: u8, keep: u8, method: &str, path: &str) -> Vec<u8> {
    let mut pairs = Vec::new();
    for (name, value) in [("REQUEST_METHOD", method), ("PATH_INFO", path)] {
        pairs.extend([u8::try_from(name.len()).unwrap(), u8::try_from(value.len()).unwrap()]);
        pairs.extend([name, value].concat().bytes());
    }
    [record(1, id, &[0, 1, keep, 0, 0, 0, 0, 0]), record(4, id, &pairs), record(4, id, b"")].concat()
}

/// Reads records up to `END_REQUEST`: the id that ended, STDOUT of that id, and the protocol status.
fn answer(stream: &mut impl Read) -> (u8, String, u8) {
    let mut stdout = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).unwrap();
        let mut content = vec![0; usize::from(header[4]) * 256 + usize::from(header[5])];
        stream.read_exact(&mut content).unwrap();
        stream.read_exact(&mut vec![0; usize::from(header[6])]).unwrap();
        assert_eq!((header[0], header[2]), (1, 0));
        match header[1] {
            6 => stdout.extend(content),
            3 => return (header[3], String::from_utf8(stdout).unwrap(), content[4]),
            other => panic!("a record of type {other}"),
        }
    }
}

#[test]
fn get_over_tcp_and_the_connection_is_closed() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    stream.write_all(&[head(1, 0, "GET", "/a/b"), record(5, 1, b"")].concat()).unwrap();
    let (id, page, status) = answer(&mut stream);
    assert_eq!((id, status), (1, 0));
    let (headers, body) = page.split_once("\r\n\r\n").unwrap();
    assert!(headers.starts_with("Status: 200 OK\r\n"), "{headers}");
    assert!(headers.contains(&format!("Content-Length: {}\r\n", body.len())), "{headers}");
    assert_eq!(body, "Hello from Rust.\nmethod: GET\npath: /a/b\nbody: 0 bytes\n");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0, "the program closes the connection");
}

#[test]
fn posts_on_one_kept_connection() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    for length in [1, 1000, 200_000] {
        let mut request = head(1, 1, "POST", "/upload");
        for piece in vec![b'x'; length].chunks(60_000) {
            request.extend(record(5, 1, piece));
        }
        request.extend(record(5, 1, b""));
        stream.write_all(&request).unwrap();
        assert!(
            answer(&mut stream).1.ends_with(&format!("method: POST\npath: /upload\nbody: {length} bytes\n"))
        );
    }
    stream.shutdown(Shutdown::Write).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn byte_by_byte_and_several_requests_at_once() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    stream.set_nodelay(true).unwrap();
    let requests = [
        head(1, 1, "GET", "/first"),
        head(3, 1, "POST", "/second"),
        record(5, 3, b"body"),
        record(5, 3, b""),
        record(5, 1, b""),
    ];
    for byte in requests.concat() {
        stream.write_all(&[byte]).unwrap();
    }
    let answers = [answer(&mut stream), answer(&mut stream)];
    assert_eq!((answers[0].0, answers[1].0), (3, 1));
    assert!(answers[0].1.ends_with("path: /second\nbody: 4 bytes\n"));
    assert!(answers[1].1.ends_with("path: /first\nbody: 0 bytes\n"));
}

#[test]
fn head_has_no_body_and_an_abort_gets_an_end() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    stream.write_all(&[head(1, 1, "HEAD", "/"), record(5, 1, b"")].concat()).unwrap();
    assert!(answer(&mut stream).1.ends_with("\r\n\r\n"));
    stream.write_all(&[head(1, 1, "POST", "/"), record(5, 1, b"half"), record(2, 1, b"")].concat()).unwrap();
    assert_eq!(answer(&mut stream), (1, String::new(), 0));
}

#[test]
fn params_that_make_no_sense_get_a_page_and_the_connection_is_closed() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    let begin = record(1, 1, &[0, 1, 1, 0, 0, 0, 0, 0]);
    let params = [record(4, 1, b"\x05\x05abc"), record(4, 1, b""), record(5, 1, b"")].concat();
    stream.write_all(&[begin, params].concat()).unwrap();
    assert!(answer(&mut stream).1.starts_with("Status: 400\r\n"));
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn another_protocol_is_shown_the_door() {
    let program = Program::start("127.0.0.1:0");
    let mut stream = program.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
}

#[test]
fn unix_socket_that_a_dead_server_left_is_replaced_and_a_live_one_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hello.sock");
    let path = path.to_str().unwrap();
    drop(Program::start(path));
    let program = Program::start(path);
    assert_eq!(program.address, path);
    let second = Command::new(env!("CARGO_BIN_EXE_rust-responder")).arg(path).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8(second.stderr).unwrap().contains(path));

    let mut stream = UnixStream::connect(path).unwrap();
    stream.write_all(&[head(1, 0, "GET", "/"), record(5, 1, b"")].concat()).unwrap();
    assert!(answer(&mut stream).1.contains("path: /\n"));
}

#[test]
fn usage_goes_to_standard_error() {
    let output = Command::new(env!("CARGO_BIN_EXE_rust-responder")).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().starts_with("usage: rust-responder "));
}
