//! What the options mean together, and which source wins.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Config, HttpAddress, Limits, Listen, LogLevel, LogPlace, Method, OnAbort, log_format};
use crate::cli::{Command, parse};

fn try_config(line: &str, variables: &[(&str, &str)], start_dir: &Path) -> Result<Config, String> {
    let words: Vec<OsString> = line.split_whitespace().map(Into::into).collect();
    let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
    match parse(&words, &variables, start_dir) {
        Ok(Command::Run(config)) => Ok(*config),
        Ok(other) => panic!("{line} gave {other:?}"),
        Err(error) => Err(error.to_string()),
    }
}

#[track_caller]
pub(super) fn config(line: &str) -> Config {
    try_config(line, &[], Path::new("/start")).unwrap()
}

#[track_caller]
pub(super) fn cause(line: &str) -> String {
    try_config(line, &[], Path::new("/start")).unwrap_err()
}

/// A folder with the file `c.toml` in it.
fn folder(toml: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.toml"), toml).unwrap();
    folder
}

/// What is wrong with a file, without the name of the folder.
#[track_caller]
fn cause_in_file(toml: &str) -> String {
    let folder = folder(toml);
    let cause = try_config("config=c.toml", &[], folder.path()).unwrap_err();
    cause.replace(&*folder.path().to_string_lossy(), "DIR")
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn nothing_typed_gives_the_presets() {
    let config = config("");
    assert_eq!(config.listen, Listen::Auto);
    assert_eq!((config.method, config.threads, config.daemonize, config.workdir), (None, None, None, None));
    assert_eq!((config.min_spare, config.max_spare, config.max_children, config.max_requests), (2, 5, 50, 0));
    assert_eq!((config.umask, config.socket_mode), (0o022, None));
    assert_eq!((config.stop_timeout, config.on_abort), (seconds(10), OnAbort::Ignore));
    assert_eq!((config.start_timeout, config.probe, config.touch_reload), (Some(seconds(60)), None, vec![]));
    assert_eq!((config.authorizer, config.filter), (None, None));
    let limits = Limits {
        request_buffer: 65_536,
        max_body: None,
        max_params: 1_048_576,
        max_pairs: 4096,
        max_active: 16,
        max_connections: None,
        max_drain: 1 << 30,
        header_timeout: seconds(10),
        read_timeout: seconds(60),
        write_timeout: seconds(60),
        drain_timeout: seconds(30),
        idle_timeout: seconds(60),
        queue_timeout: None,
    };
    assert_eq!(config.limits, limits);
    assert_eq!(
        (config.loglevel, config.access.format),
        (LogLevel::Info, log_format::parse("combined").unwrap())
    );
    assert!(!config.debug && !config.preload);
    assert_eq!((config.script_name, config.app, config.settings), (None, None, None));
    assert_eq!((config.pidfile, config.outlog, config.errlog, config.accesslog), (None, None, None, None));
    assert_eq!(config.start_dir, Path::new("/start"));
    assert_eq!((config.http, config.statics.len(), config.warnings.len()), (None, 0, 0));
}

#[test]
fn one_address_in_one_of_three_ways() {
    let tcp = |host: &str, port| Listen::Tcp { host: host.to_owned(), port };
    for (line, listen) in [
        ("socket=/tmp/s.sock", Listen::Unix("/tmp/s.sock".into())),
        ("socket=s.sock", Listen::Unix("/start/s.sock".into())),
        ("host=127.0.0.1 port=3033", tcp("127.0.0.1", 3033)),
        ("host=::1 port=3033", tcp("::1", 3033)),
        ("host=[::1] port=0", tcp("::1", 0)),
        ("fd=3", Listen::Fd(3)),
        ("socket=", Listen::Auto),
        ("socket= host=h port=1", tcp("h", 1)),
    ] {
        assert_eq!(config(line).listen, listen, "{line}");
    }
    for (line, expected) in [
        ("host=h", "`host` needs `port` as well"),
        ("port=1", "`port` needs `host` as well"),
        ("socket=/s host=h port=1", "`socket` and `host` cannot go together"),
        ("socket=/s port=1", "`socket` and `port` cannot go together"),
        ("socket=/s fd=0", "`socket` and `fd` cannot go together"),
        ("host=h port=1 fd=0", "`port` and `fd` cannot go together"),
        ("host=h port=65536", "`port=65536` is not a number from 0 to 65535"),
        ("fd=-1", "`fd=-1` is not a number from 0 to 65535"),
    ] {
        assert_eq!(cause(line), expected, "{line}");
    }
}

#[test]
fn a_socket_path_fits_into_an_address() {
    let fitting = format!("/{}", "s".repeat(106));
    assert_eq!(config(&format!("socket={fitting}")).listen, Listen::Unix(PathBuf::from(&fitting)));
    let expected = format!("the path of the socket has 108 bytes, the system allows 107: `{fitting}s`");
    assert_eq!(cause(&format!("socket={fitting}s")), expected);
    let relative = "s".repeat(101);
    assert!(cause(&format!("socket={relative}")).contains("has 108 bytes"), "the absolute path counts");
}

#[test]
fn other_protocols_are_not_spoken() {
    assert_eq!(config("protocol=FCGI socket=/s").listen, Listen::Unix("/s".into()));
    assert_eq!(cause("protocol=scgi"), "protocol `scgi` is not supported");
    assert_eq!(cause("protocol=AJP host=h port=1"), "protocol `ajp` is not supported");
    assert_eq!(cause("protocol=http"), "`protocol=http` is not `fcgi`");
}

#[test]
fn spare_numbers_are_brought_into_order() {
    for (line, expected, warnings) in [
        ("minspare=1 maxspare=3 maxchildren=8", (1, 3, 8), 0),
        ("minspare=5 maxspare=3", (3, 3, 50), 1),
        ("maxspare=1", (1, 1, 50), 0),
        ("minspare=9", (5, 5, 50), 1),
        ("minspare=0 maxspare=1 maxchildren=1", (0, 1, 1), 0),
        ("pool=static maxchildren=4", (0, 4, 4), 0),
        ("pool=static maxspare=3", (0, 3, 3), 0),
        ("pool=static maxspare=9 maxchildren=2", (0, 2, 2), 0),
        ("pool=ondemand maxchildren=4", (0, 1, 4), 0),
        ("pool=ondemand method=threaded minspare=1 maxspare=3", (1, 3, 50), 0),
        ("maxspare=10 maxchildren=4", (2, 10, 10), 0),
    ] {
        let config = config(line);
        assert_eq!((config.min_spare, config.max_spare, config.max_children), expected, "{line}");
        assert_eq!(config.warnings.len(), warnings, "{line}");
    }
    assert_eq!(
        config("minspare=5 maxspare=3").warnings,
        ["`minspare=5` is more than `maxspare=3` and is lowered to it"]
    );
    assert_eq!(cause("maxspare=0"), "`maxspare=0` is not a number from 1 to 10000");
    assert_eq!(cause("maxchildren=-1"), "`maxchildren=-1` is not a number from 1 to 10000");
    assert_eq!(cause("threads=0"), "`threads=0` is not a number from 1 to 10000");
}

#[test]
fn methods_have_their_old_names() {
    for (word, method) in [
        ("prefork", Method::Prefork),
        ("fork", Method::Prefork),
        ("threaded", Method::Threaded),
        ("thread", Method::Threaded),
    ] {
        assert_eq!(config(&format!("method={word}")).method, Some(method));
    }
    assert_eq!(cause("method=gevent"), "`method=gevent` is not `prefork` or `threaded`");
}

#[test]
fn paths_are_taken_from_the_start_directory() {
    let config = config(
        "pidfile=run/x.pid workdir=. outlog=o errlog=/e accesslog=a virtualenv=.venv pythonpath=lib:/abs static=/s/=pub http=:1",
    );
    let path = |path: &str| Some(PathBuf::from(path));
    let file = |path: &str| Some(LogPlace::File(path.into()));
    assert_eq!(config.pidfile, path("/start/run/x.pid"));
    assert_eq!(config.workdir, path("/start"));
    assert_eq!(
        (config.outlog, config.errlog, config.accesslog),
        (file("/start/o"), file("/e"), file("/start/a"))
    );
    assert_eq!(config.virtualenv, path("/start/.venv"));
    assert_eq!(config.pythonpath, [Path::new("/start/lib"), Path::new("/abs")]);
    assert_eq!(
        (config.statics[0].url.as_str(), config.statics[0].dir.as_path()),
        ("/s/", Path::new("/start/pub"))
    );
    assert_eq!(config.http, Some(HttpAddress { host: "127.0.0.1".to_owned(), port: 1 }));
    assert_eq!(config.warnings, [""; 0]);
}

#[test]
fn modes_are_octal_and_sizes_have_units() {
    let config = config("umask=0002 socketmode=660 socket=/s maxbody=10m requestbuffer=0 maxparams=256k");
    assert_eq!((config.umask, config.socket_mode), (0o002, Some(0o660)));
    assert_eq!(
        (config.limits.max_body, config.limits.request_buffer, config.limits.max_params),
        (Some(10_485_760), 0, 262_144)
    );
    assert_eq!(try_config("maxbody=0", &[], Path::new("/")).unwrap().limits.max_body, None);
    assert_eq!(cause("umask=0888"), "`umask=0888` is not an octal number from 0 to 0777");
    assert_eq!(cause("socketmode=1777"), "`socketmode=1777` is not an octal number from 0 to 0777");
    assert_eq!(cause("maxparams=2g"), "`maxparams=2g` is not a size up to 1024m");
    assert_eq!(cause("stoptimeout=soon"), "`stoptimeout=soon` is not a number of seconds up to 31536000");
}

#[test]
fn the_mount_is_a_prefix_or_the_root() {
    assert_eq!(config("scriptname=").script_name.as_deref(), Some(""));
    assert_eq!(config("script_name=/").script_name.as_deref(), Some(""));
    assert_eq!(config("script-name=/app/").script_name.as_deref(), Some("/app"));
    assert_eq!(cause("scriptname=app"), "`scriptname=app` is not a path that begins with a slash");
}

#[test]
fn options_that_do_nothing_are_warned_about() {
    assert_eq!(config("static=/s/=s").warnings, ["`static` does nothing without `http`"]);
    assert_eq!(
        config("socketmode=0660 host=h port=1").warnings,
        ["`socketmode` does nothing without `socket`"]
    );
    assert_eq!(config("socketmode=0660").warnings, [""; 0], "the socket may come by itself");
    assert_eq!(config("killgrace=5").warnings, ["`killgrace` does nothing without `requesttimeout`"]);
    assert_eq!(config("killgrace=5 requesttimeout=0.5 slowtimeout=2 slowlog=s").warnings, [""; 0]);
    assert_eq!(config("slowtimeout=2").warnings, ["`slowtimeout` does nothing without `slowlog`"]);
}

#[test]
fn times_of_requests_may_be_parts_of_a_second_and_nothing_is_no_limit() {
    let times = config("requesttimeout=1.5 kill-grace=0 deadlocktimeout=0").times;
    assert_eq!((times.request, times.deadlock), (Some(Duration::from_millis(1500)), None));
    assert_eq!((times.grace, times.slow), (Duration::ZERO, Duration::from_secs(5)));
    let times = config("requesttimeout=0").times;
    assert_eq!((times.request, times.grace), (None, Duration::from_secs(10)));
    assert_eq!(times.deadlock, Some(Duration::from_mins(5)));
}

#[test]
fn the_command_line_wins_over_the_environment_and_that_over_the_file() {
    let folder = folder("maxspare = 1\nminspare = 1\nmaxchildren = 1\npythonpath = [\"a\", \"b\"]\n");
    let variables =
        [("FCGI_RUN_CONFIG", "c.toml"), ("FCGI_RUN_MAXSPARE", "2"), ("FCGI_RUN_MAX_CHILDREN", "20")];
    let config = try_config("maxchildren=30 pythonpath=/c", &variables, folder.path()).unwrap();
    assert_eq!((config.min_spare, config.max_spare, config.max_children), (1, 2, 30));
    assert_eq!(config.pythonpath, [Path::new("/c")], "a list is replaced as a whole");
}

#[test]
fn an_address_on_the_command_line_replaces_the_one_in_the_file() {
    let folder = folder("socket = \"/s\"\n");
    let listen = |line: &str, variables: &[(&str, &str)]| {
        try_config(&format!("config=c.toml {line}"), variables, folder.path()).map(|config| config.listen)
    };
    let tcp = Listen::Tcp { host: "h".to_owned(), port: 1 };
    assert_eq!(listen("", &[]), Ok(Listen::Unix("/s".into())));
    assert_eq!(listen("host=h port=1", &[]), Ok(tcp.clone()));
    assert_eq!(listen("host=h", &[("FCGI_RUN_PORT", "1")]), Ok(tcp));
    assert_eq!(listen("fd=3", &[]), Ok(Listen::Fd(3)));
    assert_eq!(listen("port=1", &[]), Err("`port` needs `host` as well".to_owned()));
}

#[test]
fn variables_name_themselves_in_errors() {
    let cause = try_config("", &[("FCGI_RUN_MAX_SPARE", "many")], Path::new("/")).unwrap_err();
    assert_eq!(
        cause,
        "`maxspare=many` is not a number from 1 to 10000 (environment variable `FCGI_RUN_MAX_SPARE`)"
    );
    let config = try_config("", &[("FCGI_RUN_NONSENSE", "1")], Path::new("/")).unwrap();
    assert!(config.warnings[0].contains("`FCGI_RUN_NONSENSE`"), "{:?}", config.warnings);
}

#[test]
fn a_file_may_use_every_type_and_spelling() {
    let folder = folder(
        "# all of it\n\
         Socket = \"/s\"\n\
         daemonize = false\n\
         debug = \"yes\"\n\
         max-spare = 7\n\
         MAX_CHILDREN = \"70\"\n\
         maxrequests = 1_000\n\
         umask = 0o027\n\
         socketmode = 660\n\
         maxbody = \"1k\"\n\
         maxparams = 0x10000\n\
         stoptimeout = 1.5\n\
         pythonpath = [\"lib\", \"/x:/y\"]\n\
         static = \"/a/=a\"\n\
         http = 8000\n\
         scriptname = \"\"\n",
    );
    let config = try_config("config=c.toml", &[], folder.path()).unwrap();
    assert_eq!(config.listen, Listen::Unix("/s".into()));
    assert_eq!((config.daemonize, config.debug), (Some(false), true));
    assert_eq!((config.max_spare, config.max_children, config.max_requests), (7, 70, 1000));
    assert_eq!((config.umask, config.socket_mode), (0o027, Some(0o660)));
    assert_eq!((config.limits.max_body, config.limits.max_params), (Some(1024), 65_536));
    assert_eq!(config.stop_timeout, Duration::from_millis(1500));
    assert_eq!(config.pythonpath, [folder.path().join("lib"), "/x".into(), "/y".into()]);
    assert_eq!((config.statics.len(), config.http.unwrap().port), (1, 8000));
    assert_eq!(config.script_name.as_deref(), Some(""));
}

#[test]
fn errors_in_a_file_name_the_line() {
    for (toml, expected) in [
        ("debug = true\n\nsokcet = \"/s\"\n", "unknown option `sokcet` (DIR/c.toml, line 3)"),
        ("port = \"x\"\n", "`port=x` is not a number from 0 to 65535 (DIR/c.toml, line 1)"),
        ("# é\nmaxspare = 0\n", "`maxspare=0` is not a number from 1 to 10000 (DIR/c.toml, line 2)"),
        ("maxspare = 1\n\nmax_spare = 2\n", "option `maxspare` is there twice (DIR/c.toml, line 3)"),
        ("debug = true\n[socket]\npath = 1\n", "option `socket` cannot be a table (DIR/c.toml, line 2)"),
        ("socket = [\"/s\"]\n", "option `socket` cannot be a list (DIR/c.toml, line 1)"),
        ("umask = 2024-01-01\n", "option `umask` cannot be a date (DIR/c.toml, line 1)"),
        ("pythonpath = [[\"a\"]]\n", "option `pythonpath` cannot be a list in a list (DIR/c.toml, line 1)"),
        (
            "debug = true\nconfig = \"x\"\n",
            "`config` cannot stand in a configuration file (DIR/c.toml, line 2)",
        ),
        (
            "pidfile = \"a\"\nmaxspare = 2.5\n",
            "`maxspare=2.5` is not a number from 1 to 10000 (DIR/c.toml, line 2)",
        ),
    ] {
        assert_eq!(cause_in_file(toml), expected, "{toml}");
    }
}

#[test]
fn a_file_that_is_no_toml_names_the_line() {
    let cause = cause_in_file("debug = true\nsocket = /tmp/s\n");
    assert!(cause.ends_with(" (DIR/c.toml, line 2)"), "{cause}");
    assert!(!cause.contains('\n') && cause.len() > 30, "{cause}");
}

#[test]
fn a_number_in_a_file_may_have_a_sign() {
    let folder = folder("maxspare = +5\nminspare = -0\nstoptimeout = +1.5\numask = +22\n");
    let config = try_config("config=c.toml", &[], folder.path()).unwrap();
    assert_eq!((config.min_spare, config.max_spare, config.umask), (0, 5, 0o22));
    assert_eq!(config.stop_timeout, Duration::from_millis(1500));
    let expected = "`maxspare=-5` is not a number from 1 to 10000 (DIR/c.toml, line 1)";
    assert_eq!(cause_in_file("maxspare = -5\n"), expected);
}

#[test]
fn a_text_that_no_system_call_takes_is_refused_at_once() {
    for (name, value, what) in [
        ("socket", "/s\0", "text without NUL"),
        ("app", "a\0:b", "UTF-8 text without NUL"),
        ("pythonpath", "a:\0", "text without NUL"),
        ("static", "/a/=\0", "a URL and a directory"),
        ("http", "h\0:80", "an address"),
        ("scriptname", "/\0", "a path that begins with a slash"),
    ] {
        let toml = format!("{name} = \"{}\"\n", value.replace('\0', "\\u0000"));
        let shown = value.replace('\0', "\\u{0}");
        assert_eq!(cause_in_file(&toml), format!("`{name}={shown}` is not {what} (DIR/c.toml, line 1)"));
    }
}

#[test]
fn a_host_has_a_name() {
    for line in ["host=[] port=1", "host=[ port=1", "host=[::1 port=1", "host=]] port=1", "host=/s port=1"] {
        let host = line.split(' ').next().unwrap();
        assert_eq!(cause(line), format!("`{host}` is not a host name or an address"));
    }
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let cause = cause("config=missing.toml");
    assert!(cause.starts_with("cannot read the configuration file `/start/missing.toml`: "), "{cause}");
}

#[test]
fn logs_go_to_files_and_services() {
    let config = config(
        "outlog=syslog errlog=journald:run/j accesslog=./syslog accessformat=%h%s accessskip=/a,/b/* accessskip=/c",
    );
    assert_eq!(config.outlog, Some(LogPlace::Syslog(None)));
    assert_eq!(config.errlog, Some(LogPlace::Journal(Some("/start/run/j".into()))));
    assert_eq!(config.accesslog, Some(LogPlace::File("/start/syslog".into())));
    assert_eq!(config.access.skip.len(), 3);
    assert!(config.access.redact.is_empty());
    let error = try_config("accessformat=%Z", &[], Path::new("/")).unwrap_err();
    assert_eq!(error, "`%Z` is no directive of an access log");
}
