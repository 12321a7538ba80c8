//! How the operator reaches a server that runs.

use super::super::{OptionSpec, Preset::Depends, Section, ValueKind::Path};
use super::option;

pub(super) static OPTIONS: &[OptionSpec] = &[option(
    Section::Control,
    "controlsocket",
    Path,
    "PATH",
    Depends("PIDFILE.ctl, else SOCKET.ctl"),
    "The Unix socket on which the server answers `fcgi-run ctl`, open to its own user alone; `off` is none",
)];
