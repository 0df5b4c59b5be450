//! Compressions other than gzip: zstd, xz and bzip2, each through a well-kept decoder of others
//! behind one trait.
//!
//! None of them can start inside a frame, as gzip can with a window. What can be started from is
//! the beginning of a *frame* (zstd), a *stream* (xz) or a *member* (bzip2); all three are called
//! frames here. [`FrameIndex`] keeps where they are.
//!
//! Invariants: no bytes make a decoder panic; what it holds is bounded by [`DecodeLimits`], whatever
//! a header states; every chunking of the same sound bytes gives the same output and points.

mod bzip2;
mod error;
mod frames;
mod limits;
mod reader;
mod xz;
mod zstd;

#[cfg(test)]
pub(crate) mod tests;

pub use error::DecodeError;
pub use frames::{FrameIndex, FramePlan, FramePoint, FramesProblem};
pub use limits::DecodeLimits;
pub use reader::FrameReader;

use crate::layer_index::Compression;

/// Compressed bytes in, in chunks of any size; plain bytes out, in order, in pieces of any size.
pub trait Decoder {
    /// Decodes the next bytes.
    ///
    /// # Errors
    /// [`DecodeError`]; `out` has had all that was good before it. Every later push gives the same
    /// error.
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<(), DecodeError>;

    /// The bytes have ended.
    ///
    /// # Errors
    /// They ended in the middle of a frame, or it had failed before.
    fn finish(&mut self) -> Result<(), DecodeError>;

    /// What is known so far of where reading can start.
    fn so_far(&self) -> &FrameIndex;
}

/// Makes a decoder that stands at the start of a frame; what core is given, so that a program that
/// never meets such a blob need not have the decoders.
pub type MakeDecoder = fn(Compression, FramePoint, DecodeLimits) -> Option<Box<dyn Decoder>>;

/// The decoder of a compression; none for those that need none or have one of their own (gzip).
pub fn decoder(
    compression: Compression,
    at: FramePoint,
    limits: DecodeLimits,
) -> Option<Box<dyn Decoder>> {
    Some(match compression {
        Compression::Zstd => Box::new(zstd::ZstdDecoder::new(at, limits)),
        Compression::Xz => Box::new(xz::XzStreams::new(at, limits)),
        Compression::Bzip2 => Box::new(bzip2::Bzip2Decoder::new(at, limits)),
        Compression::None | Compression::Gzip => return None,
    })
}
