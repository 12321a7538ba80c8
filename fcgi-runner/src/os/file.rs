//! Reading regular files whose descriptor belongs to somebody else.

use std::io;
use std::os::fd::RawFd;

use nix::sys::stat::{SFlag, fstat};
use nix::sys::uio::pread;

use super::stdio::borrow;

/// The size of an open regular file; `None` for everything else.
pub fn regular_size(fd: RawFd) -> Option<u64> {
    let stat = fstat(borrow(fd)?).ok()?;
    let is_regular = SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG;
    u64::try_from(stat.st_size).ok().filter(|_| is_regular)
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
