//! The log: `tracing` events as lines on standard error, which may be `errlog`, or as messages to a log service.
//!
//! A line holds local time, process id, level with the code of the message, message and fields; a log service adds the first
//! two itself. Nothing is buffered and no thread is started, so forking is safe. Control characters in fields are escaped: what a
//! peer sent cannot forge a line.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::registry::LookupSpan;

use crate::messages::plain;
use crate::os::clock;
use crate::os::log_socket::{LogSocket, Severity};
use crate::os::stdio;

/// Starts the log; a second call changes nothing.
pub fn start(level: Level, service: Option<Arc<LogSocket>>) {
    let _ = tracing_subscriber::fmt()
        .with_max_level(level)
        // A line that cannot be written is lost; to complain about it, on a full disk, would be a panic.
        .log_internal_errors(false)
        .event_format(LineFormat { bare: service.is_some() })
        .with_writer(Sink(service))
        .try_init();
}

/// Where lines go: to a service, or to the server's own descriptor for them.
struct Sink(Option<Arc<LogSocket>>);

/// A line on its way.
struct Line<'s> {
    service: Option<&'s LogSocket>,
    severity: Severity,
}

impl<'s> MakeWriter<'s> for Sink {
    type Writer = Line<'s>;

    fn make_writer(&'s self) -> Self::Writer {
        Line { service: self.0.as_deref(), severity: Severity::Info }
    }

    fn make_writer_for(&'s self, event: &Metadata<'_>) -> Self::Writer {
        let severity = match *event.level() {
            Level::ERROR => Severity::Error,
            Level::WARN => Severity::Warning,
            Level::INFO => Severity::Info,
            Level::DEBUG | Level::TRACE => Severity::Debug,
        };
        Line { severity, ..self.make_writer() }
    }
}

impl io::Write for Line<'_> {
    /// Takes a whole message.
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        match self.service {
            Some(service) => service.send(self.severity, std::process::id(), &String::from_utf8_lossy(text)),
            None => stdio::write_log(text)?,
        }
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct LineFormat {
    /// Without time and process id.
    bare: bool,
}

impl<S, N> FormatEvent<S, N> for LineFormat
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let level = match *event.metadata().level() {
            Level::ERROR => "error",
            Level::WARN => "warning",
            Level::INFO => "info",
            Level::DEBUG => "debug",
            Level::TRACE => "trace",
        };
        let Fields { code, message, rest } = fields;
        if !self.bare {
            write!(writer, "{} [{}] ", local_time().plain(), std::process::id())?;
        }
        writeln!(writer, "{level}{code}: {message}{rest}")
    }
}

#[derive(Default)]
struct Fields {
    /// `[FR012]`, where the event has a code.
    code: String,
    message: String,
    rest: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let text = format!("{value:?}");
        self.put(field.name(), &text);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value);
    }
}

impl Fields {
    fn put(&mut self, name: &str, value: &str) {
        // A traceback is several lines on purpose.
        if name == "traceback" {
            let _ = write!(self.rest, "\n{}", plain::lines(value.trim_end()));
        } else if name == "code" {
            self.code = format!("[{}]", plain::line(value));
        } else if name == "message" {
            self.message.push_str(&plain::line(value));
        } else if !value.is_empty() {
            let _ = write!(self.rest, " {name}={}", plain::value(value));
        }
    }
}

/// A moment in the machine's time zone.
#[derive(Clone, Copy, Debug)]
pub struct LocalTime(clock::BrokenDown, u32);

/// Now.
pub fn local_time() -> LocalTime {
    let (tm, micros) = clock::local_now();
    LocalTime(tm, micros)
}

impl LocalTime {
    /// `2026-01-31 23:59:59`
    pub fn plain(self) -> String {
        clock::written(&self.0)
    }

    /// `31/Jan/2026:23:59:59 +0100`, as web servers write it.
    pub fn combined(self) -> String {
        let tm = self.0;
        let month = usize::try_from(tm.tm_mon)
            .ok()
            .and_then(|month| clock::MONTHS.get(month))
            .copied()
            .unwrap_or("???");
        let (sign, hours, minutes) = self.offset();
        format!(
            "{:02}/{month}/{:04}:{:02}:{:02}:{:02} {sign}{hours:02}{minutes:02}",
            tm.tm_mday,
            tm.tm_year + 1900,
            tm.tm_hour,
            tm.tm_min,
            tm.tm_sec
        )
    }

    /// `2026-01-31T23:59:59.123456+01:00`
    pub fn iso(self) -> String {
        let (sign, hours, minutes) = self.offset();
        format!("{}.{:06}{sign}{hours:02}:{minutes:02}", self.plain().replace(' ', "T"), self.1)
    }

    fn offset(self) -> (char, i64, i64) {
        let seconds = self.0.tm_gmtoff;
        let sign = if seconds < 0 { '-' } else { '+' };
        (sign, seconds.abs() / 3600, seconds.abs() % 3600 / 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_others_do() {
        let mut tm = clock::local(0);
        (tm.tm_year, tm.tm_mon, tm.tm_mday) = (126, 0, 31);
        (tm.tm_hour, tm.tm_min, tm.tm_sec, tm.tm_gmtoff) = (23, 59, 58, -12_600);
        let time = LocalTime(tm, 42);
        assert_eq!(time.plain(), "2026-01-31 23:59:58");
        assert_eq!(time.combined(), "31/Jan/2026:23:59:58 -0330");
        assert_eq!(time.iso(), "2026-01-31T23:59:58.000042-03:30");
    }
}
