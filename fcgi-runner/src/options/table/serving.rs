//! Where to listen, and what to serve.

use super::super::{
    OptionSpec,
    Preset::{self, Depends, Nothing},
    Section,
    ValueKind::{Choice, Flag, Host, Mode, Number, Path, PathList, Prefix, Text},
};
use super::option;

pub(super) static OPTIONS: &[OptionSpec] = &[
    option(
        Section::Address,
        "socket",
        Path,
        "PATH",
        Nothing,
        "Listen on a Unix socket, made anew and removed at the end",
    ),
    option(
        Section::Address,
        "host",
        Host,
        "NAME",
        Nothing,
        "Listen on a TCP address, IPv4 or IPv6; goes with `port`",
    ),
    option(
        Section::Address,
        "port",
        Number { min: 0, max: 65535 },
        "N",
        Nothing,
        "The TCP port; goes with `host`",
    ),
    option(
        Section::Address,
        "fd",
        Number { min: 0, max: 65535 },
        "N",
        Depends("0, if it is a socket"),
        "Listen on a socket that was inherited as this file descriptor",
    ),
    option(
        Section::Address,
        "socketmode",
        Mode,
        "OCTAL",
        Depends("by umask"),
        "The permissions of the Unix socket, as in `socketmode=0660`",
    ),
    option(
        Section::Address,
        "socketowner",
        Text,
        "NAME",
        Depends("as user"),
        "Who owns the Unix socket, a name or a number",
    ),
    option(
        Section::Address,
        "socketgroup",
        Text,
        "NAME",
        Depends("as group"),
        "The group of the Unix socket, a name or a number: that of the web server, with `socketmode=0660`",
    ),
    option(
        Section::Address,
        "protocol",
        Choice(&[("fcgi", &["fastcgi"])]),
        "NAME",
        Preset::Value("fcgi"),
        "The protocol of the web server; nothing but `fcgi` is supported",
    ),
    OptionSpec {
        aliases: &["application"],
        ..option(
            Section::Application,
            "app",
            Text,
            "MODULE:NAME",
            Depends("found"),
            "The application: `module:callable`, `module` or a factory `module:create_app()`; the word alone will do. \
             Else it is looked for by `settings`, `manage.py`, `wsgi.py`, `app.py` and `passenger_wsgi.py`",
        )
    },
    option(
        Section::Application,
        "authorizer",
        Text,
        "MODULE:NAME",
        Nothing,
        "The application that says who may come in, for web servers that ask a FastCGI authorizer; written as `app` is",
    ),
    option(
        Section::Application,
        "filter",
        Text,
        "MODULE:NAME",
        Nothing,
        "The application that works on files, for web servers that use a FastCGI filter; written as `app` is",
    ),
    option(
        Section::Application,
        "settings",
        Text,
        "MODULE",
        Nothing,
        "The settings of a Django project; sets DJANGO_SETTINGS_MODULE",
    ),
    option(
        Section::Application,
        "pythonpath",
        PathList,
        "PATHS",
        Nothing,
        "Directories to add to `sys.path`, separated by colons",
    ),
    OptionSpec {
        aliases: &["venv"],
        ..option(
            Section::Application,
            "virtualenv",
            Path,
            "DIR",
            Depends("VIRTUAL_ENV, else .venv"),
            "The virtual environment to use",
        )
    },
    option(
        Section::Application,
        "scriptname",
        Prefix,
        "PREFIX",
        Depends("as sent"),
        "Where the application is mounted; an empty one is the root. Use it where the web server splits SCRIPT_NAME and \
         PATH_INFO in the wrong place",
    ),
    option(
        Section::Application,
        "debug",
        Flag,
        "BOOL",
        Preset::Value("false"),
        "Show tracebacks to visitors. Never leave it on in public",
    ),
];
