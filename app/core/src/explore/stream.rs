//! Opening a layer: from the store, by an index that somebody else made, or by streaming it once from
//! end to end.

use crate::job::{LayerSource, Phase, Verified};
use crate::port::{Hash, IndexStore, index_key};
use crate::view::problem::Problem;

use super::ahead::Stored;
use super::cancel::Cancelled;
use super::error::ExploreError;
use super::find_index;
use super::job_state::Job;
use super::ports::Ports;
use super::run::{Again, Run};
use super::session::Inner;

/// Why a stream ended early.
pub(super) enum End {
    Cancelled,
    Failed(ExploreError),
}

impl End {
    /// What came is good, and there may be more of it later.
    fn can_go_on(&self) -> bool {
        match self {
            End::Cancelled => true,
            End::Failed(error) => matches!(
                error,
                ExploreError::ConnectionLost { .. } | ExploreError::Registry(_)
            ),
        }
    }
}

impl From<Cancelled> for End {
    fn from(_: Cancelled) -> Self {
        End::Cancelled
    }
}

impl From<ExploreError> for End {
    fn from(error: ExploreError) -> Self {
        End::Failed(error)
    }
}

/// Opens the job's layer and tells how it goes. Ends when the layer is whole, cancelled or failed.
pub(super) async fn open<P: Ports>(session: &Inner<P>, job: &Job<P>) {
    let LayerSource { again, unnamed, .. } = job.source;
    // What is on disk is at hand, and nobody is to learn that it was opened.
    let found = !again
        && !unnamed
        && (restore(session, job).await || (!job.source.is_local() && find_index::find(job).await));
    if found {
        return;
    }
    match begin(session, job).await {
        Ok(Some(run)) => follow(session, job, run).await,
        Ok(None) => {}
        Err(end) => tell_end(job, &end, matches!(end, End::Cancelled)),
    }
}

/// Goes on with a layer that was stopped, or without waiting for the tab that reads it.
pub(super) async fn go_on<P: Ports>(session: &Inner<P>, job: &Job<P>) {
    if job.progress.borrow().waiting {
        return job.impatient.ring();
    }
    let stopped = job.stopped.take();
    if stopped.is_none() && !job.progress.borrow().can_go_on {
        return;
    }
    job.stop.renew();
    job.advance(|progress| {
        (progress.phase, progress.problem) = (Phase::Starting, None);
        progress.can_go_on = false;
    });
    let Some(mut run) = stopped else {
        return open(session, job).await; // stopped before a byte was asked for
    };
    if let Some(keep) = &mut run.keep {
        match keep.again(session, job, run.at).await {
            Ok(Again::Same(lock)) => run.lock = lock,
            Ok(Again::Further(further)) => run = *further,
            Ok(Again::Made) => return,
            Err(end) => {
                job.stopped.replace(Some(run));
                return tell_end(job, &end, true);
            }
        }
    }
    follow(session, job, run).await;
}

/// A stream at the blob's start, or where an earlier visit has left it; none if the index is there
/// meanwhile.
async fn begin<P: Ports>(session: &Inner<P>, job: &Job<P>) -> Result<Option<Run<P>>, End> {
    let worth = job.ports.save_every().bytes;
    // Without a digest there is no name under which it could be kept.
    if !job.source.unnamed
        && job.source.size.is_none_or(|size| size >= worth)
        && let Ok(formats) = job.stop.guard(job.ports.formats()).await?
    {
        return (formats.begin)(session, job).await;
    }
    let LayerSource { trade, unnamed, .. } = job.source;
    job.layer.borrow_mut().begin(trade, unnamed);
    let hash = job.ports.hash(job.source.digest.algorithm(), Vec::new());
    Ok(Some(Run::new(hash, 0)))
}

/// Streams, and makes the index of what came. What stops it is told; it waits in the job then.
async fn follow<P: Ports>(session: &Inner<P>, job: &Job<P>, mut run: Run<P>) {
    let end = match run.stream(job).await {
        Ok(()) => match seal(session, job, run).await {
            Ok(()) => return,
            Err(end) => (end, false),
        },
        Err(end) if end.can_go_on() => {
            run.lock = None; // another tab may go on instead
            job.stopped.replace(Some(run));
            (end, true)
        }
        Err(end) => (end, false),
    };
    tell_end(job, &end.0, end.1);
}

fn tell_end<P: Ports>(job: &Job<P>, end: &End, can_go_on: bool) {
    job.advance(|progress| {
        progress.can_go_on = can_go_on;
        match end {
            End::Cancelled => progress.phase = Phase::Cancelled,
            End::Failed(error) => {
                progress.phase = Phase::Failed;
                progress.verified = Verified::None;
                progress.problem = Some(Problem::from(error));
            }
        }
    });
}

/// Takes the index from the store. A missing one, a damaged one and one of another version are all
/// the same: it is made again.
pub(super) async fn restore<P: Ports>(session: &Inner<P>, job: &Job<P>) -> bool {
    let stored = match job.stop.guard(session.ahead.take(&job.source.digest)).await {
        Ok(Some(found)) => found,
        Ok(None) => read_stored(session, job).await.map(Box::new),
        Err(Cancelled) => None,
    };
    let Some(stored) = stored else {
        return false;
    };
    let trade = stored.index.trade();
    let (size, stored_len) = (stored.index.blob_len(), stored.stored_len);
    job.layer
        .borrow_mut()
        .set_stored(*stored, job.source.title());
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.size = Some(size);
        progress.verified = Verified::Blob;
        progress.from_store = true;
        progress.trade = trade;
        progress.index_bytes = Some(stored_len);
    });
    true
}

async fn read_stored<P: Ports>(session: &Inner<P>, job: &Job<P>) -> Option<Stored> {
    let key = index_key(&job.source.digest);
    let bytes = match job.stop.guard(job.ports.store().get(&key)).await {
        Ok(Ok(bytes)) => bytes?,
        Ok(Err(error)) => {
            session.store_trouble(error);
            return None;
        }
        Err(Cancelled) => return None,
    };
    let stored = Stored::read(&bytes, &job.source.digest);
    if stored.is_none()
        && let Err(error) = job.ports.store().remove(&key).await
    {
        session.store_trouble(error);
    }
    stored
}

/// Compares the digest, makes the index whole and stores it.
async fn seal<P: Ports>(session: &Inner<P>, job: &Job<P>, run: Run<P>) -> Result<(), End> {
    job.advance(|progress| progress.phase = Phase::Sealing);
    let Run {
        hash, keep, lock, ..
    } = run;
    let digests = job.stop.guard(hash.finish()).await?;
    let digests = digests.map_err(ExploreError::from)?;
    if job.source.unnamed {
        let digest = digests.digest().clone();
        let mut layer = job.layer.borrow_mut();
        let sealed = layer.seal(digests, &digest, job.source.title());
        sealed.map_err(ExploreError::from)?;
        drop(layer);
        job.advance(|progress| progress.phase = Phase::Done);
        return Ok(()); // nothing of it is kept
    }
    if *digests.digest() != job.source.digest {
        if let Some(keep) = &keep {
            keep.end(job).await; // what was stored of it is no better
        }
        return Err(End::Failed(ExploreError::WrongDigest {
            expected: job.source.digest.clone(),
            actual: digests.digest().clone(),
            received: digests.len(),
            size: job.source.size,
        }));
    }
    let (stored, trade) = {
        let mut layer = job.layer.borrow_mut();
        let index = layer
            .seal(digests, &job.source.digest, job.source.title())
            .map_err(ExploreError::from)?;
        (index.to_bytes(), index.trade())
    };
    if let Some(stored) = &stored {
        let key = index_key(&job.source.digest);
        let label = job.source.repository.qualified();
        // A layer that the user gives up now is whole all the same.
        if let Err(error) = job.ports.store().put(&key, stored, &label).await {
            session.store_trouble(error);
        }
    }
    if let Some(keep) = &keep {
        keep.end(job).await;
    }
    drop(lock); // the index is there for who waits
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.verified = Verified::Blob;
        progress.trade = trade;
        progress.index_bytes = stored.map(|stored| stored.len() as u64);
    });
    Ok(())
}
