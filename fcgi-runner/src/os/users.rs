//! Users and groups of this machine, by name or number.
//!
//! Names come in as the operator has typed them, numbers go out. A number that has no entry is as good as any other: there are
//! containers without such a list.

use std::fs;
use std::io;
use std::path::PathBuf;

use nix::unistd::{Gid, Group, Uid, User, getegid, geteuid, getgrouplist, getgroups};

/// A user, with what the system knows of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    pub uid: u32,
    /// `None` where the system does not know the user, as for the rest.
    pub known: Option<Known>,
}

/// What the system knows of a user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    pub name: String,
    pub gid: u32,
    pub home: PathBuf,
}

/// Looks a user up; a name that nobody has gives `None`.
///
/// # Errors
/// When the system cannot tell.
pub fn user(typed: &str) -> io::Result<Option<Account>> {
    let account = |user: User| Account {
        uid: user.uid.as_raw(),
        known: Some(Known { name: user.name, gid: user.gid.as_raw(), home: user.dir }),
    };
    // A name may consist of digits: it comes first, as in `chown`.
    if let Some(found) = User::from_name(typed)? {
        return Ok(Some(account(found)));
    }
    let Some(uid) = number(typed) else { return Ok(None) };
    let found = User::from_uid(Uid::from_raw(uid))?;
    Ok(Some(found.map_or(Account { uid, known: None }, account)))
}

/// Looks a group up, as [`user`] does.
///
/// # Errors
/// When the system cannot tell.
pub fn group(typed: &str) -> io::Result<Option<u32>> {
    Ok(Group::from_name(typed)?.map(|group| group.gid.as_raw()).or_else(|| number(typed)))
}

/// The groups that a user has by itself, its own among them.
///
/// # Errors
/// When the system cannot tell.
pub fn groups_of(name: &str, gid: u32) -> io::Result<Vec<u32>> {
    let name = std::ffi::CString::new(name)?;
    Ok(getgrouplist(&name, Gid::from_raw(gid))?.into_iter().map(Gid::as_raw).collect())
}

/// A user in words, by name or number.
pub fn name_of(uid: u32) -> String {
    format!("user {}", user_name(uid))
}

/// The name of a user, or its number.
pub fn user_name(uid: u32) -> String {
    let found = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    found.map_or_else(|| uid.to_string(), |user| user.name)
}

/// The name of a group, or its number.
pub fn group_name(gid: u32) -> String {
    let found = Group::from_gid(Gid::from_raw(gid)).ok().flatten();
    found.map_or_else(|| gid.to_string(), |group| group.name)
}

/// The user as whom this process does things.
pub fn own_user() -> u32 {
    geteuid().as_raw()
}

/// The group with which this process does things.
pub fn own_group() -> u32 {
    getegid().as_raw()
}

/// Further groups of this process.
pub fn own_groups() -> Vec<u32> {
    getgroups().unwrap_or_default().into_iter().map(Gid::as_raw).collect()
}

/// The names of all users in the list of this machine, for hints.
pub fn user_names() -> Vec<String> {
    names("/etc/passwd")
}

/// The names of all groups, likewise.
pub fn group_names() -> Vec<String> {
    names("/etc/group")
}

fn names(list: &str) -> Vec<String> {
    let text = fs::read_to_string(list).unwrap_or_default();
    text.lines().filter_map(|line| Some(line.split_once(':')?.0.to_owned())).collect()
}

/// The greatest number means "leave as it is" in system calls.
fn number(typed: &str) -> Option<u32> {
    let is_plain = typed.bytes().all(|byte| byte.is_ascii_digit());
    is_plain.then(|| typed.parse().ok())?.filter(|number| *number != u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_are_found() {
        let root = user("root").unwrap().unwrap();
        assert_eq!(root.uid, 0);
        assert_eq!(user("0").unwrap().unwrap(), root);
        assert_eq!(root.known.unwrap().gid, 0);
        assert_eq!((group("root").unwrap(), group("0").unwrap()), (Some(0), Some(0)));
        assert!(user_names().contains(&"root".to_owned()) && group_names().contains(&"root".to_owned()));
        assert_eq!(name_of(0), "user root");
        assert!(groups_of("root", 0).unwrap().contains(&0));
    }

    #[test]
    fn unknown_ones_are_not() {
        assert_eq!(user("no such user").unwrap(), None);
        assert_eq!(group("no such group").unwrap(), None);
        for typed in ["4294967295", "99999999999", "-1", "+0", ""] {
            assert_eq!(user(typed).unwrap(), None, "{typed}");
            assert_eq!(group(typed).unwrap(), None, "{typed}");
        }
        assert_eq!(user("4100000000").unwrap().unwrap(), Account { uid: 4_100_000_000, known: None });
    }
}
