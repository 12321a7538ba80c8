//! Giving up rights for good.
//!
//! In comes what a process is to become, as numbers and paths; when [`Rights::assume`] returns well, the process is that and
//! cannot go back. Whoever calls it ends the process when it does not. Sources: `credentials(7)`, `setresuid(2)`, `chroot(2)`,
//! `prctl(2)`.

use std::env;
use std::fs;
use std::io;
use std::path::PathBuf;

use nix::sys::prctl;
use nix::sys::resource::{Resource, rlim_t, setrlimit};
use nix::unistd::{Gid, Uid, chroot, getresgid, getresuid, setgroups, setresgid, setresuid};

/// What a process is to become.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Rights {
    /// `None`: who it is already.
    pub identity: Option<Identity>,
    /// The folder that is to be `/`.
    pub root: Option<Root>,
    pub no_new_privs: bool,
    pub limits: Limits,
}

/// A user with its groups.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
}

/// A new root of all paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Root {
    pub folder: PathBuf,
    /// The current folder afterwards, as seen from inside.
    pub workdir: PathBuf,
}

/// What the process may have; `None` leaves a limit as it is.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Limits {
    /// Descriptors.
    pub open_files: Option<u64>,
    /// Bytes.
    pub core: Option<u64>,
    /// Bytes.
    pub address_space: Option<u64>,
}

/// Why a process cannot become what it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RightsError {
    /// A limit cannot be set.
    #[error("`{option}={value}` cannot be set: {source}")]
    Limit { option: &'static str, value: u64, source: io::Error },
    /// The root cannot be changed.
    #[error("cannot change the root to `{}`: {source}", folder.display())]
    Root { folder: PathBuf, source: io::Error },
    /// The current folder is not there in the new root.
    #[error("cannot change to the folder `{}` in the new root: {source}", folder.display())]
    Folder { folder: PathBuf, source: io::Error },
    /// The user or a group cannot be taken.
    #[error("cannot become the user {uid} with the group {gid}: {source}")]
    Identity { uid: u32, gid: u32, source: io::Error },
    /// The rights could be taken back.
    #[error("the rights of the user {0} were given up, and are still there")]
    StillThere(u32),
    /// The process cannot promise that it gains no rights.
    #[error("cannot set `nonewprivs`: {0}")]
    NoNewPrivs(io::Error),
}

impl Rights {
    /// Becomes it. Limits come first, which may have to be raised, the user last: from then on nothing more can be given up.
    ///
    /// # Errors
    /// The process is something in between then, and has to end.
    pub fn assume(&self) -> Result<(), RightsError> {
        self.limits.set()?;
        if let Some(root) = &self.root {
            root.enter()?;
        }
        if let Some(identity) = &self.identity {
            identity.become_it()?;
        }
        if self.no_new_privs {
            prctl::set_no_new_privs().map_err(|error| RightsError::NoNewPrivs(error.into()))?;
        }
        Ok(())
    }
}

impl Identity {
    fn become_it(&self) -> Result<(), RightsError> {
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        let failed =
            |error: nix::Error| RightsError::Identity { uid: self.uid, gid: self.gid, source: error.into() };
        let before = getresuid().map_err(failed)?;
        let groups: Vec<Gid> = self.groups.iter().copied().map(Gid::from_raw).collect();
        setgroups(&groups).map_err(failed)?;
        setresgid(gid, gid, gid).map_err(failed)?;
        setresuid(uid, uid, uid).map_err(failed)?;
        let (users, groups) = (getresuid().map_err(failed)?, getresgid().map_err(failed)?);
        let is_it = [users.real, users.effective, users.saved] == [uid; 3]
            && [groups.real, groups.effective, groups.saved] == [gid; 3];
        // Whoever is root still may become anybody.
        let comes_back = !uid.is_root()
            && [before.real, before.effective, before.saved, Uid::from_raw(0)]
                .into_iter()
                .any(|old| old != uid && setresuid(old, old, old).is_ok());
        if !is_it || comes_back {
            return Err(RightsError::StillThere(before.effective.as_raw()));
        }
        // The kernel hides such a process from its own user, down to its own /proc/self/fd, which `subprocess` reads. What it
        // has in memory was made for this user.
        let _ = prctl::set_dumpable(true);
        Ok(())
    }
}

impl Root {
    fn enter(&self) -> Result<(), RightsError> {
        let failed = |source: io::Error| RightsError::Root { folder: self.folder.clone(), source };
        chroot(&self.folder).map_err(|error| failed(error.into()))?;
        // A current folder outside would be a way out.
        env::set_current_dir("/").map_err(failed)?;
        env::set_current_dir(&self.workdir)
            .map_err(|source| RightsError::Folder { folder: self.workdir.clone(), source })
    }

    /// Tries what can be tried without entering it.
    ///
    /// # Errors
    /// When it cannot be entered, as far as can be told.
    pub fn check(&self) -> Result<(), RightsError> {
        let look = |folder: &std::path::Path| fs::metadata(folder.join(".")).map(drop);
        look(&self.folder).map_err(|source| RightsError::Root { folder: self.folder.clone(), source })?;
        let inside = self.workdir.strip_prefix("/").unwrap_or(&self.workdir);
        look(&self.folder.join(inside))
            .map_err(|source| RightsError::Folder { folder: self.workdir.clone(), source })
    }
}

impl Limits {
    fn set(self) -> Result<(), RightsError> {
        let all = [
            ("openfiles", Resource::RLIMIT_NOFILE, self.open_files),
            ("coresize", Resource::RLIMIT_CORE, self.core),
            ("memorylimit", Resource::RLIMIT_AS, self.address_space),
        ];
        for (option, resource, value) in all {
            if let Some(value) = value {
                let limit = rlim_t::from(value);
                setrlimit(resource, limit, limit).map_err(|error| RightsError::Limit {
                    option,
                    value,
                    source: error.into(),
                })?;
            }
        }
        Ok(())
    }

    /// The first of them that is above what this process may give itself without rights: its word, and what is allowed.
    pub fn beyond(self) -> Option<(&'static str, u64)> {
        let all = [
            ("openfiles", Resource::RLIMIT_NOFILE, self.open_files),
            ("coresize", Resource::RLIMIT_CORE, self.core),
            ("memorylimit", Resource::RLIMIT_AS, self.address_space),
        ];
        all.into_iter().find_map(|(option, resource, value)| {
            let (_, hard) = nix::sys::resource::getrlimit(resource).ok()?;
            (value? > hard).then_some((option, hard))
        })
    }
}
