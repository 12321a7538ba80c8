//! Whether the application runs for a request, and in which thread: for those who want to interrupt it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// The stretch of a request's life in which the application runs for it.
#[derive(Debug, Default)]
pub struct Run(Mutex<State>);

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum State {
    /// It does not run, or not any more.
    #[default]
    Out,
    /// It runs in this thread.
    In { thread: u64, interrupted: bool },
}

impl Run {
    /// Told by the thread that calls the application, before it does.
    pub fn begin(&self, thread: u64) {
        *self.state() = State::In { thread, interrupted: false };
    }

    /// Told by it afterwards. Where the application was interrupted, the interruption has perhaps not yet come through, and has
    /// to be taken back: its thread.
    pub fn end(&self) -> Option<u64> {
        match std::mem::take(&mut *self.state()) {
            State::In { thread, interrupted: true } => Some(thread),
            _ => None,
        }
    }

    /// Whether the application runs.
    pub fn is_on(&self) -> bool {
        *self.state() != State::Out
    }

    /// Has `raise` interrupt the thread, if the application runs; it does not come to its end meanwhile.
    pub fn interrupt(&self, raise: impl FnOnce(u64)) {
        if let State::In { thread, interrupted } = &mut *self.state() {
            *interrupted = true;
            raise(*thread);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_interrupted_but_what_runs() {
        let run = Run::default();
        run.interrupt(|_| panic!("it does not run"));
        assert!(!run.is_on());
        run.begin(7);
        assert!(run.is_on());
        assert_eq!(run.end(), None);
        run.interrupt(|_| panic!("it does not run any more"));
        run.begin(8);
        let mut hit = 0;
        run.interrupt(|thread| hit = thread);
        assert_eq!((hit, run.end(), run.end()), (8, Some(8), None));
    }
}
