//! Options from environment variables: `FCGI_RUN_SOCKET` and so on.
//!
//! A variable that is no option is a warning, not an error, for variables are inherited by whoever starts us. An empty
//! one counts as not set, but for `FCGI_RUN_SCRIPTNAME`, where empty is the root.

use std::ffi::OsString;

use super::settings::Settings;
use crate::options::{Origin, UsageError, VARIABLE_PREFIX, ValueKind, find};

/// Picks our variables out of `variables`; the warnings are about those that are no option.
pub fn settings(variables: &[(OsString, OsString)]) -> (Settings, Vec<String>) {
    let mut settings = Settings::default();
    let mut warnings = Vec::new();
    for (variable, value) in variables {
        let variable = variable.to_string_lossy();
        let Some(name) = variable.strip_prefix(VARIABLE_PREFIX) else { continue };
        let origin = Origin::Environment(variable.to_string());
        match find(name) {
            Some(option) if !value.is_empty() || option.value == ValueKind::Prefix => {
                settings.add(option.name, value.clone(), origin);
            }
            Some(_) => {}
            None => {
                let error = UsageError::UnknownOption { name: name.to_ascii_lowercase(), origin };
                warnings.push(format!("{error}; {}", error.hint()));
            }
        }
    }
    (settings, warnings)
}

#[cfg(test)]
mod tests {
    use super::settings;

    fn picked(variables: &[(&str, &str)]) -> (Vec<String>, Vec<String>) {
        let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let (found, warnings) = settings(&variables);
        let texts = crate::options::option_names()
            .filter_map(|name| found.text(name).map(|text| format!("{name}={}", text.to_string_lossy())));
        (texts.collect(), warnings)
    }

    #[test]
    fn our_variables_are_picked() {
        let (found, warnings) = picked(&[
            ("PATH", "/bin"),
            ("FCGI_RUN_SOCKET", "/tmp/s"),
            ("FCGI_RUN_MAX_SPARE", "3"),
            ("FCGI_RUNNER_HOME", "/x"),
            ("fcgi_run_port", "80"),
        ]);
        assert_eq!(found, ["socket=/tmp/s", "maxspare=3"]);
        assert!(warnings.is_empty());
    }

    #[test]
    fn empty_is_not_set_but_for_the_mount() {
        let (found, _) =
            picked(&[("FCGI_RUN_SOCKET", ""), ("FCGI_RUN_PORT", ""), ("FCGI_RUN_SCRIPTNAME", "")]);
        assert_eq!(found, ["scriptname="]);
    }

    #[test]
    fn others_are_warned_about() {
        let (found, warnings) = picked(&[("FCGI_RUN_SOKCET", "/tmp/s"), ("FCGI_RUN_XYZZY", "1")]);
        assert!(found.is_empty());
        assert_eq!(
            warnings,
            [
                "unknown option `sokcet` (environment variable `FCGI_RUN_SOKCET`); did you mean `FCGI_RUN_SOCKET`",
                "unknown option `xyzzy` (environment variable `FCGI_RUN_XYZZY`); `fcgi-run help` shows all options",
            ]
        );
    }
}
