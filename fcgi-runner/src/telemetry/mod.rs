//! What the server tells its operator: the log on standard error, the access log, what workers print.

pub mod access;
pub mod log;
pub mod printed;
