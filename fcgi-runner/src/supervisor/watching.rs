//! Files that the master watches: those that are touched for a reload, and the script that a web server has started.

use std::path::PathBuf;
use std::time::Instant;

use super::{Command, Master};
use crate::os::sources::Sources;
use crate::os::watch::Watch;

/// What is watched; nothing of it costs anything where it is not asked for.
#[derive(Debug, Default)]
pub struct Watched {
    /// A change of these is a reload.
    pub touched: Option<Watch>,
    /// A change of this replaces the server.
    pub script: Option<Watch>,
    /// A change of these replaces the workers at once.
    pub sources: Option<Sources>,
}

impl Master<'_> {
    /// Looks at the files, if it is time.
    pub(super) fn mind_files(&mut self, now: Instant) {
        if !self.minds_files() {
            return;
        }
        if let Some(file) = self.job.watched.script.as_mut().and_then(|watch| watch.look(now)) {
            tracing::info!(file = %file.display(), "the script has changed");
            // One that has begun with what was there before is of no use.
            self.drop_heir();
            self.obey(Command::Upgrade);
        }
        if let Some(file) = self.job.watched.touched.as_mut().and_then(|watch| watch.look(now)) {
            tracing::info!(file = %file.display(), "touched");
            if self.job.host.is_given() && self.job.renews_in_place {
                self.drop_heir();
                self.obey(Command::Upgrade);
            } else if self.job.host.is_given() {
                self.hang_up();
            } else {
                self.obey(Command::Reload);
            }
        }
        if let Some(file) = self.job.watched.sources.as_mut().and_then(|sources| sources.look(now)) {
            tracing::info!(file = %file.display(), "changed: loading the application anew");
            self.obey(Command::Restart);
        }
    }

    /// Watches what a worker has imported.
    pub(super) fn watch_sources(&mut self, text: &str) {
        if let Some(sources) = &mut self.job.watched.sources {
            sources.add(text.lines().map(PathBuf::from));
        }
    }

    /// A server that stops has nothing to load anew, and a second wish to stop would cut off what still runs. What changes while
    /// one starts is seen when it serves, and not before it can do something about it.
    fn minds_files(&self) -> bool {
        !self.released && self.policy.is_announced()
    }

    /// When [`Master::mind_files`] has something to do.
    pub(super) fn files_want_at(&self) -> Option<Instant> {
        let Watched { touched, script, sources } = &self.job.watched;
        let files = touched.iter().chain(script).map(Watch::next_look);
        files.chain(sources.iter().map(Sources::next_look)).min().filter(|_| self.minds_files())
    }
}
