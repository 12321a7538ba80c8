//! How fast a server answers: the same request again and again, over FastCGI, every answer looked at.
//!
//! One thread waits with epoll for all connections, in the way of nginx (edge-triggered, for input and room at once: how a
//! client waits changes what it costs the server to wake it), and sends the next request of each as soon as an answer is
//! whole. In come words `key=value` (see [`options`]), and lines on standard input that say when: when everything is prepared
//! it writes `ready` and waits for a line, and after the figures, lines `name<TAB>value`, it writes `done` and keeps what it
//! holds open until the next, so that its caller can look at the server meanwhile. It never says what is fast. Status and
//! length of each answer are checked; what one request is told apart by from the next is for `fcgi-load` to look at.

mod answer;
mod framing;
mod held;
mod options;
mod run;
mod slot;
mod tally;

use std::env;
use std::io::{self, Write};
use std::process::ExitCode;

use self::held::hold;
use self::options::Options;
use self::run::Run;

fn main() -> ExitCode {
    let outcome = Options::read(env::args().skip(1)).map_err(|complaint| (2, complaint));
    match outcome.and_then(|options| measure(&options).map_err(|error| (1, error.to_string()))) {
        Ok(()) => ExitCode::SUCCESS,
        Err((status, complaint)) => {
            let _ = writeln!(io::stderr(), "error: {complaint}");
            ExitCode::from(status)
        }
    }
}

fn measure(options: &Options) -> io::Result<()> {
    let held = hold(options)?;
    say("ready")?;
    wait_for_line()?;
    let mut run = Run::new(options)?;
    let tally = run.go()?;
    tally.report(&mut io::stdout().lock())?;
    say("done")?;
    wait_for_line()?;
    drop((run, held));
    Ok(())
}

fn say(word: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{word}")?;
    out.flush()
}

/// Waits for a line, or for the end of standard input.
fn wait_for_line() -> io::Result<()> {
    io::stdin().read_line(&mut String::new()).map(drop)
}
