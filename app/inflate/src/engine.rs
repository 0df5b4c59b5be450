//! What the rest asks of a deflate decoder (RFC 1951), so that a second one can be measured.

/// What builders and readers decode with unless they are told: the fastest that was measured
/// (`cargo xtask bench`). [`crate::MinizEngine`] stays as the one that it is compared with.
pub type DefaultEngine = crate::fast::FastEngine;

/// A raw-deflate decoder that stops at every block boundary.
///
/// The output buffer is linear: what lies before `out_pos` is the history that distances may
/// reach, and the decoder never wraps. A new stream therefore starts at `out_pos == 0`.
pub trait Engine: Sized {
    /// A decoder at the start of a deflate stream.
    fn start() -> Self;

    /// A decoder at a block's header. The top `bits` bits (0 to 7) of `byte`, the last byte
    /// consumed before, belong to that header.
    fn resume(bits: u8, byte: u8) -> Self;

    /// Decodes from `input` into `out[out_pos..]`, as far as either reaches or to the next block
    /// boundary. Further input may always follow: a stream cut short ends in
    /// [`StepStatus::NeedsInput`]. What was decoded before a failure is told too.
    fn step(&mut self, input: &[u8], out: &mut [u8], out_pos: usize) -> Step;

    /// After [`StepStatus::BlockBoundary`]: how many top bits (0 to 7) of the last consumed byte
    /// belong to the next block.
    fn pending_bits(&self) -> u8;
}

/// What a [`Engine::step`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Compressed bytes taken from the input.
    pub consumed: usize,
    /// Uncompressed bytes written.
    pub produced: usize,
    /// Why it stopped.
    pub status: StepStatus,
}

/// Why a step stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// All input is used up.
    NeedsInput,
    /// The output buffer is full.
    NeedsOutput,
    /// A block that is not the last has ended.
    BlockBoundary,
    /// The last block has ended; the next byte is the one after the stream.
    Done,
    /// The stream is damaged.
    Failed,
}
