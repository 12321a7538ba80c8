//! `fcgi-run ctl` and the socket it speaks over: every command as people and as scripts see it, and clients that mean no good.

mod clients;
mod commands;
mod harness;
