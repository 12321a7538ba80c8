//! What the server tells its operator: the log on standard error, the access log, slow requests, what workers print.

pub mod access;
pub mod log;
pub mod printed;
pub mod slow;

use std::sync::Arc;

use self::access::AccessLog;
use self::slow::SlowLog;
use crate::messages::Code;
use crate::os::stdio::OpenLogs;

/// The logs of requests, open for all processes to come.
#[derive(Clone, Debug, Default)]
pub struct RequestLogs {
    pub access: Option<Arc<AccessLog>>,
    pub slow: Option<Arc<SlowLog>>,
}

impl RequestLogs {
    /// Goes on in other files, in what was printed as well.
    pub fn change(&self, files: OpenLogs) {
        if let Err(error) = files.redirect() {
            tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be changed");
        }
        if let (Some(log), Some(file)) = (&self.access, files.access) {
            log.replace(file);
        }
        if let (Some(log), Some(file)) = (&self.slow, files.slow) {
            log.replace(file);
        }
    }
}
