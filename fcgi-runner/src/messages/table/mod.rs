//! The table of messages. Each file has its block of numbers, and declares code and texts in one place.
//!
//! | file | numbers | about |
//! |---|---|---|
//! | `usage` | 1-39 | options and configuration |
//! | `start` | 40-79 | addresses, pidfile, logs, the system |
//! | `application` | 100-139 | importing the application |
//! | `workers` | 140-169 | processes and threads |
//! | `requests` | 200-249 | answers that the server gives itself, and why it ends connections |
//! | `preview` | 300-319 | the preview front |
//! | `check` | 320-349 | what `fcgi-run check` may find |
//! | `develop` | 350-369 | reloading while one develops |
//! | `running` | 400-419 | a server that runs, and cannot do something |
//! | `renew` | 420-459 | replacing workers, code and the server itself |
//! | `limits` | 460-479 | requests that take too long |
//! | `status` | 480-499 | telling how the server is doing |
//! | `control` | 500-519 | `fcgi-run ctl` and its socket |
//! | `access` | 520-559 | users, rights, and who may connect |
//! | `logs` | 560-579 | logs and log services |
//! | `sites` | 580-599 | several sites in one file |

mod access;
mod application;
mod check;
mod control;
mod develop;
mod limits;
mod logs;
mod preview;
mod renew;
mod requests;
mod running;
mod sites;
mod start;
mod status;
mod usage;
mod workers;

use super::{Code, Message};

/// All messages, in the order of their numbers.
pub fn all() -> impl Iterator<Item = &'static Message> {
    [
        usage::MESSAGES,
        start::MESSAGES,
        application::MESSAGES,
        workers::MESSAGES,
        requests::MESSAGES,
        preview::MESSAGES,
        check::MESSAGES,
        develop::MESSAGES,
        running::MESSAGES,
        renew::MESSAGES,
        limits::MESSAGES,
        status::MESSAGES,
        control::MESSAGES,
        access::MESSAGES,
        logs::MESSAGES,
        sites::MESSAGES,
    ]
    .into_iter()
    .flatten()
}

/// Declares messages: for each a constant of [`Code`], and an entry of the file's `MESSAGES`.
macro_rules! messages {
    ($($name:ident = $number:literal {
        cause: $cause:literal,
        cure: $cure:literal,
        happened: $happened:literal,
        look: $look:literal,
        act: $act:literal,
        example: $example:literal $(,)?
    })*) => {
        impl super::Code {
            $(#[doc = "See the table for its meaning."] pub const $name: Self = Self($number);)*
        }

        pub(super) static MESSAGES: &[super::Message] = &[$(super::Message {
            code: super::Code::$name,
            cause: $cause,
            cure: $cure,
            happened: $happened,
            look: $look,
            act: $act,
            example: $example,
        }),*];
    };
}
use messages;

#[cfg(test)]
mod tests;
