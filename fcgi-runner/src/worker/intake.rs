//! From protocol events to requests that can be served, or refused.
//!
//! A request is served when its parameters are whole and its body has ended, or enough of it has arrived to be worth the
//! application's time. A body of unknown length is waited for to its end, so that its length is known then (no framework
//! loses a chunked upload). What holds for the body holds for the file of a filter too, and a filter is not started with less
//! than was announced to it (FastCGI 1.0 section 6.4). A refusal is a page, never END_REQUEST alone.

use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use bytes::Bytes;
use fcgi_proto::server::{Event, Rejection};
use fcgi_proto::{Params, RequestKey, Role};

use super::connection::{Input, Stage};
use super::settings::Settings;
use crate::app::{Body, Link, Refusal, Request, RequestParts};
use crate::cgi::environ::ContentLength;
use crate::cgi::page;
use crate::config::Limits;
use crate::messages::Code;

/// Something for an application thread to do.
#[derive(Debug)]
pub enum Work {
    /// Let the application answer what has waited since then, as far as somebody has seen it.
    Serve(Arc<Request>, Instant),
    /// Answer with a page of our own.
    Refuse(Arc<Request>, Refusal),
}

impl Work {
    /// The request that it is about.
    pub(super) fn request(&self) -> &Arc<Request> {
        match self {
            Self::Serve(request, _) | Self::Refuse(request, _) => request,
        }
    }
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
            Event::Stdin { key, data } => add(input, key, Which::Stdin, data, settings),
            Event::StdinEnd { key } => end(input, key, Which::Stdin),
            Event::Data { key, data } => add(input, key, Which::Data, data, settings),
            Event::DataEnd { key } => end(input, key, Which::Data),
            Event::Aborted { key } => abort(input, key),
            Event::Warning(warning) => tracing::debug!(%warning, "odd FastCGI record ignored"),
            _ => {}
        }
    }
    let Input { requests, ready, seen_at, .. } = input;
    for active in requests.iter_mut().filter(|active| active.stage == Stage::Arriving) {
        if is_ready(&active.request, settings) {
            active.stage = Stage::Given;
            ready.push(Work::Serve(active.request.clone(), *seen_at));
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

/// One of the streams of a request.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Which {
    Stdin,
    Data,
}

impl Which {
    /// What arrives by it; only a filter has DATA.
    fn of(self, request: &Request) -> Option<&Body> {
        match self {
            Self::Stdin => Some(request.body()),
            Self::Data => request.data(),
        }
    }
}

/// Looks at what a request announces.
fn check(request: &Request, settings: &Settings) -> Option<Refusal> {
    request.bodies().find_map(|body| match body.announced() {
        ContentLength::Invalid => {
            Some(bad_request(Code::BAD_LENGTH, "The length of the request body makes no sense."))
        }
        ContentLength::Known(length) if settings.limits.max_body.is_some_and(|limit| length > limit) => {
            Some(too_large())
        }
        _ => None,
    })
}

fn bad_request(message: Code, text: &'static str) -> Refusal {
    Refusal { status: 400, message, text: text.into() }
}

fn rejection(reason: Rejection) -> Refusal {
    let status = reason.http_status();
    let message = match status {
        503 => Code::OVERLOAD,
        431 => Code::HEADERS_TOO_LARGE,
        _ => Code::BAD_PARAMS,
    };
    Refusal { status, message, text: format!("The server refuses this request: {reason}.").into() }
}

/// The answer to those who go on asking where many have been refused already: it costs no thread.
pub(super) fn overload_page() -> &'static [u8] {
    static PAGE: OnceLock<Vec<u8>> = OnceLock::new();
    let text = "The server refuses this request: too many requests on one connection.";
    PAGE.get_or_init(|| page::error_page(503, "", text, Some(Code::OVERLOAD)))
}

fn too_large() -> Refusal {
    let text = "The request body is larger than this server accepts.".into();
    Refusal { status: 413, message: Code::BODY_TOO_LARGE, text }
}

/// Whether the application can be started.
fn is_ready(request: &Request, settings: &Settings) -> bool {
    let enough = |body: &Body| match body.announced() {
        ContentLength::Known(length) => body.received() >= length.min(settings.limits.request_buffer as u64),
        _ => false,
    };
    request.role() == Role::AUTHORIZER || request.bodies().all(|body| body.is_ended() || enough(body))
}

fn add(input: &mut Input, key: RequestKey, which: Which, mut data: Bytes, settings: &Settings) {
    let Some(active) =
        input.requests.iter().find(|active| active.request.key() == key && active.stage != Stage::Refused)
    else {
        return;
    };
    let (request, arrives) = (active.request.clone(), active.stage == Stage::Arriving);
    input.note_body(key);
    let Some(body) = which.of(&request) else { return };
    let received = body.received();
    if let ContentLength::Known(length) = body.announced() {
        // What comes beyond the announced length belongs to nobody.
        data.truncate(usize::try_from(length.saturating_sub(received)).unwrap_or(usize::MAX));
    }
    let total = received + data.len() as u64;
    if arrives && settings.limits.max_body.is_some_and(|limit| total > limit) {
        refuse(input, &request, too_large());
    } else if let Err(error) = body.push(data) {
        let message = Code::NO_ROOM;
        tracing::error!(code = %message, %error, "a request body cannot be kept in a temporary file");
        if !input.is_given(key) {
            let text = "The server has no room for the request body.".into();
            refuse(input, &request, Refusal { status: 503, message, text });
        }
    }
}

fn end(input: &mut Input, key: RequestKey, which: Which) {
    let Some(request) = find(input, key) else { return };
    let Some(body) = which.of(&request) else { return };
    body.end();
    // One that runs already finds out when it reads.
    if request.role() == Role::FILTER && body.is_short() && !input.is_given(key) {
        refuse(
            input,
            &request,
            bad_request(Code::BODY_SHORT, "The web server has sent less than it announced."),
        );
    }
}

fn refuse(input: &mut Input, request: &Arc<Request>, refusal: Refusal) {
    for active in input.requests.iter_mut().filter(|active| active.request.key() == request.key()) {
        active.stage = Stage::Refused;
    }
    input.ready.push(Work::Refuse(request.clone(), refusal));
}

/// Answers requests whose bodies have not come in time.
pub(super) fn refuse_stalled(input: &mut Input, now: Instant, limits: &Limits) {
    let stalled: Vec<_> = input.stalled(now, limits).cloned().collect();
    for request in stalled {
        let text = "The request body did not arrive in time.".into();
        refuse(input, &request, Refusal { status: 408, message: Code::BODY_TIMEOUT, text });
    }
}

/// The web server has given a request up. One that nobody works on is answered here, if somebody is there to hear it.
fn abort(input: &mut Input, key: RequestKey) {
    let Some(active) = input.requests.iter_mut().find(|active| active.request.key() == key) else { return };
    active.given_up = true;
    let request = active.request.clone();
    request.abort();
    if input.is_given(key) {
        return;
    }
    if input.is_over() {
        input.requests.retain(|active| active.request.key() != key);
        request.mark_ended();
    } else {
        let text = "The web server has given this request up.";
        refuse(input, &request, bad_request(Code::GIVEN_UP, text));
    }
}

fn find(input: &Input, key: RequestKey) -> Option<Arc<Request>> {
    input.requests.iter().find(|active| active.request.key() == key).map(|active| active.request.clone())
}
