//! Looks after the connections of a worker whose only application thread is busy.
//!
//! The loop of such a worker is the thread that runs the application, so nobody reads what arrives on the other connections
//! it watches. The attendant is a thread that finds those with input, in the loop's own `epoll` set, and passes them to the
//! siblings while nothing of them has been read. It never reads, writes or accepts, never touches the interpreter, and sleeps
//! while the worker is idle or has nothing else to look after.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::connection::{Connection, Passing};
use crate::os::channel::Handoff;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::socket;
use crate::os::wake::Wake;

/// The loop's hold on the thread; dropping it ends the thread.
pub(super) struct Attendant {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The loop has served something since it last waited.
    busy: bool,
    /// Connections that the loop watches.
    watched: usize,
}

struct Shared {
    poller: Arc<Poller>,
    handoff: Arc<Handoff>,
    wake: Arc<Wake>,
    /// A socket without a peer: takes the place of connections that were passed on.
    blank: UnixStream,
    /// Changes whenever the loop becomes busy or idle; odd while it is busy.
    rounds: AtomicU64,
    asleep: AtomicBool,
    any_passed: AtomicBool,
    table: Mutex<Table>,
    bell: Condvar,
}

#[derive(Default)]
struct Table {
    connections: HashMap<Token, Arc<Connection>>,
    /// Passed on, and not yet let go of by the loop.
    passed: Vec<Token>,
    over: bool,
}

impl Attendant {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the process is out of threads or descriptors.
    pub(super) fn start(poller: Arc<Poller>, handoff: Arc<Handoff>, wake: Arc<Wake>) -> io::Result<Self> {
        let (blank, _) = UnixStream::pair()?;
        let shared = Arc::new(Shared {
            poller,
            handoff,
            wake,
            blank,
            rounds: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            any_passed: AtomicBool::new(false),
            table: Mutex::default(),
            bell: Condvar::new(),
        });
        let theirs = shared.clone();
        let mut ready = ReadyList::new(EVENTS);
        let thread = std::thread::Builder::new()
            .name("fcgi-attendant".to_owned())
            .stack_size(STACK)
            .spawn(move || theirs.run(&mut ready))?;
        Ok(Self { shared, thread: Some(thread), busy: false, watched: 0 })
    }

    /// Puts a connection under care that the loop has begun to watch.
    pub(super) fn add(&mut self, connection: Arc<Connection>) {
        self.watched += 1;
        self.shared.table().connections.insert(connection.token(), connection);
    }

    /// Takes a connection out of care that the loop has watched.
    pub(super) fn remove(&mut self, token: Token) {
        self.watched -= 1;
        self.shared.table().connections.remove(&token);
    }

    /// Told before a request is served; `own`: its connection is one of those watched.
    pub(super) fn begin(&mut self, own: bool) {
        if !std::mem::replace(&mut self.busy, true) {
            self.shared.rounds.fetch_add(1, Ordering::SeqCst);
        }
        if self.watched > usize::from(own) && self.shared.asleep.load(Ordering::SeqCst) {
            self.shared.rouse();
        }
    }

    /// Told before the loop waits; gives the tokens of connections that were passed on meanwhile.
    pub(super) fn rest(&mut self) -> Vec<Token> {
        if std::mem::take(&mut self.busy) {
            self.shared.rounds.fetch_add(1, Ordering::SeqCst);
        }
        if !self.shared.any_passed.load(Ordering::SeqCst) {
            return Vec::new();
        }
        let mut table = self.shared.table();
        self.shared.any_passed.store(false, Ordering::SeqCst);
        std::mem::take(&mut table.passed)
    }

    /// Ends the thread: nothing is passed on any more.
    pub(super) fn dismiss(&mut self) {
        self.shared.table().over = true;
        self.shared.rouse();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked passes nothing on either.
            let _ = thread.join();
        }
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.dismiss();
    }
}

impl Shared {
    fn run(&self, ready: &mut ReadyList) {
        let (mut seen, mut quiet) = (0, QUIET_TICKS);
        loop {
            if quiet >= QUIET_TICKS {
                self.sleep(seen);
                quiet = 0;
            }
            if self.tick() {
                return;
            }
            let rounds = self.rounds.load(Ordering::SeqCst);
            if rounds != seen {
                (seen, quiet) = (rounds, 0);
            } else if rounds.is_multiple_of(2) {
                quiet += 1;
            } else {
                self.relieve(rounds, ready);
            }
        }
    }

    /// Waits until the loop becomes busy, unless it has been since `seen`.
    fn sleep(&self, seen: u64) {
        let mut table = self.table();
        self.asleep.store(true, Ordering::SeqCst);
        if self.rounds.load(Ordering::SeqCst) != seen {
            self.asleep.store(false, Ordering::SeqCst);
        }
        while self.asleep.load(Ordering::SeqCst) && !table.over {
            table = self.bell.wait(table).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends the sleep.
    fn rouse(&self) {
        let _table = self.table();
        self.asleep.store(false, Ordering::SeqCst);
        self.bell.notify_one();
    }

    /// Waits for a moment; `true` when the thread has to end.
    fn tick(&self) -> bool {
        let table = self.table();
        let waited = self.bell.wait_timeout_while(table, TICK, |table| !table.over);
        waited.unwrap_or_else(PoisonError::into_inner).0.over
    }

    /// Passes the connections on that have input, as long as the loop does not come round.
    fn relieve(&self, rounds: u64, ready: &mut ReadyList) {
        // Without a wait: a waiter would take wake-ups that are meant for idle workers.
        if self.poller.wait(ready, Some(Duration::ZERO)).is_err() {
            return;
        }
        let mut passed = false;
        // A connection that has hung up asks for nothing.
        for event in ready.iter().filter(|event| !event.hung_up) {
            let Some(connection) = self.table().connections.get(&event.token).cloned() else { continue };
            if self.rounds.load(Ordering::SeqCst) != rounds {
                break;
            }
            if connection.pass_on(&self.handoff) == Passing::Done {
                self.let_go(&connection);
                passed = true;
            }
        }
        if passed && self.rounds.load(Ordering::SeqCst) != rounds {
            // The loop may wait already, and has not heard of it.
            self.wake.wake();
        }
    }

    /// Ends this process's share in a connection that was passed on: the new owner alone decides when it is closed.
    fn let_go(&self, connection: &Arc<Connection>) {
        // It is not there any more if the loop was faster.
        let _ = self.poller.forget(connection.as_fd());
        if let Err(error) = socket::replace(connection.as_fd(), self.blank.as_fd()) {
            tracing::debug!(%error, "a connection that was passed on stays open until the request ends");
        }
        let mut table = self.table();
        let token = connection.token();
        if table.connections.get(&token).is_some_and(|present| Arc::ptr_eq(present, connection)) {
            table.connections.remove(&token);
        }
        table.passed.push(token);
        self.any_passed.store(true, Ordering::SeqCst);
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two looks; a request that runs at two of them keeps the others waiting.
const TICK: Duration = Duration::from_millis(10);

/// Looks at an idle worker before the attendant sleeps: one second.
const QUIET_TICKS: u32 = 100;

/// Connections passed on at one look.
const EVENTS: usize = 64;

/// Nothing here is deep.
const STACK: usize = 64 * 1024;
