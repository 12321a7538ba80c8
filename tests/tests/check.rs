//! `fcgi-run check` and `fcgi-run explain`, as somebody at a terminal uses them.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use fcgi_tests::sandbox::{Finished, Sandbox};

/// The lines of a check about a topic.
fn lines<'f>(finished: &'f Finished, topic: &str) -> Vec<&'f str> {
    let about =
        |line: &&str| line.split_whitespace().nth(1) == topic.split(' ').next() && line.contains(topic);
    finished.out.lines().filter(about).collect()
}

fn assert_readable(finished: &Finished) {
    for line in finished.out.lines().filter(|line| !line.starts_with("    ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(!finished.out.contains('\x1b') && finished.err.is_empty(), "{finished:?}");
}

#[test]
fn a_sound_configuration_is_fine_and_nothing_is_left() {
    let sandbox = Sandbox::new();
    let words = ["check", "socket=s.sock", "web:application", "pidfile=x.pid", "errlog=e.log", "maxspare=2"];
    let finished = sandbox.run(&words);
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert_readable(&finished);
    for (topic, text) in [
        ("options", "ok       options      nothing"),
        ("socket", "ok       socket       `"),
        ("pidfile", "ok       pidfile      `"),
        ("logs", "ok       logs         `"),
        ("python", "ok       python       3."),
        ("application", "ok       application  imported in "),
        ("memory", "memory       a worker takes about "),
    ] {
        assert!(lines(&finished, topic).iter().any(|line| line.contains(text)), "{topic}: {}", finished.out);
    }
    for made in ["s.sock", "x.pid", "e.log"] {
        assert!(!sandbox.has(made), "{made}");
    }
    sandbox.wait_for_nobody();
}

#[test]
fn the_status_is_that_of_a_start() {
    let sandbox = Sandbox::new();
    sandbox.write("file", "");
    sandbox.write("broken.py", "import os\nraise RuntimeError('not today')\n");
    sandbox.write("typo.py", "def application(:\n");
    for (words, status, code, text) in [
        (&["socket=s.sock", "maxrequest=5"][..], 2, "FR001", "unknown option `maxrequest`"),
        (&["socket=s.sock", "web", "workdir=missing"], 2, "FR019", "cannot change to the folder"),
        (&["socket=missing/s.sock", "web"], 4, "FR045", "missing/s.sock"),
        (&["socket=file", "web"], 4, "FR041", "is not a socket"),
        (&["socket=s.sock", "web", "pidfile=missing/x.pid"], 4, "FR050", "missing/x.pid"),
        (&["socket=s.sock", "web", "errlog=missing/log"], 4, "FR051", "missing/log"),
        (&["socket=s.sock", "nowhere:application"], 3, "FR101", "cannot be imported"),
        (&["socket=s.sock", "broken:application"], 3, "FR100", "RuntimeError: not today"),
        (&["socket=s.sock", "typo:application"], 3, "FR103", "SyntaxError"),
        (&["socket=s.sock", "web:nothing"], 3, "FR104", "AttributeError"),
    ] {
        let finished = sandbox.run(&[&["check"], words].concat());
        assert_eq!(finished.status, Some(status), "{words:?}: {finished:?}");
        let flat = finished.out.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(flat.contains(&format!("[{code}]")), "{words:?}: {}", finished.out);
        assert!(finished.out.contains(text) || flat.contains(text), "{words:?}: {}", finished.out);
        assert!(finished.out.ends_with('\n') && flat.contains("fcgi-run explain FR"), "{}", finished.out);
        // What check says, the start says, too.
        let start = sandbox.run(&[words, &["daemonize=false"]].concat());
        assert_eq!(start.status, Some(status), "{words:?}: {start:?}");
        assert!(start.err.contains(&format!("error[{code}]: ")), "{words:?}: {}", start.err);
    }
}

#[test]
fn a_process_that_dies_while_it_imports_is_told_with_its_last_words() {
    let sandbox = Sandbox::empty();
    sandbox.write("app.py", "import os\nprint('last words', flush=True)\nos.abort()\n");
    let finished = sandbox.run(&["check", "socket=s.sock", "errlog=log"]);
    assert_eq!(finished.status, Some(1), "{finished:?}");
    assert!(
        finished.out.contains("(signal SIGABRT)") && finished.out.contains("    last words\n"),
        "{finished:?}"
    );
}

#[test]
fn a_running_server_is_in_the_way_unless_it_is_meant() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["pidfile=x.pid", "maxspare=1"]);
    let words = ["check", "socket=s.sock", "web", "pidfile=x.pid", "errlog=log"];
    let finished = sandbox.run(&words);
    assert_eq!(finished.status, Some(4), "{finished:?}");
    assert!(finished.out.contains("[FR040]") && finished.out.contains("[FR049]"), "{}", finished.out);
    let finished = sandbox.run(&[&words[..], &["running"]].concat());
    assert_eq!(finished.status, Some(0), "{finished:?}");
    assert!(finished.out.contains("a server answers at"), "{}", finished.out);
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn the_web_servers_user_has_to_come_in() {
    let sandbox = Sandbox::new();
    let open = |bits| std::fs::set_permissions(sandbox.folder(), Permissions::from_mode(bits)).unwrap();
    let check = |mode: &str| {
        let mode = format!("socketmode={mode}");
        sandbox.run(&["check", "webuser=nobody", "socket=s.sock", &mode, "web", "errlog=log"])
    };
    open(0o700);
    let closed = check("0666");
    assert_eq!(closed.status, Some(0), "{closed:?}");
    let text = |finished: &Finished| finished.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text(&closed).contains("`nobody` may not enter the folder `"), "{}", closed.out);
    assert_readable(&closed);
    open(0o711);
    assert!(text(&check("0600")).contains("`nobody` may not connect to the socket `"));
    assert!(text(&check("0666")).contains("`nobody` can connect (mode 0666"), "{}", check("0666").out);
    assert!(text(&check("0666")).contains("All is well") || text(&check("0666")).contains("FR321"));
}

#[test]
fn programs_read_json() {
    let sandbox = Sandbox::new();
    let finished = sandbox.run(&["check", "--json", "socket=missing/s.sock", "web"]);
    assert_eq!(finished.status, Some(4), "{finished:?}");
    assert!(finished.out.starts_with("{\n") && finished.out.ends_with("}\n"), "{}", finished.out);
    assert!(finished.out.contains("\"status\": 4"), "{}", finished.out);
    assert!(finished.out.contains("\"code\": \"FR045\""), "{}", finished.out);
    let usage = sandbox.run(&["check", "json", "sockt=x"]);
    assert_eq!(usage.status, Some(2), "{usage:?}");
    assert!(usage.out.contains("\"code\": \"FR001\"") && usage.err.is_empty(), "{usage:?}");
}

#[test]
fn what_an_application_prints_at_its_import_is_not_in_the_way() {
    let sandbox = Sandbox::empty();
    sandbox.write(
        "app.py",
        "import sys\nprint('noise')\nprint('noise', file=sys.stderr)\napplication = print\n",
    );
    let finished = sandbox.run(&["check", "--json", "socket=s.sock", "errlog=log"]);
    assert_eq!((finished.status, &finished.err[..]), (Some(0), ""), "{finished:?}");
    assert!(!finished.out.contains("noise"), "{}", finished.out);
}

#[test]
fn codes_are_explained() {
    let sandbox = Sandbox::empty();
    let one = sandbox.run(&["explain", "FR045"]);
    assert_eq!(one.status, Some(0), "{one:?}");
    assert!(one.out.starts_with("FR045: the folder of the socket is not there\n"), "{}", one.out);
    assert!(one.out.contains("\nWhat to do\n  Make the folder;"), "{}", one.out);
    let unknown = sandbox.run(&["explain", "FR046", "FR099"]);
    assert_eq!((unknown.status, &unknown.out[..]), (Some(2), ""), "{unknown:?}");
    assert!(unknown.err.contains("the nearest is `FR100`"), "{}", unknown.err);
}
