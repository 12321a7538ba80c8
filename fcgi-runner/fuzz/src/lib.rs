//! What the targets share: the rooms of `fcgi-runner` that work on text, and what every input has to keep to.
//!
//! The rooms are taken in as source. They use nothing but one another and the crates in this `Cargo.toml`, which the
//! list in `ARCHITECTURE.md` holds them to, so an instrumented build needs neither an interpreter nor hyper.

#[path = "../../src/cgi/mod.rs"]
pub mod cgi;
#[path = "../../src/cli/mod.rs"]
pub mod cli;
#[path = "../../src/config/mod.rs"]
pub mod config;
#[path = "../../src/exit.rs"]
pub mod exit;
#[path = "../../src/messages/mod.rs"]
pub mod messages;
#[path = "../../src/options/mod.rs"]
pub mod options;

mod sound;

pub use sound::{assert_one_line, assert_sound, assert_two_lines};

/// The fields of an input: its first byte is what stands between them, so a field can hold every byte but one.
pub fn fields(data: &[u8]) -> Vec<&[u8]> {
    match data.split_first() {
        Some((separator, rest)) => rest.split(|byte| byte == separator).collect(),
        None => Vec::new(),
    }
}
