//! `fcgi-run ctl top`: the server, live, in a terminal.
//!
//! Once a second the server is asked for its status; in between, keys are heard and the screen is drawn anew when it has
//! another size. Whatever ends it, be it a key, a signal or a panic, the terminal is left as it was found. What is shown is in
//! `screen`, how it looks is in `draw`, and neither touches a terminal.

mod draw;
mod screen;

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};

use self::screen::{Act, Screen};
use super::link::Link;
use super::picture::Picture;
use super::trouble::{Status, Trouble};
use crate::messages::Code;
use crate::os::signals;
use crate::supervisor::control::message::Question;

/// Shows the server until somebody has seen enough.
///
/// # Errors
/// When there is no terminal, or it breaks. A server that goes away is shown as such, and waited for.
pub(super) fn run(link: Link, colours: bool) -> Result<(), Trouble> {
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        let hint = "in scripts, use `fcgi-run ctl status --json`";
        return Err(Trouble::usage("`top` wants a terminal", hint));
    }
    let broken = |error: io::Error| {
        Trouble::new(Status::Failed, Code::CONTROL_REFUSED, format!("the terminal cannot be used: {error}"))
    };
    let ends = signals::note_end().map_err(broken)?;
    let mut terminal = ratatui::try_init().map_err(broken)?;
    let result = live(&mut terminal, link, colours, &ends);
    ratatui::try_restore().map_err(broken)?;
    result.map_err(broken)
}

fn live(terminal: &mut DefaultTerminal, mut link: Link, colours: bool, ends: &AtomicBool) -> io::Result<()> {
    let mut screen = Screen::new(colours);
    let mut next_look = Instant::now();
    while !ends.load(Ordering::Relaxed) {
        let now = Instant::now();
        if now >= next_look {
            look(&mut screen, &mut link);
            next_look = Instant::now() + EVERY;
        }
        terminal.draw(|frame| draw::draw(frame, &mut screen))?;
        if !event::poll(next_look.saturating_duration_since(Instant::now()).min(SIGNALS_SEEN_IN))? {
            continue;
        }
        let Event::Key(key) = event::read()? else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        match screen.press(key) {
            Act::Quit => return Ok(()),
            Act::Ask(question) => {
                ask(&mut screen, &mut link, &question);
                next_look = Instant::now();
            }
            Act::Nothing => {}
        }
    }
    Ok(())
}

/// Asks how the server is.
fn look(screen: &mut Screen, link: &mut Link) {
    let picture = link.ask(&Question::new("status"), Some(PATIENCE)).and_then(|answer| Picture::of(&answer));
    match picture {
        Ok(picture) => screen.update(picture, Instant::now()),
        Err(trouble) => screen.lose(&trouble.message),
    }
}

fn ask(screen: &mut Screen, link: &mut Link, question: &Question) {
    match link.ask(question, Some(PATIENCE)) {
        Ok(answer) => screen.note_answer(question, &answer),
        Err(trouble) => screen.note_trouble(&trouble),
    }
}

/// Between two looks at the server.
const EVERY: Duration = Duration::from_secs(1);

/// For an answer; meanwhile no key is heard.
const PATIENCE: Duration = Duration::from_secs(2);

/// Between two looks at whether a signal has come.
const SIGNALS_SEEN_IN: Duration = Duration::from_millis(250);
