//! A file of a layer, or of an archive in it, as the archive that it is itself.

use std::ops::Range;

use crate::archive::{Archive, ArchiveBuilder, ArchiveError, ArchiveKind, HeldReader};
use crate::archive::{MAX_DEPTH, MAX_HELD_BYTES};
use crate::decode;
use crate::job::{Phase, Verified};
use crate::layer_index::{Compression, Damage, ReadError, ReadPlan};
use crate::path::EntryPath;
use crate::toc::Toc;

use super::error::ExploreError;
use super::job_state::Job;
use super::ports::{FileError, Ports};
use super::read;
use super::session::Inner;

/// An archive that is held; what the session needs of it.
pub(super) trait Held {
    fn toc(&self) -> &Toc;
    fn damage(&self) -> Option<&Damage>;
    fn compression(&self) -> Compression;
    /// It is one file that was compressed.
    fn is_bare(&self) -> bool;
    /// Bytes held.
    fn len(&self) -> u64;
    fn open(
        &self,
        ordinal: u32,
        range: Range<u64>,
    ) -> Result<(ReadPlan, Box<dyn HeldReader>), ReadError>;
}

impl Held for Archive {
    fn toc(&self) -> &Toc {
        Archive::toc(self)
    }

    fn damage(&self) -> Option<&Damage> {
        Archive::damage(self)
    }

    fn compression(&self) -> Compression {
        Archive::compression(self)
    }

    fn is_bare(&self) -> bool {
        self.kind() == ArchiveKind::File
    }

    fn len(&self) -> u64 {
        Archive::len(self)
    }

    fn open(
        &self,
        ordinal: u32,
        range: Range<u64>,
    ) -> Result<(ReadPlan, Box<dyn HeldReader>), ReadError> {
        Archive::open(self, ordinal, range)
    }
}

/// Reads the file whole, as any read does, and lists what is in it.
pub(super) async fn open<P: Ports>(
    session: &Inner<P>,
    outer: &Job<P>,
    job: &Job<P>,
    path: &EntryPath,
) -> Result<(), ExploreError> {
    if job.depth > MAX_DEPTH {
        return Err(ArchiveError::TooDeep { limit: MAX_DEPTH }.into());
    }
    let ordinal = find(outer, path).await?;
    let part = outer.part_of(ordinal);
    let (outer, ordinal) = match &part {
        Some((part, ordinal)) => (&**part, *ordinal),
        None => (outer, ordinal),
    };
    let limit = MAX_HELD_BYTES.saturating_sub(session.held_bytes());
    let mut builder = ArchiveBuilder::new(limit, decode::decoder);
    let mut failed = None;
    let mut verified = Verified::Blob;
    let mut at = 0;
    loop {
        let (opened, turn) = read::open(outer, ordinal, at, u64::MAX).await?;
        let (total, end) = (opened.total, opened.range.end);
        if total > limit {
            return Err(ArchiveError::TooLarge { limit }.into());
        }
        if at == 0 {
            job.advance(|progress| {
                progress.phase = Phase::Streaming;
                progress.size = Some(total);
            });
        }
        let mut take = |piece: &[u8]| {
            builder.push(piece).map_err(|error| {
                let detail = error.to_string();
                failed = Some(error);
                FileError::Failed { detail }
            })?;
            job.progress.borrow_mut().received += piece.len() as u64;
            job.tick();
            Ok(())
        };
        let pumped = read::pump(outer, read::NO_READ, opened, &mut take).await;
        drop(turn);
        if let Some(error) = failed {
            return Err(error.into());
        }
        verified = verified.min(pumped?.1);
        if end >= total || end <= at {
            break;
        }
        at = end;
    }
    let name = path.file_name().unwrap_or_default();
    let archive = builder.finish(name)?;
    job.layer.borrow_mut().set_held(Box::new(archive), verified);
    job.advance(|progress| {
        progress.phase = Phase::Done;
        progress.verified = verified;
    });
    Ok(())
}

/// The entry that the path names, links followed. While the layer streams in, waits for it.
async fn find<P: Ports>(outer: &Job<P>, path: &EntryPath) -> Result<u32, ArchiveError> {
    loop {
        let more = outer.grown.next();
        let found = outer.layer.borrow_mut().file_at(path);
        match found {
            Some(ordinal) => return Ok(ordinal),
            None if outer.is_growing() => more.await,
            None => return Err(ArchiveError::NoSuchFile),
        }
    }
}
