//! How the server is doing: numbers from the board, in four forms, for those who may ask.
//!
//! In comes the [`Scoreboard`](crate::os::scoreboard::Scoreboard), which every process of the house can read; out comes a
//! [`Snapshot`], and of that text, JSON, `OpenMetrics` or a page. Anybody takes one: the master, the process that only
//! answers such questions, a worker. Nothing is ever asked of a worker, so an answer comes when all of them are busy, too. What
//! came with requests is shown as text, whatever is in it.
//!
//! | part | its one job |
//! |---|---|
//! | `snapshot` | what is known at one moment |
//! | `json` | the same as JSON; also what `fcgi-run ctl` prints from |
//! | `text`, `openmetrics`, `html` | the same for a terminal, for Prometheus, for a browser |
//! | `sampler` | notes once a second, for rates and curves |
//! | `serve` | the process that answers at sockets of its own |
//! | `pages` | what a worker answers on the web server's behalf, to those who may ask (`allowed`) |
//! | `form` | which of them is wanted |
//! | `words` | numbers as people read them |

mod allowed;
mod form;
mod html;
mod json;
mod openmetrics;
mod pages;
mod sampler;
mod serve;
mod snapshot;
mod text;
pub mod words;

pub use self::allowed::Allowed;
pub use self::form::{Form, Reply};
pub use self::json::to_json;
pub use self::pages::Pages;
pub use self::serve::{Clerk, Door};
pub use self::snapshot::{
    About, Latency, Quantiles, Queue, Rate, Restart, Running, Server, SlowRequest, Snapshot, State, Totals,
    Worker,
};

#[cfg(test)]
mod tests;
