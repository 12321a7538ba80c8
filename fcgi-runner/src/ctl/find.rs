//! Which server is meant: the one whose words were typed, or the only one there is.
//!
//! A control socket lies where the words of the server say, or follows from them. Where they do not lead to one, those that
//! listen on this machine are asked who they are; the kernel lists them in `/proc/net/unix`.

use std::ffi::OsString;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::link::Link;
use super::trouble::{Status, Trouble};
use crate::cli::{self, Command};
use crate::config::control::SUFFIX;
use crate::config::sites::Sites;
use crate::config::{Config, ControlSocket, Listen};
use crate::messages::Code;
use crate::os::listener;
use crate::supervisor::control::message::{Introduction, Question};

/// Connects to the server that is meant. One that was neither named nor started in this folder is only looked at: who stops a
/// server twice is not to stop another one, `alters` says.
///
/// # Errors
/// When there is none, or several.
pub(super) fn find(words: &[OsString], alters: bool) -> Result<Link, Trouble> {
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
    let (mut links, found): (Vec<Link>, Vec<Introduction>) =
        listening().iter().filter_map(|path| introduced(path)).unzip();
    choose(&config, &found, alters).map(|index| links.swap_remove(index))
}

/// Which of those that have introduced themselves.
fn choose(config: &Config, found: &[Introduction], alters: bool) -> Result<usize, Trouble> {
    let meant: Vec<usize> = (0..found.len()).filter(|index| is_meant(config, &found[*index])).collect();
    let here: Vec<usize> =
        meant.iter().copied().filter(|index| found[*index].folder == config.start_dir).collect();
    match (&meant[..], &here[..]) {
        ([], _) => Err(nobody(config)),
        (_, &[one]) if !is_said(config) => Ok(one),
        (&[other], _) if alters && !is_said(config) => Err(elsewhere(&found[other])),
        (&[one], _) => Ok(one),
        _ => Err(several(meant.iter().map(|index| &found[*index]))),
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
    let has_address = match &config.listen {
        Listen::Unix(path) => who.addresses.contains(&path.display().to_string()),
        // A server says what the name has stood for.
        Listen::Tcp { host, port } => listener::addresses(host)
            .into_iter()
            .any(|address| who.addresses.contains(&SocketAddr::new(address, *port).to_string())),
        Listen::Auto | Listen::Fd(_) => true,
    };
    has_address && (config.pidfile.is_none() || config.pidfile == who.pidfile)
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

fn elsewhere(who: &Introduction) -> Trouble {
    let message =
        format!("no server was started in this folder; is the one elsewhere meant?\n  {}", name_of(who));
    Trouble::new(Status::Usage, Code::SERVER_ELSEWHERE, message)
}

fn several<'s>(servers: impl Iterator<Item = &'s Introduction>) -> Trouble {
    let lines: Vec<String> = servers.map(|who| format!("\n  {}", name_of(who))).collect();
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

    fn server(folder: &str, address: &str, pidfile: Option<&str>) -> Introduction {
        Introduction {
            folder: folder.into(),
            addresses: vec![address.to_owned()],
            pidfile: pidfile.map(Into::into),
            ..Introduction::default()
        }
    }

    /// Of these servers, that of the words typed in `/here`: its number, or the code.
    fn chosen(words: &[&str], found: &[Introduction], alters: bool) -> Result<usize, Code> {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        let Ok(Command::Run(config)) = cli::parse(&words, &[], Path::new("/here")) else {
            panic!("{words:?}")
        };
        choose(&config, found, alters).map_err(|trouble| trouble.code)
    }

    #[test]
    fn without_words_another_folder_is_looked_at_and_not_touched() {
        let here = server("/here", "/run/a.sock", None);
        let there = server("/there", "/run/b.sock", Some("/run/b.pid"));
        let other = server("/else", "/run/c.sock", None);
        for alters in [false, true] {
            assert_eq!(chosen(&[], &[], alters), Err(Code::NO_SERVER));
            assert_eq!(chosen(&[], &[there.clone(), here.clone()], alters), Ok(1));
            assert_eq!(chosen(&[], &[there.clone(), other.clone()], alters), Err(Code::SEVERAL_SERVERS));
            assert_eq!(chosen(&["pidfile=/run/b.pid"], &[there.clone(), here.clone()], alters), Ok(0));
            assert_eq!(chosen(&["socket=/run/b.sock"], std::slice::from_ref(&there), alters), Ok(0));
        }
        assert_eq!(chosen(&[], std::slice::from_ref(&there), false), Ok(0));
        assert_eq!(chosen(&[], &[there], true), Err(Code::SERVER_ELSEWHERE));
    }

    #[test]
    fn a_server_is_found_by_any_name_of_its_address() {
        let found = [server("/there", "127.0.0.1:3033", None), server("/there", "[::1]:3033", None)];
        for (words, result) in [
            (["host=127.0.0.1", "port=3033"], Ok(0)),
            (["host=::1", "port=3033"], Ok(1)),
            (["host=127.0.0.1", "port=3034"], Err(Code::NO_SERVER)),
        ] {
            assert_eq!(chosen(&words, &found, true), result, "{words:?}");
        }
        assert_eq!(chosen(&["host=localhost", "port=3033"], &found[..1], true), Ok(0));
    }
}
