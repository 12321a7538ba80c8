//! A connection, the next one when it ends, and the requests on it.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use fcgi_tests::Address;

use crate::answer::Answer;
use crate::framing::Framing;

/// A connection.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) stream: File,
    /// By id, from 1 on.
    pub(crate) asked: Vec<Asked>,
    /// Whether it ever had an answer.
    pub(crate) is_served: bool,
    /// Whether the server is waited for to take more of a request.
    pub(crate) is_stuck: bool,
    framing: Framing,
    /// Numbers of the requests to be sent, and how much of the first was.
    unsent: VecDeque<usize>,
    sent: usize,
}

/// A request that is under way.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) since: Instant,
    pub(crate) answer: Answer,
}

/// What came in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Came {
    /// All that there was.
    All,
    /// The end of the connection.
    End,
}

impl Slot {
    /// Opens a connection and asks so many requests on it.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn open(address: &Address, active: usize) -> io::Result<Self> {
        let since = Instant::now();
        Ok(Self {
            stream: connect(address)?,
            asked: (0..active).map(|_| Asked { since, answer: Answer::default() }).collect(),
            is_served: false,
            is_stuck: false,
            framing: Framing::default(),
            unsent: (0..active).collect(),
            sent: 0,
        })
    }

    /// Begins anew with a connection of its own.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn reopen(&mut self, address: &Address) -> io::Result<()> {
        let next = Self::open(address, self.asked.len())?;
        *self = Self { is_served: self.is_served, ..next };
        Ok(())
    }

    /// Asks a request again, the answer to which was whole.
    pub(crate) fn ask_again(&mut self, number: usize) {
        self.asked[number].answer.clear();
        self.asked[number].since = Instant::now();
        self.unsent.push_back(number);
    }

    /// Writes what there is to be sent, as far as the server takes it.
    ///
    /// # Errors
    /// When the server has gone.
    pub(crate) fn send(&mut self, requests: &[Vec<u8>]) -> io::Result<()> {
        self.is_stuck = false;
        while let Some(first) = self.unsent.front() {
            let first = IoSlice::new(&requests[*first][self.sent..]);
            let others = self.unsent.iter().skip(1).map(|number| IoSlice::new(&requests[*number]));
            let written = if self.unsent.len() == 1 {
                self.stream.write(&first)
            } else {
                let slices: Vec<IoSlice<'_>> = std::iter::once(first).chain(others).collect();
                self.stream.write_vectored(&slices)
            };
            match written {
                Ok(count) => self.count_sent(count, requests),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.is_stuck = true;
                    return Ok(());
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn count_sent(&mut self, count: usize, requests: &[Vec<u8>]) {
        self.sent += count;
        while let Some(first) = self.unsent.front() {
            let length = requests[*first].len();
            if self.sent < length {
                return;
            }
            self.sent -= length;
            self.unsent.pop_front();
        }
    }

    /// Reads what there is, and notes the numbers of the requests whose answers are whole.
    ///
    /// # Errors
    /// When the connection breaks, or what comes belongs to no request.
    pub(crate) fn receive(&mut self, buffer: &mut [u8], whole: &mut Vec<usize>) -> io::Result<Came> {
        loop {
            let count = match self.stream.read(buffer) {
                Ok(0) => return Ok(Came::End),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Came::All),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let asked = &mut self.asked;
            self.framing.feed(&buffer[..count], |piece| {
                let number = usize::from(piece.id).wrapping_sub(1);
                let stray = || io::Error::other(format!("a record for request {}", piece.id));
                if asked.get_mut(number).ok_or_else(stray)?.answer.take(piece)? {
                    whole.push(number);
                }
                Ok(())
            })?;
            if count < buffer.len() {
                return Ok(Came::All);
            }
        }
    }
}

/// Connects, waiting for room in the listen queue as web servers do not; reads and writes do not wait.
fn connect(address: &Address) -> io::Result<File> {
    Ok(match address {
        Address::Unix(path) => {
            let stream = UnixStream::connect(path)?;
            stream.set_nonblocking(true)?;
            File::from(std::os::fd::OwnedFd::from(stream))
        }
        Address::Tcp(address) => {
            let stream = TcpStream::connect(address)?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            File::from(std::os::fd::OwnedFd::from(stream))
        }
    })
}
