//! Files that are looked at once a second, to see whether somebody has changed or touched them.
//!
//! `stat(2)` and not `inotify(7)`: it sees what another machine does to a shared folder, needs no folder to be there, and costs
//! microseconds a second, only where something is to be watched.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::stat::stat;

/// Files, and how they were at the last look.
#[derive(Clone, Debug)]
pub struct Watch {
    files: Vec<(PathBuf, Option<Stamp>)>,
    next_look: Instant,
}

/// What changes when a file is written, touched or replaced: device, inode, seconds and nanoseconds of its last change.
type Stamp = (u64, u64, i64, i64);

impl Watch {
    /// Begins with the files as they are; `None` where there is nothing to watch.
    pub fn begin(files: impl IntoIterator<Item = PathBuf>, now: Instant) -> Option<Self> {
        let files: Vec<_> = files
            .into_iter()
            .map(|path| {
                let there = stamp(&path);
                (path, there)
            })
            .collect();
        (!files.is_empty()).then(|| Self { files, next_look: now + PAUSE })
    }

    /// When [`Watch::look`] has something to do.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Looks at the files, if it is time: one that has changed or appeared since the last look.
    pub fn look(&mut self, now: Instant) -> Option<&Path> {
        if now < self.next_look {
            return None;
        }
        self.next_look = now + PAUSE;
        let mut changed = None;
        for (path, before) in &mut self.files {
            let there = stamp(path);
            if there.is_some() && there != *before {
                changed = Some(&**path);
            }
            *before = there;
        }
        changed
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let stat = stat(path).ok()?;
    Some((stat.st_dev, stat.st_ino, stat.st_mtime, stat.st_mtime_nsec))
}

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;

    /// A watch, and looks at it each of which is late enough.
    struct Looks {
        watch: Watch,
        now: Instant,
    }

    impl Looks {
        fn at(files: &[&Path]) -> Self {
            let now = Instant::now();
            Self { watch: Watch::begin(files.iter().map(|path| path.to_path_buf()), now).unwrap(), now }
        }

        fn look(&mut self) -> Option<PathBuf> {
            self.now += PAUSE;
            self.watch.look(self.now).map(Path::to_owned)
        }
    }

    #[test]
    fn sees_a_file_that_is_touched_replaced_or_appears_once_each() {
        let dir = tempfile::tempdir().unwrap();
        let (here, later) = (dir.path().join("here"), dir.path().join("later"));
        fs::write(&here, "").unwrap();
        let mut looks = Looks::at(&[&here, &later]);
        assert_eq!(looks.look(), None);
        File::options().write(true).open(&here).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!((looks.look(), looks.look()), (Some(here.clone()), None));
        fs::write(&later, "").unwrap();
        assert_eq!((looks.look(), looks.look()), (Some(later.clone()), None));
        let new = dir.path().join("new");
        fs::write(&new, "").unwrap();
        fs::rename(&new, &here).unwrap();
        assert_eq!((looks.look(), looks.look()), (Some(here), None));
        fs::remove_file(&later).unwrap();
        assert_eq!(looks.look(), None);
        fs::write(&later, "").unwrap();
        assert_eq!(looks.look(), Some(later));
    }

    #[test]
    fn looks_once_a_second_and_not_at_nothing() {
        let now = Instant::now();
        assert!(Watch::begin([], now).is_none());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let mut watch = Watch::begin([path.clone()], now).unwrap();
        fs::write(&path, "").unwrap();
        assert_eq!(watch.look(now + PAUSE / 2), None);
        assert_eq!(watch.look(watch.next_look()), Some(&*path));
    }
}
