//! The text of a configuration file: settings or an error with its line, and the same as words would say.
#![no_main]

use std::{ffi::OsString, path::Path, time::Duration};

use fcgi_runner_fuzz::cli::{Command, parse};
use fcgi_runner_fuzz::config::{Config, build::build, file, file::File, settings::Settings, sites};
use fcgi_runner_fuzz::options::{Origin, UsageError, Value, ValueKind, find, option_names};
use fcgi_runner_fuzz::{assert_sound, assert_two_lines};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let file = match file::parse(text, "/file".as_ref()) {
        Ok(file) => file,
        Err(error) => return assert_names_a_line(&error, text),
    };
    if !file.sites.is_empty() {
        return check_sites(&file);
    }
    let settings = file.common;
    for setting in option_names().flat_map(|name| settings.all(name)) {
        assert_line(&setting.origin, text);
    }
    let config = build(&settings, start(), Vec::new());
    match &config {
        Ok(config) => assert_sound(config),
        Err(error) => assert_two_lines(error),
    }
    assert_eq!(outcome(config), outcome(typed(&words(&settings))));
    assert_means_what_toml_says(text, &settings);
});

/// What a house with several sites has to keep to.
fn check_sites(file: &File) {
    for name in file.sites.keys() {
        let settings = sites::settings_of(file, name).expect("a site of the file");
        assert!(settings.last("pidfile").is_none() || file.sites[name].last("pidfile").is_some());
    }
    let over = sites::Over {
        path: "/file".into(),
        typed: Settings::default(),
        variables: Settings::default(),
        start_dir: start(),
        warnings: Vec::new(),
    };
    match sites::build_all(file, over) {
        Ok(all) => all.sites.iter().for_each(|site| assert_sound(&site.config)),
        Err(error) => assert_two_lines(&error),
    }
}

/// The words that say what the settings say.
fn words(settings: &Settings) -> Vec<OsString> {
    let word = |name: &str, value: &OsString| {
        let mut word = OsString::from(format!("{name}="));
        word.push(value);
        word
    };
    option_names().flat_map(|name| settings.all(name).iter().map(move |set| word(name, &set.value))).collect()
}

fn typed(words: &[OsString]) -> Result<Config, UsageError> {
    match parse(words, &[], start())? {
        Command::Run(config) => Ok(*config),
        other => panic!("in place of a configuration: {other:?}"),
    }
}

/// Reads the text once more, by values: what is a number there has to be the same number here.
fn assert_means_what_toml_says(text: &str, settings: &Settings) {
    // A value can hold no number beyond `i64`.
    let Ok(table) = text.parse::<toml::Table>() else { return };
    for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
        let option = find(key).expect("an option that was read before");
        let values = match value {
            toml::Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        let set = settings.all(option.name);
        assert_eq!(set.len(), values.len(), "{key}");
        for (setting, value) in set.iter().zip(values) {
            let text = match value {
                toml::Value::String(text) => text.clone(),
                toml::Value::Boolean(flag) => flag.to_string(),
                // Digits of a mode are octal however they are written.
                toml::Value::Integer(number) if option.value != ValueKind::Mode => number.to_string(),
                toml::Value::Float(number) => {
                    let read = option.value.read(&setting.value, start());
                    if let (ValueKind::Seconds, Ok(read)) = (option.value, read) {
                        assert_eq!(Some(read), Duration::try_from_secs_f64(*number).ok().map(Value::Time));
                    }
                    continue;
                }
                _ => continue,
            };
            let expected = option.value.read(text.as_ref(), start());
            assert_eq!(option.value.read(&setting.value, start()), expected, "{key} = {value}");
        }
    }
}

fn assert_names_a_line(error: &UsageError, text: &str) {
    assert_two_lines(error);
    let (UsageError::UnknownOption { origin, .. }
    | UsageError::ConfigSyntax { origin, .. }
    | UsageError::ConfigTwice { origin, .. }
    | UsageError::ConfigType { origin, .. }
    | UsageError::SiteName { origin, .. }
    | UsageError::ConfigNested(_, origin)) = error
    else {
        panic!("not an error of a file: {error:?}")
    };
    assert_line(origin, text);
}

fn assert_line(origin: &Origin, text: &str) {
    let Origin::File { path, line } = origin else { panic!("{origin:?}") };
    assert_eq!(path, Path::new("/file"));
    assert!((1..=1 + text.matches('\n').count()).contains(line), "line {line} of {text:?}");
}

/// What can be compared: the whole `Config`, or the cause without its place.
fn outcome(result: Result<Config, UsageError>) -> String {
    match result {
        Ok(config) => format!("{config:?}"),
        Err(error) => {
            let cause = error.to_string();
            cause.split(" (/file, line ").next().unwrap_or_default().to_owned()
        }
    }
}

fn start() -> &'static Path {
    Path::new("/start")
}
