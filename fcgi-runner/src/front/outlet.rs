//! The way of an answer from the FastCGI connection to the HTTP connection.
//!
//! In come the pieces of the STDOUT stream; out go the response head, once, and the pieces of the body, at most a few
//! of them at a time: a browser that does not read holds up the application. The outlet knows when the browser has got
//! all it can get, after which a closed channel is no sign that the browser has gone.

use bytes::{Bytes, BytesMut};
use tokio::sync::{mpsc, oneshot};

use super::failure::Failure;
use crate::cgi::answer::{CgiHead, parse_cgi_head};
use crate::cgi::head::{HeadError, body_allowed, parse_content_length};

/// A piece of a response body. A channel that is closed without [`Piece::End`] is an answer cut off.
#[derive(Debug)]
pub(super) enum Piece {
    /// Bytes, never empty.
    Data(Bytes),
    /// The body is complete.
    End,
}

/// Makes an outlet, and the two ends from which the response is made.
pub(super) fn channel(
    is_head_request: bool,
) -> (Outlet, oneshot::Receiver<Result<CgiHead, Failure>>, mpsc::Receiver<Piece>) {
    let (head, head_receiver) = oneshot::channel();
    let (pieces, receiver) = mpsc::channel(PIECES);
    let outlet =
        Outlet { head: Some(head), begun: BytesMut::new(), pieces, is_head_request, left: None, surplus: 0 };
    (outlet, head_receiver, receiver)
}

/// Where the answer to one request goes.
#[derive(Debug)]
pub(super) struct Outlet {
    /// There until the head has been sent.
    head: Option<oneshot::Sender<Result<CgiHead, Failure>>>,
    /// The beginning of a head that has not come whole; 64 KiB and one piece at most.
    begun: BytesMut,
    pieces: mpsc::Sender<Piece>,
    is_head_request: bool,
    /// How many bytes of the body the browser still gets, if that is known.
    left: Option<u64>,
    surplus: usize,
}

impl Outlet {
    /// Takes a piece of the STDOUT stream, and waits until there is room for it.
    ///
    /// # Errors
    ///
    /// [`Failure::Head`] and [`Failure::Interim`] for a head that cannot be used, [`Failure::TooLong`] for more than
    /// 64 KiB beyond the end, [`Failure::ClientGone`].
    pub(super) async fn stdout(&mut self, data: Bytes) -> Result<(), Failure> {
        if self.head.is_none() {
            return self.send(data).await;
        }
        self.begun.extend_from_slice(&data);
        let Some((head, length)) = parse_cgi_head(&self.begun)? else { return Ok(()) };
        let body = self.begun.split_off(length).freeze();
        self.left = self.expected(&head)?;
        if let Some(sender) = self.head.take() {
            // Where nobody waits for it, the browser has gone, which the next piece or read finds out.
            let _ = sender.send(Ok(head));
        }
        self.send(body).await
    }

    /// Ends a complete answer.
    ///
    /// # Errors
    ///
    /// [`Failure::NoAnswer`] if there was no whole head, [`Failure::TooShort`].
    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        match self.left {
            _ if self.head.is_some() => Err(Failure::NoAnswer),
            Some(missing @ 1..) => Err(Failure::TooShort { missing }),
            _ => {
                // A browser that has gone by now has missed nothing.
                let _ = self.pieces.send(Piece::End).await;
                Ok(())
            }
        }
    }

    /// Ends an answer that is not complete: by a page that explains, or by being cut off.
    pub(super) fn fail(self, failure: Failure) {
        if let Some(head) = self.head {
            // As above: nobody may be there to read it.
            let _ = head.send(Err(failure));
        }
    }

    /// Waits until the browser has gone before it got everything.
    pub(super) async fn client_gone(&self) {
        if self.has_enough() {
            std::future::pending::<()>().await;
        } else {
            self.pieces.closed().await;
        }
    }

    fn has_enough(&self) -> bool {
        self.left == Some(0)
    }

    async fn send(&mut self, mut data: Bytes) -> Result<(), Failure> {
        if let Some(left) = &mut self.left {
            let usable = usize::try_from(*left).unwrap_or(usize::MAX).min(data.len());
            *left -= usable as u64;
            self.surplus += data.len() - usable;
            data.truncate(usable);
        }
        if self.surplus > MAX_SURPLUS {
            return Err(Failure::TooLong);
        }
        if data.is_empty() {
            return Ok(());
        }
        self.pieces.send(Piece::Data(data)).await.map_err(|_| Failure::ClientGone)
    }

    /// The bytes of the body, where the head tells.
    fn expected(&self, head: &CgiHead) -> Result<Option<u64>, Failure> {
        if head.status < 200 {
            return Err(Failure::Interim(head.status));
        }
        let method: &[u8] = if self.is_head_request { b"HEAD" } else { b"" };
        let length = content_length(head)?;
        Ok(if body_allowed(method, head.status) { length } else { Some(0) })
    }
}

/// The `Content-Length` of an answer; repeated ones must agree.
fn content_length(head: &CgiHead) -> Result<Option<u64>, HeadError> {
    let mut found = None;
    for (name, value) in &head.headers {
        if name.eq_ignore_ascii_case(b"content-length") {
            let length = parse_content_length(value)?;
            if found.is_some_and(|other| other != length) {
                return Err(HeadError::ContentLength(String::from_utf8_lossy(value).into_owned()));
            }
            found = Some(length);
        }
    }
    Ok(found)
}

/// How many pieces may wait for the browser.
const PIECES: usize = 4;

/// What an application may send beyond the end of a body, or as the body of an answer that has none.
const MAX_SURPLUS: usize = 64 * 1024;
