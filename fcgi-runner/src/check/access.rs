//! Whether the web server's user can connect to a Unix socket.
//!
//! Root becomes that user in a process of its own and tries ([`try_out`]); anybody else reads it off the modes of the socket and of
//! every folder on the way, without access lists and security modules ([`check`]).

use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Finding;
use super::trial::{Deed, Step, Trial};
use crate::messages::Code;
use crate::os::probe::{self, Account};
use crate::os::users;

/// Owner, group and permission bits.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Mode {
    pub uid: u32,
    pub gid: u32,
    pub bits: u32,
}

impl Mode {
    /// That of a file.
    pub fn of(meta: &fs::Metadata) -> Self {
        Self { uid: meta.uid(), gid: meta.gid(), bits: meta.permissions().mode() & 0o7777 }
    }

    /// Whether the user has the permission, `0o2` to write or `0o1` to enter: the first of owner, group and others that applies
    /// decides alone.
    pub fn allows(self, user: &Account, wanted: u32) -> bool {
        let shift = match self.class(user) {
            _ if user.uid == 0 => return true,
            'u' => 6,
            'g' => 3,
            _ => 0,
        };
        self.bits >> shift & wanted == wanted
    }

    /// Which of the three classes a user belongs to, as `chmod` calls it: `u`, `g` or `o`.
    pub fn class(self, user: &Account) -> char {
        if user.uid == self.uid {
            'u'
        } else if user.groups.contains(&self.gid) {
            'g'
        } else {
            'o'
        }
    }
}

/// The usual users of web servers, as far as this machine has them; or the one that was named.
///
/// # Errors
/// The named one is not there.
pub fn web_users(named: Option<&str>) -> Result<Vec<Account>, String> {
    match named {
        Some(name) => probe::account(name)
            .map(|user| vec![user])
            .ok_or_else(|| format!("there is no user `{name}` on this machine")),
        None => Ok(USUAL.iter().filter_map(|name| probe::account(name)).collect()),
    }
}

/// Looks at the way to the socket. `planned` is the mode that it will have, where there is none yet.
pub fn check(socket: &Path, planned: Mode, users: &[Account]) -> Vec<Finding> {
    if users.is_empty() {
        let text = "no user of a web server is known on this machine; name it with webuser=NAME";
        return vec![Finding::fine(TOPIC, text)];
    }
    // That the folder is not there is told elsewhere.
    let Ok(folders) = folders(socket) else { return Vec::new() };
    let mode = fs::symlink_metadata(socket).map_or(planned, |meta| Mode::of(&meta));
    users.iter().map(|user| judge(socket, mode, &folders, user)).collect()
}

/// Lets each user go the way to a socket: to the one that is there, or to one `like` it that is there for the moment.
///
/// # Errors
/// When this process cannot become one of them.
pub fn try_out(socket: &Path, like: Option<&Path>, users: &[Account]) -> io::Result<Vec<Finding>> {
    let tried = like.unwrap_or(socket);
    let folder = tried.parent().unwrap_or(tried).canonicalize()?;
    let target = folder.join(tried.file_name().unwrap_or_default());
    let mode = Mode::of(&fs::symlink_metadata(&target)?);
    let judge = |user: &Account| {
        let (name, trial) = (&user.name, Trial::of(user));
        let Some(blocked) = trial.first_blocked(&Step::way(&target, Deed::Connect))? else {
            return Ok(Finding::fine(TOPIC, format!("`{name}` can connect ({mode})")));
        };
        let what = match blocked.step.deed {
            Deed::Connect => format!("may not connect to the socket `{}` ({mode})", socket.display()),
            _ => blocked.text(),
        };
        let finding = Finding::warning(TOPIC, Code::NO_WEB_ACCESS, format!("`{name}` {what}"));
        Ok(Finding { cure: trial.cure(&blocked), ..finding })
    };
    users.iter().map(judge).collect()
}

fn judge(socket: &Path, mode: Mode, folders: &[(PathBuf, Mode)], user: &Account) -> Finding {
    let name = &user.name;
    if let Some((folder, mode)) = folders.iter().find(|(_, mode)| !mode.allows(user, ENTER)) {
        let text = format!("`{name}` may not enter the folder `{}` ({})", folder.display(), mode);
        return Finding::warning(TOPIC, Code::NO_WEB_ACCESS, text);
    }
    if !mode.allows(user, WRITE) {
        let text = format!("`{name}` may not connect to the socket `{}` ({})", socket.display(), mode);
        return Finding::warning(TOPIC, Code::NO_WEB_ACCESS, text);
    }
    Finding::fine(TOPIC, format!("`{name}` can connect ({mode})"))
}

/// The folders from the root to the socket, symbolic links followed.
fn folders(socket: &Path) -> io::Result<Vec<(PathBuf, Mode)>> {
    let folder = socket.parent().unwrap_or(socket).canonicalize()?;
    let mut all = Vec::new();
    for folder in folder.ancestors() {
        all.push((folder.to_owned(), Mode::of(&fs::metadata(folder)?)));
    }
    all.reverse();
    Ok(all)
}

impl fmt::Display for Mode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (owner, group) = (users::user_name(self.uid), users::group_name(self.gid));
        write!(out, "mode {:04o}, owner {owner}, group {group}", self.bits)
    }
}

/// Web servers whose service has a `/tmp` of its own, where the socket is to be there.
pub fn private_tmp(socket: &Path) -> Option<Finding> {
    if !(socket.starts_with("/tmp") || socket.starts_with("/var/tmp")) {
        return None;
    }
    let units: Vec<&str> = UNITS.into_iter().filter(|unit| has_private_tmp(unit)).collect();
    (!units.is_empty()).then(|| {
        let text = format!(
            "the service of {} has a /tmp of its own and will not find the socket",
            units.join(" and ")
        );
        Finding::warning(TOPIC, Code::PRIVATE_TMP, text)
    })
}

fn has_private_tmp(unit: &str) -> bool {
    let places = ["/etc/systemd/system", "/lib/systemd/system", "/usr/lib/systemd/system"];
    let file = places.iter().find_map(|place| fs::read_to_string(format!("{place}/{unit}.service")).ok());
    file.is_some_and(|text| says_private_tmp(&text))
}

fn says_private_tmp(text: &str) -> bool {
    let last = text.lines().filter_map(|line| line.trim().strip_prefix("PrivateTmp=")).next_back();
    last.is_some_and(|value| {
        matches!(value.trim().to_ascii_lowercase().as_str(), "true" | "yes" | "on" | "1")
    })
}

/// What these findings are about.
pub const TOPIC: &str = "web server";
const ENTER: u32 = 0o1;
const WRITE: u32 = 0o2;
const USUAL: [&str; 6] = ["www-data", "nginx", "apache", "http", "www", "caddy"];
const UNITS: [&str; 5] = ["nginx", "apache2", "httpd", "lighttpd", "caddy"];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Level;

    fn user(uid: u32, groups: &[u32]) -> Account {
        Account { name: format!("user{uid}"), uid, groups: groups.to_vec() }
    }

    fn mode(uid: u32, gid: u32, bits: u32) -> Mode {
        Mode { uid, gid, bits }
    }

    #[test]
    fn the_first_class_that_applies_decides() {
        for (mode, user, wanted, allowed) in [
            (mode(5, 6, 0o600), user(5, &[5]), WRITE, true),
            (mode(5, 6, 0o066), user(5, &[6]), WRITE, false),
            (mode(5, 6, 0o660), user(7, &[7, 6]), WRITE, true),
            (mode(5, 6, 0o606), user(7, &[6]), WRITE, false),
            (mode(5, 6, 0o602), user(7, &[7]), WRITE, true),
            (mode(5, 6, 0o755), user(7, &[7]), WRITE, false),
            (mode(5, 6, 0o711), user(7, &[7]), ENTER, true),
            (mode(5, 6, 0o750), user(7, &[7]), ENTER, false),
            (mode(5, 6, 0o000), user(0, &[0]), WRITE, true),
        ] {
            assert_eq!(mode.allows(&user, wanted), allowed, "{mode:?} {user:?}");
        }
    }

    #[test]
    fn a_closed_folder_on_the_way_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().canonicalize().unwrap();
        let deep = folder.join("closed/open");
        fs::create_dir_all(&deep).unwrap();
        for (path, bits) in [(folder.clone(), 0o755), (folder.join("closed"), 0o700), (deep.clone(), 0o755)] {
            fs::set_permissions(path, fs::Permissions::from_mode(bits)).unwrap();
        }
        let (uid, gid) = (users::own_user(), users::own_group());
        let stranger = user(uid + 54_321, &[gid + 54_321]);
        let found = check(&deep.join("s"), mode(uid, gid, 0o666), std::slice::from_ref(&stranger));
        assert_eq!(found[0].code, Some(Code::NO_WEB_ACCESS));
        assert!(found[0].text.contains(&format!("enter the folder `{}`", folder.join("closed").display())));
        fs::set_permissions(folder.join("closed"), fs::Permissions::from_mode(0o711)).unwrap();
        let found = check(&deep.join("s"), mode(uid, gid, 0o660), std::slice::from_ref(&stranger));
        assert!(
            found[0].text.contains("may not connect to the socket") && found[0].text.contains("mode 0660")
        );
        let found = check(&deep.join("s"), mode(uid, gid, 0o666), &[stranger]);
        assert_eq!(found[0].level, Level::Fine, "{found:?}");
    }

    #[test]
    fn units_are_read_as_systemd_does() {
        assert!(says_private_tmp("[Service]\nPrivateTmp=true\n"));
        assert!(!says_private_tmp("[Service]\nPrivateTmp=true\nPrivateTmp=no\n"));
        assert!(!says_private_tmp("[Service]\n#PrivateTmp=true\n"));
    }
}
