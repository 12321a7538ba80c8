//! The parameters of a request: which ones pass, what is filled in, and where the path is split.
#![no_main]

use fcgi_runner_fuzz::cgi::environ::{ContentLength, Essentials, has_nul, keep};
use fcgi_runner_fuzz::cgi::path::{split_path, strip_mount};
use fcgi_runner_fuzz::fields;
use fcgi_runner_fuzz::options::{Value, ValueKind};
use libfuzzer_sys::fuzz_target;

// The first field is the mount (one that is no prefix stands for none), the others are names and values by turns.
fuzz_target!(|data: &[u8]| {
    let fields = fields(data);
    let Some((mount, rest)) = fields.split_first() else { return };
    let sent: Vec<(&[u8], &[u8])> = rest.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect();
    let mut essentials = Essentials::default();
    for (name, value) in &sent {
        let kept = essentials.note(name, value);
        assert_eq!(kept, keep(name));
        assert_eq!(kept, is_for_the_application(name));
        assert_eq!(has_nul(value), value.contains(&0));
    }
    assert_values(&essentials, &sent);
    let mount = std::str::from_utf8(mount).ok().and_then(prefix);
    assert_split(mount.as_deref(), &essentials, &Sent(&sent));
});

/// The mount as the option `scriptname` takes it.
fn prefix(typed: &str) -> Option<String> {
    match ValueKind::Prefix.read(typed.as_ref(), "/".as_ref()) {
        Ok(Value::Text(prefix)) => Some(prefix),
        _ => None,
    }
}

fn is_for_the_application(name: &[u8]) -> bool {
    let doubles: [&[u8]; 3] = [b"HTTP_PROXY", b"HTTP_CONTENT_LENGTH", b"HTTP_CONTENT_TYPE"];
    let ours = name.starts_with(b"wsgi.") || name.starts_with(b"fcgi.");
    !name.is_empty() && !doubles.contains(&name) && !ours
}

/// The parameters as they were sent.
struct Sent<'a>(&'a [(&'a [u8], &'a [u8])]);

impl<'a> Sent<'a> {
    /// The last value of a name.
    fn last(&self, wanted: &str) -> Option<&'a [u8]> {
        self.all(wanted).last()
    }

    fn all(&self, wanted: &str) -> impl Iterator<Item = &'a [u8]> {
        self.0.iter().filter(move |(name, _)| *name == wanted.as_bytes()).map(|(_, value)| *value)
    }
}

fn assert_values(essentials: &Essentials<'_>, sent: &[(&[u8], &[u8])]) {
    let sent = Sent(sent);
    assert_eq!(essentials.path.path_info, sent.last("PATH_INFO"));
    assert_eq!(essentials.path.script_name, sent.last("SCRIPT_NAME").unwrap_or_default());
    assert_eq!(essentials.https, sent.last("HTTPS"));
    assert_eq!(essentials.content_length, content_length(sent.all("CONTENT_LENGTH")));
    let filled: Vec<_> = essentials.missing().collect();
    for name in ["REQUEST_METHOD", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL"] {
        let found = filled.iter().find(|(missing, _)| *missing == name).map(|(_, value)| *value);
        assert!(found.is_none() || sent.last(name).is_none_or(<[u8]>::is_empty), "{name} was there");
        assert!(found.or(sent.last(name)).is_some_and(|value| !value.is_empty()), "{name} is missing");
    }
    let query = filled.iter().find(|(missing, _)| *missing == "QUERY_STRING").map(|(_, value)| *value);
    assert!(query.or(sent.last("QUERY_STRING")).is_some(), "QUERY_STRING is missing");
    assert!(filled.iter().all(|(name, _)| filled.iter().filter(|(other, _)| name == other).count() == 1));
    assert!(matches!(essentials.url_scheme(), "http" | "https"));
}

/// What several values of `CONTENT_LENGTH` say together: only plain digits count, and they have to agree.
fn content_length<'a>(values: impl Iterator<Item = &'a [u8]>) -> ContentLength {
    let digits = values.filter(|value| !value.is_empty() && value.iter().all(u8::is_ascii_digit));
    let mut numbers: Vec<Option<i64>> =
        digits.map(|value| std::str::from_utf8(value).ok().and_then(|text| text.parse().ok())).collect();
    numbers.sort_unstable();
    numbers.dedup();
    match numbers[..] {
        [] => ContentLength::Unknown,
        [Some(number)] => ContentLength::Known(number.unsigned_abs()),
        _ => ContentLength::Invalid,
    }
}

/// The two parts joined are a path that the web server has spoken of, and the slash stands where PEP 3333 wants it.
fn assert_split(mount: Option<&str>, essentials: &Essentials<'_>, sent: &Sent<'_>) {
    let (script_name, path_info) = split_path(mount, &essentials.path);
    let told = [sent.last("SCRIPT_NAME"), sent.last("PATH_INFO")].map(Option::unwrap_or_default);
    let urls = [sent.last("SCRIPT_URL"), sent.last("REDIRECT_URL")].map(Option::unwrap_or_default);
    let joined = told.concat();
    let target = sent.last("REQUEST_URI").map(asked).unwrap_or_default();
    let mut paths = vec![squeezed(&joined), squeezed(&target), squeezed(urls[0]), squeezed(urls[1])];
    let result = squeezed(&[&*script_name, &*path_info].concat());
    if let Some(mount) = mount {
        assert_eq!(&*script_name, mount.as_bytes());
        // The web server may have cut the prefix off, or rewritten it.
        paths.extend(told.map(squeezed));
        assert!(paths.contains(&result) || paths.contains(&squeezed(&path_info)), "{path_info:?}");
        let rest = strip_mount(&joined, mount.as_bytes()).filter(|rest| !rest.is_empty());
        if let Some(rest) = rest.filter(|_| !is_rewritten(told[0], sent)) {
            assert!(*path_info == *rest || squeezed(&path_info) == squeezed(rest), "{path_info:?}");
        }
    } else {
        assert!(paths.contains(&result), "{script_name:?} {path_info:?}");
    }
    assert!(!script_name.is_empty() || !path_info.is_empty());
    assert_ne!(&*script_name, b"/");
    let rooted = |path: &[u8]| path.first().is_none_or(|byte| *byte == b'/');
    if told.into_iter().chain(urls).all(rooted) {
        assert!(rooted(&script_name) && rooted(&path_info), "{script_name:?} {path_info:?}");
    }
}

/// Whether `SCRIPT_NAME` may be the file name of a script that the visitor has not asked for.
fn is_rewritten(script_name: &[u8], sent: &Sent<'_>) -> bool {
    let name = script_name.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    name.ends_with(b".fcgi")
        || name.ends_with(b".fcg")
        || ["SCRIPT_URL", "REDIRECT_URL"].iter().any(|name| sent.last(name).is_some())
}

/// The path of the request line, decoded.
fn asked(uri: &[u8]) -> Vec<u8> {
    let end = uri.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(uri.len());
    let uri = &uri[..end];
    let host = uri.windows(3).position(|bytes| bytes == b"://").filter(|_| !uri.starts_with(b"/"));
    let path = host.map_or(uri, |at| {
        let authority = &uri[at + 3..];
        authority.iter().position(|byte| *byte == b'/').map_or(b"/".as_slice(), |slash| &authority[slash..])
    });
    let mut decoded = Vec::new();
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        let digit = |at: usize| char::from(*after.get(at)?).to_digit(16);
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).expect("two digits"));
                rest = &after[2..];
            }
            _ => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// A path without doubled slashes; an empty one is the root.
fn squeezed(path: &[u8]) -> Vec<u8> {
    let mut squeezed: Vec<u8> = Vec::new();
    for byte in path {
        if *byte != b'/' || squeezed.last() != Some(&b'/') {
            squeezed.push(*byte);
        }
    }
    if squeezed.is_empty() { b"/".to_vec() } else { squeezed }
}
