//! `fcgi-run ctl`: the operator's side of the control socket.
//!
//! In come the words behind `ctl`, out come text or JSON and an exit status: 0 it was done, 1 it was not, 2 the words cannot be
//! understood, 4 no server is there. The server is found by its own words (see [`find`]), asked over its control socket, and
//! nothing but its answers is believed or shown; no signal is sent, and nothing of the server is read but that.
//!
//! What is spoken is in [`crate::supervisor::control::message`].

mod find;
mod link;
mod picture;
mod stack;
mod tables;
mod text;
mod top;
mod trouble;
mod words;

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};

use serde_json::json;

use self::link::{Link, PROMPT};
use self::picture::Picture;
use self::text::Paint;
use self::trouble::Trouble;
use self::words::{Verb, Wanted};
use crate::os::signals;
use crate::supervisor::control::message::{Answer, Question};

/// Does what the words behind `ctl` say; gives the exit status.
pub fn main(words: &[OsString]) -> u8 {
    // Whoever waits for the end of a command may give up waiting.
    signals::end_at_interrupt();
    let json = words.iter().any(|word| word.eq_ignore_ascii_case("--json"));
    match words::read(words).and_then(|wanted| obey(&wanted)) {
        Ok(text) => {
            print(&text);
            0
        }
        Err(trouble) if json => {
            print(&trouble.to_json());
            trouble.status as u8
        }
        Err(trouble) => {
            // There is nobody else to tell that standard error is closed.
            let _ = io::stderr().write_all(trouble.to_string().as_bytes());
            trouble.status as u8
        }
    }
}

/// Does it, and gives what is to be printed.
fn obey(wanted: &Wanted) -> Result<String, Trouble> {
    if wanted.verb == Verb::Help {
        return Ok(words::help());
    }
    let mut link = find::find(&wanted.server, wanted.verb.alters())?;
    let answer = match wanted.verb {
        Verb::Top => return top::run(link, paint().0).map(|()| String::new()),
        Verb::Stack(pid) => return stack::show(&mut link, pid, wanted.json),
        Verb::Status | Verb::Workers => link.ask(&Question::new("status"), Some(PROMPT))?,
        verb => command(&mut link, verb, wanted)?,
    };
    show(wanted, &answer)
}

fn command(link: &mut Link, verb: Verb, wanted: &Wanted) -> Result<Answer, Trouble> {
    let question = question(verb, wanted);
    let takes_time = matches!(verb, Verb::Reload | Verb::Upgrade);
    let answer = link.ask(&question, if takes_time && wanted.wait { None } else { Some(PROMPT) })?;
    if verb == Verb::Stop && wanted.wait {
        link.wait_for_end();
    }
    Ok(answer)
}

fn question(verb: Verb, wanted: &Wanted) -> Question {
    let Wanted { wait, now, .. } = *wanted;
    match verb {
        Verb::Reload => Question { wait, ..Question::new("reload") },
        Verb::Upgrade => Question { wait, ..Question::new("upgrade") },
        Verb::Recycle(pid) => Question { pid: Some(pid), ..Question::new("recycle") },
        Verb::Scale(count) => Question { count: Some(count), ..Question::new("scale") },
        Verb::Reopen => Question::new("reopen"),
        Verb::Stop => Question { now, ..Question::new("stop") },
        _ => Question::new("status"),
    }
}

fn show(wanted: &Wanted, answer: &Answer) -> Result<String, Trouble> {
    if wanted.json {
        let value = match wanted.verb {
            Verb::Workers => json!({
                "v": answer.v, "ok": true, "server": answer.server,
                "workers": answer.status.as_ref().map(|status| &status["workers"]),
            }),
            _ => json!(answer),
        };
        return Ok(format!("{value}\n"));
    }
    let who = answer.server.as_ref().map_or_else(String::new, find::name_of);
    Ok(match wanted.verb {
        Verb::Status => tables::summary(&Picture::of(answer)?, width(), paint()),
        Verb::Workers => tables::workers(&Picture::of(answer)?.status, width(), paint()),
        Verb::Reload if wanted.wait => format!("reloaded: {who}\n"),
        Verb::Reload => format!("reloading: {who}\n"),
        Verb::Upgrade if wanted.wait => format!("upgraded: {who}\n"),
        Verb::Upgrade => format!("upgrading: {who}\n"),
        Verb::Recycle(pid) => format!("worker {pid} leaves when another serves: {who}\n"),
        Verb::Scale(count) => format!("{count} workers from now on: {who}\n"),
        Verb::Reopen => format!("log files reopened: {who}\n"),
        Verb::Stop if wanted.wait => format!("stopped: {who}\n"),
        Verb::Stop => format!("stopping: {who}\n"),
        Verb::Help | Verb::Top | Verb::Stack(_) => String::new(),
    })
}

/// Whoever reads no further has seen enough.
fn print(text: &str) {
    let _ = io::stdout().write_all(text.as_bytes());
}

/// Columns of the terminal; elsewhere lines are not cut, for other programs to read.
fn width() -> usize {
    if !io::stdout().is_terminal() {
        return usize::MAX;
    }
    ratatui::crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns).max(40))
}

/// Colours for people alone, if they want any: <https://no-color.org>.
fn paint() -> Paint {
    let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    Paint(io::stdout().is_terminal() && !is_set("NO_COLOR") && !is_dumb)
}
