//! The preview front: a small HTTP/1.1 server, so that an application can be seen in a browser without a web server.
//!
//! In come the requests of browsers; they go out as FastCGI requests to the server's own socket, with the parameters a
//! web server would send, and the answers go back piece by piece as they arrive. Files below the mounts of `static`
//! are served from disk. The front is a client like any other: it runs in a process of its own, knows neither the
//! interpreter nor the application, and is no web server for the open internet (no TLS, no HTTP/2, no compression).
//!
//! | part | its one job |
//! |---|---|
//! | `server` | accepting, and stopping gracefully |
//! | `service` | from one HTTP request to its response |
//! | `target`, `params` | what a request asks for, and the parameters that say it |
//! | `backend` | FastCGI connections, kept for the next request |
//! | `exchange`, `outlet` | one request over one of them: upload and answer at the same time |
//! | `response` | HTTP responses and their bodies |
//! | `failure` | why there was no answer, for the log and for the visitor |
//! | `stderr` | error messages of the application, into the log |
//! | `files`, `lookup`, `range`, `media` | files from disk |
//!
//! tokio is started here and nowhere else, by [`run`]. Source: RFC 9110, RFC 9112, RFC 3875 section 4, FastCGI 1.0.

mod backend;
mod exchange;
mod failure;
mod files;
mod lookup;
mod media;
mod outlet;
mod params;
mod range;
mod response;
mod server;
mod service;
mod stderr;
mod target;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use crate::config::StaticMount;

/// Where the application's FastCGI socket is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Backend {
    /// A Unix socket, by an absolute path.
    Unix(PathBuf),
    /// A TCP socket.
    Tcp(SocketAddr),
}

/// What the front is given to work with.
#[derive(Debug)]
pub struct FrontOptions {
    /// Bound and listening; made non-blocking here.
    pub listeners: Vec<TcpListener>,
    /// Where requests go that no file answers.
    pub backend: Backend,
    /// Directories of files; of several that fit, the one with the longest URL counts.
    pub statics: Vec<StaticMount>,
    /// How long running requests may take after a stop.
    pub stop_timeout: Duration,
    /// The option `scriptname`: a path outside of this prefix is answered with 404, as by a web server that sends the
    /// prefix alone to the application. It is not cut off: `SCRIPT_NAME` is always sent empty, and the split is left to
    /// the server, which knows the option too. `None` and an empty prefix are the root.
    pub script_name: Option<String>,
}

/// Serves until `stop` becomes readable or its other end is closed, then finishes what is running.
///
/// Builds a tokio runtime in the calling thread; the process must not fork without exec afterwards. `stop` has to be one
/// end of a pair of Unix sockets; it is made non-blocking, and nothing is read from it.
///
/// # Errors
///
/// The system refuses the runtime, a listener or `stop`; nothing was served then. Faults of single connections are
/// logged and end those only.
pub fn run(options: FrontOptions, stop: OwnedFd) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_name("front-files")
        .build()?;
    let result = runtime.block_on(server::serve(options, stop));
    // A read from a slow disk must not hold up the stop.
    runtime.shutdown_background();
    result
}

/// Threads that read files, started when they are needed.
const BLOCKING_THREADS: usize = 16;

#[cfg(test)]
mod tests;
