//! Reading one file out of a layer: one ranged request, or none.

use std::ops::Range;

use crate::archive::{ArchiveError, HeldReader};
use crate::job::{Event, ReadId, Verified};
use crate::layer_index::{EntryReader, Progress, ReadError};
use crate::view::problem::Problem;

use super::error::ExploreError;
use super::feed::Feed;
use super::job_state::Job;
use super::layer::Layer;
use super::ports::{FileError, FileSink, Ports};
use super::slow::{self, Slow, Turn};
use super::span_cache::SpanCache;

/// Bytes of a file given for one question; a page asks again for what follows.
const MAX_READ: u64 = 32 * 1024 * 1024;
/// Compressed bytes unpacked between two looks at other messages.
pub(super) const SLICE: usize = 64 * 1024;
/// Compressed bytes that are let come, though they are not wanted any more: giving up their
/// connection would cost more.
const DRAINED: u64 = 256 * 1024;
/// Uncompressed bytes collected before they are written to a download.
const WRITE_CHUNK: usize = 1024 * 1024;
/// How often a download says how far it is, in milliseconds.
pub(super) const TELL_EVERY_MS: f64 = 100.0;

/// What is read for other reasons than a read of the page.
pub(super) const NO_READ: ReadId = 0;

/// A file, or part of one, that is about to be read.
pub(super) struct Opened {
    /// Bytes of the file, from its start, that the reader gives.
    pub(super) range: Range<u64>,
    /// The file's size in bytes.
    pub(super) total: u64,
    /// Where the bytes come from that the reader takes.
    pub(super) source: Source,
    pub(super) reader: EntryReader,
}

impl Opened {
    fn is_slow(&self) -> bool {
        matches!(self.source, Source::Fetched { slow: Some(_), .. })
    }
}

/// Takes a file's bytes, in order.
pub(super) type Take<'a> = dyn FnMut(&[u8]) -> Result<(), FileError> + 'a;

/// Where a reader's bytes come from.
pub(super) enum Source {
    /// From the network: compressed bytes from the blob's start.
    Fetched {
        in_range: Range<u64>,
        /// Much has to be decoded for it.
        slow: Option<Slow>,
    },
    /// From an archive that is held.
    Held(Box<dyn HeldReader>),
    /// Plain bytes that are kept, by their place among all of the blob.
    Kept(Range<u64>),
}

/// Reads part of a file and tells its bytes.
pub(super) async fn read<P: Ports>(job: &Job<P>, read: ReadId, ordinal: u32, start: u64, len: u64) {
    let cancel = job.begin_read(read);
    let mut bytes = Vec::new();
    let work = async {
        let len = len.min(MAX_READ);
        let (mut opened, _turn) = open(job, ordinal, start, len).await?;
        let (start, total, end) = (opened.range.start, opened.total, opened.range.end);
        let keep = slow::keep_from(&opened);
        if keep.is_some() {
            opened = slow::extend(job, ordinal, start)?;
        }
        let mut take = |piece: &[u8]| {
            bytes.extend_from_slice(piece);
            Ok(())
        };
        let (fetched, verified) = pump(job, read, opened, &mut take).await?;
        if let Some(out_offset) = keep {
            let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
            let cut = bytes.get(..wanted).unwrap_or(&bytes).to_vec();
            let all = std::mem::replace(&mut bytes, cut);
            job.layer.borrow_mut().keep_read(out_offset, all);
        }
        Ok(Event::Content {
            job: job.id(),
            read,
            start,
            total,
            verified,
            fetched,
        })
    };
    let outcome = cancel.guard(work).await;
    job.end_read(read, &cancel);
    match outcome {
        Err(_) => {}
        Ok(Ok(content)) => job.send(content, Some(bytes)),
        Ok(Err(error)) => fail(job, read, &error),
    }
}

/// Writes a whole file to where downloads grow, and tells how it goes.
pub(super) async fn download<P: Ports>(job: &Job<P>, read: ReadId, ordinal: u32) {
    let cancel = job.begin_read(read);
    let outcome = cancel.guard(write_whole(job, read, ordinal)).await;
    job.end_read(read, &cancel);
    if let Ok(Err(error)) = outcome {
        fail(job, read, &error);
    }
}

async fn write_whole<P: Ports>(
    job: &Job<P>,
    read: ReadId,
    ordinal: u32,
) -> Result<(), ExploreError> {
    let (mut opened, mut turn) = open(job, ordinal, 0, u64::MAX).await?;
    let total = opened.total;
    // Unique among tabs and workers of this origin: nobody else has this digest, job and moment.
    let name = format!(
        "{}-{}-{read}-{}",
        &job.source.digest.encoded()[..16],
        job.id(),
        (job.ports.now_ms() * 1000.0) as u64
    );
    let mut file = job.ports.file(&name).await?;
    let mut written = 0;
    let mut told_at = job.ports.now_ms();
    let mut pending = Vec::with_capacity(WRITE_CHUNK);
    let told = |written: u64, ready: Option<String>| Event::Download {
        job: job.id(),
        read,
        written,
        total,
        ready,
    };
    let mut take = |piece: &[u8]| {
        pending.extend_from_slice(piece);
        if pending.len() >= WRITE_CHUNK {
            file.write(&pending)?;
            written += pending.len() as u64;
            pending.clear();
            let now = job.ports.now_ms();
            if now - told_at >= TELL_EVERY_MS {
                told_at = now;
                job.send(told(written, None), None);
            }
        }
        Ok(())
    };
    loop {
        let Range { start, end: at } = opened.range.clone();
        pump(job, read, opened, &mut take).await?;
        if at >= total || start == at {
            break;
        }
        // One plan gives only so many zeros of a sparse file.
        drop(turn.take());
        (opened, turn) = open(job, ordinal, at, u64::MAX).await?;
    }
    file.write(&pending)?;
    written += pending.len() as u64;
    let finished = file.finish()?;
    job.tell_progress(); // what it took in memory
    job.send(told(written, Some(finished.name)), finished.bytes);
    Ok(())
}

pub(super) fn fail<P: Ports>(job: &Job<P>, read: ReadId, error: &ExploreError) {
    let problem = Problem::from(error);
    let event = Event::ReadFailed {
        job: job.id(),
        read,
        problem,
    };
    job.send(event, None);
}

/// Finds out where the bytes are. While the layer streams in, waits until they have been passed;
/// if it is slow to get at them, until it is its turn.
pub(super) async fn open<P: Ports>(
    job: &Job<P>,
    ordinal: u32,
    start: u64,
    len: u64,
) -> Result<(Opened, Option<Turn<'_>>), ExploreError> {
    open_by(job, &|layer| layer.open_entry(ordinal, start, len)).await
}

/// The same for whatever can be opened in a layer.
pub(super) async fn open_by<'a, P: Ports>(
    job: &'a Job<P>,
    open: &dyn Fn(&Layer) -> Result<Opened, ReadError>,
) -> Result<(Opened, Option<Turn<'a>>), ExploreError> {
    loop {
        let (more, freed) = (job.grown.next(), job.slow.freed());
        let missing = job.layer.borrow().misses_decoders();
        if missing {
            // The index is from the store, where no decoder is.
            let formats = job.ports.formats().await?;
            let given = job.layer.borrow_mut().set_decoders(formats.decoders);
            given?;
        }
        let (tried, broken) = {
            let layer = job.layer.borrow();
            let tried = open(&layer);
            (tried, layer.damage().is_some())
        };
        match tried {
            Err(ReadError::NotAvailable { .. }) if job.is_growing() && !broken => more.await,
            Err(error) => return Err(error.into()),
            Ok(opened) if !opened.is_slow() => return Ok((opened, None)),
            // It would be a second stream from the start, of bytes that nothing has checked.
            Ok(_) if job.is_growing() && !broken => more.await,
            Ok(opened) => match job.slow.take_turn() {
                Some(turn) => return Ok((opened, Some(turn))),
                None => freed.await,
            },
        }
    }
}

/// Gives all bytes of a file to `take`, in order, also of one that lies in a layer of a root.
///
/// # Errors
/// It has more than `limit` bytes, or cannot be read.
pub(super) async fn pump_whole<P: Ports>(
    job: &Job<P>,
    ordinal: u32,
    limit: u64,
    take: &mut Take<'_>,
) -> Result<(), ExploreError> {
    let part = job.part_of(ordinal);
    let (job, ordinal) = match &part {
        Some((part, ordinal)) => (&**part, *ordinal),
        None => (job, ordinal),
    };
    let mut at = 0;
    loop {
        let (opened, turn) = open(job, ordinal, at, u64::MAX).await?;
        let (end, total) = (opened.range.end, opened.total);
        if total > limit {
            return Err(ArchiveError::TooLarge { limit }.into());
        }
        pump(job, NO_READ, opened, take).await?;
        drop(turn);
        // One plan gives only so many zeros of a sparse file.
        if end >= total || end == at {
            return Ok(());
        }
        at = end;
    }
}

/// Fetches what the plan names and gives the file's bytes to `take`, in order. Returns how many
/// compressed bytes were fetched, and how far what was given is checked.
pub(super) async fn pump<P: Ports>(
    job: &Job<P>,
    read: ReadId,
    opened: Opened,
    take: &mut Take<'_>,
) -> Result<(u64, Verified), ExploreError> {
    let Opened {
        source, mut reader, ..
    } = opened;
    let fetched = match source {
        Source::Fetched {
            in_range,
            slow: None,
        } => fetch(job, in_range, &mut reader, take).await?,
        other => {
            let formats = job.ports.formats().await?;
            (formats.give)(job, read, other, &mut reader, take).await?
        }
    };
    let mut written = Ok(());
    let verified = reader.finish(&mut |piece| {
        if written.is_ok() {
            written = take(piece);
        }
    })?;
    written?;
    // That the bytes are those of the pass before says nothing where nobody named them.
    let verified = match job.source.unnamed {
        true => Verified::None,
        false => verified,
    };
    Ok((fetched, verified))
}

pub(super) async fn fetch<P: Ports>(
    job: &Job<P>,
    in_range: Range<u64>,
    reader: &mut EntryReader,
    take: &mut Take<'_>,
) -> Result<u64, ExploreError> {
    if in_range.is_empty() {
        return Ok(0);
    }
    let kept = job.spans.borrow_mut().get(&in_range);
    let progress = unpack(job, reader, &kept, take).await?;
    let rest = in_range.start + kept.len() as u64..in_range.end;
    if rest.is_empty() || (progress == Progress::Done && !kept.is_empty()) {
        return Ok(0);
    }
    let mut collected = SpanCache::takes(&in_range).then_some(kept);
    let mut feed = Feed::range(job, rest.clone());
    feed.connect().await?;
    while let Some(chunk) = feed.next().await? {
        if let Some(collected) = &mut collected {
            collected.extend_from_slice(&chunk);
        }
        let progress = unpack(job, reader, &chunk, take).await?;
        let left = (rest.end - rest.start).saturating_sub(feed.received());
        if progress == Progress::Done && left > DRAINED {
            break;
        }
    }
    // Only after the reader has verified it all.
    if let Some(collected) = collected {
        job.spans.borrow_mut().put(in_range.start, &collected);
    }
    Ok(feed.received())
}

pub(super) async fn unpack<P: Ports>(
    job: &Job<P>,
    reader: &mut EntryReader,
    bytes: &[u8],
    take: &mut Take<'_>,
) -> Result<Progress, ExploreError> {
    let mut progress = Progress::NeedsInput;
    for slice in bytes.chunks(SLICE) {
        let mut written = Ok(());
        progress = reader.push(slice, &mut |piece| {
            if written.is_ok() {
                written = take(piece);
            }
        })?;
        written?;
        job.ports.yield_now().await;
        if progress == Progress::Done {
            break;
        }
    }
    Ok(progress)
}
