//! What comes after the interpreter: the program of this process is executed anew.
//!
//! The script that has called the server is not to be cut off: what it does after serving, and what is registered for the end of the
//! interpreter, is run first. An interpreter that does not come to its end, because a thread of the application goes on for
//! ever, would keep the visitors waiting who are in the web server's socket: it gets [`PATIENCE`].

#![expect(unsafe_code, reason = "the interpreter is asked to call a function at its very end")]

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use fcgi_runner::os::signals;
use fcgi_runner::os::successor::Successor;
use fcgi_runner::start;

/// Has the program executed anew when the interpreter has ended, unless the script serves again before that.
pub(crate) fn arrange(successor: Arc<Successor>) {
    static AT_EXIT: Once = Once::new();
    let number = ARRANGED.fetch_add(1, Ordering::AcqRel) + 1;
    *lock() = Some(successor);
    AT_EXIT.call_once(|| {
        // SAFETY: the function needs no interpreter. Without a place for it, which others may have taken, the thread is left.
        unsafe { pyo3::ffi::Py_AtExit(Some(begin)) };
    });
    let wait = move || {
        std::thread::sleep(PATIENCE);
        if ARRANGED.load(Ordering::Acquire) == number {
            begin();
        }
    };
    // Without it the end of the interpreter is enough, as a rule.
    let _ = std::thread::Builder::new().name("fcgi-afterlife".to_owned()).spawn(wait);
}

/// The script serves again by itself.
pub(crate) fn cancel() {
    ARRANGED.fetch_add(1, Ordering::AcqRel);
    *lock() = None;
}

extern "C" fn begin() {
    // Held on to: one of two may do it.
    let successor = lock();
    if let Some(successor) = successor.as_ref().filter(|_| !signals::told_to_end()) {
        let problem = start::renewal_failed(successor, &successor.take_over());
        let _ = std::io::stderr().write_all(problem.to_string().as_bytes());
    }
}

fn lock() -> std::sync::MutexGuard<'static, Option<Arc<Successor>>> {
    SUCCESSOR.lock().unwrap_or_else(PoisonError::into_inner)
}

static SUCCESSOR: Mutex<Option<Arc<Successor>>> = Mutex::new(None);

/// How often it was arranged or cancelled.
static ARRANGED: AtomicU64 = AtomicU64::new(0);

/// For the end of the interpreter, in which the application stores what it has.
const PATIENCE: Duration = Duration::from_secs(10);
