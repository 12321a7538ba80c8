//! One connection from its first byte to its last: the loop that every user of `server::Connection` writes.
//!
//! Bytes are read and given to the connection, its events are turned into answers, and the bytes it has to
//! send are written. Several requests may be active at once, because a body is only counted and never makes
//! another wait.

use std::io::{self, ErrorKind, Read, Write};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use fcgi_proto::server::{Connection, Event, RequestKey, Settings};
use fcgi_proto::{Limits, Params, ServerValues};

use crate::listener::Stream;
use crate::page;

/// A request whose body is arriving.
struct Active {
    key: RequestKey,
    params: Params,
    body_length: u64,
}

/// Serves one connection until either side has had enough of it.
pub(crate) fn serve(mut stream: Stream) -> io::Result<()> {
    stream.set_timeout(IDLE_TIMEOUT)?;
    let limits = Limits { max_active_requests: MAX_ACTIVE_REQUESTS, ..Limits::default() };
    let values = ServerValues { max_conns: 256, max_reqs: 256 };
    let mut connection = Connection::new(Settings { limits, values, ..Settings::default() });
    let mut active = Vec::new();
    let mut input = BytesMut::new();
    let mut buffer = [0; 16 * 1024];
    while !connection.should_close() {
        match stream.read(&mut buffer) {
            Ok(0) => connection.handle_eof(),
            Ok(length) => {
                input.extend_from_slice(&buffer[..length]);
                if let Err(error) = connection.handle_input(&mut input) {
                    eprintln!("rust-responder: {error}{}", error.hint().map(hint).unwrap_or_default());
                }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if is_timeout(&error) && connection.is_idle() => return Ok(()),
            Err(error) => return Err(error),
        }
        take_events(&mut connection, &mut active);
        if let Err(error) = send(&mut connection, &mut stream) {
            return ignore_departure(error);
        }
    }
    drain(stream, &mut buffer).or_else(ignore_departure)
}

/// Answers every request whose body has ended.
fn take_events(connection: &mut Connection, active: &mut Vec<Active>) {
    while let Some(event) = connection.poll_event() {
        match event {
            Event::Request { key, params, .. } => active.push(Active { key, params, body_length: 0 }),
            Event::Stdin { key, data } => {
                if let Some(request) = active.iter_mut().find(|request| request.key == key) {
                    request.body_length += data.len() as u64;
                }
            }
            Event::StdinEnd { key } => {
                if let Some(at) = active.iter().position(|request| request.key == key) {
                    let request = active.swap_remove(at);
                    answer(connection, key, page::hello(&request.params, request.body_length));
                }
            }
            Event::Rejected { key, reason, .. } => {
                answer(connection, key, page::refusal(reason.http_status(), &reason.to_string()));
            }
            // Nobody reads an answer: the end is enough.
            Event::Aborted { key } => {
                active.retain(|request| request.key != key);
                answer(connection, key, Bytes::new());
            }
            Event::Warning(warning) => eprintln!("rust-responder: {warning}"),
            _ => {}
        }
    }
}

/// Queues a whole answer and its end. What becomes of the connection is asked from it later.
fn answer(connection: &mut Connection, key: RequestKey, page: Bytes) {
    let sent = connection.stdout(key, page).and_then(|()| connection.end_request(key, 0));
    if let Err(error) = sent {
        eprintln!("rust-responder: {error}");
    }
}

fn send(connection: &mut Connection, stream: &mut Stream) -> io::Result<()> {
    while let Some(piece) = connection.poll_transmit() {
        stream.write_all(&piece)?;
    }
    Ok(())
}

/// Lets the answer arrive before the socket is closed: with unread input, closing would reset the
/// connection.
fn drain(mut stream: Stream, buffer: &mut [u8]) -> io::Result<()> {
    stream.shutdown_write()?;
    stream.set_timeout(DRAIN_TIMEOUT)?;
    let deadline = Instant::now() + DRAIN_TIMEOUT;
    let mut left = DRAINED_BYTES;
    while left > 0 && Instant::now() < deadline {
        match stream.read(buffer) {
            Ok(0) => break,
            Ok(length) => left = left.saturating_sub(length),
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A web server that has what it wanted closes first, and that is no failure.
fn ignore_departure(error: io::Error) -> io::Result<()> {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::NotConnected => Ok(()),
        _ => Err(error),
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn hint(text: &str) -> String {
    format!(" ({text})")
}

/// The requests that may be active on one connection.
const MAX_ACTIVE_REQUESTS: usize = 16;

/// How long the web server may be silent.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long, and how many bytes, a closed connection is listened to.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);
const DRAINED_BYTES: usize = 1024 * 1024;
