//! Whether a client's socket takes more. While it does not, a blob's next piece is left where it
//! is: in the kernel's buffers and the registry, and not in this process.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// One connection's, shared by its socket and by the body that is written to it.
#[derive(Clone, Default)]
pub struct Room(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    full: bool,
    waiting: Option<Waker>,
}

impl Room {
    /// Says whether the socket took nothing when it was last offered something.
    pub fn set_full(&self, full: bool) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.full == full {
            return;
        }
        state.full = full;
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting.filter(|_| !full) {
            waker.wake();
        }
    }

    /// Waits until there is room.
    pub fn poll(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.full {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn whoever_waits_is_woken_when_there_is_room() {
        let woken = Arc::new(Woken(AtomicUsize::new(0)));
        let waker = Waker::from(woken.clone());
        let cx = Context::from_waker(&waker);
        let room = Room::default();
        let socket = room.clone();
        assert!(room.poll(&cx).is_ready());
        socket.set_full(true);
        assert!(room.poll(&cx).is_pending());
        socket.set_full(true);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        socket.set_full(false);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(room.poll(&cx).is_ready());
        socket.set_full(true);
        socket.set_full(false);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }
}
