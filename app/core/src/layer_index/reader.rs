//! From the fetched bytes of a plan to the file's bytes.

use std::ops::Range;

use layerscope_inflate::GzipReader;

use super::checks::Expected;
use super::chunks::ChunkReader;
use super::plan::{AccessRef, ReadError, ReadPlan, Segment, Start};
use crate::decode::FrameReader;
use crate::job::Verified;

/// How far a read is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// More bytes of the plan's range are needed.
    NeedsInput,
    /// All bytes of the file that the plan has were given; further input is not looked at.
    Done,
}

/// Turns the bytes of a plan's range into the file's bytes: give it the bytes of
/// [`ReadPlan::in_range`] in chunks of any size and then call [`EntryReader::finish`]. It holds a
/// unit and an inflater's window, never the file.
pub struct EntryReader {
    expected: Expected,
    /// The piece that is checked next, as far as it has come.
    gathered: Vec<u8>,
    in_range: Range<u64>,
    needed: Range<u64>,
    /// Compressed bytes taken, from the blob's start.
    in_offset: u64,
    decoding: Decoding,
    /// Does it all, if the file lies in pieces.
    chunks: Option<Box<dyn ChunkReader>>,
    emitter: Emitter,
    failed: Option<ReadError>,
}

/// What makes plain bytes of compressed ones.
enum Decoding {
    Plain,
    Gzip(Box<GzipReader>),
    Frame(FrameReader),
}

impl EntryReader {
    pub(super) fn new(
        access: AccessRef<'_>,
        plan: ReadPlan,
        expected: Expected,
    ) -> Result<Self, ReadError> {
        let decoding = match (&plan.from, access) {
            (Start::Gzip(gzip), AccessRef::Gzip(index)) => {
                let from = index
                    .checkpoints
                    .get(gzip.checkpoint)
                    .ok_or(ReadError::OtherIndex)?;
                if from.in_offset() != gzip.in_range.start {
                    return Err(ReadError::OtherIndex);
                }
                Decoding::Gzip(Box::new(GzipReader::new(from, gzip)?))
            }
            (Start::Frame(plan), AccessRef::Frames(frames)) => {
                if !frames.index.points.contains(&plan.point) {
                    return Err(ReadError::OtherIndex);
                }
                let compression = frames.compression;
                let made = frames
                    .decoders
                    .and_then(|make| FrameReader::new(compression, plan, make));
                Decoding::Frame(made.ok_or(ReadError::NoDecoder { compression })?)
            }
            (Start::Plain, AccessRef::Plain | AccessRef::Chunks(_)) => Decoding::Plain,
            (Start::Plain, _) if plan.needed.is_empty() => Decoding::Plain,
            _ => return Err(ReadError::OtherIndex),
        };
        let chunks = match (access, plan.ordinal) {
            (AccessRef::Chunks(chunks), Some(file)) => {
                Some(chunks.reader(file, plan.range.clone()))
            }
            (AccessRef::Chunks(_), None) => return Err(ReadError::OtherIndex),
            (AccessRef::Plain | AccessRef::Gzip(_) | AccessRef::Frames(_), _) => None,
        };
        Ok(EntryReader {
            expected,
            gathered: Vec::new(),
            in_offset: plan.in_range.start,
            in_range: plan.in_range,
            needed: plan.needed,
            decoding,
            chunks,
            emitter: Emitter::new(plan.segments),
            failed: None,
        })
    }

    /// Of plain bytes that are here already, the [`ReadPlan::out_range`] of the plan, which were
    /// checked when they came.
    pub fn of_kept(plan: ReadPlan, verified: Verified) -> EntryReader {
        EntryReader {
            expected: Expected::Before(verified),
            gathered: Vec::new(),
            in_offset: plan.out_range.start,
            in_range: plan.out_range.clone(),
            needed: plan.out_range,
            decoding: Decoding::Plain,
            chunks: None,
            emitter: Emitter::new(plan.segments),
            failed: None,
        }
    }

    /// How far the bytes that it gives are checked, if nothing but their place tells.
    pub fn verified(&self) -> Verified {
        self.expected.verified()
    }

    /// Takes the next bytes of the plan's range; `out` gets bytes of the file, in order. They are
    /// checked as [`EntryReader::finish`] says, and to be kept back until it has.
    ///
    /// # Errors
    /// A unit does not match its digest (nothing of it was given), or inflating failed. The same
    /// for all later calls.
    pub fn push(
        &mut self,
        input: &[u8],
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Progress, ReadError> {
        self.push_and(input, &mut |_, _| {}, out)
    }

    /// The same. Where frames are decoded, `tap` gets every plain byte, those before the wanted
    /// ones included, with its place among all of the blob.
    ///
    /// # Errors
    /// As [`EntryReader::push`].
    pub fn push_and(
        &mut self,
        input: &[u8],
        tap: &mut dyn FnMut(u64, &[u8]),
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Progress, ReadError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.take(input, tap, out);
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }

    fn take(
        &mut self,
        mut input: &[u8],
        tap: &mut dyn FnMut(u64, &[u8]),
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Progress, ReadError> {
        if let Some(chunks) = &mut self.chunks {
            return chunks.push(input, out);
        }
        while !input.is_empty() && !self.emitter.is_done() && self.in_offset < self.in_range.end {
            // To the end of what is checked as one, or the range's.
            let end = self.expected.piece_end(self.in_offset);
            let whole = end.unwrap_or(u64::MAX).min(self.in_range.end);
            let room = whole - self.in_offset;
            let n = usize::try_from(room).unwrap_or(usize::MAX).min(input.len());
            let (now, later) = input.split_at(n);
            input = later;
            let start = self.in_offset;
            self.in_offset += n as u64;
            if end.is_none() {
                self.decode(start, now, tap, out)?;
                continue;
            }
            self.gathered.extend_from_slice(now);
            if n as u64 == room {
                let piece = std::mem::take(&mut self.gathered);
                let start = self.in_offset - piece.len() as u64;
                if !self.expected.matches(start, &piece) {
                    return Err(ReadError::UnitMismatch { in_offset: start });
                }
                self.decode(start, &piece, tap, out)?;
            }
        }
        Ok(match self.emitter.is_done() {
            true => Progress::Done,
            false => Progress::NeedsInput,
        })
    }

    /// Gives on what of these bytes is needed; `start` is where they are in the blob.
    fn decode(
        &mut self,
        start: u64,
        bytes: &[u8],
        tap: &mut dyn FnMut(u64, &[u8]),
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        let len = bytes.len() as u64;
        let from = self.needed.start.saturating_sub(start).min(len) as usize;
        let to = self.needed.end.saturating_sub(start).min(len) as usize;
        let bytes = bytes.get(from..to).unwrap_or_default();
        let emitter = &mut self.emitter;
        match &mut self.decoding {
            Decoding::Plain => emitter.data(bytes, out),
            Decoding::Gzip(gzip) => {
                gzip.push(bytes, &mut |data| emitter.data(data, out))?;
            }
            Decoding::Frame(frame) => {
                frame.push(bytes, tap, &mut |data| emitter.data(data, out))?;
            }
        }
        Ok(())
    }

    /// Says that the plan's bytes have ended; gives what needs none (holes). Tells how far all that
    /// was given is checked.
    ///
    /// # Errors
    /// Bytes are missing, or it had failed before.
    pub fn finish(mut self, out: &mut dyn FnMut(&[u8])) -> Result<Verified, ReadError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if let Some(mut chunks) = self.chunks {
            return chunks.finish(out);
        }
        self.emitter.holes(out);
        if !self.emitter.is_done() {
            let (in_offset, expected) = (self.in_offset, self.in_range.end);
            return Err(ReadError::Truncated {
                in_offset,
                expected,
            });
        }
        Ok(self.expected.verified())
    }
}

/// Puts holes between data.
struct Emitter {
    /// Next one last.
    segments: Vec<Segment>,
}

impl Emitter {
    fn new(mut segments: Vec<Segment>) -> Self {
        segments.reverse();
        Emitter { segments }
    }

    fn is_done(&self) -> bool {
        self.segments.is_empty()
    }

    fn data(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(&[u8])) {
        while !bytes.is_empty() {
            self.holes(out);
            let Some(Segment::Data(left)) = self.segments.last_mut() else {
                return; // more than was planned: not wanted
            };
            let n = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(bytes.len());
            let (now, later) = bytes.split_at(n);
            out(now);
            *left -= n as u64;
            if *left == 0 {
                self.segments.pop();
            }
            bytes = later;
        }
        self.holes(out);
    }

    /// Gives the holes that are next.
    fn holes(&mut self, out: &mut dyn FnMut(&[u8])) {
        const ZEROS: [u8; 16 << 10] = [0; 16 << 10];
        while let Some(Segment::Hole(left)) = self.segments.last_mut() {
            let n = usize::try_from(*left)
                .unwrap_or(usize::MAX)
                .min(ZEROS.len());
            out(&ZEROS[..n]);
            *left -= n as u64;
            if *left == 0 {
                self.segments.pop();
            }
        }
    }
}
