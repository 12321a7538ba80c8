//! From protocol events to requests that can be served, or refused.
//!
//! A request is served when its parameters are whole and its body has ended, or enough of it has arrived to be worth the
//! application's time. A body of unknown length is waited for to its end, so that its length is known then (no framework
//! loses a chunked upload). A refusal is a page, never END_REQUEST alone.

use std::sync::{Arc, Weak};

use bytes::Bytes;
use fcgi_proto::server::{Event, Rejection};
use fcgi_proto::{Params, RequestKey, Role};

use super::connection::{Input, Stage};
use super::settings::Settings;
use crate::app::{Link, Request, RequestParts};
use crate::cgi::environ::ContentLength;

/// Something for an application thread to do.
#[derive(Debug)]
pub enum Work {
    /// Let the application answer.
    Serve(Arc<Request>),
    /// Answer with a page of our own.
    Refuse(Arc<Request>, Refusal),
}

/// Why a request is answered by the server itself.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub code: u16,
    pub title: &'static str,
    pub text: String,
}

/// Takes the protocol's events: requests begin, bodies grow, and what can be served is put into `input.ready`.
pub(super) fn drain(input: &mut Input, link: &dyn Fn() -> Weak<dyn Link>, settings: &Settings) {
    while let Some(event) = input.protocol.poll_event() {
        match event {
            Event::Request { key, role, keep_conn, params } => {
                let head = RequestHead { key, role, keep_conn, params };
                admit(input, link(), head, |request| check(request, settings));
            }
            Event::Rejected { key, role, keep_conn, reason } => {
                let head = RequestHead { key, role, keep_conn, params: Params::default() };
                admit(input, link(), head, |_| Some(rejection(reason)));
            }
            Event::Stdin { key, data } => add_to_body(input, key, data, settings),
            Event::StdinEnd { key } => {
                if let Some(request) = find(input, key) {
                    request.body().end();
                }
            }
            Event::Aborted { key } => abort(input, key),
            Event::Warning(warning) => tracing::debug!(%warning, "odd FastCGI record ignored"),
            _ => {}
        }
    }
    let Input { requests, ready, .. } = input;
    for active in requests.iter_mut().filter(|active| active.stage == Stage::Arriving) {
        if is_ready(&active.request, settings) {
            active.stage = Stage::Given;
            ready.push(Work::Serve(active.request.clone()));
        }
    }
}

struct RequestHead {
    key: RequestKey,
    role: Role,
    keep_conn: bool,
    params: Params,
}

fn admit(
    input: &mut Input,
    link: Weak<dyn Link>,
    head: RequestHead,
    refusal: impl FnOnce(&Request) -> Option<Refusal>,
) {
    let RequestHead { key, role, keep_conn, params } = head;
    let request = Arc::new(Request::new(RequestParts { key, role, params, link }));
    input.add(request.clone(), keep_conn);
    if let Some(refusal) = refusal(&request) {
        refuse(input, &request, refusal);
    }
}

/// Looks at what a request announces.
fn check(request: &Request, settings: &Settings) -> Option<Refusal> {
    match request.announced_length() {
        ContentLength::Invalid => Some(Refusal {
            code: 400,
            title: "Bad Request",
            text: "The length of the request body makes no sense.".to_owned(),
        }),
        ContentLength::Known(length) if settings.limits.max_body.is_some_and(|limit| length > limit) => {
            Some(too_large())
        }
        _ => None,
    }
}

fn rejection(reason: Rejection) -> Refusal {
    let code = reason.http_status();
    let title = match code {
        503 => "Service Unavailable",
        431 => "Request Header Fields Too Large",
        _ => "Bad Request",
    };
    Refusal { code, title, text: format!("The server refuses this request: {reason}.") }
}

fn too_large() -> Refusal {
    Refusal {
        code: 413,
        title: "Content Too Large",
        text: "The request body is larger than this server accepts.".to_owned(),
    }
}

/// Whether the application can be started.
fn is_ready(request: &Request, settings: &Settings) -> bool {
    if request.role() == Role::AUTHORIZER || request.body().is_ended() {
        return true;
    }
    match request.announced_length() {
        ContentLength::Known(length) => {
            request.body().received() >= length.min(settings.limits.request_buffer as u64)
        }
        _ => false,
    }
}

fn add_to_body(input: &mut Input, key: RequestKey, mut data: Bytes, settings: &Settings) {
    let Some(active) =
        input.requests.iter().find(|active| active.request.key() == key && active.stage != Stage::Refused)
    else {
        return;
    };
    let request = active.request.clone();
    let received = request.body().received();
    if let ContentLength::Known(length) = request.announced_length() {
        // What comes beyond the announced length belongs to nobody.
        data.truncate(usize::try_from(length.saturating_sub(received)).unwrap_or(usize::MAX));
    }
    let total = received + data.len() as u64;
    if active.stage == Stage::Arriving && settings.limits.max_body.is_some_and(|limit| total > limit) {
        refuse(input, &request, too_large());
    } else if let Err(error) = request.body().push(data) {
        tracing::error!(%error, "a request body cannot be kept in a temporary file");
        if !input.is_given(key) {
            let text = "The server has no room for the request body.".to_owned();
            refuse(input, &request, Refusal { code: 503, title: "Service Unavailable", text });
        }
    }
}

fn refuse(input: &mut Input, request: &Arc<Request>, refusal: Refusal) {
    for active in input.requests.iter_mut().filter(|active| active.request.key() == request.key()) {
        active.stage = Stage::Refused;
    }
    input.ready.push(Work::Refuse(request.clone(), refusal));
}

/// Answers requests whose bodies have not come in time.
pub(super) fn refuse_stalled(input: &mut Input) {
    let stalled: Vec<_> = input
        .requests
        .iter()
        .filter(|active| active.stage == Stage::Arriving)
        .map(|active| active.request.clone())
        .collect();
    for request in stalled {
        let text = "The request body did not arrive in time.".to_owned();
        refuse(input, &request, Refusal { code: 408, title: "Request Timeout", text });
    }
}

/// The web server has given a request up. One that nobody works on is answered here, if somebody is there to hear it.
fn abort(input: &mut Input, key: RequestKey) {
    let Some(request) = find(input, key) else { return };
    request.abort();
    if input.is_given(key) {
        return;
    }
    if input.is_over() {
        input.requests.retain(|active| active.request.key() != key);
        request.mark_ended();
    } else {
        let text = "The web server has given this request up.".to_owned();
        refuse(input, &request, Refusal { code: 400, title: "Bad Request", text });
    }
}

fn find(input: &Input, key: RequestKey) -> Option<Arc<Request>> {
    input.requests.iter().find(|active| active.request.key() == key).map(|active| active.request.clone())
}
