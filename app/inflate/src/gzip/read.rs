//! Reads a range of uncompressed bytes, starting at a checkpoint.

use crate::engine::{DefaultEngine, Engine};
use crate::gzip::checkpoint::{Checkpoint, CheckpointKind};
use crate::gzip::error::GzipError;
use crate::gzip::index::GzipPlan;
use crate::gzip::limits::GzipLimits;
use crate::gzip::stream::{GzipStream, Happened};

/// Whether a reader wants more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadState {
    /// More compressed bytes, please.
    NeedsInput,
    /// All wanted bytes have been given.
    Done,
}

/// Inflates from a checkpoint. Takes the bytes of [`GzipPlan::in_range`] in chunks of any size
/// and gives exactly [`GzipPlan::len`] bytes; goes on over the ends of members.
pub struct GzipReader<E: Engine = DefaultEngine> {
    start: Start<E>,
    skip: u64,
    left: u64,
}

enum Start<E> {
    /// The first byte holds the block's first bits.
    FirstByte {
        bits: u8,
        in_offset: u64,
        out_offset: u64,
        window: Vec<u8>,
    },
    Running(Box<GzipStream<E>>),
}

impl<E: Engine> GzipReader<E> {
    /// Restores the checkpoint that the plan names.
    ///
    /// # Errors
    /// [`GzipError::BadWindow`].
    pub fn new(checkpoint: &Checkpoint, plan: &GzipPlan) -> Result<Self, GzipError> {
        let in_offset = checkpoint.in_offset();
        let out_offset = checkpoint.out_offset;
        let bit = (checkpoint.in_bit_offset % 8) as u8;
        let start =
            match (checkpoint.kind, bit) {
                (CheckpointKind::MemberStart, _) => Start::Running(Box::new(
                    GzipStream::at_member(in_offset, out_offset, false, GzipLimits::NONE),
                )),
                (CheckpointKind::Block, 0) => {
                    let window = checkpoint.window.unpack()?;
                    Start::Running(Box::new(GzipStream::at_block(
                        in_offset, out_offset, 0, 0, &window,
                    )))
                }
                (CheckpointKind::Block, bit) => Start::FirstByte {
                    bits: 8 - bit,
                    in_offset: in_offset + 1,
                    out_offset,
                    window: checkpoint.window.unpack()?,
                },
            };
        Ok(GzipReader {
            start,
            skip: plan.skip,
            left: plan.len,
        })
    }

    /// Takes compressed bytes, gives wanted ones. What lies before damage is given first; once all
    /// wanted bytes are, damage after them is not noticed, and neither is any checksum: who needs
    /// to trust the bytes checks the digest of what is pushed.
    ///
    /// # Errors
    /// [`GzipError`] when the data is damaged; the same for every later push.
    pub fn push(
        &mut self,
        input: &[u8],
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<ReadState, GzipError> {
        let mut rest = input;
        if let Start::FirstByte {
            bits,
            in_offset,
            out_offset,
            window,
        } = &self.start
        {
            let Some((&byte, after)) = rest.split_first() else {
                return Ok(self.state());
            };
            rest = after;
            self.start = Start::Running(Box::new(GzipStream::at_block(
                *in_offset,
                *out_offset,
                *bits,
                byte,
                window,
            )));
        }
        let Start::Running(stream) = &mut self.start else {
            return Ok(self.state());
        };
        while self.left > 0 {
            match stream.next(&mut rest)? {
                Happened::NeedsInput => break,
                Happened::MemberStart { .. } => {}
                Happened::Decoded { .. } => {
                    let output = stream.output();
                    let skipped = self.skip.min(output.len() as u64);
                    self.skip -= skipped;
                    // Both fit: they are at most the output's length.
                    let output = &output[skipped as usize..];
                    let wanted = self.left.min(output.len() as u64);
                    self.left -= wanted;
                    if wanted > 0 {
                        out(&output[..wanted as usize]);
                    }
                }
            }
        }
        Ok(self.state())
    }

    fn state(&self) -> ReadState {
        if self.left == 0 {
            ReadState::Done
        } else {
            ReadState::NeedsInput
        }
    }
}
