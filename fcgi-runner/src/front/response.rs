//! HTTP responses: from the head of an application's answer, and from our own pages.
//!
//! In comes what `cgi` has read or written; out goes a response for hyper, which adds the date, frames the body and
//! leaves it out where there must be none. Headers about the connection are dropped, for they are ours to say.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use hyper::ext::ReasonPhrase;
use hyper::header::{CONTENT_LENGTH, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

use super::outlet::Piece;
use crate::cgi::answer::{CgiHead, parse_cgi_head};
use crate::cgi::head::is_hop_by_hop;
use crate::cgi::page::error_page;
use crate::messages::Code;

/// The body of a response.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// All of it; `None` is no body.
    Whole(Option<Bytes>),
    /// Pieces as they come.
    Pieces(mpsc::Receiver<Piece>),
    /// Nothing more comes, though something should.
    Cut,
}

impl AnswerBody {
    /// A body in one piece.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

/// The answer ended too early; hyper breaks the connection off, which is how the browser gets to know.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the answer was cut off")]
pub(super) struct CutOff;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        let piece = match &mut *self {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes)))),
            Self::Pieces(pieces) => std::task::ready!(pieces.poll_recv(context)),
            Self::Cut => return Poll::Ready(Some(Err(CutOff))),
        };
        match piece {
            Some(Piece::Data(data)) => Poll::Ready(Some(Ok(Frame::data(data)))),
            Some(Piece::End) => {
                *self = Self::Whole(None);
                Poll::Ready(None)
            }
            None => {
                // An error makes hyper forget what it has not written yet. It writes while a body has nothing to give.
                *self = Self::Cut;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Pieces(_) | Self::Cut => SizeHint::default(),
        }
    }
}

/// Makes the response to an application's answer.
pub(super) fn response(head: &CgiHead, body: AnswerBody) -> Response<AnswerBody> {
    let mut response = Response::new(body);
    let status = StatusCode::from_u16(head.status).unwrap_or(StatusCode::BAD_GATEWAY);
    *response.status_mut() = status;
    let is_usual = status.canonical_reason().is_some_and(|usual| usual.as_bytes() == head.reason);
    if !is_usual && let Ok(reason) = ReasonPhrase::try_from(head.reason.as_slice()) {
        response.extensions_mut().insert(reason);
    }
    for (name, value) in &head.headers {
        let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value)) else {
            continue;
        };
        let repeated = name == CONTENT_LENGTH && response.headers().contains_key(CONTENT_LENGTH);
        let forbidden = name == CONTENT_LENGTH && status == StatusCode::NO_CONTENT;
        if !repeated && !forbidden && !is_hop_by_hop(name.as_str().as_bytes()) {
            // More headers than the map takes do not fit in the longest head.
            let _ = response.headers_mut().try_append(name, value);
        }
    }
    response
}

/// Makes a response that shows one of our own pages.
pub(super) fn error_response(code: u16, text: &str, message: Option<Code>) -> Response<AnswerBody> {
    let mut page = Bytes::from(error_page(code, "", text, message));
    if let Ok(Some((head, length))) = parse_cgi_head(&page) {
        return response(&head, AnswerBody::whole(page.split_off(length)));
    }
    // Our own pages have a head; without one, the status still tells.
    let mut bare = Response::new(AnswerBody::Whole(None));
    *bare.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    bare
}

#[cfg(test)]
mod tests {
    use hyper::ext::ReasonPhrase;

    use super::{AnswerBody, error_response, response};
    use crate::cgi::answer::parse_cgi_head;

    fn made(head: &str) -> hyper::Response<AnswerBody> {
        let (head, _) = parse_cgi_head(head.as_bytes()).unwrap().unwrap();
        response(&head, AnswerBody::Whole(None))
    }

    #[test]
    fn heads_keep_their_order_and_doubles() {
        let response = made("Status: 200 OK\nSet-Cookie: a\nX: 1\nSet-Cookie: b\n\n");
        let cookies: Vec<_> = response.headers().get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a", "b"]);
        assert_eq!(response.headers()["x"], "1");
        assert!(response.extensions().get::<ReasonPhrase>().is_none());
    }

    #[test]
    fn a_reason_of_its_own_is_kept() {
        let response = made("Status: 404 Gone Fishing\n\n");
        assert_eq!(response.status(), 404);
        assert_eq!(response.extensions().get::<ReasonPhrase>().unwrap().as_bytes(), b"Gone Fishing");
    }

    #[test]
    fn headers_about_the_connection_are_dropped() {
        let response =
            made("Transfer-Encoding: chunked\nConnection: close\nContent-Length: 3\nContent-Length: 3\n\n");
        let names: Vec<_> = response.headers().keys().collect();
        assert_eq!(names, ["content-length"]);
        assert_eq!(response.headers().get_all("content-length").iter().count(), 1);
        assert!(made("Status: 204 No Content\nContent-Length: 0\n\n").headers().is_empty());
    }

    #[test]
    fn pages_are_whole_responses() {
        let response = error_response(502, "It said: <nothing>.", None);
        assert_eq!(response.status(), 502);
        let AnswerBody::Whole(Some(body)) = response.body() else { panic!("a page has a body") };
        assert_eq!(response.headers()["content-length"], body.len().to_string());
        assert!(String::from_utf8_lossy(body).contains("&lt;nothing&gt;"));
    }
}
