//! Tables of contents that a layer's publisher put into it: eStargz and zstd:chunked. With one a
//! file is found and read with no pass over the layer.
//!
//! ```text
//! annotations ─> Claim ─┐
//! blob's tail ─> Footer ┴─> bytes of the table ─> JSON ─> Toc and ChunkTable ─> LayerIndex
//! ```
//!
//! All of it is whatever a stranger wrote. A digest in the manifest ties the table to it, and the
//! table's own digests tie the pieces of files to the table; nothing says that unpacking the whole
//! blob gives the same files. Whatever is odd is an error, and the layer is read whole instead.
//!
//! Sources: containerd/stargz-snapshotter `docs/estargz.md`, `estargz/types.go`, `estargz/gzip.go`,
//! `estargz/zstdchunked`; containers/storage `pkg/chunked/internal/minimal/compression.go`.

mod claim;
mod entries;
mod footer;
mod open;
mod table;

#[cfg(test)]
pub(crate) mod tests;

pub use claim::{Claim, Position, is_claimed};
pub use footer::{Footer, looks_indexed};
pub use open::{from_estargz, from_json, from_zstd_chunked};
pub use table::{ChunkTable, Frame};

use crate::digest::{Digest, DigestError};

/// Uncompressed bytes of a table of contents: of some 300,000 files in zstd:chunked, 130,000 in
/// eStargz, which is indented. All of it is held while it is read.
pub const MAX_TOC_BYTES: u64 = 64 << 20;

/// Compressed bytes of a table of contents. JSON of this kind shrinks to a tenth and less, but for
/// its digests, which are a quarter of it.
pub const MAX_TOC_IN_BYTES: u64 = 32 << 20;

/// Bytes at a blob's end that are fetched for its footer: no slower than the footer's 51 alone, and
/// the table of a small layer is in them too.
pub const TAIL_BYTES: u64 = 16 << 10;

/// Why a publisher's table of contents is not used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// An annotation that is not what it should be.
    #[error("the annotation {key} says {value:?}")]
    Annotation {
        /// Which.
        key: String,
        /// What it says.
        value: String,
    },
    /// A digest in an annotation that is none.
    #[error("the annotation {key} has a bad digest: {error}")]
    Digest {
        /// Which.
        key: String,
        /// What is wrong.
        error: DigestError,
    },
    /// The manifest speaks of a table, and the blob's end does not.
    #[error("the layer does not end with the footer of an eStargz layer")]
    NoFooter,
    /// The table is in another image.
    #[error("its table of contents is kept in another image")]
    External,
    /// A position that cannot be.
    #[error("its {what} is said to be at {start} to {end}, and the layer has {blob_len} bytes")]
    Place {
        /// Of what.
        what: &'static str,
        /// Compressed bytes from the blob's start.
        start: u64,
        /// The same.
        end: u64,
        /// Compressed bytes of the blob.
        blob_len: u64,
    },
    /// Larger than is read here.
    #[error("its table of contents has more than {limit} bytes")]
    TooLarge {
        /// Bytes that are read.
        limit: u64,
    },
    /// The table cannot be unpacked.
    #[error("its table of contents cannot be unpacked: {0}")]
    Unpack(String),
    /// The table is not what the manifest says.
    #[error("its table of contents has the digest {actual}, and its manifest says {expected}")]
    TocDigest {
        /// The annotation's.
        expected: Digest,
        /// That of what came.
        actual: Digest,
    },
    /// No JSON of the right form.
    #[error("its table of contents cannot be read: {0}")]
    Json(String),
    /// An entry that cannot be.
    #[error("entry {number} of its table of contents has a bad {what}")]
    Entry {
        /// From 0, pieces of files counted too.
        number: u64,
        /// Which part of it.
        what: &'static str,
    },
}
