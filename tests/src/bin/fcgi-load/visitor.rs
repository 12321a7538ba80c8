//! One connection after the other, and the requests on it.
//!
//! A request that a connection took with it is written down and asked for again under another name, as a visitor would
//! reload the page. Nothing is sent twice under one token.

use std::io;
use std::sync::Arc;

use crate::connection::Connection;
use crate::errand::{Errand, Random};
use crate::options::Options;
use crate::tally::{Kind, Loss, Tally};

/// A visitor.
#[derive(Debug)]
pub(crate) struct Visitor {
    number: usize,
    options: Arc<Options>,
    tally: Arc<Tally>,
    random: Random,
    count: u64,
    connection: Option<Connection>,
}

impl Visitor {
    pub(crate) fn new(number: usize, options: Arc<Options>, tally: Arc<Tally>) -> Self {
        let random = Random::new(options.seed << 16 | number as u64);
        Self { number, options, tally, random, count: 0, connection: None }
    }

    /// Makes requests until there are none left, or nobody listens any more and that is the end.
    pub(crate) fn run(mut self) {
        loop {
            let may_send = self.connection.as_ref().is_none_or(|open| open.load() < self.options.active);
            if may_send && self.tally.take() {
                if !self.send() {
                    return;
                }
            } else if self.connection.as_ref().is_some_and(Connection::is_busy) {
                self.receive();
            } else {
                return;
            }
        }
    }

    /// Sends one request; `false` when nobody listens and that is the end.
    fn send(&mut self) -> bool {
        self.count += 1;
        let token = format!("{:x}-{}-{}-", self.options.seed, self.number, self.count);
        let errand = Errand::random(token, self.options.mix, &mut self.random);
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => match Connection::open(&self.options) {
                Ok(connection) => connection,
                Err(_) if self.options.until_refused => return false,
                Err(error) => {
                    self.lose(errand.token, Kind::Refused, &error.to_string());
                    return true;
                }
            },
        };
        self.tally.note_sent();
        // When it cannot be sent, the answer may be there all the same: who refuses a body answers before its end.
        let sent = connection.send(errand, &self.options);
        self.connection = Some(connection);
        if sent.is_err() || self.options.active == 1 {
            self.receive();
        }
        true
    }

    /// Waits for one answer.
    fn receive(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        match connection.receive(&self.options) {
            Ok((errand, since, answer)) => {
                match errand.fault(&answer) {
                    None => self.tally.note_answered(since),
                    Some(fault) => self.lose(errand.token, Kind::Wrong, &fault),
                }
                if self.options.keep {
                    self.connection = Some(connection);
                }
            }
            Err(error) => {
                let late = matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut);
                for under_way in connection.leave() {
                    let kind = match (late, under_way.is_begun()) {
                        (true, _) => Kind::Late,
                        (false, true) => Kind::Torn,
                        (false, false) => Kind::Unanswered,
                    };
                    let age = under_way.since.elapsed().as_millis();
                    self.lose(under_way.errand.token, kind, &format!("after {age} ms: {error}"));
                }
            }
        }
    }

    fn lose(&mut self, token: String, kind: Kind, detail: &str) {
        let losses = self.tally.note_loss(Loss { token, kind, detail: detail.to_owned() });
        if losses < MOST_LOSSES && !matches!(kind, Kind::Wrong | Kind::Refused) {
            self.tally.put_back();
        }
    }
}

/// Beyond so many losses nothing is asked for again: nobody serves any more.
const MOST_LOSSES: usize = 10_000;
