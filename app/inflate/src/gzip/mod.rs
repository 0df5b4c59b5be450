//! gzip (RFC 1952) with random access in the manner of zran: checkpoints are saved while the
//! stream is decoded once, and a reader starts at the last one before the bytes it wants.

pub mod builder;
pub mod checkpoint;
pub mod error;
pub(crate) mod header;
mod import;
pub mod index;
pub mod landmarks;
pub mod limits;
mod placement;
pub mod read;
mod stops;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
pub mod walk;
pub mod window;
