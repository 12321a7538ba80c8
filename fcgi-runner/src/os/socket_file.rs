//! The file of a Unix socket: room made for it, its rights, its end.
//!
//! Paths come in. What is no socket is never deleted, a socket that lives is never stolen (it is tried with `connect` first), and
//! nothing is given or removed but the very file that was made here. Source: `unix(7)`.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::AtFlags;
use nix::unistd::{Gid, Uid, fchownat, geteuid};
use socket2::{Domain, SockAddr, Socket, Type};

use super::listener::ListenError;
use crate::messages::Code;

/// What the file of a Unix socket is to be; `None` leaves a part as the system makes it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct FileRights {
    pub owner: Option<u32>,
    pub group: Option<u32>,
    pub mode: Option<u32>,
}

/// The file of a Unix socket that was made here.
#[derive(Clone, Debug)]
pub(super) struct Made {
    pub(super) path: PathBuf,
    pub(super) device: u64,
    pub(super) inode: u64,
    pub(super) owner: u32,
}

impl From<Option<u32>> for FileRights {
    fn from(mode: Option<u32>) -> Self {
        Self { mode, ..Self::default() }
    }
}

impl FileRights {
    /// Gives them to the socket that was just made, and not to what somebody else may have put in its place since.
    pub(super) fn give(self, path: &Path) -> io::Result<()> {
        if self == Self::default() {
            return Ok(());
        }
        let file =
            fs::OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_NOFOLLOW).open(path)?;
        let meta = file.metadata()?;
        if !meta.file_type().is_socket() || meta.uid() != geteuid().as_raw() || meta.nlink() != 1 {
            return Err(io::Error::other("somebody else has put something in its place"));
        }
        if self.owner.is_some() || self.group.is_some() {
            let (owner, group) = (self.owner.map(Uid::from_raw), self.group.map(Gid::from_raw));
            fchownat(&file, "", owner, group, AtFlags::AT_EMPTY_PATH)?;
        }
        let Some(mode) = self.mode else { return Ok(()) };
        let mode = fs::Permissions::from_mode(mode);
        match fs::set_permissions(format!("/proc/self/fd/{}", file.as_raw_fd()), mode.clone()) {
            // There is no /proc.
            Err(error) if error.kind() == io::ErrorKind::NotFound => fs::set_permissions(path, mode),
            done => done,
        }
    }
}

impl Made {
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let meta = fs::symlink_metadata(path)?;
        Ok(Self { path: path.to_owned(), device: meta.dev(), inode: meta.ino(), owner: std::process::id() })
    }

    pub(super) fn remove(&self) {
        let same = fs::symlink_metadata(&self.path)
            .is_ok_and(|meta| meta.dev() == self.device && meta.ino() == self.inode);
        if same && fs::remove_file(&self.path).is_err() {
            tracing::warn!(
                code = %Code::SOCKET_STAYS,
                socket = %self.path.display(),
                made_by = self.owner,
                "the socket file cannot be removed"
            );
        }
    }
}

/// Makes sure that nothing is at `path`: waits for a live server until `deadline`, deletes a dead one's socket.
pub(super) fn clear_the_way(path: &Path, deadline: Instant) -> Result<(), ListenError> {
    loop {
        match fs::symlink_metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(ListenError::System { name: path.display().to_string(), source }),
            Ok(meta) if !meta.file_type().is_socket() => {
                return Err(ListenError::NotASocket(path.to_owned()));
            }
            Ok(_) => {}
        }
        if is_dead(path) {
            return match fs::remove_file(path) {
                Err(source) if source.kind() != io::ErrorKind::NotFound => {
                    Err(ListenError::System { name: path.display().to_string(), source })
                }
                _ => Ok(()),
            };
        }
        if Instant::now() >= deadline {
            return Err(ListenError::InUse(path.display().to_string()));
        }
        std::thread::sleep(RETRY);
    }
}

/// Whether nobody listens on the socket any more. What cannot be told counts as alive.
pub(super) fn is_dead(path: &Path) -> bool {
    let connect = || -> io::Result<()> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.connect(&SockAddr::unix(path)?)
    };
    connect().is_err_and(|error| error.raw_os_error() == Some(Errno::ECONNREFUSED as i32))
}

/// Between two looks at an address that is in use.
pub(super) const RETRY: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_the_place_of_a_socket_gets_none_of_its_rights() {
        let dir = tempfile::tempdir().unwrap();
        let (path, precious) = (dir.path().join("s.sock"), dir.path().join("precious"));
        fs::write(&precious, "").unwrap();
        fs::set_permissions(&precious, fs::Permissions::from_mode(0o600)).unwrap();
        std::os::unix::fs::symlink(&precious, &path).unwrap();
        assert!(FileRights::from(Some(0o666)).give(&path).is_err());
        fs::remove_file(&path).unwrap();
        fs::hard_link(&precious, &path).unwrap();
        assert!(FileRights::from(Some(0o666)).give(&path).is_err());
        assert_eq!(fs::metadata(&precious).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
