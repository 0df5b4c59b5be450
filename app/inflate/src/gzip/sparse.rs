//! Sparse windows: which of a window's 32 KiB does anything after the checkpoint refer to?
//!
//! Distances reach back 32 KiB, so only the first 32 KiB of output after a checkpoint can name
//! window bytes. Those are inflated again from two windows whose bytes are changed by the low and
//! by the high part of their position: where that changes the output, the two changes spell the
//! position that was copied. No knowledge of the decoder is needed. A third pass, from the window
//! with all other bytes zeroed, must give the true output, or the whole window is kept.

use crate::engine::{Engine, StepStatus};
use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::window::{PackedWindow, WINDOW_BYTES};

/// Compressed bytes kept after a checkpoint. 32 KiB of output take less unless somebody wrote
/// thousands of empty blocks; then the whole window is kept, and memory stays bounded.
const MAX_COMPRESSED: usize = 64 * 1024;

/// Room past the bytes that are looked at, so that the engine's fast loop is not left early.
const SLACK: usize = 512;

/// Set in the high part of a position, so that position 0 changes something too.
const MARK: u8 = 0x80;

/// Where inflating can start again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BlockStart {
    /// Bits from the blob's first byte.
    pub(crate) in_bit_offset: u64,
    /// Uncompressed bytes before it.
    pub(crate) out_offset: u64,
    /// How many top bits of `byte` belong to the block.
    pub(crate) bits: u8,
    /// The last byte consumed before it.
    pub(crate) byte: u8,
}

/// A checkpoint whose following 32 KiB have not all been seen yet.
pub(crate) struct PendingCheckpoint {
    start: BlockStart,
    window: Vec<u8>,
    compressed: Vec<u8>,
    /// More compressed bytes came than are kept.
    overflow: bool,
    following: Vec<u8>,
}

impl PendingCheckpoint {
    pub(crate) fn new(start: BlockStart, window: &[u8]) -> Self {
        PendingCheckpoint {
            start,
            window: window.to_vec(),
            compressed: Vec::new(),
            overflow: false,
            following: Vec::with_capacity(WINDOW_BYTES),
        }
    }

    /// Takes what was decoded next. True once no more is wanted.
    ///
    /// That, and what [`Self::settle`] makes of it, must not depend on how the input was cut:
    /// either 32 KiB come out of the first [`MAX_COMPRESSED`] bytes, or they do not.
    pub(crate) fn feed(&mut self, compressed: &[u8], output: &[u8]) -> bool {
        let room = MAX_COMPRESSED - self.compressed.len();
        self.overflow |= compressed.len() > room;
        self.compressed
            .extend_from_slice(&compressed[..compressed.len().min(room)]);
        let room = WINDOW_BYTES - self.following.len();
        self.following
            .extend_from_slice(&output[..output.len().min(room)]);
        self.overflow || self.following.len() == WINDOW_BYTES
    }

    /// No output has followed.
    pub(crate) fn is_idle(&self) -> bool {
        self.following.is_empty() && !self.overflow
    }

    /// The checkpoint, with the whole window where not all that follows is known.
    /// `member_end` says that nothing else can refer to the window.
    pub(crate) fn settle<E: Engine>(mut self, member_end: bool, trials: &mut Trials) -> Checkpoint {
        let all_known = self.following.len() == WINDOW_BYTES || (member_end && !self.overflow);
        if all_known && let Some(sparse) = trials.sparse::<E>(&self) {
            self.window = sparse;
        }
        Checkpoint {
            in_bit_offset: self.start.in_bit_offset,
            out_offset: self.start.out_offset,
            kind: CheckpointKind::Block,
            window: PackedWindow::pack(&self.window),
        }
    }
}

/// Room for the trials, used again for each checkpoint.
#[derive(Default)]
pub(crate) struct Trials {
    buf: Vec<u8>,
    low: Vec<u8>,
}

impl Trials {
    /// The window with all unreferenced bytes zeroed; none if the trials do not reproduce what
    /// really followed.
    fn sparse<E: Engine>(&mut self, pending: &PendingCheckpoint) -> Option<Vec<u8>> {
        let Trials { buf, low } = self;
        let (real, window) = (pending.following.as_slice(), pending.window.as_slice());

        let changed = run::<E>(buf, pending, |at| window[at] ^ at as u8)?;
        low.clear();
        low.extend(changed.iter().zip(real).map(|(c, r)| c ^ r));
        let changed = run::<E>(buf, pending, |at| window[at] ^ MARK ^ (at >> 8) as u8)?;
        let high = changed.iter().zip(real).map(|(c, r)| c ^ r);

        let mut sparse = vec![0; window.len()];
        for (high, low) in high.zip(low.iter()) {
            if high != 0 {
                let at = usize::from(high & !MARK) << 8 | usize::from(*low);
                *sparse.get_mut(at)? = *window.get(at)?;
            }
        }
        let again = run::<E>(buf, pending, |at| sparse[at])?;
        (again == real).then_some(sparse)
    }
}

/// What would follow the checkpoint if its window were another.
fn run<'a, E: Engine>(
    buf: &'a mut Vec<u8>,
    pending: &PendingCheckpoint,
    window: impl Fn(usize) -> u8,
) -> Option<&'a [u8]> {
    let start = pending.window.len();
    let end = start + pending.following.len();
    buf.resize(2 * WINDOW_BYTES + SLACK, 0);
    for (at, byte) in buf[..start].iter_mut().enumerate() {
        *byte = window(at);
    }
    let mut engine = E::resume(pending.start.bits, pending.start.byte);
    let mut input = pending.compressed.as_slice();
    let mut pos = start;
    while pos < end {
        let step = engine.step(input, &mut buf[..end + SLACK], pos);
        input = &input[step.consumed..];
        pos += step.produced;
        match step.status {
            StepStatus::BlockBoundary => {}
            StepStatus::NeedsInput if step.consumed > 0 || step.produced > 0 => {}
            _ => break,
        }
    }
    (pos >= end).then(|| &buf[start..end])
}
