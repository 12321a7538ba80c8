//! What was typed, checked and put together: the [`Config`] everything else works by.
//!
//! In come the [`settings::Settings`] of the file, the environment and the command line; out goes one [`Config`] with
//! absolute paths and no contradiction, or a [`crate::options::UsageError`]. Nothing is opened but the configuration
//! file, and what depends on the process (which descriptor 0 is, whether a daemon is wanted) is left to the start.

pub mod build;
pub mod control;
pub mod environment;
pub mod file;
mod listen;
pub mod log_format;
mod security;
pub mod settings;
pub mod sites;
mod status;

use std::{path::PathBuf, time::Duration};

pub use self::control::ControlSocket;
pub use self::log_format::AccessRules;
pub use self::security::Security;
pub use self::sites::{Site, Sites};
pub use self::status::StatusConfig;
pub use crate::options::LogPlace;

/// Everything the operator has decided.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// Processes or threads; `None` if not said: prefork, or one thread on descriptor 0.
    pub method: Option<Method>,
    /// More workers are started below this many idle ones; never above `max_spare`.
    pub min_spare: usize,
    /// Workers at the start, and the most that stay idle; at least 1.
    pub max_spare: usize,
    /// The most workers; never below `max_spare`.
    pub max_children: usize,
    /// Application threads in each worker; `None` if not said.
    pub threads: Option<usize>,
    /// What decides about the number of workers.
    pub pool: Pool,
    /// Requests after which a worker is replaced; 0 is never.
    pub max_requests: u64,
    /// How long a worker serves before it is replaced; `None` is for ever.
    pub max_lifetime: Option<Duration>,
    /// Bytes of resident memory above which a worker is replaced; `None` is no limit.
    pub max_memory: Option<u64>,
    /// By how many percent each worker's limits are lowered at most, up to 100.
    pub jitter: u8,
    /// Whether to go to the background; `None` if not said.
    pub daemonize: Option<bool>,
    /// Where to write the process id.
    pub pidfile: Option<PathBuf>,
    /// Where the server answers an operator.
    pub control: ControlSocket,
    /// The directory to change to; `None` if not said.
    pub workdir: Option<PathBuf>,
    /// The directory of the start, from which relative paths were taken, and which is on `sys.path`.
    pub start_dir: PathBuf,
    /// Where standard output goes.
    pub outlog: Option<LogPlace>,
    /// Where standard error goes.
    pub errlog: Option<LogPlace>,
    /// Whether what workers print is written line by line with their process ids; `None` if not said.
    pub capture: Option<bool>,
    /// Where a line per request goes.
    pub accesslog: Option<LogPlace>,
    /// The form of that line, and what is left out.
    pub access: AccessRules,
    /// How much is told in the error log.
    pub loglevel: LogLevel,
    /// Permission bits that new files do not get, up to 0777.
    pub umask: u32,
    /// Permission bits of the Unix socket, up to 0777; `None` is by umask.
    pub socket_mode: Option<u32>,
    /// Whether visitors see tracebacks.
    pub debug: bool,
    /// The application as typed: `module`, `module:callable`, `module:factory()` or a path that ends in `.py`.
    pub app: Option<String>,
    /// The application for the role of an authorizer, typed likewise.
    pub authorizer: Option<String>,
    /// The application for the role of a filter, typed likewise.
    pub filter: Option<String>,
    /// The module for `DJANGO_SETTINGS_MODULE`.
    pub settings: Option<String>,
    /// Additions to `sys.path`.
    pub pythonpath: Vec<PathBuf>,
    /// The virtual environment.
    pub virtualenv: Option<PathBuf>,
    /// The mount: `None` as sent, `Some("")` the root, else it begins with a slash and ends without one.
    pub script_name: Option<String>,
    /// What peers may make a worker do.
    pub limits: Limits,
    /// What the application may make a worker wait.
    pub times: Times,
    /// Where the stacks of slow requests go.
    pub slowlog: Option<PathBuf>,
    /// How long running requests may take at a stop.
    pub stop_timeout: Duration,
    /// How long a worker may take until it serves; `None` is for ever.
    pub start_timeout: Option<Duration>,
    /// What a new worker is asked before it serves: `/path` or `host/path`.
    pub probe: Option<String>,
    /// Files that are touched for a reload.
    pub touch_reload: Vec<PathBuf>,
    /// Whether sources are watched, and the application is loaded anew when they change.
    pub reload: bool,
    /// What to do with a request that nobody waits for any more.
    pub on_abort: OnAbort,
    /// Whether the application is imported before the workers are forked.
    pub preload: bool,
    /// Where the preview front listens.
    pub http: Option<HttpAddress>,
    /// Directories of files that the preview front serves.
    pub statics: Vec<StaticMount>,
    /// Where the server tells how it is doing.
    pub status: StatusConfig,
    /// Who the workers run as, and who may connect.
    pub security: Security,
    /// What is odd but no error, to be logged, one line each.
    pub warnings: Vec<String>,
}

/// Where to listen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    /// Nothing was said: decided at the start by descriptor 0, `LISTEN_FDS` and the CGI variables.
    Auto,
    /// A TCP address.
    Tcp {
        /// A name or an address, without brackets.
        host: String,
        /// 0 lets the system choose.
        port: u16,
    },
    /// A Unix socket at this absolute path, which fits into a socket address.
    Unix(PathBuf),
    /// An inherited descriptor.
    Fd(i32),
}

/// How requests are served side by side.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Method {
    /// By several processes.
    Prefork,
    /// By several threads of one process.
    Threaded,
}

/// What decides about the number of workers, or in a threaded server of threads.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pool {
    /// It is always `max_children`.
    Static,
    /// How many are idle.
    Dynamic,
    /// Connections that wait.
    OnDemand,
}

/// What peers may make a worker do: sizes in bytes, numbers and times.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Bytes of a body that are taken in before the application is called.
    pub request_buffer: usize,
    /// The largest body in bytes.
    pub max_body: Option<u64>,
    /// The most bytes of parameters in a request.
    pub max_params: usize,
    /// The most parameters in a request.
    pub max_pairs: usize,
    /// Requests at once on one connection, where there are several threads.
    pub max_active: usize,
    /// Connections at once in a worker; `None` is by the limit of open files.
    pub max_connections: Option<usize>,
    /// Bytes that are thrown away of bodies that nobody reads.
    pub max_drain: usize,
    /// How long the head of a request may take, in all.
    pub header_timeout: Duration,
    /// Longest silence of the web server within a body.
    pub read_timeout: Duration,
    /// Longest time in which the web server reads nothing of an answer.
    pub write_timeout: Duration,
    /// How long the rest of an unread body may take after the answer, in all.
    pub drain_timeout: Duration,
    /// How long an idle connection may stay.
    pub idle_timeout: Duration,
    /// How long a request may wait before it is served; `None` is for ever.
    pub queue_timeout: Option<Duration>,
}

/// How long the application may take for a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Times {
    /// From a request's arrival to its end; `None` is for ever.
    pub request: Option<Duration>,
    /// From that limit to the end of the worker, if the application does not react.
    pub grace: Duration,
    /// How long a request takes that is to be noted as slow.
    pub slow: Duration,
    /// How long nobody may get the interpreter's lock; `None` is for ever.
    pub deadlock: Option<Duration>,
}

/// What to do with a request that nobody waits for any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OnAbort {
    /// Nothing; the application can ask.
    Ignore,
    /// Raise an exception in the thread that serves it.
    Interrupt,
}

/// How much is told in the error log.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum LogLevel {
    /// The operator must act.
    Error,
    /// A web server or the application misbehaves.
    Warn,
    /// What starts and stops.
    Info,
    /// Each request.
    Debug,
    /// Each record.
    Trace,
}

impl LogLevel {
    /// The word for it: `info`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

/// Where the preview front listens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpAddress {
    /// A name or an address, without brackets.
    pub host: String,
    /// 0 lets the system choose.
    pub port: u16,
}

/// A directory of files that the preview front serves.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StaticMount {
    /// Begins and ends with a slash.
    pub url: String,
    /// Absolute; it need not be there yet.
    pub dir: PathBuf,
}

#[cfg(test)]
mod tests;
