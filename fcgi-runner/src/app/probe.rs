//! Asking an application for a page without any web server: whether it works, before it is let near visitors.
//!
//! In goes a page, as in `/health` or `example.org/health`; the application is called as for every request, in the thread that
//! asks. What it answers is thrown away but for its status, and for what it has to say on STDERR if that is no good one.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use bytes::BufMut;
use fcgi_proto::{Params, RequestKey, Role};

use super::{Application, Blocker, Body, FilePart, Link, LinkGone, Request, RequestParts};
use crate::cgi::head::reason_phrase;

/// Asks for the page.
///
/// # Errors
/// Why the application is not to serve: its status, and its traceback if there is one, as text for the operator.
pub fn probe(app: &dyn Application, page: &str) -> Result<(), String> {
    let answer = Arc::new(Collector::default());
    let link: Weak<dyn Link> = Arc::downgrade(&(answer.clone() as Arc<dyn Link>));
    let parts =
        RequestParts { key: RequestKey::OF_NOBODY, role: Role::RESPONDER, params: params(page), link };
    let request = Arc::new(Request::new(parts));
    request.body().end();
    app.serve(&request);
    let status = request.finished().status;
    let Collected { errors, whole } = &*answer.collected();
    let result = match status {
        200..=399 if *whole => return Ok(()),
        0 => "was not answered".to_owned(),
        200..=399 => "was not answered to the end".to_owned(),
        _ => format!("was answered with {status} {}", reason_phrase(status)),
    };
    let errors = String::from_utf8_lossy(errors);
    Err(format!("the probe request `{page}` {result}\n{}", errors.trim_end()).trim_end().to_owned())
}

/// What a web server on this machine would send.
fn params(page: &str) -> Params {
    let at = page.find('/').unwrap_or(page.len());
    let (host, uri) = match page.split_at(at) {
        ("", uri) => ("localhost", uri),
        both => both,
    };
    let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
    // A colon within brackets belongs to the address.
    let (name, port) = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (host, "80"),
    };
    let pairs = [
        ("GATEWAY_INTERFACE", "CGI/1.1"),
        ("SERVER_SOFTWARE", SOFTWARE),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
        ("SERVER_NAME", name),
        ("SERVER_PORT", port),
        ("REQUEST_METHOD", "GET"),
        ("REQUEST_SCHEME", "http"),
        ("REQUEST_URI", uri),
        ("SCRIPT_NAME", ""),
        ("PATH_INFO", path),
        ("QUERY_STRING", query),
        ("REMOTE_ADDR", "127.0.0.1"),
        ("HTTP_HOST", host),
        ("HTTP_USER_AGENT", SOFTWARE),
    ];
    pairs.into_iter().collect()
}

/// Where the answer goes.
#[derive(Default)]
struct Collector(Mutex<Collected>);

#[derive(Default)]
struct Collected {
    /// At most [`MOST_ERRORS`] bytes.
    errors: Vec<u8>,
    /// The answer has come to its end.
    whole: bool,
}

impl Collector {
    fn collected(&self) -> std::sync::MutexGuard<'_, Collected> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Link for Collector {
    fn stdout(
        &self,
        _key: RequestKey,
        _parts: &[&[u8]],
        last: bool,
        _blocker: &dyn Blocker,
    ) -> Result<(), LinkGone> {
        let mut collected = self.collected();
        if collected.whole {
            return Err(LinkGone);
        }
        collected.whole = last;
        Ok(())
    }

    fn stdout_file(&self, key: RequestKey, _part: FilePart, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.stdout(key, &[], false, blocker)
    }

    fn stderr(&self, _key: RequestKey, text: &[u8], _blocker: &dyn Blocker) {
        let errors = &mut self.collected().errors;
        let room = MOST_ERRORS.saturating_sub(errors.len());
        errors.extend_from_slice(&text[..text.len().min(room)]);
    }

    fn cut(&self, _key: RequestKey, _blocker: &dyn Blocker) {}

    fn end_with(&self, request: &Request, code: u16, _page: &[u8]) {
        request.note_status(code);
        request.mark_ended();
    }

    fn wait_for_input(&self, request: &Request, _: &Body, _: &mut dyn BufMut, _: &dyn Blocker) {
        // There is none, and whoever waits for it was told so.
        request.bodies().for_each(Body::break_off);
    }

    fn peer(&self) -> String {
        "the probe of the server".to_owned()
    }
}

const SOFTWARE: &str = concat!("fcgi-run/", env!("CARGO_PKG_VERSION"), " (probe)");

/// As much as a line to the master takes.
const MOST_ERRORS: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::{Answer, AnswerHead, PlainBlocker};

    /// Answers with the status that is the query; `cut` and `silent` break off and say nothing at all.
    struct Asked;

    impl Application for Asked {
        fn serve(&self, request: &Arc<Request>) {
            let query = request.params().get(b"QUERY_STRING").unwrap_or_default();
            let mut answer = Answer::new(request.clone());
            let status = if query == b"cut" { b"200 OK" } else { query };
            if let Ok(head) = AnswerHead::new(request, status, Vec::new()) {
                answer.start(head);
                answer.write(b"body", &PlainBlocker).unwrap();
            }
            request.stderr(b"Traceback\nError: no database\n", &PlainBlocker);
            if query == b"cut" || answer.finish(&[], false, &PlainBlocker).is_err() {
                answer.cut(&PlainBlocker);
            }
        }
    }

    #[test]
    fn good_answers_pass() {
        for page in ["/?200 OK", "/health?204 No Content", "/?302 Found", "example.org/?399 Odd"] {
            assert_eq!(probe(&Asked, page), Ok(()), "{page}");
        }
    }

    #[test]
    fn others_give_the_status_and_what_was_said() {
        let failed = |page: &str| probe(&Asked, page).unwrap_err();
        let said = "\nTraceback\nError: no database";
        let answered = |what: &str| format!("the probe request `{what}{said}");
        assert_eq!(failed("/?404 Away"), answered("/?404 Away` was answered with 404 Not Found"));
        assert_eq!(failed("/?500 Oh"), answered("/?500 Oh` was answered with 500 Internal Server Error"));
        assert_eq!(failed("/?cut"), answered("/?cut` was not answered to the end"));
        assert_eq!(failed("/?silent"), answered("/?silent` was not answered"));
    }

    #[test]
    fn the_request_is_that_of_a_web_server() {
        let value = |page: &str, name: &str| {
            String::from_utf8(params(page).get(name.as_bytes()).unwrap().to_vec()).unwrap()
        };
        assert_eq!(value("/health?deep=1", "PATH_INFO"), "/health");
        assert_eq!(value("/health?deep=1", "QUERY_STRING"), "deep=1");
        assert_eq!(value("/health?deep=1", "REQUEST_URI"), "/health?deep=1");
        assert_eq!(value("/", "HTTP_HOST"), "localhost");
        assert_eq!(value("example.org:8080/x", "HTTP_HOST"), "example.org:8080");
        assert_eq!(value("example.org:8080/x", "SERVER_NAME"), "example.org");
        assert_eq!(value("example.org:8080/x", "SERVER_PORT"), "8080");
        assert_eq!(value("[::1]/x", "SERVER_NAME"), "[::1]");
        assert_eq!(value("[::1]/x", "PATH_INFO"), "/x");
    }
}
