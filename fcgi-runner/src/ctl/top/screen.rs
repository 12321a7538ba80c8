//! What `top` knows and does: the last picture, what became of it since the one before, and what keys mean.

use std::collections::{BTreeMap, VecDeque};
use std::time::Instant;

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::widgets::TableState;

use super::super::picture::{Picture, Worker};
use super::super::trouble::Trouble;
use crate::supervisor::control::message::{Answer, Question};

/// All that is shown.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) colours: bool,
    pub(super) picture: Option<Picture>,
    /// Requests a second of each worker, since the picture before.
    pub(super) rates: BTreeMap<i32, f64>,
    /// Requests a second, the newest last.
    pub(super) history: VecDeque<f64>,
    /// What was done last, or went wrong.
    pub(super) message: Message,
    /// The process of the worker that is chosen.
    pub(super) chosen: Option<i32>,
    pub(super) order: Order,
    /// Text that lies over everything until a key is pressed: its title, and the text.
    pub(super) sheet: Option<(String, String)>,
    pub(super) table: TableState,
    seen: Option<Seen>,
}

/// A line at the bottom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Message {
    /// The keys.
    #[default]
    Nothing,
    Good(String),
    Bad(String),
}

/// By what the workers are sorted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Order {
    Pid,
    Requests,
    Served,
    Memory,
    Busy,
}

/// What a key leads to.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Act {
    Nothing,
    Quit,
    Ask(Question),
}

/// What is needed of a picture when the next one comes.
#[derive(Debug)]
struct Seen {
    at: Instant,
    total: u64,
    served: BTreeMap<i32, u64>,
}

impl Screen {
    pub(super) fn new(colours: bool) -> Self {
        Self {
            colours,
            picture: None,
            rates: BTreeMap::new(),
            history: VecDeque::new(),
            message: Message::Nothing,
            chosen: None,
            order: Order::Busy,
            sheet: None,
            table: TableState::default(),
            seen: None,
        }
    }

    /// Takes in a new picture.
    pub(super) fn update(&mut self, picture: Picture, now: Instant) {
        let status = &picture.status;
        let served: BTreeMap<i32, u64> =
            status.workers.iter().filter_map(|worker| Some((worker.pid?, worker.served))).collect();
        let seen = Seen { at: now, total: status.requests.total, served };
        match &self.seen {
            Some(before) if before.total <= seen.total => self.compare(before.at, before.total, &seen),
            // The first one, or that of another server.
            _ => self.remember(&picture),
        }
        if matches!(self.message, Message::Bad(_)) && self.picture.is_none() {
            self.message = Message::Nothing;
        }
        self.picture = Some(picture);
        self.seen = Some(seen);
        self.keep_choice();
    }

    fn compare(&mut self, before: Instant, total: u64, seen: &Seen) {
        let seconds = seen.at.saturating_duration_since(before).as_secs_f64();
        if seconds <= 0.0 {
            return;
        }
        let old = self.seen.as_ref().map_or_else(BTreeMap::new, |seen| seen.served.clone());
        let rates = seen.served.iter().filter_map(|(pid, served)| {
            let before = old.get(pid)?;
            Some((*pid, number(served.saturating_sub(*before)) / seconds))
        });
        self.rates = rates.collect();
        self.history.push_back(number(seen.total.saturating_sub(total)) / seconds);
        while self.history.len() > LONGEST_HISTORY {
            self.history.pop_front();
        }
    }

    /// What the server itself remembers is a beginning.
    fn remember(&mut self, picture: &Picture) {
        let moments = picture.status.history.windows(2);
        let rates = moments.filter_map(|pair| {
            let seconds = pair[0].ago_seconds - pair[1].ago_seconds;
            (seconds > 0.0).then(|| number(pair[1].requests.saturating_sub(pair[0].requests)) / seconds)
        });
        self.history = rates.collect();
        self.rates.clear();
    }

    /// The server has given no picture.
    pub(super) fn lose(&mut self, why: &str) {
        self.picture = None;
        self.seen = None;
        self.message = Message::Bad(format!("no answer, trying again: {why}"));
    }

    pub(super) fn note_answer(&mut self, question: &Question, answer: &Answer) {
        if let Some(text) = &answer.detail {
            self.sheet = Some((title(question), text.clone()));
            return;
        }
        self.message = Message::Good(format!("{}: begun", title(question)));
    }

    pub(super) fn note_trouble(&mut self, trouble: &Trouble) {
        self.message = Message::Bad(trouble.message.clone());
        if let Some(detail) = &trouble.detail {
            self.sheet = Some((trouble.message.clone(), detail.clone()));
        }
    }

    /// The workers in the order that was asked for.
    pub(super) fn workers(&self) -> Vec<&Worker> {
        let Some(picture) = &self.picture else { return Vec::new() };
        let mut workers: Vec<&Worker> = picture.status.workers.iter().collect();
        let rate = |worker: &Worker| worker.pid.and_then(|pid| self.rates.get(&pid)).copied().unwrap_or(0.0);
        let longest = |worker: &Worker| worker.requests.first().map_or(-1.0, |request| request.age_seconds);
        workers.sort_by(|one, other| match self.order {
            Order::Pid => one.pid.cmp(&other.pid),
            Order::Requests => rate(other).total_cmp(&rate(one)),
            Order::Served => other.served.cmp(&one.served),
            Order::Memory => other.resident_bytes.cmp(&one.resident_bytes),
            Order::Busy => longest(other).total_cmp(&longest(one)),
        });
        workers
    }

    /// Hears a key.
    pub(super) fn press(&mut self, key: KeyEvent) -> Act {
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Act::Quit;
        }
        if self.sheet.take().is_some() {
            return Act::Nothing;
        }
        self.message = Message::Nothing;
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Act::Quit,
            KeyCode::Up => self.choose(-1),
            KeyCode::Down | KeyCode::Tab => self.choose(1),
            KeyCode::PageUp => self.choose(-10),
            KeyCode::PageDown => self.choose(10),
            KeyCode::Char('o') => self.order = self.order.next(),
            KeyCode::Char('?' | 'h') => self.sheet = Some(("keys".to_owned(), KEYS.to_owned())),
            KeyCode::Char('s') => return self.ask_chosen("stack"),
            KeyCode::Char('k' | 'R') => return self.ask_chosen("recycle"),
            KeyCode::Char('+') => return self.scale(1),
            KeyCode::Char('-') => return self.scale(-1),
            KeyCode::Char('r') => return Act::Ask(Question::new("reload")),
            _ => {}
        }
        Act::Nothing
    }

    fn ask_chosen(&mut self, command: &str) -> Act {
        if let Some(pid) = self.chosen {
            return Act::Ask(Question { pid: Some(pid), ..Question::new(command) });
        }
        self.message = Message::Bad("choose a worker first, with Up and Down".to_owned());
        Act::Nothing
    }

    fn scale(&mut self, step: isize) -> Act {
        let Some(picture) = &self.picture else { return Act::Nothing };
        let count = picture.status.master.scale.saturating_add_signed(step).max(1);
        Act::Ask(Question { count: Some(count), ..Question::new("scale") })
    }

    fn choose(&mut self, step: isize) {
        let pids: Vec<i32> = self.workers().iter().filter_map(|worker| worker.pid).collect();
        let at = self.chosen.and_then(|chosen| pids.iter().position(|pid| *pid == chosen));
        let next = match at {
            Some(at) => at.saturating_add_signed(step).min(pids.len().saturating_sub(1)),
            None => 0,
        };
        self.chosen = pids.get(next).copied();
        self.keep_choice();
    }

    /// Who is gone is not chosen any more; the line of who is, is shown.
    fn keep_choice(&mut self) {
        let at = self.workers().iter().position(|worker| worker.pid.is_some() && worker.pid == self.chosen);
        if at.is_none() {
            self.chosen = None;
        }
        self.table.select(at);
    }
}

impl Order {
    fn next(self) -> Self {
        match self {
            Self::Busy => Self::Requests,
            Self::Requests => Self::Served,
            Self::Served => Self::Memory,
            Self::Memory => Self::Pid,
            Self::Pid => Self::Busy,
        }
    }

    /// The word for it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Pid => "pid",
            Self::Requests => "requests/s",
            Self::Served => "served",
            Self::Memory => "memory",
            Self::Busy => "longest request",
        }
    }
}

fn title(question: &Question) -> String {
    match (question.pid, question.count) {
        (Some(pid), _) => format!("{} {pid}", question.command),
        (_, Some(count)) => format!("{} {count}", question.command),
        _ => question.command.clone(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number for people")]
fn number(count: u64) -> f64 {
    count as f64
}

/// All keys.
const KEYS: &str = "\
q, Esc       quit
Up, Down     choose a worker
r            reload the application
s            what its threads do in Python
k, R         replace the chosen worker
+, -         one worker more, one less
o            sort by something else
";

/// Seconds that are kept: more than any terminal is wide.
const LONGEST_HISTORY: usize = 600;
