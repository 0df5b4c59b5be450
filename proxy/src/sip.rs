//! Reading from a registry in small sips, unless whoever they are for can take gulps.
//!
//! hyper doubles its buffer whenever a read fills it, and a slow client's download has several of
//! them on the way. A sip never fills the first size, which keeps all of them at that.
//!
//! Here is also counted how many connections may wait for another request: whoever asks for many
//! hosts leaves no more of them behind than that.

use std::future::Future;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use http::Uri;
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::Service;

use crate::connect::BoxFuture;

/// The most bytes of a sip: one less than hyper's first buffer.
const SIP: usize = 8191;

/// How a connection is read: set by the body of the answer that it brings. In sips at first.
#[derive(Clone, Default)]
pub struct Thirst(Arc<AtomicBool>);

impl Thirst {
    /// Whether it shall be read in gulps, of whatever hyper has room for.
    pub fn set(&self, gulps: bool) {
        self.0.store(gulps, Ordering::Relaxed);
    }

    fn is_great(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection that is read in sips.
pub struct Sips<T> {
    inner: T,
    thirst: Thirst,
    /// It may be kept when its answer is over; without, it ends then.
    keeps: Option<OwnedSemaphorePermit>,
}

impl<T: Read + Unpin> Read for Sips<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.thirst.is_great() {
            return Pin::new(&mut self.inner).poll_read(cx, buf);
        }
        let mut space = [MaybeUninit::uninit(); SIP];
        let most = SIP.min(buf.remaining());
        let mut sip = ReadBuf::uninit(&mut space[..most]);
        ready!(Pin::new(&mut self.inner).poll_read(cx, sip.unfilled()))?;
        buf.put_slice(sip.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: Write + Unpin> Write for Sips<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, bufs)
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

impl<T: Connection> Connection for Sips<T> {
    /// The answer carries the thirst, for the body that it is given.
    fn connected(&self) -> Connected {
        let connected = self.inner.connected().extra(self.thirst.clone());
        if self.keeps.is_none() {
            connected.poison();
        }
        connected
    }
}

/// A connector of such connections.
#[derive(Clone)]
pub struct Sipping<C> {
    inner: C,
    kept: Arc<Semaphore>,
}

impl<C> Sipping<C> {
    /// So many of `inner`'s connections may be used again.
    pub fn new(inner: C, kept: usize) -> Self {
        Self {
            inner,
            kept: Arc::new(Semaphore::new(kept)),
        }
    }
}

impl<C> Service<Uri> for Sipping<C>
where
    C: Service<Uri>,
    C::Future: Future + Send + 'static,
{
    type Response = Sips<C::Response>;
    type Error = C::Error;
    type Future = BoxFuture<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.inner.call(uri);
        let kept = self.kept.clone();
        Box::pin(async move {
            Ok(Sips {
                inner: connecting.await?,
                thirst: Thirst::default(),
                keeps: kept.try_acquire_owned().ok(),
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use hyper_util::rt::TokioIo;
    use tokio::io::AsyncWriteExt;

    use super::*;

    #[tokio::test]
    async fn sips_and_gulps() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        far.write_all(&[7; 200_000]).await.unwrap();
        let thirst = Thirst::default();
        let mut sips = Sips {
            inner: TokioIo::new(near),
            thirst: thirst.clone(),
            keeps: None,
        };
        for (great, room, len) in [
            (false, 1 << 16, SIP),
            (true, 1 << 16, 1 << 16),
            (false, 1 << 16, SIP),
            (false, 100, 100),
            (true, 100, 100),
        ] {
            thirst.set(great);
            let mut space = vec![0; room];
            let mut buf = ReadBuf::new(&mut space);
            poll_fn(|cx| Pin::new(&mut sips).poll_read(cx, buf.unfilled()))
                .await
                .unwrap();
            assert_eq!(buf.filled().len(), len);
            assert!(buf.filled().iter().all(|byte| *byte == 7));
        }
    }
}
