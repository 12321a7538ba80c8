//! Memory that stands for a socket: what is read is copied out of it, what is written is copied into it.

use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use tokio::io::ReadBuf;

/// Bytes that the peer sends, again and again if need be.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    bytes: &'a [u8],
    at: usize,
    repeats: bool,
}

impl<'a> Incoming<'a> {
    /// The bytes once, and then the end.
    pub fn once(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, repeats: false }
    }

    /// The bytes without end.
    pub fn repeated(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, repeats: true }
    }

    fn read(&mut self, most: usize) -> &'a [u8] {
        if self.repeats && self.at == self.bytes.len() {
            self.at = 0;
        }
        let rest = &self.bytes[self.at..];
        let piece = &rest[..rest.len().min(most)];
        self.at += piece.len();
        piece
    }
}

/// Bytes that were sent to the peer; the oldest are forgotten from time to time.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
}

impl Outgoing {
    /// Takes a copy.
    pub fn write(&mut self, bytes: &[u8]) {
        if self.bytes.len() > 2 * crate::inputs::LARGE {
            self.bytes.clear();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What was sent and is not forgotten.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// Both directions, for a client that wants one stream.
#[derive(Clone, Debug)]
pub struct Socket<'a> {
    /// What the peer sends.
    pub incoming: Incoming<'a>,
    /// What was sent to it.
    pub outgoing: Outgoing,
}

/// Runs a future that has nothing to wait for, without a runtime.
pub fn now<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("memory is always ready"),
    }
}

impl tokio::io::AsyncRead for Incoming<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let piece = self.read(buf.remaining());
        buf.put_slice(piece);
        Poll::Ready(Ok(()))
    }
}

impl tokio::io::AsyncWrite for Outgoing {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl futures_io::AsyncRead for Socket<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let piece = self.incoming.read(buf.len());
        buf[..piece.len()].copy_from_slice(piece);
        Poll::Ready(Ok(piece.len()))
    }
}

impl futures_io::AsyncWrite for Socket<'_> {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.outgoing.write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
