//! In which compressed pieces of the blob each file lies, and reading them.

use std::ops::Range;

use super::ForeignError;
use crate::layer_index::{ChunkAccess, ChunkPlan, ChunkReader};

mod read;

/// A piece that is not wanted whole is decoded whole all the same, to be checked, if it has no more
/// than so many uncompressed bytes. eStargz makes pieces of 4 MiB unless it is told otherwise.
const CHECKED_WHOLE: u64 = 16 << 20;

/// Compressed bytes between two pieces that are fetched together: no slower than a request more.
const MAX_GAP: u64 = 64 << 10;

/// Zeros that one plan gives, as for sparse files.
const MAX_ZEROS: u64 = crate::layer_index::HOLE_BYTES_PER_PLAN;

/// What a piece is compressed as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// A gzip member.
    Gzip,
    /// A zstd frame.
    Zstd,
}

/// A piece of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Chunk {
    /// Where its frame starts: compressed bytes from the blob's start.
    pub(super) in_start: u64,
    /// Before which its frame ends; known when the whole table is.
    pub(super) in_end: u64,
    /// Uncompressed bytes of the frame before it.
    pub(super) skip: u64,
    /// Where it is in the file: uncompressed bytes.
    pub(super) out_start: u64,
    /// Uncompressed bytes.
    pub(super) out_len: u64,
    /// It is nothing but zeros, and takes no place in the blob.
    pub(super) zeros: bool,
    /// SHA-256 of the uncompressed bytes.
    pub(super) digest: Option<[u8; 32]>,
}

impl Chunk {
    fn out_end(&self) -> u64 {
        self.out_start + self.out_len
    }
}

/// The pieces of all files of a layer.
#[derive(Debug, Clone)]
pub struct ChunkTable {
    frame: Frame,
    anchored: bool,
    /// By file, in each file's order.
    chunks: Vec<Chunk>,
    /// Where an entry's pieces begin; one more than there are entries.
    first: Vec<u32>,
    /// Digests of whole files, by ordinal, where the pieces have none.
    files: Vec<(u32, [u8; 32])>,
}

/// Makes a table.
pub(super) struct TableBuilder {
    table: ChunkTable,
    payload_end: u64,
}

impl TableBuilder {
    pub(super) fn new(frame: Frame, payload_end: u64, anchored: bool) -> Self {
        TableBuilder {
            table: ChunkTable {
                frame,
                anchored,
                chunks: Vec::new(),
                first: vec![0],
                files: Vec::new(),
            },
            payload_end,
        }
    }

    /// The next entry.
    pub(super) fn entry(&mut self) {
        let at = self.table.chunks.len() as u32; // the JSON's limit is far below
        self.table.first.push(at);
    }

    /// The next piece of the last entry.
    pub(super) fn chunk(&mut self, chunk: Chunk) -> Result<(), &'static str> {
        // Positions are added up without overflow below this.
        let small = |n: u64| n < 1 << 62;
        if chunk.in_start >= self.payload_end && !chunk.zeros {
            return Err("place");
        }
        if !small(chunk.skip) || !small(chunk.out_start) || !small(chunk.out_len) {
            return Err("size");
        }
        self.table.chunks.push(chunk);
        if let Some(last) = self.table.first.last_mut() {
            *last = self.table.chunks.len() as u32;
        }
        Ok(())
    }

    /// The last entry has no more pieces. `end_offset` is 0 if it is not told.
    pub(super) fn file(
        &mut self,
        ordinal: u32,
        end_offset: u64,
        digest: Option<[u8; 32]>,
    ) -> Result<(), &'static str> {
        let range = self.table.range(ordinal);
        let chunks = self.table.chunks.get_mut(range).unwrap_or_default();
        let alone = chunks.len() == 1;
        if let Some(last) = chunks.last_mut() {
            if end_offset != 0 && !last.zeros && end_offset <= last.in_start {
                return Err("place");
            }
            last.in_end = end_offset;
            if alone {
                last.digest = last.digest.or(digest);
            }
        }
        let checked = chunks.iter().all(|c| c.zeros || c.digest.is_some());
        if let Some(digest) = digest.filter(|_| !checked) {
            self.table.files.push((ordinal, digest));
        }
        Ok(())
    }

    /// All entries are there. A piece ends before the next one that starts after it.
    pub(super) fn finish(mut self) -> Result<ChunkTable, ForeignError> {
        let mut starts: Vec<u64> = self.table.chunks.iter().map(|c| c.in_start).collect();
        starts.push(self.payload_end);
        starts.sort_unstable();
        starts.dedup();
        for chunk in &mut self.table.chunks {
            let next = starts.partition_point(|start| *start <= chunk.in_start);
            let next = starts.get(next).copied().unwrap_or(self.payload_end);
            let told = if chunk.in_end == 0 {
                next
            } else {
                chunk.in_end
            };
            chunk.in_end = next.min(told).min(self.payload_end);
        }
        self.table.chunks.shrink_to_fit();
        Ok(self.table)
    }
}

impl ChunkTable {
    /// Where an entry's pieces are.
    fn range(&self, ordinal: u32) -> Range<usize> {
        let at = |i: usize| self.first.get(i).map_or(0, |n| *n as usize);
        at(ordinal as usize)..at((ordinal as usize).saturating_add(1))
    }

    fn of(&self, ordinal: u32) -> &[Chunk] {
        self.chunks.get(self.range(ordinal)).unwrap_or_default()
    }

    /// The pieces that hold a range of a file, as many as can be read in one go: forwards in the
    /// blob, and with no large gaps.
    fn together(&self, ordinal: u32, range: &Range<u64>) -> &[Chunk] {
        let chunks = self.of(ordinal);
        let from = chunks.partition_point(|c| c.out_end() <= range.start);
        let chunks = &chunks[from..];
        let to = chunks.partition_point(|c| c.out_start < range.end);
        let chunks = &chunks[..to];
        let mut zeros = 0u64;
        let mut before: Option<Chunk> = None;
        let fits = |chunk: &&Chunk| {
            if chunk.zeros {
                zeros = zeros.saturating_add(chunk.out_len);
                return zeros <= MAX_ZEROS;
            }
            let fits = before.is_none_or(|before| {
                let same = chunk.in_start == before.in_start
                    && chunk.skip >= before.skip.saturating_add(before.out_len);
                let after =
                    chunk.in_start >= before.in_end && chunk.in_start - before.in_end <= MAX_GAP;
                same || after
            });
            before = Some(**chunk);
            fits
        };
        let n = chunks.iter().take_while(fits).count();
        &chunks[..n.max(1).min(chunks.len())]
    }
}

impl ChunkAccess for ChunkTable {
    fn plan(&self, ordinal: u32, range: Range<u64>) -> Option<ChunkPlan> {
        if range.is_empty() {
            let in_range = 0..0;
            return Some(ChunkPlan { range, in_range });
        }
        let chunks = self.together(ordinal, &range);
        let last = chunks.last()?;
        let mut end = range.end.min(last.out_end());
        if last.zeros {
            end = end.min(last.out_start.max(range.start).saturating_add(MAX_ZEROS));
        }
        let mut data = chunks.iter().filter(|c| !c.zeros);
        let in_range = match data.next() {
            Some(first) => first.in_start..data.next_back().unwrap_or(first).in_end,
            None => 0..0,
        };
        Some(ChunkPlan {
            range: range.start..end,
            in_range,
        })
    }

    fn reader(&self, ordinal: u32, range: Range<u64>) -> Box<dyn ChunkReader> {
        Box::new(read::Reader::new(self, ordinal, &range))
    }
}
