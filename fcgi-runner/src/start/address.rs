//! Where the server listens, once it is decided by what this process was given.
//!
//! Source: FastCGI 1.0 §2.2 (a listening socket on descriptor 0 means FastCGI), `sd_listen_fds(3)`, RFC 3875.

use std::path::PathBuf;
use std::time::Duration;

use super::Problem;
use crate::config::{Config, Listen};
use crate::exit::ExitStatus;
use crate::messages::Code;
use crate::os::listener::{self, FileRights, ListenError, Listener};
use crate::os::stdio;

/// Where requests come from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Address {
    /// A socket made here.
    Own(Own),
    /// Descriptor 0, from the web server that started this process.
    WebServer,
    /// Descriptors from a service manager.
    Inherited(Vec<i32>),
    /// One request in the environment: plain CGI.
    Cgi,
}

/// A socket to be made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Own {
    Unix(PathBuf),
    Tcp {
        host: String,
        port: u16,
    },
    /// A Unix socket in a private folder, for the preview front alone.
    Private,
}

impl Address {
    /// Decides by what was configured, and otherwise by what this process was started with: by the sockets of a server before
    /// it, if it `inherits` some.
    pub(super) fn decide(
        config: &Config,
        inherits: bool,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Self, Problem> {
        match &config.listen {
            Listen::Unix(path) => Ok(Self::Own(Own::Unix(path.clone()))),
            Listen::Tcp { host, port } => Ok(Self::Own(Own::Tcp { host: host.clone(), port: *port })),
            Listen::Fd(0) => Ok(Self::WebServer),
            Listen::Fd(fd) => Ok(Self::Inherited(vec![*fd])),
            Listen::Auto if inherits && config.http.is_none() => Ok(Self::Inherited(Vec::new())),
            Listen::Auto => Self::guess(config, environment),
        }
    }

    fn guess(config: &Config, environment: impl Fn(&str) -> Option<String>) -> Result<Self, Problem> {
        let given = listener::systemd_fds();
        if !given.is_empty() {
            return Ok(Self::Inherited(given));
        }
        let is = |name: &str| environment(name).is_some_and(|value| !value.is_empty());
        let force_cgi =
            environment("FCGI_FORCE_CGI").is_some_and(|value| value.to_uppercase().starts_with('Y'));
        if listener::listens(0) && !force_cgi {
            return Ok(Self::WebServer);
        }
        if config.http.is_some() {
            return Ok(Self::Own(Own::Private));
        }
        if force_cgi || is("REQUEST_METHOD") && is("GATEWAY_INTERFACE") && !listener::is_socket(0) {
            return Ok(Self::Cgi);
        }
        let cause = if listener::is_socket(0) {
            "descriptor 0 is a socket, but none that listens"
        } else if stdio::input_is_terminal() {
            "no address was given"
        } else {
            "no address was given, and no web server has started this process"
        };
        let hint = "socket=/tmp/mysite.sock, or host=127.0.0.1 port=3033, or http=127.0.0.1:8000 to try it in a \
                    browser; `fcgi-run help` shows all options";
        Err(Problem::new(ExitStatus::Usage, Code::NO_ADDRESS, cause, hint))
    }

    /// Whether it goes to the background unless somebody says otherwise.
    pub(super) fn daemonizes(&self, config: &Config) -> bool {
        matches!(self, Self::Own(Own::Unix(_) | Own::Tcp { .. })) && config.http.is_none()
    }

    /// Whether this one process serves by itself: the web server starts as many as it wants.
    pub(super) fn is_served_alone(&self) -> bool {
        matches!(self, Self::WebServer | Self::Cgi)
    }

    /// Binds, or takes over.
    pub(super) fn open(
        &self,
        rights: FileRights,
        private: &std::path::Path,
        heirs: &mut Vec<Listener>,
    ) -> Result<Vec<Listener>, ListenError> {
        match self {
            Self::Own(Own::Unix(path)) => {
                Ok(vec![Listener::unix_or_inherited(path, rights, PATIENCE, heirs)?])
            }
            Self::Own(Own::Tcp { host, port }) => Listener::tcp_or_inherited(host, *port, PATIENCE, heirs),
            Self::Own(Own::Private) => {
                let rights = FileRights { mode: Some(0o600), ..rights };
                Ok(vec![Listener::unix(private, rights, Duration::ZERO)?])
            }
            Self::WebServer => Ok(vec![Listener::inherited(0)?]),
            Self::Inherited(_) if !heirs.is_empty() => Ok(std::mem::take(heirs)),
            Self::Inherited(fds) => fds.iter().map(|fd| Listener::inherited(*fd)).collect(),
            Self::Cgi => Ok(Vec::new()),
        }
    }
}

/// Time for a server that is just ending to let go of its address and its pidfile: what a script that stops the old one and
/// starts the new one at once needs.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);
