//! From a range of a file to the compressed bytes that have to be fetched.

use std::ops::Range;
use std::sync::Arc;

use layerscope_inflate::{GzipError, GzipIndex, GzipPlan};

use super::checks::Checks;
use super::chunks::{ChunkAccess, ChunkPlan};
use super::compression::Compression;
use crate::decode::{DecodeError, FrameIndex, FramePlan, MakeDecoder};
use crate::toc::{EntryKind, SparseRun, Toc};

/// Zeros that one plan gives for holes. More would keep a worker busy without end: the rest is
/// for the next plan.
pub const HOLE_BYTES_PER_PLAN: u64 = 16 << 20;

/// How to get at parts of a blob.
#[derive(Debug, Clone)]
pub enum Access {
    /// Compressed and uncompressed bytes are the same.
    Plain,
    /// Through checkpoints.
    Gzip(GzipIndex),
    /// By a table of the pieces of each file.
    Chunks(Arc<dyn ChunkAccess>),
    /// From the start of a frame: zstd, xz, bzip2.
    Frames(FrameIndex),
}

/// The same, borrowed: while a blob streams its index is still the builder's.
#[derive(Clone, Copy)]
pub(super) enum AccessRef<'a> {
    Plain,
    Gzip(&'a GzipIndex),
    Chunks(&'a Arc<dyn ChunkAccess>),
    Frames(Frames<'a>),
}

/// Frames, and what decodes them if it is here.
#[derive(Clone, Copy)]
pub(super) struct Frames<'a> {
    pub(super) compression: Compression,
    pub(super) index: &'a FrameIndex,
    pub(super) decoders: Option<MakeDecoder>,
}

/// Why a file, or part of it, is not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The layer has not that many entries.
    #[error("the layer has no entry number {ordinal}")]
    NoSuchEntry {
        /// Which was asked for.
        ordinal: u32,
    },
    /// Only files have bytes.
    #[error("entry number {ordinal} is no file and has no bytes to read")]
    NotAFile {
        /// Which was asked for.
        ordinal: u32,
        /// What it is.
        kind: EntryKind,
    },
    /// A hard link to a name that the layer has not, or in a circle: the file may be in a layer
    /// below.
    #[error("the file that this hard link names is not in this layer")]
    LinkTarget {
        /// Which was asked for.
        ordinal: u32,
    },
    /// The bytes have not come yet, or are behind damage.
    #[error("these bytes are not there: only {available} bytes of it can be read")]
    NotAvailable {
        /// Bytes of the file, from its start, that can be read.
        available: u64,
    },
    /// Bytes that came are not the blob's.
    #[error("bytes from {in_offset} of the blob are not the ones that were there before")]
    UnitMismatch {
        /// Where the unit starts: compressed bytes from the blob's start.
        in_offset: u64,
    },
    /// A piece of a file is not what the publisher's table of contents says.
    #[error("bytes from {in_offset} of the blob are not what its table of contents says: {detail}")]
    Chunk {
        /// Where the piece starts: compressed bytes from the blob's start.
        in_offset: u64,
        /// What is wrong.
        detail: String,
    },
    /// A whole file is not what the publisher's table of contents says.
    #[error("the file's digest is not the one in the layer's table of contents")]
    FileMismatch,
    /// Inflating failed.
    #[error("the compressed bytes cannot be inflated: {0}")]
    Gzip(#[from] GzipError),
    /// Decoding failed.
    #[error("the compressed bytes cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// A member of an archive in the layer.
    #[error("this member of the archive cannot be read: {detail}")]
    Member {
        /// Why.
        detail: String,
    },
    /// The part of the program that decodes it is not here.
    #[error("the decoder for {compression} is not loaded")]
    NoDecoder {
        /// Of which compression.
        compression: Compression,
    },
    /// Fewer bytes came than were planned.
    #[error("the answer ended at byte {in_offset} of the blob, before {expected}")]
    Truncated {
        /// Compressed bytes from the blob's start up to which bytes came.
        in_offset: u64,
        /// Up to which they were planned.
        expected: u64,
    },
    /// A plan and a reader of different indices: a mistake of the caller.
    #[error("this read was planned with another index")]
    OtherIndex,
}

/// What to fetch, and what becomes of it.
#[derive(Debug, Clone)]
pub struct ReadPlan {
    /// The entry whose bytes they are: the one that was asked for, or a hard link's file. None for
    /// a range of all uncompressed bytes.
    pub ordinal: Option<u32>,
    /// The bytes of the file that the plan gives: what was asked for, cut to the file's size, and
    /// after [`HOLE_BYTES_PER_PLAN`] of holes. Who wants more plans again from its end.
    pub range: Range<u64>,
    /// The file's size in bytes.
    pub total: u64,
    /// The compressed bytes to fetch, from the blob's start; rounded out to what can be checked.
    /// Empty: nothing has to be fetched.
    pub in_range: Range<u64>,
    /// Of these, what is inflated.
    pub(super) needed: Range<u64>,
    /// Where decoding starts.
    pub(super) from: Start,
    /// The plain bytes of the blob that hold the data, from the first one on; empty if there are
    /// none to be read.
    pub(super) out_range: Range<u64>,
    /// Data and holes of `range`, in order.
    pub(super) segments: Vec<Segment>,
}

/// Where decoding starts.
#[derive(Debug, Clone)]
pub(super) enum Start {
    /// The bytes are plain, or there are none.
    Plain,
    Gzip(GzipPlan),
    Frame(FramePlan),
}

impl ReadPlan {
    /// Plans a read of part of an entry of an archive that is here, `out_len` bytes of it.
    ///
    /// # Errors
    /// As [`super::LayerIndex::plan_read`].
    pub fn of_plain(
        toc: &Toc,
        out_len: u64,
        ordinal: u32,
        range: Range<u64>,
    ) -> Result<ReadPlan, ReadError> {
        let source = Source {
            access: AccessRef::Plain,
            out_len,
            checks: &Checks::Nothing,
        };
        plan_entry(toc, &source, ordinal, range)
    }

    /// Plans a read of part of an entry whose bytes come from elsewhere, in order.
    pub fn of_bytes(ordinal: u32, range: Range<u64>, total: u64) -> ReadPlan {
        let end = range.end.min(total);
        let range = range.start.min(end)..end;
        let len = range.end - range.start;
        ReadPlan {
            ordinal: Some(ordinal),
            out_range: range.clone(),
            range,
            total,
            in_range: 0..0,
            needed: 0..0,
            from: Start::Plain,
            segments: match len {
                0 => Vec::new(),
                len => vec![Segment::Data(len)],
            },
        }
    }

    /// The uncompressed bytes of the blob that its data is in.
    pub fn out_range(&self) -> Range<u64> {
        self.out_range.clone()
    }

    /// The bytes of the file are those of [`ReadPlan::out_range`], with no holes between.
    pub fn is_one_piece(&self) -> bool {
        matches!(self.segments[..], [Segment::Data(_)])
    }

    /// Uncompressed bytes that are decoded for it: those that are only passed over included.
    pub fn decoded(&self) -> u64 {
        match &self.from {
            Start::Plain => self.out_range.end - self.out_range.start,
            Start::Gzip(plan) => plan.skip + plan.len,
            Start::Frame(plan) => plan.skip + plan.len,
        }
    }
}

/// A part of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Segment {
    /// That many bytes from the archive.
    Data(u64),
    /// That many zeros.
    Hole(u64),
}

/// Where bytes come from.
pub(super) struct Source<'a> {
    pub(super) access: AccessRef<'a>,
    /// Uncompressed bytes that are there.
    pub(super) out_len: u64,
    /// By what its bytes are checked.
    pub(super) checks: &'a Checks,
}

/// Plans a read of part of an entry.
pub(super) fn plan_entry(
    toc: &Toc,
    source: &Source<'_>,
    ordinal: u32,
    range: Range<u64>,
) -> Result<ReadPlan, ReadError> {
    if ordinal >= toc.len() {
        return Err(ReadError::NoSuchEntry { ordinal });
    }
    let file = toc
        .hardlink_target(ordinal)
        .ok_or(ReadError::LinkTarget { ordinal })?;
    let kind = toc.kind(file).ok_or(ReadError::NoSuchEntry { ordinal })?;
    if !kind.has_data() {
        return Err(ReadError::NotAFile { ordinal, kind });
    }
    let total = toc.size(file);
    if let AccessRef::Chunks(chunks) = source.access {
        let end = range.end.min(total);
        let range = range.start.min(end)..end;
        let plan = chunks.plan(file, range);
        let ChunkPlan { range, in_range } = plan.ok_or(ReadError::NotAvailable { available: 0 })?;
        return Ok(ReadPlan {
            ordinal: Some(file),
            range,
            total,
            needed: in_range.clone(),
            in_range,
            from: Start::Plain,
            out_range: 0..0,
            segments: Vec::new(),
        });
    }
    let data = toc
        .data_out_offset(file)
        .ok_or(ReadError::NoSuchEntry { ordinal })?;
    let end = range.end.min(total);
    let mut range = range.start.min(end)..end;
    let mut segments = Vec::new();
    let stored = match toc.sparse(file) {
        None => {
            if !range.is_empty() {
                segments.push(Segment::Data(range.end - range.start));
            }
            range.clone()
        }
        Some(runs) => sparse(runs, &mut range, &mut segments),
    };
    let out_range = data.saturating_add(stored.start)..data.saturating_add(stored.end);
    let located = locate(source, out_range.clone());
    let (from, needed) = located.ok_or_else(|| ReadError::NotAvailable {
        available: available(toc, source, file, data),
    })?;
    Ok(ReadPlan {
        ordinal: Some(file),
        range,
        total,
        in_range: source.checks.round(&needed),
        needed,
        from,
        out_range,
        segments,
    })
}

/// Plans a read of part of all uncompressed bytes.
pub(super) fn plan_inflated(source: &Source<'_>, range: Range<u64>) -> Result<ReadPlan, ReadError> {
    let total = source.out_len;
    let end = range.end.min(total);
    let range = range.start.min(end)..end;
    let (from, needed) = locate(source, range.clone()).ok_or(ReadError::NotAvailable {
        available: reachable(source),
    })?;
    let segments = match range.end - range.start {
        0 => Vec::new(),
        len => vec![Segment::Data(len)],
    };
    Ok(ReadPlan {
        ordinal: None,
        out_range: range.clone(),
        range,
        total,
        in_range: source.checks.round(&needed),
        needed,
        from,
        segments,
    })
}

/// The compressed bytes that give these uncompressed ones.
fn locate(source: &Source<'_>, out_range: Range<u64>) -> Option<(Start, Range<u64>)> {
    if out_range.is_empty() {
        return Some((Start::Plain, 0..0));
    }
    if out_range.end > reachable(source) {
        return None;
    }
    match source.access {
        AccessRef::Plain => Some((Start::Plain, out_range)),
        AccessRef::Chunks(_) => None,
        AccessRef::Gzip(index) => {
            let plan = index.plan(out_range)?;
            let needed = plan.in_range.clone();
            Some((Start::Gzip(plan), needed))
        }
        AccessRef::Frames(frames) => {
            let plan = frames.index.plan(out_range)?;
            let needed = plan.in_range.clone();
            Some((Start::Frame(plan), needed))
        }
    }
}

/// Uncompressed bytes that can be read.
fn reachable(source: &Source<'_>) -> u64 {
    match source.access {
        AccessRef::Plain => source.out_len,
        AccessRef::Gzip(index) => source.out_len.min(index.out_len),
        AccessRef::Chunks(_) => 0, // files alone
        AccessRef::Frames(frames) => source.out_len.min(frames.index.out_len),
    }
}

/// Bytes of a file, from its start, that can be read.
fn available(toc: &Toc, source: &Source<'_>, file: u32, data: u64) -> u64 {
    let mut stored = reachable(source).saturating_sub(data);
    if stored >= toc.stored_len(file) {
        return toc.size(file);
    }
    let Some(runs) = toc.sparse(file) else {
        return stored;
    };
    for run in runs {
        if stored < run.len {
            return run.start + stored;
        }
        stored -= run.len;
    }
    toc.size(file)
}

/// Cuts a range of a sparse file into data and holes; gives the bytes of the stored data that it
/// needs, and shortens the range where its holes are more than a plan may have.
fn sparse(runs: &[SparseRun], range: &mut Range<u64>, segments: &mut Vec<Segment>) -> Range<u64> {
    let first = runs.partition_point(|run| run.start + run.len <= range.start);
    let before: u64 = runs[..first].iter().map(|run| run.len).sum();
    let mut holes_left = HOLE_BYTES_PER_PLAN;
    let mut at = range.start;
    let mut stored: Option<Range<u64>> = None;
    let mut run_stored = before;
    let mut runs = runs[first..].iter();
    while at < range.end {
        let run = runs.next();
        let run_start = run.map_or(range.end, |run| run.start.min(range.end));
        if run_start > at {
            let hole = (run_start - at).min(holes_left);
            if hole > 0 {
                segments.push(Segment::Hole(hole));
            }
            holes_left -= hole;
            at += hole;
            if at < run_start {
                break; // the rest is for the next plan
            }
        }
        let Some(run) = run else { break };
        let end = (run.start + run.len).min(range.end);
        if end > at {
            let from = run_stored + (at - run.start);
            let to = from + (end - at);
            stored = Some(stored.map_or(from, |s| s.start)..to);
            segments.push(Segment::Data(end - at));
            at = end;
        }
        run_stored += run.len;
    }
    range.end = at;
    stored.unwrap_or(0..0)
}
