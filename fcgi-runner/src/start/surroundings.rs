//! What this process was given beside its words, and what is nobody else's business: taken out of the environment at once, so
//! that neither workers nor what applications start can take it for theirs.

use std::path::PathBuf;

use super::Door;
use crate::os::notify::{self, ServiceManager};
use crate::sites::PROBLEM;

/// What came with the environment.
pub(super) struct Surroundings {
    /// Who wants to know how things are.
    pub(super) manager: Option<ServiceManager>,
    /// The script that has called us, if it is one that web servers start.
    pub(super) script: Option<PathBuf>,
}

impl Surroundings {
    /// Reads it, and has the variables forgotten.
    pub(super) fn take(door: &Door<'_>) -> Self {
        let manager = ServiceManager::find(|name| std::env::var_os(name), std::process::id());
        for name in notify::VARIABLES {
            if std::env::var_os(name).is_some() {
                (door.forget)(name);
            }
        }
        let script =
            door.script.clone().filter(|path| path.extension().is_some_and(|suffix| suffix == "fcgi"));
        Self { manager, script }
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
