//! How is one connection served, from its first byte to its last?

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tower::ServiceExt;

use super::app::{App, count, lock};
use super::door::Ends;
use super::patience::Patient;

/// Serves it if there is room for one more.
pub(super) async fn serve(
    app: Arc<App>,
    routes: Router,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) {
    let room = Arc::clone(&app.connections).try_acquire_owned();
    let is_welcome = lock(&app.limits).connected(peer.ip(), Instant::now());
    if let (Ok(_room), true) = (room, is_welcome) {
        talk(&app, routes, stream, peer, tls).await;
    } else {
        count(&app.counts.too_many);
    }
    if is_welcome {
        lock(&app.limits).closed(peer.ip());
    }
}

async fn talk(
    app: &App,
    routes: Router,
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
) {
    let Ok(here) = stream.local_addr() else {
        return;
    };
    // Events are small and shall not wait for each other.
    stream.set_nodelay(true).ok();
    // Over a socket for both families, an IPv4 peer looks like an IPv6 one.
    let canonical = |at: SocketAddr| SocketAddr::new(at.ip().to_canonical(), at.port());
    let ends = Ends {
        peer: canonical(peer),
        here: canonical(here),
    };
    let Some(tls) = tls else {
        return answer(app, routes, Patient::new(stream), ends).await;
    };
    match timeout(HANDSHAKE, tls.accept(stream)).await {
        Ok(Ok(stream)) => answer(app, routes, Patient::new(stream), ends).await,
        Ok(Err(why)) => tracing::debug!("http: no TLS with {peer}: {why}"),
        Err(_) => tracing::debug!("http: no TLS with {peer} in time"),
    }
}

pub(super) async fn answer<S>(app: &App, routes: Router, stream: S, ends: Ends)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ends);
        routes.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEADER)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = app.ended() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    match ended {
        Err(why) if took_nothing(&why) => {
            count(&app.counts.stalled);
            tracing::warn!(
                "http: {} read nothing of what it asked for, and is cut off",
                ends.peer
            );
        }
        Err(why) => tracing::debug!("http: the connection of {} ended: {why}", ends.peer),
        Ok(()) => {}
    }
}

/// Whether our patience is what ended it.
fn took_nothing(why: &hyper::Error) -> bool {
    let inner = why.source().and_then(|it| it.downcast_ref::<io::Error>());
    inner.is_some_and(|it| it.kind() == io::ErrorKind::TimedOut)
}

const HANDSHAKE: Duration = Duration::from_secs(10);

/// For the header of a request, and for the next request on the same connection.
const HEADER: Duration = Duration::from_secs(15);

const MOST_HEADERS: usize = 64;
const LONGEST_HEADER: usize = 32_768;
