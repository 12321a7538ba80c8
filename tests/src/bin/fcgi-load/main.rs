//! Load for a server, every answer looked at: the web server's side of many connections.
//!
//! In come words `key=value` (see [`options`]); out go lines `name<TAB>value` with what was sent and answered, and a line
//! for each request that was not answered as it should be. The exit status is 0 whatever the answers were: whether a loss is
//! the server's fault is for the caller to say, who knows whom it has killed. Records are made by hand, as everywhere here.

mod connection;
mod errand;
mod options;
mod tally;
mod visitor;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::thread;

use self::options::Options;
use self::tally::Tally;
use self::visitor::Visitor;

fn main() -> ExitCode {
    let options = match Options::read(env::args().skip(1)) {
        Ok(options) => Arc::new(options),
        Err(complaint) => {
            let _ = writeln!(io::stderr(), "error: {complaint}");
            return ExitCode::from(2);
        }
    };
    let tally = Arc::new(Tally::new(options.requests));
    let visitors: Vec<_> = (0..options.connections)
        .map(|number| {
            let visitor = Visitor::new(number, options.clone(), tally.clone());
            thread::spawn(move || visitor.run())
        })
        .collect();
    // A visitor that panics has met bytes that are no FastCGI, and has said so.
    let healthy = visitors.into_iter().flat_map(thread::JoinHandle::join).count();
    let done = tally.report(&mut io::stdout().lock());
    ExitCode::from(u8::from(healthy < options.connections || done.is_err()))
}
