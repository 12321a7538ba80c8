//! The loop: whoever has an answer is asked again.

use std::io;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use crate::options::Options;
use crate::slot::{Came, Slot};
use crate::tally::Tally;

/// A run.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    options: &'a Options,
    /// By id, from 1 on.
    requests: Vec<Vec<u8>>,
    epoll: Epoll,
    slots: Vec<Slot>,
    buffer: Vec<u8>,
    whole: Vec<usize>,
    tally: Tally,
    count_from: Instant,
}

impl<'a> Run<'a> {
    /// Prepares one.
    ///
    /// # Errors
    /// When nobody listens.
    pub(crate) fn new(options: &'a Options) -> io::Result<Self> {
        Ok(Self {
            options,
            requests: (1..=options.active).map(|id| options.request(id, options.keep)).collect(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            slots: Vec::new(),
            buffer: vec![0; READ],
            whole: Vec::new(),
            tally: Tally::default(),
            count_from: Instant::now() + options.warmup,
        })
    }

    /// Asks until time is up.
    ///
    /// # Errors
    /// When nobody listens any more.
    pub(crate) fn go(&mut self) -> io::Result<&Tally> {
        for number in 0..self.options.connections {
            self.slots.push(Slot::open(&self.options.address, self.requests.len())?);
            self.watch(number)?;
            self.send(number)?;
        }
        let stop = self.count_from + self.options.seconds;
        let mut events = vec![EpollEvent::empty(); EVENTS];
        let mut last_answer = (self.tally.served, Instant::now());
        while Instant::now() < stop {
            let count = self.epoll.wait(&mut events, EpollTimeout::from(LOOK))?;
            for event in &events[..count] {
                let number = usize::try_from(event.data()).map_err(io::Error::other)?;
                self.heed(number, event.events())?;
            }
            if last_answer.0 != self.tally.served {
                last_answer = (self.tally.served, Instant::now());
            } else if last_answer.1.elapsed() > PATIENCE {
                self.tally.note_error(|| format!("no answer within {} s", PATIENCE.as_secs()));
                break;
            }
        }
        self.tally.seconds = self.count_from.elapsed().as_secs_f64();
        self.tally.starved = self.slots.iter().filter(|slot| !slot.is_served).count();
        Ok(&self.tally)
    }

    /// Does what a connection is ready for.
    fn heed(&mut self, number: usize, ready: EpollFlags) -> io::Result<()> {
        if ready != EpollFlags::EPOLLOUT {
            self.serve(number)
        } else if self.slots[number].is_stuck {
            self.send(number)
        } else {
            Ok(())
        }
    }

    /// Takes what a connection has brought, and asks again where an answer is whole.
    fn serve(&mut self, number: usize) -> io::Result<()> {
        let came = self.slots[number].receive(&mut self.buffer, &mut self.whole);
        let is_answered = !self.whole.is_empty();
        while let Some(request) = self.whole.pop() {
            self.note_answer(number, request);
            if self.options.keep {
                self.slots[number].ask_again(request);
            }
        }
        match came {
            Err(error) => self.begin_anew(number, Some(&error.to_string()))?,
            Ok(_) if is_answered && !self.options.keep => self.begin_anew(number, None)?,
            Ok(Came::End) => self.begin_anew(number, Some("closed by the server"))?,
            Ok(Came::All) => {}
        }
        self.send(number)
    }

    fn note_answer(&mut self, number: usize, request: usize) {
        let slot = &mut self.slots[number];
        let asked = &slot.asked[request];
        if let Some(fault) = asked.answer.fault(self.options) {
            self.tally.note_error(|| fault);
            return;
        }
        slot.is_served = true;
        self.tally.served += 1;
        if Instant::now() >= self.count_from {
            self.tally.note_latency(asked.since.elapsed());
        }
    }

    /// Opens the next connection, with a complaint when the last one should not have ended.
    fn begin_anew(&mut self, number: usize, complaint: Option<&str>) -> io::Result<()> {
        if let Some(complaint) = complaint {
            self.tally.note_error(|| complaint.to_owned());
        }
        self.slots[number].reopen(&self.options.address)?;
        self.watch(number)
    }

    /// Sends what there is to be sent; when a connection breaks meanwhile, the next one is tried when it takes something.
    fn send(&mut self, number: usize) -> io::Result<()> {
        if let Err(error) = self.slots[number].send(&self.requests) {
            self.begin_anew(number, Some(&format!("while sending: {error}")))?;
            self.slots[number].is_stuck = true;
        }
        Ok(())
    }

    /// Waits for input of a new connection and for room on it, as nginx does: once for both, and told of changes alone.
    fn watch(&self, number: usize) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET | EpollFlags::EPOLLRDHUP;
        Ok(self.epoll.add(self.slots[number].stream.as_fd(), EpollEvent::new(flags, number as u64))?)
    }
}

/// Bytes asked of the kernel at once.
const READ: usize = 256 * 1024;

const EVENTS: usize = 256;

/// Between two looks at the clock, when nothing comes.
const LOOK: u8 = 100;

/// Nothing is waited for longer.
const PATIENCE: Duration = Duration::from_secs(10);
