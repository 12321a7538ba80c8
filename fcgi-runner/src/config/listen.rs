//! Where to listen: the one answer that several options give together.
//!
//! There are three ways, `socket`, `host` with `port`, and `fd`, and one of them may be used. A way named by a
//! stronger source puts aside the others of weaker ones, so that `host` and `port` on the command line replace a
//! `socket` in the configuration file.

use std::path::Path;

use super::{Listen, settings::Settings};
use crate::options::{UsageError, Value, error::SOCKET_PATH_LIMIT};

/// Decides where to listen.
///
/// # Errors
///
/// The operator is at fault: two ways at once, half an address, a value out of range, or a path that is too long.
pub(super) fn listen(settings: &Settings, start_dir: &Path) -> Result<Listen, UsageError> {
    let given = strongest(settings, start_dir)?;
    let of = |name| given.iter().find(|given| given.name == name).map(|given| &given.value);
    if let Some(pair) = given.windows(2).find(|pair| way(pair[0].name) != way(pair[1].name)) {
        return Err(UsageError::TwoAddresses(pair[0].name, pair[1].name));
    }
    match (of("socket"), of("host"), of("port"), of("fd")) {
        (Some(Value::Path(path)), ..) => unix(path),
        (_, Some(Value::Text(host)), Some(Value::Number(port)), _) => {
            Ok(Listen::Tcp { host: host.clone(), port: u16::try_from(*port).unwrap_or_default() })
        }
        (_, Some(_), None, _) => Err(UsageError::HalfAddress { given: "host", missing: "port" }),
        (_, None, Some(_), _) => Err(UsageError::HalfAddress { given: "port", missing: "host" }),
        (.., Some(Value::Number(fd))) => Ok(Listen::Fd(i32::try_from(*fd).unwrap_or_default())),
        _ => Ok(Listen::Auto),
    }
}

/// An option that says where to listen.
struct Given {
    name: &'static str,
    value: Value,
    rank: u8,
}

/// What was given, without what a stronger source has put aside. Empty values count as not given.
fn strongest(settings: &Settings, start_dir: &Path) -> Result<Vec<Given>, UsageError> {
    let mut given = Vec::new();
    for name in NAMES {
        let Some(setting) = settings.last(name) else { continue };
        let value = setting.read(name, start_dir)?;
        if value != Value::Nothing {
            given.push(Given { name, value, rank: setting.origin.rank() });
        }
    }
    let rank = given.iter().map(|given| given.rank).max().unwrap_or_default();
    let ways: Vec<_> = given.iter().filter(|given| given.rank == rank).map(|given| way(given.name)).collect();
    given.retain(|given| ways.contains(&way(given.name)));
    Ok(given)
}

fn unix(path: &Path) -> Result<Listen, UsageError> {
    let length = path.as_os_str().len();
    if length > SOCKET_PATH_LIMIT {
        return Err(UsageError::SocketPath { path: path.to_owned(), length });
    }
    Ok(Listen::Unix(path.to_owned()))
}

/// The way of listening that an option belongs to.
fn way(name: &str) -> &str {
    if name == "port" { "host" } else { name }
}

const NAMES: [&str; 4] = ["socket", "host", "port", "fd"];
