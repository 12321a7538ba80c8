//! The control socket: opened with the rest, beside the pidfile or the socket unless somebody says where.

use crate::config::{Config, ControlSocket};
use crate::messages::Code;
use crate::os::listener::Listener;
use crate::os::process;
use crate::supervisor::control::Control;
use crate::supervisor::control::message::Introduction;

use super::address::PATIENCE;
use super::surroundings::Surroundings;
use super::{Problem, tell};

/// Opens the control socket, if there is to be one; it may be among those of the server before. `public` says whether the addresses are of use to anybody.
///
/// # Errors
/// When it cannot be opened where somebody has said that it is to be. A place that was not asked for is given up.
pub(super) fn open(
    config: &Config,
    surroundings: &Surroundings,
    listeners: &[Listener],
    public: bool,
) -> Result<Control, Problem> {
    let Some(path) = config.control.paths().first() else { return Ok(Control::default()) };
    let listener = match Listener::unix_or_inherited(
        path,
        Some(0o600),
        PATIENCE,
        &mut surroundings.controls.borrow_mut(),
    ) {
        Ok(listener) => listener,
        Err(error) if matches!(config.control, ControlSocket::Beside(_)) => {
            let code = Code::NO_CONTROL_SOCKET;
            tell(&format!("warning[{code}]: `fcgi-run ctl` cannot be used with this server: {error}\n"));
            return Ok(Control::default());
        }
        Err(error) => return Err(error.into()),
    };
    let addresses = listeners.iter().filter(|_| public).map(|listener| listener.name().to_owned());
    let introduction = Introduction {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        folder: config.start_dir.clone(),
        addresses: addresses.collect(),
        pidfile: config.pidfile.clone(),
    };
    Ok(Control::new(listener, process::users(), introduction))
}

/// A server without a master has nobody who could answer an operator.
pub(super) fn warn_of_nobody_to_ask(config: &Config) {
    if matches!(config.control, ControlSocket::At(_)) {
        tell(
            "warning[FR503]: `controlsocket` does nothing here: the web server looks after this process, which has no master\n",
        );
    }
}
