//! The process that tells how the server is doing: it does nothing else, so it is there when everybody is busy.
//!
//! In come connections at sockets of its own that speak HTTP/1.1 or FastCGI, which the first byte tells; out go answers from
//! shared memory. It knows neither the interpreter nor the application, asks no worker, and waits for no single peer: one loop
//! over sockets that do not block. Once a second it takes notes on the board.

mod connection;
mod http;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

use self::connection::{Connection, Wish};
use super::allowed::Allowed;
use super::form::{Form, Reply};
use super::sampler::{EVERY, Sampler};
use super::snapshot::{About, Snapshot};
use crate::os::channel::{Heard, Line, Order};
use crate::os::listener::Listener;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::scoreboard::Scoreboard;
use crate::os::socket::{self, Accepted};

/// A socket at which it can be asked.
#[derive(Debug)]
pub struct Door {
    pub listener: Listener,
    /// Who may ask, over TCP; `None` is whoever can connect.
    pub allowed: Option<Allowed>,
}

/// What it works with.
pub struct Clerk<'c> {
    about: &'c About,
    board: &'c Scoreboard,
    doors: Vec<Door>,
    sampler: Sampler,
    poller: Poller,
    connections: BTreeMap<Token, Connection>,
    next_token: Token,
    next_note: Instant,
    /// There are no descriptors for those who come; they are looked after at the next note.
    is_exhausted: bool,
}

impl<'c> Clerk<'c> {
    /// Gets ready to answer at some doors; without any, notes are taken all the same.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new(about: &'c About, board: &'c Scoreboard, doors: Vec<Door>) -> io::Result<Self> {
        let poller = Poller::new()?;
        for (index, door) in doors.iter().enumerate() {
            poller.watch(&door.listener, DOORS + index)?;
        }
        Ok(Self {
            about,
            board,
            doors,
            sampler: Sampler::new(board),
            poller,
            connections: BTreeMap::new(),
            next_token: CONNECTIONS,
            next_note: Instant::now(),
            is_exhausted: false,
        })
    }

    /// Answers until the line to the master is closed. After [`Order::Stop`] nobody new is let in.
    ///
    /// # Errors
    /// When the kernel refuses what a loop needs.
    pub fn run(mut self, line: &Line, reopen_logs: &dyn Fn()) -> io::Result<()> {
        self.poller.watch(line, LINE)?;
        let mut ready = ReadyList::new(64);
        loop {
            let pause = self.next_note.saturating_duration_since(Instant::now());
            self.poller.wait(&mut ready, Some(pause))?;
            for event in ready.iter() {
                match event.token {
                    LINE => match line.next_order() {
                        Heard::Gone => return Ok(()),
                        Heard::Message(Order::ReopenLogs) => reopen_logs(),
                        Heard::Message(Order::Stop) => self.close_doors(),
                        Heard::Message(_) | Heard::Silence | Heard::Garbage => {}
                    },
                    token if token >= CONNECTIONS => self.attend(token),
                    token => self.let_in(token - DOORS)?,
                }
            }
            self.mind_the_time();
        }
    }

    fn mind_the_time(&mut self) {
        let now = Instant::now();
        if now >= self.next_note {
            self.sampler.note(self.about, self.board);
            self.next_note = now + EVERY;
            self.connections.retain(|_, connection| !connection.is_stale(now));
            if std::mem::take(&mut self.is_exhausted) {
                self.watch_doors(true);
            }
        }
    }

    /// Hears of those who come, or leaves them to wait. A door whose state cannot be changed is only heard of in vain.
    fn watch_doors(&self, heeded: bool) {
        for (index, door) in self.doors.iter().enumerate() {
            let _ = self.poller.want(&door.listener, DOORS + index, heeded, false);
        }
    }

    fn close_doors(&mut self) {
        // A closed descriptor that another process holds, too, is not forgotten by itself.
        for door in self.doors.drain(..) {
            let _ = self.poller.forget(&door.listener);
        }
    }

    fn let_in(&mut self, index: usize) -> io::Result<()> {
        let Some(door) = self.doors.get(index) else { return Ok(()) };
        match socket::accept(door.listener.as_fd(), door.listener.is_tcp())? {
            Accepted::Connection(peer) => {
                let may = door.allowed.as_ref().is_none_or(|allowed| {
                    socket::peer_address(peer.as_fd()).is_some_and(|address| allowed.has(address))
                });
                let is_local = door.listener.is_loopback();
                self.add(peer, may, is_local);
            }
            Accepted::Nobody => {}
            Accepted::Exhausted(_) if self.connections.is_empty() => {
                // The machine has none, or others of this process take them all.
                self.is_exhausted = true;
                self.watch_doors(false);
            }
            Accepted::Exhausted(_) => self.drop_oldest(),
        }
        Ok(())
    }

    fn add(&mut self, peer: OwnedFd, may: bool, is_local: bool) {
        if self.connections.len() >= MOST {
            self.drop_oldest();
        }
        let token = self.next_token;
        self.next_token += 1;
        if self.poller.watch(&peer, token).is_ok() {
            self.connections.insert(token, Connection::new(peer, may, is_local));
        }
    }

    /// Whoever has been silent for longest has to go when there is no room.
    fn drop_oldest(&mut self) {
        let oldest = self.connections.iter().min_by_key(|(_, connection)| connection.heard_at());
        if let Some(token) = oldest.map(|(token, _)| *token) {
            self.connections.remove(&token);
        }
    }

    fn attend(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else { return };
        let (about, board) = (self.about, self.board);
        let answer = |question: &Question<'_>| question.answer(|| Snapshot::take(about, board));
        let wish = connection.go_on(&answer);
        let kept = match wish {
            Wish::Read => self.poller.resume(connection, token),
            Wish::Write => self.poller.watch_room(connection, token),
            Wish::Close => Err(io::ErrorKind::ConnectionAborted.into()),
        };
        if kept.is_err() {
            self.connections.remove(&token);
        }
    }
}

/// What somebody wants to know.
struct Question<'q> {
    method: &'q [u8],
    path: &'q [u8],
    query: &'q [u8],
    accept: &'q [u8],
}

impl Question<'_> {
    fn answer(&self, snapshot: impl FnOnce() -> Snapshot) -> Reply {
        if !matches!(self.method, b"GET" | b"HEAD") {
            let mut reply = Reply::line("405 Method Not Allowed", "There is nothing here but to be read.");
            reply.headers += "Allow: GET, HEAD\r\n";
            return reply;
        }
        if self.path.ends_with(b"/favicon.ico") || self.path.ends_with(b"/robots.txt") {
            return Reply::line("404 Not Found", "There is no such file.");
        }
        Form::wanted(self.path, self.query, self.accept).reply(&snapshot())
    }
}

const LINE: Token = 0;
const DOORS: Token = 1;
const CONNECTIONS: Token = 1000;

/// Connections at once.
const MOST: usize = 200;
