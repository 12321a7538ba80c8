//! The program that this process runs, so that it can be executed once more with other words.
//!
//! In a virtual environment `/proc/self/exe` is the Python that the environment was made from: what was typed tells more.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What has to be executed, without the words.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Program {
    path: PathBuf,
    /// Those that come before the words, as in `python -m fcgi_runner`.
    arguments: Vec<OsString>,
}

impl Program {
    /// This process' own, that was started with these words behind everything else; `None` where it was not.
    pub fn of_this_process(words: &[OsString], start_dir: &Path) -> Option<Self> {
        let bytes = std::fs::read("/proc/self/cmdline").ok()?;
        let line: Vec<OsString> = bytes
            .strip_suffix(b"\0")?
            .split(|byte| *byte == 0)
            .map(|word| OsString::from_vec(word.to_vec()))
            .collect();
        Self::of(&line, words, start_dir, Path::is_file)
    }

    /// A program by its path, to be started without further arguments.
    pub fn at(path: PathBuf) -> Self {
        Self { path, arguments: Vec::new() }
    }

    fn of(
        line: &[OsString],
        words: &[OsString],
        start_dir: &Path,
        is_file: impl Fn(&Path) -> bool,
    ) -> Option<Self> {
        let before = line.strip_suffix(words)?;
        let (name, arguments) = before.split_first()?;
        let path = if name.as_bytes().contains(&b'/') {
            start_dir.join(name)
        } else {
            let folders = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&folders)
                .map(|folder| start_dir.join(folder).join(name))
                .find(|path| is_file(path));
            found.or_else(|| std::env::current_exe().ok())?
        };
        Some(Self { path, arguments: arguments.to_vec() })
    }

    /// A command that executes it with these words.
    pub fn command(&self, words: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.arguments).args(words);
        command
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn strings(text: &str) -> Vec<OsString> {
        text.split_whitespace().map(Into::into).collect()
    }

    #[test]
    fn what_was_typed_is_found_again() {
        let of = |line: &str, words: &str| {
            Program::of(&strings(line), &strings(words), "/start".as_ref(), |path| {
                path == Path::new("/bin/fcgi-run")
            })
        };
        let program = of("venv/bin/python venv/bin/fcgi-run a=b c", "a=b c").unwrap();
        assert_eq!(program.path, Path::new("/start/venv/bin/python"));
        assert_eq!(program.arguments, ["venv/bin/fcgi-run"]);
        assert_eq!(of("/usr/bin/python3 -m fcgi_runner", "").unwrap().arguments, ["-m", "fcgi_runner"]);
        assert_eq!(of("/usr/bin/python3 script.py", "socket=s"), None);
        assert_eq!(of("", ""), None);
    }

    #[test]
    fn a_test_is_a_program_too() {
        let words: Vec<OsString> = std::env::args_os().skip(1).collect();
        let program = Program::of_this_process(&words, &std::env::current_dir().unwrap()).unwrap();
        let output = program.command(["--list", "os::program::"]).output().unwrap();
        assert!(String::from_utf8_lossy(&output.stdout).contains("a_test_is_a_program_too"));
    }
}
