//! From the path of a URL to an open file below a mount.
//!
//! In come a percent-decoded path and the mounts; out goes a regular file, opened. Nothing outside of the mount's
//! directory is ever opened: segments that could lead out are refused, and a symbolic link may only lead to a place
//! that is inside as well. Directories are not listed.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::config::StaticMount;
use crate::messages::Code;

/// The mounts, the longest URL first.
#[derive(Debug)]
pub(super) struct Mounts(Vec<StaticMount>);

impl Mounts {
    /// Sorts the mounts, and warns of directories that are not there.
    pub(super) fn new(mut mounts: Vec<StaticMount>) -> Self {
        for mount in mounts.iter().filter(|mount| !mount.dir.is_dir()) {
            tracing::warn!(
                code = %Code::STATIC_NO_FOLDER,
                "`{}` for `static={}` is no directory",
                mount.dir.display(),
                mount.url
            );
        }
        mounts.sort_by_key(|mount| std::cmp::Reverse(mount.url.len()));
        Self(mounts)
    }

    /// The mount that `path` lies under, and the rest of the path.
    pub(super) fn find<'p>(&self, path: &'p [u8]) -> Option<(&StaticMount, &'p [u8])> {
        self.0.iter().find_map(|mount| Some((mount, path.strip_prefix(mount.url.as_bytes())?)))
    }
}

/// A file that can be sent.
#[derive(Debug)]
pub(super) struct Found {
    pub file: File,
    pub length: u64,
    /// In whole seconds, as HTTP tells it; `None` if the file system does not know.
    pub modified: Option<SystemTime>,
}

/// Opens the file at `rest` below `dir`; `None` if there is no such file, or none that may be seen. Blocks.
///
/// # Errors
///
/// The file is there, but cannot be read.
pub(super) fn open(dir: &Path, rest: &[u8]) -> io::Result<Option<Found>> {
    let Some(relative) = safe_path(rest) else { return Ok(None) };
    let path = match resolve(dir, &relative) {
        Ok(Some(path)) => path,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
        Ok(None) | Err(_) => return Ok(None),
    };
    // Opening a named pipe would wait for its writer.
    if !path.metadata()?.is_file() {
        return Ok(None);
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if !metadata.is_file() {
        return Ok(None);
    }
    let modified = metadata.modified().ok().and_then(whole_seconds);
    Ok(Some(Found { file, length: metadata.len(), modified }))
}

/// The real path, if it is inside of `dir`.
fn resolve(dir: &Path, relative: &Path) -> io::Result<Option<PathBuf>> {
    let dir = dir.canonicalize()?;
    let path = dir.join(relative).canonicalize()?;
    Ok(Some(path).filter(|path| path.starts_with(&dir)))
}

/// The path as one relative to a directory, if each segment is the name of something in it.
fn safe_path(rest: &[u8]) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for segment in rest.split(|byte| *byte == b'/') {
        let leads_out = matches!(segment, b"" | b"." | b"..");
        if leads_out || segment.iter().any(|byte| matches!(byte, 0 | b'\\')) {
            return None;
        }
        path.push(OsStr::from_bytes(segment));
    }
    Some(path)
}

fn whole_seconds(time: SystemTime) -> Option<SystemTime> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    Some(UNIX_EPOCH + Duration::from_secs(since.as_secs()))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    use super::{Mounts, open, safe_path};
    use crate::config::StaticMount;

    fn mount(url: &str, dir: &str) -> StaticMount {
        StaticMount { url: url.to_owned(), dir: dir.into() }
    }

    #[test]
    fn the_longest_mount_wins() {
        let mounts = Mounts::new(vec![mount("/s/", "/"), mount("/s/media/", "/"), mount("/s/a/", "/")]);
        let found = |path: &'static [u8]| mounts.find(path).map(|(mount, rest)| (mount.url.as_str(), rest));
        assert_eq!(found(b"/s/x.css"), Some(("/s/", &b"x.css"[..])));
        assert_eq!(found(b"/s/media/a/b"), Some(("/s/media/", &b"a/b"[..])));
        assert_eq!(found(b"/s/"), Some(("/s/", &b""[..])));
        assert_eq!(found(b"/s"), None);
        assert_eq!(found(b"/static/x"), None);
    }

    #[test]
    fn paths_that_could_lead_out_are_refused() {
        for path in [
            "",
            "/",
            "..",
            "../x",
            "a/..",
            "a/../b",
            ".",
            "a/./b",
            "a//b",
            "/etc/passwd",
            "a/",
            "a\0b",
            "..\\x",
            "a\\b",
        ] {
            assert_eq!(safe_path(path.as_bytes()), None, "{path:?}");
        }
        for path in ["a", "a/b.css", "...", ".well-known/x", "a b/\u{e9}"] {
            assert_eq!(safe_path(path.as_bytes()).as_deref(), Some(Path::new(path)));
        }
    }

    /// The content of what is found, if anything is.
    fn content(dir: &Path, rest: &str) -> Option<String> {
        let mut found = open(dir, rest.as_bytes()).unwrap()?;
        let mut text = String::new();
        found.file.read_to_string(&mut text).unwrap();
        assert_eq!(found.length, text.len() as u64);
        Some(text)
    }

    #[test]
    fn files_inside_are_opened_and_nothing_else() {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join("files");
        fs::create_dir_all(dir.join("sub")).unwrap();
        fs::write(home.path().join("secret"), "secret").unwrap();
        fs::write(dir.join("sub/a.txt"), "hello").unwrap();
        symlink("sub/a.txt", dir.join("inside")).unwrap();
        symlink("../secret", dir.join("outside")).unwrap();
        symlink(home.path(), dir.join("up")).unwrap();
        symlink("loop", dir.join("loop")).unwrap();
        assert_eq!(content(&dir, "sub/a.txt").as_deref(), Some("hello"));
        assert_eq!(content(&dir, "inside").as_deref(), Some("hello"));
        for path in ["outside", "up/secret", "up/files/../secret", "sub", "sub/b.txt", "sub/a.txt/x", "loop"]
        {
            assert_eq!(content(&dir, path), None, "{path}");
        }
        assert_eq!(content(&dir, &"x".repeat(300)), None);
        assert_eq!(content(&home.path().join("missing"), "a"), None);
    }

    #[test]
    fn a_mount_may_be_a_link_itself() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join("v2")).unwrap();
        fs::write(home.path().join("v2/a"), "two").unwrap();
        symlink("v2", home.path().join("current")).unwrap();
        assert_eq!(content(&home.path().join("current"), "a").as_deref(), Some("two"));
    }
}
