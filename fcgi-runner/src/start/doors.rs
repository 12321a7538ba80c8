//! The process that tells how the server is doing, as a child of the master.

use std::cell::RefCell;

use super::Problem;
use super::address::PATIENCE;
use crate::config::Config;
use crate::messages::Code;
use crate::os::channel::Line;
use crate::os::heritage::Bequest;
use crate::os::listener::Listener;
use crate::os::scoreboard::Scoreboard;
use crate::os::{process, signals};
use crate::status::{About, Allowed, Clerk, Door, Pages};

/// The name under which a server hands them to the next.
pub(super) const HEIRLOOM: &str = "door";

/// Its sockets, bound but not yet served. Every process but one lets go of them, so that an address is free when that one says so.
#[derive(Debug, Default)]
pub(super) struct Doors(RefCell<Vec<Door>>);

impl Doors {
    /// Binds what was asked for, but for what a server before this one has bound.
    pub(super) fn bind(config: &Config, heirs: &mut Vec<Listener>) -> Result<Self, Problem> {
        let (status, mut doors) = (&config.status, Vec::new());
        if let Some(path) = &status.socket {
            let listener = Listener::unix_or_inherited(path, Some(status.mode), PATIENCE, heirs)?;
            doors.push(Door { listener, allowed: None });
        }
        if let Some(address) = &status.port {
            let listeners = match Listener::tcp_or_inherited(&address.host, address.port, PATIENCE, heirs) {
                Ok(listeners) => listeners,
                Err(error) => {
                    Self(RefCell::new(doors)).remove();
                    return Err(error.into());
                }
            };
            let allowed = Allowed::new(status.allow.clone());
            let doors_here =
                listeners.into_iter().map(|listener| Door { listener, allowed: Some(allowed.clone()) });
            doors.extend(doors_here);
        }
        Ok(Self(RefCell::new(doors)))
    }

    /// Closes them in a process that has nothing to do with them.
    pub(super) fn forget(&self) {
        self.0.take();
    }

    /// Removes what was made in the file system, and closes them.
    pub(super) fn remove(&self) {
        for door in self.0.take() {
            door.listener.remove_file();
        }
    }

    /// Hands them to the server that takes the place of this one.
    pub(super) fn bequeath(&self, bequest: &mut Bequest) {
        for door in self.0.borrow().iter() {
            door.listener.bequeath(HEIRLOOM, bequest);
        }
    }

    /// Says where to look.
    pub(super) fn announce(&self) {
        for door in self.0.borrow().iter() {
            tracing::info!(address = door.listener.name(), "the status can be seen");
        }
    }

    /// Takes them for the process that answers there.
    pub(super) fn take(&self) -> Vec<Door> {
        self.0.take()
    }
}

/// The life of the process that tells the status; gives its exit status.
pub(super) fn live(about: &About, board: &Scoreboard, doors: Vec<Door>, line: &Line) -> i32 {
    process::rename(c"fcgi-status");
    // What a terminal sends to all processes is for the master.
    signals::pass_group_signals();
    let reopen = || {
        if let Err(error) = line.take_logs().redirect() {
            tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be changed");
        }
    };
    match Clerk::new(about, board, doors).and_then(|clerk| clerk.run(line, &reopen)) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(code = %Code::STATUS_DIED, %error, "the status process cannot go on");
            1
        }
    }
}

/// The pages that workers answer by themselves, if there are any.
pub(super) fn pages(config: &Config) -> Option<Pages> {
    let status = &config.status;
    (status.path.is_some() || status.ping.is_some()).then(|| Pages {
        status: status.path.clone(),
        ping: status.ping.clone(),
        allowed: Allowed::new(status.allow.clone()),
    })
}
