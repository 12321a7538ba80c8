//! A level-triggered `epoll` with tokens: the wait of every loop in the master and in the workers.
//!
//! Descriptors go in with a token, tokens come out when they are ready. Level-triggered on purpose: what a loop leaves
//! unread is reported again, so nothing depends on reading to `EAGAIN`. See `epoll(7)`.

use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// A name that the owner of a poller gives to a descriptor.
pub type Token = usize;

/// A set of descriptors to wait for.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
}

/// One ready descriptor.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Ready {
    pub token: Token,
    /// The peer is gone for both directions (`EPOLLHUP` or `EPOLLERR`).
    pub hung_up: bool,
}

/// Room for the answers of one wait; kept by the caller so that a wait allocates nothing.
#[derive(Debug, Default)]
pub struct ReadyList {
    raw: Vec<EpollEvent>,
    len: usize,
}

impl Poller {
    /// Makes an empty set.
    ///
    /// # Errors
    /// When the process is out of descriptors.
    pub fn new() -> io::Result<Self> {
        Ok(Self { epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)? })
    }

    /// Waits for input on `fd`.
    ///
    /// # Errors
    /// When the kernel refuses the descriptor (a plain file) or is out of memory.
    pub fn watch(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(self.epoll.add(fd, event(EpollFlags::EPOLLIN, token))?)
    }

    /// Waits for connections on a listener that several processes share; the kernel wakes one of them, not all.
    ///
    /// # Errors
    /// As for [`Poller::watch`].
    pub fn watch_shared(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLEXCLUSIVE;
        Ok(self.epoll.add(fd, event(flags, token))?)
    }

    /// Waits for room to write on a descriptor of the set, instead of input.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn watch_room(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut event(EpollFlags::EPOLLOUT, token))?)
    }

    /// Keeps the descriptor in the set but reports only that its peer is gone.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn pause(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut event(EpollFlags::empty(), token))?)
    }

    /// Reports input on a paused descriptor again.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn resume(&self, fd: impl AsFd, token: Token) -> io::Result<()> {
        Ok(self.epoll.modify(fd, &mut event(EpollFlags::EPOLLIN, token))?)
    }

    /// Reports input, room for output, both or only that the peer is gone, of a descriptor in the set.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn want(&self, fd: impl AsFd, token: Token, input: bool, output: bool) -> io::Result<()> {
        let mut flags = EpollFlags::empty();
        flags.set(EpollFlags::EPOLLIN, input);
        flags.set(EpollFlags::EPOLLOUT, output);
        Ok(self.epoll.modify(fd, &mut event(flags, token))?)
    }

    /// Takes the descriptor out of the set.
    ///
    /// # Errors
    /// When the descriptor is not in the set.
    pub fn forget(&self, fd: impl AsFd) -> io::Result<()> {
        Ok(self.epoll.delete(fd)?)
    }

    /// Waits until something is ready or `timeout` is over (`None`: for ever). A signal ends the wait early with nothing
    /// ready.
    ///
    /// # Errors
    /// Never in practice: only when the set itself is no longer open.
    pub fn wait(&self, ready: &mut ReadyList, timeout: Option<Duration>) -> io::Result<()> {
        ready.len = 0;
        match self.epoll.wait(&mut ready.raw, epoll_timeout(timeout)) {
            Ok(count) => ready.len = count,
            Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

impl ReadyList {
    /// Makes room for `capacity` answers a wait.
    pub fn new(capacity: usize) -> Self {
        Self { raw: vec![EpollEvent::empty(); capacity.max(1)], len: 0 }
    }

    /// Walks over what the last wait found.
    pub fn iter(&self) -> impl Iterator<Item = Ready> + '_ {
        self.raw[..self.len].iter().map(|event| Ready {
            token: usize::try_from(event.data()).unwrap_or(usize::MAX),
            hung_up: event.events().intersects(EpollFlags::EPOLLHUP | EpollFlags::EPOLLERR),
        })
    }
}

fn event(flags: EpollFlags, token: Token) -> EpollEvent {
    EpollEvent::new(flags, token as u64)
}

/// Milliseconds rounded up, so that a deadline is never polled for in a busy loop.
fn epoll_timeout(timeout: Option<Duration>) -> EpollTimeout {
    match timeout {
        None => EpollTimeout::NONE,
        Some(duration) => {
            let millis = duration.as_nanos().div_ceil(1_000_000).min(i32::MAX as u128);
            EpollTimeout::try_from(i32::try_from(millis).unwrap_or(i32::MAX)).unwrap_or(EpollTimeout::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    fn tokens(poller: &Poller) -> Vec<Ready> {
        let mut ready = ReadyList::new(8);
        poller.wait(&mut ready, Some(Duration::ZERO)).unwrap();
        ready.iter().collect()
    }

    #[test]
    fn reports_input_until_it_is_read_and_is_silent_while_paused() {
        let (mut left, right) = UnixStream::pair().unwrap();
        let poller = Poller::new().unwrap();
        poller.watch(&right, 7).unwrap();
        assert!(tokens(&poller).is_empty());
        left.write_all(b"x").unwrap();
        assert_eq!(tokens(&poller), [Ready { token: 7, hung_up: false }]);
        assert_eq!(tokens(&poller).len(), 1, "level-triggered");
        poller.pause(&right, 7).unwrap();
        assert!(tokens(&poller).is_empty());
        poller.resume(&right, 7).unwrap();
        assert_eq!(tokens(&poller).len(), 1);
        poller.want(&right, 8, false, true).unwrap();
        assert_eq!(tokens(&poller), [Ready { token: 8, hung_up: false }], "there is room");
        poller.want(&right, 8, false, false).unwrap();
        assert!(tokens(&poller).is_empty());
        drop(left);
        assert!(tokens(&poller)[0].hung_up);
        poller.forget(&right).unwrap();
        assert!(tokens(&poller).is_empty());
    }

    #[test]
    fn rounds_the_timeout_up() {
        assert_eq!(epoll_timeout(Some(Duration::from_micros(1))), EpollTimeout::from(1u8));
        assert_eq!(epoll_timeout(Some(Duration::ZERO)), EpollTimeout::ZERO);
        assert_eq!(epoll_timeout(None), EpollTimeout::NONE);
    }
}
