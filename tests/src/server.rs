//! A server that runs in the foreground of a test.

use std::fs;
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::client::{Address, Answer, Client, ask, in_background, try_ask};
use crate::processes;
use crate::request::Request;
use crate::sandbox::{Sandbox, Started};
use crate::wait::{until, until_some};

/// A server.
#[derive(Debug)]
pub struct Server<'s> {
    sandbox: &'s Sandbox,
    started: Started,
    pub address: Address,
}

impl<'s> Server<'s> {
    pub(crate) fn new(sandbox: &'s Sandbox, started: Started, address: Address) -> Self {
        Self { sandbox, started, address }
    }

    /// Waits until the server has said that it serves, and a connection to it succeeds.
    pub(crate) fn wait_until_announced(&mut self) {
        until("the server serves", || {
            if let Some(status) = self.started.child.try_wait().unwrap() {
                panic!("the server has ended with {status}: {}", self.err());
            }
            // Not by a connection: nobody would notice its end before the worker has nothing else to do.
            self.err().contains(" info: serving ")
        });
    }

    /// Waits until a request is answered.
    pub(crate) fn wait_until_it_answers(&mut self) {
        until("the server answers", || {
            if let Some(status) = self.started.child.try_wait().unwrap() {
                panic!("the server has ended with {status}: {}", self.err());
            }
            try_ask(&self.address, &Request::get("/version")).is_ok_and(|answer| answer.is_whole())
        });
    }

    /// The master.
    pub fn pid(&self) -> i32 {
        i32::try_from(self.started.child.id()).unwrap()
    }

    /// The workers, by pid.
    pub fn workers(&self) -> Vec<i32> {
        let mut children = processes::children(self.pid());
        children.retain(|pid| !processes::is_nursery(*pid) && !processes::is_status(*pid));
        children
    }

    /// The process of which workers are forked, while there is one.
    pub fn nursery(&self) -> Option<i32> {
        processes::children(self.pid()).into_iter().find(|pid| processes::is_nursery(*pid))
    }

    /// Waits until there are so many workers; gives them.
    pub fn wait_for_workers(&self, count: usize) -> Vec<i32> {
        until_some(&format!("{count} workers"), || {
            Some(self.workers()).filter(|workers| workers.len() == count)
        })
    }

    /// Sends so many requests that the application holds under a name, one after the other, each on a connection of its own.
    pub fn hold(&self, name: &str, count: usize) -> Vec<JoinHandle<Answer>> {
        let hold = |number| {
            let answer = in_background(&self.address, Request::get(&format!("/hold/{name}")));
            self.sandbox.wait_for_held(name, number);
            answer
        };
        (1..=count).map(hold).collect()
    }

    /// Waits until so many requests can be served at once; gives the pids that do it.
    pub fn wait_for_capacity(&self, count: usize) -> Vec<i32> {
        let held = self.hold("capacity", count);
        let pids = self.sandbox.held("capacity");
        self.sandbox.release("capacity");
        for answer in held {
            assert_eq!(answer.join().unwrap().text(), "held");
        }
        self.sandbox.forget("capacity");
        pids
    }

    /// What the server has written to standard error so far.
    pub fn err(&self) -> String {
        self.started.err_text()
    }

    /// What the server has written to standard output so far.
    pub fn out(&self) -> String {
        fs::read_to_string(&self.started.out).unwrap()
    }

    /// Waits until standard error holds a text.
    pub fn wait_for_err(&self, text: &str) {
        until(&format!("standard error holds {text:?}"), || self.err().contains(text));
    }

    /// Sends the master a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// The signals that wait for the master to hear them, a bit each.
    pub fn pending_signals(&self) -> u64 {
        processes::pending_signals(self.pid())
    }

    /// Opens a connection.
    pub fn connect(&self) -> Client {
        self.address.connect().unwrap()
    }

    /// Asks for a path on a connection of its own.
    pub fn get(&self, path: &str) -> Answer {
        ask(&self.address, &Request::get(path))
    }

    /// Whether it has ended.
    pub fn has_ended(&mut self) -> bool {
        self.started.child.try_wait().unwrap().is_some()
    }

    /// Waits for the end; gives the exit status, `None` after a signal.
    pub fn wait(&mut self) -> Option<i32> {
        let what = format!("the server {} has ended", self.pid());
        until_some(&what, || self.started.child.try_wait().unwrap()).code()
    }

    /// Stops the server, which has to end well and to leave nobody and nothing behind; gives what it has said.
    pub fn stop(mut self) -> String {
        self.signal(Signal::SIGTERM);
        assert_eq!(self.wait(), Some(0), "{}", self.err());
        self.sandbox.wait_for_nobody();
        if let Address::Unix(path) = &self.address {
            assert!(!path.exists(), "the socket is left: {}", self.err());
        }
        self.err()
    }
}
