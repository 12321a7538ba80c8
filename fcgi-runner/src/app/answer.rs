//! The answer of an application, checked and sent.
//!
//! Status and headers are held until there is a body, so that they can be replaced by an error; they leave together with the
//! first piece. What HTTP forbids does not leave at all: a body for HEAD, 1xx, 204 and 304, bytes beyond Content-Length.
//!
//! The 200 of an authorizer is no page: it leaves only when the application has ended well, and has nothing but the `Variable-*`
//! headers.
//! Sources: PEP 3333 "The `start_response()` Callable", RFC 3875 §6, FastCGI 1.0 section 6.3.

use std::borrow::Cow;
use std::sync::Arc;

use smallvec::SmallVec;

use super::{AnswerHead, Blocker, FilePart, LinkGone, Request};
use crate::cgi::head;
use crate::cgi::page;
use crate::messages::Code;

/// A piece of a body.
pub type Part<'a> = &'a [u8];

/// The answer to one request.
#[derive(Debug)]
pub struct Answer {
    request: Arc<Request>,
    head: Option<AnswerHead>,
    /// Where the head of the next request may be laid out.
    lines: Vec<u8>,
    stage: Stage,
    /// Body bytes handed in so far.
    written: u64,
    cut_short: bool,
    gone: bool,
}

/// How far an answer has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Stage {
    /// Nothing has left.
    Held,
    /// Status and headers have left, and perhaps a part of the body.
    Sent,
    /// Nothing more will leave.
    Over,
}

/// Why a piece of an answer was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// The peer is gone.
    #[error(transparent)]
    Gone(#[from] LinkGone),
    /// The answer was ended before.
    #[error("the application goes on writing although its answer has ended")]
    Over,
    /// The application gives a body without having said its status.
    #[error("the application gave a body before it called start_response")]
    NotStarted,
    /// The application ended with fewer bytes than it announced.
    #[error("the application announced {declared} bytes of body and gave {written}")]
    TooShort { declared: u64, written: u64 },
}

impl Answer {
    /// Begins with nothing said.
    pub fn new(request: Arc<Request>) -> Self {
        let (head, lines) = (None, Vec::new());
        Self { request, head, lines, stage: Stage::Held, written: 0, cut_short: false, gone: false }
    }

    /// Begins anew, with another request; the room for a head is kept where it is of the usual size.
    pub fn renew(&mut self, request: Arc<Request>) {
        let lines = self.head.take().map_or_else(|| self.take_lines(), AnswerHead::into_lines);
        *self = Self { lines, ..Self::new(request) };
    }

    /// Room for a head.
    pub fn take_lines(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.lines)
    }

    /// Takes status and headers; those of a second call replace what was not sent yet.
    pub fn start(&mut self, head: AnswerHead) {
        self.head = Some(head);
    }

    /// The request that is answered.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Sends a piece of the body, with the head before it if that was not sent. Empty pieces send nothing.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn write(&mut self, part: Part<'_>, blocker: &dyn Blocker) -> Result<(), AnswerError> {
        // An authorizer that says 200 and then fails has allowed nothing.
        let held = self.stage == Stage::Held && self.head.as_ref().is_some_and(|head| head.allows);
        if part.is_empty() || held {
            return Ok(());
        }
        self.send(&[part], false, blocker)
    }

    /// Sends a part of a file, with the head before it if that was not sent; no more than may still be sent.
    ///
    /// # Errors
    /// See [`AnswerError`].
    pub fn write_file(&mut self, part: FilePart, blocker: &dyn Blocker) -> Result<(), AnswerError> {
        if !self.is_sent() {
            self.send(&[], false, blocker)?;
        }
        if self.stage == Stage::Over {
            return Err(AnswerError::Over);
        }
        let fits = FilePart { length: part.length.min(self.room()), ..part };
        self.written += part.length;
        self.cut_short |= fits.length < part.length;
        self.request.note_sent(fits.length);
        if self.room() == 0 {
            self.request.note_answered();
        }
        let sent = self.request.stdout_file(fits, blocker);
        self.gone |= sent.is_err();
        Ok(sent?)
    }

    /// Sends the last pieces and ends the request. When nothing was sent before, these are the whole body, and its length is
    /// announced if the application has not done so and `whole` says that it may be.
    ///
    /// # Errors
    /// See [`AnswerError`]. [`AnswerError::TooShort`] does not end the request: it is to [`Answer::fail`], and for that reason
    /// nothing is sent if nothing was sent before.
    pub fn finish(
        &mut self,
        parts: &[Part<'_>],
        whole: bool,
        blocker: &dyn Blocker,
    ) -> Result<(), AnswerError> {
        let total: u64 = parts.iter().map(|part| part.len() as u64).sum();
        let sent = self.is_sent();
        let head = self.head.as_mut().ok_or(AnswerError::NotStarted)?;
        if whole && !sent {
            head.announce(total);
        }
        let written = self.written + total;
        if let Some(declared) = head.declared.filter(|declared| written < *declared && !head.may_be_short()) {
            if sent {
                self.send(parts, false, blocker)?;
            }
            return Err(AnswerError::TooShort { declared, written });
        }
        self.send(parts, true, blocker)?;
        Ok(())
    }

    /// Answers with an error page if nothing was sent yet, and otherwise ends the request: as not whole, unless all that was
    /// announced has been sent.
    pub fn fail(&mut self, code: u16, page: &[u8], blocker: &dyn Blocker) {
        if self.is_sent() {
            let whole = self.discards_body() || self.is_complete();
            if !whole || self.send(&[], true, blocker).is_err() {
                self.cut(blocker);
            }
            return;
        }
        self.stage = Stage::Over;
        self.request.note_status(code);
        let head = page.windows(4).position(|window| window == b"\r\n\r\n").map_or(page.len(), |at| at + 4);
        let page = if self.request.is_head() { &page[..head] } else { page };
        self.request.note_sent((page.len() - head) as u64);
        let _ = self.request.stdout(&[page], true, blocker);
    }

    /// Ends the request so that the peer can see that the answer is not whole.
    pub fn cut(&mut self, blocker: &dyn Blocker) {
        self.stage = Stage::Over;
        self.request.cut(blocker);
    }

    /// Whether status and headers have left.
    pub fn is_sent(&self) -> bool {
        self.stage > Stage::Held
    }

    /// Whether the application has said status and headers.
    pub fn is_started(&self) -> bool {
        self.head.is_some()
    }

    /// Whether a body would be thrown away, so that it need not be asked for: for HEAD and for statuses that have none. That of an
    /// authorizer is asked for, since the application may still fail.
    pub fn discards_body(&self) -> bool {
        self.head.as_ref().is_some_and(|head| !head.body_allowed && !head.allows)
    }

    /// Whether all announced bytes were handed in.
    pub fn is_complete(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.declared.is_some_and(|declared| self.written >= declared))
    }

    /// Bytes of body that may still be sent.
    pub fn room(&self) -> u64 {
        let Some(head) = &self.head else { return u64::MAX };
        if head.body_allowed {
            head.declared.map_or(u64::MAX, |declared| declared.saturating_sub(self.written))
        } else {
            0
        }
    }

    /// Whether the peer went away before all was sent.
    pub fn is_gone(&self) -> bool {
        self.gone
    }

    /// Whether bytes beyond the announced length were thrown away.
    pub fn was_cut_short(&self) -> bool {
        self.cut_short
    }

    fn send(&mut self, parts: &[Part<'_>], last: bool, blocker: &dyn Blocker) -> Result<(), AnswerError> {
        if self.stage == Stage::Over {
            return Err(AnswerError::Over);
        }
        let mut room = self.room();
        let head = self.head.as_mut().ok_or(AnswerError::NotStarted)?;
        let mut pieces: SmallVec<[Part<'_>; 4]> = SmallVec::new();
        if self.stage == Stage::Held {
            head::end_head(&mut head.lines);
            self.request.note_status(head.code);
            pieces.push(&head.lines);
        }
        let mut taken = 0;
        for part in parts {
            self.written += part.len() as u64;
            let fits = usize::try_from(room).unwrap_or(usize::MAX).min(part.len());
            self.cut_short |= head.body_allowed && fits < part.len();
            room -= fits as u64;
            taken += fits as u64;
            if fits > 0 {
                pieces.push(&part[..fits]);
            }
        }
        self.request.note_sent(taken);
        if room == 0 && !last {
            // Before the last announced byte leaves: the web server may be quick.
            self.request.note_answered();
        }
        self.stage = if last { Stage::Over } else { Stage::Sent };
        if pieces.is_empty() && !last {
            return Ok(());
        }
        let sent = self.request.stdout(&pieces, last, blocker);
        self.gone |= sent.is_err();
        Ok(sent?)
    }
}

/// Why a request is answered by the server itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    /// The status of HTTP.
    pub status: u16,
    pub message: Code,
    /// One sentence for the visitor.
    pub text: Cow<'static, str>,
}

/// Answers a request with a small page; for refusals and troubles of the server itself.
pub fn answer_with_page(request: &Arc<Request>, reason: &Refusal, blocker: &dyn Blocker) {
    let Refusal { status, message, text } = reason;
    let page = page::error_page(*status, "", text, Some(*message));
    Answer::new(request.clone()).fail(*status, &page, blocker);
}
