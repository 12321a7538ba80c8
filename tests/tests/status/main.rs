//! How the server tells how it is doing: at sockets of its own, and through the web server.

mod asking;
mod numbers;
mod pages;
mod sockets;
