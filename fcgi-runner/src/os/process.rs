//! Settings of the whole process.

use nix::sys::stat::{Mode, umask};

/// Sets the permission bits that new files do not get.
pub fn set_umask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}
