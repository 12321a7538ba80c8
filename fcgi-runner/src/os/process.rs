//! Settings of the whole process, and what it consists of.

#![expect(unsafe_code, reason = "the environment is changed here")]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use nix::sys::prctl;
use nix::sys::stat::{Mode, umask};
use nix::unistd::{geteuid, getuid};

/// Sets the permission bits that new files do not get.
pub fn set_umask(mask: u32) {
    umask(Mode::from_bits_truncate(mask));
}

/// The path of the program that this process runs: the name by which it was `called`, if that leads to it, since a link may lead
/// to a newer one later.
pub fn program(called: &OsStr) -> Option<PathBuf> {
    let real = std::env::current_exe().ok()?;
    let named = if called.as_bytes().contains(&b'/') {
        std::path::absolute(called).ok()
    } else {
        let folders = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&folders).map(|folder| folder.join(called)).find(|path| path.is_file())
    };
    let leads_here =
        |path: &PathBuf| path.is_absolute() && path.canonicalize().is_ok_and(|path| path == real);
    named.filter(leads_here).or(Some(real))
}

/// Takes a variable out of the environment. To be called only while this process has one thread.
pub fn forget_variable(name: &str) {
    assert!(threads() <= 1, "the environment belongs to all threads");
    // SAFETY: no other thread is there to read the environment meanwhile.
    unsafe { std::env::remove_var(name) };
}

/// The user whose rights this process has, and the one who has started it.
pub fn users() -> Vec<u32> {
    vec![geteuid().as_raw(), getuid().as_raw()]
}

/// Sets variables of the environment, or removes them where there is no value. The process has this one thread.
pub fn set_variables(variables: &[(&str, Option<String>)]) {
    for (name, value) in variables {
        match value {
            // SAFETY: nobody else reads the environment, for there is no other thread.
            Some(value) => unsafe { std::env::set_var(name, value) },
            // SAFETY: as above.
            None => unsafe { std::env::remove_var(name) },
        }
    }
}

/// How many threads this process has; 0 where the system does not tell.
pub fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(0, Iterator::count)
}

/// The descriptors that are open, by their numbers; empty where the system does not tell.
pub fn descriptors() -> BTreeSet<String> {
    let Ok(entries) = std::fs::read_dir("/proc/self/fd") else { return BTreeSet::new() };
    entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect()
}

/// Bytes of memory that a process has at hand, those that it shares included; nothing where the system does not tell.
pub fn resident(pid: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/statm")).ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(size).ok()?).filter(|bytes| *bytes > 0)
}

/// The name under which tools show this process; at most 15 bytes of a new one are kept.
pub fn name() -> CString {
    prctl::get_name().unwrap_or_default()
}

/// Gives this process another name.
pub fn rename(name: &CStr) {
    // The kernel refuses nothing but bad addresses.
    let _ = prctl::set_name(name);
}
