//! Looks after the connections of a worker whose only application thread is busy.
//!
//! The loop of such a worker is the thread that runs the application, so nobody reads what arrives on its connections. The
//! attendant is a thread that looks at the one that is being served, so that an abort is noticed, and finds others with
//! input, in the loop's own `epoll` set, to pass them to the siblings, with what has been read of a request that is not whole. It
//! never accepts, never touches the interpreter, sleeps while the worker is idle, and writes nothing but the page for requests with
//! which a loop that does not come back cannot begin.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::connection::{Connection, Passing};
use super::queues::Queues;
use super::rescue;
use super::service::Service;
use crate::os::handoff::Handoff;
use crate::os::poller::{Poller, ReadyList, Token};
use crate::os::socket;
use crate::os::wake::Wake;

/// The loop's hold on the thread; dropping it ends the thread.
pub(super) struct Attendant {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    /// The loop has served something since it last waited.
    busy: bool,
}

struct Shared {
    poller: Arc<Poller>,
    /// Where to pass connections on to; there may be no siblings.
    handoff: Option<Arc<Handoff>>,
    wake: Arc<Wake>,
    queues: Arc<Queues>,
    service: Arc<Service>,
    /// A socket without a peer: takes the place of connections that were passed on.
    blank: UnixStream,
    /// Changes whenever the loop becomes busy or idle; odd while it is busy.
    rounds: AtomicU64,
    asleep: AtomicBool,
    any_passed: AtomicBool,
    /// The connection whose request is being served.
    serving: Mutex<Option<Arc<Connection>>>,
    table: Mutex<Table>,
    bell: Condvar,
}

#[derive(Default)]
struct Table {
    connections: HashMap<Token, Arc<Connection>>,
    /// Passed on, and not yet let go of by the loop.
    passed: Vec<Token>,
    /// Nobody takes what is passed on.
    keeps_all: bool,
    over: bool,
}

impl Attendant {
    /// Starts the thread.
    ///
    /// # Errors
    /// When the process is out of threads or descriptors.
    pub(super) fn start(
        poller: Arc<Poller>,
        handoff: Option<Arc<Handoff>>,
        wake: Arc<Wake>,
        queues: Arc<Queues>,
        service: Arc<Service>,
    ) -> io::Result<Self> {
        let (blank, _) = UnixStream::pair()?;
        let shared = Arc::new(Shared {
            poller,
            handoff,
            wake,
            queues,
            service,
            blank,
            rounds: AtomicU64::new(0),
            asleep: AtomicBool::new(false),
            any_passed: AtomicBool::new(false),
            serving: Mutex::default(),
            table: Mutex::default(),
            bell: Condvar::new(),
        });
        let theirs = shared.clone();
        let mut ready = ReadyList::new(EVENTS);
        let thread = std::thread::Builder::new()
            .name("fcgi-attendant".to_owned())
            .stack_size(STACK)
            .spawn(move || theirs.run(&mut ready))?;
        Ok(Self { shared, thread: Some(thread), busy: false })
    }

    /// Puts a connection under care that the loop has begun to watch.
    pub(super) fn add(&mut self, connection: Arc<Connection>) {
        self.shared.table().connections.insert(connection.token(), connection);
    }

    /// Takes a connection out of care that the loop has watched.
    pub(super) fn remove(&mut self, token: Token) {
        self.shared.table().connections.remove(&token);
    }

    /// Told before a request is served.
    pub(super) fn begin(&mut self, connection: &Arc<Connection>) {
        *self.shared.serving() = Some(connection.clone());
        if !std::mem::replace(&mut self.busy, true) {
            self.shared.rounds.fetch_add(1, Ordering::SeqCst);
        }
        if self.shared.asleep.load(Ordering::SeqCst) {
            self.shared.rouse();
        }
    }

    /// Told when it has been served.
    pub(super) fn end(&mut self) {
        *self.shared.serving() = None;
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

    /// Passes nothing on any more.
    pub(super) fn keep_all(&mut self) {
        self.shared.table().keeps_all = true;
    }

    fn dismiss(&mut self) {
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
        let (mut seen, mut quiet, mut looks) = (0, QUIET_TICKS, 0);
        loop {
            if quiet >= QUIET_TICKS {
                self.sleep(seen);
                quiet = 0;
            }
            if self.tick() {
                return;
            }
            let rounds = self.rounds.load(Ordering::SeqCst);
            if self.queues.is_timed() && (rounds != seen || !rounds.is_multiple_of(2)) {
                self.queues.look();
            }
            if rounds != seen {
                (seen, quiet, looks) = (rounds, 0, 0);
            } else if rounds.is_multiple_of(2) {
                quiet += 1;
            } else {
                let serving = self.serving().clone();
                if let Some(connection) = serving {
                    connection.look_after();
                }
                looks += 1;
                if self.service.abandoned.load(Ordering::Acquire) {
                    self.give_all_away();
                    self.rescue();
                }
                self.relieve(rounds, ready, looks > LOOKS);
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

    /// Passes the connections on that have input, as long as the loop does not come round: to siblings that are idle, or, when
    /// the loop is `stuck`, to whichever worker is idle first.
    fn relieve(&self, rounds: u64, ready: &mut ReadyList, stuck: bool) {
        if !self.has_more_to_look_after() || self.handoff.is_none() && !self.queues.is_timed() {
            return;
        }
        let mut passed = 0;
        loop {
            let before = passed;
            // Without a wait: a waiter would take wake-ups that are meant for idle workers.
            if self.poller.wait(ready, Some(Duration::ZERO)).is_err() {
                break;
            }
            let now = Instant::now();
            // A connection that has hung up asks for nothing.
            for event in ready.iter().filter(|event| !event.hung_up) {
                let Some(connection) = self.table().connections.get(&event.token).cloned() else { continue };
                if self.rounds.load(Ordering::SeqCst) != rounds {
                    break;
                }
                let taken = (stuck || self.queues.idle_siblings(1) > 0) && self.pass_on(&connection);
                if taken {
                    self.let_go(&connection);
                    passed += 1;
                } else {
                    connection.note_waiting(now);
                }
            }
            // There may be more than the list has room for.
            if passed == before || self.rounds.load(Ordering::SeqCst) != rounds {
                break;
            }
        }
        if passed > 0 && self.rounds.load(Ordering::SeqCst) != rounds {
            // The loop may wait already, and has not heard of it.
            self.wake.wake();
        }
    }

    /// Passes on all connections that can be, where the loop does not come back.
    fn give_all_away(&self) {
        let all: Vec<_> = self.table().connections.values().cloned().collect();
        for connection in all {
            if self.pass_on(&connection) {
                self.let_go(&connection);
            }
        }
    }

    /// Sees to the requests that the loop has read, and with which it cannot begin any more.
    fn rescue(&self) {
        let serving = self.serving().clone();
        let all: Vec<_> = self.table().connections.values().cloned().chain(serving).collect();
        for connection in all {
            // One that could be passed on was.
            rescue::see_to(&connection, None, &self.service);
        }
    }

    /// Whether the loop watches anything but the connection it serves.
    fn has_more_to_look_after(&self) -> bool {
        let table = self.table();
        !table.keeps_all && table.connections.len() > usize::from(self.serves_a_watched_one(&table))
    }

    fn serves_a_watched_one(&self, table: &Table) -> bool {
        self.serving().as_ref().is_some_and(|connection| table.connections.contains_key(&connection.token()))
    }

    /// Passes a connection on, unless that has become useless meanwhile.
    fn pass_on(&self, connection: &Connection) -> bool {
        let table = self.table();
        let handoff = self.handoff.as_ref().filter(|_| !table.keeps_all);
        handoff.is_some_and(|handoff| connection.pass_on(handoff) == Passing::Done)
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

    fn serving(&self) -> MutexGuard<'_, Option<Arc<Connection>>> {
        self.serving.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two looks; a request that runs at two of them keeps the others waiting.
const TICK: Duration = Duration::from_millis(10);

/// Looks at an idle worker before the attendant sleeps: one second.
const QUIET_TICKS: u32 = 100;

/// Looks at one and the same request, after which the loop counts as stuck.
const LOOKS: u32 = 4;

/// Connections that are asked for at once.
const EVENTS: usize = 64;

/// Nothing here is deep.
const STACK: usize = 128 * 1024;
