//! The web server's work: send a request with all its parameters and its body, read the answer.

use bytes::{Bytes, BytesMut};
use fastcgi_client::conn::KeepAlive;
use fastcgi_client::response::Content;
use fastcgi_client::{Client, Request, StreamExt};
use fcgi_proto::client::{Connection, Event};
use fcgi_proto::{Flags, Limits, Params, Role};

use crate::inputs::Pair;
use crate::socket::{Incoming, Outgoing, Socket, now};

/// The most that is read from a socket at once.
const READ: usize = 64 * 1024;

/// A web server made with fcgi-proto.
pub struct Ours {
    connection: Connection,
    input: BytesMut,
    /// What was sent.
    pub outgoing: Outgoing,
}

impl Ours {
    /// The state for a new connection.
    pub fn new(outgoing: Outgoing) -> Self {
        Self { connection: Connection::new(Limits::default()), input: BytesMut::new(), outgoing }
    }

    /// Sends one request on a connection that is kept, and gives each piece of the answer to `take`.
    pub fn ask(&mut self, pairs: &[Pair], body: &Bytes, answer: &[u8], mut take: impl FnMut(Bytes)) {
        let params: Params = pairs.iter().map(|(name, value)| (name, value)).collect();
        let key = self.connection.begin(Role::RESPONDER, Flags::KEEP_CONN, &params).unwrap();
        self.connection.stdin(key, body.clone()).unwrap();
        self.connection.end_stdin(key).unwrap();
        while let Some(piece) = self.connection.poll_transmit() {
            self.outgoing.write(&piece);
        }
        for piece in answer.chunks(READ) {
            self.input.extend_from_slice(piece);
            self.connection.handle_input(&mut self.input).unwrap();
            while let Some(event) = self.connection.poll_event() {
                match event {
                    Event::Stdout { data, .. } => take(data),
                    Event::StdoutEnd { .. } | Event::End { .. } => {}
                    event => unreachable!("{event:?}"),
                }
            }
        }
    }
}

/// A web server made with fastcgi-client, on a connection that is kept.
pub struct FastcgiClient<'a>(Client<&'a mut Socket<'a>, KeepAlive>);

impl<'a> FastcgiClient<'a> {
    /// The state for a new connection.
    pub fn new(socket: &'a mut Socket<'a>) -> Self {
        Self(Client::new_keep_alive(socket))
    }

    /// Sends one request, and gives the whole answer.
    pub fn ask(&mut self, pairs: &[Pair], body: &Bytes) -> Vec<u8> {
        let response = now(self.0.execute(Request::new(their_params(pairs), &body[..]))).unwrap();
        response.stdout.unwrap()
    }
}

/// Sends one request with fastcgi-client on a connection of its own, and gives each piece of the answer to
/// `take`. Its stream of pieces cannot be had from a connection that goes on after them.
pub fn fastcgi_client_pieces(
    pairs: &[Pair],
    body: &Bytes,
    answer: &[u8],
    outgoing: Outgoing,
    mut take: impl FnMut(Bytes),
) -> Outgoing {
    let mut socket = Socket { incoming: Incoming::once(answer), outgoing };
    now(async {
        let client = Client::new(&mut socket);
        let request = Request::new(their_params(pairs), &body[..]);
        let mut pieces = client.execute_once_stream(request).await.unwrap();
        while let Some(piece) = pieces.next().await {
            match piece.unwrap() {
                Content::Stdout(data) => take(data),
                Content::Stderr(_) => unreachable!("none was sent"),
            }
        }
    });
    socket.outgoing
}

/// The pairs in the map that fastcgi-client wants.
fn their_params(pairs: &[Pair]) -> fastcgi_client::Params<'_> {
    let none = fastcgi_client::Params::default();
    pairs.iter().fold(none, |params, (name, value)| params.custom(name.as_str(), value.as_str()))
}
