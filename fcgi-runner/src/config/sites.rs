//! Several sites in one file: which options each of them has, and which are those of the house they live in.
//!
//! What stands outside of all tables holds for every site; what a site says itself wins over that, the environment and the command
//! line win over both. A pidfile, and whether to go to the background, are the business of the house there.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::build::build;
use super::file::File;
use super::settings::Settings;
use super::{Config, Listen};
use crate::options::UsageError;

/// A house with several sites, all of them checked.
#[derive(Clone, Debug)]
pub struct Sites {
    /// The options of the house: background, pidfile, logs.
    pub house: Config,
    /// In the order of their names.
    pub sites: Vec<Site>,
    /// What was typed, as flags for each site.
    pub words: Vec<OsString>,
    /// The file, absolute.
    pub file: PathBuf,
}

/// One site.
#[derive(Clone, Debug)]
pub struct Site {
    pub name: String,
    pub config: Config,
}

/// What wins over the file.
pub struct Over<'a> {
    /// Where the file is; absolute.
    pub path: PathBuf,
    pub typed: Settings,
    pub variables: Settings,
    pub start_dir: &'a Path,
    pub warnings: Vec<String>,
}

/// The settings of one site of a file.
///
/// # Errors
/// The file does not have it.
pub fn settings_of(file: &File, name: &str) -> Result<Settings, UsageError> {
    let Some(own) = file.sites.get(name) else {
        let score = |known: &&String| strsim::jaro_winkler(known, name);
        let nearest = file.sites.keys().max_by(|one, other| score(one).total_cmp(&score(other))).cloned();
        return Err(UsageError::UnknownSite { name: name.to_owned(), nearest });
    };
    let mut settings = file.common.clone();
    for name in OF_THE_HOUSE {
        settings.remove(name);
    }
    settings.overlay(own.clone());
    Ok(settings)
}

/// Checks all sites and the house.
///
/// # Errors
/// The operator is at fault; the first error is reported, the file's from its beginning.
pub fn build_all(file: &File, over: Over<'_>) -> Result<Sites, UsageError> {
    let Over { path, mut typed, mut variables, start_dir, warnings } = over;
    for settings in [&file.common, &variables, &typed] {
        refuse_addresses(settings)?;
    }
    let mut house = file.common.clone();
    house.overlay(variables.clone());
    house.overlay(typed.clone());
    let house = build(&house, start_dir, warnings)?;
    for name in OF_THE_HOUSE {
        typed.remove(name);
        variables.remove(name);
    }
    let words = typed.flags();
    let mut sites = Vec::with_capacity(file.sites.len());
    for name in file.sites.keys() {
        let mut settings = settings_of(file, name)?;
        settings.overlay(variables.clone());
        settings.overlay(typed.clone());
        sites.push(Site { name: name.clone(), config: build(&settings, start_dir, Vec::new())? });
    }
    refuse_collisions(&house, &sites)?;
    Ok(Sites { house, sites, words, file: path })
}

/// Two sites cannot listen at one place.
fn refuse_addresses(settings: &Settings) -> Result<(), UsageError> {
    let found = OF_ONE_SITE.iter().find_map(|name| Some((name, settings.last(name)?)));
    found
        .map_or(Ok(()), |(name, setting)| Err(UsageError::NotCommon { name, origin: setting.origin.clone() }))
}

fn refuse_collisions(house: &Config, sites: &[Site]) -> Result<(), UsageError> {
    let mut seen = BTreeMap::new();
    if let Some(path) = &house.pidfile {
        seen.insert(("pidfile", path.display().to_string()), "(all of them)");
    }
    for Site { name, config } in sites {
        let address = match &config.listen {
            Listen::Unix(path) => Some(("socket", path.display().to_string())),
            Listen::Tcp { host, port } if *port != 0 => Some(("port", format!("{host} {port}"))),
            Listen::Fd(fd) => Some(("fd", fd.to_string())),
            Listen::Tcp { .. } | Listen::Auto => None,
        };
        let pidfile = config.pidfile.as_ref().map(|path| ("pidfile", path.display().to_string()));
        for place in [address, pidfile].into_iter().flatten() {
            let option = place.0;
            if let Some(first) = seen.insert(place, name) {
                return Err(UsageError::SitesCollide {
                    name: option,
                    first: first.to_owned(),
                    second: name.clone(),
                });
            }
        }
        if config.listen == Listen::Auto && config.http.is_none() {
            return Err(UsageError::SiteAddress { name: name.clone() });
        }
    }
    Ok(())
}

/// Options that a site does not take from outside of its table.
const OF_THE_HOUSE: [&str; 4] = ["pidfile", "daemonize", "config", "site"];

/// Options that cannot be the same for two sites.
const OF_ONE_SITE: [&str; 5] = ["socket", "host", "port", "fd", "http"];

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::file;

    fn all(text: &str, typed: &[(&'static str, &str)]) -> Result<Sites, String> {
        let mut settings = Settings::default();
        for (name, value) in typed {
            settings.add(name, value.into(), crate::options::Origin::CommandLine);
        }
        let over = Over {
            path: "/etc/sites.toml".into(),
            typed: settings,
            variables: Settings::default(),
            start_dir: Path::new("/start"),
            warnings: Vec::new(),
        };
        let file = file::parse(text, "sites.toml".as_ref()).map_err(|error| error.to_string())?;
        build_all(&file, over).map_err(|error| error.to_string())
    }

    #[test]
    fn each_site_has_what_is_common_and_its_own() {
        let text = "maxspare = 3\nminspare = 1\npidfile = 'all.pid'\nerrlog = 'all.log'\n\
                    [site.blog]\nsocket = 'b.sock'\nmaxspare = 4\n\
                    [site.'shop.example']\nhost = '::1'\nport = 4000\npidfile = 'shop.pid'\n";
        let sites = all(text, &[("debug", "true"), ("pidfile", "typed.pid")]).unwrap();
        assert_eq!(sites.house.pidfile.as_deref(), Some(Path::new("/start/typed.pid")));
        assert_eq!(sites.words, ["--debug=true"]);
        let [blog, shop] = &sites.sites[..] else { panic!("{sites:?}") };
        assert_eq!((&blog.name[..], &shop.name[..]), ("blog", "shop.example"));
        assert_eq!((blog.config.max_spare, shop.config.max_spare), (4, 3));
        assert_eq!((blog.config.min_spare, blog.config.debug, shop.config.debug), (1, true, true));
        assert_eq!(blog.config.pidfile, None);
        assert_eq!(shop.config.pidfile.as_deref(), Some(Path::new("/start/shop.pid")));
    }

    #[test]
    fn the_example_can_be_used() {
        let sites = all(include_str!("../../../examples/sites/sites.toml"), &[]).unwrap();
        let names: Vec<_> = sites.sites.iter().map(|site| &site.name[..]).collect();
        assert_eq!(names, ["blog", "shop"]);
    }

    #[test]
    fn what_cannot_be_shared_is_refused() {
        let two = |one: &str, other: &str| format!("[site.a]\n{one}\n[site.b]\n{other}\n");
        for (text, message) in [
            (
                "socket = 's'\n[site.a]\n".to_owned(),
                "`socket` cannot be the same for several sites (sites.toml, line 1)",
            ),
            (two("socket='s'", "socket='./s'"), "the sites `a` and `b` have the same `socket`"),
            (two("host='h'\nport=1", "host='h'\nport=1"), "the sites `a` and `b` have the same `port`"),
            (
                two("socket='a'\npidfile='p'", "socket='b'\npidfile='p'"),
                "the sites `a` and `b` have the same `pidfile`",
            ),
            (
                "pidfile='p'\n[site.a]\nsocket='a'\npidfile='p'".to_owned(),
                "the sites `(all of them)` and `a` have the same `pidfile`",
            ),
            (two("socket='a'", "debug=true"), "the site `b` does not say where to listen"),
            ("[site.'a/b']\nsocket='a'".to_owned(), "`site.a/b` is no site (sites.toml, line 1)"),
            ("site.a = 1".to_owned(), "`site.a` is no site (sites.toml, line 1)"),
            ("[site.a]\nsokcet='a'".to_owned(), "unknown option `sokcet` (sites.toml, line 2)"),
            (
                "[site.a]\nsocket='a'\n[site.a.site.b]\nsocket='b'".to_owned(),
                "`site` cannot stand in a configuration file (sites.toml, line 3)",
            ),
        ] {
            assert_eq!(all(&text, &[]).unwrap_err(), message, "{text}");
        }
        let error = all("[site.a]\nsocket='a'", &[("port", "1")]).unwrap_err();
        assert_eq!(error, "`port` cannot be the same for several sites");
    }
}
