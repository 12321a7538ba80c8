//! Which server is meant: the one whose words were typed, or the only one there is.
//!
//! A control socket lies where the words of the server say, or follows from them. Where they do not lead to one, those that
//! listen on this machine are asked who they are; the kernel lists them in `/proc/net/unix`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::link::Link;
use super::trouble::{Status, Trouble};
use crate::cli::{self, Command};
use crate::config::control::SUFFIX;
use crate::config::sites::Sites;
use crate::config::{Config, ControlSocket, Listen};
use crate::messages::Code;
use crate::supervisor::control::message::{Introduction, Question};

/// Connects to the server that is meant.
///
/// # Errors
/// When there is none, or several.
pub(super) fn find(words: &[OsString]) -> Result<Link, Trouble> {
    let config = match cli::parse_here(words)? {
        Command::Run(config) => config,
        Command::RunSites(all) => return Err(one_of(&all)),
        _ => {
            let message = "words that name a server look like `pidfile=PATH`";
            return Err(Trouble::usage(message, "see `fcgi-run ctl help`"));
        }
    };
    for path in config.control.paths() {
        if let Some(link) = connect(path)? {
            return Ok(link);
        }
    }
    if matches!(config.control, ControlSocket::At(_) | ControlSocket::Off) {
        return Err(nobody(&config));
    }
    let mut found: Vec<(Link, Introduction)> = listening()
        .iter()
        .filter_map(|path| introduced(path))
        .filter(|(_, who)| is_meant(&config, who))
        .collect();
    if found.len() > 1 && !is_said(&config) {
        let here: Vec<bool> = found.iter().map(|(_, who)| who.folder == config.start_dir).collect();
        if here.iter().filter(|here| **here).count() == 1 {
            let mut here = here.into_iter();
            found.retain(|_| here.next() == Some(true));
        }
    }
    match found.len() {
        0 => Err(nobody(&config)),
        1 => found.pop().map(|(link, _)| link).ok_or_else(|| nobody(&config)),
        _ => Err(several(found.into_iter().map(|(_, who)| who))),
    }
}

/// Each site is a server of its own.
fn one_of(all: &Sites) -> Trouble {
    let names: Vec<String> = all.sites.iter().map(|site| format!("\n  site={}", site.name)).collect();
    let message =
        format!("there are {} sites in the file; which one is meant?{}", names.len(), names.concat());
    Trouble {
        hint: "add one of these words".to_owned(),
        ..Trouble::new(Status::Usage, Code::SEVERAL_SERVERS, message)
    }
}

/// Nothing where nobody listens.
fn connect(path: &Path) -> Result<Option<Link>, Trouble> {
    match Link::connect(path) {
        Ok(link) => Ok(Some(link)),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            let message = format!("the control socket `{}` is not open to this user", path.display());
            Err(Trouble::new(Status::Failed, Code::MAY_NOT_CONTROL, message))
        }
        Err(_) => Ok(None),
    }
}

fn introduced(path: &Path) -> Option<(Link, Introduction)> {
    let mut link = Link::connect(path).ok()?;
    let answer = link.ask(&Question::new("hello"), Some(PATIENCE)).ok()?;
    Some((link, answer.server?))
}

fn is_said(config: &Config) -> bool {
    config.listen != Listen::Auto || config.pidfile.is_some()
}

/// Whether a server has what was said.
fn is_meant(config: &Config, who: &Introduction) -> bool {
    let address = match &config.listen {
        Listen::Unix(path) => Some(path.display().to_string()),
        Listen::Tcp { host, port } if host.contains(':') => Some(format!("[{host}]:{port}")),
        Listen::Tcp { host, port } => Some(format!("{host}:{port}")),
        Listen::Auto | Listen::Fd(_) => None,
    };
    address.is_none_or(|address| who.addresses.contains(&address))
        && (config.pidfile.is_none() || config.pidfile == who.pidfile)
}

/// Sockets that listen and whose names end as ours do.
fn listening() -> Vec<PathBuf> {
    std::fs::read_to_string("/proc/net/unix").map_or_else(|_| Vec::new(), |table| candidates(&table))
}

/// Columns: number, references, protocol, flags, type, state, inode, path.
fn candidates(table: &str) -> Vec<PathBuf> {
    let listens = |line: &&str| line.split_whitespace().nth(3) == Some(ACCEPTS);
    let paths = table.lines().filter(listens).filter_map(|line| line.find(" /").map(|at| &line[at + 1..]));
    let mut paths: Vec<PathBuf> = paths.filter(|path| path.ends_with(SUFFIX)).map(Into::into).collect();
    paths.sort();
    paths.dedup();
    paths
}

fn nobody(config: &Config) -> Trouble {
    let paths: Vec<String> =
        config.control.paths().iter().map(|path| format!("`{}`", path.display())).collect();
    let message = match &paths[..] {
        [] if config.control == ControlSocket::Off => {
            "the words say that the server has no control socket".to_owned()
        }
        [] => "no server of this user was found".to_owned(),
        paths => format!("no server answers at {}", paths.join(" or ")),
    };
    Trouble::new(Status::NoServer, Code::NO_SERVER, message)
}

fn several(servers: impl Iterator<Item = Introduction>) -> Trouble {
    let lines: Vec<String> = servers.map(|who| format!("\n  {}", name_of(&who))).collect();
    let message = format!("{} servers are running; which one is meant?{}", lines.len(), lines.concat());
    Trouble::new(Status::Usage, Code::SEVERAL_SERVERS, message)
}

/// A server in one line.
pub(super) fn name_of(who: &Introduction) -> String {
    let pidfile = who.pidfile.as_ref().map(|path| format!(", pidfile={}", path.display()));
    let address = who.addresses.join(", ");
    format!("pid {} in {}: {address}{}", who.pid, who.folder.display(), pidfile.unwrap_or_default())
}

/// What the kernel's table says of a socket that accepts connections.
const ACCEPTS: &str = "00010000";

/// For servers that nobody has named.
const PATIENCE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_listen_and_have_our_ending() {
        let table = "Num       RefCount Protocol Flags    Type St Inode Path\n\
            0000: 00000002 00000000 00010000 0001 01 1 /run/a b.pid.ctl\n\
            0000: 00000002 00000000 00010000 0001 01 2 /run/x.sock\n\
            0000: 00000003 00000000 00000000 0001 03 3 /run/c.ctl\n\
            0000: 00000002 00000000 00010000 0001 01 4 @abstract.ctl\n\
            0000: 00000002 00000000 00010000 0001 01 5\n\
            0000: 00000002 00000000 00010000 0001 01 1 /run/a b.pid.ctl\n";
        assert_eq!(candidates(table), [Path::new("/run/a b.pid.ctl")]);
    }
}
