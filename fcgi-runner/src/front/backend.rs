//! FastCGI connections to the application, kept for the next request.
//!
//! One request at a time runs on a connection, and as many connections are opened as requests run at once. Those that
//! end well are kept, a few of them; which of them the other side has closed is found out when one is wanted. What is
//! said on a connection is no business of this file.

use std::io::{self, ErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::BytesMut;
use fcgi_proto::{Limits, client};
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{Instant, sleep};

use super::Backend;
use super::failure::Failure;

/// The connections that are waiting for a request.
#[derive(Debug)]
pub(super) struct Pool {
    backend: Backend,
    idle: Mutex<Vec<Connection>>,
}

impl Pool {
    /// Opens nothing yet.
    pub(super) fn new(backend: Backend) -> Self {
        Self { backend, idle: Mutex::new(Vec::new()) }
    }

    /// The connection that was used last and is still open, if there is one.
    pub(super) fn take_idle(&self) -> Option<Connection> {
        let mut idle = self.idle();
        std::iter::from_fn(|| idle.pop()).find(Connection::is_quiet)
    }

    /// Keeps a connection whose request has ended well, if there is room for it.
    pub(super) fn keep(&self, connection: Connection) {
        let mut idle = self.idle();
        if connection.is_reusable() && idle.len() < MAX_IDLE {
            idle.push(connection);
        }
    }

    /// Opens a connection.
    ///
    /// # Errors
    ///
    /// [`Failure::Unreachable`], or [`Failure::Busy`] if the queue of a Unix socket stays full for 10 seconds.
    pub(super) async fn connect(&self) -> Result<Connection, Failure> {
        let deadline = Instant::now() + CONNECT_PATIENCE;
        loop {
            match self.open().await {
                Ok(stream) => return Ok(Connection::new(stream)),
                // A full queue of a Unix socket is told at once instead of being waited for.
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if Instant::now() >= deadline {
                        return Err(Failure::Busy);
                    }
                    sleep(CONNECT_PAUSE).await;
                }
                Err(error) => return Err(Failure::Unreachable(error)),
            }
        }
    }

    async fn open(&self) -> io::Result<Stream> {
        match &self.backend {
            Backend::Unix(path) => Ok(Stream::Unix(UnixStream::connect(path).await?)),
            Backend::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One connection: the socket, the state of the protocol, and the beginning of a record that has not come whole.
#[derive(Debug)]
pub(super) struct Connection {
    pub stream: Stream,
    pub protocol: client::Connection,
    pub input: BytesMut,
}

impl Connection {
    fn new(stream: Stream) -> Self {
        let protocol = client::Connection::new(Limits::default());
        Self { stream, protocol, input: BytesMut::new() }
    }

    /// Whether nothing of the last request is left on it.
    fn is_reusable(&self) -> bool {
        self.input.is_empty()
            && self.protocol.is_idle()
            && !self.protocol.has_transmit()
            && !self.protocol.should_close()
    }

    /// Whether the other side has neither closed it nor said anything unasked.
    fn is_quiet(&self) -> bool {
        let unasked = self.stream.try_read(&mut BytesMut::with_capacity(1));
        unasked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// A socket of either family. Both directions can be used at the same time.
#[derive(Debug)]
pub(super) enum Stream {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Stream {
    /// Appends what has come, 64 KiB at most, and waits for it; zero bytes are the end.
    pub(super) async fn read(&self, input: &mut BytesMut) -> io::Result<usize> {
        loop {
            match self {
                Self::Unix(stream) => stream.readable().await?,
                Self::Tcp(stream) => stream.readable().await?,
            }
            input.reserve(READ_SIZE);
            match self.try_read(input) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
        }
    }

    /// Sends all of it.
    pub(super) async fn write_all(&self, mut output: &[u8]) -> io::Result<()> {
        while !output.is_empty() {
            let written = match self {
                Self::Unix(stream) => {
                    stream.writable().await?;
                    stream.try_write(output)
                }
                Self::Tcp(stream) => {
                    stream.writable().await?;
                    stream.try_write(output)
                }
            };
            match written {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                written => output = output.get(written?..).unwrap_or_default(),
            }
        }
        Ok(())
    }

    fn try_read(&self, input: &mut BytesMut) -> io::Result<usize> {
        match self {
            Self::Unix(stream) => stream.try_read_buf(input),
            Self::Tcp(stream) => stream.try_read_buf(input),
        }
    }
}

/// More than a browser opens at once would seldom be wanted again.
const MAX_IDLE: usize = 8;

const READ_SIZE: usize = 64 * 1024;

const CONNECT_PATIENCE: Duration = Duration::from_secs(10);

const CONNECT_PAUSE: Duration = Duration::from_millis(20);
