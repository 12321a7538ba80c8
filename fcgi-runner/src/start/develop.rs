//! What the master watches; and for `reload=true`, what a worker does that cannot import the application.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::app::{Application, Host, LoadError};
use crate::config::Config;
use crate::messages::Code;
use crate::os::channel::{Line, Report};
use crate::os::sources::Sources;
use crate::os::watch::Watch;
use crate::supervisor::Watched;

/// All that the master watches.
pub(super) fn watched(
    config: &Config,
    host: &dyn Host,
    folders: &[PathBuf],
    script: Option<&PathBuf>,
) -> Watched {
    Watched {
        touched: watch(&config.touch_reload),
        script: watch(script),
        sources: sources(config, host, folders),
    }
}

/// Watches single files, if there are any.
pub(super) fn watch<'f>(files: impl IntoIterator<Item = &'f PathBuf>) -> Option<Watch> {
    Watch::begin(files.into_iter().cloned(), Instant::now())
}

/// The sources to be watched, if they are: these folders, and later what workers report.
fn sources(config: &Config, host: &dyn Host, folders: &[PathBuf]) -> Option<Sources> {
    if !config.reload {
        return None;
    }
    if host.is_given() {
        warn_of_no_master();
        return None;
    }
    Some(Sources::begin(folders.iter().cloned(), Instant::now()))
}

/// Says that nothing will be loaded anew.
pub(super) fn warn_of_no_master() {
    let code = Code::RELOAD_WITHOUT_MASTER;
    tracing::warn!(%code, "`reload` does nothing here, there is nobody who could load the application anew");
}

/// An application that shows why the real one cannot be imported, where people want to see that.
pub(super) fn substitute(
    config: &Config,
    host: &dyn Host,
    error: &LoadError,
) -> Option<Arc<dyn Application>> {
    let app = host.substitute(Some(error)).filter(|_| config.reload)?;
    let (cause, traceback) = error.message.split_once('\n').unwrap_or((&error.message, ""));
    tracing::error!(code = %error.code, traceback, "{cause}; browsers are shown why until it is mended");
    Some(app)
}

/// Tells the master which files the application is made of.
pub(super) fn report_sources(config: &Config, host: &dyn Host, line: &Line) {
    if !config.reload {
        return;
    }
    let mut files = host.sources();
    // What people change stands first, in case it does not all fit.
    files.sort_by_cached_key(|file| (is_installed(file), file.clone()));
    let mut texts = [String::new(), String::new()].into_iter();
    let mut text = texts.next().unwrap_or_default();
    for file in files.iter().filter_map(|file| file.to_str()).filter(|file| file.starts_with('/')) {
        if text.len() + file.len() > MOST_AT_ONCE {
            line.report(&Report::Sources(text));
            let Some(next) = texts.next() else { return };
            text = next;
        }
        text.push_str(file);
        text.push('\n');
    }
    line.report(&Report::Sources(text));
}

fn is_installed(file: &Path) -> bool {
    file.iter().any(|part| part == "site-packages" || part == "dist-packages")
        || file.to_string_lossy().contains("/lib/python3")
}

/// Bytes of a report; two of them fit on any line beside what else is to be said.
const MOST_AT_ONCE: usize = 60_000;
