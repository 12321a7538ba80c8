//! `fcgi-run check` about users: the one that the workers are to be, and the web server's. Root tries as them; anybody else reads
//! what needs root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use fcgi_tests::sandbox::{Finished, Sandbox};
use nix::unistd::{Group, User, getuid};

const APP: &str =
    "def application(environ, start_response):\n    start_response('200 OK', [])\n    return [b'x']\n";

/// A sandbox that others may look into, with an application in a folder of its own.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    mode(sandbox.folder(), 0o755);
    fs::create_dir(sandbox.path("site")).unwrap();
    sandbox.write("site/shop.py", APP);
    mode(&sandbox.path("site"), 0o755);
    sandbox
}

fn mode(path: &Path, bits: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
}

fn group_of_nobody() -> String {
    let user = User::from_name("nobody").unwrap().unwrap();
    Group::from_gid(user.gid).unwrap().unwrap().name
}

/// Runs a check with these words; no user is named elsewhere.
fn check(sandbox: &Sandbox, words: &[&str]) -> Finished {
    let usual =
        ["check", "socket=s.sock", "errlog=log", "pythonpath=site", "shop:application", "webuser=root"];
    let mut command = sandbox.command(&[&usual, words].concat());
    sandbox.finish(command.env_remove("FCGI_RUN_USER"))
}

fn flat(finished: &Finished) -> String {
    finished.out.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// For root true; anybody else has to read that it needs root.
#[track_caller]
fn is_root_or_refused(sandbox: &Sandbox, words: &[&str]) -> bool {
    if getuid().is_root() {
        return true;
    }
    let refused = check(sandbox, words);
    assert_eq!(refused.status, Some(2), "{refused:?}");
    assert!(flat(&refused).contains("[FR523]"), "{refused:?}");
    false
}

#[track_caller]
fn assert_finds(finished: &Finished, status: i32, parts: &[&str]) {
    assert_eq!(finished.status, Some(status), "{finished:?}");
    let text = flat(finished);
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in:\n{}", finished.out);
    }
    for line in finished.out.lines().filter(|line| !line.starts_with("    ") && !line.contains('/')) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn a_folder_that_is_closed_to_the_user_is_named_with_the_command_that_opens_it() {
    let sandbox = sandbox();
    if !is_root_or_refused(&sandbox, &["user=nobody"]) {
        return;
    }
    let open = check(&sandbox, &["user=nobody"]);
    assert_finds(&open, 0, &["user the application runs as `nobody`", "may read what it needs"]);
    let site = sandbox.path("site").canonicalize().unwrap();
    let group = group_of_nobody();
    mode(&site, 0o700);
    let closed = check(&sandbox, &["user=nobody"]);
    let text = format!("`nobody` may not read `{}` (mode 0700, owner root, group root)", site.display());
    let shown = site.display();
    let cure = format!("> sudo chgrp -R {group} {shown} && sudo chmod -R g+rX {shown}");
    assert_finds(&closed, 3, &[&text, "[FR332]", &cure]);
    assert!(flat(&closed).contains("problem user"), "{}", closed.out);
    // A start says the same, and what is advised is what it takes.
    let words = ["socket=s.sock", "daemonize=false", "pythonpath=site", "shop:application", "user=nobody"];
    let start = sandbox.finish(sandbox.command(&words).env_remove("FCGI_RUN_USER"));
    assert_eq!(start.status, Some(3), "{start:?}");
    let typed = cure.trim_start_matches("> ").replace("sudo ", "");
    assert!(Command::new("sh").args(["-c", &typed]).status().unwrap().success());
    assert_finds(&check(&sandbox, &["user=nobody"]), 0, &["may read what it needs"]);
    chown(site.join("shop.py"), None, Some(0)).unwrap();
    mode(&site.join("shop.py"), 0o600);
    let closed = check(&sandbox, &["user=nobody"]);
    let file = site.join("shop.py");
    let text = format!("`nobody` may not read `{}` (mode 0600", file.display());
    let shown = file.display();
    let cure = format!("> sudo chgrp {group} {shown} && sudo chmod g+r {shown}");
    assert_finds(&closed, 3, &[&text, "[FR332]", &cure]);
    // Where the group is somebody's already, it stays.
    chown(&file, None, Some(7)).unwrap();
    let closed = check(&sandbox, &["user=nobody"]);
    assert_finds(&closed, 3, &[&format!("> sudo chmod o+r {shown}")]);
    mode(&file, 0o604);
    mode(sandbox.folder(), 0o750);
    let folder = sandbox.folder().canonicalize().unwrap();
    let closed = check(&sandbox, &["user=nobody"]);
    let text = format!("`nobody` may not enter the folder `{}` (mode 0750", folder.display());
    assert_finds(&closed, 3, &[&text, &format!("> sudo chmod o+x {}", folder.display())]);
}

#[test]
fn groups_count_as_they_will() {
    let sandbox = sandbox();
    let words = ["user=12345", "group=54321", "groups=7"];
    if !is_root_or_refused(&sandbox, &words) {
        return;
    }
    let site = sandbox.path("site");
    chown(&site, None, Some(7)).unwrap();
    mode(&site, 0o750);
    assert_finds(&check(&sandbox, &words), 0, &["ok user", "runs as `12345` (groups 54321, "]);
    let closed = check(&sandbox, &["user=12345", "group=54321", "groups=none"]);
    assert_finds(&closed, 3, &["`12345` may not read", "[FR332]"]);
    chown(&site, None, Some(54321)).unwrap();
    mode(&site, 0o710);
    assert_finds(&check(&sandbox, &words), 3, &["may not read", "sudo chmod -R g+rX"]);
}

#[test]
fn what_the_user_may_not_write_is_a_warning() {
    let sandbox = sandbox();
    if !is_root_or_refused(&sandbox, &["user=nobody"]) {
        return;
    }
    fs::create_dir(sandbox.path("temporary")).unwrap();
    mode(&sandbox.path("temporary"), 0o755);
    let words =
        ["check", "socket=s.sock", "errlog=log", "pythonpath=site", "shop:application", "user=nobody"];
    let mut command = sandbox.command(&words);
    let found = sandbox.finish(command.env_remove("FCGI_RUN_USER").env("TMPDIR", sandbox.path("temporary")));
    let folder = sandbox.path("temporary").canonicalize().unwrap();
    let cure = format!("> sudo chown nobody {}", folder.display());
    assert_finds(&found, 0, &["`nobody` may not make files in the folder", "[FR333]", &cure]);
}

#[test]
fn a_virtual_environment_has_to_be_readable_with_its_python() {
    let sandbox = sandbox();
    if !is_root_or_refused(&sandbox, &["user=nobody"]) {
        return;
    }
    fs::create_dir_all(sandbox.path("env/lib/python3.11/site-packages")).unwrap();
    fs::create_dir_all(sandbox.path("python/bin")).unwrap();
    let home = sandbox.path("python/bin").canonicalize().unwrap();
    sandbox.write("env/pyvenv.cfg", &format!("home = {}\nversion = 3.11\n", home.display()));
    mode(&sandbox.path("env/lib/python3.11/site-packages"), 0o700);
    mode(&sandbox.path("python"), 0o700);
    let found = check(&sandbox, &["user=nobody", "virtualenv=env"]);
    let text = flat(&found);
    assert!(
        text.contains("site-packages` (mode 0700") && text.contains("/python` (mode 0700"),
        "{}",
        found.out
    );
}

#[test]
fn nobody_needs_to_be_told_of_a_user_without_root() {
    let sandbox = sandbox();
    let found = check(&sandbox, &[]);
    if getuid().is_root() {
        assert_finds(&found, 0, &["warning user the application runs as root [FR527]", "> add user="]);
    } else {
        assert!(!flat(&found).contains(" user "), "{}", found.out);
    }
    for (words, code) in [
        (&["user=no-such-user"][..], "[FR520]"),
        (&["socketgroup=no-such-group"], "[FR521]"),
        (&["allowedclients=10.0.0.1"], "[FR531]"),
    ] {
        let found = check(&sandbox, words);
        assert_finds(&found, 2, &["problem user", code]);
    }
}

#[test]
fn the_web_servers_user_tries_a_socket_just_like_the_one_to_come() {
    let sandbox = sandbox();
    let group = group_of_nobody();
    let shared = format!("socketgroup={group}");
    let words = [&shared[..], "socketmode=0660", "webuser=nobody"];
    if !is_root_or_refused(&sandbox, &words) {
        return;
    }
    let text = format!("`nobody` can connect (mode 0660, owner root, group {group})");
    assert_finds(&check(&sandbox, &words), 0, &[&text]);
    let closed = check(&sandbox, &["socketmode=0600", "webuser=nobody"]);
    let cure = format!("> start the server with socketgroup={group} socketmode=0660");
    assert_finds(&closed, 0, &["`nobody` may not connect to the socket", "[FR320]", &cure]);
    let list = check(&sandbox, &["socketmode=0666", "webuser=nobody", "allowedclients=user:root"]);
    assert_finds(&list, 0, &["`nobody` is not in `allowedclients` [FR532]"]);
    mode(sandbox.folder(), 0o710);
    let closed = check(&sandbox, &["socketmode=0666", "webuser=nobody"]);
    assert_finds(&closed, 0, &["`nobody` may not enter the folder", "> sudo chmod o+x "]);
    let left: Vec<_> =
        fs::read_dir(sandbox.folder()).unwrap().flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("check")), "{left:?}");
    assert!(!sandbox.has("s.sock"));
}
