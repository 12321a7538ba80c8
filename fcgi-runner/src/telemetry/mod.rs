//! What the server tells its operator: the log on standard error, the access log in a file.

pub mod access;
pub mod log;
