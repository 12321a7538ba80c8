//! Listening sockets: Unix, TCP, or inherited from whoever started us.
//!
//! A path or an address comes in, a non-blocking close-on-exec listener goes out. A live socket is never stolen (it is tried
//! with `connect` first), something that is no socket is never deleted, and at the end only the socket that was made here is
//! removed. Sources: FastCGI 1.0 §2.2 (descriptor 0), `sd_listen_fds(3)`, `unix(7)`.

mod heirs;
mod turn;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::socket::{getsockopt, sockopt::AcceptConn};
use socket2::{Domain, SockAddr, Socket, Type};

pub use self::heirs::NAME as HEIRLOOM;
use self::turn::Turn;
pub use super::socket_file::FileRights;
use super::socket_file::{Made, RETRY, clear_the_way};
use super::stdio;
use crate::messages::Code;

/// A listening socket, and what is to be known of it.
#[derive(Debug)]
pub struct Listener {
    socket: Socket,
    tcp: bool,
    made: Option<Made>,
    name: String,
}

/// Why there is no listener. Every one of them is the operator's to solve.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// A server answers there.
    #[error("another server is listening on `{0}`")]
    InUse(String),
    /// The path exists and is not ours to delete.
    #[error("`{}` exists and is not a socket", .0.display())]
    NotASocket(PathBuf),
    /// The host name means nothing here.
    #[error("the host `{host}` cannot be resolved: {source}")]
    Resolve { host: String, source: io::Error },
    /// The descriptor is closed or is no listening stream socket.
    #[error("descriptor {0} is not a listening socket")]
    NotListening(RawFd),
    /// The system refuses.
    #[error("cannot listen on `{name}`: {source}")]
    System { name: String, source: io::Error },
}

impl ListenError {
    /// The code of the message.
    pub fn code(&self) -> Code {
        match self {
            Self::InUse(_) => Code::ADDRESS_IN_USE,
            Self::NotASocket(_) => Code::NOT_A_SOCKET,
            Self::Resolve { .. } => Code::HOST_UNKNOWN,
            Self::NotListening(_) => Code::NOT_LISTENING,
            Self::System { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Code::LISTEN_DENIED,
                io::ErrorKind::NotFound => Code::LISTEN_NO_FOLDER,
                io::ErrorKind::AddrNotAvailable => Code::LISTEN_NOT_HERE,
                _ => Code::LISTEN_SYSTEM,
            },
        }
    }

    /// What the operator can do.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::InUse(_) => {
                "stop the other server first (kill it by its pidfile), or choose another address"
            }
            Self::NotASocket(_) => "choose another path for `socket=`, or remove the file yourself",
            Self::Resolve { .. } => "give an address such as 127.0.0.1 or ::1",
            Self::NotListening(_) => {
                "the descriptor must be a bound, listening stream socket made by the process that starts fcgi-run"
            }
            Self::System { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => {
                    "choose a place that this user may write to, or a port above 1023"
                }
                io::ErrorKind::NotFound => "make the folder first",
                io::ErrorKind::AddrNotAvailable => "the address does not belong to this machine",
                _ => "see the message of the system",
            },
        }
    }
}

impl Listener {
    /// Listens on a Unix socket, whose file is what it is to be before anybody can connect.
    ///
    /// A server that is just ending gets `patience` to let the path go.
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn unix(path: &Path, rights: impl Into<FileRights>, patience: Duration) -> Result<Self, ListenError> {
        let name = path.display().to_string();
        let failed = |source: io::Error| ListenError::System { name: name.clone(), source };
        let _turn = Turn::take(path);
        clear_the_way(path, Instant::now() + patience)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None).map_err(failed)?;
        let address = SockAddr::unix(path).map_err(failed)?;
        socket.bind(&address).map_err(failed)?;
        let file = Made::of(path).map_err(failed)?;
        let ready = rights
            .into()
            .give(path)
            .and_then(|()| socket.listen(BACKLOG))
            .and_then(|()| socket.set_nonblocking(true));
        if let Err(error) = ready {
            file.remove();
            return Err(failed(error));
        }
        Ok(Self { socket, tcp: false, made: Some(file), name: name.clone() })
    }

    /// Listens on every address that `host` stands for (IPv4, IPv6).
    ///
    /// # Errors
    /// See [`ListenError`].
    pub fn tcp(host: &str, port: u16, patience: Duration) -> Result<Vec<Self>, ListenError> {
        Self::tcp_or_inherited(host, port, patience, &mut Vec::new())
    }

    fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, ListenError> {
        let mut addresses: Vec<SocketAddr> = (bare(host), port)
            .to_socket_addrs()
            .map_err(|source| ListenError::Resolve { host: host.to_owned(), source })?
            .collect();
        addresses.sort_by_key(SocketAddr::is_ipv6);
        addresses.dedup();
        Ok(addresses)
    }

    fn tcp_at(address: SocketAddr, deadline: Instant) -> Result<Self, ListenError> {
        let name = address.to_string();
        let open = || -> io::Result<Socket> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            socket.listen(BACKLOG)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        };
        loop {
            match open() {
                Ok(socket) => {
                    let name = socket
                        .local_addr()
                        .ok()
                        .and_then(|bound| bound.as_socket())
                        .map_or(name, |bound| bound.to_string());
                    return Ok(Self { socket, tcp: true, made: None, name });
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    if Instant::now() >= deadline {
                        return Err(ListenError::InUse(name));
                    }
                    std::thread::sleep(RETRY);
                }
                Err(source) => return Err(ListenError::System { name, source }),
            }
        }
    }

    /// Takes over a descriptor that already listens. Descriptor 0 is moved away and replaced by `/dev/null`, so that the
    /// application cannot read from it.
    ///
    /// # Errors
    /// [`ListenError::NotListening`] when it does not.
    pub fn inherited(fd: RawFd) -> Result<Self, ListenError> {
        if !listens(fd) {
            return Err(ListenError::NotListening(fd));
        }
        let failed = |source: io::Error| ListenError::System { name: format!("fd {fd}"), source };
        let owned: OwnedFd = stdio::move_high(fd).map_err(failed)?;
        Self::of(owned).map_err(failed)
    }

    /// Whether it is a TCP listener.
    pub fn is_tcp(&self) -> bool {
        self.tcp
    }

    /// The address, for messages.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address of a TCP listener.
    pub fn address(&self) -> Option<SocketAddr> {
        self.socket.local_addr().ok()?.as_socket()
    }

    /// The port of a TCP listener.
    pub fn port(&self) -> Option<u16> {
        self.address().map(|address| address.port())
    }

    /// Whether it is a TCP listener that only this machine can reach.
    pub fn is_loopback(&self) -> bool {
        let address = self.socket.local_addr().ok().and_then(|address| address.as_socket());
        address.is_some_and(|address| address.ip().to_canonical().is_loopback())
    }

    /// Removes the socket file that was made here, if it still is that file.
    pub fn remove_file(&self) {
        if let Some(made) = &self.made {
            made.remove();
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The addresses that a host stands for; none when that cannot be told.
pub fn addresses(host: &str) -> Vec<IpAddr> {
    let found = (bare(host), 0).to_socket_addrs();
    found.map_or_else(|_| Vec::new(), |found| found.map(|address| address.ip()).collect())
}

/// A host as the system's resolver takes it: without brackets, and all addresses of both families by their name.
pub(super) fn bare(host: &str) -> &str {
    match host.trim_start_matches('[').trim_end_matches(']') {
        "*" => "::",
        bare => bare,
    }
}

/// Whether the descriptor is a listening socket.
pub fn listens(fd: RawFd) -> bool {
    stdio::borrow(fd).is_some_and(|fd| getsockopt(&fd, AcceptConn).unwrap_or(false))
}

/// Whether the descriptor is a socket of any kind.
pub fn is_socket(fd: RawFd) -> bool {
    stdio::borrow(fd).is_some_and(|fd| getsockopt(&fd, nix::sys::socket::sockopt::SockType).is_ok())
}

/// The descriptors that systemd (or anybody who speaks its protocol) has opened for this process.
pub fn systemd_fds() -> Vec<RawFd> {
    let number = |name: &str| std::env::var(name).ok()?.parse::<i32>().ok();
    if number("LISTEN_PID") != i32::try_from(std::process::id()).ok() {
        return Vec::new();
    }
    (3..).take(usize::try_from(number("LISTEN_FDS").unwrap_or(0)).unwrap_or(0)).collect()
}

/// Connections that the kernel holds while all workers are busy; it cuts this to `net.core.somaxconn`.
const BACKLOG: i32 = 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn a_live_socket_is_not_stolen_and_a_dead_one_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let live = UnixListener::bind(&path).unwrap();
        assert!(matches!(Listener::unix(&path, None, NOW), Err(ListenError::InUse(_))));
        drop(live);
        assert!(path.exists());
        let ours = Listener::unix(&path, Some(0o600), NOW).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        UnixStream::connect(&path).unwrap();
        ours.remove_file();
        assert!(!path.exists());
    }

    #[test]
    fn what_is_no_socket_is_never_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("precious");
        fs::write(&path, "data").unwrap();
        assert!(matches!(Listener::unix(&path, None, NOW), Err(ListenError::NotASocket(_))));
        assert_eq!(fs::read_to_string(&path).unwrap(), "data");
    }

    #[test]
    fn a_socket_of_somebody_else_is_left_at_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let ours = Listener::unix(&path, None, NOW).unwrap();
        fs::remove_file(&path).unwrap();
        let _other = UnixListener::bind(&path).unwrap();
        ours.remove_file();
        assert!(path.exists());
    }

    #[test]
    fn an_ending_server_gets_time_to_let_the_path_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.sock");
        let old = UnixListener::bind(&path).unwrap();
        let ending = std::thread::spawn(move || {
            while old.accept().is_err() {}
            drop(old);
        });
        Listener::unix(&path, None, Duration::from_secs(10)).unwrap();
        ending.join().unwrap();
    }

    #[test]
    fn tcp_says_what_is_in_use_and_takes_a_free_port() {
        let first = Listener::tcp("127.0.0.1", 0, NOW).unwrap().remove(0);
        let port = first.port().unwrap();
        assert!(matches!(Listener::tcp("127.0.0.1", port, NOW), Err(ListenError::InUse(_))));
        assert!(first.is_tcp());
        assert_eq!(first.name(), format!("127.0.0.1:{port}"));
        assert!(matches!(Listener::tcp("no such host", 1, NOW), Err(ListenError::Resolve { .. })));
        assert!(!Listener::tcp("[::1]", 0, NOW).unwrap().is_empty());
    }

    #[test]
    fn tells_listening_sockets_from_others() {
        let listener = UnixListener::bind(tempfile::tempdir().unwrap().path().join("s")).unwrap();
        let (pair, _other) = UnixStream::pair().unwrap();
        assert!(listens(listener.as_raw_fd()));
        assert!(!listens(pair.as_raw_fd()) && is_socket(pair.as_raw_fd()));
        assert!(!is_socket(tempfile::tempfile().unwrap().as_raw_fd()));
        assert!(!listens(-1));
        assert!(matches!(Listener::inherited(pair.as_raw_fd()), Err(ListenError::NotListening(_))));
    }
}
