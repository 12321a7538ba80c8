//! What this process was given beside its words, and what is nobody else's business: taken out of the environment at once, so
//! that neither workers nor what applications start can take it for theirs.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;

use super::{Door, doors};
use crate::os::daemon::Verdict;
use crate::os::handoff::Handoff;
use crate::os::heritage::{self, Again, Heirloom, Heritage};
use crate::os::listener::{self, Listener};
use crate::os::notify::{self, ServiceManager};
use crate::os::process;
use crate::os::successor::REHEARSAL;
use crate::sites::PROBLEM;
use crate::supervisor::control;

/// What came with the environment.
pub(super) struct Surroundings {
    /// Who wants to know how things are.
    pub(super) manager: Option<ServiceManager>,
    /// The script that has called us, if it is one that web servers start.
    pub(super) script: Option<PathBuf>,
    /// How this program is started once more; `None` where that is not known.
    pub(super) again: Option<Again>,
    /// Another server is waiting for this one to take its place.
    pub(super) is_heir: bool,
    /// This process is to find out whether it could serve, and to end then.
    pub(super) is_rehearsal: bool,
    /// Its sockets, until they are taken.
    pub(super) listeners: RefCell<Vec<Listener>>,
    /// Those at which it tells its status.
    pub(super) doors: RefCell<Vec<Listener>>,
    /// That on which it answers an operator.
    pub(super) controls: RefCell<Vec<Listener>>,
    pub(super) pidfile: Cell<Option<Heirloom>>,
    pub(super) handoff: Cell<Option<Handoff>>,
    /// How it hears of what comes of the start.
    pub(super) verdict: Cell<Option<Verdict>>,
}

impl Surroundings {
    /// Reads it, and has the variables forgotten.
    pub(super) fn take(door: &Door<'_>) -> Self {
        let again = again(door);
        let manager = ServiceManager::find(|name| std::env::var_os(name), std::process::id());
        let handed = std::env::var_os(heritage::VARIABLE);
        for name in notify::VARIABLES.into_iter().chain([heritage::VARIABLE]) {
            if std::env::var_os(name).is_some() {
                (door.forget)(name);
            }
        }
        let script =
            door.script.clone().filter(|path| path.extension().is_some_and(|suffix| suffix == "fcgi"));
        // A text that is none comes from nobody who waits.
        let mut heritage = handed.and_then(|text| Heritage::read(&text).ok()).unwrap_or_default();
        let verdict = heritage.take("verdict").and_then(Heirloom::fds).map(|[fd]| Verdict::from(fd));
        let mut listeners = |name: &str| {
            let taken = heritage.take_all(name).into_iter().filter_map(Listener::inherit);
            RefCell::new(taken.collect())
        };
        let visited = listeners(listener::HEIRLOOM);
        let (doors, controls) = (listeners(doors::HEIRLOOM), listeners(control::HEIRLOOM));
        Self {
            manager,
            script,
            again,
            is_heir: verdict.is_some(),
            is_rehearsal: heritage.take(REHEARSAL).is_some(),
            listeners: visited,
            doors,
            controls,
            pidfile: Cell::new(heritage.take("pidfile")),
            handoff: Cell::new(heritage.take("handoff").and_then(Handoff::inherit)),
            verdict: Cell::new(verdict),
        }
    }

    /// Lets go of what was handed over and is of no use with the options of today.
    pub(super) fn drop_leftovers(&self) {
        for listener in self.listeners.take().into_iter().chain(self.doors.take()).chain(self.controls.take())
        {
            listener.remove_file();
        }
        self.pidfile.take();
    }

    /// Tells whoever has started this process, and asked for it, why it cannot serve.
    pub(super) fn tell_problem(&self, text: &str) {
        if let Some(manager) = &self.manager {
            let first = text.lines().next().unwrap_or_default();
            let lines = text.trim_end().replace('\n', "\u{1f}");
            // Nobody else can be told that it does not listen.
            let _ = manager.tell(&format!("STATUS={first}\n{PROBLEM}={lines}"));
        }
    }
}

/// The command of this process, with the environment and the folder that it has now.
fn again(door: &Door<'_>) -> Option<Again> {
    let (program, arguments) = door.command.clone()?;
    let here = std::env::current_dir().ok()?;
    // A shell tells by which name it went there: that of a link goes on to mean what the link will point to.
    let by_name = std::env::var_os("PWD").map(PathBuf::from);
    let folder =
        by_name.filter(|path| path.is_absolute() && path.canonicalize().is_ok_and(|real| real == here));
    let folder = folder.unwrap_or(here);
    let program = folder.join(program);
    // A script may have changed its own for the modules that it imports, and will do so again.
    let environment = process::first_environment().unwrap_or_else(|| std::env::vars_os().collect());
    Some(Again { program, arguments, folder, environment })
}
