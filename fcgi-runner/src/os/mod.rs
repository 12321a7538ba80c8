//! System calls, and the few unsafe lines around them.
//!
//! Everything here is a thin, typed door to the kernel: sockets, processes, signals, shared memory. It takes
//! descriptors and paths, gives back owned values, and never decides what the server should do.

pub mod alarm;
pub mod arrivals;
pub mod ask;
pub mod backlog;
pub mod channel;
pub mod clock;
pub mod code;
pub mod daemon;
pub mod file;
pub mod fork;
pub mod handoff;
pub mod heritage;
pub mod jitter;
pub mod limits;
pub mod listener;
pub mod log_socket;
pub mod notify;
pub mod nursery;
mod passing;
pub mod peers;
pub mod pidfile;
pub mod poller;
pub mod privileges;
pub mod probe;
pub mod process;
pub mod reason;
pub mod refusals;
pub mod scoreboard;
pub mod signals;
pub mod socket;
mod socket_file;
pub mod sources;
pub mod stdio;
pub mod successor;
pub mod thread;
pub mod users;
pub mod wake;
pub mod watch;
