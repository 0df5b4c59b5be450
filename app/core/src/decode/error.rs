//! What can be wrong with a compressed stream.

use crate::layer_index::Compression;

/// Why decoding ended early. Offsets count from the blob's first byte.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The data is damaged.
    #[error(
        "damaged {compression} data near compressed byte {in_offset} (uncompressed {out_offset}): {detail}"
    )]
    Damaged {
        /// Which compression.
        compression: Compression,
        /// Compressed bytes taken before it, about.
        in_offset: u64,
        /// Plain bytes given before it.
        out_offset: u64,
        /// What the decoder says.
        detail: String,
    },
    /// The bytes ended inside a frame.
    #[error(
        "the {compression} stream ends in the middle of a frame, after {in_offset} compressed bytes"
    )]
    Truncated {
        /// Which compression.
        compression: Compression,
        /// Compressed bytes taken.
        in_offset: u64,
    },
    /// A limit was reached.
    #[error("the {compression} stream exceeds the limit of {limit} {which}")]
    LimitExceeded {
        /// Which compression.
        compression: Compression,
        /// Which limit.
        which: &'static str,
        /// Its value.
        limit: u64,
    },
}
