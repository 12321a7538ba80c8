//! Where the control socket is: said, or derived from what else is said, so that `ctl` finds it by the words of the server.

use std::path::{Path, PathBuf};

use super::{Listen, settings::Settings};
use crate::options::{UsageError, Value, error::SOCKET_PATH_LIMIT};

/// Where the server answers an operator.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ControlSocket {
    /// Nowhere.
    Off,
    /// At this absolute path, which fits into a socket address.
    At(PathBuf),
    /// Nothing was said: at the first of these paths that there are; they are derived from `pidfile` and from `socket`.
    Beside(Vec<PathBuf>),
}

impl ControlSocket {
    /// Where it may be; the server is at the first one, if at any.
    pub fn paths(&self) -> &[PathBuf] {
        match self {
            Self::Off => &[],
            Self::At(path) => std::slice::from_ref(path),
            Self::Beside(paths) => paths,
        }
    }
}

/// Decides.
///
/// # Errors
///
/// The operator is at fault: the path is too long.
pub(super) fn control(
    settings: &Settings,
    start_dir: &Path,
    pidfile: Option<&Path>,
    listen: &Listen,
) -> Result<ControlSocket, UsageError> {
    let said = settings.last("controlsocket");
    if said.is_some_and(|said| said.value.to_str().is_some_and(is_off)) {
        return Ok(ControlSocket::Off);
    }
    if let Some(Value::Path(path)) = said.map(|said| said.read("controlsocket", start_dir)).transpose()? {
        let length = path.as_os_str().len();
        return if fits(&path) {
            Ok(ControlSocket::At(path))
        } else {
            Err(UsageError::SocketPath { path, length })
        };
    }
    let socket = if let Listen::Unix(path) = listen { Some(path.as_path()) } else { None };
    let beside = [pidfile, socket].into_iter().flatten().map(with_suffix);
    Ok(ControlSocket::Beside(beside.filter(|path| fits(path)).collect()))
}

fn with_suffix(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(SUFFIX);
    name.into()
}

fn is_off(word: &str) -> bool {
    ["off", "no", "none", "false"].iter().any(|off| word.trim().eq_ignore_ascii_case(off))
}

fn fits(path: &Path) -> bool {
    path.as_os_str().len() <= SOCKET_PATH_LIMIT
}

/// What a derived path ends with.
pub const SUFFIX: &str = ".ctl";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;
    use crate::cli::{Command, parse};
    use crate::config::Config;

    fn try_config(line: &str) -> Result<Box<Config>, String> {
        let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
        match parse(&words, &[], Path::new("/start")).map_err(|error| error.to_string())? {
            Command::Run(config) => Ok(config),
            other => panic!("{line} gave {other:?}"),
        }
    }

    fn config(line: &str) -> Box<Config> {
        try_config(line).unwrap()
    }

    #[test]
    fn the_control_socket_is_beside_the_pidfile_or_the_socket_or_where_it_was_said() {
        let paths = |line: &str| {
            config(line).control.paths().iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(paths("socket=s pidfile=p"), ["/start/p.ctl", "/start/s.ctl"]);
        assert_eq!(paths("socket=s"), ["/start/s.ctl"]);
        assert_eq!(paths("host=h port=1 pidfile=/p"), ["/p.ctl"]);
        assert!(paths("host=h port=1").is_empty());
        assert_eq!(paths("socket=s pidfile=p controlsocket=c"), ["/start/c"]);
        assert_eq!(config("socket=s controlsocket=OFF").control, ControlSocket::Off);
        assert_eq!(config("socket=s controlsocket=").control, config("socket=s").control);
        // A socket's path is short; what is derived gives way, what is said is refused.
        let long = "x".repeat(90);
        assert!(paths(&format!("socket=/{long}1234567890123")).is_empty());
        let line = format!("controlsocket=/{long}123456789012345678");
        assert!(try_config(&line).unwrap_err().contains("bytes"));
    }
}
