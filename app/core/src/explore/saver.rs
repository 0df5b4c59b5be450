//! Stores how the build of a large layer stands, now and then, beside all else.
//!
//! In the second part of the program, with `keep.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::layer_index::{Aside, Compression, PartialIndex, StoredPartial};
use crate::port::{Grown, Hash, IndexStore, StoreError, partial_key};

use super::formats::Local;
use super::job_state::Job;
use super::keep;
use super::ports::Ports;
use super::run::{Again, Keep};
use super::session::Inner;
use super::stream::End;

/// Places tried in one go: an archive of nothing but headers may have none for long.
const MAX_TRIES: usize = 64;

/// Stores how one build stands.
pub(super) struct Saver {
    partial: Rc<RefCell<PartialIndex>>,
    /// Bytes received when it was stored last, or begun.
    at: u64,
    /// When that was; none before the first byte.
    at_ms: Option<f64>,
    /// Something is being stored; or it could not be, and what follows it cannot either.
    busy: Rc<Cell<bool>>,
    ended: Rc<Cell<bool>>,
}

impl Saver {
    pub(super) fn new(partial: PartialIndex, at: u64) -> Self {
        Saver {
            partial: Rc::new(RefCell::new(partial)),
            at,
            at_ms: None,
            busy: Rc::default(),
            ended: Rc::default(),
        }
    }

    /// Whether a stored head is the one that was stored last.
    pub(super) fn has_stored(&self, head: &[u8]) -> bool {
        self.partial.borrow().is_stored_as(head)
    }

    /// Nothing is stored (any more): the next time all is.
    pub(super) fn begin_anew(&mut self) {
        let digest = self.partial.borrow().digest().clone();
        self.partial = Rc::new(RefCell::new(PartialIndex::new(digest)));
        self.busy = Rc::default();
    }

    /// Completes what was put aside with the hasher's states, and stores it, beside all else. The
    /// lock is held until that is done, so that nobody goes on from the state before.
    fn store<P: Ports>(
        &self,
        job: &Job<P>,
        (hash, lock): (&mut P::Hash, Option<Rc<P::Lock>>),
        aside: Aside,
    ) {
        let states = hash.states(aside.states.start);
        let key = partial_key(&job.source.digest);
        let label = job.source.repository.qualified();
        let (partial, ended, busy) = (self.partial.clone(), self.ended.clone(), self.busy.clone());
        let ports = job.ports.clone();
        busy.set(true);
        job.ports.spawn(Box::pin(async move {
            let stored = match states.await {
                Ok(states) => partial.borrow_mut().complete(aside, &states),
                Err(_) => None, // the stream will tell
            };
            let Some(stored) = stored.filter(|_| !ended.get()) else {
                return;
            };
            let StoredPartial {
                after,
                head,
                number,
                part,
                total,
            } = stored;
            let grown = Grown {
                after: after.as_ref().map(<[u8; 4]>::as_slice),
                head: &head,
                number,
                part: &part,
                total,
            };
            let store = ports.store();
            let mut put = store.append(&key, grown, &label).await;
            // It was removed, or had to make room: all is stored again. Where another one is there,
            // another tab makes the same index, and one of us is enough.
            if put == Err(StoreError::Changed) && store.get(&key).await == Ok(None) {
                let digest = partial.borrow().digest().clone();
                partial.replace(PartialIndex::new(digest));
                put = Ok(());
            }
            busy.set(put.is_err());
            drop(lock);
        }));
    }
}

impl<P: Ports> Keep<P> for Saver {
    fn pass(
        &mut self,
        job: &Job<P>,
        (hash, lock): (&mut P::Hash, Option<&Rc<P::Lock>>),
        bytes: &[u8],
    ) -> usize {
        let received = job.progress.borrow().received;
        let now = job.ports.now_ms();
        let at_ms = *self.at_ms.get_or_insert(now);
        let every = job.ports.save_every();
        let (came, passed) = (received.saturating_sub(self.at), now - at_ms);
        let many = came >= every.bytes && passed >= f64::from(every.ms);
        let mut layer = job.layer.borrow_mut();
        let known = matches!(
            layer.compression(),
            Some(Compression::None | Compression::Gzip)
        );
        let due = many || passed >= f64::from(every.slow_ms);
        if !due || !known || self.busy.get() {
            return 0;
        }
        let mut left = bytes;
        for _ in 0..MAX_TRIES {
            let Some(rest) = layer.push_to_stop(left) else {
                return bytes.len();
            };
            left = rest;
            let aside = layer.put_aside(&mut self.partial.borrow_mut());
            if let Some(aside) = aside {
                (self.at, self.at_ms) = (received, Some(now));
                self.store(job, (hash, lock.cloned()), aside);
                break;
            }
        }
        bytes.len() - left.len()
    }

    fn again<'a>(
        &'a mut self,
        session: &'a Inner<P>,
        job: &'a Job<P>,
        at: u64,
    ) -> Local<'a, Result<Again<P>, End>> {
        Box::pin(keep::again(session, job, self, at))
    }

    fn end<'a>(&self, job: &'a Job<P>) -> Local<'a, ()> {
        self.ended.set(true);
        Box::pin(async move {
            // It would only take room until it is evicted.
            let key = partial_key(&job.source.digest);
            drop(job.ports.store().remove(&key).await);
        })
    }
}
