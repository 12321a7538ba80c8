//! Every row is a web server's set-up and what it sent for a request, as recorded on real servers.

use proptest::prelude::*;

use super::{SentPath, path_of_uri, split_path, strip_mount};

/// The parameters of one request; `-` stands for a parameter that was not sent.
struct Row {
    setup: &'static str,
    mount: Option<&'static str>,
    /// `SCRIPT_NAME`, `PATH_INFO`, `REQUEST_URI`.
    sent: [&'static str; 3],
    /// `name=value` of the rarer parameters.
    more: &'static [(&'static str, &'static str)],
    expected: [&'static str; 2],
}

const ROOT: Option<&str> = Some("");
const APP: Option<&str> = Some("/app");

const fn row(
    setup: &'static str,
    mount: Option<&'static str>,
    sent: [&'static str; 3],
    more: &'static [(&'static str, &'static str)],
    expected: [&'static str; 2],
) -> Row {
    Row { setup, mount, sent, more, expected }
}

const NGINX_STOCK: &[(&str, &str)] = &[("DOCUMENT_URI", "/foo bar/b")];
const APACHE_PROXY: &[(&str, &str)] = &[("SCRIPT_FILENAME", "proxy:fcgi://127.0.0.1:3033/app/x")];
const HTACCESS: &[(&str, &str)] =
    &[("SCRIPT_FILENAME", "/srv/site/mysite.fcgi"), ("REDIRECT_URL", "/foo bar/b")];

const ROWS: &[Row] = &[
    // nginx
    row("nginx stock", None, ["/foo bar/b", "-", "/foo%20bar/b?x=1"], NGINX_STOCK, ["", "/foo bar/b"]),
    row("nginx stock, root", ROOT, ["/foo bar/b", "-", "/foo%20bar/b?x=1"], NGINX_STOCK, ["", "/foo bar/b"]),
    row("nginx stock, /", None, ["/", "-", "/"], &[("DOCUMENT_URI", "/")], ["", "/"]),
    row("nginx stock, prefix", APP, ["/app/x", "-", "/app/x"], &[("DOCUMENT_URI", "/app/x")], ["/app", "/x"]),
    row("nginx stock, rewritten", APP, ["/x", "-", "/app/x"], &[("DOCUMENT_URI", "/x")], ["/app", "/x"]),
    row("nginx stock, stripped", APP, ["/x", "-", "/x"], &[("DOCUMENT_URI", "/x")], ["/app", "/x"]),
    row(
        "nginx stock, script",
        None,
        ["/m.fcgi", "-", "/m.fcgi"],
        &[("DOCUMENT_URI", "/m.fcgi")],
        ["/m.fcgi", ""],
    ),
    row(
        "nginx split root",
        None,
        ["", "/foo bar", "/foo%20bar"],
        &[("DOCUMENT_URI", "/foo bar")],
        ["", "/foo bar"],
    ),
    row(
        "nginx split /app",
        None,
        ["/app", "/foo", "/app/foo"],
        &[("DOCUMENT_URI", "/app/foo")],
        ["/app", "/foo"],
    ),
    row("nginx split /app, exact", None, ["/app", "", "/app"], &[("DOCUMENT_URI", "/app")], ["/app", ""]),
    row(
        "nginx, SCRIPT_NAME emptied",
        None,
        ["", "/x/foo", "/x/foo"],
        &[("DOCUMENT_URI", "/x/foo")],
        ["", "/x/foo"],
    ),
    row(
        "nginx, PATH_INFO never filled",
        None,
        ["", "", "/a%20b?c"],
        &[("DOCUMENT_URI", "/a b")],
        ["", "/a b"],
    ),
    row("nginx, SCRIPT_NAME set alone", None, ["/app", "-", "/app/x%20y"], &[], ["/app", "/x y"]),
    // Apache mod_proxy_fcgi
    row("proxy_fcgi plain", None, ["/app/x", "-", "/app/x"], APACHE_PROXY, ["", "/app/x"]),
    row("proxy_fcgi plain, prefix", APP, ["/app/x", "-", "/app/x"], APACHE_PROXY, ["/app", "/x"]),
    row("proxy_fcgi unescape", None, ["/app", "/x", "/app/x"], APACHE_PROXY, ["/app", "/x"]),
    row("proxy_fcgi SetHandler", None, ["/app/a", "/b", "/app/a/b"], APACHE_PROXY, ["/app/a", "/b"]),
    row("proxy_fcgi SetHandler, prefix", APP, ["/app/a", "/b", "/app/a/b"], APACHE_PROXY, ["/app", "/a/b"]),
    // Apache mod_fcgid
    row(
        "fcgid .htaccess",
        None,
        ["/mysite.fcgi", "/foo bar/b", "/foo%20bar/b"],
        HTACCESS,
        ["", "/foo bar/b"],
    ),
    row(
        "fcgid .htaccess, root",
        ROOT,
        ["/mysite.fcgi", "/foo bar/b", "/foo%20bar/b"],
        HTACCESS,
        ["", "/foo bar/b"],
    ),
    row(
        "fcgid .htaccess in a folder",
        None,
        ["/blog/m.fcgi", "/x", "/blog/x"],
        &[("REDIRECT_URL", "/blog/x")],
        ["/blog", "/x"],
    ),
    row(
        "fcgid .htaccess in a folder, prefix",
        Some("/blog"),
        ["/blog/m.fcgi", "/x", "/blog/x"],
        &[("REDIRECT_URL", "/blog/x")],
        ["/blog", "/x"],
    ),
    row(
        "fcgid .htaccess, app below it",
        APP,
        ["/mysite.fcgi", "/app/x", "/app/x"],
        &[("REDIRECT_URL", "/app/x")],
        ["/app", "/x"],
    ),
    row(
        "fcgid script without suffix",
        None,
        ["/dispatch", "/foo", "/foo"],
        &[("SCRIPT_FILENAME", "/srv/site/dispatch"), ("REDIRECT_URL", "/foo")],
        ["", "/foo"],
    ),
    row("fcgid DirectoryIndex", None, ["/mysite.fcgi", "-", "/"], &[("REDIRECT_URL", "/")], ["", "/"]),
    row(
        "fcgid DirectoryIndex below",
        None,
        ["/b/mysite.fcgi", "-", "/b/"],
        &[("REDIRECT_URL", "/b/")],
        ["/b", "/"],
    ),
    row("fcgid merged slashes", None, ["/m.fcgi", "/x", "//x"], &[("REDIRECT_URL", "//x")], ["", "/x"]),
    row("fcgid direct", None, ["/mysite.fcgi", "/foo", "/mysite.fcgi/foo"], &[], ["/mysite.fcgi", "/foo"]),
    row("fcgid direct, root", ROOT, ["/mysite.fcgi", "/foo", "/mysite.fcgi/foo"], &[], ["", "/foo"]),
    row("fcgid direct, no path, root", ROOT, ["/mysite.fcgi", "-", "/mysite.fcgi"], &[], ["", "/"]),
    row(
        "fcgid in cgi-bin, root",
        ROOT,
        ["/cgi-bin/m.fcgi", "/foo", "/cgi-bin/m.fcgi/foo"],
        &[],
        ["", "/foo"],
    ),
    row(
        "fcgid direct, mounted there",
        Some("/mysite.fcgi"),
        ["/mysite.fcgi", "/foo", "/mysite.fcgi/foo"],
        &[],
        ["/mysite.fcgi", "/foo"],
    ),
    row("fcgid vhost rewrite", None, ["", "/foo", "/foo"], &[("SCRIPT_URL", "/foo")], ["", "/foo"]),
    row("fcgid wrapper virtual", None, ["/a", "/b", "/a/b"], &[], ["/a", "/b"]),
    row("fcgid wrapper virtual, root", ROOT, ["/a", "/b", "/a/b"], &[], ["", "/a/b"]),
    // mod_fastcgi
    row(
        "fastcgi external",
        None,
        ["", "/foo bar/b", "/foo%20bar/b"],
        &[("SCRIPT_URL", "/foo bar/b")],
        ["", "/foo bar/b"],
    ),
    // lighttpd
    row("lighttpd /", None, ["/foo", "/bar", "/foo/bar"], &[], ["/foo", "/bar"]),
    row("lighttpd /, root", ROOT, ["/foo", "/bar", "/foo/bar"], &[], ["", "/foo/bar"]),
    row("lighttpd fix-root", None, ["", "/foo/bar", "/foo/bar"], &[], ["", "/foo/bar"]),
    row("lighttpd /app", None, ["/app", "/x", "/app/x"], &[], ["/app", "/x"]),
    row("lighttpd /app, exact", None, ["/app", "-", "/app"], &[], ["/app", ""]),
    row("lighttpd /app, exact, prefix", APP, ["/app", "-", "/app"], &[], ["/app", ""]),
    row("lighttpd /application", None, ["/application", "/x", "/application/x"], &[], ["/application", "/x"]),
    row("lighttpd /application, prefix", APP, ["/application", "/x", "/application/x"], &[], ["/app", "/x"]),
    row(
        "lighttpd rewritten to a script",
        None,
        ["/mysite.fcgi", "/foo bar/b", "/foo%20bar/b?x=1"],
        &[("REDIRECT_URI", "/mysite.fcgi/foo%20bar/b")],
        ["", "/foo bar/b"],
    ),
    // HAProxy
    row("haproxy plain", None, ["/app/x", "-", "/app/x"], &[], ["/app/x", ""]),
    row("haproxy plain, prefix", APP, ["/app/x", "-", "/app/x"], &[], ["/app", "/x"]),
    row("haproxy plain, root", ROOT, ["/app/x", "-", "/app/x"], &[], ["", "/app/x"]),
    row("haproxy path-info", None, ["/app", "/x", "/app/x"], &[], ["/app", "/x"]),
    row("haproxy path-info, exact", None, ["/app", "-", "/app"], &[], ["/app", ""]),
    // Caddy, h2o, Cherokee, OpenBSD
    row("caddy", None, ["", "/x", "/x"], &[("DOCUMENT_URI", "")], ["", "/x"]),
    row("caddy handle_path", None, ["/app", "/x", "/app/x"], &[("DOCUMENT_URI", "")], ["/app", "/x"]),
    row("h2o under /app", None, ["", "/app/x", "/app/x"], &[], ["", "/app/x"]),
    row("h2o under /app, prefix", APP, ["", "/app/x", "/app/x"], &[], ["/app", "/x"]),
    row("cherokee", None, ["/app", "/rest", "/app/rest"], &[], ["/app", "/rest"]),
    row("openbsd, root", ROOT, ["/static", "/page", "/static/page"], &[], ["", "/static/page"]),
    // Odd ones
    row("nothing sent", None, ["", "-", "-"], &[], ["", "/"]),
    row("nothing sent, prefix", APP, ["", "-", "-"], &[], ["/app", ""]),
    row("only the request line", None, ["", "-", "/a%2Fb/%FF"], &[], ["", "/a/b/\u{ff}"]),
    row("only the request line, absolute", None, ["", "-", "http://h.example/a?b"], &[], ["", "/a"]),
    row("OPTIONS *", None, ["", "-", "*"], &[], ["", "/"]),
    row("slash in SCRIPT_NAME", None, ["/", "foo", "/foo"], &[], ["", "/foo"]),
    row("slash in both", None, ["/", "/foo", "/foo"], &[], ["", "/foo"]),
    row("slashes alone", None, ["//", "-", "-"], &[], ["", "/"]),
    row("slashes in a rewritten URL", None, ["/m.fcgi", "-", "//"], &[("REDIRECT_URL", "//")], ["", "/"]),
    row("slash at the end", None, ["/app/", "x", "/app/x"], &[], ["/app", "/x"]),
    row("prefix itself", APP, ["", "/app", "/app"], &[], ["/app", ""]),
    row("prefix inside SCRIPT_NAME and PATH_INFO", APP, ["/app/x", "/y", "/app/x/y"], &[], ["/app", "/x/y"]),
    row("prefix across both", Some("/a/b"), ["/a", "/b/c", "/a/b/c"], &[], ["/a/b", "/c"]),
    row("prefix ends inside a segment", Some("/a/b"), ["/a", "/bc", "/a/bc"], &[], ["/a/b", "/bc"]),
    row("prefix cut off by the server", APP, ["", "/x", "/app/x"], &[], ["/app", "/x"]),
];

/// Latin-1 bytes of a text, so that rows can hold any byte.
fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(u32::from(letter)).expect("a latin-1 letter")).collect()
}

fn parameter(text: &str) -> Option<&[u8]> {
    (text != "-").then_some(text.as_bytes())
}

#[test]
fn every_known_set_up_gives_a_split_to_rely_on() {
    for row in ROWS {
        let find = |name| row.more.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes());
        let sent = SentPath {
            script_name: row.sent[0].as_bytes(),
            path_info: parameter(row.sent[1]),
            request_uri: parameter(row.sent[2]),
            script_url: find("SCRIPT_URL"),
            redirect_url: find("REDIRECT_URL"),
            script_filename: find("SCRIPT_FILENAME"),
            document_uri: find("DOCUMENT_URI"),
        };
        let (script_name, path_info) = split_path(row.mount, &sent);
        let expected = (latin1(row.expected[0]), latin1(row.expected[1]));
        assert_eq!((script_name.into_owned(), path_info.into_owned()), expected, "{}", row.setup);
    }
}

#[test]
fn the_usual_requests_need_no_memory() {
    let cases = [(None, "", "/x"), (None, "/app", "/x"), (Some(""), "", "/x"), (Some("/app"), "/app", "/x")];
    for (mount, script_name, path_info) in cases {
        let sent = SentPath {
            script_name: script_name.as_bytes(),
            path_info: Some(path_info.as_bytes()),
            request_uri: Some(b"/app/x"),
            ..SentPath::default()
        };
        let (script_name, path_info) = split_path(mount, &sent);
        assert!(matches!(script_name, std::borrow::Cow::Borrowed(_)));
        assert!(matches!(path_info, std::borrow::Cow::Borrowed(_)));
    }
}

#[test]
fn path_of_a_request_target() {
    let cases: [(&str, &str); 9] = [
        ("/a/b?c=/d", "/a/b"),
        ("/a#b?c", "/a"),
        ("", ""),
        ("*", "*"),
        ("//host/x", "//host/x"),
        ("http://host/x?y", "/x"),
        ("https://host", "/"),
        ("host:443", "host:443"),
        ("/see?http://x/y", "/see"),
    ];
    for (uri, path) in cases {
        assert_eq!(path_of_uri(uri.as_bytes()), path.as_bytes(), "{uri}");
    }
}

#[test]
fn a_mount_ends_at_a_segment() {
    assert_eq!(strip_mount(b"/app/x", b"/app"), Some(b"/x".as_slice()));
    assert_eq!(strip_mount(b"/app", b"/app"), Some(b"".as_slice()));
    assert_eq!(strip_mount(b"/application", b"/app"), None);
    assert_eq!(strip_mount(b"/APP/x", b"/app"), None);
    assert_eq!(strip_mount(b"/x", b""), Some(b"/x".as_slice()));
}

proptest! {
    #[test]
    fn the_two_parts_joined_are_the_path_as_sent(
        script_name in "(/[a-zé%]{1,4}){0,3}",
        path_info in "(/[a-zé%]{0,4}){1,3}",
        mount in proptest::option::of("(/[a-zé]{1,2}){0,2}"),
    ) {
        let full = format!("{script_name}{path_info}");
        let sent = SentPath {
            script_name: script_name.as_bytes(),
            path_info: Some(path_info.as_bytes()),
            ..SentPath::default()
        };
        let (left, right) = split_path(mount.as_deref(), &sent);
        let inside = mount.as_deref().is_none_or(|mount| strip_mount(full.as_bytes(), mount.as_bytes()).is_some());
        if inside {
            prop_assert_eq!([&*left, &*right].concat(), full.into_bytes());
        } else {
            prop_assert_eq!(&*right, path_info.as_bytes());
        }
        if let Some(mount) = &mount {
            prop_assert_eq!(&*left, mount.as_bytes());
        }
    }

    #[test]
    fn no_parameters_whatever_make_it_panic_or_lose_the_slash(
        parts in proptest::array::uniform6(proptest::option::of("[/a.?%*]{0,8}|/m\\.fcgi(/[a/]{0,4})?")),
        mount in proptest::option::of("(/[am]){0,2}"),
    ) {
        let part = |index: usize| parts[index].as_deref().map(str::as_bytes);
        let sent = SentPath {
            script_name: part(0).unwrap_or_default(),
            path_info: part(1),
            request_uri: part(2),
            redirect_url: part(3),
            script_filename: part(4),
            document_uri: part(5),
            ..SentPath::default()
        };
        let (left, right) = split_path(mount.as_deref(), &sent);
        prop_assert!(!left.is_empty() || !right.is_empty());
        prop_assert_ne!(&*left, b"/".as_slice());
    }
}
