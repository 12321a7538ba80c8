//! One server at a time makes a socket at a path.

use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use socket2::{Domain, SockAddr, Socket, Type};

use super::RETRY;

/// The turn to look at a path and bind to it: two servers that start at once would otherwise delete each other's socket.
/// It is an abstract socket, which the kernel forgets when the process ends.
pub(super) struct Turn {
    _held: Option<Socket>,
}

impl Turn {
    /// Waits for it, five seconds at most.
    pub(super) fn take(path: &Path) -> Self {
        let mut name = b"\0fcgi-run turn ".to_vec();
        name.extend(path.as_os_str().as_encoded_bytes());
        name.truncate(107);
        let deadline = Instant::now() + Duration::from_secs(5);
        loop {
            let held = Socket::new(Domain::UNIX, Type::STREAM, None).and_then(|socket| {
                use std::os::unix::ffi::OsStrExt;
                socket.bind(&SockAddr::unix(std::ffi::OsStr::from_bytes(&name))?)?;
                Ok(socket)
            });
            match held {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                    std::thread::sleep(RETRY);
                }
                held => return Self { _held: held.ok() },
            }
        }
    }
}
