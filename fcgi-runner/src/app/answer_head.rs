//! Status and headers of an answer as the application says them, checked and laid out for the web server.
//!
//! Sources: PEP 3333 "The `start_response()` Callable", RFC 3875 §6.3, FastCGI 1.0 section 6.3.

use std::io::Write;

use fcgi_proto::Role;

use super::Request;
use crate::cgi::head::{self, HeadError};

/// The head of an answer that has not been sent.
#[derive(Debug)]
pub struct AnswerHead {
    /// The lines that leave, without the blank one at the end.
    pub(super) lines: Vec<u8>,
    pub(super) code: u16,
    pub(super) declared: Option<u64>,
    pub(super) body_allowed: bool,
    /// The 200 of an authorizer, of which only the `Variable-*` headers leave.
    pub(super) allows: bool,
    /// The web server is to send a file in place of the body, and the length is that of the file.
    pub(super) handed_over: bool,
}

impl AnswerHead {
    /// Begins with a status, in `lines`, which are empty.
    ///
    /// # Errors
    /// When it is no status.
    pub fn new(request: &Request, status: &[u8], mut lines: Vec<u8>) -> Result<Self, HeadError> {
        let status = head::parse_status(status)?;
        lines.reserve(USUAL_HEAD);
        head::write_status(&mut lines, status);
        let allows = request.role() == Role::AUTHORIZER && status.code == 200;
        let method: &[u8] = if request.is_head() { b"HEAD" } else { b"GET" };
        Ok(Self {
            lines,
            code: status.code,
            declared: None,
            body_allowed: !allows && head::body_allowed(method, status.code),
            allows,
            handed_over: false,
        })
    }

    /// Adds a header.
    ///
    /// # Errors
    /// When it is not allowed in an HTTP answer; the head is of no use then.
    pub fn add(&mut self, name: &[u8], value: &[u8]) -> Result<(), HeadError> {
        if self.allows && !is_variable(name) {
            return head::check_header(name, value);
        }
        head::write_header(&mut self.lines, name, value)?;
        // Most headers are none of those that matter here, and their length says so at once.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.declare(value)?,
            10 | 11 | 16 | 20 => {
                self.handed_over |= HAND_OVER.iter().any(|known| name.eq_ignore_ascii_case(known));
            }
            _ => {}
        }
        Ok(())
    }

    /// Its room, for the next one, unless it has grown beyond the usual.
    pub(super) fn into_lines(self) -> Vec<u8> {
        let mut room = self.lines;
        room.clear();
        if room.capacity() > MOST_KEPT { Vec::new() } else { room }
    }

    fn declare(&mut self, value: &[u8]) -> Result<(), HeadError> {
        let length = head::parse_content_length(value)?;
        match self.declared.replace(length) {
            Some(first) if first != length => Err(HeadError::ContentLengths(first, length)),
            _ => Ok(()),
        }
    }

    /// Announces the length of the body where the application has not done so.
    pub(super) fn announce(&mut self, length: u64) {
        if self.declared.is_none() && self.body_allowed {
            // A vector takes all that is written to it.
            let _ = write!(self.lines, "Content-Length: {length}\r\n");
            self.declared = Some(length);
        }
    }

    /// Whether fewer bytes of body than announced are no fault.
    pub(super) fn may_be_short(&self) -> bool {
        !self.body_allowed || self.handed_over
    }
}

/// Whether a header of an authorizer is for the web server, which makes a variable of it. Web servers are to ignore the others;
/// Apache hands them to the visitor, with the page that is guarded.
fn is_variable(name: &[u8]) -> bool {
    name.get(..VARIABLE.len()).is_some_and(|start| start.eq_ignore_ascii_case(VARIABLE))
}

const VARIABLE: &[u8] = b"Variable-";

/// Headers that make a web server send a file of its own (nginx, lighttpd, Apache, Cherokee).
const HAND_OVER: [&[u8]; 4] = [b"x-accel-redirect", b"x-sendfile", b"x-sendfile2", b"x-lighttpd-send-file"];

/// Room for the head of most answers, in bytes, and the most that is kept from one to the next.
const USUAL_HEAD: usize = 512;
const MOST_KEPT: usize = 4 * USUAL_HEAD;
