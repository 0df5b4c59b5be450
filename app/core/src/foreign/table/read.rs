//! Reading a file in pieces: decode each, check it, give of it what is wanted.

use std::collections::VecDeque;
use std::ops::Range;

use layerscope_inflate::{Checkpoint, CheckpointKind, GzipPlan, GzipReader, PackedWindow};

use super::{CHECKED_WHOLE, Chunk, ChunkTable, Frame};
use crate::decode::{self, DecodeLimits, Decoder, FramePoint};
use crate::digest::{Algorithm, Hasher};
use crate::job::Verified;
use crate::layer_index::{ChunkReader, Compression, Progress, ReadError};

/// What is done with a piece.
struct Step {
    chunk: Chunk,
    /// Bytes of the piece that are wanted.
    wanted: Range<u64>,
    /// Bytes of the piece, from its start, that are decoded.
    until: u64,
    /// What it is checked by, if it is decoded whole.
    hasher: Option<Hasher>,
}

impl Step {
    fn new(chunk: Chunk, range: &Range<u64>) -> Step {
        let cut = |at: u64| at.saturating_sub(chunk.out_start).min(chunk.out_len);
        let wanted = cut(range.start)..cut(range.end);
        let whole = wanted == (0..chunk.out_len) || chunk.out_len <= CHECKED_WHOLE;
        let checked = whole && chunk.digest.is_some() && !chunk.zeros;
        Step {
            until: if checked { chunk.out_len } else { wanted.end },
            wanted,
            hasher: checked.then(|| Hasher::new(Algorithm::Sha256)),
            chunk,
        }
    }

    fn error(&self, detail: impl Into<String>) -> ReadError {
        ReadError::Chunk {
            in_offset: self.chunk.in_start,
            detail: detail.into(),
        }
    }
}

/// A frame that is being decoded.
struct Running {
    in_start: u64,
    decoder: FrameDecoder,
}

enum FrameDecoder {
    Gzip(GzipReader),
    Zstd(Box<dyn Decoder>),
}

impl FrameDecoder {
    /// None where there is no decoder.
    fn new(frame: Frame, in_offset: u64) -> Option<FrameDecoder> {
        match frame {
            Frame::Gzip => {
                let from = Checkpoint {
                    in_bit_offset: in_offset * 8, // positions are below 2^62, but for zeros
                    out_offset: 0,
                    kind: CheckpointKind::MemberStart,
                    window: PackedWindow::default(),
                };
                let plan = GzipPlan {
                    checkpoint: 0,
                    in_range: in_offset..u64::MAX,
                    skip: 0,
                    len: u64::MAX,
                };
                GzipReader::new(&from, &plan).ok().map(FrameDecoder::Gzip)
            }
            Frame::Zstd => {
                let point = FramePoint::default();
                let limits = DecodeLimits::default();
                let decoder = decode::decoder(Compression::Zstd, point, limits);
                decoder.map(FrameDecoder::Zstd)
            }
        }
    }

    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        match self {
            FrameDecoder::Gzip(reader) => match reader.push(input, out) {
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            },
            FrameDecoder::Zstd(decoder) => decoder.push(input, out).map_err(|e| e.to_string()),
        }
    }
}

/// A read; see [`ChunkReader`].
pub(super) struct Reader {
    frame: Frame,
    verified: Verified,
    running: Option<Running>,
    /// Compressed position of the next byte.
    in_offset: u64,
    todo: Todo,
    failed: Option<ReadError>,
}

/// What is still to be given.
struct Todo {
    steps: VecDeque<Step>,
    /// Uncompressed bytes that the running frame has given.
    at: u64,
    /// The whole file, where only that has a digest.
    whole: Option<(Hasher, [u8; 32])>,
}

impl Reader {
    pub(super) fn new(table: &ChunkTable, ordinal: u32, range: &Range<u64>) -> Reader {
        let steps: VecDeque<Step> = match range.is_empty() {
            true => VecDeque::new(),
            false => table
                .together(ordinal, range)
                .iter()
                .map(|chunk| Step::new(*chunk, range))
                .collect(),
        };
        let size = table.of(ordinal).last().map_or(0, Chunk::out_end);
        let place = table.files.binary_search_by_key(&ordinal, |f| f.0);
        let whole = place.ok().filter(|_| *range == (0..size));
        let whole = whole.map(|at| (Hasher::new(Algorithm::Sha256), table.files[at].1));
        let checked = steps.iter().all(|s| s.chunk.zeros || s.hasher.is_some());
        let verified = match table.anchored && (checked || whole.is_some()) {
            true => Verified::Toc,
            false => Verified::None,
        };
        let first = steps.iter().find(|s| !s.chunk.zeros);
        Reader {
            frame: table.frame,
            verified,
            running: None,
            in_offset: first.map_or(0, |s| s.chunk.in_start),
            todo: Todo {
                steps,
                at: 0,
                whole,
            },
            failed: None,
        }
    }

    fn take(
        &mut self,
        mut input: &[u8],
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<Progress, ReadError> {
        loop {
            self.todo.zeros(out);
            let Some(step) = self.todo.steps.front() else {
                return Ok(Progress::Done);
            };
            if input.is_empty() {
                return Ok(Progress::NeedsInput);
            }
            let Range { start, end } = step.chunk.in_start..step.chunk.in_end;
            if self.in_offset < start {
                // What lies between two pieces.
                let n = usize::try_from(start - self.in_offset).unwrap_or(usize::MAX);
                let n = n.min(input.len());
                self.in_offset += n as u64;
                input = &input[n..];
                continue;
            }
            if self.in_offset >= end {
                return Err(step.error("its frame ends too early"));
            }
            let running = match &mut self.running {
                Some(running) if running.in_start == start => running,
                running => {
                    let decoder = FrameDecoder::new(self.frame, start);
                    let decoder = decoder.ok_or_else(|| step.error("nothing decodes it"))?;
                    self.todo.at = 0;
                    running.insert(Running {
                        in_start: start,
                        decoder,
                    })
                }
            };
            let room = usize::try_from(end - self.in_offset).unwrap_or(usize::MAX);
            let (now, later) = input.split_at(room.min(input.len()));
            input = later;
            self.in_offset += now.len() as u64;
            let (todo, mut refused) = (&mut self.todo, None);
            let decoded = running.decoder.push(now, &mut |bytes| {
                if refused.is_none() {
                    refused = todo.take(start, bytes, out).err();
                }
            });
            if let Some(error) = refused {
                return Err(error);
            }
            // Damage after what was wanted is nobody's business.
            let unfinished = self.todo.steps.front();
            let unfinished = unfinished.filter(|s| s.chunk.in_start == start && !s.chunk.zeros);
            if let (Err(detail), Some(step)) = (decoded, unfinished) {
                return Err(step.error(detail));
            }
        }
    }
}

impl Todo {
    /// Takes the next bytes of the frame that starts there.
    fn take(
        &mut self,
        in_start: u64,
        mut bytes: &[u8],
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), ReadError> {
        while !bytes.is_empty() {
            self.zeros(out);
            let Some(step) = self.steps.front_mut() else {
                return Ok(());
            };
            if step.chunk.in_start != in_start {
                return Ok(());
            }
            let before = step.chunk.skip.saturating_sub(self.at);
            let skipped = usize::try_from(before).unwrap_or(usize::MAX);
            let (dropped, rest) = bytes.split_at(skipped.min(bytes.len()));
            self.at += dropped.len() as u64;
            if rest.is_empty() {
                return Ok(());
            }
            let from = self.at - step.chunk.skip;
            let room = usize::try_from(step.until.saturating_sub(from)).unwrap_or(usize::MAX);
            let (now, later) = rest.split_at(room.min(rest.len()));
            bytes = later;
            self.at += now.len() as u64;
            if let Some(hasher) = &mut step.hasher {
                hasher.update(now);
            }
            // Both are at most the length.
            let cut = |at: u64| at.saturating_sub(from).min(now.len() as u64) as usize;
            let wanted = &now[cut(step.wanted.start)..cut(step.wanted.end)];
            if !wanted.is_empty() {
                if let Some((hasher, _)) = &mut self.whole {
                    hasher.update(wanted);
                }
                out(wanted);
            }
            if from + now.len() as u64 >= step.until {
                let hasher = step.hasher.take();
                let digest = hasher.map(|hasher| hasher.finish().raw());
                if digest.is_some_and(|digest| step.chunk.digest.is_some_and(|d| digest != d)) {
                    return Err(step.error("its digest is another one"));
                }
                self.steps.pop_front();
            }
        }
        self.zeros(out);
        Ok(())
    }

    /// Gives the zeros that are next.
    fn zeros(&mut self, out: &mut dyn FnMut(&[u8])) {
        const ZEROS: [u8; 16 << 10] = [0; 16 << 10];
        while let Some(step) = self.steps.pop_front_if(|step| step.chunk.zeros) {
            let mut left = step.wanted.end - step.wanted.start;
            while left > 0 {
                let n = usize::try_from(left).unwrap_or(usize::MAX).min(ZEROS.len());
                if let Some((hasher, _)) = &mut self.whole {
                    hasher.update(&ZEROS[..n]);
                }
                out(&ZEROS[..n]);
                left -= n as u64;
            }
        }
    }
}

impl ChunkReader for Reader {
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<Progress, ReadError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.take(input, out);
        self.failed = result.as_ref().err().cloned();
        result
    }

    fn finish(&mut self, out: &mut dyn FnMut(&[u8])) -> Result<Verified, ReadError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        self.todo.zeros(out);
        if let Some(step) = self.todo.steps.front() {
            return Err(match self.in_offset >= step.chunk.in_end {
                true => step.error("its frame ends too early"),
                false => ReadError::Truncated {
                    in_offset: self.in_offset,
                    expected: step.chunk.in_end,
                },
            });
        }
        if let Some((hasher, expected)) = self.todo.whole.take()
            && hasher.finish().raw() != expected
        {
            return Err(ReadError::FileMismatch);
        }
        Ok(self.verified)
    }
}
