//! The socket side: bounded connections, header and write time limits, graceful shutdown.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::Sleep;
use tower::ServiceExt;

use crate::forwarder::Forwarders;
use crate::limits::{ClientKey, Counts, Limits, MAX_HEADER_BYTES};
use crate::room::Room;

/// Rest after a failed accept (no file handles left): the next would fail as well.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Serves until `stop` is done; then finishes what is under way, for a while.
///
/// A forwarder's connections are those of many clients, and are not counted as one client's.
/// `draining` is set when `stop` is done, so that readiness can say so.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: &Limits,
    forwarders: &Forwarders,
    draining: Arc<AtomicBool>,
    stop: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(limits.connections));
    let clients = Counts::new(limits.client_connections);
    let graceful = GracefulShutdown::new();
    // What balances the load learns from `/readyz` that this one stops, while it is still there.
    let stopped = async {
        stop.await;
        draining.store(true, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_secs(limits.stop_delay_s)).await;
    };
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let accepted = async {
            // The semaphore is never closed; an error would only mean no bound.
            let permit = places.clone().acquire_owned().await.ok();
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            both = accepted => both,
            () = &mut stopped => break,
        };
        let (stream, peer) = match accepted {
            Ok(pair) => pair,
            Err(error) => {
                tracing::warn!(%error, "no connection accepted");
                tokio::time::sleep(ACCEPT_REST).await;
                continue;
            }
        };
        let counted = clients.take(ClientKey::from_address(peer.ip()));
        if counted.is_none() && !forwarders.contains(peer.ip()) {
            tracing::debug!("a client has as many connections as it may");
            continue;
        }
        stream.set_nodelay(true).ok();
        let room = Room::default();
        let io = TokioIo::new(Patient::new(stream, limits.idle(), room.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(limits.head_s))
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(io, service_fn(answer_with(router.clone(), peer, room)));
        let watched = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = watched.await {
                tracing::debug!(%error, "connection ended");
            }
            drop((permit, counted));
        });
    }
    drop(listener);
    tracing::info!("stopping");
    if tokio::time::timeout(Duration::from_secs(limits.drain_s), graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some downloads were still running");
    }
}

type Answering = Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>>;

fn answer_with(
    router: Router,
    peer: SocketAddr,
    room: Room,
) -> impl Fn(Request<Incoming>) -> Answering {
    move |request| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(room.clone());
        Box::pin(router.clone().oneshot(request))
    }
}

/// A stream that gives up on a peer which takes nothing for too long: while it does not read, no
/// body is polled, so that only the socket can notice.
struct Patient {
    inner: TcpStream,
    limit: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
    room: Room,
}

impl Patient {
    fn new(inner: TcpStream, limit: Duration, room: Room) -> Self {
        Self {
            inner,
            limit,
            stuck: None,
            room,
        }
    }

    fn watch<T>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        self.room.set_full(result.is_pending());
        if result.is_ready() {
            self.stuck = None;
            return result;
        }
        let limit = self.limit;
        let stuck = self
            .stuck
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes no bytes",
        )))
    }
}

impl AsyncRead for Patient {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for Patient {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
