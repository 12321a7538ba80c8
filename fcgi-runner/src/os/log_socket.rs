//! The log services of a machine, over their datagram sockets: syslog (RFC 3164, as `/dev/log` takes it) and the journal of
//! systemd (its native protocol).
//!
//! Sending never waits: a message for which the service has no room is lost, as with `syslog(3)` and `LOG_NDELAY`. A service
//! that was restarted is found again.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};

use super::clock;

/// Which service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    Syslog,
    Journal,
}

/// How much a message matters, as syslog counts. Source: RFC 5424 section 6.2.1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub enum Severity {
    Error = 3,
    Warning = 4,
    Notice = 5,
    Info = 6,
    Debug = 7,
}

/// A log service, ready to be sent to.
#[derive(Debug)]
pub struct LogSocket {
    service: Service,
    path: PathBuf,
    socket: UnixDatagram,
}

impl Service {
    /// Where the service listens, if nothing else is said.
    pub fn usual_path(self) -> &'static Path {
        Path::new(match self {
            Self::Syslog => "/dev/log",
            Self::Journal => "/run/systemd/journal/socket",
        })
    }
}

impl LogSocket {
    /// Finds the service.
    ///
    /// # Errors
    /// When nothing listens there.
    pub fn open(service: Service, path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.connect(path)?;
        Ok(Self { service, path: path.to_owned(), socket })
    }

    /// Sends a message of a process. Syslog gets one datagram for each line, the journal the whole text as one entry.
    pub fn send(&self, severity: Severity, pid: u32, text: &str) {
        let text = text.trim_end_matches('\n');
        match self.service {
            Service::Syslog => {
                let time = timestamp(clock::local_now().0);
                for line in text.split('\n') {
                    self.send_datagram(syslog_message(severity, &time, pid, line).as_bytes());
                }
            }
            Service::Journal => self.send_datagram(&journal_entry(severity, pid, text)),
        }
    }

    fn send_datagram(&self, datagram: &[u8]) {
        let gone = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::ConnectionRefused | io::ErrorKind::NotConnected)
        };
        if self.socket.send(datagram).is_err_and(|error| gone(&error))
            && self.socket.connect(&self.path).is_ok()
        {
            // Nobody can be told.
            let _ = self.socket.send(datagram);
        }
    }
}

fn syslog_message(severity: Severity, time: &str, pid: u32, line: &str) -> String {
    let priority = DAEMON * 8 + severity as u8;
    format!("<{priority}>{time} {IDENTIFIER}[{pid}]: {}", cut(line, LONGEST_LINE))
}

/// Fields with a newline in them are given with their length. Source: "Native Journal Protocol" of systemd.
fn journal_entry(severity: Severity, pid: u32, text: &str) -> Vec<u8> {
    let fields = format!(
        "PRIORITY={}\nSYSLOG_FACILITY={DAEMON}\nSYSLOG_IDENTIFIER={IDENTIFIER}\nSYSLOG_PID={pid}\nMESSAGE",
        severity as u8
    );
    let text = cut(text, LONGEST_ENTRY);
    let mut entry = fields.into_bytes();
    if text.contains('\n') {
        entry.push(b'\n');
        entry.extend_from_slice(&(text.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend_from_slice(text.as_bytes());
    entry.push(b'\n');
    entry
}

/// `Jan  5 23:59:58`, in local time. Source: RFC 3164 section 4.1.2.
fn timestamp(tm: clock::BrokenDown) -> String {
    let month = usize::try_from(tm.tm_mon).ok().and_then(|month| clock::MONTHS.get(month)).unwrap_or(&"Jan");
    format!("{month} {:2} {:02}:{:02}:{:02}", tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec)
}

fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or_default()]
}

const IDENTIFIER: &str = "fcgi-run";

/// The facility for servers.
const DAEMON: u8 = 3;

/// More than this, syslog services cut or refuse.
const LONGEST_LINE: usize = 8000;

/// Fits into the buffer that every socket has.
const LONGEST_ENTRY: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_the_services_read_them() {
        let mut tm = clock::local(0);
        (tm.tm_mon, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec) = (0, 5, 23, 59, 58);
        assert_eq!(
            syslog_message(Severity::Warning, &timestamp(tm), 7, "hello"),
            "<28>Jan  5 23:59:58 fcgi-run[7]: hello"
        );
        let entry = journal_entry(Severity::Error, 7, "one line");
        assert!(entry.ends_with(b"SYSLOG_PID=7\nMESSAGE=one line\n"), "{}", entry.escape_ascii());
        let entry = journal_entry(Severity::Error, 7, "a\nb");
        assert!(entry.ends_with(b"MESSAGE\n\x03\0\0\0\0\0\0\0a\nb\n"), "{}", entry.escape_ascii());
        assert_eq!(cut("aé", 2), "a");
    }

    #[test]
    fn a_service_that_comes_back_is_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        assert!(LogSocket::open(Service::Syslog, &path).is_err());
        let service = UnixDatagram::bind(&path).unwrap();
        let log = LogSocket::open(Service::Syslog, &path).unwrap();
        let mut room = [0; 200];
        log.send(Severity::Info, 1, "one\ntwo\n");
        for word in ["one", "two"] {
            let length = service.recv(&mut room).unwrap();
            assert!(room[..length].ends_with(format!(": {word}").as_bytes()));
        }
        drop(service);
        log.send(Severity::Info, 1, "lost");
        std::fs::remove_file(&path).unwrap();
        let service = UnixDatagram::bind(&path).unwrap();
        log.send(Severity::Info, 1, "three");
        let length = service.recv(&mut room).unwrap();
        assert!(room[..length].ends_with(b": three"));
    }
}
