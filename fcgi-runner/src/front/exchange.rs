//! One request over one FastCGI connection: upload and answer at the same time.
//!
//! In come the parameters and the request body as it arrives; the answer goes into the [`Outlet`]. Neither direction
//! waits for the other, so an application may answer before it has read the upload, or without reading it. When the
//! browser goes away, the connection is closed, which is how the application gets to know.
//!
//! Source: FastCGI 1.0 sections 3.5, 5 and 6.2.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use fcgi_proto::client::{self, Event};
use fcgi_proto::{Flags, Params, ProtocolStatus, RecordType, RequestId, Role, encode};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::timeout;

use super::backend::{Connection, Pool, Stream};
use super::failure::Failure;
use super::outlet::Outlet;
use super::stderr::Lines;

/// A request on its way to the application.
#[derive(Debug)]
pub(super) struct Forwarded {
    pub params: Params,
    pub body: Incoming,
    /// Whether it does no harm to send it twice: it changes nothing and has no body.
    pub repeatable: bool,
}

/// Sends a request to the application and its answer to the outlet.
pub(super) async fn run(pool: Arc<Pool>, mut request: Forwarded, mut outlet: Outlet) {
    let mut result = converse(&pool, &mut request, &mut outlet).await;
    if result.is_ok() {
        result = outlet.end().await;
    }
    match result {
        Ok(()) => {}
        Err(Failure::ClientGone) => return Failure::ClientGone.log(),
        Err(failure) => {
            failure.log();
            outlet.fail(failure);
        }
    }
    discard_rest(request.body).await;
}

/// Reads what is left of an upload that nobody wants, in the background.
///
/// A connection that is closed while the browser is still sending would be reset, and the answer lost on its way.
pub(super) fn discard(body: Incoming) {
    if !body.is_end_stream() {
        tokio::spawn(discard_rest(body));
    }
}

async fn discard_rest(mut body: Incoming) {
    let rest = async { while let Ok(Some(Ok(_))) = timeout(DISCARD_PAUSE, body.frame()).await {} };
    // What is not read by then is left to the reset.
    let _ = timeout(DISCARD_TIME, rest).await;
}

/// Finds a connection and uses it. A kept one may have been closed at just this moment: a request that does no harm
/// gets a second chance on a new one, any other request does not run that risk.
async fn converse(pool: &Pool, request: &mut Forwarded, outlet: &mut Outlet) -> Result<(), Failure> {
    let kept = if request.repeatable { pool.take_idle() } else { None };
    if let Some(connection) = kept {
        match use_connection(connection, pool, request, outlet).await {
            Err(Failure::Lost { answered: false }) => {}
            result => return result,
        }
    }
    let connection = pool.connect().await?;
    use_connection(connection, pool, request, outlet).await
}

/// Runs a request on a connection, and keeps the connection if nothing is left on it.
async fn use_connection(
    mut connection: Connection,
    pool: &Pool,
    request: &mut Forwarded,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    if let Uploaded::Complete = talk(&mut connection, request, outlet).await? {
        pool.keep(connection);
    }
    Ok(())
}

/// Runs a request to its end, and tells how far the upload has come by then.
async fn talk(
    connection: &mut Connection,
    request: &mut Forwarded,
    outlet: &mut Outlet,
) -> Result<Uploaded, Failure> {
    let Connection { stream, protocol, input } = connection;
    let lost = |_| Failure::Lost { answered: false };
    let key = protocol.begin(Role::RESPONDER, Flags::KEEP_CONN, &request.params).map_err(lost)?;
    let body = (!request.body.is_end_stream()).then_some(&mut request.body);
    if body.is_none() {
        protocol.end_stdin(key).map_err(lost)?;
    }
    let mut opening = BytesMut::new();
    while let Some(piece) = protocol.poll_transmit() {
        opening.extend_from_slice(&piece);
    }
    let mut upload = pin!(upload(stream, opening, key.id(), body));
    let mut download = pin!(download(stream, protocol, input, outlet));
    let mut uploaded = Uploaded::Partly;
    loop {
        tokio::select! {
            state = &mut upload, if uploaded == Uploaded::Partly => uploaded = state?,
            result = &mut download => return result.map(|()| uploaded),
        }
    }
}

/// How far an upload has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Uploaded {
    /// Some of it may still be with the browser.
    Partly,
    /// The application takes no more. What it says about that is told by the other direction.
    Refused,
    /// The application has, or will have, all of it.
    Complete,
}

/// Sends the opening records and then the body, piece by piece as it arrives.
///
/// # Errors
///
/// [`Failure::ClientGone`] if the browser breaks off.
async fn upload(
    stream: &Stream,
    mut records: BytesMut,
    id: RequestId,
    mut body: Option<&mut Incoming>,
) -> Result<Uploaded, Failure> {
    loop {
        if stream.write_all(&records).await.is_err() {
            return Ok(Uploaded::Refused);
        }
        let Some(rest) = &mut body else { return Ok(Uploaded::Complete) };
        records.clear();
        let ended = match rest.frame().await {
            None => true,
            Some(frame) => {
                // Trailers have no place in CGI.
                let data = frame.map_err(|_| Failure::ClientGone)?.into_data().unwrap_or_default();
                encode::encode_stream(&mut records, RecordType::STDIN, id, &data);
                rest.is_end_stream()
            }
        };
        if ended {
            encode::encode_stream_end(&mut records, RecordType::STDIN, id);
            body = None;
        }
    }
}

/// Receives the answer until the request has ended.
async fn download(
    stream: &Stream,
    protocol: &mut client::Connection,
    input: &mut BytesMut,
    outlet: &mut Outlet,
) -> Result<(), Failure> {
    let mut stderr = Lines::default();
    let mut answered = false;
    loop {
        while let Some(event) = protocol.poll_event() {
            match event {
                Event::Stdout { data, .. } => outlet.stdout(data).await?,
                Event::Stderr { data, .. } => stderr.log(&data),
                Event::End { end, .. } if end.protocol_status == ProtocolStatus::REQUEST_COMPLETE => {
                    return Ok(());
                }
                Event::End { end, .. } => return Err(Failure::Refused(end.protocol_status)),
                Event::Lost { .. } => return Err(Failure::Lost { answered }),
                _ => {}
            }
        }
        let received = tokio::select! {
            () = outlet.client_gone() => return Err(Failure::ClientGone),
            received = stream.read(input) => received,
        };
        match received {
            Ok(1..) => {
                answered = true;
                protocol.handle_input(input)?;
            }
            Ok(0) | Err(_) => protocol.handle_eof(),
        }
    }
}

/// How long the browser may pause in an upload that nobody wants.
const DISCARD_PAUSE: Duration = Duration::from_secs(5);

/// How long such an upload is read at all.
const DISCARD_TIME: Duration = Duration::from_secs(30);
