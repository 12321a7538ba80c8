//! The application's work: take a request, look at every parameter, read the body, answer.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, RequestKey, Settings};
use tokio_fastcgi::{RequestResult, Requests};

use crate::socket::{Incoming, Outgoing, now};

/// The most that is read from a socket at once.
const READ: usize = 64 * 1024;

/// What an application saw of a request.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Seen {
    /// A sum over all names and values, in whatever order they come.
    pub params: u64,
    /// The body.
    pub body: Vec<u8>,
}

impl Seen {
    fn pair(&mut self, name: &[u8], value: &[u8]) {
        let last = u64::from(value.last().copied().unwrap_or_default());
        self.params += 65_536 * name.len() as u64 + 256 * value.len() as u64 + last;
    }
}

/// An application made with fcgi-proto.
pub struct Ours {
    connection: Connection,
    input: BytesMut,
    /// What was sent.
    pub outgoing: Outgoing,
}

impl Ours {
    /// The state for a connection that was just accepted.
    pub fn new(outgoing: Outgoing) -> Self {
        Self { connection: Connection::new(Settings::default()), input: BytesMut::new(), outgoing }
    }

    /// Serves one request, whose bytes come as a socket gives them.
    pub fn serve(&mut self, wire: &[u8], answer: &Bytes, seen: &mut Seen) {
        for piece in wire.chunks(READ) {
            self.input.extend_from_slice(piece);
            self.connection.handle_input(&mut self.input).unwrap();
            while let Some(event) = self.connection.poll_event() {
                match event {
                    Event::Request { params, .. } => {
                        for (name, value) in &params {
                            seen.pair(name, value);
                        }
                    }
                    Event::Stdin { data, .. } => seen.body.extend_from_slice(&data),
                    Event::StdinEnd { key } => self.answer(key, answer),
                    event => unreachable!("{event:?}"),
                }
            }
        }
    }

    fn answer(&mut self, key: RequestKey, answer: &Bytes) {
        self.connection.stdout(key, answer.clone()).unwrap();
        self.connection.end_request(key, 0).unwrap();
        while let Some(piece) = self.connection.poll_transmit() {
            self.outgoing.write(&piece);
        }
    }
}

/// An application made with tokio-fastcgi. A body is only there as a whole, to be read out of its buffer.
pub struct TokioFastcgi<'a>(Requests<Incoming<'a>, &'a mut Outgoing>);

impl<'a> TokioFastcgi<'a> {
    /// The state for a connection that was just accepted.
    pub fn new(incoming: Incoming<'a>, outgoing: &'a mut Outgoing) -> Self {
        Self(Requests::new(incoming, outgoing, 1, 1))
    }

    /// Serves the next request.
    pub fn serve(&mut self, answer: &Bytes, seen: &mut Seen) {
        now(async {
            let request = self.0.next().await.unwrap().unwrap();
            let served = request.process(|request| async move {
                for (name, value) in request.params_iter().unwrap() {
                    seen.pair(name.as_bytes(), value);
                }
                request.get_stdin().read_to_end(&mut seen.body).unwrap();
                request.get_stdout().write(answer).await.unwrap();
                RequestResult::Complete(0)
            });
            served.await.unwrap();
        });
    }
}
