//! `fcgi-run check [json] [running] [webuser=NAME] [OPTION]...`: the options of a start, and a few words about the check itself.

use std::ffi::OsString;
use std::path::Path;

use super::{Command, UsageError};
use crate::config::Config;

/// What is to be checked, and how it is to be told.
#[derive(Debug)]
pub struct Check {
    /// The configuration, or what is wrong with it: that is a finding, too.
    pub config: Result<Config, UsageError>,
    /// Tell it in JSON.
    pub json: bool,
    /// A server with these options is running already: that its address and its pidfile are in use is as it should be.
    pub running: bool,
    /// The user of the web server, if it is none of the usual ones.
    pub web_user: Option<String>,
}

/// Takes the words of the check, and leaves the others to those who understand options.
pub(super) fn read(words: &[OsString], environment: &[(OsString, OsString)], start_dir: &Path) -> Command {
    let (mut json, mut running, mut web_user) = (false, false, None);
    let mut rest = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let plain = word.to_str().unwrap_or_default().trim_start_matches('-');
        match plain.split_once('=').map_or((plain, None), |(name, value)| (name, Some(value))) {
            ("json", None) => json = true,
            ("running", None) => running = true,
            ("webuser", Some(name)) => web_user = Some(name.to_owned()),
            ("webuser", None) => web_user = words.next().map(|name| name.to_string_lossy().into_owned()),
            _ => rest.push(word.clone()),
        }
    }
    let config = match super::super::parse(&rest, environment, start_dir) {
        Ok(Command::Run(config)) => Ok(*config),
        Err(error) => Err(error),
        Ok(Command::RunSites(all)) => {
            let check = |config| Check { config: Ok(config), json, running, web_user: web_user.clone() };
            return Command::CheckSites(
                all.sites.into_iter().map(|site| (site.name, check(site.config))).collect(),
            );
        }
        Ok(other) => return other,
    };
    Command::Check(Box::new(Check { config, json, running, web_user }))
}
