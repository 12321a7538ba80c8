//! What the server tells its operator: the log on standard error, the access log, slow requests, what workers print.

pub mod access;
pub mod log;
pub mod printed;
pub mod slow;
