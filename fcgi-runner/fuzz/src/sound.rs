//! What holds for every `Config` and for every message, whatever was typed.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::Path};

use crate::config::{Config, Listen, LogPlace};
use crate::options::{UsageError, error::SOCKET_PATH_LIMIT};

/// Panics unless everything that the rest of the program relies on is true.
pub fn assert_sound(config: &Config) {
    assert!(config.min_spare <= config.max_spare && config.max_spare <= config.max_children);
    assert!(config.max_spare >= 1 && config.threads != Some(0));
    assert!(config.umask <= 0o777 && config.socket_mode.is_none_or(|mode| mode <= 0o777));
    assert!(config.limits.max_body != Some(0) && config.limits.max_connections != Some(0));
    assert!(config.limits.max_active >= 1 && config.limits.max_pairs >= 1);
    let files = [&config.pidfile, &config.workdir, &config.virtualenv];
    files.into_iter().flatten().for_each(|path| assert_path(path));
    for log in [&config.outlog, &config.errlog, &config.accesslog].into_iter().flatten() {
        match log {
            LogPlace::File(path) | LogPlace::Syslog(Some(path)) | LogPlace::Journal(Some(path)) => assert_path(path),
            LogPlace::Syslog(None) | LogPlace::Journal(None) => {}
        }
    }
    config.pythonpath.iter().for_each(|path| assert_path(path));
    let texts = [&config.app, &config.authorizer, &config.filter, &config.settings, &config.script_name];
    texts.into_iter().flatten().for_each(|text| assert_no_nul(text.as_ref()));
    if let Some(prefix) = config.script_name.as_deref() {
        assert!(prefix.is_empty() || (prefix.starts_with('/') && !prefix.ends_with('/')), "{prefix:?}");
    }
    match &config.listen {
        Listen::Auto => {}
        Listen::Fd(fd) => assert!(*fd >= 0),
        Listen::Tcp { host, .. } => assert_host(host),
        Listen::Unix(path) => {
            assert_path(path);
            assert!(path.as_os_str().len() <= SOCKET_PATH_LIMIT);
        }
    }
    if let Some(http) = &config.http {
        assert_host(&http.host);
    }
    for mount in &config.statics {
        assert!(mount.url.starts_with('/') && mount.url.ends_with('/'), "{:?}", mount.url);
        assert_path(&mount.dir);
    }
    config.warnings.iter().for_each(|warning| assert_one_line(warning));
}

/// Panics unless the report of an error is what operators are promised: the cause and a hint, a line each.
pub fn assert_two_lines(error: &UsageError) {
    let report = error.report();
    let lines: Vec<&str> = report.strip_suffix('\n').expect("a last line that ends").split('\n').collect();
    let [cause, hint] = lines[..] else { panic!("{} lines: {report:?}", lines.len()) };
    assert!(cause.starts_with("error[FR") && cause.len() > 14, "{cause:?}");
    assert!(hint.starts_with("hint: ") && hint.len() > 7, "{hint:?}");
    assert_one_line(cause);
    assert_one_line(hint);
}

/// Panics if a text could end its line, or do things to the terminal that it is shown on.
pub fn assert_one_line(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?}");
}

fn assert_path(path: &Path) {
    assert!(path.is_absolute(), "{}", path.display());
    assert_no_nul(path.as_os_str());
}

fn assert_host(host: &str) {
    assert!(!host.trim().is_empty() && !host.contains(['[', ']']), "{host:?}");
    assert_no_nul(host.as_ref());
}

/// No system call takes such a text.
fn assert_no_nul(text: &OsStr) {
    assert!(!text.as_bytes().contains(&0), "{text:?}");
}
