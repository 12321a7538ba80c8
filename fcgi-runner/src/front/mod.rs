//! placeholder interface, replaced by the real room
#![allow(missing_docs, clippy::all, unused)]
use crate::config::StaticMount;
use std::{io, net::{SocketAddr, TcpListener}, os::fd::OwnedFd, path::PathBuf, time::Duration};
pub enum Backend { Unix(PathBuf), Tcp(SocketAddr) }
pub struct FrontOptions { pub listeners: Vec<TcpListener>, pub backend: Backend, pub statics: Vec<StaticMount>, pub stop_timeout: Duration, pub script_name: Option<String> }
pub fn run(_options: FrontOptions, _stop: OwnedFd) -> io::Result<()> { Err(io::ErrorKind::Unsupported.into()) }
