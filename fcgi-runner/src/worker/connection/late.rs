//! The end of requests whose application does not end them: written by a thread that has nothing to do with the application.

use std::sync::{MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::Connection;
use crate::app::{PlainBlocker, Request};
use crate::os::socket::{self, Shutdown};

impl Connection {
    /// Ends a request with a page, if nothing of an answer has left, and else so that the peer notices that it is not whole.
    /// What the application writes from now on goes nowhere.
    pub(super) fn end_late(&self, request: &Request, code: u16, page: &[u8]) {
        let key = request.key();
        let Some(writing) = self.output_soon() else {
            // Its thread, or another one on the connection, waits for a peer that does not read.
            let _ = self.input().retire(key);
            self.gone();
            request.mark_ended();
            return;
        };
        if request.finished().status != 0 {
            self.cut_off(writing, key);
            request.mark_ended();
            return;
        }
        let head = page.windows(4).position(|window| window == b"\r\n\r\n").map_or(page.len(), |at| at + 4);
        let page = if request.is_head() { &page[..head] } else { page };
        request.note_status(code);
        request.note_sent((page.len() - head) as u64);
        // A peer that is gone needs no page.
        let _ = self.write_piece(writing, key, &[page], true, &PlainBlocker);
        request.mark_ended();
        if self.settings.feeding.is_pull() {
            // Its loop is the thread that does not come back, and closes nothing.
            self.close_unless_shared();
        }
    }

    /// Says that nothing more comes, where the web server does not keep the connection.
    fn close_unless_shared(&self) {
        let input = self.input();
        if input.requests.is_empty() && (input.protocol.should_close() || input.is_over()) {
            drop(input);
            socket::shut(&self.fd, Shutdown::Write);
        }
    }

    /// The right to write, unless it is not to be had within a moment.
    fn output_soon(&self) -> Option<MutexGuard<'_, ()>> {
        let until = Instant::now() + PATIENCE;
        loop {
            match self.output.try_lock() {
                Ok(guard) => return Some(guard),
                Err(TryLockError::Poisoned(poisoned)) => return Some(PoisonError::into_inner(poisoned)),
                Err(TryLockError::WouldBlock) if Instant::now() >= until => return None,
                Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            }
        }
    }
}

/// How long a write of somebody else may take.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two tries.
const PAUSE: Duration = Duration::from_millis(5);
