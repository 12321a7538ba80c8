//! How the server tells how it is doing, and to whom.

use std::net::IpAddr;
use std::path::PathBuf;

use super::HttpAddress;
use super::build::Reader;
use crate::options::{UsageError, Value};

/// Where the status can be seen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct StatusConfig {
    /// A Unix socket of its own.
    pub socket: Option<PathBuf>,
    /// Permission bits of that socket, up to 0777.
    pub mode: u32,
    /// A TCP port of its own.
    pub port: Option<HttpAddress>,
    /// A path of the site.
    pub path: Option<String>,
    /// A path of the site that only says that it is there.
    pub ping: Option<String>,
    /// Who may see the port and the path: addresses, and how many of their leading bits count.
    pub allow: Vec<(IpAddr, u8)>,
}

impl StatusConfig {
    /// Whether anybody can see it.
    pub fn is_wanted(&self) -> bool {
        self.socket.is_some() || self.port.is_some() || self.path.is_some()
    }
}

/// Reads what belongs here.
///
/// # Errors
///
/// The operator is at fault.
pub(super) fn status(read: &Reader<'_>) -> Result<StatusConfig, UsageError> {
    Ok(StatusConfig {
        socket: read.path("statussocket")?,
        mode: read.mode("statusmode")?.unwrap_or_default(),
        port: read.address("statusport")?,
        path: read.text("statuspath")?,
        ping: read.text("pingpath")?,
        allow: match read.value("statusallow")? {
            Some(Value::Networks(networks)) => networks,
            _ => Vec::new(),
        },
    })
}
