//! One connection of somebody who asks: bytes in, answers out, in the protocol of its first byte.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use fcgi_proto::Params;
use fcgi_proto::server::{self, Disposition, Event};

use super::super::form::Reply;
use super::{Question, http};
use crate::cgi::path::path_of_uri;
use crate::os::socket;

/// A connection.
pub(super) struct Connection {
    socket: OwnedFd,
    /// Whether this peer may ask at all.
    may: bool,
    /// Whether only programs of this machine can have come by this door.
    is_local: bool,
    speech: Speech,
    input: BytesMut,
    output: VecDeque<Bytes>,
    closes: bool,
    heard_at: Instant,
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Wish {
    Read,
    Write,
    Close,
}

enum Speech {
    Unknown,
    Http,
    FastCgi(Box<server::Connection>),
}

impl Connection {
    pub(super) fn new(socket: OwnedFd, may: bool, is_local: bool) -> Self {
        Self {
            socket,
            may,
            is_local,
            speech: Speech::Unknown,
            input: BytesMut::new(),
            output: VecDeque::new(),
            closes: false,
            heard_at: Instant::now(),
        }
    }

    /// When something was last heard of the peer, or taken by it.
    pub(super) fn heard_at(&self) -> Instant {
        self.heard_at
    }

    /// Whether it has been silent for so long that nobody will miss it.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.heard_at) > PATIENCE
    }

    /// Reads what is there, answers it, and sends what can be sent.
    pub(super) fn go_on(&mut self, answer: &dyn Fn(&Question<'_>) -> Reply) -> Wish {
        if self.output.is_empty() {
            match socket::receive(self.socket.as_fd(), &mut self.input, READ) {
                Ok(0) => return Wish::Close,
                Ok(_) => self.heard_at = Instant::now(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wish::Read,
                Err(_) => return Wish::Close,
            }
        }
        loop {
            match self.send() {
                Wish::Read => {}
                other => return other,
            }
            // The next question is heard when the answer before it is gone.
            if !self.understand(answer) {
                return Wish::Close;
            }
            if self.output.is_empty() {
                return if self.closes { Wish::Close } else { Wish::Read };
            }
        }
    }

    fn send(&mut self) -> Wish {
        while !self.output.is_empty() {
            let parts: Vec<IoSlice<'_>> = self.output.iter().map(|piece| IoSlice::new(piece)).collect();
            match socket::send(self.socket.as_fd(), &parts, false) {
                Ok(sent) => self.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Wish::Write,
                Err(_) => return Wish::Close,
            }
        }
        if self.closes { Wish::Close } else { Wish::Read }
    }

    fn advance(&mut self, mut sent: usize) {
        self.heard_at = Instant::now();
        while let Some(piece) = self.output.front_mut() {
            if sent < piece.len() {
                piece.advance(sent);
                return;
            }
            sent -= piece.len();
            self.output.pop_front();
        }
    }

    /// Answers one question, if a whole one is there; `false` when the peer speaks nonsense.
    fn understand(&mut self, answer: &dyn Fn(&Question<'_>) -> Reply) -> bool {
        if matches!(self.speech, Speech::Unknown) {
            match self.input.first() {
                None => return true,
                Some(&FASTCGI_VERSION) => self.speech = Speech::FastCgi(Box::new(protocol())),
                Some(_) => self.speech = Speech::Http,
            }
        }
        let forbidden = (!self.may)
            .then(|| Reply::line("403 Forbidden", "This address may not see the status; see statusallow=."));
        let answer = |question: &Question<'_>| forbidden.clone().unwrap_or_else(|| answer(question));
        if let Speech::FastCgi(protocol) = &mut self.speech {
            let sound = protocol.handle_input(&mut self.input).is_ok();
            while let Some(event) = protocol.poll_event() {
                self.closes |= hear(protocol, &event, &answer);
            }
            while let Some(piece) = protocol.poll_transmit() {
                self.output.push_back(piece);
            }
            return sound;
        }
        if let Some(spoken) = http::answer(&mut self.input, self.is_local, &answer) {
            self.closes |= spoken.closes;
            self.output.push_back(spoken.bytes);
        }
        true
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

fn protocol() -> server::Connection {
    let limits =
        fcgi_proto::Limits { max_params_bytes: MOST_PARAMS, max_active_requests: 16, ..Default::default() };
    server::Connection::new(server::Settings { limits, ..server::Settings::default() })
}

/// Answers a FastCGI request when its parameters are whole; whether the connection is to be closed afterwards.
fn hear(protocol: &mut server::Connection, event: &Event, answer: &dyn Fn(&Question<'_>) -> Reply) -> bool {
    let (key, page) = match event {
        Event::Request { key, params, .. } => {
            let method = params.get(b"REQUEST_METHOD").unwrap_or(b"GET");
            (*key, answer(&question(params, method, &path(params))).to_cgi(method == b"HEAD"))
        }
        Event::Rejected { key, .. } => {
            (*key, Reply::line("400 Bad Request", "This request makes no sense.").to_cgi(false))
        }
        _ => return false,
    };
    let sent = protocol.stdout(key, page.into()).and_then(|()| protocol.end_request(key, 0));
    matches!(sent, Ok(Disposition::Close | Disposition::Drain { close: true }))
}

fn question<'q>(params: &'q Params, method: &'q [u8], path: &'q [u8]) -> Question<'q> {
    let of = |name| params.get(name).unwrap_or_default();
    Question { method, path, query: of(b"QUERY_STRING"), accept: of(b"HTTP_ACCEPT") }
}

/// Where the web server has put these pages is its own business: only the end of the path matters.
fn path(params: &Params) -> Vec<u8> {
    if let Some(uri) = params.get(b"REQUEST_URI") {
        return path_of_uri(uri).to_vec();
    }
    let of = |name: &[u8]| params.get(name).unwrap_or_default();
    [of(b"SCRIPT_NAME"), of(b"PATH_INFO")].concat()
}

/// What a record begins with, and no request of HTTP. Source: FastCGI 1.0 section 3.3.
const FASTCGI_VERSION: u8 = 1;

const READ: usize = 4096;

const MOST_PARAMS: usize = 64 << 10;

/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(75);
