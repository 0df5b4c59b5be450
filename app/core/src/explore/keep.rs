//! Nothing is lost of a large layer: now and then it is stored how its index build stands, and who
//! opens it later goes on from there. Of several tabs one reads it, and the others wait.
//!
//! In the second part of the program (`formats.rs`): small layers are read again as quickly.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::digest::Algorithm;
use crate::layer_index::{
    Aside, Compression, PartialError, PartialHead, PartialIndex, Resumed, StoredPartial,
};
use crate::port::{Hash, IndexStore, StoreError, part_key, partial_key};

use super::formats::Local;
use super::job_state::Job;
use super::layer;
use super::ports::Ports;
use super::run::{Keep, Run};
use super::session::Inner;
use super::stream::{self, End};

/// Places tried in one go: an archive of nothing but headers may have none for long.
const MAX_TRIES: usize = 64;

/// Begins to stream a layer where an earlier visit has left it, or at its start. None if another
/// tab has made its index meanwhile.
pub(super) async fn begin<P: Ports>(
    session: &Inner<P>,
    job: &Job<P>,
) -> Result<Option<Run<P>>, End> {
    let ports = &job.ports;
    let key = partial_key(&job.source.digest);
    let mut lock = job.stop.guard(ports.lock(&key, false)).await?;
    if lock.is_none() {
        job.advance(|progress| progress.waiting = true);
        let waited = job.stop.guard(ports.lock(&key, true)).await;
        job.advance(|progress| progress.waiting = false);
        lock = waited?;
        // Who reads it again wants another index than may be there.
        if !job.source.again && stream::restore(session, job).await {
            return Ok(None);
        }
    }
    let algorithm = job.source.digest.algorithm();
    // The state of other hashes is not kept.
    let can_resume = algorithm == Algorithm::Sha256;
    let resumed = match can_resume {
        true => resume(session, job).await?,
        false => None,
    };
    let mut run = match resumed {
        Some(Resumed {
            builder,
            line,
            states,
            partial,
        }) => {
            job.layer.borrow_mut().go_on(builder);
            job.advance(|progress| (progress.kept, progress.received) = (line, line));
            let mut run = Run::new(ports.hash(algorithm, states), line);
            run.keep = Some(Box::new(Saver::new(partial, line)));
            run
        }
        None => {
            job.layer.borrow_mut().begin(job.source.trade, false);
            let mut run = Run::new(ports.hash(algorithm, Vec::new()), 0);
            if can_resume {
                let partial = PartialIndex::new(job.source.digest.clone());
                run.keep = Some(Box::new(Saver::new(partial, 0)));
            }
            run
        }
    };
    run.lock = lock;
    Ok(Some(run))
}

/// What the store has of this layer's build; what is no good is removed.
async fn resume<P: Ports>(session: &Inner<P>, job: &Job<P>) -> Result<Option<Resumed>, End> {
    let key = partial_key(&job.source.digest);
    let store = job.ports.store();
    match job.stop.guard(read(job)).await? {
        Ok(None) => Ok(None),
        Ok(Some(Ok(resumed))) => Ok(Some(resumed)),
        Ok(Some(Err(_))) => {
            if let Err(error) = store.remove(&key).await {
                session.store_trouble(error);
            }
            Ok(None)
        }
        Err(error) => {
            session.store_trouble(error);
            Ok(None)
        }
    }
}

type Read = Result<Option<Result<Resumed, PartialError>>, StoreError>;

async fn read<P: Ports>(job: &Job<P>) -> Read {
    let key = partial_key(&job.source.digest);
    let store = job.ports.store();
    let Some(bytes) = store.get(&key).await? else {
        return Ok(None);
    };
    let head = match PartialHead::read(&bytes) {
        Ok(head) if *head.digest() == job.source.digest => head,
        Ok(_) => return Ok(Some(Err(PartialError::Field("digest")))),
        Err(error) => return Ok(Some(Err(error))),
    };
    let mut parts = Vec::new();
    for number in 0..head.parts() {
        // A missing one fails the checksum.
        parts.push(
            store
                .get(&part_key(&key, number))
                .await?
                .unwrap_or_default(),
        );
    }
    Ok(Some(head.resume(
        layer::build_options(job.source.trade, false),
        &parts,
    )))
}

/// Stores how the build stands.
struct Saver {
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
    fn new(partial: PartialIndex, at: u64) -> Self {
        Saver {
            partial: Rc::new(RefCell::new(partial)),
            at,
            at_ms: None,
            busy: Rc::default(),
            ended: Rc::default(),
        }
    }

    /// Completes what was put aside with the hasher's states, and stores it, beside all else.
    fn store<P: Ports>(&self, job: &Job<P>, hash: &mut P::Hash, aside: Aside) {
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
                head,
                number,
                part,
                total,
            } = stored;
            let part = (number, part.as_slice());
            let put = ports.store().append(&key, &head, part, total, &label);
            busy.set(put.await.is_err());
        }));
    }
}

impl<P: Ports> Keep<P> for Saver {
    fn pass(&mut self, job: &Job<P>, hash: &mut P::Hash, bytes: &[u8]) -> usize {
        let received = job.progress.borrow().received;
        let now = job.ports.now_ms();
        let at_ms = *self.at_ms.get_or_insert(now);
        let every = job.ports.save_every();
        let mut layer = job.layer.borrow_mut();
        let known = matches!(
            layer.compression(),
            Some(Compression::None | Compression::Gzip)
        );
        let due = received.saturating_sub(self.at) >= every.bytes
            && now - at_ms >= f64::from(every.ms)
            && known
            && !self.busy.get();
        if !due {
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
                self.store(job, hash, aside);
                break;
            }
        }
        bytes.len() - left.len()
    }

    fn lock<'a>(&self, job: &'a Job<P>) -> Local<'a, Option<P::Lock>> {
        let key = partial_key(&job.source.digest);
        Box::pin(async move { job.ports.lock(&key, false).await })
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
