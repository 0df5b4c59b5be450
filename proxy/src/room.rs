//! Whether a client's socket takes more, and how long it may take for what it is given. While it
//! takes nothing, a blob's next piece is left where it is: in the kernel's buffers and the registry,
//! and not in this process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use tokio::time::Instant;

/// One connection's, shared by its socket and by the body that is written to it.
#[derive(Clone, Default)]
pub struct Room(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// Since when it has been full.
    full: Option<Instant>,
    waiting: Option<Waker>,
    /// When the client has to have all of an answer.
    due: Option<Instant>,
}

impl Room {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says whether the socket took nothing when it was last offered something.
    pub fn set_full(&self, full: bool) {
        let mut state = self.state();
        if state.full.is_some() == full {
            return;
        }
        state.full = full.then(Instant::now);
        let waiting = state.waiting.take();
        drop(state);
        if let Some(waker) = waiting.filter(|_| !full) {
            waker.wake();
        }
    }

    /// Whether there is room. If not, since when; and whoever asked is woken when there is.
    ///
    /// # Errors
    /// There is none.
    pub fn ask(&self, cx: &Context<'_>) -> Result<(), Instant> {
        let mut state = self.state();
        let Some(since) = state.full else {
            return Ok(());
        };
        state.waiting = Some(cx.waker().clone());
        Err(since)
    }

    /// The client has to have taken all that it is given by then. Of two such times the first
    /// stays: what was given before is still to be taken.
    pub fn set_due(&self, at: Instant) {
        self.state().due.get_or_insert(at);
    }

    /// It has taken all of it.
    pub fn is_taken(&self) {
        self.state().due = None;
    }

    /// By when the client has to have taken all that it was given.
    pub fn due(&self) -> Option<Instant> {
        self.state().due
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
        assert!(room.ask(&cx).is_ok());
        socket.set_full(true);
        assert!(room.ask(&cx).is_err());
        socket.set_full(true);
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        socket.set_full(false);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
        assert!(room.ask(&cx).is_ok());
        socket.set_full(true);
        socket.set_full(false);
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }
}
