//! The pages that a worker answers without the application: the status, and that it is there at all.
//!
//! In comes a request; out goes a reply, or nothing: then the request is the application's, as if these pages did not exist. A
//! path is the one that visitors ask for: that of `REQUEST_URI`, and where a web server does not send it, `SCRIPT_NAME` and
//! `PATH_INFO` together.

use std::net::IpAddr;

use fcgi_proto::Params;

use super::allowed::Allowed;
use super::form::{Form, Reply};
use super::snapshot::Snapshot;
use crate::cgi::path::path_of_uri;

/// Which pages there are.
#[derive(Clone, Debug)]
pub struct Pages {
    pub status: Option<String>,
    pub ping: Option<String>,
    /// Who may see the status.
    pub allowed: Allowed,
}

impl Pages {
    /// Whether a request can be for one of the pages, by what is known of every request: cheap, and seldom true.
    pub fn may_be_meant(&self, target: &[u8]) -> bool {
        let asked = target;
        [&self.status, &self.ping].into_iter().flatten().any(|path| {
            let path = path.as_bytes();
            asked.starts_with(path) || path.ends_with(asked) || asked.starts_with(b"http")
        }) || Form::PATHS.contains(&asked)
    }

    /// Answers a request that is for one of the pages.
    pub fn reply(&self, params: &Params, snapshot: impl FnOnce() -> Snapshot) -> Option<Reply> {
        let of = |name: &[u8]| params.get(name).unwrap_or_default();
        if !matches!(of(b"REQUEST_METHOD"), b"GET" | b"HEAD") {
            return None;
        }
        let joined;
        let path = match params.get(b"REQUEST_URI").map(path_of_uri) {
            Some(path) if !path.is_empty() => path,
            _ => {
                joined = [of(b"SCRIPT_NAME"), of(b"PATH_INFO")].concat();
                &joined[..]
            }
        };
        if self.ping.as_ref().is_some_and(|ping| ping.as_bytes() == path) {
            return Some(Reply::line("200 OK", "pong"));
        }
        let rest = path.strip_prefix(self.status.as_ref()?.as_bytes())?;
        let is_status = rest.is_empty() || Form::PATHS.contains(&rest);
        (is_status && self.lets_in(params))
            .then(|| Form::wanted(rest, of(b"QUERY_STRING"), of(b"HTTP_ACCEPT")).reply(&snapshot()))
    }

    /// A proxy on this machine would be taken for its visitors; but it says for whom it asks, and then they have to be allowed
    /// as well. Whoever says so without being a proxy wins nothing.
    fn lets_in(&self, params: &Params) -> bool {
        let of = |name: &[u8]| params.get(name).filter(|value| !value.is_empty());
        let address = of(b"REMOTE_ADDR").unwrap_or_default();
        if !self.allowed.has_text(address) {
            return false;
        }
        let parsed = std::str::from_utf8(address).ok().and_then(|text| text.parse::<IpAddr>().ok());
        if !parsed.is_some_and(|address| address.to_canonical().is_loopback()) {
            return true;
        }
        let listed = [&b"HTTP_X_FORWARDED_FOR"[..], b"HTTP_X_REAL_IP"].into_iter().filter_map(of);
        let mut others = listed.flat_map(|list| list.split(|byte| *byte == b','));
        of(b"HTTP_FORWARDED").is_none() && others.all(|other| self.allowed.has_text(other.trim_ascii()))
    }
}
