//! Writes blocks of answers while the application makes the next ones.
//!
//! A thread of its own, which the first answer starts that is made faster than it can be written; it is never attached to the
//! interpreter. It writes at once when it is called, looks again every tenth of a millisecond as long as blocks come, and lets go of
//! a connection when none do. Peers that do not read are waited for without keeping anybody else waiting.

use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use super::connection::{Carried, Connection};
use crate::os::wake::Wake;

/// A worker's hold on the thread; dropping it ends the thread.
#[derive(Default)]
pub struct Courier(OnceLock<Option<Arc<Shared>>>);

struct Shared {
    wake: Wake,
    calls: Mutex<Calls>,
}

#[derive(Default)]
struct Calls {
    connections: Vec<Weak<Connection>>,
    over: bool,
}

impl Courier {
    /// Puts a connection under its care until nothing more comes; `false` when there is no thread for it.
    pub(super) fn call(&self, connection: &Weak<Connection>) -> bool {
        let Some(shared) = self.0.get_or_init(|| Shared::start().ok()) else { return false };
        let mut calls = shared.calls();
        calls.connections.push(connection.clone());
        let is_first = calls.connections.len() == 1;
        drop(calls);
        if is_first {
            shared.wake.wake();
        }
        true
    }
}

impl fmt::Debug for Courier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Courier").finish_non_exhaustive()
    }
}

impl Drop for Courier {
    fn drop(&mut self) {
        if let Some(Some(shared)) = self.0.get() {
            shared.calls().over = true;
            shared.wake.wake();
        }
    }
}

impl Shared {
    fn start() -> io::Result<Arc<Self>> {
        let shared = Arc::new(Self { wake: Wake::new()?, calls: Mutex::default() });
        let theirs = shared.clone();
        let thread = std::thread::Builder::new().name("fcgi-courier".to_owned()).stack_size(STACK);
        thread.spawn(move || theirs.run())?;
        Ok(shared)
    }

    fn run(&self) {
        let mut soon: Vec<Weak<Connection>> = Vec::new();
        // These are kept open: a descriptor that is waited for must stay what it is.
        let mut full: Vec<Arc<Connection>> = Vec::new();
        loop {
            let tick = (!soon.is_empty()).then_some(TICK);
            self.wake.wait_beside(full.iter().map(|connection| connection.as_fd()), tick);
            let mut calls = self.calls();
            if calls.over {
                return;
            }
            soon.append(&mut calls.connections);
            drop(calls);
            soon.extend(full.drain(..).map(|connection| Arc::downgrade(&connection)));
            soon.retain(|connection| {
                let Some(connection) = connection.upgrade() else { return false };
                let carried = connection.carry();
                if carried == Carried::Full {
                    full.push(connection);
                }
                carried == Carried::Some
            });
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Between two looks at an answer that grows.
const TICK: Duration = Duration::from_micros(100);

/// Nothing here is deep.
const STACK: usize = 128 * 1024;
