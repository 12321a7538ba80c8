//! Helpers for tests of the whole server: the real binary, real sockets, and records made by hand.
//!
//! Nothing of `fcgi-proto` or `fcgi-runner` is used here, so that a mistake there cannot hide itself.

pub mod binary;
pub mod client;
pub mod processes;
pub mod record;
pub mod request;
pub mod sandbox;
pub mod server;
pub mod source;
pub mod traffic;
pub mod wait;

pub use binary::binary;
pub use client::{Address, Answer, Client, ask, in_background, try_ask};
pub use request::Request;
pub use sandbox::{Finished, Sandbox};
pub use server::Server;
pub use traffic::Traffic;
pub use wait::{until, until_some};
