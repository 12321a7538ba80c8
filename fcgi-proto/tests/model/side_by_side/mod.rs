//! A `server::Connection` and the model next to it: both are given the same, and have to say the same.
//!
//! In come bytes of the web server and commands of the application; nothing goes out but a panic where the two differ.
//! After each step every answer of the connection about its state is compared as well.

mod pairs;
mod records;
mod request;
mod specification;
mod translation;
pub(crate) mod vocabulary;

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, RequestKey};

use specification::Model;
use translation::{disposition, fault, joined, records, settings, told};
use vocabulary::{Rules, STDERR, STDOUT, Told};

/// What an application does with a request that it has been told of.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command {
    Stdout(usize),
    Stderr(usize),
    End(u32),
    Retire,
}

/// Both of them.
#[derive(Debug)]
pub(crate) struct SideBySide {
    connection: Connection,
    model: Model,
    /// What the connection has left of its input.
    input: BytesMut,
    /// The requests that were told of, with their numbers in the model.
    requests: Vec<(usize, RequestKey)>,
    /// What was told, what was sent, and what ended the connection, if somebody wants to know what has been reached.
    pub(crate) seen: Option<Vec<String>>,
}

impl SideBySide {
    pub(crate) fn new(rules: Rules) -> Self {
        let connection = Connection::new(settings(&rules));
        let both = Self {
            connection,
            model: Model::new(rules),
            input: BytesMut::new(),
            requests: Vec::new(),
            seen: None,
        };
        both.compare();
        both
    }

    /// Gives both a piece of input.
    pub(crate) fn receive(&mut self, bytes: &[u8]) {
        self.input.extend_from_slice(bytes);
        let found = self.connection.handle_input(&mut self.input).map_err(fault);
        let expected = self.model.receive(bytes);
        assert_eq!(found, expected);
        if let Err(fault) = found {
            self.input.clear();
            self.note([fault].iter().map(|fault| format!("{fault:?}")));
        }
        assert_eq!(self.input.len(), self.model.waiting_bytes(), "bytes that are no whole record yet");
        self.compare();
    }

    /// Tells both that nothing more comes.
    pub(crate) fn receive_eof(&mut self) {
        self.connection.handle_eof();
        self.model.receive_eof();
        self.compare();
    }

    /// Lets the application act on one of the requests that it has been told of, ended ones included; `at` counts from
    /// the last one.
    pub(crate) fn command(&mut self, at: usize, command: Command) {
        let at = at % self.requests.len().max(1);
        let Some((number, key)) = self.requests.iter().rev().nth(at).copied() else { return };
        let active = self.model.is_active(number);
        match command {
            Command::Stdout(length) => {
                let data = Bytes::from(vec![b'o'; length]);
                assert_eq!(self.connection.stdout(key, data.clone()).is_ok(), active);
                self.model.write(number, STDOUT, &data);
            }
            Command::Stderr(length) => {
                let data = Bytes::from(vec![b'e'; length]);
                assert_eq!(self.connection.stderr(key, data.clone()).is_ok(), active);
                self.model.write(number, STDERR, &data);
            }
            Command::End(app_status) => {
                let found = self.connection.end_request(key, app_status).ok().map(disposition);
                self.note(found.iter().map(|found| format!("{found:?}")));
                assert_eq!(found, self.model.end(number, app_status));
            }
            Command::Retire => {
                let found = self.connection.retire(key).ok().map(disposition);
                assert_eq!(found, self.model.retire(number));
            }
        }
        self.compare();
    }

    /// Takes everything that both have to tell.
    pub(crate) fn take_told(&mut self) {
        let mut expected = self.model.take_told().into_iter();
        while let Some(event) = self.connection.poll_event() {
            let expected = expected.next();
            if let Some(key) = event.key()
                && let Some(Told::Request { number, .. } | Told::Rejected { number, .. }) = expected
            {
                self.requests.push((number, key));
            }
            let number =
                |key| self.requests.iter().find(|(_, known)| *known == key).map(|(number, _)| *number);
            let found = told(event, number);
            self.note([&found].iter().map(|found| format!("{found:?}")));
            assert_eq!(Some(found), expected);
        }
        assert_eq!(expected.next(), None, "the connection does not tell this");
        self.compare();
    }

    /// Takes everything that both have to send.
    pub(crate) fn take_sent(&mut self) {
        let bytes: Vec<u8> = std::iter::from_fn(|| self.connection.poll_transmit()).flatten().collect();
        let found = joined(records(&bytes));
        self.note(found.iter().map(|record| {
            let start = record.content.get(..8).unwrap_or(&record.content);
            format!("sent {} {start:?}", record.kind)
        }));
        assert_eq!(found, joined(self.model.take_sent()));
        self.compare();
    }

    fn note(&mut self, what: impl Iterator<Item = String>) {
        if let Some(seen) = &mut self.seen {
            seen.extend(what);
        }
    }

    /// Compares what both say of their state.
    fn compare(&self) {
        let (connection, model) = (&self.connection, &self.model);
        assert_eq!(connection.should_close(), model.should_close(), "should_close");
        assert_eq!(connection.active_requests(), model.active_requests(), "active_requests");
        assert_eq!(connection.missing_bytes(), model.missing_bytes(), "missing_bytes");
        assert_eq!(connection.is_mid_record(), model.waiting_bytes() > 0, "is_mid_record");
        let idle = model.active_requests() == 0 && model.waiting_bytes() == 0;
        assert_eq!(connection.is_idle(), idle, "is_idle");
        assert_eq!(connection.is_draining(), model.is_draining(), "is_draining");
        assert_eq!(connection.has_transmit(), model.has_to_send(), "has_transmit");
        for (number, key) in &self.requests {
            assert_eq!(connection.stdin_open(*key), model.awaits_stdin(*number), "stdin_open of {key}");
        }
    }
}
