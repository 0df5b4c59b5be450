//! Giving an index away: as our own file, or as SOCI's.

use crate::digest::{Algorithm, Digest};
use crate::job::{Event, ExportFormat, Exported, ReadId};
use crate::layer_index::index_file_name;
use crate::ztoc::ZtocBuilder;

use super::error::ExploreError;
use super::feed::Feed;
use super::job_state::Job;
use super::ports::Ports;
use super::read::fail;

/// Compressed bytes taken in one go, between two looks at other messages.
const SLICE: usize = 256 * 1024;
/// How often it says how far it is, in milliseconds.
const TELL_EVERY_MS: f64 = 200.0;

/// What was made, and its bytes.
type Made = (Exported, Vec<u8>);
/// The same, or why it was not.
type Outcome = Result<Made, ExploreError>;

/// Makes the file and hands it over.
pub(super) async fn export<P: Ports>(job: &Job<P>, read: ReadId, format: ExportFormat) {
    let cancel = job.begin_read(read);
    let work = async {
        match format {
            ExportFormat::IndexFile => index_file(job),
            ExportFormat::Ztoc => ztoc(job, read).await,
        }
    };
    let outcome = cancel.guard(work).await;
    job.end_read(read, &cancel);
    match outcome {
        Err(_) => {}
        Ok(Ok((exported, bytes))) => {
            let job_id = job.id();
            let event = Event::Exported {
                job: job_id,
                read,
                exported,
            };
            job.send(event, Some(bytes));
        }
        Ok(Err(error)) => fail(job, read, &error),
    }
}

/// What is stored of a layer that was read whole.
fn index_file<P: Ports>(job: &Job<P>) -> Outcome {
    let layer = job.layer.borrow();
    let bytes = layer.whole().and_then(|index| index.to_bytes());
    let bytes = bytes.ok_or(ExploreError::NoIndex)?;
    let exported = Exported {
        format: ExportFormat::IndexFile,
        name: index_file_name(&job.source.digest),
        digest: Digest::of(Algorithm::Sha256, &bytes),
        len: bytes.len() as u64,
    };
    Ok((exported, bytes))
}

/// SOCI's index, in a pass over the layer.
async fn ztoc<P: Ports>(job: &Job<P>, read: ReadId) -> Outcome {
    let blob = &job.source.digest;
    let mut builder = ZtocBuilder::new(blob);
    let mut feed = Feed::whole(job, 0);
    feed.connect().await?;
    let mut told_at = job.ports.now_ms();
    while let Some(chunk) = feed.next().await? {
        for slice in chunk.chunks(SLICE) {
            builder.push(slice)?;
            job.ports.yield_now().await;
        }
        let now = job.ports.now_ms();
        if now - told_at >= TELL_EVERY_MS {
            told_at = now;
            let event = Event::Exporting {
                job: job.id(),
                read,
                received: builder.in_len(),
            };
            job.send(event, None);
        }
    }
    let made = builder.finish(blob)?;
    let exported = Exported {
        format: ExportFormat::Ztoc,
        name: format!("{}-{}.ztoc", blob.algorithm().name(), blob.encoded()),
        digest: made.digest,
        len: made.bytes.len() as u64,
    };
    Ok((exported, made.bytes))
}
