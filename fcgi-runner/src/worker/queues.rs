//! What a worker knows of the queues that it shares with its siblings: who waits in them, since when, and who could help.

use std::os::fd::AsFd;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use crate::messages::Code;
use crate::os::backlog::Backlog;
use crate::os::listener::Listener;
use crate::os::scoreboard::Scoreboard;

/// A worker's view of the listen queues.
pub(super) struct Queues {
    board: Arc<Scoreboard>,
    slot: usize,
    /// How long a request may wait; without it, only the order matters, and only when there is much to do.
    limit: Option<Duration>,
    backlogs: OnceLock<Vec<Option<Backlog>>>,
}

impl Queues {
    pub(super) fn new(board: Arc<Scoreboard>, slot: usize, limit: Option<Duration>) -> Self {
        Self { board, slot, limit, backlogs: OnceLock::new() }
    }

    /// Opens what is needed to look at the queues of listeners.
    pub(super) fn begin(&self, listeners: &[Listener]) {
        let seen = self.open(listeners).iter().flatten().count();
        if self.is_timed() && seen < listeners.len() {
            tracing::warn!(
                code = %Code::QUEUE_UNSEEN,
                "the system does not tell who waits in a listen queue: `queuetimeout` counts from the time when a worker takes a \
                 connection in"
            );
        }
    }

    fn open(&self, listeners: &[Listener]) -> &[Option<Backlog>] {
        self.backlogs.get_or_init(|| {
            let open = |listener: &Listener| Backlog::of(listener.as_fd(), listener.is_tcp()).ok();
            listeners.iter().map(open).collect()
        })
    }

    /// Whether requests may wait for a time only.
    pub(super) fn is_timed(&self) -> bool {
        self.limit.is_some()
    }

    /// Looks at the queues, if nobody has for a while.
    pub(super) fn look(&self) {
        for (queue, backlog) in self.backlogs.get().into_iter().flatten().enumerate() {
            if let Some(backlog) = backlog {
                self.board.look_at(queue, backlog, self.pause());
            }
        }
    }

    /// Between two looks.
    pub(super) fn pause(&self) -> Duration {
        self.limit.map_or(PAUSE, |limit| (limit / 64).clamp(SHORTEST, LONGEST))
    }

    /// Counts a connection that was accepted; since when it has waited, where that matters.
    pub(super) fn note_accepted(&self, queue: usize) -> Option<Instant> {
        self.board.note_accepted(self.slot, queue);
        self.limit.and_then(|_| self.board.waits_since(queue, None))
    }

    /// Whether the next connection in one of the queues has been seen there before a time.
    pub(super) fn has_elder(&self, listeners: &[Listener], than: Instant) -> bool {
        let count = self.open(listeners).len();
        self.look();
        (0..count).any(|queue| self.waits(queue, than))
    }

    /// Whether the next connection in a queue has been seen there before a time.
    pub(super) fn waits(&self, queue: usize, than: Instant) -> bool {
        self.board.waits_since(queue, Some(0)).is_some_and(|since| since < than)
    }

    /// Says how many connections here have input and wait for their turn.
    pub(super) fn note_turns(&self, count: usize) {
        self.board.slot(self.slot).set_waiting(count);
    }

    /// Whether other workers serve, or are about to.
    pub(super) fn has_siblings(&self) -> bool {
        self.board.has_others(self.slot)
    }

    /// How many requests this worker has served.
    pub(super) fn served(&self) -> u64 {
        self.board.slot(self.slot).load().served
    }

    /// How many requests siblings could begin with at once, `most` at most.
    pub(super) fn idle_siblings(&self, most: usize) -> usize {
        self.board.idle_besides(self.slot, most)
    }
}

/// Between two looks at the queues, where the order alone matters.
const PAUSE: Duration = Duration::from_millis(20);

/// Between two looks where waits have a limit.
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_secs(1);
