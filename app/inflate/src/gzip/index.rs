//! The finished index: where reading can start, and where it may stop.

use std::ops::Range;
use std::sync::Arc;

use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::error::IndexProblem;
use crate::gzip::landmarks::Landmarks;
use crate::gzip::window::{MAX_PACKED_LEN, PackedWindow};
use crate::varint::{Cursor, put};

/// No blob is longer (1 PiB); below it, positions in bits and what deflate can make of them fit
/// into 64 bits.
const MAX_IN_LEN: u64 = 1 << 50;

/// Deflate never makes more than this of a byte: 258 bytes from two bits (RFC 1951).
const MAX_EXPANSION: u64 = 1032;

/// Checkpoints as they are stored: a member's start; a block without a window; a block whose window
/// begins a stored group, or is the next of that group.
const MEMBER_START: u8 = 0;
const NO_WINDOW: u8 = 1;
const NEW_GROUP: u8 = 2;
const SAME_GROUP: u8 = 3;

/// Random access to a gzip blob. Offsets count from the blob's first byte (`in_`) and from the
/// first uncompressed byte over all members (`out_`).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GzipIndex {
    /// Compressed bytes seen.
    pub in_len: u64,
    /// Uncompressed bytes seen.
    pub out_len: u64,
    /// Members seen.
    pub members: u64,
    /// Bytes after the last member that are not gzip's (zeros or anything else).
    pub trailing: u64,
    /// Rising by both offsets; the first is at 0.
    pub checkpoints: Vec<Checkpoint>,
    /// Where reads may stop.
    pub landmarks: Landmarks,
}

/// What to fetch for a range of uncompressed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipPlan {
    /// Index of the checkpoint to start from.
    pub checkpoint: usize,
    /// The compressed bytes to give to the reader.
    pub in_range: Range<u64>,
    /// Uncompressed bytes between the checkpoint and the range.
    pub skip: u64,
    /// Uncompressed bytes wanted.
    pub len: u64,
}

impl GzipIndex {
    /// The compressed bytes that inflate to `out_range`; none if the range is not (yet) covered.
    pub fn plan(&self, out_range: Range<u64>) -> Option<GzipPlan> {
        if out_range.start > out_range.end || out_range.end > self.out_len {
            return None;
        }
        let after = self
            .checkpoints
            .partition_point(|c| c.out_offset <= out_range.start);
        let checkpoint = after.checked_sub(1)?;
        let from = &self.checkpoints[checkpoint];
        let start = from.in_offset();
        let end = if out_range.is_empty() {
            start
        } else {
            // After the last landmark there are few bytes and the member's trailer.
            let known = self.landmarks.at_or_after(out_range.end);
            known.map_or(self.in_len.saturating_sub(self.trailing), |l| l.in_offset)
        };
        Some(GzipPlan {
            checkpoint,
            in_range: start..end.max(start),
            skip: out_range.start - from.out_offset,
            len: out_range.end - out_range.start,
        })
    }

    /// Checks bounds and order, for an index from storage or from a stranger.
    ///
    /// # Errors
    /// [`IndexProblem`].
    pub fn validate(&self) -> Result<(), IndexProblem> {
        let last = self.landmarks.last();
        let too_long = self.in_len > MAX_IN_LEN || self.out_len / MAX_EXPANSION > self.in_len;
        if too_long
            || self.members > self.in_len
            || self.trailing > self.in_len
            || last.in_offset > self.in_len
            || last.out_offset > self.out_len
        {
            return Err(IndexProblem::Order);
        }
        match self.checkpoints.first() {
            // Other formats' first is behind the member's header.
            Some(c) if c.out_offset == 0 => {}
            None if self.out_len == 0 => {}
            _ => return Err(IndexProblem::NoStart),
        }
        for c in &self.checkpoints {
            // No checked arithmetic: in_len is under MAX_IN_LEN.
            if c.in_bit_offset > self.in_len * 8 || c.out_offset > self.out_len {
                return Err(IndexProblem::Order);
            }
            let whole = c.in_bit_offset.is_multiple_of(8) && c.window.is_empty();
            if c.kind == CheckpointKind::MemberStart && !whole {
                return Err(IndexProblem::Kind);
            }
        }
        let rising = self.checkpoints.windows(2).all(|pair| {
            pair[0].in_bit_offset < pair[1].in_bit_offset && pair[0].out_offset < pair[1].out_offset
        });
        if rising {
            Ok(())
        } else {
            Err(IndexProblem::Order)
        }
    }

    /// The stored form: numbers as LEB128 differences. It has no version of its own; what holds
    /// it does.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for value in [self.in_len, self.out_len, self.members, self.trailing] {
            put(&mut out, value);
        }
        write_checkpoints(&self.checkpoints, &mut out);
        self.landmarks.write(&mut out);
        out
    }

    /// Reads what [`Self::to_bytes`] wrote. Allocates no more than a small multiple of the input.
    ///
    /// # Errors
    /// [`IndexProblem`] for anything that `to_bytes` would not have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IndexProblem> {
        let mut cursor = Cursor(bytes);
        let index = Self::read(&mut cursor)?;
        if !cursor.0.is_empty() {
            return Err(IndexProblem::Length);
        }
        index.validate()?;
        Ok(index)
    }

    fn read(cursor: &mut Cursor<'_>) -> Result<Self, IndexProblem> {
        const LENGTH: IndexProblem = IndexProblem::Length;
        let mut index = GzipIndex {
            in_len: cursor.varint().ok_or(LENGTH)?,
            out_len: cursor.varint().ok_or(LENGTH)?,
            members: cursor.varint().ok_or(LENGTH)?,
            trailing: cursor.varint().ok_or(LENGTH)?,
            ..GzipIndex::default()
        };
        index.checkpoints = read_checkpoints(cursor)?;
        index.landmarks = Landmarks::read(cursor)?;
        Ok(index)
    }
}

/// Checkpoints as they are stored; those of a group are not taken apart.
pub(crate) fn write_checkpoints(checkpoints: &[Checkpoint], out: &mut Vec<u8>) {
    put(out, checkpoints.len() as u64);
    let (mut bits, mut at) = (0, 0);
    let mut last: Option<(&Arc<[u8]>, u8)> = None;
    for checkpoint in checkpoints {
        put(out, checkpoint.in_bit_offset.wrapping_sub(bits));
        put(out, checkpoint.out_offset.wrapping_sub(at));
        bits = checkpoint.in_bit_offset;
        at = checkpoint.out_offset;
        match (checkpoint.kind, checkpoint.window.packed()) {
            (CheckpointKind::MemberStart, _) => out.push(MEMBER_START),
            (CheckpointKind::Block, None) if checkpoint.window.is_empty() => {
                out.push(NO_WINDOW);
            }
            // Still loose: the stream goes on.
            (CheckpointKind::Block, None) => {
                out.extend_from_slice(&[NEW_GROUP, 0]);
                let group = checkpoint.window.pack_alone();
                put(out, group.len() as u64);
                out.extend_from_slice(&group);
                last = None;
            }
            // The window after the last one of the same group.
            (CheckpointKind::Block, Some((group, number)))
                if last.is_some_and(|(l, n)| Arc::ptr_eq(l, group) && n + 1 == number) =>
            {
                out.push(SAME_GROUP);
                last = Some((group, number));
            }
            (CheckpointKind::Block, Some((group, number))) => {
                out.push(NEW_GROUP);
                out.push(number);
                put(out, group.len() as u64);
                out.extend_from_slice(group);
                last = Some((group, number));
            }
        }
    }
}

/// Reads what [`write_checkpoints`] wrote. That positions fit together is not checked.
pub(crate) fn read_checkpoints(cursor: &mut Cursor<'_>) -> Result<Vec<Checkpoint>, IndexProblem> {
    const LENGTH: IndexProblem = IndexProblem::Length;
    const ORDER: IndexProblem = IndexProblem::Order;
    let mut checkpoints = Vec::new();
    let (mut bits, mut at) = (0u64, 0u64);
    let mut last = None;
    for _ in 0..cursor.varint().ok_or(LENGTH)? {
        bits = bits
            .checked_add(cursor.varint().ok_or(LENGTH)?)
            .ok_or(ORDER)?;
        at = at
            .checked_add(cursor.varint().ok_or(LENGTH)?)
            .ok_or(ORDER)?;
        let what = cursor.bytes(1).ok_or(LENGTH)?;
        let kind = match what {
            [MEMBER_START] => CheckpointKind::MemberStart,
            _ => CheckpointKind::Block,
        };
        let window = match what {
            [MEMBER_START | NO_WINDOW] => PackedWindow::default(),
            [SAME_GROUP] => {
                let (group, number): (Arc<[u8]>, u8) = last.take().ok_or(IndexProblem::Kind)?;
                let number = number.checked_add(1).ok_or(IndexProblem::Kind)?;
                last = Some((group.clone(), number));
                PackedWindow::grouped(group, number)
            }
            [NEW_GROUP] => {
                let number = cursor.bytes(1).ok_or(LENGTH)?[0];
                let len = cursor.varint().ok_or(LENGTH)?;
                if len > MAX_PACKED_LEN {
                    return Err(LENGTH);
                }
                let group: Arc<[u8]> = cursor.bytes(len).ok_or(LENGTH)?.into();
                last = Some((group.clone(), number));
                PackedWindow::grouped(group, number)
            }
            _ => return Err(IndexProblem::Kind),
        };
        checkpoints.push(Checkpoint {
            in_bit_offset: bits,
            out_offset: at,
            kind,
            window,
        });
    }
    Ok(checkpoints)
}
