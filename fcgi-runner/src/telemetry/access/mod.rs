//! The access log: one line a request, in a form that the operator chooses, to a file or to a log service.
//!
//! A line is written with one `write` to a file opened for appending, so lines of several workers do not mix. What comes
//! from the request is escaped: a line cannot be forged.

mod line;

use std::fs::File;
use std::io::{self, Write as _};
use std::sync::{PoisonError, RwLock};

use crate::app::Request;
use crate::config::AccessRules;
use crate::os::log_socket::{LogSocket, Severity};
use crate::os::stdio::{self, Destination};

/// An open access log.
#[derive(Debug)]
pub struct AccessLog {
    rules: AccessRules,
    outlet: Outlet,
}

#[derive(Debug)]
enum Outlet {
    File(RwLock<File>),
    Service(LogSocket),
}

impl AccessLog {
    /// Opens the file to append to, or finds the service.
    ///
    /// # Errors
    /// As the system says.
    pub fn open(destination: &Destination, rules: AccessRules) -> io::Result<Self> {
        let outlet = match destination {
            Destination::File(path) => Outlet::File(RwLock::new(stdio::append(path)?)),
            Destination::Service(service, path) => Outlet::Service(LogSocket::open(*service, path)?),
        };
        Ok(Self { rules, outlet })
    }

    /// Goes on in another file: the old one was moved away.
    pub fn replace(&self, new: File) {
        let Outlet::File(file) = &self.outlet else { return };
        *file.write().unwrap_or_else(PoisonError::into_inner) = new;
    }

    /// Writes the line of a request that is over.
    pub fn record(&self, request: &Request) {
        if line::is_skipped(&self.rules, request) {
            return;
        }
        let line = line::written(&self.rules, request);
        match &self.outlet {
            Outlet::File(file) => {
                let file = file.read().unwrap_or_else(PoisonError::into_inner);
                // A full disk loses log lines, not requests.
                let _ = (&*file).write_all(line.as_bytes());
            }
            Outlet::Service(socket) => socket.send(Severity::Info, std::process::id(), &line),
        }
    }
}
