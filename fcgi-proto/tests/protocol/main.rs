//! What users of the crate rely on, checked against bytes written by hand.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

mod common;
mod hostile_client;
mod hostile_connection;
mod hostile_request;
mod inverse;
mod random;
mod splits;
mod vectors;
