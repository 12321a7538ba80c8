//! Processes and threads, the process itself, logs.

use super::super::{
    OptionSpec,
    Preset::{self, Depends, Nothing},
    Section,
    ValueKind::{self, Choice, Flag, Log, Mode, Number, Page, Path, PathList, Seconds, Size, Text, Words},
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
        "pool",
        Choice(&[("dynamic", &[]), ("static", &[]), ("ondemand", &[])]),
        "NAME",
        Preset::Value("dynamic"),
        "How many workers there are: by the spare rules (`dynamic`), always `maxchildren` (`static`; without it, `maxspare`), or \
         none until a connection waits, `maxchildren` at most, each gone after `idletimeout` without a request (`ondemand`). \
         With `threaded`, `static` is about threads, and `ondemand` lets the one process go",
    ),
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
        "Replace a worker after so many requests; it serves until the next one does. Where `jitter` comes to nothing, as below \
         10 requests, it serves exactly so many. 0 is never",
    ),
    option(
        Section::Processes,
        "maxlifetime",
        Seconds,
        "SECONDS",
        Preset::Value("0"),
        "Replace a worker that has served for so long; 0 is never",
    ),
    option(
        Section::Processes,
        "maxmemory",
        Size { max: 1 << 50 },
        "SIZE",
        Preset::Value("0"),
        "Replace a worker that takes more memory after a request: its resident set (RSS), with what it shares with others. \
         0 is no limit",
    ),
    option(
        Section::Processes,
        "jitter",
        Number { min: 0, max: 100 },
        "PERCENT",
        Preset::Value("10"),
        "Lower `maxrequests`, `maxlifetime` and `maxmemory` for each worker by a random part of up to this, so that not all \
         are due at once. One is replaced at a time, but for those with more than twice `maxmemory`",
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
        "starttimeout",
        Seconds,
        "SECONDS",
        Preset::Value("60"),
        "How long a worker may take until it serves, import and `probe` included, before it is given up; 0 is for ever",
    ),
    option(
        Section::Running,
        "probe",
        Page,
        "PATH",
        Nothing,
        "Ask the application for this page before a new worker serves; without 2xx or 3xx the start fails, and a reload is \
         given up. `HOST/PATH` where the application looks at the host",
    ),
    option(
        Section::Running,
        "touchreload",
        PathList,
        "FILES",
        Nothing,
        "Reload when one of these files appears or changes; separated by colons, or given several times",
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
        Log,
        "PLACE",
        Depends("/dev/null in the background"),
        "Append what the application prints to this file, or send it to `syslog` or `journald`; files are reopened on SIGUSR1",
    ),
    option(
        Section::Logs,
        "errlog",
        Log,
        "PLACE",
        Depends("/dev/null in the background"),
        "Append messages and tracebacks to this file, or send them to `syslog` or `journald`",
    ),
    option(
        Section::Logs,
        "capture",
        Flag,
        "BOOL",
        Depends("true where a log is no file"),
        "Write what workers print line by line, with time and process id",
    ),
    option(
        Section::Logs,
        "accesslog",
        Log,
        "PLACE",
        Depends("off"),
        "Append one line per request to this file, or send it to `syslog` or `journald`",
    ),
    option(
        Section::Logs,
        "accessformat",
        Text,
        "FORMAT",
        Preset::Value("combined"),
        "The form of the access log: `common`, `combined` (with the duration added), `json`, or directives as Apache has them: \
         `%h %t \"%r\" %s %b %D`",
    ),
    option(
        Section::Logs,
        "accessskip",
        Words,
        "PATHS",
        Nothing,
        "Leave requests of these paths out of the access log, as in `/health,/static/*`",
    ),
    option(
        Section::Logs,
        "redact",
        Words,
        "NAMES",
        Nothing,
        "Write `***` for the values of these query parameters in the access log, as in `token,*password*`",
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
