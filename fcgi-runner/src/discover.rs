//! Which applications are meant: those that are named, and where nobody has named any, the one that is found by looking at
//! files, before anything is started.

use std::fs;
use std::path::{Path, PathBuf};

use crate::app::ByRole;
use crate::config::Config;
use crate::python::Target;

/// What is to be served, and where its modules are looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// At least one.
    pub targets: ByRole<Target>,
    /// Folders for the front of `sys.path`, in order.
    pub search_path: Vec<PathBuf>,
    /// The virtual environment, where one was named or lies beside the application.
    pub virtualenv: Option<PathBuf>,
}

/// There is nothing to serve.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no application was named, and none was found in `{}`: looked for {looked_for}", folder.display())]
pub struct NothingFound {
    folder: PathBuf,
    looked_for: String,
}

impl NothingFound {
    /// What the operator can do.
    pub fn hint(&self) -> &'static str {
        "name it: app=module:callable, or settings=mysite.settings for Django, or start in the project's folder"
    }
}

/// Looks for the applications: given by the caller, or named. A responder is also found by Django's settings, and then by the
/// files that usually hold one, unless another role is named and the responder is not.
///
/// # Errors
/// Says where it has looked.
pub fn discover(
    config: &Config,
    given: ByRole<()>,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Found, NothingFound> {
    let folder = &config.start_dir;
    let mut path = SearchPath { front: config.pythonpath.clone(), back: Vec::new() };
    let mut target = |given: Option<()>, name: &Option<String>, place: Place| match (given, name) {
        (Some(()), _) => Some(Target::Given),
        (None, Some(name)) => Some(named(name, folder, &mut path, place)),
        (None, None) => None,
    };
    let mut targets = ByRole {
        responder: target(given.responder, &config.app, Place::Front),
        authorizer: target(given.authorizer, &config.authorizer, Place::Back),
        filter: target(given.filter, &config.filter, Place::Back),
    };
    if targets.responder.is_none() && (config.settings.is_some() || targets == ByRole::default()) {
        targets.responder = look_around(config, &environment);
    }
    if targets == ByRole::default() {
        return Err(NothingFound { folder: folder.clone(), looked_for: LOOKED_FOR.to_owned() });
    }
    if targets.values().all(|target| *target == Target::Given) {
        // Nothing is imported: the caller's import path is the caller's business.
        return Ok(Found { targets, search_path: Vec::new(), virtualenv: None });
    }
    let virtualenv = config
        .virtualenv
        .clone()
        .or_else(|| environment("VIRTUAL_ENV").filter(|path| !path.is_empty()).map(PathBuf::from))
        .or_else(|| Some(folder.join(".venv")).filter(|path| path.join("bin/python").exists()));
    Ok(Found { targets, search_path: path.around(folder), virtualenv })
}

/// The folders of files that were named, before and behind the folder of the start.
struct SearchPath {
    front: Vec<PathBuf>,
    back: Vec<PathBuf>,
}

impl SearchPath {
    fn around(self, folder: &Path) -> Vec<PathBuf> {
        let mut all = self.front;
        for folder in std::iter::once(folder.to_owned()).chain(self.back) {
            if !all.contains(&folder) {
                all.push(folder);
            }
        }
        all
    }
}

/// Where the folder of a file goes: that of the responder first, and those of the others where they can hide nothing from it.
#[derive(Clone, Copy)]
enum Place {
    Front,
    Back,
}

/// A module, or a file that is one.
fn named(name: &str, folder: &Path, search_path: &mut SearchPath, place: Place) -> Target {
    if name == "builtin:echo" {
        return Target::Echo;
    }
    let (path, attribute) = name.split_once(':').map_or((name, None), |(path, rest)| (path, Some(rest)));
    let Some(stem) = path.strip_suffix(".py") else { return Target::Module(name.to_owned()) };
    let module = folder.join(stem).file_name().map(|name| name.to_string_lossy().into_owned());
    let module = module.unwrap_or_default();
    let file = folder.join(path);
    if let Some(parent) = file.parent() {
        match place {
            Place::Front => search_path.front.insert(0, parent.to_owned()),
            Place::Back => search_path.back.push(parent.to_owned()),
        }
    }
    let name = attribute.map_or(module.clone(), |attribute| format!("{module}:{attribute}"));
    Target::File { file, name }
}

fn look_around(config: &Config, environment: &impl Fn(&str) -> Option<String>) -> Option<Target> {
    if let Some(settings) = &config.settings {
        return Some(Target::Django { settings: Some(settings.clone()) });
    }
    if environment("DJANGO_SETTINGS_MODULE").is_some_and(|module| !module.is_empty()) {
        return Some(Target::Django { settings: None });
    }
    let folder = &config.start_dir;
    if let Some(settings) =
        fs::read_to_string(folder.join("manage.py")).ok().and_then(|text| settings_in(&text))
    {
        return Some(Target::Django { settings: Some(settings) });
    }
    FILES
        .iter()
        .find(|module| folder.join(format!("{module}.py")).is_file())
        .map(|module| Target::Module((*module).to_owned()))
}

/// The settings module that a `manage.py` sets: the string after `DJANGO_SETTINGS_MODULE`.
fn settings_in(text: &str) -> Option<String> {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).find_map(|line| {
        let (_, rest) = line.split_once("DJANGO_SETTINGS_MODULE")?;
        let rest = rest.trim_start_matches(['"', '\'']);
        let start = rest.find(['"', '\''])? + 1;
        let quote = rest[start - 1..].chars().next()?;
        let name = rest[start..].split(quote).next()?;
        let sound = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '_');
        sound.then(|| name.to_owned())
    })
}

/// Modules that hold an application where nothing else is said, first to last.
const FILES: [&str; 3] = ["wsgi", "app", "passenger_wsgi"];

const LOOKED_FOR: &str =
    "`app=`, `settings=`, DJANGO_SETTINGS_MODULE, manage.py, wsgi.py, app.py, passenger_wsgi.py";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};

    fn config(words: &[&str], folder: &Path) -> Config {
        let words: Vec<_> = words.iter().map(Into::into).collect();
        match parse(&words, &[], folder) {
            Ok(Command::Run(config)) => *config,
            other => panic!("{:?}", other.is_ok()),
        }
    }

    fn target(words: &[&str], folder: &Path) -> Option<Target> {
        let found = discover(&config(words, folder), ByRole::default(), |_| None).ok()?;
        assert_eq!(found.targets, ByRole { responder: found.targets.responder.clone(), ..ByRole::default() });
        found.targets.responder
    }

    fn django(settings: &str) -> Target {
        Target::Django { settings: Some(settings.to_owned()) }
    }

    #[test]
    fn each_way_comes_in_its_turn() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| fs::write(dir.path().join(name), text).unwrap();
        assert_eq!(target(&[], dir.path()), None);
        put("passenger_wsgi.py", "");
        assert_eq!(target(&[], dir.path()), Some(Target::Module("passenger_wsgi".into())));
        put("app.py", "");
        put("wsgi.py", "");
        assert_eq!(target(&[], dir.path()), Some(Target::Module("wsgi".into())));
        put(
            "manage.py",
            "# DJANGO_SETTINGS_MODULE 'no'\n    os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\", \"mysite.settings\")\n",
        );
        assert_eq!(target(&[], dir.path()), Some(django("mysite.settings")));
        assert_eq!(target(&["settings=other"], dir.path()), Some(django("other")));
        assert_eq!(target(&["m:f", "settings=other"], dir.path()), Some(Target::Module("m:f".into())));
        let by_environment = discover(&config(&[], dir.path()), ByRole::default(), |name| {
            (name == "DJANGO_SETTINGS_MODULE").then(|| "x".to_owned())
        });
        assert_eq!(by_environment.unwrap().targets.responder, Some(Target::Django { settings: None }));
    }

    #[test]
    fn reads_settings_however_manage_py_is_written() {
        for line in [
            "os.environ.setdefault('DJANGO_SETTINGS_MODULE', 'a.b')",
            "os.environ[\"DJANGO_SETTINGS_MODULE\"] = \"a.b\"",
            "  os.environ.setdefault(\"DJANGO_SETTINGS_MODULE\",\"a.b\")",
        ] {
            assert_eq!(settings_in(line).as_deref(), Some("a.b"), "{line}");
        }
        assert_eq!(settings_in("os.environ.setdefault('DJANGO_SETTINGS_MODULE', name)"), None);
    }

    fn file(file: PathBuf, name: &str) -> Target {
        Target::File { file, name: name.to_owned() }
    }

    #[test]
    fn a_file_is_a_module_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let found =
            discover(&config(&["app=sub/site.py:make()"], dir.path()), ByRole::default(), |_| None).unwrap();
        assert_eq!(found.targets.responder, Some(file(dir.path().join("sub/site.py"), "site:make()")));
        assert_eq!(found.search_path, [dir.path().join("sub"), dir.path().to_owned()]);
    }

    #[test]
    fn each_role_names_its_own_and_hides_nothing_from_the_responder() {
        let dir = tempfile::tempdir().unwrap();
        let words =
            ["app=site/app.py", "authorizer=guard/app.py:check", "filter=builtin:echo", "pythonpath=lib"];
        let found = discover(&config(&words, dir.path()), ByRole::default(), |_| None).unwrap();
        let expected = ByRole {
            responder: Some(file(dir.path().join("site/app.py"), "app")),
            authorizer: Some(file(dir.path().join("guard/app.py"), "app:check")),
            filter: Some(Target::Echo),
        };
        assert_eq!(found.targets, expected);
        let path = ["site", "lib", "", "guard"].map(|name| dir.path().join(name));
        assert!(found.search_path.iter().eq(&path), "{:?}", found.search_path);
    }

    #[test]
    fn no_responder_is_looked_for_where_only_other_roles_are_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("wsgi.py"), "").unwrap();
        let find = |words: &[&str], given| {
            let environment = |name: &str| (name == "DJANGO_SETTINGS_MODULE").then(|| "x".to_owned());
            discover(&config(words, dir.path()), given, environment).unwrap()
        };
        let guard = Some(Target::Module("guard".into()));
        let found = find(&["authorizer=guard"], ByRole::default());
        assert_eq!(found.targets, ByRole { authorizer: guard.clone(), ..ByRole::default() });
        let found = find(&["authorizer=guard", "settings=a.b"], ByRole::default());
        assert_eq!((found.targets.responder, found.targets.authorizer), (Some(django("a.b")), guard.clone()));
        let given = ByRole { authorizer: Some(()), ..ByRole::default() };
        let found = find(&[], given);
        assert_eq!(found.targets, ByRole { authorizer: Some(Target::Given), ..ByRole::default() });
        assert!(found.search_path.is_empty());
        let found = find(&["authorizer=guard"], ByRole { responder: Some(()), ..ByRole::default() });
        assert_eq!((found.targets.responder, found.targets.authorizer), (Some(Target::Given), guard));
        assert_eq!(found.search_path, [dir.path()]);
    }

    #[test]
    fn a_virtual_environment_is_named_or_lies_beside() {
        let dir = tempfile::tempdir().unwrap();
        let find = |environment: Option<&str>| {
            let environment = environment.map(str::to_owned);
            discover(&config(&["a:b"], dir.path()), ByRole::default(), |name| {
                environment.clone().filter(|_| name == "VIRTUAL_ENV")
            })
            .unwrap()
            .virtualenv
        };
        assert_eq!(find(None), None);
        fs::create_dir_all(dir.path().join(".venv/bin")).unwrap();
        fs::write(dir.path().join(".venv/bin/python"), "").unwrap();
        assert_eq!(find(None), Some(dir.path().join(".venv")));
        assert_eq!(find(Some("/v")), Some(PathBuf::from("/v")));
    }
}
