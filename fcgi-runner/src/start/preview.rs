//! The preview front as a child of the master.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::Problem;
use crate::config::{Config, HttpAddress};
use crate::front::{self, Backend, FrontOptions};
use crate::messages::Code;
use crate::os::channel::{Heard, Line, Order};
use crate::os::listener::Listener;

/// The HTTP sockets of the preview, bound but not yet served.
pub(super) struct Preview {
    sockets: Vec<Listener>,
}

impl Preview {
    /// Binds the address that browsers are to use.
    pub(super) fn bind(address: &HttpAddress) -> Result<Self, Problem> {
        let sockets = Listener::tcp(&address.host, address.port, std::time::Duration::ZERO)?;
        Ok(Self { sockets })
    }

    /// Serves browsers until the line to the master says otherwise; gives the exit status.
    pub(super) fn live(&self, config: &Config, backends: &[Listener], line: Line) -> i32 {
        let listeners: Result<Vec<TcpListener>, _> = self
            .sockets
            .iter()
            .map(|socket| socket.as_fd().try_clone_to_owned().map(TcpListener::from))
            .collect();
        let backend = backends.first().map(|listener| match listener.name().parse::<SocketAddr>() {
            Ok(address) if listener.is_tcp() => Backend::Tcp(address),
            _ => Backend::Unix(listener.name().into()),
        });
        let (Ok(listeners), Some(backend)) = (listeners, backend) else {
            tracing::error!(code = %Code::FRONT_DIED, "the preview front has nothing to listen on or nobody to ask");
            return 1;
        };
        let options = FrontOptions {
            listeners,
            backend,
            statics: config.statics.clone(),
            stop_timeout: config.stop_timeout,
            script_name: config.script_name.clone(),
        };
        let stop = match watch(line) {
            Ok(stop) => stop,
            Err(error) => {
                tracing::error!(code = %Code::FRONT_DIED, %error, "the preview front cannot hear the master");
                return 1;
            }
        };
        match front::run(options, stop) {
            Ok(()) => 0,
            Err(error) => {
                tracing::error!(code = %Code::FRONT_DIED, %error, "the preview front cannot go on");
                1
            }
        }
    }

    /// Says where to look.
    pub(super) fn announce(&self) {
        for socket in &self.sockets {
            super::tell(&format!(
                "preview: http://{}/  (for development only; put a web server in front for visitors; Ctrl-C stops)\n",
                socket.name()
            ));
        }
    }
}

/// Listens to the master in a thread of its own; what it gives out is closed when the front has to stop.
fn watch(line: Line) -> io::Result<OwnedFd> {
    let (stop, held) = UnixStream::pair()?;
    std::thread::Builder::new().name("fcgi-master".to_owned()).spawn(move || {
        while let Heard::Message(Order::ReopenLogs) = line.wait_for_order() {
            if let Err(error) = line.take_logs().redirect() {
                tracing::error!(code = %Code::LOG_REOPEN, %error, "a log file cannot be changed");
            }
        }
        drop(held);
    })?;
    Ok(stop.into())
}
