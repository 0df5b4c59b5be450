//! Opening a layer: from the store, by an index that somebody else made, or by streaming it once from
//! end to end.

use crate::job::{Phase, Verified};
use crate::layer_index::{BlobDigests, BuildError};
use crate::port::{Hash, IndexStore, index_key};
use crate::view::problem::Problem;

use super::ahead::Stored;
use super::cancel::Cancelled;
use super::error::ExploreError;
use super::feed::Feed;
use super::find_index;
use super::job_state::Job;
use super::ports::Ports;
use super::session::Inner;

/// Compressed bytes taken in one go, between two chances to look at other messages: some 5 ms of
/// inflating.
const SLICE: usize = 1024 * 1024;

/// Why a stream ended early.
enum End {
    Cancelled,
    Failed(ExploreError),
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
    // The file is at hand, and nobody is to learn that it was opened.
    let found = match (job.source.unnamed, job.source.is_local()) {
        (true, _) => false,
        (false, true) => restore(session, job).await,
        (false, false) => restore(session, job).await || find_index::find(job).await,
    };
    if found {
        return;
    }
    let outcome = match stream(job).await {
        Ok(digests) => seal(session, job, digests).await,
        Err(end) => Err(end),
    };
    match outcome {
        Ok(()) => {}
        Err(End::Cancelled) => job.advance(|progress| progress.phase = Phase::Cancelled),
        Err(End::Failed(error)) => job.advance(|progress| {
            progress.phase = Phase::Failed;
            progress.verified = Verified::None;
            progress.problem = Some(Problem::from(&error));
        }),
    }
}

/// Takes the index from the store. A missing one, a damaged one and one of another version are all
/// the same: it is made again.
async fn restore<P: Ports>(session: &Inner<P>, job: &Job<P>) -> bool {
    let stored = match job.stop.guard(session.ahead.take(&job.source.digest)).await {
        Ok(Some(found)) => found,
        Ok(None) => read_stored(session, job).await.map(Box::new),
        Err(Cancelled) => None,
    };
    let Some(stored) = stored else {
        return false;
    };
    let (size, stored_len) = (stored.index.blob_len(), stored.stored_len);
    job.layer
        .borrow_mut()
        .set_stored(*stored, job.source.title());
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.size = Some(size);
        progress.verified = Verified::Blob;
        progress.from_store = true;
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

/// Streams the blob through the builder and the hasher, to its end.
async fn stream<P: Ports>(job: &Job<P>) -> Result<BlobDigests, End> {
    let mut hash = job.ports.hash(job.source.digest.algorithm());
    let mut feed = Feed::whole(job);
    job.stop
        .guard(feed.connect())
        .await?
        .map_err(ExploreError::from)?;
    job.layer.borrow_mut().begin(job.source.unnamed);
    job.advance(|progress| {
        progress.phase = Phase::Streaming;
        progress.size = progress.size.or(feed.total());
    });
    let mut began = None;
    while let Some(chunk) = job.stop.guard(feed.next()).await?? {
        let began = *began.get_or_insert_with(|| job.ports.now_ms());
        // First, so that it is hashed while it is inflated here.
        job.stop
            .guard(hash.push(&chunk))
            .await?
            .map_err(ExploreError::from)?;
        for slice in chunk.chunks(SLICE) {
            let pushed = job.layer.borrow_mut().push(slice);
            if let Err(BuildError::NoDecoder { .. }) = pushed {
                // The slice is not lost: what waits for a decoder is read when there is one.
                let formats = job.stop.guard(job.ports.formats()).await?;
                let decoders = formats.map_err(ExploreError::from)?.decoders;
                let given = job.layer.borrow_mut().set_decoders(decoders);
                given.map_err(ExploreError::from)?;
            }
            {
                let mut progress = job.progress.borrow_mut();
                progress.received += slice.len() as u64;
                progress.elapsed_ms = job.ports.now_ms() - began;
            }
            job.tick();
            job.stop.guard(job.ports.yield_now()).await?;
        }
    }
    job.advance(|progress| progress.phase = Phase::Sealing);
    let digests = job.stop.guard(hash.finish()).await?;
    Ok(digests.map_err(ExploreError::from)?)
}

/// Compares the digest, makes the index whole and stores it.
async fn seal<P: Ports>(session: &Inner<P>, job: &Job<P>, digests: BlobDigests) -> Result<(), End> {
    if job.source.unnamed {
        let mut layer = job.layer.borrow_mut();
        let digest = digests.digest().clone();
        layer
            .seal(digests, &digest, job.source.title())
            .map_err(ExploreError::from)?;
        drop(layer);
        job.advance(|progress| progress.phase = Phase::Done);
        return Ok(());
    }
    if *digests.digest() != job.source.digest {
        return Err(End::Failed(ExploreError::WrongDigest {
            expected: job.source.digest.clone(),
            actual: digests.digest().clone(),
            received: digests.len(),
            size: job.source.size,
        }));
    }
    let stored = {
        let mut layer = job.layer.borrow_mut();
        let index = layer
            .seal(digests, &job.source.digest, job.source.title())
            .map_err(ExploreError::from)?;
        index.to_bytes()
    };
    if let Some(stored) = &stored {
        let key = index_key(&job.source.digest);
        let label = job.source.repository.qualified();
        // A layer that the user gives up now is whole all the same.
        if let Err(error) = job.ports.store().put(&key, stored, &label).await {
            session.store_trouble(error);
        }
    }
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.verified = Verified::Blob;
        progress.index_bytes = stored.map(|stored| stored.len() as u64);
    });
    Ok(())
}
