//! The front between a browser and an application, both played here with bytes written by hand.

mod answers;
mod connections;
mod files;
mod uploads;

use std::collections::HashMap;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tempfile::TempDir;

use super::{Backend, FrontOptions, run};
use crate::config::StaticMount;

/// What fails a test instead of letting it hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running front, with an application behind it.
struct House {
    address: SocketAddr,
    stop: Option<UnixStream>,
    front: Option<JoinHandle<()>>,
    /// FastCGI connections that the application has accepted.
    accepted: Arc<AtomicUsize>,
    home: TempDir,
}

impl House {
    /// Starts a front before an application that runs `serve` for each connection, which is given its number.
    fn start(serve: impl Fn(usize, &mut Peer) -> Option<()> + Send + Sync + 'static) -> Self {
        Self::start_with(serve, |_| {})
    }

    fn start_with(
        serve: impl Fn(usize, &mut Peer) -> Option<()> + Send + Sync + 'static,
        change: impl FnOnce(&mut FrontOptions),
    ) -> Self {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("app.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let (serve, count) = (Arc::new(serve), accepted.clone());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.clone();
                thread::spawn(move || serve(number, &mut Peer { stream }));
            }
        });
        Self::open(home, accepted, Backend::Unix(socket), change)
    }

    fn open(
        home: TempDir,
        accepted: Arc<AtomicUsize>,
        backend: Backend,
        change: impl FnOnce(&mut FrontOptions),
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let files = home.path().join("files");
        std::fs::create_dir(&files).unwrap();
        let mut options = FrontOptions {
            listeners: vec![listener],
            backend,
            statics: vec![StaticMount { url: "/static/".to_owned(), dir: files }],
            stop_timeout: PATIENCE,
            script_name: None,
        };
        change(&mut options);
        let (stop, stopped) = UnixStream::pair().unwrap();
        let front = thread::spawn(move || run(options, stopped.into()).unwrap());
        Self { address, stop: Some(stop), front: Some(front), accepted, home }
    }

    fn browser(&self) -> Browser {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Browser { stream }
    }

    /// Sends one request on a connection of its own and reads head and body to the end of the connection.
    fn fetch(&self, request: &str) -> (String, Vec<u8>) {
        let mut browser = self.browser();
        browser.send(&request.replacen("\r\n", "\r\nHost: x\r\nConnection: close\r\n", 1));
        (browser.head(), browser.rest())
    }

    fn write_file(&self, name: &str, content: &[u8]) {
        std::fs::write(self.home.path().join("files").join(name), content).unwrap();
    }

    fn accepted(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Says that it is time to stop, by closing the other end.
    fn stop(&mut self) {
        self.stop = None;
    }

    /// Waits for the front to end.
    fn join(&mut self) {
        self.front.take().unwrap().join().unwrap();
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(front) = self.front.take().filter(|_| !thread::panicking()) {
            front.join().unwrap();
        }
    }
}

/// The browser's side.
struct Browser {
    stream: TcpStream,
}

impl Browser {
    fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Reads a response head.
    fn head(&mut self) -> String {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.extend(self.bytes(1));
        }
        String::from_utf8(head).unwrap()
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Reads one chunk of a chunked body.
    fn chunk(&mut self) -> Vec<u8> {
        let mut size = Vec::new();
        while !size.ends_with(b"\r\n") {
            size.extend(self.bytes(1));
        }
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim_end(), 16).unwrap();
        let mut chunk = self.bytes(size + 2);
        assert_eq!(chunk.split_off(size), b"\r\n");
        chunk
    }

    fn chunked_body(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return body;
            }
            body.extend(chunk);
        }
    }

    /// Reads to the end of the connection; a reset is an end too.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        match self.stream.read_to_end(&mut rest) {
            Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("{error}"),
            _ => rest,
        }
    }
}

/// The application's side of one FastCGI connection.
struct Peer {
    stream: UnixStream,
}

impl Peer {
    /// Reads one record; `None` at the end of the connection.
    fn record(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut header = [0; 8];
        self.stream.read_exact(&mut header).ok()?;
        assert_eq!(header[..4], [1, header[1], 0, 1], "version 1 and request id 1");
        let length = usize::from(header[4]) << 8 | usize::from(header[5]);
        let mut content = vec![0; length + usize::from(header[6])];
        self.stream.read_exact(&mut content).ok()?;
        content.truncate(length);
        Some((header[1], content))
    }

    /// Reads the beginning of a request: a responder on a kept connection, and all its parameters.
    fn request(&mut self) -> Option<HashMap<String, String>> {
        assert_eq!(self.record()?, (1, vec![0, 1, 1, 0, 0, 0, 0, 0]));
        let mut raw = Vec::new();
        loop {
            let (kind, content) = self.record()?;
            assert_eq!(kind, 4);
            if content.is_empty() {
                return Some(pairs(&raw));
            }
            raw.extend(content);
        }
    }

    /// Reads the request body to its end.
    fn body(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let (kind, content) = self.record()?;
            assert_eq!(kind, 5);
            if content.is_empty() {
                return Some(body);
            }
            body.extend(content);
        }
    }

    fn send(&mut self, kind: u8, content: &[u8]) -> Option<()> {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        self.stream.write_all(&[1, kind, 0, 1, high, low, 0, 0]).ok()?;
        self.stream.write_all(content).ok()
    }

    fn stdout(&mut self, content: &str) -> Option<()> {
        self.send(6, content.as_bytes())
    }

    fn end(&mut self) -> Option<()> {
        self.send(6, b"")?;
        self.send(3, &[0; 8])
    }

    /// Reads a whole request and answers it.
    fn answer(&mut self, answer: &str) -> Option<()> {
        self.request()?;
        self.body()?;
        self.stdout(answer)?;
        self.end()
    }
}

/// Reads parameters whose lengths are in one byte or in four.
fn pairs(mut raw: &[u8]) -> HashMap<String, String> {
    let mut pairs = HashMap::new();
    while !raw.is_empty() {
        let mut length = || {
            let size = if raw[0] < 0x80 { 1 } else { 4 };
            let bytes = raw[..size].iter().map(|byte| usize::from(*byte));
            raw = &raw[size..];
            bytes.fold(0, |length, byte| length << 8 | byte) & 0x7fff_ffff
        };
        let (name, value) = (length(), length());
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        pairs.insert(text(&raw[..name]), text(&raw[name..name + value]));
        raw = &raw[name + value..];
    }
    pairs
}

/// Whether a head has this line, name in whatever letter case.
fn has(head: &str, line: &str) -> bool {
    head.lines().any(|known| known.eq_ignore_ascii_case(line))
}

/// A channel whose receiving end can be used by any connection's thread.
fn signal<T>() -> (mpsc::Sender<T>, Arc<std::sync::Mutex<mpsc::Receiver<T>>>) {
    let (sender, receiver) = mpsc::channel();
    (sender, Arc::new(std::sync::Mutex::new(receiver)))
}
