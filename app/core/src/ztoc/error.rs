//! What can be wrong with a ztoc, or with a layer of which one is wanted.

use flatbuffers::InvalidFlatbuffer;
use layerscope_inflate::{GzipError, IndexProblem};

use crate::digest::Digest;
use crate::layer_index::Compression;
use crate::tar::TarError;

/// Why bytes are no ztoc that can be used. The remedy is always to read the layer without it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZtocError {
    /// It is longer than is read here.
    #[error("the ztoc has {len} bytes, more than {limit}")]
    TooLong {
        /// Its bytes.
        len: u64,
        /// How many are read.
        limit: u64,
    },
    /// They are no flatbuffer, or one whose parts lie outside of it.
    #[error("the ztoc is no flatbuffer: {0}")]
    Flatbuffer(#[from] InvalidFlatbuffer),
    /// A part that cannot be.
    #[error("the ztoc contradicts itself: {0}")]
    Field(&'static str),
    /// The checkpoints cannot be.
    #[error("the ztoc contradicts itself: {0}")]
    Gzip(#[from] IndexProblem),
    /// It holds more than is allowed.
    #[error("the ztoc's entries take more than is allowed")]
    TooMuch,
    /// It is of another blob.
    #[error("the ztoc is of a blob of {stated} bytes, not of {actual}")]
    OtherBlob {
        /// Compressed bytes that it states.
        stated: u64,
        /// Compressed bytes of the layer.
        actual: u64,
    },
}

/// Why no ztoc is made of a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZtocBuildError {
    /// SOCI knows gzip and no compression at all.
    #[error("SOCI has no ztoc for layers compressed with {0}")]
    Compression(Compression),
    /// The compressed bytes are damaged.
    #[error("the layer cannot be inflated: {0}")]
    Gzip(#[from] GzipError),
    /// The archive is damaged.
    #[error("the layer is no good tar archive: {0}")]
    Tar(#[from] TarError),
    /// An entry that SOCI has no type for, or that its reader would take for damage.
    #[error("SOCI cannot describe this layer: it has {0}")]
    Entry(&'static str),
    /// More entries, or longer names, than are kept.
    #[error("the layer's entries take more than is allowed")]
    TooMuch,
    /// The bytes that came are not the blob that was asked for.
    #[error("the blob's digest is {actual}, but {expected} was asked for")]
    DigestMismatch {
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// A ztoc's positions have 32 bits.
    #[error("the ztoc would be larger than 2 GiB")]
    TooLong,
}
