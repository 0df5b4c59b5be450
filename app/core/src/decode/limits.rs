//! How much a compressed stream may cost.

use super::error::DecodeError;
use crate::layer_index::Compression;

/// Bounds of a decode. Each has a reason; a stream over one ends with
/// [`DecodeError::LimitExceeded`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Plain bytes in all, as for gzip.
    pub max_out: u64,
    /// Plain bytes for a compressed byte, once `ratio_from` have come. zstd makes 32768 of a byte
    /// of a run, and bzip2 more: only an empty disk image comes near.
    pub max_ratio: u64,
    /// Plain bytes from which `max_ratio` holds.
    pub ratio_from: u64,
    /// Bytes of a zstd frame's window: what `zstd --long=27` uses, which is also the most that its
    /// own decoder takes when nothing is said (ZSTD_WINDOWLOG_LIMIT_DEFAULT).
    pub max_window: u64,
    /// Bytes of an xz stream's dictionary: what `xz -9` uses, and half of a worker's usual memory.
    pub max_dictionary: usize,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        DecodeLimits {
            max_out: 1 << 40,
            max_ratio: 4096,
            ratio_from: 2 << 30,
            max_window: 128 << 20,
            max_dictionary: 64 << 20,
        }
    }
}

impl DecodeLimits {
    /// For a reader, which stops after what was asked for.
    pub(super) fn for_reading(self) -> DecodeLimits {
        DecodeLimits {
            max_out: u64::MAX,
            max_ratio: u64::MAX,
            ratio_from: u64::MAX,
            ..self
        }
    }

    pub(super) fn check(
        &self,
        compression: Compression,
        in_len: u64,
        out_len: u64,
    ) -> Result<(), DecodeError> {
        let exceeded = |which, limit| DecodeError::LimitExceeded {
            compression,
            which,
            limit,
        };
        if out_len > self.max_out {
            return Err(exceeded("uncompressed bytes", self.max_out));
        }
        if out_len > self.ratio_from && out_len / self.max_ratio > in_len {
            return Err(exceeded(
                "uncompressed bytes for a compressed one",
                self.max_ratio,
            ));
        }
        Ok(())
    }
}
