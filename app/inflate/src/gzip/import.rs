//! An index of checkpoints that somebody else placed.

use crate::gzip::checkpoint::Checkpoint;
use crate::gzip::error::IndexProblem;
use crate::gzip::index::GzipIndex;
use crate::gzip::landmarks::Landmark;

impl GzipIndex {
    /// From another format's checkpoints, rising by both offsets, the first at uncompressed byte 0.
    /// A read ends at the checkpoint after its last byte: these formats tell no other place.
    /// `in_len` and `out_len` are the compressed and the uncompressed bytes of the blob.
    ///
    /// # Errors
    /// They are out of order or out of bounds.
    pub fn from_checkpoints(
        in_len: u64,
        out_len: u64,
        checkpoints: Vec<Checkpoint>,
    ) -> Result<Self, IndexProblem> {
        let mut index = GzipIndex {
            in_len,
            out_len,
            // Not told. No reader asks for it; it is as many as one that was not counted.
            members: u64::from(!checkpoints.is_empty()),
            trailing: 0,
            checkpoints,
            ..GzipIndex::default()
        };
        index.validate()?;
        for checkpoint in index.checkpoints.iter().skip(1) {
            index.landmarks.add(Landmark {
                in_offset: checkpoint.in_bit_offset.div_ceil(8),
                out_offset: checkpoint.out_offset,
            });
        }
        Ok(index)
    }
}
