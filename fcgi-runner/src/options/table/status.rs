//! How the server tells how it is doing.

use super::super::{
    OptionSpec,
    Preset::{self, Nothing},
    Section,
    ValueKind::{Address, Mode, Networks, OwnPage, Path},
};
use super::option;

pub(super) static OPTIONS: &[OptionSpec] = &[
    option(
        Section::Status,
        "statussocket",
        Path,
        "PATH",
        Nothing,
        "Tell at a Unix socket how the server is doing, over HTTP and FastCGI, also when all workers are busy",
    ),
    option(
        Section::Status,
        "statusmode",
        Mode,
        "OCTAL",
        Preset::Value("0600"),
        "The permissions of that socket",
    ),
    option(
        Section::Status,
        "statusport",
        Address,
        "[HOST:]PORT",
        Nothing,
        "Tell it at a TCP port as well, of 127.0.0.1 unless a host is given; as text, JSON, OpenMetrics or a page",
    ),
    option(
        Section::Status,
        "statuspath",
        OwnPage,
        "PATH",
        Nothing,
        "Tell it at this path of the site, through the web server, to visitors from `statusallow`",
    ),
    option(
        Section::Status,
        "statusallow",
        Networks,
        "NETWORKS",
        Preset::Value("127.0.0.1,::1"),
        "Who may see `statuspath` and `statusport`: addresses and networks as in `10.0.0.0/8`, separated by commas",
    ),
    option(
        Section::Status,
        "pingpath",
        OwnPage,
        "PATH",
        Nothing,
        "Answer at this path of the site with \"pong\", without the application, as load balancers ask for it",
    ),
];
