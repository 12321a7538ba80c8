//! What a worker's threads tell whoever leads, and who that is.
//!
//! To *lead* is to hold the event loop: to wait for events, and to read. At most one thread leads. While nobody does
//! (the lead is *vacant*), one thread serves what it has just read, and will lead again in a moment. Anything that cannot
//! wait for that moment calls the reserve, a thread that serves nothing.

use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::os::poller::{Poller, Token};
use crate::os::wake::Wake;

/// The threads' common hold on the loop.
#[derive(Debug)]
pub struct LoopHandle {
    poller: Arc<Poller>,
    wake: Arc<Wake>,
    /// Connections that may have come to their end, or from which an application thread has read for others.
    finished: Mutex<Vec<Token>>,
    /// Changes whenever the lead is taken or becomes vacant; odd while it is vacant. At first, the reserve leads.
    changes: AtomicU64,
    /// Requests that wait for what only a reader can bring.
    needs: AtomicUsize,
    reserve: Thread,
    asleep: AtomicBool,
    called: AtomicBool,
    signalled: AtomicBool,
}

/// A request's need of somebody who leads; it ends when this is dropped.
#[derive(Debug)]
pub(in crate::worker) struct Need<'h>(&'h LoopHandle);

impl LoopHandle {
    /// Made by the thread that becomes the reserve.
    pub(in crate::worker) fn new(poller: Arc<Poller>, wake: Arc<Wake>) -> Self {
        Self {
            poller,
            wake,
            finished: Mutex::default(),
            changes: AtomicU64::new(0),
            needs: AtomicUsize::new(0),
            reserve: thread::current(),
            asleep: AtomicBool::new(false),
            called: AtomicBool::new(false),
            signalled: AtomicBool::new(false),
        }
    }

    /// Lets the loop read from a connection again.
    pub(in crate::worker) fn resume(&self, connection: impl AsFd, token: Token) {
        // A connection that the loop has let go of needs nothing.
        let _ = self.poller.resume(connection, token);
    }

    /// Keeps the loop from reading; `false` when it cannot be told.
    pub(in crate::worker) fn pause(&self, connection: impl AsFd, token: Token) -> bool {
        self.poller.pause(connection, token).is_ok()
    }

    /// Lets the loop decide about a connection, or take what was read from it.
    pub(in crate::worker) fn finish(&self, token: Token) {
        self.finished.lock().unwrap_or_else(PoisonError::into_inner).push(token);
        self.nudge();
    }

    /// Takes the connections that the loop has to look at.
    pub(in crate::worker) fn take_finished(&self) -> Vec<Token> {
        std::mem::take(&mut *self.finished.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes whoever leads look around. The next one who takes the lead looks around in any case.
    pub(in crate::worker) fn nudge(&self) {
        if !is_vacant(self.changes()) {
            self.wake.wake();
        }
    }

    /// Makes sure that somebody leads as long as what comes back is held.
    pub(in crate::worker) fn need(&self) -> Need<'_> {
        self.needs.fetch_add(1, Ordering::SeqCst);
        self.fill_vacancy();
        Need(self)
    }

    /// Has the reserve lead, if nobody does.
    pub(in crate::worker) fn fill_vacancy(&self) {
        if is_vacant(self.changes()) {
            self.call();
        }
    }

    /// Whether somebody needs that the lead is not vacant.
    pub(super) fn is_needed(&self) -> bool {
        self.needs.load(Ordering::SeqCst) > 0
    }

    /// The application has signal handlers to run, in the main thread.
    pub(in crate::worker) fn note_signals(&self) {
        self.signalled.store(true, Ordering::SeqCst);
        self.reserve.unpark();
    }

    pub(super) fn take_signals(&self) -> bool {
        self.signalled.swap(false, Ordering::SeqCst)
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Told by a thread that has taken the lead, before it looks at anything and before another can take it.
    pub(super) fn occupy(&self) {
        self.changes.fetch_add(1, Ordering::SeqCst);
    }

    /// Told by a thread that gives it up, before another can take it; `call`: the reserve is to take it.
    pub(super) fn vacate(&self, call: bool) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        if call || self.is_needed() {
            self.call();
        } else if self.asleep.load(Ordering::SeqCst) {
            self.reserve.unpark();
        }
    }

    /// Asks the reserve to lead, now.
    pub(super) fn call(&self) {
        self.called.store(true, Ordering::SeqCst);
        self.reserve.unpark();
    }

    /// Whether the reserve was asked to lead since the last time.
    pub(super) fn take_call(&self) -> bool {
        self.called.swap(false, Ordering::SeqCst)
    }

    /// Lets the reserve, which has last seen `changes`, wait for a moment, or until something happens.
    pub(super) fn stand_by(&self, changes: u64, at_rest: bool) {
        if !at_rest {
            return thread::park_timeout(TICK);
        }
        self.asleep.store(true, Ordering::SeqCst);
        if self.changes() == changes {
            thread::park();
        }
        self.asleep.store(false, Ordering::SeqCst);
    }

    /// Ends a wait of the reserve.
    pub(super) fn rouse(&self) {
        self.reserve.unpark();
    }
}

impl Drop for Need<'_> {
    fn drop(&mut self) {
        self.0.needs.fetch_sub(1, Ordering::SeqCst);
    }
}

pub(super) fn is_vacant(changes: u64) -> bool {
    changes % 2 == 1
}

/// How long nobody leads at most: so long others wait for a request that takes unexpectedly long.
pub(super) const TICK: Duration = Duration::from_millis(2);
