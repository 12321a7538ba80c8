//! Settings of the whole process, and what it consists of.

#![expect(unsafe_code, reason = "the environment is changed here")]

use std::collections::BTreeSet;
use std::ffi::{CStr, CString, OsStr, OsString};
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

/// The environment that this process was started with, as the kernel keeps it, whatever has become of it; `None` where a program
/// has written something else in its place, as those do that change their title.
pub fn first_environment() -> Option<Vec<(OsString, OsString)>> {
    read_environment(&std::fs::read("/proc/self/environ").ok()?)
}

fn read_environment(bytes: &[u8]) -> Option<Vec<(OsString, OsString)>> {
    let variables = bytes.strip_suffix(&[0])?.split(|byte| *byte == 0);
    let owned = |bytes: &[u8]| OsStr::from_bytes(bytes).to_owned();
    variables
        .map(|variable| {
            let at = variable.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            Some((owned(&variable[..at]), owned(&variable[at + 1..])))
        })
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_read_as_it_is_or_not_at_all() {
        let found = read_environment(b"A=1\0B=x=y\0C=\0").unwrap();
        let pair = |name: &str, value: &str| (OsString::from(name), OsString::from(value));
        assert_eq!(found, [pair("A", "1"), pair("B", "x=y"), pair("C", "")]);
        for other in [&b""[..], b"A=1", b"python: worker\0", b"A=1\0\0\0", b"=1\0"] {
            assert_eq!(read_environment(other), None, "{other:?}");
        }
        assert!(
            first_environment().is_some_and(|variables| variables.iter().any(|(name, _)| name == "PATH"))
        );
    }
}
