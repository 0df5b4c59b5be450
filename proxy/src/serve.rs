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
use http_body::Body as _;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep};
use tower::ServiceExt;

use crate::forwarder::Forwarders;
use crate::limits::{ClientKey, Counts, Limits, MAX_HEADER_BYTES};
use crate::room::Room;

/// Rest after a failed accept (no file handles left): the next would fail as well.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// Bytes for a client that wait in the kernel, beside those on their way. The kernel says that there is
/// room again when half of them are gone, or of its own limit (megabytes) a third, for which a slow
/// client takes minutes: it would count as one that takes nothing.
#[cfg(target_os = "linux")]
const UNSENT_BYTES: u32 = 256 << 10;

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
        #[cfg(target_os = "linux")]
        limit_unsent(&stream);
        let room = Room::default();
        let io = TokioIo::new(Patient::new(stream, limits.idle(), room.clone()));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head())
            .max_buf_size(MAX_HEADER_BYTES)
            .serve_connection(
                io,
                service_fn(answer_with(router.clone(), peer, room, limits.total())),
            );
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

#[cfg(target_os = "linux")]
fn limit_unsent(stream: &TcpStream) {
    let socket = socket2::SockRef::from(stream);
    // Without it a slow client is given up too early; all else works.
    if let Err(error) = socket.set_tcp_notsent_lowat(UNSENT_BYTES) {
        tracing::debug!(%error, "what waits for a client is not limited");
    }
}

/// An answer with this may take the client as long as it likes, as long as it takes anything: a
/// stream, which is not in memory.
#[derive(Clone, Copy)]
pub struct Streamed;

/// Bytes a second at the least, on average, that a client takes of an answer that is in memory; it
/// has `total-s` beside that. Slower than any network that a page can be loaded by.
const MIN_TAKEN: u64 = 8 << 10;

type Answering = Pin<Box<dyn Future<Output = Result<axum::response::Response, Infallible>> + Send>>;

fn answer_with(
    router: Router,
    peer: SocketAddr,
    room: Room,
    limit: Duration,
) -> impl Fn(Request<Incoming>) -> Answering {
    move |request| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(ConnectInfo(peer));
        request.extensions_mut().insert(room.clone());
        let (answering, room) = (router.clone().oneshot(request), room.clone());
        Box::pin(async move {
            let response = answering.await?;
            if response.extensions().get::<Streamed>().is_none() {
                let len = response.body().size_hint().upper().unwrap_or_default();
                room.set_due(Instant::now() + limit + Duration::from_secs(len / MIN_TAKEN));
            }
            Ok(response)
        })
    }
}

/// A stream that gives up on a peer which takes nothing for too long, or too little of what is in
/// memory: while it does not read, no body is polled, so that only the socket can notice.
struct Patient<T = TcpStream> {
    inner: T,
    limit: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
    room: Room,
}

impl<T> Patient<T> {
    fn new(inner: T, limit: Duration, room: Room) -> Self {
        Self {
            inner,
            limit,
            stuck: None,
            room,
        }
    }

    fn watch<R>(
        &mut self,
        cx: &mut Context<'_>,
        result: Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        self.room.set_full(result.is_pending());
        if result.is_ready() {
            self.stuck = None;
            return result;
        }
        let (limit, room) = (self.limit, &self.room);
        let stuck = self.stuck.get_or_insert_with(|| {
            let patient = Instant::now() + limit;
            let until = room.due().map_or(patient, |due| due.min(patient));
            Box::pin(tokio::time::sleep_until(until))
        });
        ready!(stuck.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the client takes no bytes, or too few",
        )))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Patient<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Patient<T> {
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

    /// hyper flushes when all that it had was written.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.room.is_taken();
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// How much a client gets that takes a hundred bytes every ten seconds, of 10,000.
    async fn taken(due: Option<u64>, pause: u64) -> usize {
        let (near, mut far) = tokio::io::duplex(100);
        let room = Room::default();
        if let Some(seconds) = due {
            room.set_due(Instant::now() + Duration::from_secs(seconds));
        }
        let mut patient = Patient::new(near, Duration::from_secs(60), room);
        let writer = tokio::spawn(async move { patient.write_all(&[7; 10_000]).await });
        let mut all = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(pause)).await;
            match far.read(&mut [0; 100]).await.unwrap() {
                0 => break,
                some => all += some,
            }
        }
        assert_eq!(writer.await.unwrap().is_ok(), all == 10_000);
        all
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_drop_by_drop_is_given_up() {
        assert_eq!(taken(None, 10).await, 10_000);
        assert_eq!(taken(Some(2000), 10).await, 10_000);
        assert_eq!(taken(Some(500), 10).await / 1000, 5);
        assert_eq!(taken(None, 61).await, 100);
    }

    /// However large the kernel's buffers are, what waits there is soon taken by a slow client: of a
    /// client that takes 8 KiB a second half of it within the time for which it may take nothing.
    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn little_waits_in_the_kernel_for_a_client() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let far = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (near, _) = listener.accept().await.unwrap();
        let received = socket2::SockRef::from(&far).recv_buffer_size().unwrap();
        let unlimited = fill(&near);
        limit_unsent(&near);
        assert_eq!(fill(&near), 0, "it has more than enough");
        let far = TcpStream::connect(listener.local_addr().unwrap())
            .await
            .unwrap();
        let (near, _) = listener.accept().await.unwrap();
        limit_unsent(&near);
        let limited = fill(&near);
        assert!(limited < unlimited, "{limited} of {unlimited}");
        assert!(limited <= received + 2 * UNSENT_BYTES as usize, "{limited}");
        drop(far);
    }

    /// Writes until the socket is full.
    #[cfg(target_os = "linux")]
    fn fill(stream: &TcpStream) -> usize {
        let mut all = 0;
        while let Ok(n) = stream.try_write(&[7; 4096]) {
            all += n;
        }
        all
    }
}
