//! A FastCGI responder made of `fcgi-proto` and the standard library: one thread for each connection, and
//! nothing hidden in a framework.
//!
//! The address comes in as the only argument. What is listened on goes to standard output as one line, so
//! that a script can wait for it; complaints go to standard error.

mod connection;
mod listener;
mod page;

use std::io::{self, Write};
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use listener::Listener;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: rust-responder HOST:PORT | PATH-OF-A-UNIX-SOCKET");
        return ExitCode::from(2);
    };
    match Listener::bind(&address).and_then(|listener| serve(&listener)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rust-responder: {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Accepts connections for ever, each into a thread of its own.
fn serve(listener: &Listener) -> io::Result<()> {
    writeln!(io::stdout(), "listening on {}", listener.local_address()?)?;
    io::stdout().flush()?;
    loop {
        let stream = match listener.accept() {
            Ok(stream) => stream,
            Err(error) => {
                // The client may be gone already, or descriptors may be short for a while: neither is a
                // reason to stop.
                eprintln!("rust-responder: accept: {error}");
                thread::sleep(Duration::from_millis(100));
                continue;
            }
        };
        let spawned = thread::Builder::new().spawn(move || {
            if let Err(error) = connection::serve(stream) {
                eprintln!("rust-responder: connection: {error}");
            }
        });
        if let Err(error) = spawned {
            eprintln!("rust-responder: no thread for a connection: {error}");
        }
    }
}
