//! The places that a server writes to: socket, pidfile, logs, working directory.

use std::io;
use std::path::Path;

use super::Finding;
use crate::config::Config;
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::listener::ListenError;
use crate::os::probe::{self, Occupant};
use crate::os::stdio::Destination;

/// Looks at the place of a Unix socket. `running`: a live server is what is expected.
pub fn unix_socket(path: &Path, running: bool) -> Finding {
    let name = path.display();
    if let Err(source) = probe::may_make_files(folder_of(path)) {
        return refused(&ListenError::System { name: name.to_string(), source });
    }
    match probe::unix_socket(path) {
        Occupant::Nobody => Finding::fine(SOCKET, format!("`{name}` can be made")),
        Occupant::Dead => {
            Finding::fine(SOCKET, format!("`{name}` was left by a server that is dead, and will be replaced"))
        }
        Occupant::Alive if running => Finding::fine(SOCKET, format!("a server answers at `{name}`")),
        Occupant::Alive => refused(&ListenError::InUse(name.to_string())),
        Occupant::Other => refused(&ListenError::NotASocket(path.to_owned())),
    }
}

/// Looks at a TCP address.
pub fn tcp(topic: &'static str, host: &str, port: u16, running: bool) -> Finding {
    match probe::tcp(host, port) {
        Ok(names) => Finding::fine(topic, format!("{} can be used", names.join(" and "))),
        Err(ListenError::InUse(name)) if running => {
            Finding::fine(topic, format!("a server listens on {name}"))
        }
        Err(error) => Finding { topic, ..refused(&error) },
    }
}

fn refused(error: &ListenError) -> Finding {
    Finding::problem(SOCKET, ExitStatus::AddressInUse, error.code(), error.to_string(), error.hint())
}

/// Looks at the pidfile, if there is to be one.
pub fn pidfile(config: &Config, running: bool) -> Option<Finding> {
    const TOPIC: &str = "pidfile";
    let path = config.pidfile.as_deref()?;
    let name = path.display();
    Some(match (probe::pidfile_holder(path), writable(path)) {
        (Some(pid), _) if running => Finding::fine(TOPIC, format!("`{name}` belongs to the server {pid}")),
        (Some(pid), _) => {
            let text = format!("`{name}` belongs to a running server (pid {pid})");
            Finding::problem(TOPIC, ExitStatus::AddressInUse, Code::PIDFILE_ALIVE, text, "")
        }
        (None, _) if !probe::is_pidfile(path) => {
            let text = format!("`{name}` is there and is no pidfile");
            Finding::problem(TOPIC, ExitStatus::AddressInUse, Code::NOT_A_PIDFILE, text, "")
        }
        (None, Ok(())) => Finding::fine(TOPIC, format!("`{name}` can be written")),
        (None, Err(error)) => {
            let text = format!("`{name}` cannot be written: {error}");
            Finding::problem(TOPIC, ExitStatus::AddressInUse, Code::PIDFILE_SYSTEM, text, "")
        }
    })
}

/// Looks at the places of the logs. `goes_nowhere`: the server would go to the background without an error log.
pub fn logs(places: &[Destination], goes_nowhere: bool) -> Vec<Finding> {
    const TOPIC: &str = "logs";
    let status = ExitStatus::AddressInUse;
    let judge = |place: &Destination| match place {
        Destination::File(path) => match writable(path) {
            Ok(()) => Finding::fine(TOPIC, format!("`{}` can be written", path.display())),
            Err(error) => {
                let text = format!("`{}` cannot be opened: {error}", path.display());
                Finding::problem(TOPIC, status, Code::LOG_FILE, text, "")
            }
        },
        Destination::Service(_, path) => match place.check() {
            Ok(()) => Finding::fine(TOPIC, format!("a log service answers at `{}`", path.display())),
            Err(error) => Finding::problem(TOPIC, status, Code::LOG_SERVICE, error.to_string(), ""),
        },
    };
    let mut findings: Vec<_> = places.iter().map(judge).collect();
    if goes_nowhere {
        let text = "without errlog= messages of the server in the background go nowhere";
        findings.push(Finding::warning(TOPIC, Code::NO_ERRLOG, text));
    }
    findings
}

/// Looks at the working directory, if one was named.
pub fn workdir(config: &Config) -> Option<Finding> {
    let folder = config.workdir.as_deref()?;
    let entered = std::fs::metadata(folder.join("."));
    entered.err().map(|error| {
        let text = format!("cannot change to the folder `{}`: {error}", folder.display());
        Finding::problem("workdir", ExitStatus::Usage, Code::WORKDIR, text, "")
    })
}

/// Whether a file can be opened for writing, and made where it is not there.
fn writable(path: &Path) -> io::Result<()> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => probe::may_write(path),
        Err(_) => probe::may_make_files(folder_of(path)),
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().unwrap_or(path)
}

const SOCKET: &str = "socket";
