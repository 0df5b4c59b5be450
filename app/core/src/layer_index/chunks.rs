//! Layers whose publisher says in which compressed pieces each file lies. What knows the pieces and
//! decodes them stands behind two traits: a program has it only where such a layer is met.

use std::fmt;
use std::ops::Range;

use super::plan::ReadError;
use super::reader::Progress;
use crate::job::Verified;

/// Where the pieces of files are, and how they are read.
pub trait ChunkAccess: fmt::Debug + Send + Sync {
    /// What to fetch for bytes `range` of a file, which lie within it. None for an entry that has
    /// no pieces.
    fn plan(&self, ordinal: u32, range: Range<u64>) -> Option<ChunkPlan>;

    /// Makes the file's bytes of those of [`ChunkPlan::in_range`]; `range` is [`ChunkPlan::range`].
    fn reader(&self, ordinal: u32, range: Range<u64>) -> Box<dyn ChunkReader>;
}

/// What to fetch of a file in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkPlan {
    /// The bytes of the file that come of it: as many of those asked for as lie together.
    pub range: Range<u64>,
    /// The compressed bytes to fetch, from the blob's start; empty if there is nothing to fetch.
    pub in_range: Range<u64>,
}

/// A read of a file in pieces.
pub trait ChunkReader {
    /// Takes the next bytes of [`ChunkPlan::in_range`]; `out` gets bytes of the file, in order. A
    /// piece with a digest has been checked when the next one is given, and the last one when it
    /// is done: until then they are to be kept back.
    ///
    /// # Errors
    /// A piece cannot be decoded, or is not what its digest says.
    fn push(&mut self, input: &[u8], out: &mut dyn FnMut(&[u8])) -> Result<Progress, ReadError>;

    /// The bytes have ended. Tells how far what was given is checked.
    ///
    /// # Errors
    /// Bytes are missing, or the whole file is not what its digest says.
    fn finish(&mut self, out: &mut dyn FnMut(&[u8])) -> Result<Verified, ReadError>;
}
