#![forbid(unsafe_code)]
#![warn(missing_docs)]
//! FastCGI 1.0 for both sides of the connection, without I/O.
//!
//! ```text
//!        web server                                          application
//!                               bytes
//!   begin, stdin, abort  ─┐  ┌─────────────►┐  ┌─ handle_input ─► poll_event:   Request, Stdin, StdinEnd,
//!                         ▼  │              │  │                                Aborted, Rejected
//!                client::Connection         server::Connection
//!                         ▲  │              │  ▲
//!   poll_event:           └──┘◄─────────────┘  └─ stdout, stderr, end_request
//!     Stdout, Stderr, End        bytes
//! ```
//!
//! Both connections are plain values: bytes from the socket go into `handle_input`, bytes for the socket
//! come out of `poll_transmit`, and what the bytes mean comes out of `poll_event`. They work with blocking
//! sockets and threads as well as with any event loop, and are tested without either. Content is never
//! copied: it shares the memory of the buffer it was read into.
//!
//! | for | use |
//! |---|---|
//! | an application | [`server::Connection`] |
//! | a web server, a test client, a monitoring probe | [`client::Connection`] |
//! | writing answers straight to a socket | [`encode`] |
//! | single records | [`RecordDecoder`], [`encode::encode_record`]; `RecordCodec` (feature `codec`) |
//! | the pairs of PARAMS | [`Params`] |
//!
//! Whatever a peer sends is bounded by [`Limits`] before memory is spent on it, and never causes a panic.
//! What breaks the protocol so that the connection cannot go on is a [`ProtocolError`]; what is merely odd
//! is skipped and told as a warning.
//!
//! # A whole conversation
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use fcgi_proto::{Flags, Limits, Params, Role, client, server};
//!
//! let mut web_server = client::Connection::new(Limits::default());
//! let mut application = server::Connection::new(server::Settings::default());
//!
//! // The web server sends a request ...
//! let params: Params = [("REQUEST_METHOD", "POST"), ("CONTENT_LENGTH", "5")].into_iter().collect();
//! let request = web_server.begin(Role::RESPONDER, Flags::KEEP_CONN, &params)?;
//! web_server.stdin(request, Bytes::from_static(b"hello"))?;
//! web_server.end_stdin(request)?;
//!
//! // ... over what would be a socket ...
//! let mut wire = BytesMut::new();
//! while let Some(piece) = web_server.poll_transmit() {
//!     wire.extend_from_slice(&piece);
//! }
//! application.handle_input(&mut wire)?;
//!
//! // ... which the application answers ...
//! let mut body = Vec::new();
//! while let Some(event) = application.poll_event() {
//!     match event {
//!         server::Event::Stdin { data, .. } => body.extend_from_slice(&data),
//!         server::Event::StdinEnd { key } => {
//!             let answer = format!("Status: 200 OK\r\n\r\n{} bytes", body.len());
//!             application.stdout(key, Bytes::from(answer))?;
//!             assert_eq!(application.end_request(key, 0)?, server::Disposition::Keep);
//!         }
//!         _ => {}
//!     }
//! }
//!
//! // ... and the web server reads.
//! while let Some(piece) = application.poll_transmit() {
//!     wire.extend_from_slice(&piece);
//! }
//! web_server.handle_input(&mut wire)?;
//! let data = Bytes::from_static(b"Status: 200 OK\r\n\r\n5 bytes");
//! assert_eq!(web_server.poll_event(), Some(client::Event::Stdout { key: request, data }));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Source of everything here: the FastCGI Specification, version 1.0, 29 April 1996.

mod body;
#[cfg(feature = "codec")]
mod codec;
mod decode;
mod error;
mod header;
mod limits;
mod outbox;
mod params;
mod parse;
mod table;
mod values;

pub mod client;
pub mod encode;
pub mod server;

pub use body::{BeginRequest, EndRequest, Flags, ProtocolStatus, Role, UnknownType};
#[cfg(feature = "codec")]
pub use codec::{CodecError, RecordCodec};
pub use decode::{Record, RecordDecoder};
pub use error::{ParamsError, ProtocolError, UsageError};
pub use header::{RecordHeader, RecordType, RequestId};
pub use limits::Limits;
pub use params::{Pairs, Params, encode_pair};
pub use table::RequestKey;
pub use values::{FCGI_MAX_CONNS, FCGI_MAX_REQS, FCGI_MPXS_CONNS, ReportedValues, ServerValues};

/// The example in the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
