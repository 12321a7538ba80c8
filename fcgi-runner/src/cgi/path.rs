//! The split of the requested path into `SCRIPT_NAME` (where the application is mounted) and `PATH_INFO` (the rest).
//!
//! In come the path parameters as the web server sent them and the mount prefix the operator may have given; out goes
//! the pair an application can rely on: joined and quoted, it is the path the visitor asked for. Web servers differ
//! widely here, and several send a wrong split by default. Nothing is ever looked up on disk, and prefixes are
//! compared byte by byte at segment borders: `/application` is not under `/app`.
//!
//! Source: RFC 3875 sections 4.1.5 and 4.1.13, PEP 3333 "URL Reconstruction".

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// The parameters that speak of the path, as the web server sent them.
///
/// `None` is a parameter that was not sent at all, which is not the same as an empty one: nginx with its stock
/// `fastcgi_params` never sends `PATH_INFO`, and that is how it is told apart.
#[derive(Clone, Copy, Debug, Default)]
pub struct SentPath<'a> {
    /// `SCRIPT_NAME`, empty when not sent.
    pub script_name: &'a [u8],
    /// `PATH_INFO`, percent-decoded by every known web server.
    pub path_info: Option<&'a [u8]>,
    /// `SCRIPT_URL`, set by Apache's `mod_rewrite`: the path before any rewriting.
    pub script_url: Option<&'a [u8]>,
    /// `REDIRECT_URL`, set by Apache after an internal redirect (`.htaccess`): the path before it.
    pub redirect_url: Option<&'a [u8]>,
    /// `REQUEST_URI`: the raw target of the request line, with its query.
    pub request_uri: Option<&'a [u8]>,
    /// `SCRIPT_FILENAME`: only compared, never opened.
    pub script_filename: Option<&'a [u8]>,
    /// `DOCUMENT_URI`, sent by nginx: the decoded path after its rewriting.
    pub document_uri: Option<&'a [u8]>,
}

/// `SCRIPT_NAME` and `PATH_INFO`, borrowed from what was sent where that is possible.
pub type Split<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// Gives `SCRIPT_NAME` and `PATH_INFO` for the application.
///
/// `mount` is the option `scriptname`: `None` takes the web server's word, `Some("")` is the root, `Some("/app")` a
/// prefix without a slash at its end. No memory is allocated unless a slash or a prefix has to move between the two
/// parts, or a percent sign has to be decoded.
///
/// With a mount, the path is cut behind it; a path outside of it keeps its `PATH_INFO`, for then the web server has
/// cut off the prefix, or rewritten it, itself.
///
/// Without one, four repairs are made, each where the split as sent could not be right:
/// - `PATH_INFO` is missing: it is what `REQUEST_URI` has behind `SCRIPT_NAME`;
/// - `SCRIPT_NAME` is a script's file name that the visitor's URL does not have (`.htaccess` rewriting): it is the
///   visitor's path without `PATH_INFO`;
/// - `SCRIPT_NAME` holds the whole path because nginx or `mod_proxy_fcgi` was not told to split: the mount is the root;
/// - both are empty, or the slash between them is on the wrong side: `PATH_INFO` begins with it.
pub fn split_path<'a>(mount: Option<&'a str>, sent: &SentPath<'a>) -> Split<'a> {
    let (script_name, path_info) = match mount {
        Some(mount) => split_at_mount(mount.as_bytes(), sent),
        None => split_as_sent(sent),
    };
    settle(script_name, path_info)
}

/// The path of a request target: without query and fragment, without scheme and host, not decoded.
pub fn path_of_uri(uri: &[u8]) -> &[u8] {
    let end = uri.iter().position(|byte| matches!(byte, b'?' | b'#')).unwrap_or(uri.len());
    let target = &uri[..end];
    if target.first() == Some(&b'/') {
        return target;
    }
    let Some(colon) = target.windows(3).position(|bytes| bytes == b"://") else { return target };
    let authority = &target[colon + 3..];
    authority.iter().position(|byte| *byte == b'/').map_or(b"/", |slash| &authority[slash..])
}

/// What is left of `path` behind `prefix`, if `prefix` ends at the end of a segment.
pub fn strip_mount<'a>(path: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    path.strip_prefix(prefix).filter(|rest| rest.first().is_none_or(|byte| *byte == b'/'))
}

fn split_as_sent<'a>(sent: &SentPath<'a>) -> Split<'a> {
    let script_name = sent.script_name;
    if holds_whole_path(sent) {
        return (Cow::Borrowed(b""), Cow::Borrowed(script_name));
    }
    if let Some(repaired) = visitor_split(sent) {
        return repaired;
    }
    let path_info = sent.path_info.unwrap_or_default();
    if !path_info.is_empty() {
        return (Cow::Borrowed(script_name), Cow::Borrowed(path_info));
    }
    let rest = visitor_uri(sent).and_then(|path| strip_in_cow(path, script_name)).unwrap_or_default();
    (Cow::Borrowed(script_name), rest)
}

fn split_at_mount<'a>(mount: &'a [u8], sent: &SentPath<'a>) -> Split<'a> {
    let path_info = sent.path_info.unwrap_or_default();
    if names_script(sent) && strip_mount(mount, sent.script_name).is_none() {
        return (Cow::Borrowed(mount), rest_of_script(mount, path_info, sent));
    }
    let rest = match strip_joined(sent.script_name, path_info, mount) {
        Some(rest) if !rest.is_empty() => rest,
        None if !path_info.is_empty() => Cow::Borrowed(path_info),
        // The path as sent ends at the mount, or does not speak of it: the request line may know more.
        found => {
            visitor_uri(sent).and_then(|path| strip_in_cow(path, mount)).unwrap_or_else(|| match found {
                Some(rest) => rest,
                None if holds_whole_path(sent) => Cow::Borrowed(sent.script_name),
                None => Cow::Borrowed(path_info),
            })
        }
    };
    (Cow::Borrowed(mount), rest)
}

/// The path behind `mount` where `SCRIPT_NAME` is the file name of a script, which is no part of any mount.
fn rest_of_script<'a>(mount: &[u8], path_info: &'a [u8], sent: &SentPath<'a>) -> Cow<'a, [u8]> {
    let base = visitor_split(sent).map(|(base, _)| base).unwrap_or_default();
    let rest = match &base {
        Cow::Borrowed(base) => strip_joined(base, path_info, mount),
        Cow::Owned(base) => strip_joined(base, path_info, mount).map(|rest| Cow::Owned(rest.into_owned())),
    };
    rest.unwrap_or(Cow::Borrowed(path_info))
}

/// `base + path_info` without `mount` in front, borrowed unless both parts contribute.
fn strip_joined<'a>(base: &'a [u8], path_info: &'a [u8], mount: &[u8]) -> Option<Cow<'a, [u8]>> {
    if let Some(beyond) = mount.strip_prefix(base) {
        return strip_mount(path_info, beyond).map(Cow::Borrowed);
    }
    let rest = base.strip_prefix(mount).filter(|rest| rest.first() == Some(&b'/'))?;
    if path_info.is_empty() {
        return Some(Cow::Borrowed(rest));
    }
    Some(Cow::Owned([rest, path_info].concat()))
}

/// Whether `SCRIPT_NAME` is the complete path because the web server was not told where to split it.
///
/// Two servers can be told apart from one that means it (a request for exactly the mount point looks the same but
/// for these): nginx without `PATH_INFO` sends `DOCUMENT_URI`, the whole path as well; `mod_proxy_fcgi` without
/// `proxy-fcgi-pathinfo` names its back end in `SCRIPT_FILENAME`.
fn holds_whole_path(sent: &SentPath<'_>) -> bool {
    if sent.path_info.is_some() || sent.script_name.is_empty() || has_script_suffix(sent.script_name) {
        return false;
    }
    let from_nginx = sent.document_uri == Some(sent.script_name);
    let from_proxy = sent.script_filename.is_some_and(|name| name.starts_with(b"proxy:"));
    from_nginx || from_proxy
}

/// The split of a request that was rewritten to a script, by the path the visitor asked for.
///
/// `None` if nothing was rewritten, or if the visitor's path does not end in `PATH_INFO`.
fn visitor_split<'a>(sent: &SentPath<'a>) -> Option<Split<'a>> {
    if !names_script(sent) {
        return None;
    }
    let path_info = sent.path_info.unwrap_or_default();
    let asked = match sent.script_url.or(sent.redirect_url).filter(|url| !url.is_empty()) {
        Some(url) => Cow::Borrowed(url),
        None => visitor_uri(sent)?,
    };
    if strip_mount(&asked, sent.script_name).is_some() {
        return None;
    }
    let mut mount = asked.strip_suffix(path_info)?;
    while path_info.starts_with(b"/") && mount.ends_with(b"/") {
        mount = &mount[..mount.len() - 1]; // Apache has merged the slashes of `PATH_INFO`
    }
    let length = mount.len();
    Some((cow_up_to(asked, length), Cow::Borrowed(path_info)))
}

/// Whether the last segment of `SCRIPT_NAME` is the file name of a script.
fn names_script(sent: &SentPath<'_>) -> bool {
    if has_script_suffix(sent.script_name) {
        return true;
    }
    // A script without a suffix is believed only to Apache, which says what it has rewritten.
    let rewritten = sent.script_url.is_some() || sent.redirect_url.is_some();
    let file = sent.script_filename.filter(|name| rewritten && !name.starts_with(b"proxy:"));
    file.is_some_and(|file| {
        let name = last_segment(sent.script_name);
        !name.is_empty() && last_segment(file) == name
    })
}

fn has_script_suffix(script_name: &[u8]) -> bool {
    let name = last_segment(script_name);
    SCRIPT_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
}

fn last_segment(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap_or_default()
}

/// The decoded path of `REQUEST_URI`; `None` if there is none, or if it is `*` or an authority.
fn visitor_uri<'a>(sent: &SentPath<'a>) -> Option<Cow<'a, [u8]>> {
    let path = path_of_uri(sent.request_uri?);
    path.starts_with(b"/").then(|| percent_decode(path).into())
}

fn strip_in_cow<'a>(path: Cow<'a, [u8]>, prefix: &[u8]) -> Option<Cow<'a, [u8]>> {
    match path {
        Cow::Borrowed(path) => strip_mount(path, prefix).map(Cow::Borrowed),
        Cow::Owned(path) => strip_mount(&path, prefix).map(|rest| Cow::Owned(rest.to_vec())),
    }
}

fn cow_up_to(path: Cow<'_, [u8]>, length: usize) -> Cow<'_, [u8]> {
    match path {
        Cow::Borrowed(path) => Cow::Borrowed(&path[..length]),
        Cow::Owned(mut path) => {
            path.truncate(length);
            Cow::Owned(path)
        }
    }
}

/// Puts the slash between the two parts where PEP 3333 wants it: at the start of `PATH_INFO`, and only there.
fn settle<'a>(script_name: Cow<'a, [u8]>, path_info: Cow<'a, [u8]>) -> Split<'a> {
    let slashes = script_name.iter().rev().take_while(|byte| **byte == b'/').count();
    let length = script_name.len() - slashes;
    match path_info.first() {
        Some(b'/') if length == 0 => (Cow::Borrowed(b""), path_info),
        None if slashes > 0 || length == 0 => (cow_up_to(script_name, length), Cow::Borrowed(b"/")),
        Some(b'/') | None => (script_name, path_info),
        Some(_) if slashes > 0 => (cow_up_to(script_name, length), Cow::Owned([b"/", &*path_info].concat())),
        Some(_) => (script_name, path_info),
    }
}

/// Endings by which a script's file name in `SCRIPT_NAME` is known.
///
/// Others (`.cgi`, `.py`) may as well end the URL of a download, and count only where Apache says what it rewrote.
const SCRIPT_SUFFIXES: [&[u8]; 2] = [b".fcgi", b".fcg"];

#[cfg(test)]
#[path = "path_tests.rs"]
mod tests;
