//! SOCI's ztoc (awslabs/soci-snapshotter): what lets a layer that was built without any thought of
//! it be read in parts. A ztoc lists the entries of a tar, has *checkpoints* from which inflating
//! can start, some 4 MiB apart, and the SHA-256 of the compressed bytes between each two of them,
//! the *span*.
//!
//! ```text
//! ztoc bytes ─> Ztoc::parse ─> entries, checkpoints, spans ─> LayerIndex (explore)
//! chunks of the blob ─> ZtocBuilder ─> the bytes of a ztoc, as SOCI's own builder makes them
//! ```
//!
//! Invariants: no bytes make the reader panic, and it allocates no more than named limits allow; a
//! ztoc says nothing of its blob as a whole, so what is read through one is checked against the
//! ztoc alone.

mod build;
mod checkpoints;
mod encode;
mod error;
mod flat;
mod read;
mod slots;
pub(crate) mod time;

#[cfg(test)]
mod tests;

pub use build::{DEFAULT_SPAN_BYTES, ZtocBuilder};
pub use encode::Encoded;
pub use error::{ZtocBuildError, ZtocError};
pub use read::{MAX_ZTOC_BYTES, Ztoc};

/// The only version there is.
const VERSION: &str = "0.9";

/// `CompressionAlgorithm` in the schema.
const GZIP: u8 = 1;
/// The same.
const UNCOMPRESSED: u8 = 2;
