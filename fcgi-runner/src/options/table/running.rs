//! Processes and threads, the process itself, logs.

use super::super::{
    OptionSpec,
    Preset::{self, Depends, Nothing},
    Section,
    ValueKind::{self, Choice, Flag, Mode, Number, Path, Seconds},
};
use super::option;

pub(super) static OPTIONS: &[OptionSpec] = &[
    option(
        Section::Processes,
        "method",
        Choice(&[("prefork", &["fork"]), ("threaded", &["thread"])]),
        "NAME",
        Depends("prefork; one thread on fd 0"),
        "Serve with several processes (`prefork`) or with several threads of one process (`threaded`)",
    ),
    option(
        Section::Processes,
        "minspare",
        COUNT_FROM_ZERO,
        "N",
        Preset::Value("2"),
        "Start more workers when fewer than this many are idle",
    ),
    option(
        Section::Processes,
        "maxspare",
        COUNT,
        "N",
        Preset::Value("5"),
        "Start with so many workers, and stop some when more than this many are idle",
    ),
    OptionSpec {
        aliases: &["maxthreads"],
        ..option(
            Section::Processes,
            "maxchildren",
            COUNT,
            "N",
            Preset::Value("50"),
            "Never have more workers than this, or than `maxspare` if that is greater",
        )
    },
    option(
        Section::Processes,
        "threads",
        COUNT,
        "N",
        Depends("1 in prefork"),
        "Application threads in each worker; with `threaded` a fixed number in place of the spare rules",
    ),
    option(
        Section::Processes,
        "maxrequests",
        Number { min: 0, max: u64::MAX },
        "N",
        Preset::Value("0"),
        "Replace a worker after so many requests; 0 is never",
    ),
    option(
        Section::Processes,
        "abort",
        Choice(&[("ignore", &[]), ("interrupt", &[])]),
        "NAME",
        Preset::Value("ignore"),
        "What to do with a request whose visitor has gone: `ignore` it, or `interrupt` the application with \
         `fcgi_runner.ClientDisconnected`",
    ),
    option(
        Section::Processes,
        "preload",
        Flag,
        "BOOL",
        Preset::Value("false"),
        "Import the application once, before the workers are forked. Saves memory; connections opened at import would \
         be shared",
    ),
    option(
        Section::Running,
        "daemonize",
        Flag,
        "BOOL",
        Depends("true with `socket` or `host`, else false"),
        "Go to the background once the application serves",
    ),
    option(
        Section::Running,
        "pidfile",
        Path,
        "PATH",
        Nothing,
        "Write the process id there, and remove it at the end; stop with \"kill `cat PATH`\"",
    ),
    option(
        Section::Running,
        "workdir",
        Path,
        "DIR",
        Depends("/ in the background, else the current directory"),
        "Change to this directory; other relative paths are taken from where `fcgi-run` was started",
    ),
    option(
        Section::Running,
        "umask",
        Mode,
        "OCTAL",
        Preset::Value("022"),
        "The permissions that new files, and the Unix socket, are not to have",
    ),
    option(
        Section::Running,
        "stoptimeout",
        Seconds,
        "SECONDS",
        Preset::Value("10"),
        "How long running requests may take at a stop before they are killed",
    ),
    option(
        Section::Running,
        "config",
        Path,
        "FILE",
        Nothing,
        "Read options from a TOML file, as in `socket = \"/run/app.sock\"`; the environment and the command line win",
    ),
    option(
        Section::Logs,
        "outlog",
        Path,
        "PATH",
        Depends("/dev/null in the background"),
        "Append what the application prints; reopened on SIGUSR1",
    ),
    option(
        Section::Logs,
        "errlog",
        Path,
        "PATH",
        Depends("/dev/null in the background"),
        "Append messages and tracebacks; reopened on SIGUSR1",
    ),
    option(
        Section::Logs,
        "accesslog",
        Path,
        "PATH",
        Depends("off"),
        "Append one line per request; reopened on SIGUSR1",
    ),
    option(
        Section::Logs,
        "accessformat",
        Choice(&[("combined", &[]), ("json", &[])]),
        "NAME",
        Preset::Value("combined"),
        "The form of the access log: `combined`, with the duration added, or `json`",
    ),
    option(
        Section::Logs,
        "loglevel",
        Choice(&[("error", &[]), ("warn", &["warning"]), ("info", &[]), ("debug", &[]), ("trace", &[])]),
        "LEVEL",
        Preset::Value("info"),
        "How much to tell in the error log: `error`, `warn`, `info`, `debug` or `trace`",
    ),
];

const COUNT: ValueKind = Number { min: 1, max: 10_000 };
const COUNT_FROM_ZERO: ValueKind = Number { min: 0, max: 10_000 };
