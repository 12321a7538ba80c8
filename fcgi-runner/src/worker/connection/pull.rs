//! Input for a request that waits for it, read by the very thread that waits.
//!
//! Nearly always more is there already, and nothing is cheaper than to take it at once. Where nothing is, the thread polls the
//! socket, and is then the only one that reads from it: the loop, where another thread has it, leaves the connection alone,
//! and for a moment after each such read as well, since a body is mostly read to its end. What arrives for other requests on
//! the connection is put where it belongs; those that can be served are left to the loop, which is told. Never holds a lock
//! across a wait.

use std::os::fd::AsFd;
use std::sync::MutexGuard;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::super::pool::LoopHandle;
use super::super::settings::Feeding;
use super::direct::Wish;
use super::{Connection, Input};
use crate::app::{Blocker, Body};
use crate::os::socket;

/// How the reading of a request's body by the thread that serves it goes.
#[derive(Debug, Default)]
pub(super) struct Pulls {
    /// When it has last read by itself, or was given the request: it will again.
    at: Option<Instant>,
    /// The content of the records that a web server cuts the body into, in bytes; 0 before one has been seen.
    pub(super) record: usize,
    /// The peer has kept it waiting for longer than [`MOMENT`].
    slow: bool,
}

impl Connection {
    /// Waits for input and reads it, in the thread that serves the request; `false` when none has come in time. A signal handler
    /// of the application may end the wait.
    pub(super) fn pull(&self, mut wish: Wish<'_>, blocker: &dyn Blocker) -> bool {
        let mut input = self.input();
        if input.is_over() {
            wish.request.abort();
            return true;
        }
        // Another thread of the application would not hear of the end of the request.
        let waits_otherwise = input.pulled || !wish.request.is_served_here();
        if let (true, Feeding::Loop(handle)) = (waits_otherwise, &self.settings.feeding) {
            return self.await_reader(input, handle, wish.body, blocker);
        }
        if !wish.body.has_news() {
            self.read_for(&mut input, &mut wish);
        }
        let mut in_time = true;
        if !wish.is_over(&input) {
            (input, in_time) = self.poll_for_input(input, &mut wish, blocker);
        }
        self.end_pull(input);
        in_time
    }

    /// Polls the socket and reads, until something has come of the body; as for [`Connection::pull`].
    fn poll_for_input<'c>(
        &'c self,
        mut input: MutexGuard<'c, Input>,
        wish: &mut Wish<'_>,
        blocker: &dyn Blocker,
    ) -> (MutexGuard<'c, Input>, bool) {
        let until = Instant::now() + self.settings.limits.read_timeout;
        input.pulled = true;
        let in_time = loop {
            let was_slow = input.pulls.slow;
            self.leave_to_others(input);
            let begun = Instant::now();
            let left = until.saturating_duration_since(begun);
            let (is_ready, is_slow) = self.poll_socket(was_slow, left, blocker);
            wish.request.note_starved(begun.elapsed());
            input = self.input();
            input.pulls.slow = is_slow;
            // What arrives after the end of the request belongs to the next one, and the loop reads it.
            if is_ready && !blocker.is_interrupted() && !wish.request.is_ended() {
                self.read_for(&mut input, wish);
            }
            if blocker.is_interrupted() || wish.is_over(&input) {
                break true;
            }
            if !is_ready {
                break false;
            }
        };
        input.pulled = false;
        (input, in_time)
    }

    /// Waits until there is something to read, and tells whether there is, and whether that took long. For a moment nobody
    /// leads, as if the thread computed: calling the reserve costs as much as a body that comes quickly. Peers that have been slow
    /// once are not waited for like that again.
    fn poll_socket(&self, was_slow: bool, left: Duration, blocker: &dyn Blocker) -> (bool, bool) {
        let poll = |limit| {
            let mut found = Ok(socket::Readiness::default());
            let mut ends = || blocker.note_signal();
            blocker
                .block(&mut || found = socket::wait_unless(self.fd.as_fd(), true, false, limit, &mut ends));
            found.is_ok_and(|found| !found.timed_out())
        };
        let Feeding::Loop(handle) = &self.settings.feeding else { return (poll(left), was_slow) };
        if !was_slow {
            let is_ready = poll(left.min(MOMENT));
            if is_ready || blocker.is_interrupted() {
                return (is_ready, false);
            }
        }
        // This thread will not lead in a moment, as it would if it computed.
        handle.fill_vacancy();
        (poll(left), true)
    }

    /// Leaves the connection to the loop, at once where this thread may not go on reading soon.
    fn end_pull(&self, mut input: MutexGuard<'_, Input>) {
        input.pulls.at = Some(Instant::now());
        let stays_paused = input.will_resume && self.is_pulled(&input);
        self.leave_to_others(input);
        if !stays_paused {
            self.resume();
        }
    }

    /// Sends what the protocol has to say, and has the loop take the requests that were read for it.
    fn leave_to_others(&self, input: MutexGuard<'_, Input>) {
        let (has_work, has_outbox) = (!input.ready.is_empty(), input.has_outbox());
        drop(input);
        if has_outbox {
            self.flush_outbox();
        }
        if let (true, Feeding::Loop(handle)) = (has_work, &self.settings.feeding) {
            handle.finish(self.token);
            handle.fill_vacancy();
        }
    }

    /// Waits for what another thread reads from the connection, or the loop.
    fn await_reader(
        &self,
        input: MutexGuard<'_, Input>,
        handle: &LoopHandle,
        body: &Body,
        blocker: &dyn Blocker,
    ) -> bool {
        // Said before another thread can stop reading, which asks whether somebody waits, and before the loop reads: it may
        // pause the connection at once again, because of the other body of a filter.
        let mut awaited = Some(body.await_news());
        drop(input);
        self.resume();
        let _reader = handle.need();
        let (limit, mut in_time) = (self.settings.limits.read_timeout, true);
        blocker.block(&mut || in_time = awaited.take().is_none_or(|awaited| awaited.wait(limit)));
        in_time
    }

    /// Told when the loop has given a request out: its thread is about to read what is missing.
    pub(in crate::worker) fn expect_pull(&self) {
        let mut input = self.input();
        if input.is_alone() && !input.has_all() {
            input.pulls.at = Some(Instant::now());
        }
    }

    /// Whether the loop has to leave the input to a thread that serves a request.
    pub(super) fn is_pulled(&self, input: &Input) -> bool {
        let is_recent = |at: Instant| at.elapsed() < RECENT;
        let will_read = || input.is_alone() && input.pulls.at.is_some_and(is_recent);
        let is_soon = || !self.writer_waits.load(Ordering::Acquire) && will_read();
        !self.settings.feeding.is_pull() && (input.pulled || is_soon())
    }
}

impl Input {
    /// Whether one request only is there, and no thread waits for another one to read.
    fn is_alone(&self) -> bool {
        match &self.requests[..] {
            [active] => !active.request.bodies().any(Body::is_awaited),
            _ => false,
        }
    }

    /// Whether the bodies of all requests have come.
    fn has_all(&self) -> bool {
        self.requests.iter().flat_map(|active| active.request.bodies()).all(Body::is_ended)
    }
}

/// How long a thread waits for the next piece of a body before it has somebody lead; the least that can be waited for.
const MOMENT: Duration = Duration::from_millis(1);

/// How long the loop leaves a connection alone after a read of a thread that serves a request.
const RECENT: Duration = Duration::from_millis(20);
