//! What the kernel lets this process have.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises the limit of open files as far as it goes without privileges; gives the limit that holds then.
pub fn raise_open_files() -> usize {
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return USUAL };
    let wanted = hard.min(ENOUGH).max(soft);
    let raised = setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok();
    usize::try_from(if raised { wanted } else { soft }).unwrap_or(usize::MAX)
}

/// What most systems allow.
const USUAL: usize = 1024;

/// More than a worker can use; programs that close every possible descriptor take long with millions.
const ENOUGH: u64 = 65_536;
