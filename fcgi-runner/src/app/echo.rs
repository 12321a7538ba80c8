//! An application without Python: says what it was asked. For tests of the server itself (`app=builtin:echo`).
//!
//! The answer's body has one `NAME=value` line a parameter and a last line `body=LENGTH`. `PATH_INFO=/stream` answers in
//! pieces, `/sleep/MILLISECONDS` waits, `/crash` ends the process, `/panic` panics.

use std::sync::Arc;
use std::time::Duration;

use super::{Answer, Application, Blocker, BodyReader, Host, LoadError, PlainBlocker, Request};
use crate::os::fork::ForkHooks;

/// The echo application.
#[derive(Clone, Copy, Debug, Default)]
pub struct Echo;

impl Application for Echo {
    fn serve(&self, request: &Arc<Request>) {
        let path = request.params().get(b"PATH_INFO").unwrap_or(b"/").to_vec();
        let path = String::from_utf8_lossy(&path).into_owned();
        if let Some(millis) = path.strip_prefix("/sleep/").and_then(|text| text.parse().ok()) {
            std::thread::sleep(Duration::from_millis(millis));
        }
        match path.as_str() {
            "/crash" => std::process::abort(),
            "/panic" => panic!("asked for"),
            _ => {}
        }
        let mut answer = Answer::new(request.clone());
        // A peer that is gone, or a body that breaks off, ends the request; there is nobody to tell.
        let _ = reply(&mut answer, request, &path);
        if !request.is_ended() {
            answer.cut(&PlainBlocker);
        }
    }
}

fn reply(answer: &mut Answer, request: &Arc<Request>, path: &str) -> Result<(), Box<dyn std::error::Error>> {
    let mut reader = BodyReader::new(request.clone());
    let mut length = 0;
    loop {
        let chunks = reader.read(Some(65_536), &PlainBlocker)?;
        if chunks.is_empty() {
            break;
        }
        length += chunks.iter().map(bytes::Bytes::len).sum::<usize>();
    }
    answer.start(b"200 OK", [(&b"Content-Type"[..], &b"text/plain"[..])])?;
    if path == "/stream" {
        for number in 0..8 {
            answer.write(format!("{number}\n").as_bytes(), &PlainBlocker)?;
        }
        return Ok(answer.finish(&[], false, &PlainBlocker)?);
    }
    let mut body = Vec::new();
    for (name, value) in request.params() {
        body.extend_from_slice(name);
        body.push(b'=');
        body.extend_from_slice(value);
        body.push(b'\n');
    }
    body.extend_from_slice(format!("body={length}\npid={}\n", std::process::id()).as_bytes());
    Ok(answer.finish(&[&body], true, &PlainBlocker)?)
}

/// Gives out the echo application.
#[derive(Clone, Copy, Debug, Default)]
pub struct EchoHost;

impl ForkHooks for EchoHost {}

impl Host for EchoHost {
    fn load(&self) -> Result<Arc<dyn Application>, LoadError> {
        Ok(Arc::new(Echo))
    }

    fn run_thread(&self, body: &mut dyn FnMut(&dyn Blocker)) {
        body(&PlainBlocker);
    }
}
