//! Reading regular files whose descriptor belongs to somebody else.

use std::io;
use std::os::fd::RawFd;

use nix::sys::stat::{SFlag, fstat};
use nix::sys::uio::pread;

use super::stdio::borrow;

/// Whether the descriptor is an open regular file.
pub fn is_regular(fd: RawFd) -> bool {
    borrow(fd)
        .and_then(|fd| fstat(fd).ok())
        .is_some_and(|stat| SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG)
}

/// Reads at a position without moving the file's own.
///
/// # Errors
/// As the system says.
pub fn read_at(fd: RawFd, buffer: &mut [u8], position: u64) -> io::Result<usize> {
    let fd = borrow(fd).ok_or_else(|| io::Error::from_raw_os_error(libc::EBADF))?;
    let offset = libc::off_t::try_from(position).map_err(|_| io::ErrorKind::InvalidInput)?;
    Ok(pread(fd, buffer, offset)?)
}
