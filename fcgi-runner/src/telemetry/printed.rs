//! What workers print, line by line, with time and process id.

use std::io::Write as _;
use std::sync::Arc;

use super::log::local_time;
use crate::messages::plain;
use crate::os::log_socket::{LogSocket, Severity};

/// Where the lines of one stream go.
#[derive(Clone, Debug)]
pub enum Place {
    /// To standard output, which may be `outlog`.
    Output,
    /// To standard error, which may be `errlog`.
    Errors,
    Service(Arc<LogSocket>),
}

/// How a line is written.
#[derive(Clone, Debug)]
pub struct Printed {
    pub place: Place,
    /// With time and process id, and control characters escaped; or as it was printed.
    pub decorated: bool,
    pub severity: Severity,
}

impl Printed {
    /// Writes a line that a process has printed, given without its end.
    pub fn record(&self, pid: u32, line: &[u8]) {
        let text = if self.decorated {
            // Tabs are what they are in tracebacks and tables.
            let text = String::from_utf8_lossy(line);
            let parts: Vec<String> = text.trim_end_matches('\r').split('\t').map(plain::line).collect();
            parts.join("\t").into_bytes()
        } else {
            line.to_vec()
        };
        let written = match &self.place {
            Place::Service(service) => {
                service.send(self.severity, pid, &String::from_utf8_lossy(&text));
                return;
            }
            _ if self.decorated => {
                let head = format!("{} [{pid}] ", local_time().plain());
                [head.as_bytes(), &text, b"\n"].concat()
            }
            _ => [&text[..], b"\n"].concat(),
        };
        // A full disk loses lines.
        let _ = match self.place {
            Place::Output => std::io::stdout().write_all(&written).and_then(|()| std::io::stdout().flush()),
            Place::Errors | Place::Service(_) => std::io::stderr().write_all(&written),
        };
    }
}
