//! The program under test.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::SystemTime;

/// `FCGI_RUN_BIN`, or the `fcgi-run` beside the test, which is built first when it is missing or older than its source.
pub fn binary() -> &'static Path {
    static BINARY: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    BINARY.get_or_init(find).as_deref().unwrap_or_else(|error| panic!("{error}"))
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = env::var_os("FCGI_RUN_BIN") {
        return Ok(path.into());
    }
    let test = env::current_exe().unwrap();
    let profile = test.parent().and_then(Path::parent).unwrap();
    let path = profile.join("fcgi-run");
    let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
    let newest =
        ["fcgi-runner/src", "fcgi-proto/src"].into_iter().filter_map(|name| newest(&root.join(name)));
    if changed(&path) < newest.max() {
        build(root, profile)?;
    }
    Ok(path)
}

fn changed(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|meta| meta.modified()).ok()
}

/// When the file under `path` was changed that was changed last.
fn newest(path: &Path) -> Option<SystemTime> {
    match fs::read_dir(path) {
        Ok(entries) => entries.filter_map(|entry| newest(&entry.ok()?.path())).max(),
        Err(_) => changed(path),
    }
}

fn build(root: &Path, profile: &Path) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--package=fcgi-runner", "--bin=fcgi-run", "--target-dir"]);
    command.arg(profile.parent().unwrap()).current_dir(root);
    if profile.ends_with("release") {
        command.arg("--release");
    }
    let built = command.status().is_ok_and(|status| status.success());
    built
        .then_some(())
        .ok_or_else(|| "fcgi-run cannot be built; build it, or name it in FCGI_RUN_BIN".to_owned())
}
