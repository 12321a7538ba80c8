//! Who the workers run as, what they may have, and who may connect.

use super::super::{
    OptionSpec,
    Preset::{self, Depends, Nothing},
    Section,
    ValueKind::{Clients, Flag, Number, Path, Size, Text, Words},
};
use super::option;

pub(super) static OPTIONS: &[OptionSpec] = &[
    option(
        Section::Security,
        "user",
        Text,
        "NAME",
        Depends("who starts it"),
        "Run the application as this user, a name or a number; needs root. The master stays who it is, for its socket, \
         pidfile and logs",
    ),
    option(
        Section::Security,
        "group",
        Text,
        "NAME",
        Depends("that of the user"),
        "Run the application with this group, a name or a number",
    ),
    option(
        Section::Security,
        "groups",
        Words,
        "NAMES",
        Depends("those of the user"),
        "Supplementary groups of the application, separated by commas; `none` for none",
    ),
    option(
        Section::Security,
        "chroot",
        Path,
        "DIR",
        Nothing,
        "Make this directory the root of the application's files; Python and the application have to be inside, at the \
         same paths. Needs root",
    ),
    option(
        Section::Security,
        "nonewprivs",
        Flag,
        "BOOL",
        Preset::Value("false"),
        "Let nothing that the application starts gain rights, by setuid programs for example",
    ),
    option(
        Section::Security,
        "openfiles",
        Number { min: 1, max: 1 << 30 },
        "N",
        Depends("as many as allowed, up to 65536"),
        "How many files and connections a worker may have open",
    ),
    option(
        Section::Security,
        "coresize",
        Size { max: 1 << 50 },
        "SIZE",
        Depends("as inherited"),
        "How large the core file of a worker that crashes may be; 0 is none",
    ),
    option(
        Section::Security,
        "memorylimit",
        Size { max: 1 << 50 },
        "SIZE",
        Depends("as inherited"),
        "How much address space a worker may have; beyond it Python raises MemoryError",
    ),
    option(
        Section::Security,
        "allowedclients",
        Clients,
        "LIST",
        Depends("FCGI_WEB_SERVER_ADDRS, else anybody"),
        "Who may connect, separated by commas: addresses and networks over TCP, `user:NAME` and `group:NAME` over a Unix \
         socket, or `any`; may be given several times",
    ),
];
