//! Watching the sources of an application while somebody writes it: whole folders, and single files beside them.
//!
//! Looking is done again and again, since it works on every file system, also those of containers and other machines. A look
//! takes a bounded part of the time, however many files there are.

use std::collections::BTreeMap;
use std::fs::{self, DirEntry};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Sources that are watched.
#[derive(Debug)]
pub struct Sources {
    folders: Vec<PathBuf>,
    /// Files outside of the folders; what was watched once stays, also where an import has failed since.
    others: BTreeMap<PathBuf, Option<Stamp>>,
    inside: BTreeMap<PathBuf, Stamp>,
    /// What has changed, until nothing changes any more.
    changed: Option<PathBuf>,
    next_look: Instant,
}

/// What changes when a file is written or replaced: device, inode, length, seconds and nanoseconds of its last change.
type Stamp = (u64, u64, u64, i64, i64);

impl Sources {
    /// Begins with the folders as they are.
    pub fn begin(folders: impl IntoIterator<Item = PathBuf>, now: Instant) -> Self {
        let mut all: Vec<PathBuf> = Vec::new();
        for folder in folders {
            let folder = folder.canonicalize().unwrap_or(folder);
            if !all.iter().any(|known| folder.starts_with(known)) {
                all.retain(|known| !known.starts_with(&folder));
                all.push(folder);
            }
        }
        let inside = walk(&all);
        Self { folders: all, others: BTreeMap::new(), inside, changed: None, next_look: now + PAUSE }
    }

    /// Watches these files as well, from now on.
    pub fn add(&mut self, files: impl IntoIterator<Item = PathBuf>) {
        for file in files {
            if !self.inside.contains_key(&file) && self.others.len() < MOST {
                self.others.entry(file).or_insert_with_key(|file| stamp(file));
            }
        }
    }

    /// When [`Sources::look`] has something to do.
    pub fn next_look(&self) -> Instant {
        self.next_look
    }

    /// Looks at everything, if it is time: a file that has changed, appeared or gone, once all is at rest again. Many files may be
    /// saved together, and some editors write them in two steps.
    pub fn look(&mut self, now: Instant) -> Option<PathBuf> {
        if now < self.next_look {
            return None;
        }
        let begun = Instant::now();
        let inside = walk(&self.folders);
        let mut changed = difference(&self.inside, &inside);
        self.inside = inside;
        for (path, before) in &mut self.others {
            let there = stamp(path);
            if there != *before {
                changed = Some(path.clone());
            }
            *before = there;
        }
        let is_at_rest = changed.is_none();
        self.changed = changed.or(self.changed.take());
        let pause = if is_at_rest { PAUSE } else { SETTLING };
        self.next_look = now + pause.max(begun.elapsed() * SHARE);
        if is_at_rest { self.changed.take() } else { None }
    }
}

/// Something that is not the same on both sides; what is new or other goes before what is gone.
fn difference(before: &BTreeMap<PathBuf, Stamp>, now: &BTreeMap<PathBuf, Stamp>) -> Option<PathBuf> {
    let changed = now.iter().find(|(path, stamp)| before.get(*path) != Some(stamp));
    let gone = || before.iter().find(|(path, _)| !now.contains_key(*path));
    changed.or_else(gone).map(|(path, _)| path.clone())
}

/// The sources in these folders and below.
fn walk(folders: &[PathBuf]) -> BTreeMap<PathBuf, Stamp> {
    let mut found = BTreeMap::new();
    let mut open: Vec<(PathBuf, usize)> = folders.iter().map(|folder| (folder.clone(), 0)).collect();
    let mut seen = 0;
    while let Some((folder, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            seen += 1;
            if seen > MOST {
                return found;
            }
            let Ok(kind) = entry.file_type() else { continue };
            if kind.is_dir() && depth < DEEPEST && is_of_interest(&entry) {
                open.push((entry.path(), depth + 1));
            } else if !kind.is_dir() && is_source(&entry.path()) {
                let path = entry.path();
                if let Some(stamp) = stamp(&path) {
                    found.insert(path, stamp);
                }
            }
        }
    }
    found
}

/// Neither hidden, nor a heap of what others have written.
fn is_of_interest(folder: &DirEntry) -> bool {
    let name = folder.file_name();
    let name = name.to_string_lossy();
    !name.starts_with('.')
        && !matches!(&*name, "__pycache__" | "node_modules" | "site-packages")
        && !folder.path().join("pyvenv.cfg").exists()
}

fn is_source(path: &Path) -> bool {
    path.extension().and_then(|suffix| suffix.to_str()).is_some_and(|suffix| SUFFIXES.contains(&suffix))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let meta = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    Some((meta.dev(), meta.ino(), meta.len(), meta.mtime(), meta.mtime_nsec()))
}

/// Modules, and templates, which frameworks keep in memory.
const SUFFIXES: [&str; 8] = ["py", "pyi", "html", "htm", "jinja", "jinja2", "j2", "mako"];

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(400);

/// From a change to the next look.
const SETTLING: Duration = Duration::from_millis(60);

/// A look may take a twentieth of the time.
const SHARE: u32 = 20;

/// Files and folders that are looked at.
const MOST: usize = 50_000;

/// Folders within folders.
const DEEPEST: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder and looks at it, each of which is late enough.
    struct Looks {
        folder: tempfile::TempDir,
        sources: Sources,
    }

    impl Looks {
        fn new(files: &[&str]) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let sources = Sources::begin([], Instant::now());
            let mut looks = Self { folder, sources };
            for file in files {
                looks.write(file, "1");
            }
            looks.sources = Sources::begin([looks.folder.path().to_owned()], Instant::now());
            looks
        }

        fn write(&self, name: &str, text: &str) {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        /// A look, and one more to see that all is at rest.
        fn look(&mut self) -> Option<String> {
            let first = self.sources.look(self.sources.next_look());
            let changed = first.or_else(|| self.sources.look(self.sources.next_look()))?;
            Some(changed.file_name().unwrap().to_string_lossy().into_owned())
        }
    }

    #[test]
    fn changed_new_and_deleted_files_are_seen_once() {
        let mut looks = Looks::new(&["a.py", "sub/b.py"]);
        assert_eq!(looks.look(), None);
        looks.write("sub/b.py", "12");
        assert_eq!((looks.look(), looks.look()), (Some("b.py".into()), None));
        looks.write("new/deep/c.py", "1");
        assert_eq!((looks.look(), looks.look()), (Some("c.py".into()), None));
        looks.write("page.html", "1");
        assert_eq!(looks.look(), Some("page.html".into()));
        fs::remove_file(looks.folder.path().join("a.py")).unwrap();
        assert_eq!((looks.look(), looks.look()), (Some("a.py".into()), None));
    }

    #[test]
    fn what_nobody_writes_by_hand_is_left_out() {
        let mut looks = Looks::new(&["a.py", "venv/pyvenv.cfg"]);
        for name in
            ["venv/x.py", ".git/x.py", "__pycache__/x.py", "node_modules/x.html", "data.json", "x.pyc"]
        {
            looks.write(name, "1");
            assert_eq!(looks.look(), None, "{name}");
        }
    }

    #[test]
    fn single_files_stay_watched_also_when_they_are_gone() {
        let mut looks = Looks::new(&["a.py"]);
        let other = tempfile::tempdir().unwrap();
        let file = other.path().join("other.py");
        fs::write(&file, "1").unwrap();
        looks.sources.add([file.clone(), file.clone()]);
        assert_eq!(looks.look(), None);
        fs::remove_file(&file).unwrap();
        assert_eq!((looks.look(), looks.look()), (Some("other.py".into()), None));
        fs::write(&file, "1").unwrap();
        assert_eq!((looks.look(), looks.look()), (Some("other.py".into()), None));
    }

    #[test]
    fn a_change_is_told_when_all_is_at_rest() {
        let mut looks = Looks::new(&["a.py"]);
        for size in 2..5 {
            looks.write("a.py", &"1".repeat(size));
            assert_eq!(looks.sources.look(looks.sources.next_look()), None);
        }
        assert!(looks.sources.look(looks.sources.next_look()).is_some());
        assert_eq!(looks.look(), None);
    }

    #[test]
    fn it_is_not_looked_before_it_is_time() {
        let mut looks = Looks::new(&["a.py"]);
        looks.write("a.py", "12");
        let due = looks.sources.next_look();
        assert_eq!(looks.sources.look(due.checked_sub(Duration::from_millis(1)).unwrap()), None);
    }
}
