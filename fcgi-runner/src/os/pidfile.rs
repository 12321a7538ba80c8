//! The pidfile: who serves, and the lock that says whether that is still true.
//!
//! The file holds the decimal process id and a newline. A lock (`flock`) on it lives exactly as long as its server, so a file
//! left behind by a server that was killed is no obstacle, whatever process has its number now. What does not begin with a number
//! is somebody's file, to which a mistake or a symbolic link has led: it is left as it is.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::heritage::{Bequest, Heirloom};
use crate::messages::Code;

/// A pidfile that belongs to this server.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
    /// Open and locked; the lock goes with the last descriptor of it.
    file: File,
}

/// Why there is no pidfile.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PidfileError {
    /// Its server is alive.
    #[error("the pidfile `{}` belongs to a running server (pid {pid})", path.display())]
    Alive { path: PathBuf, pid: String },
    /// Something else is there.
    #[error("`{}` is there and is no pidfile", .0.display())]
    NotAPidfile(PathBuf),
    /// The system refuses.
    #[error("the pidfile `{}` cannot be written: {source}", path.display())]
    System { path: PathBuf, source: io::Error },
}

impl PidfileError {
    /// The code of the message.
    pub const fn code(&self) -> Code {
        match self {
            Self::Alive { .. } => Code::PIDFILE_ALIVE,
            Self::NotAPidfile(_) => Code::NOT_A_PIDFILE,
            Self::System { .. } => Code::PIDFILE_SYSTEM,
        }
    }

    /// What the operator can do.
    pub fn hint(&self) -> String {
        match self {
            Self::Alive { path, .. } => {
                let path = path.display();
                format!(
                    "stop that server first, or reload it: `fcgi-run ctl stop pidfile={path}`, or `ctl reload`"
                )
            }
            Self::NotAPidfile(_) => {
                "choose another path for `pidfile=`, or remove the file yourself".to_owned()
            }
            Self::System { .. } => "choose a folder that exists and that this user may write to".to_owned(),
        }
    }
}

impl Pidfile {
    /// Locks the file and writes this process's id into it. A server that is just ending gets `patience`.
    ///
    /// # Errors
    /// See [`PidfileError`].
    pub fn claim(path: &Path, patience: Duration) -> Result<Self, PidfileError> {
        let failed = |source: io::Error| PidfileError::System { path: path.to_owned(), source };
        let deadline = Instant::now() + patience;
        loop {
            let mut file = open(path).map_err(failed)?;
            if !is_one(&file).map_err(failed)? {
                return Err(PidfileError::NotAPidfile(path.to_owned()));
            }
            match file.try_lock() {
                Ok(()) if is_still_at(&file, path) => {
                    let mut pidfile = Self { path: path.to_owned(), file };
                    pidfile.write().map_err(failed)?;
                    return Ok(pidfile);
                }
                // Its server has removed it between our opening and our locking: make a new one.
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    if Instant::now() >= deadline {
                        let mut pid = String::new();
                        let _ = file.read_to_string(&mut pid);
                        return Err(PidfileError::Alive {
                            path: path.to_owned(),
                            pid: pid.trim().to_owned(),
                        });
                    }
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
        }
    }

    /// Hands the file and its lock to the server that takes the place of this one.
    pub fn bequeath(&self, bequest: &mut Bequest) {
        bequest.add("pidfile", &[self.file.as_fd()], &[]);
    }

    /// Takes over the file of the server before, if it is the one at `path`; its content stays until
    /// [`Pidfile::take_over`].
    pub fn inherit(path: &Path, heirloom: Heirloom) -> Option<Self> {
        let [fd] = heirloom.fds()?;
        let file = File::from(fd);
        is_still_at(&file, path).then(|| Self { path: path.to_owned(), file })
    }

    /// Puts this process's id into a file that holds another; whoever reads it meanwhile finds one of the two.
    ///
    /// # Errors
    /// As the system says.
    pub fn take_over(&self) -> io::Result<()> {
        let ours = format!("{}\n", std::process::id());
        let before = usize::try_from(self.file.metadata()?.len()).unwrap_or(0).min(64);
        // In one write, over all that was there.
        self.file.write_all_at(format!("{ours:\n<before$}").as_bytes(), 0)?;
        self.file.set_len(ours.len() as u64)
    }

    /// Lets go of the file when another server has taken over: what it left of it is removed.
    pub fn leave(self) {
        let ours =
            fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == std::process::id().to_string());
        if ours {
            self.remove();
        }
    }

    fn write(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(format!("{}\n", std::process::id()).as_bytes())
    }

    /// Lets go of the file in a forked process, whose copy of the lock would otherwise outlive the server.
    pub fn disown(self) {
        drop(self);
    }

    /// Removes the file, if it is still the one that was claimed.
    pub fn remove(self) {
        if is_still_at(&self.file, &self.path) && fs::remove_file(&self.path).is_err() {
            // The folder is not ours to write to (any more): an empty file tells nobody a wrong number.
            let _ = self.file.set_len(0);
        }
    }
}

/// Opens it, and makes it if needed. Whoever could write to it could have another process killed in place of this one, so that is
/// nobody but its owner, with `umask=0` as well.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o644).open(path)
}

/// Whether a file is empty, or begins with a number.
pub(super) fn is_one(file: &File) -> io::Result<bool> {
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut beginning = [0; 64];
    let length = file.read_at(&mut beginning, 0)?;
    let mut words = beginning[..length].split(u8::is_ascii_whitespace);
    let first = words.find(|word| !word.is_empty());
    Ok(first.map_or(length < beginning.len(), |word| word.iter().all(u8::is_ascii_digit)))
}

fn is_still_at(file: &File, path: &Path) -> bool {
    match (file.metadata(), fs::metadata(path)) {
        (Ok(ours), Ok(there)) => ours.dev() == there.dev() && ours.ino() == there.ino(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    #[test]
    fn holds_the_pid_and_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let pidfile = Pidfile::claim(&path, NOW).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        pidfile.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_stale_one_is_no_obstacle_even_with_a_living_pid_in_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        fs::write(&path, "1\nand a longer rest\n").unwrap();
        let _pidfile = Pidfile::claim(&path, NOW).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
    }

    #[test]
    fn what_is_no_pidfile_is_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (path, link) = (dir.path().join("settings.py"), dir.path().join("x.pid"));
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for text in ["import os\n", "1a", "#!/bin/sh\n1\n", &"\n".repeat(65)] {
            fs::write(&path, text).unwrap();
            for path in [&path, &link] {
                let refused = Pidfile::claim(path, NOW);
                assert!(matches!(refused, Err(PidfileError::NotAPidfile(_))), "{text:?}: {refused:?}");
            }
            assert_eq!(fs::read_to_string(&path).unwrap(), text);
        }
        let refused = Pidfile::claim("/dev/null".as_ref(), NOW);
        assert!(matches!(refused, Err(PidfileError::NotAPidfile(_))), "{refused:?}");
        for text in ["", " 12\n", "\n"] {
            fs::write(&path, text).unwrap();
            Pidfile::claim(&path, NOW).unwrap().remove();
        }
    }

    #[test]
    fn a_live_one_is() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let _pidfile = Pidfile::claim(&path, NOW).unwrap();
        let Err(PidfileError::Alive { pid, .. }) = Pidfile::claim(&path, NOW) else {
            panic!("claimed twice")
        };
        assert_eq!(pid, std::process::id().to_string());
    }

    #[test]
    fn a_shorter_and_a_longer_number_are_written_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let pidfile = Pidfile::claim(&path, NOW).unwrap();
        for before in ["1\n", "123456789012\n", ""] {
            fs::write(&path, before).unwrap();
            pidfile.take_over().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", std::process::id()));
        }
    }

    #[test]
    fn what_a_successor_has_taken_over_is_left_and_the_rest_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let pidfile = Pidfile::claim(&path, NOW).unwrap();
        fs::write(&path, "1\n").unwrap();
        pidfile.leave();
        assert!(path.exists());
        // A child that another test is just starting has a copy of the lock for a moment.
        Pidfile::claim(&path, Duration::from_secs(20)).unwrap().leave();
        assert!(!path.exists());
    }

    #[test]
    fn the_file_of_a_successor_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.pid");
        let old = Pidfile::claim(&path, NOW).unwrap();
        fs::remove_file(&path).unwrap();
        let _new = Pidfile::claim(&path, NOW).unwrap();
        old.remove();
        assert!(path.exists());
    }
}
