//! What people type, as words and flags, and what comes of it.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt, path::Path};

use super::{Command, parse};
use crate::{
    config::{Config, Listen, Method},
    options::{Preset, ValueKind, all},
};

fn command(line: &[&str]) -> Result<Command, String> {
    let words: Vec<OsString> = line.iter().map(Into::into).collect();
    parse(&words, &[], Path::new("/start")).map_err(|error| error.report())
}

#[track_caller]
fn config(line: &[&str]) -> Config {
    match command(line) {
        Ok(Command::Run(config)) => *config,
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[track_caller]
fn printed(line: &[&str]) -> String {
    match command(line) {
        Ok(Command::Print(text)) => text,
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[track_caller]
fn refused(line: &[&str]) -> String {
    match command(line) {
        Err(report) => report,
        other => panic!("{line:?} gave {other:?}"),
    }
}

#[test]
fn words_and_flags_are_the_same() {
    for line in [
        &["method=threaded", "maxspare=3", "socket=/tmp/s"][..],
        &["METHOD=Threaded", "max-spare=3", "Socket=/tmp/s"],
        &["--method=threaded", "--max_spare=3", "--socket=/tmp/s"],
        &["--method", "threaded", "--maxSpare", "3", "--socket", "/tmp/s"],
        &["--method", "thread", "max_spare=3", "--", "-socket=/tmp/s"],
    ] {
        let config = config(line);
        assert_eq!(config.method, Some(Method::Threaded), "{line:?}");
        assert_eq!(config.max_spare, 3, "{line:?}");
        assert_eq!(config.listen, Listen::Unix("/tmp/s".into()), "{line:?}");
    }
}

#[test]
fn the_later_word_wins_and_lists_grow() {
    let config = config(&[
        "maxspare=3",
        "--maxspare=4",
        "pythonpath=/a:/b",
        "--pythonpath=/c",
        "static=/x/=x",
        "static=/y/=y",
    ]);
    assert_eq!(config.max_spare, 4);
    assert_eq!(config.pythonpath, ["/a", "/b", "/c"].map(std::path::PathBuf::from));
    assert_eq!(config.statics.len(), 2);
}

#[test]
fn a_bare_switch_is_true() {
    for (line, daemonize, debug) in [
        (&["debug"][..], None, true),
        (&["debug=false"], None, false),
        (&["--debug"], None, true),
        (&["--debug", "off"], None, false),
        (&["--debug", "daemonize"], Some(true), true),
        (&["--daemonize", "no", "DEBUG"], Some(false), true),
        (&["--daemonize", "socket=/tmp/s"], Some(true), false),
        (&[], None, false),
    ] {
        let config = config(line);
        assert_eq!((config.daemonize, config.debug), (daemonize, debug), "{line:?}");
    }
}

#[test]
fn an_application_needs_no_key() {
    for word in [
        "mysite.wsgi",
        "mysite.wsgi:application",
        "app:create_app()",
        "app:create_app(name='x', debug=True)",
        "app.py",
        "src/app.py",
        "über.app",
    ] {
        assert_eq!(config(&[word]).app.as_deref(), Some(word));
        assert_eq!(config(&[&format!("app={word}")]).app.as_deref(), Some(word));
    }
}

#[test]
fn a_bare_module_counts_if_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("hello.py"), "").unwrap();
    fs::write(folder.path().join("app.py"), "").unwrap();
    fs::create_dir(folder.path().join("site")).unwrap();
    fs::write(folder.path().join("site/__init__.py"), "").unwrap();
    for word in ["hello", "site", "app"] {
        let Ok(Command::Run(config)) = parse(&[word.into()], &[], folder.path()) else { panic!("{word}") };
        assert_eq!(config.app.as_deref(), Some(word));
    }
    assert!(parse(&["other".into()], &[], folder.path()).is_err());
}

#[test]
fn mistakes_name_the_cause_and_the_way_out() {
    for (line, report) in [
        (
            &["maxrequest=5"][..],
            "error[FR001]: unknown option `maxrequest`\nhint: did you mean `maxrequests`\n",
        ),
        (&["--quux=/x"], "error[FR001]: unknown option `quux`\nhint: `fcgi-run help` shows all options\n"),
        (&["-x"], "error[FR001]: unknown option `x`\nhint: `fcgi-run help` shows all options\n"),
        (&["--socket"], "error[FR003]: option `socket` needs a value\nhint: write `socket=PATH`\n"),
        (
            &["--socket", "--debug"],
            "error[FR003]: option `socket` needs a value\nhint: write `socket=PATH`\n",
        ),
        (&["pidfile"], "error[FR003]: option `pidfile` needs a value\nhint: write `pidfile=PATH`\n"),
        (&["port=", "host=h"], "error[FR003]: option `port` needs a value\nhint: write `port=N`\n"),
        (
            &["daemonise"],
            "error[FR002]: `daemonise` is neither an option nor an application\nhint: did you mean `daemonize`\n",
        ),
        (
            &["/tmp/s.sock"],
            "error[FR002]: `/tmp/s.sock` is neither an option nor an application\n\
             hint: to listen on a Unix socket, write `socket=/tmp/s.sock`\n",
        ),
        (
            &["serve"],
            "error[FR002]: `serve` is neither an option nor an application\n\
             hint: write options as `key=value`, and the application as `module:callable`\n",
        ),
    ] {
        assert_eq!(refused(line), report, "{line:?}");
    }
}

#[test]
fn help_is_printed_however_it_is_asked_for() {
    let help = printed(&["help"]);
    for line in [&["--help"][..], &["-h"], &["HELP"], &["method=gevent", "help"], &["--nonsense", "--help"]] {
        assert_eq!(printed(line), help, "{line:?}");
    }
    for option in all() {
        assert!(help.contains(&format!("--{}=<{}>", option.name, option.value_name)), "{}", option.name);
        if let Preset::Value(preset) = option.preset {
            let entry = &help[help.find(&format!("--{}=", option.name)).unwrap() + 2..];
            let entry = &entry[..entry.find("\n      --").unwrap()];
            assert!(entry.contains(&format!("[{preset}]")), "{}", option.name);
        }
    }
    for section in crate::options::Section::ALL {
        assert!(help.contains(&format!("\n{}:\n", section.title())), "{section:?}");
    }
    assert!(!help.contains('\x1b'), "no colours where they were not asked for");
}

#[test]
fn version_and_man_page_are_printed() {
    for line in [&["version"][..], &["--version"], &["-V"]] {
        assert_eq!(printed(line), concat!("fcgi-run ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    for line in [&["man"][..], &["--man"]] {
        assert!(printed(line).starts_with(".TH FCGI-RUN 1"), "{line:?}");
    }
}

#[test]
fn bytes_that_are_no_text_are_a_path_or_a_mistake() {
    let word = |bytes: &[u8]| OsString::from_vec(bytes.to_vec());
    let Ok(Command::Run(config)) = parse(&[word(b"socket=/tmp/\xff")], &[], Path::new("/")) else { panic!() };
    assert_eq!(config.listen, Listen::Unix(word(b"/tmp/\xff").into()));
    for bytes in [&b"app=\xff"[..], b"\xff", b"\xff=1", b"--\xff", b"port=\xff"] {
        assert!(parse(&[word(bytes)], &[], Path::new("/")).is_err(), "{bytes:?}");
    }
}

#[test]
fn the_words_of_a_python_caller_are_understood() {
    let config = config(&[
        "method=threaded",
        "daemonize=false",
        "maxSpare=1",
        "--settings=mysite.settings",
        "--pythonpath=/x",
    ]);
    assert_eq!(config.daemonize, Some(false));
    assert_eq!(config.settings.as_deref(), Some("mysite.settings"));
    assert_eq!(config.pythonpath, [Path::new("/x")]);
}

#[test]
fn codes_are_explained() {
    let text = printed(&["explain", "FR001"]);
    assert!(text.starts_with("FR001: ") && text.contains("\nWhat to do\n"), "{text}");
    let both = printed(&["EXPLAIN", "fr40", "[FR100]"]);
    assert!(both.starts_with("FR040: ") && both.contains("\n\n\nFR100: "), "{both}");
    let all = printed(&["explain"]);
    assert!(all.contains("\nFR100  ") && all.contains("\nFR308  "), "{all}");
    for (word, hint) in [
        ("FR022", "the nearest is `FR021`; `fcgi-run explain` shows all of them"),
        ("socket", "codes look like `FR012`; `fcgi-run explain` shows all of them"),
        ("FR0\n1", "codes look like `FR012`; `fcgi-run explain` shows all of them"),
    ] {
        let shown = word.replace('\n', "\\n");
        let report = format!("error[FR021]: there is no code `{shown}`\nhint: {hint}\n");
        assert_eq!(refused(&["explain", "FR001", word]), report);
    }
    // Only the first word is a command.
    assert!(refused(&["debug", "explain"]).starts_with("error[FR002]: "));
}

#[test]
fn what_was_typed_cannot_forge_a_line_or_steer_the_terminal() {
    let variables = [("FCGI_RUN_\x1b[2J".into(), "1".into()), ("FCGI_RUN_MAXSPARE".into(), "1\n2".into())];
    let report = |words: &[&str], variables: &[_]| {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        parse(&words, variables, Path::new("/start")).map_err(|error| error.report()).map(|command| {
            let Command::Run(config) = command else { panic!("a text") };
            config.warnings.join("\n")
        })
    };
    assert_eq!(
        report(&["maxspare=1\nerror: forged"], &[]).unwrap_err().lines().next(),
        Some("error[FR004]: `maxspare=1\\nerror: forged` is not a number from 1 to 10000")
    );
    let typed =
        ["so\x1bcket=1", "--so\ncket", "a\nb", "a/\x07", "--config=/x\n/y", "socket=/\n", "static=\n="];
    for word in typed {
        let long = format!("{word}{}", "s".repeat(200));
        let report = report(&[&long], &[]).unwrap_err();
        assert_eq!(report.lines().count(), 2, "{report:?}");
        assert!(!report.contains(|letter: char| letter.is_control() && letter != '\n'), "{report:?}");
    }
    assert_eq!(
        report(&[], &variables[..1]).unwrap(),
        "unknown option `\\u{1b}[2j` (environment variable `FCGI_RUN_\\u{1b}[2J`); `fcgi-run help` shows all options"
    );
    let refused = report(&[], &variables[1..]).unwrap_err();
    assert!(
        refused.starts_with("error[FR004]: `maxspare=1\\n2` is not a number from 1 to 10000 (env"),
        "{refused:?}"
    );
}

proptest::proptest! {
    #[test]
    fn no_words_whatever_make_it_panic(
        words in proptest::collection::vec("(--?)?(socket|debug|man|port|static|[a-z:./-]{0,5})?(=[a-z/=.-]{0,5})?", 0..5),
    ) {
        let words: Vec<OsString> = words.iter().map(Into::into).collect();
        if let Err(error) = parse(&words, &[], Path::new("/start")) {
            proptest::prop_assert_eq!(error.report().lines().count(), 2);
        }
    }
}

#[test]
fn every_option_is_a_word_and_a_flag_that_changes_something() {
    for option in all() {
        if matches!(option.name, "config" | "site" | "protocol") {
            continue; // tested with files, and nothing but the preset is allowed
        }
        let value = match option.value {
            ValueKind::Flag => "true",
            ValueKind::Number { .. } => "7",
            ValueKind::Size { .. } => "7k",
            ValueKind::Mode => "0007",
            ValueKind::Seconds => "0.7",
            ValueKind::Choice(choices) => choices[1].0,
            _ if option.name == "accessformat" => "%s",
            ValueKind::Text
            | ValueKind::Words
            | ValueKind::Host
            | ValueKind::Path
            | ValueKind::Log
            | ValueKind::PathList => "seven",
            ValueKind::Prefix | ValueKind::Page | ValueKind::OwnPage => "/seven",
            ValueKind::Networks => "7.0.0.0/8",
            ValueKind::Address => "[::1]:7777",
            ValueKind::Mount => "/seven/=seven",
            ValueKind::Clients => "7.7.7.7",
        };
        let partner: &[&str] = match option.name {
            "host" => &["port=1"],
            "port" => &["host=h"],
            _ => &[],
        };
        let before = if partner.is_empty() { format!("{:?}", config(&[])) } else { String::new() };
        let (word, flag) = (format!("{}={value}", option.name), format!("--{}", option.name.to_uppercase()));
        let by_word = format!("{:?}", config(&[&[word.as_str()], partner].concat()));
        let by_flag = format!("{:?}", config(&[&[flag.as_str(), value], partner].concat()));
        assert_eq!(by_word, by_flag, "{word}");
        assert_ne!(by_word, before, "{word} changes nothing");
    }
}
