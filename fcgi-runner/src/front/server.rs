//! Accepting connections, and stopping gracefully.
//!
//! In come listeners and the stop descriptor; each connection gets a task that speaks HTTP/1.1. At a stop nothing more
//! is accepted, idle connections are closed at once, and running requests get their time. Nothing is parsed here.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::FrontOptions;
use super::service::{Ends, Front};
use crate::messages::Code;

/// Serves until `stop` says so, and then until everything running has ended or its time is over.
///
/// # Errors
///
/// The system refuses a listener or `stop`.
pub(super) async fn serve(options: FrontOptions, stop: OwnedFd) -> io::Result<()> {
    let stop = std::os::unix::net::UnixStream::from(stop);
    stop.set_nonblocking(true)?;
    let stop = UnixStream::from_std(stop)?;
    let listeners = options.listeners.into_iter().map(listen).collect::<io::Result<Vec<_>>>()?;
    let front = Arc::new(Front::new(options.backend, options.statics, options.script_name));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = stop.readable() => break,
            accepted = accept(&listeners) => match accepted {
                Ok((stream, peer)) => {
                    connections.spawn(speak_http(front.clone(), stream, peer, stopped.clone()));
                }
                Err(error) => survive(&error).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
    drop(listeners);
    drop(stopping);
    let rest = async { while connections.join_next().await.is_some() {} };
    if timeout(options.stop_timeout, rest).await.is_err() {
        tracing::warn!(
            code = %Code::PREVIEW_CUT,
            "preview requests were still running after the stop timeout and are cut off"
        );
    }
    Ok(())
}

fn listen(listener: std::net::TcpListener) -> io::Result<TcpListener> {
    listener.set_nonblocking(true)?;
    TcpListener::from_std(listener)
}

/// Waits for the next connection of any listener.
async fn accept(listeners: &[TcpListener]) -> io::Result<(TcpStream, SocketAddr)> {
    poll_fn(|context| {
        let mut polls = listeners.iter().map(|listener| listener.poll_accept(context));
        polls.find(Poll::is_ready).unwrap_or(Poll::Pending)
    })
    .await
}

/// Goes on after a failed `accept`: most failures are those of one client, the others pass only with time.
async fn survive(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    if matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted) {
        return;
    }
    tracing::warn!(code = %Code::ACCEPT_FAILED, %error, "the preview cannot accept a connection");
    sleep(ACCEPT_PAUSE).await;
}

/// Serves one connection until either side closes it.
async fn speak_http(
    front: Arc<Front>,
    stream: TcpStream,
    peer: SocketAddr,
    mut stopped: watch::Receiver<()>,
) {
    let Ok(local) = stream.local_addr() else { return };
    // Without it, streamed pieces would wait for each other; where it fails, they wait.
    let _ = stream.set_nodelay(true);
    let ends = Ends { local, peer };
    let service = service_fn(move |request| front.clone().answer(ends, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%peer, %error, "a preview connection has ended early");
    }
}

/// How long a connection may stay without a whole request head.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

const ACCEPT_PAUSE: Duration = Duration::from_millis(500);
