//! fcgi-run: hosts a WSGI application behind any web server that speaks FastCGI.
//!
//! The rooms, and the way of a request through them, are shown in `ARCHITECTURE.md`. Two thin doors lead in: the binary
//! `fcgi-run`, which embeds an interpreter, and the Python package `fcgi_runner`, which is loaded by one. Both call
//! [`start::main`].

pub mod app;
pub mod cgi;
pub mod check;
pub mod cli;
pub mod config;
pub mod ctl;
pub mod discover;
pub mod exit;
pub mod front;
pub mod messages;
pub mod options;
pub mod os;
pub mod python;
pub mod sites;
pub mod start;
pub mod status;
pub mod supervisor;
pub mod telemetry;
pub mod worker;
