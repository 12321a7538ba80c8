//! One request: its parameters, its body, and the connection that its answer goes to.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::BufMut;
use fcgi_proto::{Params, RequestKey, Role};

use super::{Blocker, Body, FilePart, Link, LinkGone, Run};
use crate::cgi::environ::ContentLength;
use crate::os::thread;

/// What a request is made of.
pub struct RequestParts {
    pub key: RequestKey,
    pub role: Role,
    pub params: Params,
    /// Weak, because an application may keep a request (its `wsgi.input`) for as long as it likes, and the connection has to
    /// be closed all the same.
    pub link: Weak<dyn Link>,
}

/// What is called when a request is given up.
pub type AbortHook = Box<dyn FnOnce() + Send>;

/// A request whose parameters are whole.
pub struct Request {
    key: RequestKey,
    role: Role,
    params: Params,
    link: Weak<dyn Link>,
    body: Body,
    /// The file that a filter works on; other roles have none.
    data: Option<Box<Body>>,
    is_head: bool,
    method: Span,
    /// `REQUEST_URI`, or else `PATH_INFO`.
    target: Span,
    arrived: Instant,
    aborted: AtomicBool,
    on_abort: Mutex<Option<AbortHook>>,
    /// All that its answer announces is on its way to the web server, or there.
    answered: AtomicBool,
    ended: AtomicBool,
    /// Its end was not left to the application.
    taken_over: AtomicBool,
    run: Run,
    /// The thread that serves it, as the system names it; 0 before there is one, [`WITHDRAWN`] once it was taken from all.
    server: AtomicU64,
    status: AtomicU16,
    sent: AtomicU64,
    /// Microseconds that its thread has waited for a body.
    starved: AtomicU64,
}

/// What is known of a request when it is over; for the access log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Finished {
    /// Status that was sent; 0 when none was.
    pub status: u16,
    /// Bytes of the answer's body.
    pub body_bytes: u64,
    /// Time since the parameters were whole.
    pub duration: Duration,
}

impl Request {
    /// Puts a request together.
    pub fn new(parts: RequestParts) -> Self {
        let RequestParts { key, role, params, link } = parts;
        let (mut body_length, mut data_length) = (ContentLength::Unknown, ContentLength::Unknown);
        let (mut method, mut uri, mut path) = (Span::default(), None, None);
        for (name, value) in &params {
            match name {
                b"CONTENT_LENGTH" => body_length = body_length.and(ContentLength::parse(value)),
                DATA_LENGTH => data_length = data_length.and(ContentLength::parse(value)),
                b"REQUEST_METHOD" => method = Span::of(value, &params),
                b"REQUEST_URI" => uri = Some(Span::of(value, &params)),
                b"PATH_INFO" => path = Some(Span::of(value, &params)),
                _ => {}
            }
        }
        if role == Role::AUTHORIZER {
            // It has no body, although some web servers send the length of the visitor's.
            body_length = ContentLength::Unknown;
        }
        let data = (role == Role::FILTER).then(|| match data_length {
            ContentLength::Invalid => Box::default(),
            length => Box::new(Body::new(length)),
        });
        let is_head = method.in_params(&params) == b"HEAD";
        Self {
            key,
            role,
            params,
            link,
            body: Body::new(body_length),
            data,
            is_head,
            method,
            target: uri.or(path).unwrap_or_default(),
            arrived: Instant::now(),
            aborted: AtomicBool::new(false),
            on_abort: Mutex::new(None),
            answered: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            taken_over: AtomicBool::new(false),
            run: Run::default(),
            server: AtomicU64::new(0),
            status: AtomicU16::new(0),
            sent: AtomicU64::new(0),
            starved: AtomicU64::new(0),
        }
    }

    /// Marks the request as given up by the web server, and tells those who want to know.
    pub fn abort(&self) {
        self.break_off();
        if !self.aborted.swap(true, Ordering::AcqRel) {
            let told = self.on_abort.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(tell) = told {
                tell();
            }
        }
    }

    /// Has `tell` called once when the request is given up, at once if it has been; by any thread, which must not be kept
    /// waiting. Nothing is called after the same was asked for with `None`.
    pub fn on_abort(&self, tell: Option<AbortHook>) {
        let mut hook = self.on_abort.lock().unwrap_or_else(PoisonError::into_inner);
        *hook = tell;
        if self.is_aborted()
            && let Some(tell) = hook.take()
        {
            tell();
        }
    }

    /// Says that what has not arrived of the body never will.
    pub(crate) fn break_off(&self) {
        self.bodies().for_each(Body::break_off);
    }

    /// Whether more should not be read from the socket before some of what came is taken. A filter that waits for one of its
    /// bodies is given it, although it leaves the other alone.
    pub(crate) fn is_full(&self) -> bool {
        self.bodies().any(Body::is_full) && !self.bodies().any(Body::is_awaited)
    }

    /// Marks the request as ended; `true` for the first who does. What has not arrived of its body never will.
    pub fn mark_ended(&self) -> bool {
        let first = !self.ended.swap(true, Ordering::AcqRel);
        self.break_off();
        first
    }

    /// Told by the thread that serves it, before it begins; `false`: it was withdrawn, and is none of this thread's business.
    pub(crate) fn begin_service(&self) -> bool {
        let own = thread::ident();
        self.claim(own) == own
    }

    /// Takes it away from the threads that would serve it, unless one has begun with it: whoever gets `true` has to end it.
    pub(crate) fn withdraw(&self) -> bool {
        self.claim(WITHDRAWN) == WITHDRAWN
    }

    /// Makes somebody the one who serves it, if there is none; gives the one there is.
    fn claim(&self, server: u64) -> u64 {
        let claimed = self.server.compare_exchange(0, server, Ordering::AcqRel, Ordering::Acquire);
        claimed.map_or_else(|other| other, |_| server)
    }

    /// Whether this thread serves it: it does not end as long as this thread waits.
    pub(crate) fn is_served_here(&self) -> bool {
        self.server.load(Ordering::Acquire) == thread::ident()
    }

    /// Says that what is being sent is the end of what the answer announces, although the request goes on.
    pub(super) fn note_answered(&self) {
        self.answered.store(true, Ordering::Release);
    }

    /// Whether the web server may take the answer for whole, by its length, before it hears the end.
    pub fn is_answered(&self) -> bool {
        self.answered.load(Ordering::Acquire)
    }

    pub(crate) fn note_status(&self, status: u16) {
        self.status.store(status, Ordering::Relaxed);
    }

    pub(crate) fn note_sent(&self, bytes: u64) {
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Notes that its thread has waited for a body.
    pub(crate) fn note_starved(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.starved.fetch_add(micros, Ordering::Relaxed);
    }

    /// How long its thread has waited for its bodies, reading by itself.
    pub(crate) fn starved(&self) -> Duration {
        Duration::from_micros(self.starved.load(Ordering::Relaxed))
    }

    /// The name of the request on its connection.
    pub fn key(&self) -> RequestKey {
        self.key
    }

    /// What the web server wants: an answer, a verdict, or a filter.
    pub fn role(&self) -> Role {
        self.role
    }

    /// The parameters as sent.
    pub fn params(&self) -> &Params {
        &self.params
    }

    /// `REQUEST_METHOD`; empty when there is none.
    pub fn method(&self) -> &[u8] {
        self.method.in_params(&self.params)
    }

    /// `REQUEST_URI`, or else `PATH_INFO`; empty when there is neither.
    pub fn target(&self) -> &[u8] {
        self.target.in_params(&self.params)
    }

    /// When its parameters were whole.
    pub fn arrived(&self) -> Instant {
        self.arrived
    }

    /// The body.
    pub fn body(&self) -> &Body {
        &self.body
    }

    /// The file that a filter works on.
    pub fn data(&self) -> Option<&Body> {
        self.data.as_deref()
    }

    /// All that it carries.
    pub fn bodies(&self) -> impl Iterator<Item = &Body> {
        std::iter::once(&self.body).chain(self.data())
    }

    /// Sends STDOUT content, as [`Link::stdout`] does.
    ///
    /// # Errors
    /// When the connection is closed.
    pub fn stdout(&self, parts: &[&[u8]], last: bool, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.link()?.stdout(self.key, parts, last, blocker)
    }

    /// Sends STDOUT content that lies in a file, as [`Link::stdout_file`] does.
    ///
    /// # Errors
    /// When the connection is closed, or the file is shorter than said.
    pub fn stdout_file(&self, part: FilePart, blocker: &dyn Blocker) -> Result<(), LinkGone> {
        self.link()?.stdout_file(self.key, part, blocker)
    }

    /// Sends text on STDERR, if there is still somebody to read it.
    pub fn stderr(&self, text: &[u8], blocker: &dyn Blocker) {
        if let Ok(link) = self.link() {
            link.stderr(self.key, text, blocker);
        }
    }

    /// Ends the request so that the web server notices that the answer is not whole.
    pub fn cut(&self, blocker: &dyn Blocker) {
        match self.link() {
            Ok(link) => link.cut(self.key, blocker),
            Err(LinkGone) => {
                self.mark_ended();
            }
        }
    }

    /// Waits until more of one of its bodies has arrived, there or in `room`, or it is certain that nothing will.
    pub fn wait_for_input(&self, body: &Body, room: &mut dyn BufMut, blocker: &dyn Blocker) {
        match self.link() {
            Ok(link) => link.wait_for_input(self, body, room, blocker),
            Err(LinkGone) => self.abort(),
        }
    }

    /// Who asks, for the log.
    pub fn peer(&self) -> String {
        self.link().map_or_else(|LinkGone| "a closed connection".to_owned(), |link| link.peer())
    }

    /// Whether the application runs for it.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Ends it, although the application goes on: with a page, or where a part of an answer has left, so that the web server
    /// notices that it is not whole. Called by threads that are not attached to the interpreter.
    pub fn take_over(&self, code: u16, page: &[u8]) {
        self.taken_over.store(true, Ordering::Release);
        match self.link() {
            Ok(link) => link.end_with(self, code, page),
            Err(LinkGone) => {
                self.mark_ended();
            }
        }
    }

    /// Whether [`Request::take_over`] was called.
    pub fn is_taken_over(&self) -> bool {
        self.taken_over.load(Ordering::Acquire)
    }

    fn link(&self) -> Result<Arc<dyn Link>, LinkGone> {
        self.link.upgrade().ok_or(LinkGone)
    }

    /// Whether the web server has given the request up.
    pub fn is_aborted(&self) -> bool {
        self.aborted.load(Ordering::Acquire)
    }

    /// Whether the request has been ended.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The body's length: as announced, or as counted where a body has come as a whole without announcement.
    pub fn content_length(&self) -> Option<u64> {
        let is_announced = self.body.announced() != ContentLength::Unknown;
        self.body.length().filter(|length| is_announced || *length > 0)
    }

    /// Whether the answer must have no body.
    pub fn is_head(&self) -> bool {
        self.is_head
    }

    /// What became of it.
    pub fn finished(&self) -> Finished {
        Finished {
            status: self.status.load(Ordering::Relaxed),
            body_bytes: self.sent.load(Ordering::Relaxed),
            duration: self.arrived.elapsed(),
        }
    }
}

/// In place of a thread: no system names one so.
const WITHDRAWN: u64 = u64::MAX;

/// Where a value stands among the parameters' bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Span {
    start: usize,
    length: usize,
}

impl Span {
    fn of(value: &[u8], params: &Params) -> Self {
        // An empty value may stand anywhere.
        let start = (value.as_ptr() as usize).wrapping_sub(params.as_bytes().as_ptr() as usize);
        Self { start, length: value.len() }
    }

    fn in_params(self, params: &Params) -> &[u8] {
        let end = self.start.wrapping_add(self.length);
        params.as_bytes().get(self.start..end).unwrap_or_default()
    }
}

/// The parameter that announces the length of DATA. Source: FastCGI 1.0 section 6.4.
pub const DATA_LENGTH: &[u8] = b"FCGI_DATA_LENGTH";

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Request")
            .field("key", &self.key)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}
