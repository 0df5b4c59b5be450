//! Where decoding can start, and what has to be fetched for a range.

use std::ops::Range;

use super::error::DecodeError;
use super::limits::DecodeLimits;
use crate::layer_index::Compression;
use crate::toc::varint::{Reader, put};

/// Plain bytes between two points that are kept: zstd:chunked has a frame for every file, and a
/// point for each would take more than it saves.
const POINT_SPACING: u64 = 64 << 10;

/// The start of a frame.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FramePoint {
    /// Compressed bytes from the blob's start.
    pub in_offset: u64,
    /// Plain bytes before it, over all frames.
    pub out_offset: u64,
}

/// Where frames start. Offsets count from the blob's first byte (`in_`) and from the first plain
/// byte over all frames (`out_`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FrameIndex {
    /// Compressed bytes seen.
    pub in_len: u64,
    /// Plain bytes given.
    pub out_len: u64,
    /// Rising by both offsets; the first is at plain byte 0.
    pub points: Vec<FramePoint>,
}

/// What to fetch for a range of plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FramePlan {
    /// The frame to start from.
    pub point: FramePoint,
    /// The compressed bytes to give to the reader: to the next frame's start. It is often done
    /// long before their end.
    pub in_range: Range<u64>,
    /// Plain bytes between the point and the range.
    pub skip: u64,
    /// Plain bytes wanted.
    pub len: u64,
}

/// Why a stored index of frames is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the frames are cut short, out of order or out of bounds")]
pub struct FramesProblem;

impl FrameIndex {
    /// The compressed bytes that hold `out_range`; none if the range is not (yet) covered.
    pub fn plan(&self, out_range: Range<u64>) -> Option<FramePlan> {
        if out_range.start > out_range.end || out_range.end > self.out_len {
            return None;
        }
        let after = self
            .points
            .partition_point(|p| p.out_offset <= out_range.start);
        let point = *self.points.get(after.checked_sub(1)?)?;
        let until = self
            .points
            .partition_point(|p| p.out_offset < out_range.end);
        let end = match out_range.is_empty() {
            true => point.in_offset,
            false => self.points.get(until).map_or(self.in_len, |p| p.in_offset),
        };
        Some(FramePlan {
            point,
            in_range: point.in_offset..end.max(point.in_offset),
            skip: out_range.start - point.out_offset,
            len: out_range.end - out_range.start,
        })
    }

    /// The most plain bytes that have to be decoded for one.
    pub fn longest_frame(&self) -> u64 {
        let starts = self.points.iter().map(|p| p.out_offset);
        let ends = starts.clone().skip(1).chain([self.out_len]);
        let lens = starts.zip(ends).map(|(start, end)| end - start); // they rise
        lens.max().unwrap_or(0)
    }

    /// The stored form: numbers as LEB128 differences.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, self.in_len);
        put(&mut out, self.out_len);
        let mut last = FramePoint::default();
        for point in &self.points {
            put(&mut out, point.in_offset.wrapping_sub(last.in_offset));
            put(&mut out, point.out_offset.wrapping_sub(last.out_offset));
            last = *point;
        }
        out
    }

    /// Reads what [`Self::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`FramesProblem`] for anything that `to_bytes` would not have written.
    pub fn from_bytes(bytes: &[u8]) -> Result<FrameIndex, FramesProblem> {
        let mut reader = Reader::new(bytes);
        Self::read(&mut reader).ok_or(FramesProblem)
    }

    fn read(reader: &mut Reader<'_>) -> Option<FrameIndex> {
        let mut index = FrameIndex {
            in_len: reader.number()?,
            out_len: reader.number()?,
            points: Vec::new(),
        };
        let mut at = FramePoint::default();
        while !reader.is_empty() {
            let (in_step, out_step) = (reader.number()?, reader.number()?);
            at.in_offset = at.in_offset.checked_add(in_step)?;
            at.out_offset = at.out_offset.checked_add(out_step)?;
            let first = index.points.is_empty();
            let rises = in_step > 0 && out_step > 0;
            let inside = at.in_offset <= index.in_len && at.out_offset <= index.out_len;
            if !inside || (first && at.out_offset != 0) || (!first && !rises) {
                return None;
            }
            index.points.push(at);
        }
        // Nothing comes out of no frame.
        (index.out_len == 0 || !index.points.is_empty()).then_some(index)
    }
}

/// What all decoders keep: positions, points, the limits and the first failure.
pub(super) struct Track {
    pub(super) compression: Compression,
    pub(super) index: FrameIndex,
    pub(super) limits: DecodeLimits,
    failed: Option<DecodeError>,
    /// Where the first frame is; limits count from there.
    start: FramePoint,
}

impl Track {
    pub(super) fn new(compression: Compression, start: FramePoint, limits: DecodeLimits) -> Self {
        Track {
            compression,
            index: FrameIndex {
                in_len: start.in_offset,
                out_len: start.out_offset,
                points: Vec::new(),
            },
            limits,
            failed: None,
            start,
        }
    }

    /// A frame starts here: its first byte is the next to be taken.
    pub(super) fn frame_start(&mut self) {
        self.frame_start_at(self.index.in_len);
    }

    pub(super) fn frame_start_at(&mut self, in_offset: u64) {
        let out_offset = self.index.out_len;
        let due = match self.index.points.last() {
            None => true,
            Some(last) => out_offset - last.out_offset >= POINT_SPACING,
        };
        if due {
            self.index.points.push(FramePoint {
                in_offset,
                out_offset,
            });
        }
    }

    /// Gives plain bytes on.
    pub(super) fn give(
        &mut self,
        bytes: &[u8],
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DecodeError> {
        if bytes.is_empty() {
            return Ok(());
        }
        self.index.out_len += bytes.len() as u64;
        let taken = self.index.in_len - self.start.in_offset;
        let given = self.index.out_len - self.start.out_offset;
        self.limits.check(self.compression, taken, given)?;
        out(bytes);
        Ok(())
    }

    pub(super) fn damaged(&self, detail: impl Into<String>) -> DecodeError {
        DecodeError::Damaged {
            compression: self.compression,
            in_offset: self.index.in_len,
            out_offset: self.index.out_len,
            detail: detail.into(),
        }
    }

    pub(super) fn truncated(&self) -> DecodeError {
        DecodeError::Truncated {
            compression: self.compression,
            in_offset: self.index.in_len,
        }
    }

    /// Whether it may go on: says again why it failed before.
    pub(super) fn check(&self) -> Result<(), DecodeError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Keeps the first failure and gives it again.
    pub(super) fn keep<T>(&mut self, result: Result<T, DecodeError>) -> Result<T, DecodeError> {
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }
}
