//! Looking at what a server would use, without using it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::net::ToSocketAddrs;
use std::os::unix::fs::FileTypeExt;
use std::path::Path;

use nix::libc::RLIM_INFINITY;
use nix::sys::resource::{Resource, getrlimit};
use nix::unistd::{AccessFlags, eaccess, geteuid};
use socket2::{Domain, Socket, Type};

use super::listener::{ListenError, bare};
use super::pidfile;
use super::socket_file::is_dead;
use super::users;

/// Who is at the path of a Unix socket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Occupant {
    Nobody,
    /// A server that is dead.
    Dead,
    /// A server that answers, or that cannot be asked.
    Alive,
    /// Something that is no socket.
    Other,
}

/// Looks at the path of a Unix socket.
pub fn unix_socket(path: &Path) -> Occupant {
    match fs::symlink_metadata(path) {
        Err(_) => Occupant::Nobody,
        Ok(meta) if !meta.file_type().is_socket() => Occupant::Other,
        Ok(_) if is_dead(path) => Occupant::Dead,
        Ok(_) => Occupant::Alive,
    }
}

/// Tries to bind to a TCP address, without listening; gives the addresses that the name stands for.
///
/// # Errors
/// As a listener would have them.
pub fn tcp(host: &str, port: u16) -> Result<Vec<String>, ListenError> {
    let addresses = (bare(host), port)
        .to_socket_addrs()
        .map_err(|source| ListenError::Resolve { host: host.to_owned(), source })?;
    let mut names = Vec::new();
    for address in addresses {
        let bind = || -> io::Result<()> {
            let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())
        };
        let name = address.to_string();
        match bind() {
            Ok(()) => names.push(name),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Err(ListenError::InUse(name)),
            Err(source) => return Err(ListenError::System { name, source }),
        }
    }
    names.dedup();
    Ok(names)
}

/// Whether this process may make and remove files in a folder.
///
/// # Errors
/// Why not.
pub fn may_make_files(folder: &Path) -> io::Result<()> {
    if !fs::metadata(folder)?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    Ok(eaccess(folder, AccessFlags::W_OK | AccessFlags::X_OK)?)
}

/// Whether this process may go through a folder.
///
/// # Errors
/// Why not.
pub fn may_enter(folder: &Path) -> io::Result<()> {
    Ok(eaccess(folder, AccessFlags::X_OK)?)
}

/// Whether this process may read a file, or list a folder and go through it.
///
/// # Errors
/// Why not.
pub fn may_read(path: &Path) -> io::Result<()> {
    let folder = if fs::metadata(path)?.is_dir() { AccessFlags::X_OK } else { AccessFlags::empty() };
    Ok(eaccess(path, AccessFlags::R_OK | folder)?)
}

/// Whether this process may write to a file that is there.
///
/// # Errors
/// Why not.
pub fn may_write(path: &Path) -> io::Result<()> {
    Ok(eaccess(path, AccessFlags::W_OK)?)
}

/// Whether a pidfile may be written over: it is one, or is not there, or cannot be read.
pub fn is_pidfile(path: &Path) -> bool {
    // Whatever else it is, opening it would perhaps wait.
    fs::metadata(path).map_or(true, |meta| meta.is_file())
        && File::open(path).and_then(|file| pidfile::is_one(&file)).unwrap_or(true)
}

/// The process id in a pidfile whose server is alive.
pub fn pidfile_holder(path: &Path) -> Option<String> {
    let file = File::open(path).ok()?;
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => Some(fs::read_to_string(path).unwrap_or_default().trim().to_owned()),
        _ => None,
    }
}

/// A user with all of its groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    pub name: String,
    pub uid: u32,
    pub groups: Vec<u32>,
}

/// The user of this name, or with this number.
pub fn account(typed: &str) -> Option<Account> {
    let user = users::user(typed).ok()??;
    let known = user.known?;
    let groups = users::groups_of(&known.name, known.gid).unwrap_or_else(|_| vec![known.gid]);
    Some(Account { name: known.name, uid: user.uid, groups })
}

/// The hard limit on open files, as far as a worker can raise its own.
pub fn open_files() -> Option<u64> {
    getrlimit(Resource::RLIMIT_NOFILE).ok().map(|(_, hard)| hard)
}

/// The limit on processes and threads of this user; `None` if there is none.
pub fn process_limit() -> Option<u64> {
    let (soft, _) = getrlimit(Resource::RLIMIT_NPROC).ok()?;
    (soft != RLIM_INFINITY && !geteuid().is_root()).then_some(soft)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_that_a_listener_takes_is_looked_at() {
        for host in ["*", "127.0.0.1", "[127.0.0.1]", "localhost"] {
            assert!(tcp(host, 0).is_ok_and(|names| !names.is_empty()), "{host}");
        }
        assert!(matches!(tcp("no.such.host.invalid", 0), Err(ListenError::Resolve { .. })));
    }
}
