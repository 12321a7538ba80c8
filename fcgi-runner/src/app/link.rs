//! The connection of a request, as those see it who answer.

use std::os::fd::RawFd;

use bytes::BufMut;
use fcgi_proto::RequestKey;

use super::{Blocker, Body, Request};

/// The connection of a request, as an application sees it. All calls may come from any thread.
pub trait Link: Send + Sync {
    /// Sends STDOUT content, given in parts that together are one piece; with `last` the streams are closed and the request
    /// is ended in the same write. An empty piece sends no record of its own.
    ///
    /// # Errors
    /// When the peer is gone, or the request is ended already.
    fn stdout(
        &self,
        key: RequestKey,
        parts: &[&[u8]],
        last: bool,
        blocker: &dyn Blocker,
    ) -> Result<(), LinkGone>;

    /// Sends STDOUT content that lies in a file.
    ///
    /// # Errors
    /// As for [`Link::stdout`], and when the file is shorter than said: the connection is closed then.
    fn stdout_file(&self, key: RequestKey, part: FilePart, blocker: &dyn Blocker) -> Result<(), LinkGone>;

    /// Sends text on STDERR; a peer that is gone hears nothing.
    fn stderr(&self, key: RequestKey, text: &[u8], blocker: &dyn Blocker);

    /// Ends the request so that the peer notices that the answer is not whole.
    fn cut(&self, key: RequestKey, blocker: &dyn Blocker);

    /// Ends a request whose application does not end it: with a whole CGI page, if nothing of an answer has left, or else as
    /// [`Link::cut`] does. Not called by the thread that serves it.
    fn end_with(&self, request: &Request, code: u16, page: &[u8]);

    /// Waits until more of a body of the request has arrived, or it is certain that nothing will. What arrives may be put into
    /// `room`, which is no longer than what was announced and has not arrived, instead of the body.
    fn wait_for_input(&self, request: &Request, body: &Body, room: &mut dyn BufMut, blocker: &dyn Blocker);

    /// Who is at the other end, for the log.
    fn peer(&self) -> String;
}

/// A part of an open regular file, whose descriptor belongs to the application and stays open meanwhile.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct FilePart {
    pub fd: RawFd,
    pub offset: u64,
    pub length: u64,
}

/// The peer is gone: nothing that is sent arrives any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the web server has closed the connection")]
pub struct LinkGone;
