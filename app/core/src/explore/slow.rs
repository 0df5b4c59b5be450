//! Reads of what is no gzip or plain tar: archives that are held, bytes that are kept, and those that
//! have to decode much that nobody wants, because the blob cannot be entered nearer.

use std::cell::Cell;
use std::future::Future;
use std::ops::Range;

use crate::job::{Event, ReadId, Verified};
use crate::layer_index::{EntryReader, Progress, ReadError};

use super::cancel::Bell;
use super::error::ExploreError;
use super::feed::Feed;
use super::job_state::Job;
use super::kept::RECENT_BYTES;
use super::ports::Ports;
use super::read::{Opened, SLICE, Source, TELL_EVERY_MS, Take, unpack};

/// What is slow about a read.
pub(super) struct Slow {
    /// Plain bytes that are decoded, wanted ones included.
    pub(super) decoded: u64,
    /// The wanted ones' place among all of the blob.
    pub(super) out_range: Range<u64>,
    /// They are the file's bytes as they are.
    pub(super) one_piece: bool,
}

/// One slow read at a time: the next one finds most of its bytes kept by the one before.
#[derive(Default)]
pub(super) struct Turns {
    taken: Cell<bool>,
    freed: Bell,
}

/// Whose turn it is; it ends when this is dropped, as in a read that is given up.
pub(super) struct Turn<'a>(&'a Turns);

impl Turns {
    /// None while somebody else has it.
    pub(super) fn take_turn(&self) -> Option<Turn<'_>> {
        // Lazily: one that is made and dropped would end the other's turn.
        (!self.taken.replace(true)).then(|| Turn(self))
    }

    /// Waits for the end of a turn.
    pub(super) fn freed(&self) -> impl Future<Output = ()> + use<> {
        self.freed.next()
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.taken.set(false);
        self.0.freed.ring();
    }
}

/// Where the bytes of a slow read are kept from; none if they are not to be: they were not checked,
/// or the file has holes.
pub(super) fn keep_from(opened: &Opened) -> Option<u64> {
    match &opened.source {
        Source::Fetched {
            slow: Some(slow), ..
        } if slow.one_piece && opened.reader.verified() != Verified::None => {
            Some(slow.out_range.start)
        }
        _ => None,
    }
}

/// The same read, with what follows in the file: that is asked for next, and costs little now.
pub(super) fn extend<P: Ports>(
    job: &Job<P>,
    ordinal: u32,
    start: u64,
) -> Result<Opened, ReadError> {
    job.layer.borrow().open_entry(ordinal, start, RECENT_BYTES)
}

/// Gives the bytes of any source but the common one, which needs none of this. Returns how many
/// compressed bytes were fetched.
pub(super) async fn give<P: Ports>(
    job: &Job<P>,
    read: ReadId,
    source: Source,
    reader: &mut EntryReader,
    take: &mut Take<'_>,
) -> Result<u64, ExploreError> {
    match source {
        Source::Held(mut from) => {
            while let Some(piece) = from.next()? {
                unpack(job, reader, &piece, take).await?;
                job.ports.yield_now().await;
            }
            Ok(0)
        }
        Source::Kept(out_range) => {
            give_kept(job, out_range, reader, take).await?;
            Ok(0)
        }
        Source::Fetched {
            in_range,
            slow: Some(slow),
        } => fetch(job, read, in_range, &slow, reader, take).await,
        Source::Fetched {
            in_range,
            slow: None,
        } => super::read::fetch(job, in_range, reader, take).await,
    }
}

/// Plain bytes that are here already.
async fn give_kept<P: Ports>(
    job: &Job<P>,
    mut out_range: Range<u64>,
    reader: &mut EntryReader,
    take: &mut Take<'_>,
) -> Result<(), ExploreError> {
    loop {
        let piece = job.layer.borrow().kept(&out_range);
        // None before the end: it was thrown out, and the reader will say that it has not all.
        let Some(piece) = piece else { return Ok(()) };
        out_range.start += piece.len() as u64;
        unpack(job, reader, &piece, take).await?;
    }
}

/// Fetches and decodes up to what is wanted: says how far it is, keeps what passes, and ends the
/// transfer when it has it. Returns how many compressed bytes were fetched.
async fn fetch<P: Ports>(
    job: &Job<P>,
    read: ReadId,
    in_range: Range<u64>,
    slow: &Slow,
    reader: &mut EntryReader,
    take: &mut Take<'_>,
) -> Result<u64, ExploreError> {
    // Nothing has checked what is fetched beside a stream that did not come to its end.
    let verified = reader.verified();
    let mut feed = Feed::range(job, in_range);
    feed.connect().await?;
    let mut decoded = 0;
    let mut told_at = f64::NEG_INFINITY;
    while let Some(chunk) = feed.next().await? {
        for slice in chunk.chunks(SLICE) {
            let mut written = Ok(());
            let mut pass = |at: u64, plain: &[u8]| {
                decoded += plain.len() as u64;
                if verified != Verified::None {
                    job.layer.borrow_mut().keep_passing(at, plain, verified);
                }
            };
            let state = reader.push_and(slice, &mut pass, &mut |piece| {
                if written.is_ok() {
                    written = take(piece);
                }
            })?;
            written?;
            if state == Progress::Done {
                return Ok(feed.received());
            }
            let now = job.ports.now_ms();
            if now - told_at >= TELL_EVERY_MS {
                told_at = now;
                let event = Event::Decoding {
                    job: job.id(),
                    read,
                    decoded: decoded.min(slow.decoded),
                    total: slow.decoded,
                };
                job.send(event, None);
            }
            job.ports.yield_now().await;
        }
    }
    Ok(feed.received())
}
