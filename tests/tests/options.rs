//! What is typed: every spelling, who wins, what is refused and how.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use fcgi_tests::record::{STDIN, stream};
use fcgi_tests::{Finished, Request, Sandbox, Server, ask, in_background};

/// The mount that the server works with.
fn mount(server: &Server<'_>) -> String {
    let request = Request::get("/mount/environ/SCRIPT_NAME")
        .with("SCRIPT_NAME", "")
        .with("PATH_INFO", "/mount/environ/SCRIPT_NAME");
    let answer = ask(&server.address, &request);
    // Without the right mount, `/mount/environ` is a page that is not there.
    if answer.status() == 404 { "none".to_owned() } else { answer.text() }
}

/// The message and the hint of a start that was refused before anything was made.
fn refused(sandbox: &Sandbox, words: &[&str]) -> String {
    let Finished { status, out, err } = sandbox.run(words);
    assert_eq!(status, Some(2), "{words:?}: {err}");
    assert_eq!(out, "", "{words:?}");
    assert!(err.starts_with("error[FR") && err.contains("\nhint: "), "{words:?}: {err}");
    assert!(!sandbox.has("s.sock") && !sandbox.has("x.pid"), "{words:?}");
    sandbox.wait_for_nobody();
    err
}

#[test]
fn a_word_a_flag_a_key_and_a_variable_say_the_same() {
    let sandbox = Sandbox::new();
    sandbox.write("c.toml", "scriptname = \"/mount\"\n");
    let spellings: [&[&str]; 6] = [
        &["scriptname=/mount"],
        &["ScriptName=/mount"],
        &["script-name=/mount"],
        &["--scriptname=/mount"],
        &["--SCRIPT_NAME", "/mount"],
        &["config=c.toml"],
    ];
    for words in spellings {
        let server = sandbox.serve(words);
        assert_eq!(mount(&server), "/mount", "{words:?}");
        server.stop();
    }
    let words = ["socket=s.sock", "daemonize=false", "web:application"];
    let by_variable = sandbox
        .serve_at(sandbox.command(&words).env("FCGI_RUN_SCRIPTNAME", "/mount"), sandbox.unix("s.sock"));
    assert_eq!(mount(&by_variable), "/mount");
    by_variable.stop();
    let without = sandbox.serve(&[]);
    assert_eq!(mount(&without), "none");
    without.stop();
}

#[test]
fn the_command_line_beats_the_environment_and_that_the_file() {
    let sandbox = Sandbox::new();
    sandbox.write(
        "c.toml",
        "umask = \"0111\"\nsocket = \"s.sock\"\ndaemonize = false\napp = \"web:application\"\n",
    );
    let mode_with = |words: &[&str], variable: &str| {
        let words = [&["config=c.toml"], words].concat();
        let server =
            sandbox.serve_at(sandbox.command(&words).env("FCGI_RUN_UMASK", variable), sandbox.unix("s.sock"));
        let mode = mode_of(&sandbox, "s.sock");
        server.stop();
        mode
    };
    assert_eq!(mode_with(&[], ""), 0o666);
    assert_eq!(mode_with(&[], "0077"), 0o700);
    assert_eq!(mode_with(&["umask=0027"], "0077"), 0o750);
    assert_eq!(mode_with(&["umask=0027", "umask=0007"], "0077"), 0o770);
}

#[test]
fn an_unknown_option_is_refused_with_the_nearest_one() {
    let sandbox = Sandbox::new();
    let err = refused(&sandbox, &["socket=s.sock", "maxrequest=5", "web:application"]);
    assert!(err.contains("`maxrequest`") && err.contains("maxrequests"), "{err}");
    let err = refused(&sandbox, &["--sokcet=s.sock", "web:application"]);
    assert!(err.contains("`sokcet`") && err.contains("`socket`"), "{err}");
    sandbox.write("c.toml", "socket = \"s.sock\"\npid-fiel = \"x.pid\"\n");
    let err = refused(&sandbox, &["config=c.toml", "web:application"]);
    assert!(err.contains("pid-fiel") && err.contains("pidfile") && err.contains("line 2"), "{err}");
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let sandbox = Sandbox::new();
    let words = ["socket=s.sock", "daemonize=false", "web:application"];
    let server =
        sandbox.serve_at(sandbox.command(&words).env("FCGI_RUN_MAXREQUEST", "1"), sandbox.unix("s.sock"));
    let err = server.stop();
    assert!(err.contains("warning[FR328]: ") && err.contains("`FCGI_RUN_MAXREQUESTS`"), "{err}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let sandbox = Sandbox::new();
    sandbox.write("broken.toml", "socket = \n");
    let long = format!("socket={}/s", "d".repeat(120));
    let cases: [(&[&str], &str); 17] = [
        (&["host=127.0.0.1"], "`port`"),
        (&["port=3033"], "`host`"),
        (&["socket=s.sock", "host=127.0.0.1", "port=3033"], "`socket`"),
        (&["socket=s.sock", "fd=0"], "`fd`"),
        (&["fd=0", "host=127.0.0.1", "port=3033"], "`fd`"),
        (&["protocol=scgi", "socket=s.sock"], "not supported"),
        (&["protocol=ajp", "socket=s.sock"], "not supported"),
        (&["protocol=http", "socket=s.sock"], "protocol=http"),
        (&["host=127.0.0.1", "port=99999"], "99999"),
        (&["host=127.0.0.1", "port=http"], "port=http"),
        (&["method=forked", "socket=s.sock"], "`prefork` or `threaded`"),
        (&["daemonize=perhaps", "socket=s.sock"], "true or false"),
        (&["umask=999", "socket=s.sock"], "octal"),
        (&["maxchildren=0", "socket=s.sock"], "maxchildren=0"),
        (&["socket"], "needs a value"),
        (&["config=broken.toml"], "line 1"),
        (&["config=missing.toml"], "missing.toml"),
    ];
    for (words, text) in cases {
        let err = refused(&sandbox, &[words, &["pidfile=x.pid", "web:application"]].concat());
        assert!(err.contains(text), "{words:?}: {err}");
    }
    let err = refused(&sandbox, &[&long, "web:application"]);
    assert!(err.contains("107"), "{err}");
    let err = refused(&sandbox, &["socket=s.sock", "nonsense"]);
    assert!(err.contains("`nonsense`"), "{err}");
}

#[test]
fn nothing_to_serve_is_said_with_all_that_was_looked_for() {
    let sandbox = Sandbox::empty();
    let err = refused(&sandbox, &["socket=s.sock"]);
    for place in
        ["app=", "settings=", "DJANGO_SETTINGS_MODULE", "manage.py", "wsgi.py", "app.py", "passenger_wsgi.py"]
    {
        assert!(err.contains(place), "{place}: {err}");
    }
}

#[test]
fn the_application_is_found_by_its_file() {
    let sandbox = Sandbox::new();
    sandbox.write("wsgi.py", "from web import application\n");
    let words = ["socket=s.sock", "daemonize=false"];
    let server = sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock"));
    assert_eq!(server.get("/version").text(), "one");
    server.stop();
}

#[test]
fn the_help_is_printed_however_it_is_asked_for() {
    let sandbox = Sandbox::empty();
    let help = sandbox.run(&["help"]);
    assert_eq!((help.status, &help.err[..]), (Some(0), ""));
    for text in ["socket", "maxchildren", "FCGI_RUN_SOCKET", "TERM", "Exit status"] {
        assert!(help.out.contains(text), "{text}");
    }
    for words in [&["--help"][..], &["-h"], &["socket=s.sock", "help"], &["nonsense=1", "--help"]] {
        assert_eq!(sandbox.run(words).out, help.out, "{words:?}");
    }
    assert!(sandbox.run(&["--version"]).out.starts_with("fcgi-run "));
}

#[test]
fn umask_and_socketmode_set_the_mode_of_the_socket() {
    let cases: [(&[&str], u32); 4] = [
        (&[], 0o755),
        (&["umask=0007"], 0o770),
        (&["socketmode=0660"], 0o660),
        (&["umask=0077", "socketmode=0666"], 0o666),
    ];
    for (words, mode) in cases {
        let sandbox = Sandbox::new();
        let server = sandbox.serve(words);
        assert_eq!(mode_of(&sandbox, "s.sock"), mode, "in the foreground: {words:?}");
        server.stop();
        sandbox.daemon(words);
        assert_eq!(mode_of(&sandbox, "s.sock"), mode, "in the background: {words:?}");
    }
}

#[test]
fn umask_holds_for_files_of_the_server_and_of_the_application() {
    let sandbox = Sandbox::new();
    sandbox.write("maker.py", "open('made', 'w').close()\nfrom web import application\n");
    let words = ["socket=s.sock", "daemonize=false", "umask=0027", "accesslog=a.log", "maker:application"];
    sandbox.serve_at(&mut sandbox.command(&words), sandbox.unix("s.sock")).stop();
    assert_eq!(mode_of(&sandbox, "made"), 0o640);
    assert_eq!(mode_of(&sandbox, "a.log"), 0o640);
}

#[test]
fn without_a_umask_others_may_use_the_socket_and_write_to_nothing_else() {
    let sandbox = Sandbox::new();
    sandbox.daemon(&["umask=0", "errlog=e.log", "accesslog=a.log", "slowlog=slow.log"]);
    assert_eq!(mode_of(&sandbox, "s.sock"), 0o777);
    for file in ["x.pid", "e.log", "a.log", "slow.log"] {
        assert_eq!(mode_of(&sandbox, file) & 0o002, 0, "{file}");
    }
}

#[test]
fn a_pidfile_is_written_over_no_file_of_somebody_else() {
    let sandbox = Sandbox::new();
    for words in [&["daemonize=false"][..], &["daemonize=true"]] {
        let all = [&["socket=s.sock", "pidfile=web.py", "web:application"], words].concat();
        let end = sandbox.run(&all);
        assert_eq!(end.status, Some(4), "{end:?}");
        assert!(end.err.contains("error[FR056]: `") && end.err.contains("is no pidfile"), "{}", end.err);
        sandbox.wait_for_nobody();
        assert!(sandbox.read("web.py").contains("def application"));
        assert_eq!(sandbox.run(&[&["check"], &all[..]].concat()).status, Some(4));
    }
}

#[test]
fn scriptname_moves_the_border_between_mount_and_path() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["scriptname="]);
    // As lighttpd sends it where a `.fcgi` file is the mount.
    let sent = Request::get("/x").with("SCRIPT_NAME", "/environ").with("PATH_INFO", "/PATH_INFO");
    let answer = ask(&server.address, &sent);
    assert_eq!(answer.text(), "/environ/PATH_INFO");
    server.stop();
}

#[test]
fn a_body_above_maxbody_is_413() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxbody=1k", "maxspare=1"]);
    assert_eq!(ask(&server.address, &Request::post("/read", vec![b'a'; 1024])).text(), "1024 of 1024");
    assert_eq!(ask(&server.address, &Request::post("/read", vec![b'a'; 1025])).status(), 413);
    // A body that does not say how long it is.
    let unknown = Request::post("/read", vec![b'a'; 100_000]).without("CONTENT_LENGTH");
    assert_eq!(ask(&server.address, &unknown).status(), 413);
    // A refusal does not cost the connection.
    let mut client = server.connect();
    assert_eq!(client.ask(&Request::post("/read", vec![b'a'; 2000]).kept()).status(), 413);
    assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    drop(client);
    server.stop();
}

#[test]
fn parameters_above_maxparams_are_431() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxparams=2k", "maxspare=1"]);
    let request = Request::get("/version").with("HTTP_X", &"x".repeat(1500));
    assert_eq!(ask(&server.address, &request).text(), "one");
    let mut client = server.connect();
    let many = (0..100).fold(Request::get("/version"), |r, i| r.with(&format!("HTTP_{i}"), &"x".repeat(50)));
    assert_eq!(client.ask(&many.kept()).status(), 431);
    assert_eq!(client.ask(&Request::get("/version").kept()).text(), "one");
    drop(client);
    server.stop();
}

#[test]
fn requestbuffer_says_when_the_application_is_called() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["requestbuffer=10", "maxspare=2"]);
    let request = Request::post("/read/upload", vec![b'a'; 100]);
    let half = stream(STDIN, 1, &[b'a'; 50], 50);
    let mut client = server.connect();
    client.send(&[&request.head()[..], &half[..58]].concat());
    // Half of the body is more than the buffer: it runs.
    sandbox.wait_for_held("upload", 1);
    sandbox.release("upload");
    client.send(&half);
    assert_eq!(client.answer(1).text(), "100 of 100");
    server.stop();
}

#[test]
fn a_small_body_is_waited_for_without_the_application() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["maxspare=1", "minspare=0", "maxchildren=1"]);
    let request = Request::post("/read/upload", vec![b'a'; 100]);
    let mut client = server.connect();
    let half = stream(STDIN, 1, &[b'a'; 50], 50);
    client.send(&[&request.head()[..], &half[..58]].concat());
    // The only worker is free for others all the time.
    for _ in 0..20 {
        assert_eq!(server.get("/version").text(), "one");
    }
    assert_eq!(sandbox.held("upload"), [0; 0]);
    sandbox.release("upload");
    client.send(&half);
    assert_eq!(client.answer(1).text(), "100 of 100");
    server.stop();
}

#[test]
fn minspare_above_maxspare_is_lowered_with_a_warning() {
    let sandbox = Sandbox::new();
    let server = sandbox.serve(&["minspare=4", "maxspare=2"]);
    server.wait_for_workers(2);
    let held = in_background(&server.address, Request::get("/hold/a"));
    sandbox.wait_for_held("a", 1);
    sandbox.release("a");
    assert_eq!(held.join().unwrap().text(), "held");
    let err = server.stop();
    assert!(err.contains("warning[FR328]: `minspare=4` is more than `maxspare=2`"), "{err}");
}

#[test]
fn debug_shows_the_traceback_and_only_then() {
    let sandbox = Sandbox::new();
    for (word, shown) in [("debug", true), ("debug=true", true), ("debug=false", false), ("debug=off", false)]
    {
        let server = sandbox.serve(&[word, "maxspare=1"]);
        let answer = server.get("/raise");
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.text().contains("raised by the application"), shown, "{word}: {}", answer.text());
        assert!(String::from_utf8_lossy(&answer.stderr).contains("raised by the application"));
        assert!(server.stop().contains("raised by the application"));
    }
}

fn mode_of(sandbox: &Sandbox, name: &str) -> u32 {
    fs::metadata(sandbox.path(name)).unwrap().permissions().mode() & 0o777
}
