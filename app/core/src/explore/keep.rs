//! Nothing is lost of a large layer: now and then it is stored how its index build stands, and who
//! opens it later goes on from there. Of several tabs one reads it, and the others wait.
//!
//! In the second part of the program (`formats.rs`): small layers are read again as quickly.

use std::rc::Rc;

use crate::digest::Algorithm;
use crate::layer_index::{PartialError, PartialHead, PartialIndex, Resumed};
use crate::port::{IndexStore, StoreError, part_key, partial_key};

use super::cancel::{Either, race};
use super::job_state::Job;
use super::layer;
use super::ports::Ports;
use super::run::{Again, Run};
use super::saver::Saver;
use super::session::Inner;
use super::stream::{self, End};

/// Begins to stream a layer where an earlier visit has left it, or at its start. None if another
/// tab has made its index meanwhile.
pub(super) async fn begin<P: Ports>(
    session: &Inner<P>,
    job: &Job<P>,
) -> Result<Option<Run<P>>, End> {
    let lock = take_turn(job).await?;
    if is_made(session, job).await {
        return Ok(None);
    }
    // The state of other hashes is not kept.
    let can_resume = job.source.digest.algorithm() == Algorithm::Sha256;
    let resumed = match can_resume {
        true => resume(session, job).await?,
        false => None,
    };
    let mut run = match resumed {
        Some(resumed) => taken_up(job, resumed),
        None => {
            job.layer.borrow_mut().begin(job.source.trade, false);
            let algorithm = job.source.digest.algorithm();
            let mut run = Run::new(job.ports.hash(algorithm, Vec::new()), 0);
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

/// Goes on with a stream that has stopped at `at` (a compressed position), if nobody has come
/// further meanwhile; `saver` is its own.
pub(super) async fn again<P: Ports>(
    session: &Inner<P>,
    job: &Job<P>,
    saver: &mut Saver,
    at: u64,
) -> Result<Again<P>, End> {
    let lock = take_turn(job).await?;
    if is_made(session, job).await {
        return Ok(Again::Made);
    }
    let key = partial_key(&job.source.digest);
    let store = job.ports.store();
    let stored = job.stop.guard(store.get(&key)).await?;
    let stored = stored.ok().flatten();
    if stored.as_deref().is_some_and(|head| saver.has_stored(head)) {
        return Ok(Again::Same(lock));
    }
    let line = stored.and_then(|head| Some(PartialHead::read(&head).ok()?.line()));
    if line.is_some_and(|line| line > at)
        && let Some(resumed) = resume(session, job).await?
    {
        let mut run = taken_up(job, resumed);
        run.lock = lock;
        return Ok(Again::Further(Box::new(run)));
    }
    if lock.is_none() {
        return Ok(Again::Same(None)); // what is there is another's
    }
    // Nothing of ours is there any more, or what is there is behind us.
    if let Err(error) = job.stop.guard(store.remove(&key)).await? {
        session.store_trouble(error);
    }
    saver.begin_anew();
    Ok(Again::Same(lock))
}

/// Waits until no other tab has the layer; none if the user does not wait any longer. Then it is read
/// beside the other, and one of the two stores how it stands.
async fn take_turn<P: Ports>(job: &Job<P>) -> Result<Option<Rc<P::Lock>>, End> {
    let key = partial_key(&job.source.digest);
    let mut lock = job.stop.guard(job.ports.lock(&key, false)).await?;
    if lock.is_none() {
        job.advance(|progress| progress.waiting = true);
        let wait = race(job.ports.lock(&key, true), job.impatient.next());
        let waited = job.stop.guard(wait).await;
        job.advance(|progress| progress.waiting = false);
        lock = match waited? {
            Either::Left(lock) => lock,
            Either::Right(()) => None,
        };
    }
    Ok(lock.map(Rc::new))
}

/// Another tab has made the index since we looked: while we waited, or searched for one elsewhere.
async fn is_made<P: Ports>(session: &Inner<P>, job: &Job<P>) -> bool {
    // Who reads the layer again wants another index than may be there.
    !job.source.again && stream::restore(session, job).await
}

/// Streams from where an earlier visit, or another tab, has left it.
fn taken_up<P: Ports>(job: &Job<P>, resumed: Resumed) -> Run<P> {
    let Resumed {
        builder,
        line,
        states,
        partial,
    } = resumed;
    job.layer.borrow_mut().go_on(builder);
    job.advance(|progress| (progress.kept, progress.received) = (line, line));
    let mut run = Run::new(job.ports.hash(Algorithm::Sha256, states), line);
    run.keep = Some(Box::new(Saver::new(partial, line)));
    run
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
    let wanted = job.source.trade;
    let trade = match job.source.again {
        // It is read again because of the choice.
        true => wanted,
        // As a whole index of another choice is used, half a one is gone on with.
        false => head.trade().unwrap_or(wanted),
    };
    Ok(Some(
        head.resume(layer::build_options(trade, false), &parts),
    ))
}
