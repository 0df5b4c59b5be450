//! Looking for an index that somebody else made, before a layer is read whole.
//!
//! Whatever goes wrong here costs a request or two and is told in a line: the layer is read whole
//! then.

use crate::app_config::AppConfig;
use crate::digest::Digest;
use crate::foreign::{self, Claim, Footer, ForeignError, Position, TAIL_BYTES};
use crate::job::{LayerSource, MadeBy, Phase, SociIndex};
use crate::layer_index::{LayerIndex, StoredIndexError};
use crate::port::HttpError;
use crate::registry::RegistryError;
use crate::soci;
use crate::ztoc::ZtocError;

use super::cancel::Cancelled;
use super::formats::FormatsError;
use super::job_state::Job;
use super::ports::Ports;

/// From so many compressed bytes on a layer's end is looked at even if no annotation speaks of a
/// table of contents: Docker's manifests have no annotations. Reading so much takes a second and
/// more, one request a tenth of that.
const PROBE_FROM: u64 = 64 << 20;

/// What led here.
pub(super) enum Hint {
    /// The annotations.
    Annotations,
    /// Its size alone: its last bytes are to be looked at.
    Size,
}

/// What came of it.
pub(super) type Outcome = Result<Option<(LayerIndex, MadeBy)>, Stop>;

/// Why there is nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Stop {
    #[error("it was cancelled")]
    Cancelled,
    #[error("the app's config.json cannot be read: {0}")]
    Config(String),
    #[error("the index source answered {status} for {url}")]
    Source { url: String, status: u16 },
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("the file is no index: {0}")]
    File(#[from] StoredIndexError),
    #[error("the file is larger than the {limit} bytes that are read")]
    TooLarge { limit: u64 },
    #[error("the file is the index of another layer, {digest}")]
    OtherLayer { digest: Digest },
    #[error("what should be SOCI's index of the image is none")]
    NoSociIndex,
    #[error(transparent)]
    Ztoc(#[from] ZtocError),
    #[error(transparent)]
    Foreign(#[from] ForeignError),
    #[error(transparent)]
    Registry(#[from] RegistryError),
    #[error(transparent)]
    Formats(#[from] FormatsError),
    #[error("the registry sends whole layers alone, and no parts of them")]
    NoRanges,
    #[error("the registry says that the layer has {actual} bytes, and its manifest {expected}")]
    Size { expected: u64, actual: u64 },
    #[error("its manifest does not say how large it is")]
    NoSize,
}

impl From<Cancelled> for Stop {
    fn from(_: Cancelled) -> Self {
        Stop::Cancelled
    }
}

/// Takes an index that somebody else made, if there is one. False if the layer has to be read
/// whole.
pub(super) async fn find<P: Ports>(job: &Job<P>) -> bool {
    let found = match look(job).await {
        Ok(found) => found,
        Err(Stop::Cancelled) => return false,
        Err(stop) => {
            job.progress.borrow_mut().note = Some(stop.to_string());
            return false;
        }
    };
    let Some((index, made_by)) = found else {
        return false;
    };
    let verified = index.checks().verified();
    job.layer.borrow_mut().set_whole(index, None);
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.verified = verified;
        progress.made_by = made_by;
        progress.note = None;
    });
    true
}

/// The user's own file first, then whoever runs the app, then who made the image. Little code,
/// since every layer comes this way.
async fn look<P: Ports>(job: &Job<P>) -> Outcome {
    let source = &job.source;
    if source.whole {
        return Ok(None);
    }
    if let Some(bytes) = &source.given {
        return Ok(Some((stated(job, bytes)?, MadeBy::File)));
    }
    if let Some(config) = job.stop.guard(job.ports.app_config()).await?
        && AppConfig::is_set(&config)
    {
        let formats = job.stop.guard(job.ports.formats()).await??;
        match (formats.find_in_source)(job, config).await {
            Ok(None) => {}
            Ok(found) => return Ok(found),
            Err(Stop::Cancelled) => return Err(Stop::Cancelled),
            // There may be another index.
            Err(stop) => job.progress.borrow_mut().note = Some(stop.to_string()),
        }
    }
    if foreign::is_claimed(&source.annotations) {
        let formats = job.stop.guard(job.ports.formats()).await??;
        return (formats.find_index)(job, Hint::Annotations).await;
    }
    if may_have_soci(source) {
        let formats = job.stop.guard(job.ports.formats()).await??;
        let found = (formats.find_soci)(job).await?;
        if found.is_some() {
            return Ok(found);
        }
    }
    if source.size.is_none_or(|size| size < PROBE_FROM) {
        return Ok(None);
    }
    let formats = job.stop.guard(job.ports.formats()).await??;
    (formats.find_index)(job, Hint::Size).await
}

/// An index file, made by whomever.
pub(super) fn stated<P: Ports>(job: &Job<P>, bytes: &[u8]) -> Result<LayerIndex, Stop> {
    let index = LayerIndex::from_bytes(bytes)?;
    let digest = index.digest().clone();
    if digest != job.source.digest {
        return Err(Stop::OtherLayer { digest });
    }
    match job.source.size {
        Some(expected) if expected != index.blob_len() => Err(Stop::Size {
            expected,
            actual: index.blob_len(),
        }),
        _ => Ok(index.as_stated()),
    }
}

/// Whether it is worth asking for SOCI's index.
fn may_have_soci(source: &LayerSource) -> bool {
    let large = source.size.is_some_and(|n| n >= soci::MIN_LAYER_BYTES);
    large
        && match source.soci {
            SociIndex::At(_) => true,
            SociIndex::Unknown => source.manifest.is_some(),
            SociIndex::None => false,
        }
}

/// The end of a blob, if it looks as one that has a table of contents.
async fn indexed_tail<P: Ports>(job: &Job<P>, size: u64) -> Result<Option<Vec<u8>>, Stop> {
    // Nobody promised anything: what goes wrong here is not told.
    match fetch(job, size.saturating_sub(TAIL_BYTES)..size).await {
        Ok(tail) if foreign::looks_indexed(&tail) => Ok(Some(tail)),
        Err(Stop::Cancelled) => Err(Stop::Cancelled),
        Ok(_) | Err(_) => Ok(None),
    }
}

/// Opens the layer by the table of contents that is in it.
pub(super) async fn open<P: Ports>(job: &Job<P>, hint: Hint) -> Outcome {
    let size = job.source.size.ok_or(Stop::NoSize)?;
    let claim = Claim::from_annotations(&job.source.annotations, size)?;
    let (claimed, tail) = match (claim, hint) {
        (Some(Claim::ZstdChunked { position, checksum }), _) => {
            let index = zstd_chunked(job, size, &position, checksum.as_ref()).await?;
            return Ok(Some((index, MadeBy::ZstdChunked)));
        }
        (Some(Claim::EStargz { toc }), _) => {
            let tail = fetch(job, size.saturating_sub(TAIL_BYTES)..size).await?;
            (Some(toc), tail)
        }
        (None, Hint::Size) => match indexed_tail(job, size).await? {
            Some(tail) => (None, tail),
            None => return Ok(None),
        },
        (None, Hint::Annotations) => return Ok(None),
    };
    let place = match Footer::read(&tail, size)? {
        Some(Footer::EStargz { toc }) => toc,
        Some(Footer::ZstdChunked(position)) if claimed.is_none() => {
            let index = zstd_chunked(job, size, &position, None).await?;
            return Ok(Some((index, MadeBy::ZstdChunked)));
        }
        _ if claimed.is_some() => return Err(ForeignError::NoFooter.into()),
        _ => return Ok(None),
    };
    // A small table came with the footer.
    let tail_from = size - tail.len() as u64;
    let member = match place.start.checked_sub(tail_from) {
        // Both are within the tail.
        Some(from) => tail[from as usize..(place.end - tail_from) as usize].to_vec(),
        None => fetch(job, place.clone()).await?,
    };
    let digest = &job.source.digest;
    let index = foreign::from_estargz(&member, place.start, claimed.as_ref(), digest, size)?;
    Ok(Some((index, MadeBy::EStargz)))
}

async fn zstd_chunked<P: Ports>(
    job: &Job<P>,
    size: u64,
    position: &Position,
    checksum: Option<&Digest>,
) -> Result<LayerIndex, Stop> {
    let frame = fetch(job, position.in_range()).await?;
    let digest = &job.source.digest;
    let index = foreign::from_zstd_chunked(&frame, position, checksum, digest, size)?;
    Ok(index)
}

/// Part of the blob, which is within its size.
async fn fetch<P: Ports>(job: &Job<P>, in_range: std::ops::Range<u64>) -> Result<Vec<u8>, Stop> {
    let source = &job.source;
    let len = in_range.end - in_range.start;
    let asked = job
        .client
        .blob_range(&source.repository, &source.digest, in_range);
    let answer = job.stop.guard(asked).await??;
    if answer.whole {
        // Its end would come only after all that is before.
        return Err(Stop::NoRanges);
    }
    if let (Some(expected), Some(actual)) = (source.size, answer.total)
        && expected != actual
    {
        return Err(Stop::Size { expected, actual });
    }
    Ok(job.stop.guard(answer.read_all(len)).await??)
}
