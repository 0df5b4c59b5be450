//! A blob's body on its way through: back-pressure by polling, bounds on standing still, on
//! dribbling and on size. Dropping it closes the connection to the registry.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, Sleep};

use crate::limits::{Limits, StreamPermit};
use crate::metrics::Metrics;
use crate::room::Room;
use crate::sip::Thirst;

/// The time over which a registry's rate is looked at.
const RATE_WINDOW: Duration = Duration::from_secs(60);

/// Bytes in a row that a client takes without its socket ever being full, until it counts as fast.
/// More than the kernel's buffer for a socket (4 MiB), which fills fast for the slowest client.
const FAST_BYTES: u64 = 4 << 20;

/// Why a stream was cut. The client sees a transfer that ends early.
#[derive(Debug, thiserror::Error)]
pub enum StreamProblem {
    /// Nothing came for too long.
    #[error("no byte came for {0:?}")]
    Idle(Duration),
    /// Too little came while the client waited.
    #[error("fewer than {0} bytes a second came")]
    Slow(u64),
    /// More came than allowed.
    #[error("more than {0} bytes came")]
    TooLarge(u64),
    /// The connection broke.
    #[error("the connection broke: {0}")]
    Broken(#[from] hyper::Error),
}

/// How much came while somebody waited for it. Time in which the client took nothing does not
/// count.
struct Pace {
    min_rate: u64,
    /// Time spent waiting for the registry, and bytes that came, since the window began.
    waited: Duration,
    bytes: u64,
}

impl Pace {
    fn new(min_rate: u64) -> Self {
        Self {
            min_rate,
            waited: Duration::ZERO,
            bytes: 0,
        }
    }

    fn arrived(&mut self, len: u64) -> Result<(), StreamProblem> {
        self.bytes += len;
        if self.waited < RATE_WINDOW {
            return Ok(());
        }
        if self.bytes < self.min_rate.saturating_mul(self.waited.as_secs()) {
            return Err(StreamProblem::Slow(self.min_rate));
        }
        (self.waited, self.bytes) = (Duration::ZERO, 0);
        Ok(())
    }
}

/// A registry's body, watched.
pub struct WatchedBody<B = Incoming> {
    inner: B,
    idle: Duration,
    sleep: Pin<Box<Sleep>>,
    pace: Pace,
    waiting_since: Option<Instant>,
    left: Option<u64>,
    most: u64,
    host: String,
    metrics: Metrics,
    room: Room,
    thirst: Thirst,
    /// Bytes since the client's socket was last full.
    freely: u64,
    ended: bool,
    _permit: StreamPermit,
}

impl<B> WatchedBody<B> {
    /// Watches `inner`; `most` is the operator's bound in bytes, `host` is for the log, `room` is
    /// that of the client's connection, `thirst` that of the registry's.
    pub fn new(
        inner: B,
        limits: &Limits,
        most: Option<u64>,
        host: String,
        metrics: Metrics,
        (room, thirst): (Room, Thirst),
        permit: StreamPermit,
    ) -> Self {
        metrics.stream_started();
        Self {
            inner,
            idle: limits.idle(),
            sleep: Box::pin(tokio::time::sleep(limits.idle())),
            pace: Pace::new(limits.min_rate),
            waiting_since: None,
            left: most,
            most: most.unwrap_or(u64::MAX),
            host,
            metrics,
            room,
            thirst,
            freely: 0,
            ended: false,
            _permit: permit,
        }
    }

    /// Nobody waits any more; how long somebody did counts.
    fn waited_until(&mut self, at: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.pace.waited += at.saturating_duration_since(since);
        }
    }

    fn arrived(&mut self, len: u64) -> Result<(), StreamProblem> {
        let now = Instant::now();
        self.waited_until(now);
        self.sleep.as_mut().reset(now + self.idle);
        self.metrics.streamed(len);
        self.freely += len;
        if self.freely >= FAST_BYTES {
            self.thirst.set(true);
        }
        self.pace.arrived(len)?;
        if let Some(left) = &mut self.left {
            *left = left
                .checked_sub(len)
                .ok_or(StreamProblem::TooLarge(self.most))?;
        }
        Ok(())
    }

    fn cut(&mut self, problem: StreamProblem) -> Poll<Option<Result<Frame<Bytes>, StreamProblem>>> {
        self.ended = true;
        tracing::warn!(host = self.host, %problem, "blob stream cut");
        Poll::Ready(Some(Err(problem)))
    }
}

impl<B> Drop for WatchedBody<B> {
    fn drop(&mut self) {
        // The connection's next answer is somebody else's.
        self.thirst.set(false);
        self.metrics.stream_ended();
    }
}

impl<B: Body<Data = Bytes, Error = hyper::Error> + Unpin> Body for WatchedBody<B> {
    type Data = Bytes;
    type Error = StreamProblem;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, StreamProblem>>> {
        let this = &mut *self;
        if this.ended {
            return Poll::Ready(None);
        }
        if let Err(since) = this.room.ask(cx) {
            this.freely = 0;
            this.thirst.set(false);
            // From then on nobody waited for the registry.
            this.waited_until(since);
            return Poll::Pending;
        }
        loop {
            match Pin::new(&mut this.inner).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers are not part of a blob.
                    let Ok(data) = frame.into_data() else {
                        continue;
                    };
                    if let Err(problem) = this.arrived(data.len() as u64) {
                        return this.cut(problem);
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Poll::Ready(Some(Err(error))) => return this.cut(error.into()),
                Poll::Ready(None) => {
                    this.ended = true;
                    return Poll::Ready(None);
                }
                Poll::Pending => {}
            }
            if this.waiting_since.is_none() {
                // The client asks now: how long it did not is not the registry's fault.
                let now = Instant::now();
                this.waiting_since = Some(now);
                this.sleep.as_mut().reset(now + this.idle);
            }
            return match this.sleep.as_mut().poll(cx) {
                Poll::Ready(()) => this.cut(StreamProblem::Idle(this.idle)),
                Poll::Pending => Poll::Pending,
            };
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};
    use std::task::Waker;

    use super::*;
    use crate::limits::{ClientKey, Gate};

    /// A body that gives what it is given.
    #[derive(Clone, Default)]
    struct Given(Arc<Mutex<Vec<Bytes>>>);

    impl Given {
        fn give(&self, len: usize) {
            self.0.lock().unwrap().push(Bytes::from(vec![7; len]));
        }
    }

    impl Body for Given {
        type Data = Bytes;
        type Error = hyper::Error;

        fn poll_frame(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
            match self.0.lock().unwrap().pop() {
                Some(bytes) => Poll::Ready(Some(Ok(Frame::data(bytes)))),
                None => Poll::Pending,
            }
        }
    }

    /// Pieces of 1,000 bytes, each after the registry took `slow` seconds for it and the client
    /// then took nothing for `pause` seconds; false if the stream was cut.
    async fn pieces(slow: u64, pause: u64) -> bool {
        let limits = Limits {
            min_rate: 1000,
            ..Limits::default()
        };
        let (given, room) = (Given::default(), Room::default());
        let client = ClientKey::from_address([127, 0, 0, 1].into());
        let permit = Gate::new(&limits).stream(client).unwrap();
        let sides = (room.clone(), Thirst::default());
        let metrics = Metrics::default();
        let mut body = Box::pin(WatchedBody::new(
            given.clone(),
            &limits,
            None,
            "h".into(),
            metrics,
            sides,
            permit,
        ));
        let mut cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            // The body is asked right after the piece before, while the socket still takes that.
            assert!(body.as_mut().poll_frame(&mut cx).is_pending());
            tokio::time::advance(Duration::from_secs(slow)).await;
            room.set_full(true);
            given.give(1000);
            assert!(body.as_mut().poll_frame(&mut cx).is_pending());
            tokio::time::advance(Duration::from_secs(pause)).await;
            room.set_full(false);
            match body.as_mut().poll_frame(&mut cx) {
                Poll::Ready(Some(Ok(frame))) => assert_eq!(frame.into_data().unwrap().len(), 1000),
                Poll::Ready(Some(Err(StreamProblem::Slow(1000)))) => return false,
                other => panic!("{other:?}"),
            }
        }
        true
    }

    #[tokio::test(start_paused = true)]
    async fn a_clients_pauses_are_not_the_registrys() {
        assert!(pieces(0, 50).await);
        assert!(pieces(1, 50).await);
        assert!(!pieces(2, 50).await);
        assert!(!pieces(2, 0).await);
    }

    #[track_caller]
    fn check(arrivals: &[(u64, u64)], fine: bool) {
        let mut pace = Pace::new(100);
        let arrive = |(seconds, len): &(u64, u64)| {
            pace.waited += Duration::from_secs(*seconds);
            pace.arrived(*len)
        };
        assert_eq!(
            arrivals.iter().map(arrive).all(|result| result.is_ok()),
            fine,
            "{arrivals:?}"
        );
    }

    #[test]
    fn the_pace_over_a_minute() {
        check(&[(0, 0), (0, 1), (59, 0)], true);
        check(&[(60, 6000)], true);
        check(&[(60, 5999)], false);
        check(&[(30, 3000), (30, 3000), (30, 0), (30, 6000)], true);
        check(&[(30, 3000), (30, 3000), (30, 0), (30, 5999)], false);
        check(&[(59, 1), (59, 1)], false);
        // Nobody waited: a client that reads slowly is not the registry's fault.
        check(&[(0, 1); 1000], true);
    }
}
