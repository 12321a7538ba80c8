//! From one HTTP request to its response: refused, answered from disk, or passed to the application.
//!
//! In comes a request whose head is whole; out goes a response whose body may still be on its way. What cannot be
//! served gets a page that says why. Never waits for a body.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;

use hyper::body::{Body, Incoming};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response};

use super::Backend;
use super::backend::Pool;
use super::exchange::{self, Forwarded};
use super::failure::Failure;
use super::files;
use super::lookup::Mounts;
use super::outlet;
use super::params::params;
use super::response::{AnswerBody, error_response, response};
use super::target::Target;
use crate::cgi::path::strip_mount;
use crate::config::StaticMount;

/// The two addresses of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    /// Ours.
    pub local: SocketAddr,
    /// The browser's.
    pub peer: SocketAddr,
}

/// What all connections share.
pub(super) struct Front {
    pool: Arc<Pool>,
    mounts: Mounts,
    script_name: String,
}

impl Front {
    /// Opens nothing yet.
    pub(super) fn new(backend: Backend, statics: Vec<StaticMount>, script_name: Option<String>) -> Self {
        Self {
            pool: Arc::new(Pool::new(backend)),
            mounts: Mounts::new(statics),
            script_name: script_name.unwrap_or_default(),
        }
    }

    /// Answers one request; failures are answers too.
    pub(super) async fn answer(
        self: Arc<Self>,
        ends: Ends,
        request: Request<Incoming>,
    ) -> Result<Response<AnswerBody>, Infallible> {
        let (parts, body) = request.into_parts();
        let target = match Target::read(&parts) {
            Ok(target) => target,
            Err(fault) => return Ok(refuse(400, &fault.to_string(), body)),
        };
        if let Some((mount, rest)) = self.mounts.find(&target.path) {
            exchange::discard(body);
            return Ok(files::answer(&mount.dir, rest, &parts).await);
        }
        if strip_mount(&target.path, self.script_name.as_bytes()).is_none() {
            let text = format!("The application is mounted at {}/.", self.script_name);
            return Ok(refuse(404, &text, body));
        }
        Ok(self.forward(ends, &parts, &target, body).await)
    }

    /// Lets the application answer, and waits for the head of what it says.
    async fn forward(
        &self,
        ends: Ends,
        parts: &Parts,
        target: &Target,
        body: Incoming,
    ) -> Response<AnswerBody> {
        let (outlet, head, pieces) = outlet::channel(parts.method == Method::HEAD);
        let repeatable = parts.method.is_safe() && body.is_end_stream();
        let request = Forwarded { params: params(parts, target, ends), body, repeatable };
        tokio::spawn(exchange::run(self.pool.clone(), request, outlet));
        match head.await {
            Ok(Ok(head)) => response(&head, AnswerBody::Pieces(pieces)),
            Ok(Err(failure)) => explained(&failure),
            // The task has ended without a word, which only a fault in it can cause.
            Err(_) => explained(&Failure::Lost { answered: false }),
        }
    }
}

/// Answers with a page, whatever the request says in its body.
fn refuse(code: u16, text: &str, body: Incoming) -> Response<AnswerBody> {
    exchange::discard(body);
    error_response(code, text, None)
}

/// Says why there is no answer.
fn explained(failure: &Failure) -> Response<AnswerBody> {
    error_response(502, failure.explanation(), Some(failure.code()))
}
