//! Members of a held archive, piece by piece.

use std::ops::Range;
use std::rc::Rc;

use layerscope_inflate::{Crc32, DefaultEngine, Engine, StepStatus, WINDOW_BYTES, inflate_whole};

use super::{Archive, Method, Packed};
use crate::layer_index::{ReadError, ReadPlan};

/// Bytes given at once, at most: some milliseconds of inflating.
pub const PIECE_BYTES: usize = 256 << 10;

/// Gives what a plan of a held archive needs, in order.
pub trait HeldReader {
    /// The next bytes, perhaps none of them wanted yet; none at the end.
    ///
    /// # Errors
    /// A member cannot be unpacked, or is not what its checksum says. The same for all later calls.
    fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError>;
}

impl Archive {
    /// Plans a read of part of an entry, as [`crate::layer_index::LayerIndex::plan_read`] does, and
    /// gives what reads its bytes for [`crate::layer_index::EntryReader::of_kept`].
    ///
    /// # Errors
    /// There is no such entry, it is no file, or nothing unpacks it here.
    pub fn open(
        &self,
        ordinal: u32,
        range: Range<u64>,
    ) -> Result<(ReadPlan, Box<dyn HeldReader>), ReadError> {
        if let Some(packed) = self.packed.get(&ordinal) {
            let size = self.toc.size(ordinal);
            let plan = ReadPlan::of_bytes(ordinal, range, size);
            let reader = Inflating::new(self.plain.clone(), packed, plan.range.clone(), size)?;
            return Ok((plan, Box::new(reader)));
        }
        let plan = ReadPlan::of_plain(&self.toc, self.len(), ordinal, range)?;
        let reader = Lying {
            plain: self.plain.clone(),
            left: plan.out_range(),
        };
        Ok((plan, Box::new(reader)))
    }
}

/// Bytes that lie in the archive as they are.
struct Lying {
    plain: Rc<Vec<u8>>,
    left: Range<u64>,
}

impl HeldReader for Lying {
    fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        let end = self.left.end.min(self.left.start + PIECE_BYTES as u64);
        // A plan lies within the bytes that it was made for.
        let piece = self.plain.get(self.left.start as usize..end as usize);
        self.left.start = end;
        Ok(piece.filter(|p| !p.is_empty()).map(<[u8]>::to_vec))
    }
}

/// A deflated member, from its start.
struct Inflating {
    plain: Rc<Vec<u8>>,
    /// Compressed bytes not taken yet.
    place: Range<usize>,
    engine: DefaultEngine,
    /// A window and room for a piece.
    buf: Vec<u8>,
    /// Where the next plain byte goes in `buf`.
    pos: usize,
    /// Bytes that came out.
    at: u64,
    wanted: Range<u64>,
    size: u64,
    crc: Crc32,
    stated_crc: u32,
    failed: Option<ReadError>,
}

impl Inflating {
    fn new(
        plain: Rc<Vec<u8>>,
        packed: &Packed,
        wanted: Range<u64>,
        size: u64,
    ) -> Result<Self, ReadError> {
        if let Method::Unreadable(detail) = &packed.method {
            return Err(member(detail));
        }
        Ok(Inflating {
            plain,
            place: packed.place.clone(),
            engine: DefaultEngine::start(),
            buf: vec![0; WINDOW_BYTES + PIECE_BYTES],
            pos: 0,
            at: 0,
            wanted,
            size,
            crc: Crc32::new(),
            stated_crc: packed.crc,
            failed: None,
        })
    }

    fn step(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        if self.at >= self.wanted.end {
            return Ok(None);
        }
        if let Some(old) = self.pos.checked_sub(WINDOW_BYTES) {
            self.buf.copy_within(old..self.pos, 0);
            self.pos = WINDOW_BYTES;
        }
        let before = self.pos;
        let ended = loop {
            let input = self.plain.get(self.place.clone()).unwrap_or_default();
            let step = self.engine.step(input, &mut self.buf, self.pos);
            self.place.start += step.consumed;
            self.pos += step.produced;
            match step.status {
                StepStatus::BlockBoundary => {}
                StepStatus::NeedsOutput => break false,
                StepStatus::Done => break true,
                // What came before the cut is good.
                StepStatus::NeedsInput if self.pos > before => break false,
                StepStatus::NeedsInput => return Err(member("its data is cut short")),
                StepStatus::Failed => return Err(member("its data is damaged")),
            }
        };
        let out = &self.buf[before..self.pos];
        let start = self.at;
        self.at += out.len() as u64;
        self.crc.update(out);
        if self.at > self.size || (ended && self.at != self.size) {
            return Err(member("its size is not the one that is stated"));
        }
        // The data's end may come after its last byte; a read to the end waits for it.
        if self.at == self.size && self.crc.value() != self.stated_crc {
            return Err(member("its checksum is wrong"));
        }
        let len = out.len() as u64;
        let from = self.wanted.start.saturating_sub(start).min(len) as usize;
        let to = self.wanted.end.saturating_sub(start).min(len) as usize;
        Ok(Some(out.get(from..to).unwrap_or_default().to_vec()))
    }
}

impl HeldReader for Inflating {
    fn next(&mut self) -> Result<Option<Vec<u8>>, ReadError> {
        if let Some(failed) = &self.failed {
            return Err(failed.clone());
        }
        let result = self.step();
        if let Err(error) = &result {
            self.failed = Some(error.clone());
        }
        result
    }
}

fn member(detail: &str) -> ReadError {
    ReadError::Member {
        detail: detail.to_owned(),
    }
}

/// A short member, whole.
pub(super) fn inflate_all(data: &[u8], limit: u64) -> Option<Vec<u8>> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    inflate_whole(data, limit)
}
