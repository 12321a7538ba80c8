//! From what the operator has said about logs to where they go.

use std::io;
use std::path::Path;
use std::sync::Arc;

use super::problem::Problem;
use crate::config::{Config, LogPlace};
use crate::messages::Code;
use crate::os::log_socket::{LogSocket, Service, Severity};
use crate::os::stdio::{Destination, LogFileError, LogFiles, OpenLogs};
use crate::supervisor::Stream;
use crate::telemetry::RequestLogs;
use crate::telemetry::access::AccessLog;
use crate::telemetry::printed::{Place, Printed};
use crate::telemetry::slow::SlowLog;

/// The files and services of a configuration.
pub(super) fn files(config: &Config) -> LogFiles {
    let place = |place: &Option<LogPlace>| place.as_ref().map(destination);
    LogFiles {
        out: place(&config.outlog),
        err: place(&config.errlog),
        access: place(&config.accesslog),
        slow: config.slowlog.clone().map(Destination::File),
    }
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

/// Opens the logs of requests that are wanted, for all processes to come.
pub(super) fn request_logs(config: &Config) -> Result<RequestLogs, LogFileError> {
    let failed = |path: &Path, is_service| {
        let path = path.to_owned();
        move |source| LogFileError { path, is_service, source }
    };
    let access = match config.accesslog.as_ref().map(destination) {
        None => None,
        Some(place) => {
            let (path, is_service) = match &place {
                Destination::File(path) => (path, false),
                Destination::Service(_, path) => (path, true),
            };
            Some(AccessLog::open(&place, config.access.clone()).map_err(failed(path, is_service))?)
        }
    };
    let slow = config.slowlog.as_deref();
    let slow = slow.map(|path| SlowLog::open(path).map_err(failed(path, false))).transpose()?;
    Ok(RequestLogs { access: access.map(Arc::new), slow: slow.map(Arc::new) })
}

/// Opens the log files anew, for this process and, as what comes back, for the others.
pub(super) fn reopen(files: &LogFiles, logs: &RequestLogs) -> OpenLogs {
    let (open, errors) = files.open();
    for error in errors {
        tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be reopened");
    }
    match open.try_clone() {
        Ok(ours) => logs.change(ours),
        Err(error) => tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be changed"),
    }
    open
}
