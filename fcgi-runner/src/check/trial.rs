//! Trying things as somebody else, in a process of its own that becomes that user.
//!
//! So the kernel answers, with all that it looks at: access lists, further groups, mounts, security modules, a new root. What is
//! tried changes nothing.

use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::access::Mode;
use crate::os::fork::{self, ForkHooks, Side};
use crate::os::privileges::{Identity, Rights};
use crate::os::probe::{self, Account};
use crate::os::{socket, users};

/// What somebody may want with a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Deed {
    /// Go through a folder.
    Enter,
    /// Read a file, or list a folder and go through it.
    Read,
    /// Make files in a folder.
    Write,
    /// Write to the file of a Unix socket, as `connect` needs it.
    Connect,
}

/// One thing that is tried.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    pub deed: Deed,
    pub path: PathBuf,
}

/// What cannot be done, and why.
#[derive(Debug)]
pub struct Blocked {
    pub step: Step,
    /// The same, as seen by those who have no other root.
    pub place: PathBuf,
    pub error: io::Error,
}

/// Somebody as whom things are tried.
#[derive(Clone, Debug)]
pub struct Trial {
    /// The name, and the groups for advice.
    pub account: Account,
    pub rights: Rights,
}

impl Step {
    /// Entering every folder above a path, and then the deed itself.
    pub fn way(target: &Path, deed: Deed) -> Vec<Self> {
        let mut steps: Vec<Self> = target
            .ancestors()
            .skip(1)
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| Self { deed: Deed::Enter, path: folder.to_owned() })
            .collect();
        steps.reverse();
        steps.push(Self { deed, path: target.to_owned() });
        steps
    }

    fn attempt(&self) -> io::Result<()> {
        match self.deed {
            Deed::Enter => probe::may_enter(&self.path),
            Deed::Read => probe::may_read(&self.path),
            Deed::Write => probe::may_make_files(&self.path),
            Deed::Connect => probe::may_write(&self.path),
        }
    }
}

impl Trial {
    /// Somebody with all of their groups, and with nothing else that is special.
    pub fn of(account: &Account) -> Self {
        let gid = account.groups.first().copied().unwrap_or(account.uid);
        let identity = Identity { uid: account.uid, gid, groups: account.groups.clone() };
        let rights = Rights { identity: Some(identity), ..Rights::default() };
        Self { account: account.clone(), rights }
    }

    /// Takes the steps one after the other; gives the first that fails.
    ///
    /// # Errors
    /// When no process can be had, or it cannot become that user.
    pub fn first_blocked(&self, steps: &[Step]) -> io::Result<Option<Blocked>> {
        let said = self.ask(steps)?;
        if said == ALL_WELL {
            return Ok(None);
        }
        let mut words = said.split(' ').map(str::parse);
        match (words.next(), words.next()) {
            (Some(Ok(index)), Some(Ok(number))) => {
                let index = usize::try_from(index).ok().and_then(|index: usize| steps.get(index));
                let step = index.cloned().ok_or(io::ErrorKind::InvalidData)?;
                let place = match &self.rights.root {
                    Some(root) => root.folder.join(step.path.strip_prefix("/").unwrap_or(&step.path)),
                    None => step.path.clone(),
                };
                Ok(Some(Blocked { step, place, error: io::Error::from_raw_os_error(number) }))
            }
            _ => Err(io::Error::other(said)),
        }
    }

    fn ask(&self, steps: &[Step]) -> io::Result<String> {
        let (ours, mut theirs) = UnixStream::pair()?;
        match fork::fork(&NoInterpreter)? {
            Side::Child => {
                drop(ours);
                let life = std::panic::AssertUnwindSafe(|| theirs.write_all(self.live(steps).as_bytes()));
                fork::exit_now(i32::from(std::panic::catch_unwind(life).is_err()));
            }
            Side::Parent(process) => {
                drop(theirs);
                let said = listen(&ours);
                // A file system that does not answer keeps whoever asks it.
                fork::kill_now(process);
                fork::wait_for_end(process);
                match String::from_utf8(said) {
                    Ok(text) if !text.is_empty() => Ok(text),
                    _ => Err(io::ErrorKind::TimedOut.into()),
                }
            }
        }
    }

    /// The life of the other process.
    fn live(&self, steps: &[Step]) -> String {
        if let Err(error) = self.rights.assume() {
            return error.to_string();
        }
        let failed = steps.iter().enumerate().find_map(|(index, step)| {
            step.attempt().err().map(|error| format!("{index} {}", error.raw_os_error().unwrap_or(0)))
        });
        failed.unwrap_or_else(|| ALL_WELL.to_owned())
    }

    /// What to type so that the step is possible.
    pub fn cure(&self, blocked: &Blocked) -> String {
        let path = &blocked.place;
        let (name, shown) = (&self.account.name, path.display());
        let Ok(meta) = std::fs::metadata(path) else {
            return format!("make it: `{shown}` has to be there, with all that belongs to it");
        };
        if blocked.error.kind() == io::ErrorKind::ReadOnlyFilesystem {
            return format!("`{shown}` is mounted read-only: see mount, and name another place");
        }
        let mode = Mode::of(&meta);
        let class = mode.class(&self.account);
        let (bits, letters) = match blocked.step.deed {
            Deed::Enter => (0o1, "x"),
            Deed::Read if meta.is_dir() => (0o5, "rx"),
            Deed::Read => (0o4, "r"),
            Deed::Write => (0o3, "rwx"),
            Deed::Connect => (0o2, "rw"),
        };
        if mode.allows(&self.account, bits) {
            return format!(
                "an access list or a mount shuts it out: sudo setfacl -m u:{name}:{letters} {shown}"
            );
        }
        match blocked.step.deed {
            Deed::Write if is_for_all(&blocked.step.path) => format!("sudo chmod 1777 {shown}"),
            Deed::Write => format!("sudo chown {name} {shown}"),
            Deed::Connect => {
                let group =
                    self.account.groups.first().map_or_else(|| name.clone(), |gid| users::group_name(*gid));
                format!("start the server with socketgroup={group} socketmode=0660")
            }
            Deed::Enter | Deed::Read if path.starts_with("/root") => {
                format!("leave `{shown}` closed, it is root's own: put what is needed below /srv or /opt")
            }
            Deed::Read => self.opened(&meta, mode, &shown.to_string()),
            Deed::Enter => format!("sudo chmod {class}+{letters} {shown}"),
        }
    }

    /// Opens something to be read: to those who are concerned, and to nobody else, where that takes nothing from others.
    fn opened(&self, meta: &Metadata, mode: Mode, path: &str) -> String {
        let (all, bits) = if meta.is_dir() { ("-R ", "rX") } else { ("", "r") };
        let class = mode.class(&self.account);
        let is_nobodys = mode.gid == 0 || mode.gid == mode.uid;
        match self.account.groups.first().filter(|_| class == 'o' && is_nobodys) {
            Some(gid) => {
                let group = users::group_name(*gid);
                format!("sudo chgrp {all}{group} {path} && sudo chmod {all}g+{bits} {path}")
            }
            None => format!("sudo chmod {all}{class}+{bits} {path}"),
        }
    }
}

impl Blocked {
    /// What cannot be done, as the rest of a sentence that begins with somebody.
    pub fn text(&self) -> String {
        let path = self.step.path.display();
        let shown = std::fs::metadata(&self.place).map(|meta| Mode::of(&meta).to_string());
        let shown = shown.unwrap_or_else(|_| self.error.to_string());
        match self.step.deed {
            Deed::Enter => format!("may not enter the folder `{path}` ({shown})"),
            Deed::Read => format!("may not read `{path}` ({shown})"),
            Deed::Write => format!("may not make files in the folder `{path}` ({shown})"),
            Deed::Connect => format!("may not connect to the socket `{path}` ({shown})"),
        }
    }
}

fn is_for_all(path: &Path) -> bool {
    ["/tmp", "/var/tmp", "/dev/shm"].iter().any(|folder| path == Path::new(folder))
}

/// The process runs no Python.
struct NoInterpreter;

impl ForkHooks for NoInterpreter {}

/// Hears all that is said until the end of the line, or until it takes too long.
fn listen(mut line: &UnixStream) -> Vec<u8> {
    let (mut said, deadline, mut buffer) = (Vec::new(), Instant::now() + PATIENCE, [0; 1024]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Vec::new();
        }
        if !socket::wait(line.as_fd(), true, false, left).is_ok_and(|found| found.readable || found.hung_up) {
            continue;
        }
        match line.read(&mut buffer) {
            Ok(0) | Err(_) => return said,
            Ok(got) => said.extend_from_slice(&buffer[..got]),
        }
    }
}

/// What is said when every step could be taken.
const ALL_WELL: &str = "well";

/// Time for a trial; a network's file system may be slow.
const PATIENCE: Duration = Duration::from_secs(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_goes_through_every_folder() {
        let steps = Step::way(Path::new("/a/b/c"), Deed::Read);
        let shown: Vec<String> =
            steps.iter().map(|step| format!("{:?} {}", step.deed, step.path.display())).collect();
        assert_eq!(shown, ["Enter /", "Enter /a", "Enter /a/b", "Read /a/b/c"]);
        assert_eq!(Step::way(Path::new("/"), Deed::Enter).len(), 1);
    }
}
