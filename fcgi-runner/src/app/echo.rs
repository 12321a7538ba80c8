//! An application without Python: says what it was asked. For tests of the server itself (`app=builtin:echo`).
//!
//! The answer's body has one `NAME=value` line a parameter, and then `role=NAME`, `body=LENGTH`, `data=LENGTH` and `pid=NUMBER`.
//! `PATH_INFO=/stream` answers in pieces, `/sleep/MILLISECONDS` waits, `/crash` ends the process, `/panic` panics. It plays every
//! role that it is named for; as an authorizer it allows everything, with `Variable-ROLE`.

use std::sync::Arc;
use std::time::Duration;

use fcgi_proto::Role;

use super::{
    Answer, AnswerHead, Application, Blocker, BodyReader, Host, LoadError, PlainBlocker, Request, role_name,
};
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
    let length = drain(BodyReader::new(request.clone()))?;
    let data = drain(BodyReader::of_data(request.clone()))?;
    let role = role_name(request.role());
    let variable = (request.role() == Role::AUTHORIZER).then_some((&b"Variable-ROLE"[..], role.as_bytes()));
    let mut head = AnswerHead::new(request, b"200 OK", Vec::new())?;
    head.add(b"Content-Type", b"text/plain")?;
    variable.map_or(Ok(()), |(name, value)| head.add(name, value))?;
    answer.start(head);
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
    let pid = std::process::id();
    body.extend_from_slice(format!("role={role}\nbody={length}\ndata={data}\npid={pid}\n").as_bytes());
    Ok(answer.finish(&[&body], true, &PlainBlocker)?)
}

/// Reads to the end; gives the length.
fn drain(mut reader: BodyReader) -> std::io::Result<usize> {
    let mut length = 0;
    loop {
        let chunks = reader.read(Some(65_536), &PlainBlocker)?;
        if chunks.is_empty() {
            return Ok(length);
        }
        length += chunks.iter().map(bytes::Bytes::len).sum::<usize>();
    }
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
