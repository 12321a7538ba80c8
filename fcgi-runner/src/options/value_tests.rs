//! Values as people type them, and what they are read as.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt, path::PathBuf, time::Duration};

use super::{NotAValue, Value, ValueKind};

fn read(kind: ValueKind, text: &str) -> Result<Value, NotAValue> {
    kind.read(text.as_ref(), "/start".as_ref())
}

fn number(kind: ValueKind, text: &str) -> Option<u64> {
    match read(kind, text) {
        Ok(Value::Number(number)) => Some(number),
        Ok(other) => panic!("{text} was read as {other:?}"),
        Err(NotAValue) => None,
    }
}

#[test]
fn pages() {
    for text in ["/", "/health/?deep=1", "example.org/", "[::1]:8000/health"] {
        assert_eq!(read(ValueKind::Page, text), Ok(Value::Text(text.to_owned())), "{text}");
    }
    assert_eq!(read(ValueKind::Page, ""), Ok(Value::Nothing));
    for text in ["health", "http://example.org/", "/two words", "/caf\u{e9}"] {
        assert_eq!(read(ValueKind::Page, text), Err(NotAValue), "{text}");
    }
}

#[test]
fn flags() {
    for text in ["true", "yes", "on", "1", "t", "y", "TRUE", "Yes", " on "] {
        assert_eq!(read(ValueKind::Flag, text), Ok(Value::Flag(true)), "{text}");
    }
    for text in ["false", "no", "off", "0", "f", "n", "FALSE", "No"] {
        assert_eq!(read(ValueKind::Flag, text), Ok(Value::Flag(false)), "{text}");
    }
    for text in ["", "2", "maybe", "tru", "-1"] {
        assert_eq!(read(ValueKind::Flag, text), Err(NotAValue), "{text}");
    }
}

#[test]
fn numbers_have_a_range() {
    let kind = ValueKind::Number { min: 1, max: 100 };
    for (text, expected) in [("1", 1), ("100", 100), ("007", 7), (" 5 ", 5)] {
        assert_eq!(number(kind, text), Some(expected), "{text}");
    }
    for text in ["", "0", "101", "-1", "+5", "5.0", "5x", "0x5", "99999999999999999999999"] {
        assert_eq!(number(kind, text), None, "{text}");
    }
}

#[test]
fn sizes_have_units() {
    let kind = ValueKind::Size { max: u64::MAX };
    let rows = [
        ("0", 0),
        ("512", 512),
        ("64k", 65_536),
        ("64K", 65_536),
        ("64kb", 65_536),
        ("64KiB", 65_536),
        ("64 k", 65_536),
        ("10m", 10_485_760),
        ("2g", 2_147_483_648),
        ("100b", 100),
    ];
    for (text, expected) in rows {
        assert_eq!(number(kind, text), Some(expected), "{text}");
    }
    for text in ["", "k", "b", "1t", "1.5m", "-1k", "1kk", "99999999999999g", "64 kilo"] {
        assert_eq!(number(kind, text), None, "{text}");
    }
    assert_eq!(number(ValueKind::Size { max: 1024 }, "1k"), Some(1024));
    assert_eq!(number(ValueKind::Size { max: 1024 }, "1025"), None);
}

#[test]
fn modes_are_octal() {
    for (text, expected) in
        [("022", 0o22), ("22", 0o22), ("0o22", 0o22), ("0660", 0o660), ("777", 0o777), ("0", 0)]
    {
        assert_eq!(number(ValueKind::Mode, text), Some(expected), "{text}");
    }
    for text in ["", "8", "0888", "1777", "-1", "0x1f", "rw-rw----", "0o"] {
        assert_eq!(number(ValueKind::Mode, text), None, "{text}");
    }
}

#[test]
fn times_are_seconds() {
    for (text, millis) in
        [("10", 10_000), ("0", 0), ("0.5", 500), (".25", 250), ("10s", 10_000), ("10 s", 10_000)]
    {
        assert_eq!(read(ValueKind::Seconds, text), Ok(Value::Time(Duration::from_millis(millis))), "{text}");
    }
    for text in ["", "s", "-1", "1e3", "inf", "nan", ".", "10m", "99999999999"] {
        assert_eq!(read(ValueKind::Seconds, text), Err(NotAValue), "{text}");
    }
}

#[test]
fn choices_have_synonyms() {
    let kind = ValueKind::Choice(&[("prefork", &["fork"]), ("threaded", &["thread"])]);
    for (text, meant) in [("prefork", "prefork"), ("Fork", "prefork"), ("THREAD", "threaded")] {
        assert_eq!(read(kind, text), Ok(Value::Text(meant.to_owned())));
    }
    assert_eq!(read(kind, "gevent"), Err(NotAValue));
    assert_eq!(kind.expected(), "`prefork` or `threaded`");
}

#[test]
fn paths_are_absolute() {
    let rows = [
        ("/tmp/s.sock", "/tmp/s.sock"),
        ("s.sock", "/start/s.sock"),
        ("./run//s.sock", "/start/run/s.sock"),
        ("../x", "/start/../x"),
        ("a b=c:d", "/start/a b=c:d"),
    ];
    for (text, path) in rows {
        assert_eq!(read(ValueKind::Path, text), Ok(Value::Path(PathBuf::from(path))), "{text}");
    }
    assert_eq!(read(ValueKind::Path, ""), Ok(Value::Nothing));
    let bytes = OsStr::from_bytes(b"\xff.sock");
    let path = ValueKind::Path.read(bytes, "/start".as_ref());
    assert_eq!(path, Ok(Value::Path(PathBuf::from(OsStr::from_bytes(b"/start/\xff.sock")))));
}

#[test]
fn lists_of_paths_have_colons() {
    let paths = |list: &[&str]| Ok(Value::Paths(list.iter().map(PathBuf::from).collect()));
    assert_eq!(read(ValueKind::PathList, "/a:b:./c/"), paths(&["/a", "/start/b", "/start/c"]));
    assert_eq!(read(ValueKind::PathList, ":/a::"), paths(&["/a"]));
    assert_eq!(read(ValueKind::PathList, "."), paths(&["/start"]));
}

#[test]
fn prefixes_begin_with_a_slash_and_end_without() {
    for (text, prefix) in
        [("", ""), ("/", ""), ("/app", "/app"), ("/app/", "/app"), ("/a/b//", "/a/b"), ("//", "")]
    {
        assert_eq!(read(ValueKind::Prefix, text), Ok(Value::Text(prefix.to_owned())), "{text}");
    }
    assert_eq!(read(ValueKind::Prefix, "app"), Err(NotAValue));
    assert_eq!(read(ValueKind::Prefix, "http://h/app"), Err(NotAValue));
}

#[test]
fn addresses() {
    let rows = [
        ("127.0.0.1:8000", "127.0.0.1", 8000),
        ("localhost:80", "localhost", 80),
        ("[::1]:8000", "::1", 8000),
        ("0.0.0.0:0", "0.0.0.0", 0),
        (":8000", "127.0.0.1", 8000),
        ("8000", "127.0.0.1", 8000),
    ];
    for (text, host, port) in rows {
        assert_eq!(
            read(ValueKind::Address, text),
            Ok(Value::Address { host: host.to_owned(), port }),
            "{text}"
        );
    }
    for text in ["localhost", "::1", "::1:8000", "h:65536", "h:", "h:-1", "http://h:80", "h:80/"] {
        assert_eq!(read(ValueKind::Address, text), Err(NotAValue), "{text}");
    }
    assert_eq!(read(ValueKind::Address, ""), Ok(Value::Nothing));
}

#[test]
fn mounts_of_files() {
    let rows = [
        ("/static/=public", "/static/", "/start/public"),
        ("static=/srv/files", "/static/", "/srv/files"),
        ("/a/b=x=y", "/a/b/", "/start/x=y"),
        ("/=.", "/", "/start"),
    ];
    for (text, url, dir) in rows {
        let expected = Value::Mount { url: url.to_owned(), dir: PathBuf::from(dir) };
        assert_eq!(read(ValueKind::Mount, text), Ok(expected), "{text}");
    }
    for text in ["/static/", "/static/=", "=public", "public"] {
        assert_eq!(read(ValueKind::Mount, text), Err(NotAValue), "{text}");
    }
}

#[test]
fn texts_are_utf8_and_kept_as_they_are() {
    assert_eq!(
        read(ValueKind::Text, "mysite.wsgi:application"),
        Ok(Value::Text("mysite.wsgi:application".to_owned()))
    );
    assert_eq!(ValueKind::Text.read(OsStr::from_bytes(b"\xff"), "/".as_ref()), Err(NotAValue));
}
