//! Who the workers are, what they may have, and whose the socket is.
//!
//! What only root may do is tried by root; anybody else is to read that it needs root. No test is left out for either.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use fcgi_tests::{Request, Sandbox, Server, ask, processes, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, User, getgid, getuid};

fn is_root() -> bool {
    getuid().is_root()
}

/// The user as whom workers are to run.
fn nobody() -> User {
    User::from_name("nobody").unwrap().unwrap()
}

/// Shows who serves.
const WHO: &str = r#"
import os, resource

def application(environ, start_response):
    def attempt(action):
        try:
            action()
        except OSError as error:
            return type(error).__name__
        return "done"

    start_response("200 OK", [("Content-Type", "text/plain")])
    word = environ["PATH_INFO"].strip("/")
    answers = {
        "ids": lambda: (os.getresuid(), os.getresgid(), sorted(os.getgroups())),
        "back": lambda: [attempt(lambda: os.setresuid(0, 0, 0)), attempt(lambda: os.setresgid(0, 0, 0)),
                         attempt(lambda: os.setgroups([0]))],
        "variables": lambda: [os.environ.get(name) for name in ("HOME", "USER", "LOGNAME")],
        "home": lambda: os.path.expanduser("~"),
        "limits": lambda: [resource.getrlimit(limit) for limit in
                           (resource.RLIMIT_NOFILE, resource.RLIMIT_CORE, resource.RLIMIT_AS)],
        "status": lambda: open("/proc/self/status").read(),
        "descriptors": lambda: len(os.listdir("/proc/self/fd")) > 0,
        "library": lambda: os.path.dirname(os.__file__),
        "pid": lambda: os.getpid(),
        "folder": lambda: (os.getcwd(), sorted(os.listdir("/"))),
        "print": lambda: print("said", flush=True),
        "complain": lambda: print("complained", file=environ["wsgi.errors"]),
    }
    return [repr(answers[word]()).encode()]
"#;

/// A sandbox that others may look into.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("who.py", WHO);
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o755)).unwrap();
    sandbox
}

/// The command, about whose user nothing is said elsewhere.
fn command(sandbox: &Sandbox, words: &[&str]) -> Command {
    let mut command = sandbox.command(words);
    command.env_remove("FCGI_RUN_USER");
    command
}

fn serve<'s>(sandbox: &'s Sandbox, words: &[&str]) -> Server<'s> {
    let all = [&["socket=s.sock", "daemonize=false", "who:application"], words].concat();
    sandbox.serve_at(&mut command(sandbox, &all), sandbox.unix("s.sock"))
}

#[track_caller]
fn refused(words: &[&str]) -> String {
    let sandbox = sandbox();
    let all = [&["socket=s.sock", "daemonize=false", "who:application"], words].concat();
    let ended = sandbox.finish(&mut command(&sandbox, &all));
    assert_eq!(ended.status, Some(2), "{ended:?}");
    assert!(ended.err.starts_with("error[FR52") && ended.err.contains("\nhint: "), "{ended:?}");
    assert!(!sandbox.has("s.sock"));
    ended.err
}

/// For root a server, for anybody else a refusal, which names what needs root.
fn serve_or_refuse<'s>(sandbox: &'s Sandbox, words: &[&str], what: &str) -> Option<Server<'s>> {
    if is_root() {
        return Some(serve(sandbox, words));
    }
    let err = refused(words);
    assert!(err.starts_with(&format!("error[FR523]: `{what}` needs root\n")), "{err}");
    None
}

#[test]
fn the_application_is_the_user_and_cannot_go_back() {
    let user = nobody();
    let (uid, gid) = (user.uid, user.gid);
    for words in [
        &["user=nobody"][..],
        &["user=nobody", "preload"],
        &["user=nobody", "method=threaded"],
        &["user=nobody", "maxspare=1", "maxchildren=1"],
    ] {
        let sandbox = sandbox();
        let Some(server) = serve_or_refuse(&sandbox, words, "user=nobody") else { return };
        let ids = format!("(({uid}, {uid}, {uid}), ({gid}, {gid}, {gid}), [{gid}])");
        assert_eq!(server.get("/ids").text(), ids, "{words:?}");
        let refused = "['PermissionError', 'PermissionError', 'PermissionError']";
        assert_eq!(server.get("/back").text(), refused);
        // All that run the application are it; the master is not.
        let owner = |pid: i32| fs::metadata(format!("/proc/{pid}/status")).unwrap().uid();
        assert_eq!(owner(server.pid()), 0);
        let children = processes::children(server.pid());
        assert!(!children.is_empty() && children.iter().all(|pid| owner(*pid) == uid.as_raw()), "{words:?}");
        // The process is its user's own, so that `subprocess` and debuggers work.
        assert_eq!(server.get("/descriptors").text(), "True");
        assert!(!server.stop().contains("runs as root"));
    }
}

#[test]
fn numbers_do_as_well_and_groups_can_be_chosen() {
    for (words, ids) in [
        (&["user=12345", "group=54321"][..], "((12345, 12345, 12345), (54321, 54321, 54321), [54321])"),
        (
            &["user=12345", "group=54321", "groups=7,root", "groups=8"],
            "((12345, 12345, 12345), (54321, 54321, 54321), [0, 7, 8])",
        ),
        (&["user=12345", "group=54321", "groups=none"], "((12345, 12345, 12345), (54321, 54321, 54321), [])"),
    ] {
        let sandbox = sandbox();
        let Some(server) = serve_or_refuse(&sandbox, words, "user=12345") else { return };
        assert_eq!(server.get("/ids").text(), ids, "{words:?}");
        assert_eq!(server.get("/variables").text(), "['/', None, None]");
        server.stop();
    }
    let err = refused(&["user=12345"]);
    assert!(
        err.contains("does not know the user 12345") && err.contains("hint: say group= as well"),
        "{err}"
    );
}

#[test]
fn the_application_finds_its_own_home() {
    let sandbox = sandbox();
    let Some(server) = serve_or_refuse(&sandbox, &["user=nobody"], "user=nobody") else { return };
    let home = nobody().dir.display().to_string();
    assert_eq!(server.get("/variables").text(), format!("['{home}', 'nobody', 'nobody']"));
    assert_eq!(server.get("/home").text(), format!("'{home}'"));
    server.stop();
}

#[test]
fn who_it_is_already_needs_nothing() {
    let sandbox = sandbox();
    let (uid, gid) = (getuid(), getgid());
    let words = [format!("user={uid}"), format!("group={gid}")];
    let server = serve(&sandbox, &[&words[0], &words[1]]);
    let ids = format!("(({uid}, {uid}, {uid}), ({gid}, {gid}, {gid}), ");
    assert!(server.get("/ids").text().starts_with(&ids));
    assert!(!server.stop().contains("runs as root"));
}

#[test]
fn root_is_told_what_that_means() {
    let sandbox = sandbox();
    let err = serve(&sandbox, &[]).stop();
    let warnings: Vec<&str> =
        err.lines().filter(|line| line.contains("the application runs as root")).collect();
    assert_eq!(warnings.len(), usize::from(is_root()), "{err}");
    assert!(
        warnings.iter().all(|line| line.starts_with("warning[FR527]: ") && line.contains("user=")),
        "{err}"
    );
}

#[test]
fn names_that_nobody_has_end_the_start() {
    let err = refused(&["user=nobdy"]);
    assert_eq!(err, "error[FR520]: there is no user `nobdy`\nhint: did you mean `user=nobody`\n");
    assert!(
        refused(&["group=no-such-group-here"])
            .starts_with("error[FR521]: there is no group `no-such-group-here`\n")
    );
    assert!(refused(&["groups=root,xyzzy"]).starts_with("error[FR521]: there is no group `xyzzy`\n"));
    assert!(refused(&["socketowner=xyzzy"]).starts_with("error[FR520]: there is no user `xyzzy`\n"));
    assert!(refused(&["socketgroup=xyzzy"]).starts_with("error[FR521]: there is no group `xyzzy`\n"));
}

#[test]
fn the_socket_has_its_owner_group_and_mode() {
    for (words, owner, mode) in [
        (&["socketowner=nobody", "socketgroup=7", "socketmode=0660"][..], (nobody().uid.as_raw(), 7), 0o660),
        // The workers' own, so that their user may look after it.
        (&["user=12", "group=34"], (12, 34), 0o755),
        (&["user=12", "group=34", "socketgroup=56", "socketmode=0620"], (12, 56), 0o620),
    ] {
        let sandbox = sandbox();
        if !is_root() {
            assert!(refused(words).contains("needs root\n"));
            return;
        }
        let server = serve(&sandbox, words);
        let meta = fs::metadata(sandbox.path("s.sock")).unwrap();
        assert_eq!(((meta.uid(), meta.gid()), meta.mode() & 0o7777), (owner, mode), "{words:?}");
        assert_eq!(server.get("/descriptors").text(), "True");
        // The master removes it.
        server.stop();
    }
}

#[test]
fn limits_hold_in_the_workers_alone() {
    let sandbox = sandbox();
    let server = serve(&sandbox, &["openfiles=200", "coresize=0", "memorylimit=3g", "nonewprivs"]);
    assert_eq!(server.get("/limits").text(), "[(200, 200), (0, 0), (3221225472, 3221225472)]");
    assert!(server.get("/status").text().contains("NoNewPrivs:\\t1"));
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    assert!(
        limits.lines().any(|line| line.starts_with("Max address space") && line.contains("unlimited")),
        "{limits}"
    );
    server.stop();
}

#[test]
fn logs_pidfile_and_socket_stay_the_masters() {
    let sandbox = sandbox();
    let words = [
        "user=nobody",
        "errlog=err.log",
        "outlog=out.log",
        "accesslog=access.log",
        "pidfile=x.pid",
        "maxspare=2",
    ];
    if !is_root() {
        assert!(refused(&words).starts_with("error[FR523]: `user=nobody` needs root\n"));
        return;
    }
    let all = [&["socket=s.sock", "who:application"], &words[..]].concat();
    let launcher = sandbox.run(&all);
    assert_eq!(launcher.status, Some(0), "{launcher:?}");
    let address = sandbox.unix("s.sock");
    let get = |path: &str| ask(&address, &Request::get(path)).text();
    get("/print");
    get("/complain");
    let logs = ["err.log", "out.log", "access.log"];
    // Nobody but root may open these, nor make others in their place.
    for log in logs {
        assert!(!sandbox.read(log).is_empty(), "{log}");
        fs::rename(sandbox.path(log), sandbox.path(&format!("{log}.1"))).unwrap();
    }
    fs::set_permissions(sandbox.folder(), fs::Permissions::from_mode(0o711)).unwrap();
    kill(Pid::from_raw(sandbox.pid()), Signal::SIGUSR1).unwrap();
    until("all write to the new files", || {
        get("/print");
        get("/complain");
        let texts = logs.map(|log| sandbox.read(log));
        texts[0].contains("complained") && texts[1].contains("said") && texts[2].contains("GET /print")
    });
    until("workers have let go of the old files", || {
        let worker: i32 = get("/pid").parse().unwrap();
        let files = processes::open_files(worker);
        !files.iter().any(|file| file.ends_with(".log.1"))
    });
    assert!(!sandbox.read("err.log").contains("cannot be reopened"), "{}", sandbox.read("err.log"));
    kill(Pid::from_raw(sandbox.pid()), Signal::SIGTERM).unwrap();
    sandbox.wait_for_nobody();
    assert!(!sandbox.has("x.pid") && !sandbox.has("s.sock"));
}

#[test]
fn a_process_that_serves_alone_gives_up_its_rights_too() {
    let sandbox = sandbox();
    let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = sandbox.command(&["who:application", "user=nobody", "pidfile=x.pid"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    if !is_root() {
        let ended = sandbox.finish(&mut command);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        return;
    }
    let started = sandbox.spawn(&mut command);
    let get = |path: &str| ask(&sandbox.unix("0.sock"), &Request::get(path)).text();
    let uid = nobody().uid;
    assert!(get("/ids").starts_with(&format!("(({uid}, {uid}, {uid})")));
    assert_eq!(get("/pid"), started.child.id().to_string());
    let complaint =
        format!("`{}` cannot be removed at the end by user nobody", sandbox.path("x.pid").display());
    assert!(started.err_text().contains(&complaint), "{}", started.err_text());
}

#[test]
fn the_preview_reaches_workers_of_another_user() {
    let sandbox = sandbox();
    let words = ["http=127.0.0.1:0", "who:application", "user=nobody"];
    if !is_root() {
        let ended = sandbox.run(&words);
        assert_eq!(ended.status, Some(2), "{ended:?}");
        return;
    }
    let started = sandbox.spawn(&mut sandbox.command(&words));
    until("the preview is announced", || started.err_text().contains("preview: http://"));
    let err = started.err_text();
    let (_, rest) = err.split_once("preview: http://").unwrap();
    let address = rest.split('/').next().unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, b"GET /ids HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    std::io::Read::read_to_string(&mut stream, &mut answer).unwrap();
    assert!(answer.contains(&format!("(({0}, {0}, {0})", nobody().uid)), "{answer} {}", started.err_text());
}

/// Puts into a new root what it has to have inside: the standard library, and the application, at the same paths.
fn fill(root: &Path, library: &str, application: &Path) {
    let inside = |path: &Path| root.join(path.strip_prefix("/").unwrap());
    let needed = |entry: &fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        let large = ["test", "site-packages", "dist-packages", "idlelib", "ensurepip", "tkinter", "lib2to3"];
        !large.contains(&&*name) && !name.starts_with("config-")
    };
    let entries = fs::read_dir(library).unwrap().map(Result::unwrap).filter(needed).map(|entry| entry.path());
    fs::create_dir_all(inside(Path::new(library))).unwrap();
    fs::create_dir_all(inside(application).parent().unwrap()).unwrap();
    let copies = [
        Command::new("cp").arg("-a").args(entries).arg(inside(Path::new(library))).output().unwrap(),
        Command::new("cp").arg("-a").arg(application).arg(inside(application)).output().unwrap(),
    ];
    assert!(copies.iter().all(|copy| copy.status.success()), "{copies:?}");
    fs::create_dir(root.join("inside")).unwrap();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_application_sees_the_new_root_alone() {
    let (sandbox, folder) = (sandbox(), tempfile::tempdir().unwrap());
    let root = format!("chroot={}", folder.path().display());
    if !is_root() {
        assert!(refused(&[&root]).starts_with("error[FR523]: `chroot` needs root\n"));
        return;
    }
    let server = serve(&sandbox, &[]);
    let library = server.get("/library").text();
    server.stop();
    fill(folder.path(), library.trim_matches('\''), sandbox.folder());
    for (words, cwd) in [(&["user=nobody"][..], "/"), (&["workdir=/inside", "user=nobody"], "/inside")] {
        let server = serve(&sandbox, &[&[&*root], words].concat());
        let mut inside: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        inside.sort();
        let wanted = format!("('{cwd}', {})", format!("{inside:?}").replace('"', "'"));
        assert_eq!(server.get("/folder").text(), wanted);
        server.stop();
    }
}

#[test]
fn a_new_root_has_to_be_there() {
    if is_root() {
        let err = refused(&["chroot=/no/such/folder"]);
        assert!(err.starts_with("error[FR525]: cannot change the root to `/no/such/folder`: "), "{err}");
        let err = refused(&["chroot=/usr", "workdir=/not/inside"]);
        assert!(
            err.starts_with("error[FR525]: cannot change to the folder `/not/inside` in the new root: "),
            "{err}"
        );
    } else {
        assert!(refused(&["chroot=/usr"]).starts_with("error[FR523]: `chroot` needs root\n"));
    }
}

/// It could not become the user a second time, so whoever has started it starts the next one.
#[test]
fn who_has_given_up_rights_ends_instead_of_starting_anew() {
    let sandbox = sandbox();
    let listener = UnixListener::bind(sandbox.path("0.sock")).unwrap();
    let mut command = command(&sandbox, &["who:application", "user=nobody", "touchreload=flag"]);
    command.stdin(Stdio::from(OwnedFd::from(listener)));
    if !is_root() {
        let ended = sandbox.finish(&mut command);
        assert!(ended.err.starts_with("error[FR523]: "), "{ended:?}");
        return;
    }
    let mut server = sandbox.serve_silently(&mut command, sandbox.unix("0.sock"));
    sandbox.write("flag", "");
    assert_eq!(server.wait(), Some(0), "{}", server.err());
    assert!(server.err().contains("finishing, so that the server is started anew"), "{}", server.err());
}
