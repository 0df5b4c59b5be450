//! Giving up and waiting, on one thread, without a runtime: whoever waits leaves its waker.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Which of two futures was ready first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Either<A, B> {
    /// The first.
    Left(A),
    /// The second.
    Right(B),
}

/// Polls two futures and drops the one that is not ready first. The first is asked first.
pub async fn race<A: Future, B: Future>(a: A, b: B) -> Either<A::Output, B::Output> {
    let mut a = pin!(a);
    let mut b = pin!(b);
    poll_fn(|context| {
        if let Poll::Ready(output) = a.as_mut().poll(context) {
            return Poll::Ready(Either::Left(output));
        }
        b.as_mut().poll(context).map(Either::Right)
    })
    .await
}

/// Wakes everybody who waits; clones share the waiters.
#[derive(Clone, Default)]
pub struct Bell {
    waiting: Rc<RefCell<Vec<Waker>>>,
    rung: Rc<Cell<u64>>,
}

impl Bell {
    /// Wakes all who wait now.
    pub fn ring(&self) {
        self.rung.set(self.rung.get().wrapping_add(1));
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for waker in waiting {
            waker.wake();
        }
    }

    /// Resolves at the next ring after this call.
    pub fn next(&self) -> impl Future<Output = ()> + use<> {
        let bell = self.clone();
        let before = self.rung.get();
        poll_fn(move |context| {
            if bell.rung.get() != before {
                return Poll::Ready(());
            }
            let mut waiting = bell.waiting.borrow_mut();
            if !waiting.iter().any(|w| w.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// A request to stop; clones share it. Once cancelled it stays so, unless it is renewed.
#[derive(Clone, Default)]
pub struct Cancel {
    cancelled: Rc<Cell<bool>>,
    bell: Bell,
}

/// Somebody gave up on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cancelled;

impl Cancel {
    /// Stops whatever runs under it, at its next wait.
    pub fn cancel(&self) {
        self.cancelled.set(true);
        self.bell.ring();
    }

    /// What was stopped is begun again.
    pub fn renew(&self) {
        self.cancelled.set(false);
    }

    /// It was cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// Runs a future until it is ready, or drops it when it is cancelled.
    ///
    /// # Errors
    /// [`Cancelled`], also when it was cancelled before the call.
    pub async fn guard<F: Future>(&self, future: F) -> Result<F::Output, Cancelled> {
        if self.is_cancelled() {
            return Err(Cancelled);
        }
        match race(future, self.bell.next()).await {
            Either::Left(output) if !self.is_cancelled() => Ok(output),
            _ => Err(Cancelled),
        }
    }
}
