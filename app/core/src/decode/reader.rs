//! Reads a range of plain bytes, starting at a frame.

use super::error::DecodeError;
use super::frames::FramePlan;
use super::{DecodeLimits, Decoder, MakeDecoder};
use crate::layer_index::Compression;

/// Decodes from a frame's start. Takes the bytes of [`FramePlan::in_range`] in chunks of any size
/// and gives exactly [`FramePlan::len`] bytes.
pub struct FrameReader {
    decoder: Box<dyn Decoder>,
    /// Plain position of the next byte that the decoder gives.
    out_offset: u64,
    skip: u64,
    left: u64,
}

impl FrameReader {
    /// At the plan's frame; none if there is no decoder for this compression.
    pub fn new(compression: Compression, plan: &FramePlan, make: MakeDecoder) -> Option<Self> {
        let limits = DecodeLimits::default().for_reading();
        Some(FrameReader {
            decoder: make(compression, plan.point, limits)?,
            out_offset: plan.point.out_offset,
            skip: plan.skip,
            left: plan.len,
        })
    }

    /// Takes compressed bytes, gives wanted ones. What lies before damage is given first; once all
    /// wanted bytes are, damage after them is not noticed: who needs to trust the bytes checks the
    /// digest of what is pushed. `tap` gets every plain byte that is decoded, wanted or not, with
    /// its place among all of the blob.
    ///
    /// # Errors
    /// [`DecodeError`] when the data is damaged; the same for every later push.
    pub fn push(
        &mut self,
        input: &[u8],
        tap: &mut dyn FnMut(u64, &[u8]),
        out: &mut dyn FnMut(&[u8]),
    ) -> Result<(), DecodeError> {
        if self.left == 0 {
            return Ok(());
        }
        let (skip, left) = (&mut self.skip, &mut self.left);
        let out_offset = &mut self.out_offset;
        let result = self.decoder.push(input, &mut |bytes| {
            tap(*out_offset, bytes);
            *out_offset += bytes.len() as u64;
            let skipped = (*skip).min(bytes.len() as u64);
            *skip -= skipped;
            // Both fit: they are at most the length.
            let bytes = &bytes[skipped as usize..];
            let wanted = (*left).min(bytes.len() as u64);
            *left -= wanted;
            if wanted > 0 {
                out(&bytes[..wanted as usize]);
            }
        });
        match self.left {
            0 => Ok(()),
            _ => result,
        }
    }
}
