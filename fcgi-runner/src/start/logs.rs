//! From what the operator has said about logs to where they go.

use std::io;
use std::sync::Arc;

use super::problem::Problem;
use crate::config::{Config, LogPlace};
use crate::os::log_socket::{LogSocket, Service, Severity};
use crate::os::stdio::{Destination, LogFileError, LogFiles};
use crate::supervisor::Stream;
use crate::telemetry::access::AccessLog;
use crate::telemetry::printed::{Place, Printed};
use crate::telemetry::slow::SlowLog;

/// The files and services of a configuration.
pub(super) fn files(config: &Config) -> LogFiles {
    LogFiles { out: config.outlog.as_ref().map(destination), err: config.errlog.as_ref().map(destination) }
}

/// Where one log goes.
pub(super) fn destination(place: &LogPlace) -> Destination {
    let service = |service: Service, path: &Option<std::path::PathBuf>| {
        Destination::Service(service, path.clone().unwrap_or_else(|| service.usual_path().to_owned()))
    };
    match place {
        LogPlace::File(path) => Destination::File(path.clone()),
        LogPlace::Syslog(path) => service(Service::Syslog, path),
        LogPlace::Journal(path) => service(Service::Journal, path),
    }
}

/// The service that takes the server's own messages, if one does.
pub(super) fn service_of_messages(logs: &LogFiles) -> Result<Option<Arc<LogSocket>>, Problem> {
    Ok(logs.err.as_ref().map(open_service).transpose()?.flatten())
}

fn open_service(destination: &Destination) -> Result<Option<Arc<LogSocket>>, LogFileError> {
    match destination {
        Destination::File(_) => Ok(None),
        Destination::Service(service, path) => LogSocket::open(*service, path)
            .map(|socket| Some(Arc::new(socket)))
            .map_err(|source| LogFileError { path: path.clone(), is_service: true, source }),
    }
}

/// How the lines that workers print are written, where that is for the master to do.
pub(super) struct Capture {
    out: Printed,
    err: Printed,
}

impl Capture {
    /// Whether what workers print does not go to its place by itself.
    pub(super) fn is_wanted(config: &Config, logs: &LogFiles) -> bool {
        let services = [&logs.out, &logs.err].into_iter().flatten().filter(|place| place.path().is_none());
        config.capture.unwrap_or(services.count() > 0)
    }

    /// Decides; nothing where workers print into the files themselves.
    ///
    /// # Errors
    /// When a service is not there.
    pub(super) fn decide(config: &Config, logs: &LogFiles) -> io::Result<Option<Self>> {
        if !Self::is_wanted(config, logs) {
            return Ok(None);
        }
        let decorated = config.capture.unwrap_or(false);
        let printed =
            |destination: &Option<Destination>, file: Place, severity: Severity| -> io::Result<Printed> {
                let service =
                    destination.as_ref().map(open_service).transpose().map_err(|error| error.source)?;
                Ok(match service.flatten() {
                    Some(service) => Printed { place: Place::Service(service), decorated: true, severity },
                    None => Printed { place: file, decorated, severity },
                })
            };
        Ok(Some(Self {
            out: printed(&logs.out, Place::Output, Severity::Info)?,
            err: printed(&logs.err, Place::Errors, Severity::Notice)?,
        }))
    }

    /// Writes a line.
    pub(super) fn record(&self, stream: Stream, pid: u32, line: &[u8]) {
        match stream {
            Stream::Out => self.out.record(pid, line),
            Stream::Err => self.err.record(pid, line),
        }
    }
}

/// Tries whether the logs of requests can be opened.
pub(super) fn check_request_logs(config: &Config) -> Result<(), Problem> {
    let slow = config.slowlog.as_ref().map(|path| Destination::File(path.clone()));
    let logs = config.accesslog.as_ref().map(destination).into_iter().chain(slow);
    logs.into_iter().try_for_each(|log| Ok(log.check()?))
}

/// Opens the log of slow requests, if one is wanted.
pub(super) fn slow_log(config: &Config) -> io::Result<Option<SlowLog>> {
    config.slowlog.as_deref().map(SlowLog::open).transpose()
}

/// Opens the access log, if one is wanted.
pub(super) fn access_log(config: &Config) -> io::Result<Option<AccessLog>> {
    let open = |place| AccessLog::open(&destination(place), config.access.clone());
    config.accesslog.as_ref().map(open).transpose()
}
