//! What users of the crate rely on, checked against bytes written by hand.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails as the test itself does")]

mod common;
mod hostile;
mod inverse;
mod random;
mod splits;
mod vectors;
