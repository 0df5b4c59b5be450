//! Tar archives, read without I/O: bytes of any chunking in, entries and their data out.
//!
//! Understood: v7, ustar (POSIX.1-1988), PAX (POSIX.1-2001, local and global), GNU (long names,
//! base-256 numbers, sparse in its old form and the PAX forms 0.0, 0.1 and 1.0) and star's prefix.
//! Names are bytes. What is there in the archive is told, also when it is unusual: duplicate
//! names, missing parents, unknown typeflags. Where readers differ, the answer is that of Go's
//! `archive/tar`, since that is what unpacks container images, unless POSIX says otherwise.
//!
//! Invariants: no bytes make it panic; memory is bounded by [`Limits`]; every chunking of the same
//! bytes gives the same events (data apart, which is cut where chunks are).

mod entries;
mod error;
mod header;
mod limits;
mod number;
mod parser;
mod pax;
mod sparse;

#[cfg(test)]
mod differential;
#[cfg(test)]
pub(crate) mod tests;

pub use error::{Limit, TarError, TarProblem};
pub use limits::Limits;
pub use parser::{Notes, TarEvent, TarParser};
pub use sparse::check_runs;

/// Bytes in a tar block: headers are one, data is padded to a multiple of it (POSIX.1-1988).
pub const BLOCK: u64 = 512;
