//! Virtual environments: named, inherited, or beside the application.

use std::path::Path;
use std::process::Command;

use fcgi_tests::Sandbox;

/// Makes a virtual environment with a package that is installed nowhere else.
fn make(sandbox: &Sandbox, folder: &str, name: &str) {
    let path = sandbox.path(folder);
    let made = Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&path).output().unwrap();
    assert!(made.status.success(), "{made:?}");
    let packages = glob(&path.join("lib"), "python3.").join("site-packages");
    let package = packages.strip_prefix(sandbox.folder()).unwrap().join("only_in_a_venv/__init__.py");
    sandbox.write(package.to_str().unwrap(), &format!("NAME = {name:?}\n"));
}

fn glob(folder: &Path, prefix: &str) -> std::path::PathBuf {
    let mut entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.find(|path| path.file_name().unwrap().to_string_lossy().starts_with(prefix)).unwrap()
}

const APP: &str = "
import sys
import only_in_a_venv
def application(environ, start_response):
    start_response('200 OK', [])
    return [f'{only_in_a_venv.NAME} {sys.prefix} {sys.executable}'.encode()]
";

/// What the application says when it is started with these words and this `VIRTUAL_ENV`.
fn started(sandbox: &Sandbox, words: &[&str], variable: Option<&str>) -> String {
    let words = [&["socket=s.sock", "daemonize=false", "maxspare=1", "needy:application"], words].concat();
    let mut command = sandbox.command(&words);
    if let Some(folder) = variable {
        command.env("VIRTUAL_ENV", sandbox.path(folder));
    }
    let server = sandbox.serve_at(&mut command, sandbox.unix("s.sock"));
    let text = server.get("/").text();
    server.stop();
    text
}

#[test]
fn the_packages_of_a_virtual_environment_are_found() {
    let sandbox = Sandbox::new();
    sandbox.write("needy.py", APP);
    let without = sandbox.run(&["socket=s.sock", "daemonize=false", "needy:application"]);
    assert_eq!(without.status, Some(3), "{without:?}");
    assert!(without.err.contains("only_in_a_venv") && without.err.contains("virtualenv="), "{without:?}");
    make(&sandbox, "env", "named");
    make(&sandbox, "other", "inherited");
    let root = sandbox.folder().display();
    let expected = |name: &str, folder: &str| format!("{name} {root}/{folder} {root}/{folder}/bin/python");
    assert_eq!(started(&sandbox, &["virtualenv=env"], None), expected("named", "env"));
    assert_eq!(started(&sandbox, &[], Some("other")), expected("inherited", "other"));
    assert_eq!(started(&sandbox, &["virtualenv=env"], Some("other")), expected("named", "env"));
    make(&sandbox, ".venv", "beside");
    assert_eq!(started(&sandbox, &[], None), expected("beside", ".venv"));
    assert_eq!(started(&sandbox, &["preload"], Some("other")), expected("inherited", "other"));
}

#[test]
fn a_folder_that_is_no_virtual_environment_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("env/readme", "");
    for folder in ["env", "missing"] {
        let word = format!("virtualenv={folder}");
        let refused = sandbox.run(&["socket=s.sock", "daemonize=false", &word, "web:application"]);
        assert_eq!(refused.status, Some(3), "{refused:?}");
        assert!(refused.err.contains(folder) && refused.err.contains("hint: "), "{refused:?}");
        assert!(!sandbox.has("s.sock"));
    }
}

/// Settings that say `if find_spec("fcgi_runner.django")` must not fail where only the program is there.
#[test]
fn the_package_is_one_without_its_parts_where_only_the_program_is_installed() {
    let sandbox = Sandbox::new();
    let app = "
import importlib.util
import fcgi_runner
def application(environ, start_response):
    start_response('200 OK', [])
    specs = map(importlib.util.find_spec, ['fcgi_runner', 'fcgi_runner.django'])
    return [repr([spec is not None for spec in specs]).encode()]
";
    sandbox.write("lonely.py", app);
    let server = sandbox.serve_app("lonely:application", &["maxspare=1"]);
    assert_eq!(server.get("/").text(), "[True, False]");
    server.stop();
}
