//! Files from disk: GET and HEAD, with dates and single ranges.
//!
//! In comes a request for a path below a mount; out goes a response whose body is read piece by piece, so that the
//! size of a file costs no memory. The browser is told to ask again each time (`no-cache`): what is edited is seen at
//! once, and what is not costs a 304.
//!
//! Source: RFC 9110 sections 8.8, 13 and 14.

use std::ffi::OsStr;
use std::io::{self, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::BytesMut;
use hyper::header::{
    ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderName,
    HeaderValue, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::sync::mpsc;

use super::lookup::{self, Found};
use super::media::content_type;
use super::outlet::Piece;
use super::range::{Part, part};
use super::response::{AnswerBody, error_response};
use crate::messages::Code;

/// Answers a request for the file at `rest` below `dir`.
pub(super) async fn answer(dir: &Path, rest: &[u8], parts: &Parts) -> Response<AnswerBody> {
    if parts.method != Method::GET && parts.method != Method::HEAD {
        let mut refusal = error_response(405, "Files can only be read.", None);
        refusal.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refusal;
    }
    match open(dir.to_owned(), rest.to_owned()).await {
        Ok(Some(found)) => send(found, Path::new(OsStr::from_bytes(rest)), parts),
        Ok(None) => error_response(404, "There is no such file.", None),
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            error_response(403, "This file may not be read.", None)
        }
        Err(error) => {
            let code = Code::STATIC_UNREADABLE;
            tracing::warn!(%code, %error, "a file below `{}` cannot be read", dir.display());
            error_response(500, "This file cannot be read.", Some(code))
        }
    }
}

async fn open(dir: PathBuf, rest: Vec<u8>) -> io::Result<Option<Found>> {
    tokio::task::spawn_blocking(move || lookup::open(&dir, &rest)).await.map_err(io::Error::other)?
}

/// Makes the response for a file that is there.
fn send(found: Found, name: &Path, parts: &Parts) -> Response<AnswerBody> {
    let Found { file, length, modified } = found;
    let mut response = Response::new(AnswerBody::Whole(None));
    let headers = response.headers_mut();
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Some(modified) = modified {
        set(headers, LAST_MODIFIED, &httpdate::fmt_http_date(modified));
    }
    if is_unchanged(&parts.headers, modified) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let (status, first, count) = match wanted(parts, length, modified) {
        Part::Whole => (StatusCode::OK, 0, length),
        Part::Bytes { first, last } => {
            set(headers, CONTENT_RANGE, &format!("bytes {first}-{last}/{length}"));
            (StatusCode::PARTIAL_CONTENT, first, last - first + 1)
        }
        Part::Unsatisfiable => {
            let mut refusal = error_response(416, "The file has no such part.", None);
            set(refusal.headers_mut(), CONTENT_RANGE, &format!("bytes */{length}"));
            return refusal;
        }
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
    set(headers, CONTENT_LENGTH, &count.to_string());
    *response.status_mut() = status;
    if parts.method == Method::GET && count > 0 {
        let (sender, receiver) = mpsc::channel(PIECES);
        tokio::spawn(read(file.into(), first, count, sender));
        *response.body_mut() = AnswerBody::Pieces(receiver);
    }
    response
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    // Dates and numbers are always header values.
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

/// Whether the browser has this version of the file. Entity tags are never given, so none can fit.
fn is_unchanged(headers: &HeaderMap, modified: Option<SystemTime>) -> bool {
    let known = date(headers, &IF_MODIFIED_SINCE).filter(|_| !headers.contains_key(IF_NONE_MATCH));
    matches!((known, modified), (Some(known), Some(modified)) if modified <= known)
}

/// Which part of the file is asked for. `If-Range` wants all of it if it is another version.
fn wanted(parts: &Parts, length: u64, modified: Option<SystemTime>) -> Part {
    let headers = &parts.headers;
    let same =
        !headers.contains_key(IF_RANGE) || (modified.is_some() && date(headers, &IF_RANGE) == modified);
    match headers.get(RANGE).and_then(|value| value.to_str().ok()) {
        Some(value) if parts.method == Method::GET && same => part(value, length),
        _ => Part::Whole,
    }
}

fn date(headers: &HeaderMap, name: &HeaderName) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(name)?.to_str().ok()?).ok()
}

/// Reads `count` bytes from `first` on. If the file ends before, so does the answer, cut off.
async fn read(file: tokio::fs::File, first: u64, count: u64, pieces: mpsc::Sender<Piece>) {
    if let Err(error) = try_read(file, first, count, &pieces).await {
        tracing::warn!(code = %Code::FILE_CHANGED, %error, "a file was cut off while it was sent");
    }
}

async fn try_read(
    mut file: tokio::fs::File,
    first: u64,
    count: u64,
    pieces: &mpsc::Sender<Piece>,
) -> io::Result<()> {
    file.seek(SeekFrom::Start(first)).await?;
    let mut part = file.take(count);
    let mut buffer = BytesMut::new();
    while part.limit() > 0 {
        buffer.reserve(PIECE_SIZE);
        if part.read_buf(&mut buffer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if pieces.send(Piece::Data(buffer.split().freeze())).await.is_err() {
            return Ok(());
        }
    }
    // A browser that has gone by now has missed nothing.
    let _ = pieces.send(Piece::End).await;
    Ok(())
}

/// How many pieces of a file may wait for the browser.
const PIECES: usize = 2;

const PIECE_SIZE: usize = 64 * 1024;
