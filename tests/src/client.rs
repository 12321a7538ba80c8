//! The web server's side of a connection.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{Shutdown, setsockopt, shutdown, sockopt};

use crate::record::{END, Record, STDERR, STDOUT, record};
use crate::request::Request;
use crate::wait;

/// Where a server listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Address {
    Unix(PathBuf),
    Tcp(SocketAddr),
}

impl Address {
    /// Opens a connection; reads and writes on it fail when they take as long as a test may take.
    pub fn connect(&self) -> io::Result<Client> {
        Ok(Client {
            stream: self.open()?.into(),
            open: BTreeMap::new(),
            done: BTreeMap::new(),
            management: Vec::new(),
        })
    }

    /// Opens a bare connection, with the same limits.
    pub fn open(&self) -> io::Result<OwnedFd> {
        Ok(match self {
            Self::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(wait::LIMIT))?;
                stream.set_write_timeout(Some(wait::LIMIT))?;
                stream.into()
            }
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(wait::LIMIT))?;
                stream.set_write_timeout(Some(wait::LIMIT))?;
                stream.set_nodelay(true)?;
                stream.into()
            }
        })
    }

    /// The connections on the server's side, as the kernel names open files.
    pub fn connections(&self) -> Vec<String> {
        let connection = |line: &str| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let (is_one, inode) = match self {
                // What listens has the flag 10000.
                Self::Unix(path) => (line.ends_with(path.to_str()?) && *fields.get(3)? == "00000000", 6),
                // What listens has the state 0A.
                Self::Tcp(address) => {
                    let port = format!(":{:04X}", address.port());
                    (fields.get(1)?.ends_with(&port) && *fields.get(3)? != "0A", 9)
                }
            };
            is_one.then(|| fields.get(inode).map(|inode| format!("socket:[{inode}]"))).flatten()
        };
        let tables = match self {
            Self::Unix(_) => &["/proc/net/unix"][..],
            Self::Tcp(_) => &["/proc/net/tcp", "/proc/net/tcp6"],
        };
        let text: String = tables.iter().map(|table| fs::read_to_string(table).unwrap_or_default()).collect();
        text.lines().filter_map(connection).collect()
    }
}

/// What came back for one request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Answer {
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// The empty record that ends STDOUT was there.
    pub stdout_closed: bool,
    /// Application status and protocol status.
    pub end: Option<(u32, u8)>,
}

impl Answer {
    /// The number behind `Status:`, which has to come first.
    pub fn status(&self) -> u16 {
        let text = String::from_utf8_lossy(&self.stdout);
        let number = text.strip_prefix("Status: ").and_then(|rest| rest.get(..3)?.parse().ok());
        number.unwrap_or_else(|| panic!("no status: {self:?}"))
    }

    /// The text behind the header block.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.body()).into_owned()
    }

    /// The bytes behind the header block.
    pub fn body(&self) -> &[u8] {
        let at = self.stdout.windows(4).position(|four| four == b"\r\n\r\n");
        &self.stdout[at.unwrap_or_else(|| panic!("no header block: {self:?}")) + 4..]
    }

    /// Adds a record of this request.
    pub fn take(&mut self, record: Record) {
        match record.kind {
            STDOUT if record.content.is_empty() => self.stdout_closed = true,
            STDOUT => self.stdout.extend(record.content),
            STDERR => self.stderr.extend(record.content),
            END => {
                let body: [u8; 8] = record.content.try_into().unwrap();
                let status = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
                self.end = Some((status, body[4]));
            }
            kind => panic!("a record of type {kind} from an application"),
        }
    }

    /// Whether it was ended as a whole and without complaint.
    pub fn is_whole(&self) -> bool {
        self.stdout_closed && self.end == Some((0, 0))
    }
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: File,
    open: BTreeMap<u16, Answer>,
    done: BTreeMap<u16, Answer>,
    /// Records with id 0, in order.
    management: Vec<Record>,
}

impl Client {
    /// Sends bytes.
    pub fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    /// Sends bytes to a peer that may be gone.
    pub fn try_send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Sends a request and waits for its answer.
    pub fn ask(&mut self, request: &Request) -> Answer {
        self.send(&request.bytes());
        self.answer(request.id)
    }

    /// Waits for the answer to the request of this id.
    pub fn answer(&mut self, id: u16) -> Answer {
        self.try_answer(id).unwrap_or_else(|error| panic!("no answer to request {id}: {error}; {self:?}"))
    }

    /// As [`Self::answer`], where the connection may break.
    pub fn try_answer(&mut self, id: u16) -> io::Result<Answer> {
        loop {
            if let Some(answer) = self.done.remove(&id) {
                return Ok(answer);
            }
            let record = Record::read(&mut self.stream)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            self.take(record);
        }
    }

    /// Waits until the answer to `id` has begun, and gives what is there of it.
    pub fn begun(&mut self, id: u16) -> Answer {
        self.come_to(id, 1)
    }

    /// Waits until so many bytes of the answer to `id` have come, its header block included, and gives what is there of it.
    pub fn come_to(&mut self, id: u16, count: usize) -> Answer {
        while self.open.get(&id).is_none_or(|answer| answer.stdout.len() < count) {
            let record =
                Record::read(&mut self.stream).unwrap().unwrap_or_else(|| panic!("closed: {self:?}"));
            self.take(record);
        }
        self.open[&id].clone()
    }

    /// Whether a management record has come that was not asked for with [`Self::management`].
    pub fn has_management(&self) -> bool {
        !self.management.is_empty()
    }

    /// Waits for the next management record.
    pub fn management(&mut self) -> Record {
        while self.management.is_empty() {
            let record =
                Record::read(&mut self.stream).unwrap().unwrap_or_else(|| panic!("closed: {self:?}"));
            self.take(record);
        }
        self.management.remove(0)
    }

    /// Reads to the end of the stream and gives what is there of the answer to `id`, whole or not.
    pub fn rest(&mut self, id: u16) -> Answer {
        while let Ok(Some(record)) = Record::read(&mut self.stream) {
            self.take(record);
        }
        self.done.remove(&id).or_else(|| self.open.remove(&id)).unwrap_or_default()
    }

    /// Whether the server closes the connection, without having sent anything more.
    pub fn is_closed_by_peer(&mut self) -> bool {
        match self.stream.read(&mut [0]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == io::ErrorKind::ConnectionReset,
        }
    }

    /// Whether the server sends something, or closes the connection, within a time.
    pub fn stirs_within(&self, time: Duration) -> bool {
        let timeout = PollTimeout::try_from(time).unwrap();
        poll(&mut [PollFd::new(self.stream.as_fd(), PollFlags::POLLIN)], timeout).unwrap() > 0
    }

    /// Closes the connection, if it is one of TCP, in the way that makes the other side's next call fail.
    pub fn reset(self) {
        let at_once = nix::libc::linger { l_onoff: 1, l_linger: 0 };
        setsockopt(&self.stream, sockopt::Linger, &at_once).unwrap();
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&self) {
        shutdown(self.stream.as_raw_fd(), Shutdown::Write).unwrap();
    }

    fn take(&mut self, record: Record) {
        if record.id == 0 {
            self.management.push(record);
            return;
        }
        let answer = self.open.entry(record.id).or_default();
        match record.kind {
            STDOUT if answer.stdout_closed => panic!("STDOUT goes on after its end: {answer:?}"),
            STDOUT if record.content.is_empty() => answer.stdout_closed = true,
            STDOUT => {
                answer.stdout.extend(record.content);
                assert!(answer.stdout.len() <= MOST, "an answer without end");
            }
            STDERR => answer.stderr.extend(record.content),
            END => {
                let body: [u8; 8] = record.content.try_into().unwrap();
                let status = u32::from_be_bytes([body[0], body[1], body[2], body[3]]);
                answer.end = Some((status, body[4]));
                let answer = self.open.remove(&record.id).unwrap();
                self.done.insert(record.id, answer);
            }
            kind => panic!("a record of type {kind} from an application"),
        }
    }
}

/// Sends one request on a connection of its own and waits for the answer.
pub fn ask(address: &Address, request: &Request) -> Answer {
    try_ask(address, request).unwrap_or_else(|error| panic!("no answer to {request:?}: {error}"))
}

/// As [`ask`], where nobody may be there.
pub fn try_ask(address: &Address, request: &Request) -> io::Result<Answer> {
    let mut client = address.connect()?;
    client.try_send(&request.bytes())?;
    client.try_answer(request.id)
}

/// Asks in a thread of its own.
pub fn in_background(address: &Address, request: Request) -> JoinHandle<Answer> {
    let address = address.clone();
    thread::spawn(move || ask(&address, &request))
}

/// Longest answer, in bytes: what goes on for ever must not take all memory.
const MOST: usize = 1 << 28;

/// `ABORT_REQUEST`.
pub fn abort(id: u16) -> Vec<u8> {
    record(crate::record::ABORT, id, &[])
}
