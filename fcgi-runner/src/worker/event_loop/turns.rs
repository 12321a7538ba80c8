//! Whose turn it is, where several connections of a worker have input at once and one thread reads and serves.
//!
//! They are served in the order in which their input was seen. A worker that is on its way round them for longer than a moment
//! gives some to siblings that have nothing to do, and looks again whether somebody waits in the queues that are shared: a
//! connection that is there waits no longer for those that are kept than they do for it. Where one connection alone has
//! input, nothing of all this costs anything.

use std::collections::VecDeque;
use std::io;
use std::time::{Duration, Instant};

use super::super::connection::Passing;
use super::super::intake::Work;
use super::{EventLoop, LINE, State, is_shared};
use crate::app::Blocker;
use crate::os::poller::{ReadyList, Token};

/// Connections that wait for the thread.
#[derive(Debug, Default)]
pub(in crate::worker) struct Turns {
    waiting: VecDeque<Token>,
    /// Requests took long in the last round that had several.
    slow: bool,
    /// How many rounds have had several, one after the other.
    crowded: u32,
}

impl Turns {
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

impl EventLoop {
    /// Serves the connections that have input, and hears what else was said.
    pub(super) fn take_turns(
        &mut self,
        ready: &ReadyList,
        work: &mut Vec<Work>,
        blocker: &dyn Blocker,
    ) -> io::Result<()> {
        for event in ready.iter().filter(|event| !is_shared(event.token)) {
            // What does not come from visitors is heard at once; with threads, nothing waits long for this one.
            if event.token >= LINE || self.counts.is_some() {
                self.handle(event.token, work, blocker)?;
            } else if let Some(entry) = self.connections.get_mut(event.token)
                && !std::mem::replace(&mut entry.waits, true)
            {
                self.turns.waiting.push_back(event.token);
            }
        }
        if self.turns.waiting.len() > 1 {
            self.serve_several(work, blocker)
        } else {
            self.turns.crowded = 0;
            self.serve_next(work, blocker).map(drop)
        }
    }

    /// Serves one after the other, for a moment.
    fn serve_several(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<()> {
        self.turns.crowded += 1;
        if self.turns.slow {
            self.share(usize::MAX);
        } else if self.turns.crowded.is_multiple_of(CROWDED) {
            self.share(1);
        }
        let begun = Instant::now();
        let mut served = 0;
        while self.serve_next(work, blocker)? {
            served += 1;
            let took = begun.elapsed();
            if took > MOMENT {
                self.turns.slow = took / served > MOMENT / 2;
                self.share(usize::MAX);
                return Ok(());
            }
        }
        self.turns.slow = false;
        Ok(())
    }

    /// Serves the connection that has waited longest; `false` when none waits.
    fn serve_next(&mut self, work: &mut Vec<Work>, blocker: &dyn Blocker) -> io::Result<bool> {
        let Some(token) = self.turns.waiting.pop_front() else { return Ok(false) };
        if let Some(entry) = self.connections.get_mut(token) {
            entry.waits = false;
        }
        self.handle(token, work, blocker)?;
        Ok(true)
    }

    /// Gives those that have waited longest to siblings that are idle, but for one, and `most` at most.
    fn share(&mut self, most: usize) {
        let Some(handoff) = self.handoff.clone().filter(|_| self.state == State::Serving) else { return };
        let spare = self.turns.waiting.len().saturating_sub(1).min(most);
        let mut idle = self.service.board.idle_besides(self.service.slot, spare);
        let mut kept = Vec::new();
        while idle > 0
            && let Some(token) = self.turns.waiting.pop_front()
        {
            let Some(entry) = self.connections.get_mut(token) else { continue };
            if entry.connection.pass_on(&handoff) == Passing::Done {
                idle -= 1;
                self.drop_connection(token);
            } else {
                kept.push(token);
                if kept.len() > MOST_KEPT {
                    break;
                }
            }
        }
        for token in kept.into_iter().rev() {
            self.turns.waiting.push_front(token);
        }
    }
}

/// How long one goes round before one looks who else waits, and who might help.
const MOMENT: Duration = Duration::from_millis(1);

/// After so many rounds with several, one connection goes to an idle sibling, however short the requests are.
const CROWDED: u32 = 16;

/// Looks at so many connections that cannot be passed on, no more.
const MOST_KEPT: usize = 16;
