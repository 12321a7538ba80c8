//! Listeners that go from a server to the one that takes its place.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::Socket;

use super::{FileRights, ListenError, Listener, Made, listens};
use crate::os::heritage::{Bequest, Heirloom};

/// The name under which those are handed over where visitors come.
pub const NAME: &str = "listener";

impl Listener {
    /// Hands the socket over, and with it the file, if it was made here.
    pub fn bequeath(&self, name: &str, bequest: &mut Bequest) {
        let made = self.made.as_ref().map_or_else(Vec::new, |made| vec![made.device, made.inode]);
        bequest.add(name, &[super::AsFd::as_fd(self)], &made);
    }

    /// Takes over a socket; `None` if it does not listen.
    pub fn inherit(heirloom: Heirloom) -> Option<Self> {
        let numbers = heirloom.numbers.clone();
        let [fd] = heirloom.fds()?;
        let mut listener = Self::of(fd).ok()?;
        let path = listener.socket.local_addr().ok()?.as_pathname().map(Path::to_owned);
        if let (&[device, inode], Some(path)) = (&numbers[..], path) {
            listener.made = Some(Made { path, device, inode, owner: std::process::id() });
        }
        Some(listener)
    }

    /// As [`Listener::unix`], with the socket out of `heirs` that is there already.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn unix_or_inherited(
        path: &Path,
        rights: impl Into<FileRights>,
        patience: Duration,
        heirs: &mut Vec<Self>,
    ) -> Result<Self, ListenError> {
        let is_it =
            |heir: &Self| heir.socket.local_addr().is_ok_and(|address| address.as_pathname() == Some(path));
        heirs
            .iter()
            .position(is_it)
            .map_or_else(|| Self::unix(path, rights, patience), |at| Ok(heirs.remove(at)))
    }

    /// As [`Listener::tcp`], with the sockets out of `heirs` that are there already.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn tcp_or_inherited(
        host: &str,
        port: u16,
        patience: Duration,
        heirs: &mut Vec<Self>,
    ) -> Result<Vec<Self>, ListenError> {
        let deadline = Instant::now() + patience;
        let open = |address: SocketAddr| match heirs.iter().position(|heir| heir.is_at(address)) {
            Some(at) => Ok(heirs.remove(at)),
            None => Self::tcp_at(address, deadline),
        };
        Self::addresses(host, port)?.into_iter().map(open).collect()
    }

    /// Whether it listens there; any port will do where the system was to choose one.
    fn is_at(&self, address: SocketAddr) -> bool {
        let ours = self.socket.local_addr().ok().and_then(|ours| ours.as_socket());
        ours.is_some_and(|ours| {
            ours.ip() == address.ip() && (ours.port() == address.port() || address.port() == 0)
        })
    }

    /// A socket that listens already.
    pub(super) fn of(fd: OwnedFd) -> io::Result<Self> {
        let raw = fd.as_raw_fd();
        if !listens(raw) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let socket = Socket::from(fd);
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let tcp = address.as_socket().is_some();
        let name = match (address.as_socket(), address.as_pathname()) {
            (Some(address), _) => address.to_string(),
            (None, Some(path)) => path.display().to_string(),
            (None, None) => format!("fd {raw}"),
        };
        Ok(Self { socket, tcp, made: None, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::heritage::Heritage;

    const NOW: Duration = Duration::ZERO;

    /// What comes out on the other side.
    fn handed_over(listeners: Vec<Listener>) -> Vec<Listener> {
        let mut bequest = Bequest::default();
        for listener in &listeners {
            listener.bequeath(NAME, &mut bequest);
        }
        let text = bequest.words().to_owned();
        // The new process has them alone.
        for listener in listeners {
            std::mem::forget(listener.socket);
        }
        let mut heritage = Heritage::read(text.as_ref()).unwrap();
        heritage.take_all(NAME).into_iter().filter_map(Listener::inherit).collect()
    }

    #[test]
    fn a_unix_socket_goes_on_and_its_file_is_the_successors_to_remove() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let mut heirs = handed_over(vec![Listener::unix(&path, None, NOW).unwrap()]);
        let other = Listener::unix_or_inherited(&dir.path().join("o.sock"), None, NOW, &mut heirs).unwrap();
        assert!(other.name().ends_with("o.sock") && heirs.len() == 1);
        let ours = Listener::unix_or_inherited(&path, None, NOW, &mut heirs).unwrap();
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        ours.remove_file();
        assert!(!path.exists() && heirs.is_empty());
    }

    #[test]
    fn a_tcp_port_goes_on() {
        let first = Listener::tcp("127.0.0.1", 0, NOW).unwrap().remove(0);
        let port = first.port().unwrap();
        let mut heirs = handed_over(vec![first]);
        let ours = Listener::tcp_or_inherited("127.0.0.1", port, NOW, &mut heirs).unwrap();
        assert_eq!((ours[0].port(), heirs.len()), (Some(port), 0));
        let mut heirs = handed_over(ours);
        let ours = Listener::tcp_or_inherited("127.0.0.1", 0, NOW, &mut heirs).unwrap();
        assert_eq!((ours[0].port(), heirs.len()), (Some(port), 0));
    }
}
