//! Holds the code to its rooms: who uses whom, and where system calls, the interpreter and `unsafe` may be.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use fcgi_tests::source::{Token, rust_files, tokens};

/// What a room may use.
struct Room {
    rooms: Vec<String>,
    crates: Vec<String>,
}

fn root() -> PathBuf {
    fs::canonicalize(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).unwrap()
}

/// The list of rooms in ARCHITECTURE.md.
fn rooms() -> BTreeMap<String, Room> {
    let page = include_str!("../../ARCHITECTURE.md");
    let (_, list) = page.split_once("```rooms\n").unwrap();
    let (text, _) = list.split_once("```").unwrap();
    let lines = text.lines().filter(|line| !line.is_empty());
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect();
    let rooms = lines.map(|line| {
        let (name, uses) = line.split_once(':').unwrap();
        let (rooms, crates) = uses.split_once('|').unwrap();
        (name.to_owned(), Room { rooms: words(rooms), crates: words(crates) })
    });
    rooms.collect()
}

/// The crates that `fcgi-runner` depends on, as they are named in code.
fn dependencies() -> Vec<String> {
    let manifest = fs::read_to_string(root().join("fcgi-runner/Cargo.toml")).unwrap();
    let (_, rest) = manifest.split_once("[dependencies]\n").unwrap();
    let section = rest.split("\n[").next().unwrap();
    let names = section.lines().filter_map(|line| line.split(['.', ' ', '=']).next());
    names.filter(|name| !name.is_empty()).map(|name| name.replace('-', "_")).collect()
}

/// Source files of `fcgi-runner`, each with its room and its tokens.
fn sources() -> Vec<(String, PathBuf, Vec<Token>)> {
    let src = root().join("fcgi-runner/src");
    let files = rust_files(&src).into_iter().filter_map(|file| {
        let inside = file.strip_prefix(&src).unwrap().to_owned();
        let room = inside.iter().next()?.to_str()?.trim_end_matches(".rs").to_owned();
        let text = fs::read_to_string(&file).unwrap();
        (!matches!(&room[..], "lib" | "main")).then(|| (room, inside, tokens(&text)))
    });
    files.collect()
}

#[test]
fn every_room_is_known_and_every_known_room_is_there() {
    let mut there: Vec<String> = sources().into_iter().map(|(room, ..)| room).collect();
    there.sort();
    there.dedup();
    assert_eq!(there, rooms().into_keys().collect::<Vec<_>>());
    // The page for people names no room that is not there.
    let page = fs::read_to_string(root().join("ARCHITECTURE.md")).unwrap();
    let rows =
        page.lines().filter(|line| line.starts_with("| `")).map(|line| line.split('|').nth(1).unwrap());
    let named: Vec<&str> = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect();
    assert!(named.len() > 5, "{named:?}");
    for name in named {
        let inside = name.split("::").next().unwrap();
        let known = there.iter().any(|room| room == inside) || root().join(inside).is_dir();
        assert!(known, "ARCHITECTURE.md speaks of `{name}`");
    }
}

#[test]
fn no_room_uses_another_that_it_may_not() {
    let rooms = rooms();
    let mut faults = Vec::new();
    for (room, file, tokens) in sources() {
        for used in paths_below(&tokens, "crate") {
            if used != room && rooms.contains_key(&used) && !rooms[&room].rooms.contains(&used) {
                faults.push(format!("{}: {room} uses {used}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_room_uses_a_crate_that_it_may_not() {
    let (rooms, dependencies) = (rooms(), dependencies());
    let mut faults = Vec::new();
    for (room, file, tokens) in sources() {
        for used in roots(&tokens) {
            if dependencies.contains(&used) && !rooms[&room].crates.contains(&used) {
                faults.push(format!("{}: {room} uses {used}", file.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn unsafe_code_is_in_few_places_and_says_why_it_is_sound() {
    let mut faults = Vec::new();
    for folder in ["fcgi-proto/src", "fcgi-runner/src", "python/src", "examples", "tests/src"] {
        let allowed = [
            "os/",
            "python/blocker.rs",
            "python/host.rs",
            "python/interpreter.rs",
            "python/interrupt.rs",
            "python/objects.rs",
            "python/strings.rs",
        ];
        for file in rust_files(&root().join(folder)) {
            let text = fs::read_to_string(&file).unwrap();
            let found = tokens(&text).into_iter().filter(|token| token.text == "unsafe");
            for token in found {
                let inside = file.strip_prefix(root()).unwrap().display().to_string();
                let may = inside
                    .strip_prefix("fcgi-runner/src/")
                    .is_some_and(|inside| allowed.iter().any(|a| inside.starts_with(a)))
                    || ["python/src/afterlife.rs", "python/src/caller.rs"].contains(&&*inside);
                if !may {
                    faults.push(format!("{inside}:{}: unsafe code", token.line));
                }
                let above: Vec<&str> = text.lines().take(token.line).collect();
                let note = above.iter().rev().take(NOTE_WITHIN).any(|line| line.contains("SAFETY: "));
                if !note {
                    faults.push(format!("{inside}:{}: no SAFETY note", token.line));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// A note stands above its block; between them are only the lines of one statement.
const NOTE_WITHIN: usize = 5;

#[test]
fn the_policy_knows_no_clock_and_no_system_call() {
    let policy = Path::new("supervisor/policy");
    let is_test = |file: &Path| file.starts_with(policy.join("tests"));
    let files: Vec<_> =
        sources().into_iter().filter(|(_, file, _)| file.starts_with(policy) && !is_test(file)).collect();
    assert!(files.len() >= 3, "the policy is not where it was");
    let tokens = files.iter().flat_map(|(.., tokens)| tokens);
    let forbidden = ["now", "SystemTime", "thread", "fs", "net", "process", "nix", "libc", "tracing"];
    let found: Vec<_> = tokens.filter(|token| forbidden.contains(&&token.text[..])).collect();
    // `now` is also what the caller hands in.
    let found: Vec<_> = found.into_iter().filter(|token| token.text != "now" || token.after_colons).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn the_protocol_does_no_input_and_output() {
    let src = root().join("fcgi-proto/src");
    for file in rust_files(&src) {
        let used = roots(&tokens(&fs::read_to_string(&file).unwrap()));
        let name = file.strip_prefix(&src).unwrap().display().to_string();
        for (krate, only) in [("nom", "parse.rs"), ("tokio_util", "codec.rs"), ("tokio", "codec.rs")] {
            assert!(name == only || !used.iter().any(|found| found == krate), "{name} uses {krate}");
        }
    }
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--package=fcgi-proto",
            "--edges=normal",
            "--prefix=none",
            "--format={p}",
        ])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let text = String::from_utf8(tree.stdout).unwrap();
    let mut names: Vec<&str> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    names.sort_unstable();
    names.dedup();
    let plain = [
        "bytes",
        "fcgi-proto",
        "memchr",
        "nom",
        "proc-macro2",
        "quote",
        "syn",
        "thiserror",
        "thiserror-impl",
        "unicode-ident",
    ];
    assert_eq!(names, plain);
}

#[test]
fn the_tests_make_their_records_by_hand() {
    let manifest = fs::read_to_string(root().join("tests/Cargo.toml")).unwrap();
    assert!(!manifest.contains("fcgi-proto") && !manifest.contains("fcgi-runner"));
}

/// What follows `crate::`, alone or in braces.
fn paths_below(tokens: &[Token], base: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in tokens.iter().enumerate().filter(|(_, token)| token.text == base && !token.after_colons) {
        let [_, colons, rest @ ..] = &tokens[at..] else { continue };
        if colons.text != "::" {
            continue;
        }
        if rest.first().is_none_or(|first| first.text != "{") {
            found.extend(rest.first().map(|first| first.text.clone()));
            continue;
        }
        let (mut depth, mut starts) = (0, false);
        for token in rest {
            match &token.text[..] {
                "{" => (depth, starts) = (depth + 1, depth == 0),
                "}" if depth == 1 => break,
                "}" => depth -= 1,
                "," => starts = depth == 1,
                name => {
                    if std::mem::take(&mut starts) {
                        found.push(name.to_owned());
                    }
                }
            }
        }
    }
    found
}

/// Names at the beginning of paths.
fn roots(tokens: &[Token]) -> Vec<String> {
    let begins = tokens.windows(2).filter(|pair| pair[1].text == "::" && !pair[0].after_colons);
    let mut names: Vec<String> = begins.map(|pair| pair[0].text.clone()).collect();
    let uses = tokens.windows(2).filter(|pair| pair[0].text == "use").map(|pair| pair[1].text.clone());
    names.extend(uses);
    names
}
