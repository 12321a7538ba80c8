//! Waiting for a condition, which is looked at again and again; never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// Longest wait for anything. Only a test that fails waits so long.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Waits until `condition` holds; panics with `what` when it never does.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    until_some(what, || condition().then_some(()));
}

/// Waits until `look` finds something; panics with `what` when it never does.
pub fn until_some<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < LIMIT, "waited in vain: {what}");
        thread::sleep(LOOK);
    }
}
