//! A folder of its own for each test, and the server's processes started in it.
//!
//! Every process that is started here carries a mark in its environment, which its children inherit: so those that are left
//! over are found, however far they have gone, and ended when the test is over.

use std::cell::Cell;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getuid};
use tempfile::TempDir;

use crate::binary::binary;
use crate::client::Address;
use crate::processes;
use crate::server::Server;
use crate::wait::{until, until_some};

/// A folder, and what runs in it.
#[derive(Debug)]
pub struct Sandbox {
    folder: TempDir,
    output: TempDir,
    mark: String,
    started: Cell<u32>,
}

/// A process that has come to its end.
#[derive(Clone, Debug)]
pub struct Finished {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

/// A process that was started, with files that take its output.
#[derive(Debug)]
pub struct Started {
    pub child: Child,
    pub out: PathBuf,
    pub err: PathBuf,
}

impl Sandbox {
    /// An empty folder.
    pub fn empty() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = tempfile::Builder::new().prefix("fcgi-").tempdir().unwrap();
        let output = tempfile::Builder::new().prefix("fcgi-out-").tempdir().unwrap();
        let mark = format!("FCGI_TESTS_MARK={}-{number}", process::id());
        Self { folder, output, mark, started: Cell::new(0) }
    }

    /// A folder with the application of `src/web.py` in `web.py`.
    pub fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.write("web.py", WEB);
        sandbox
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Whether something is at a path in the folder.
    pub fn has(&self, name: &str) -> bool {
        fs::symlink_metadata(self.path(name)).is_ok()
    }

    /// Writes a file, with its folders.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Reads a file; one that is not there is empty.
    pub fn read(&self, name: &str) -> String {
        fs::read(self.path(name))
            .map_or_else(|_| String::new(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The address of a Unix socket in the folder.
    pub fn unix(&self, name: &str) -> Address {
        Address::Unix(self.path(name))
    }

    /// Changes the code of the application that is served, so that the interpreter notices it.
    pub fn new_version(&self, version: &str) {
        self.write("web.py", &WEB.replace("VERSION = \"one\"", &format!("VERSION = {version:?}")));
        // Compiled code is told from the source by its second and its size alone.
        let _ = fs::remove_dir_all(self.path("__pycache__"));
    }

    /// The command `fcgi-run` with these words, to be started in the folder.
    pub fn command<S: AsRef<OsStr>>(&self, words: &[S]) -> Command {
        let mut command = self.marked(binary());
        command.args(words);
        command
    }

    /// Another program, started like ours.
    pub fn marked(&self, program: impl AsRef<OsStr>) -> Command {
        let (name, value) = self.mark.split_once('=').unwrap();
        let mut command = Command::new(program);
        command.current_dir(self.folder()).stdin(Stdio::null()).env(name, value);
        for (variable, _) in env::vars_os() {
            let variable = variable.to_string_lossy().into_owned();
            let ours = variable.starts_with("FCGI_RUN_") || variable.starts_with("LISTEN_");
            let python = variable.starts_with("PYTHON");
            if ours || python || matches!(&variable[..], "VIRTUAL_ENV" | "DJANGO_SETTINGS_MODULE") {
                command.env_remove(variable);
            }
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1");
        // Root is warned unless it says that it means it.
        command.env("FCGI_RUN_USER", getuid().to_string());
        command
    }

    /// Starts a command, its output going to files.
    pub fn spawn(&self, command: &mut Command) -> Started {
        let number = self.started.replace(self.started.get() + 1);
        let out = self.output.path().join(format!("{number}.out"));
        let err = self.output.path().join(format!("{number}.err"));
        let child = command
            .stdout(fs::File::create(&out).unwrap())
            .stderr(fs::File::create(&err).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Started { child, out, err }
    }

    /// Runs a command to its end.
    pub fn finish(&self, command: &mut Command) -> Finished {
        self.spawn(command).finish()
    }

    /// Runs `fcgi-run` with these words to its end.
    pub fn run<S: AsRef<OsStr>>(&self, words: &[S]) -> Finished {
        self.finish(&mut self.command(words))
    }

    /// Starts a server in the foreground on the Unix socket `s.sock`, with the application of `web.py`; gives it back when it
    /// serves.
    pub fn serve(&self, words: &[&str]) -> Server<'_> {
        self.serve_app("web:application", words)
    }

    /// As [`Self::serve`], with another application.
    pub fn serve_app(&self, app: &str, words: &[&str]) -> Server<'_> {
        let all = [&["socket=s.sock", "daemonize=false", app], words].concat();
        self.serve_at(&mut self.command(&all), self.unix("s.sock"))
    }

    /// As [`Self::serve`], for a server that speaks to a log file: gives it back when it has answered.
    pub fn serve_and_ask(&self, words: &[&str]) -> Server<'_> {
        let all = [&["socket=s.sock", "daemonize=false", "web:application"], words].concat();
        let started = self.spawn(&mut self.command(&all));
        let mut server = Server::new(self, started, self.unix("s.sock"));
        server.wait_until_it_answers();
        server
    }

    /// Starts a server by a command; gives it back when it serves at the address.
    pub fn serve_at(&self, command: &mut Command, address: Address) -> Server<'_> {
        let started = self.spawn(command);
        let mut server = Server::new(self, started, address);
        server.wait_until_announced();
        server
    }

    /// As [`Self::serve_at`], for a server that says nothing: gives it back when it answers.
    pub fn serve_silently(&self, command: &mut Command, address: Address) -> Server<'_> {
        let started = self.spawn(command);
        let mut server = Server::new(self, started, address);
        server.wait_until_it_answers();
        server
    }

    /// Starts a server in the background, which has to tell its pid in `x.pid`; gives the pid.
    pub fn daemon(&self, words: &[&str]) -> i32 {
        let all = [&["socket=s.sock", "pidfile=x.pid", "web:application"], words].concat();
        let launcher = self.run(&all);
        assert_eq!(launcher.status, Some(0), "{launcher:?}");
        self.pid()
    }

    /// The pid in `x.pid`.
    pub fn pid(&self) -> i32 {
        let text = self.read("x.pid");
        text.strip_suffix('\n')
            .and_then(|text| text.parse().ok())
            .unwrap_or_else(|| panic!("pidfile: {text:?}"))
    }

    /// All processes that were started here, and their descendants.
    pub fn processes(&self) -> Vec<i32> {
        processes::marked(&self.mark)
    }

    /// Waits until nobody is left.
    pub fn wait_for_nobody(&self) {
        until("all processes have ended", || self.processes().is_empty());
    }

    /// Requests that the application holds under a name, by the pids that serve them.
    pub fn held(&self, name: &str) -> Vec<i32> {
        let prefix = format!("held-{name}-");
        let names = fs::read_dir(self.folder())
            .unwrap()
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        names.filter_map(|file| file.strip_prefix(&prefix)?.split('-').next()?.parse().ok()).collect()
    }

    /// Waits until a file is there.
    pub fn wait_for_file(&self, name: &str) {
        until(name, || self.has(name));
    }

    /// Waits until so many requests are held under a name; gives their pids.
    pub fn wait_for_held(&self, name: &str, count: usize) -> Vec<i32> {
        until_some(&format!("{count} requests held as {name}"), || {
            Some(self.held(name)).filter(|h| h.len() == count)
        })
    }

    /// Lets the requests go on that are held under a name.
    pub fn release(&self, name: &str) {
        self.write(&format!("go-{name}"), "");
    }

    /// Lets further requests under a name be held again.
    pub fn forget(&self, name: &str) {
        fs::remove_file(self.path(&format!("go-{name}"))).unwrap();
    }
}

impl Default for Sandbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // Forking may go on while the processes are counted.
        while let left @ [_, ..] = &self.processes()[..] {
            for pid in left {
                let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
            }
        }
    }
}

impl Started {
    /// Waits for the end.
    pub fn finish(mut self) -> Finished {
        let mut text = String::new();
        let status = until_some("the process has ended", || {
            text = self.err_text();
            self.child.try_wait().unwrap()
        });
        Finished { status: status.code(), out: fs::read_to_string(&self.out).unwrap(), err: self.err_text() }
    }

    /// What it has written to standard error so far.
    pub fn err_text(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.err).unwrap()).into_owned()
    }
}

const WEB: &str = include_str!("web.py");
