//! Layerscope's decoders: gzip with random access.
//!
//! Nothing here does I/O or knows about tar, layers or browsers: compressed bytes go in, in chunks
//! of any size, and uncompressed bytes come out through a closure. An index built on the way lets
//! a later reader start at a checkpoint in the middle.

pub mod checksum;
pub mod engine;
pub mod fast;
pub mod gzip;
pub mod miniz;
pub mod raw;
#[cfg(test)]
mod testing;
mod varint;

pub use checksum::Crc32;
pub use engine::{DefaultEngine, Engine, Step, StepStatus, Watched};
pub use fast::FastEngine;
pub use gzip::builder::{GzipIndexBuilder, GzipOptions, GzipSaved, GzipTold, Sink, Trade};
pub use gzip::checkpoint::{Checkpoint, CheckpointKind};
pub use gzip::error::{GzipError, IndexProblem};
pub use gzip::index::{GzipIndex, GzipPlan};
pub use gzip::landmarks::{Landmark, Landmarks, is_line, line_before, next_line};
pub use gzip::limits::GzipLimits;
pub use gzip::read::{GzipReader, ReadState};
pub use gzip::walk::{BlockPlace, BlockWalker, Walked};
pub use gzip::window::{PackedWindow, WINDOW_BYTES};
pub use miniz::MinizEngine;
pub use raw::inflate_whole;
