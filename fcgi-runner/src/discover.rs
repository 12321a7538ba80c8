//! Which application is meant, when nobody has said so: found by looking at files, before anything is started.

use std::fs;
use std::path::{Path, PathBuf};

use crate::config::Config;
use crate::python::Target;

/// What is to be served, and where its modules are looked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    pub target: Target,
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

/// Looks for the application: named, then Django's settings, then the files that usually hold one.
///
/// # Errors
/// Says where it has looked.
pub fn discover(
    config: &Config,
    environment: impl Fn(&str) -> Option<String>,
) -> Result<Found, NothingFound> {
    let folder = &config.start_dir;
    let mut search_path = config.pythonpath.clone();
    let target = match &config.app {
        Some(app) if app == "builtin:echo" => Target::Echo,
        Some(app) => named(app, folder, &mut search_path),
        None => look_around(config, &environment)
            .ok_or_else(|| NothingFound { folder: folder.clone(), looked_for: LOOKED_FOR.to_owned() })?,
    };
    search_path.push(folder.clone());
    let virtualenv = config
        .virtualenv
        .clone()
        .or_else(|| environment("VIRTUAL_ENV").filter(|path| !path.is_empty()).map(PathBuf::from))
        .or_else(|| Some(folder.join(".venv")).filter(|path| path.join("bin/python").exists()));
    Ok(Found { target, search_path, virtualenv })
}

/// A module, or a file that is one.
fn named(app: &str, folder: &Path, search_path: &mut Vec<PathBuf>) -> Target {
    let (path, attribute) = app.split_once(':').map_or((app, None), |(path, rest)| (path, Some(rest)));
    let Some(stem) = path.strip_suffix(".py") else { return Target::Module(app.to_owned()) };
    let file = folder.join(stem);
    let module = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    if let Some(parent) = file.parent() {
        search_path.insert(0, parent.to_owned());
    }
    Target::Module(attribute.map_or(module.clone(), |attribute| format!("{module}:{attribute}")))
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
        discover(&config(words, folder), |_| None).ok().map(|found| found.target)
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
        let by_environment = discover(&config(&[], dir.path()), |name| {
            (name == "DJANGO_SETTINGS_MODULE").then(|| "x".to_owned())
        });
        assert_eq!(by_environment.unwrap().target, Target::Django { settings: None });
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

    #[test]
    fn a_file_is_a_module_in_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let found = discover(&config(&["app=sub/site.py:make()"], dir.path()), |_| None).unwrap();
        assert_eq!(found.target, Target::Module("site:make()".into()));
        assert_eq!(found.search_path, [dir.path().join("sub"), dir.path().to_owned()]);
    }

    #[test]
    fn a_virtual_environment_is_named_or_lies_beside() {
        let dir = tempfile::tempdir().unwrap();
        let find = |environment: Option<&str>| {
            let environment = environment.map(str::to_owned);
            discover(&config(&["a:b"], dir.path()), |name| {
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
