//! What an application thread works on now, for all to see.
//!
//! A thread sits down at a free desk of its worker when it begins a request, and leaves it when the request is over. Text is
//! written between two steps of a version number, so that a reader never takes halves of two requests for one; a worker that is
//! killed in between leaves an odd number, and its desk is cleared with its slot.

use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use super::texts::Texts;

/// A place for one request that runs.
#[derive(Debug)]
#[repr(C, align(64))]
pub struct Desk {
    /// When the request arrived, in nanoseconds since the board's beginning and one more; 0 is a free desk.
    arrived: AtomicU64,
    /// Counts the requests of this desk; odd while none is written down.
    version: AtomicU64,
    /// The interpreter's name for the thread; 0 until it is known.
    thread: AtomicU64,
    /// Method and path.
    texts: Texts<WORDS>,
}

/// What stands on a desk.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sheet {
    /// Names the request among those of its desk.
    pub number: u64,
    /// When it arrived, after the board's beginning.
    pub arrived: Duration,
    /// As Python's `threading.get_ident()`; 0 while it is not known.
    pub thread: u64,
    pub method: Vec<u8>,
    /// The path as the web server sent it, without the query, cut at [`Desk::ROOM`] bytes together with the method.
    pub path: Vec<u8>,
}

impl Desk {
    /// Bytes of method and path that there is room for.
    pub const ROOM: usize = Texts::<WORDS>::ROOM;

    /// Takes the desk, if it is free.
    pub(super) fn take(&self, arrived: Duration, method: &[u8], target: &[u8]) -> bool {
        let nanos = u64::try_from(arrived.as_nanos()).unwrap_or(u64::MAX - 1) + 1;
        if self.arrived.load(Ordering::Relaxed) != 0
            || self.arrived.compare_exchange(0, nanos, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            return false;
        }
        // Nobody else writes here as long as the desk is taken.
        let version = self.version.load(Ordering::Relaxed) | 1;
        self.version.store(version, Ordering::Relaxed);
        fence(Ordering::Release);
        self.thread.store(0, Ordering::Relaxed);
        self.texts.write(method, path_of(target));
        self.version.store(version + 1, Ordering::Release);
        true
    }

    /// Gives the desk back.
    pub(super) fn leave(&self) {
        // Odd from here to the end of the next note: who sees the arrival of the next request does not take this text for its.
        self.version.store(self.version.load(Ordering::Relaxed) | 1, Ordering::Relaxed);
        self.arrived.store(0, Ordering::Release);
    }

    /// Says which of the interpreter's threads works here.
    pub fn set_thread(&self, thread: u64) {
        self.thread.store(thread, Ordering::Relaxed);
    }

    /// Reads the desk; nothing when it is free, or changes hands now.
    pub fn read(&self) -> Option<Sheet> {
        let version = self.version.load(Ordering::Acquire);
        let nanos = self.arrived.load(Ordering::Acquire).checked_sub(1)?;
        if !version.is_multiple_of(2) {
            return None;
        }
        let (method, path) = self.texts.read();
        let thread = self.thread.load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if self.version.load(Ordering::Relaxed) != version
            || self.arrived.load(Ordering::Relaxed) != nanos + 1
        {
            return None;
        }
        Some(Sheet { number: version / 2, arrived: Duration::from_nanos(nanos), thread, method, path })
    }
}

/// What is shown of the target of a request: all but the query, which may have secrets.
pub(super) fn path_of(target: &[u8]) -> &[u8] {
    target.iter().position(|byte| *byte == b'?').map_or(target, |query| &target[..query])
}

/// Room for text, in units of 8 bytes.
const WORDS: usize = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn desk() -> Desk {
        Desk {
            arrived: AtomicU64::new(0),
            version: AtomicU64::new(0),
            thread: AtomicU64::new(0),
            texts: Texts::empty(),
        }
    }

    #[test]
    fn a_desk_shows_what_is_worked_on_and_for_one_only() {
        let desk = desk();
        assert_eq!(desk.read(), None);
        assert!(desk.take(Duration::ZERO, b"GET", b"/a/long/way?secret=1"));
        assert!(!desk.take(Duration::ZERO, b"GET", b"/other"));
        desk.set_thread(77);
        let sheet = desk.read().unwrap();
        assert_eq!(
            (&sheet.method[..], &sheet.path[..], sheet.thread),
            (&b"GET"[..], &b"/a/long/way"[..], 77)
        );
        assert_eq!(sheet.arrived, Duration::ZERO);
        desk.leave();
        assert_eq!(desk.read(), None);
        assert!(desk.take(Duration::from_millis(3), b"POST", b"/b"));
        let next = desk.read().unwrap();
        assert_eq!((next.number, next.thread, &next.path[..]), (sheet.number + 1, 0, &b"/b"[..]));
        assert_eq!(next.arrived, Duration::from_millis(3));
    }

    #[test]
    fn text_that_has_no_room_is_cut() {
        let desk = desk();
        assert!(desk.take(Duration::ZERO, b"GET", &[b'x'; 5000]));
        let sheet = desk.read().unwrap();
        assert_eq!(sheet.path.len(), Desk::ROOM - 3);
        desk.leave();
        assert!(desk.take(Duration::ZERO, &[b'M'; 5000], b"/x"));
        let sheet = desk.read().unwrap();
        assert_eq!((sheet.method.len(), sheet.path.len()), (Desk::ROOM, 0));
    }

    #[test]
    fn a_reader_never_sees_halves_of_two_requests() {
        let desk = desk();
        let paths = [[b'a'; 120], [b'b'; 120]];
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..100_000 {
                    assert!(desk.take(
                        Duration::from_nanos(round),
                        b"GET",
                        &paths[usize::from(round % 2 == 1)]
                    ));
                    desk.leave();
                }
            });
            for _ in 0..100_000 {
                if let Some(sheet) = desk.read() {
                    assert_eq!(sheet.method, b"GET");
                    let odd = sheet.arrived.as_nanos() % 2 == 1;
                    assert_eq!(sheet.path, paths[usize::from(odd)]);
                }
            }
        });
    }
}
