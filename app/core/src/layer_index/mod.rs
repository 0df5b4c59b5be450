//! What is known of one layer after it was read once: what is in it, where, how to get at any part
//! of it with one small Range request, and how to tell that those bytes are the right ones.
//!
//! ```text
//! chunks of the blob ─┬─> IndexBuilder ─> Built ─┐
//!                     └─> BlobHasher ─> BlobDigests ─┴─> LayerIndex::seal ─> stored bytes
//! LayerIndex::plan_read ─> ReadPlan ─> Range request ─> EntryReader ─> the file's bytes
//! ```
//!
//! Invariants: an index is stored only if it was made of a blob whose digest matched; with such a
//! one, no byte of the network is inflated before its unit's digest matched. One that somebody else
//! made says so ([`LayerIndex::checks`]) and how far it is checked. Stored bytes are never believed
//! beyond what fits together; losing a stored index costs time, never a result.

pub(crate) mod bare;
mod build;
mod checks;
mod chunks;
mod compression;
mod damage;
mod digests;
mod plan;
mod reader;
mod spans;
mod store;
mod trade;

#[cfg(test)]
mod frame_tests;
#[cfg(test)]
mod tests;

pub use build::{
    Aside, BuildError, BuildOptions, Built, IndexBuilder, PARTIAL_VERSION, PartialError,
    PartialHead, PartialIndex, Resumed, StoredPartial,
};
pub use checks::Checks;
pub use chunks::{ChunkAccess, ChunkPlan, ChunkReader};
pub use compression::{Compression, MAGIC_BYTES};
pub use damage::{Damage, DamageKind};
pub use digests::{BlobDigests, BlobHasher, UNIT_BYTES, UnitDigests};
pub use plan::{Access, HOLE_BYTES_PER_PLAN, ReadError, ReadPlan};
pub use reader::{EntryReader, Progress};
pub use spans::{MAX_SPAN_BYTES, Span, SpanDigests};
pub use store::{STORED_VERSION, StoredIndexError, index_file_name};
pub use trade::TradeChoice;

use std::ops::Range;
use std::sync::Arc;

use crate::decode::MakeDecoder;
use crate::digest::Digest;
use crate::tar::Notes;
use crate::toc::Toc;
use crate::ztoc::Ztoc;

/// The index of one layer: of a blob whose digest matched, or from whom [`LayerIndex::checks`] says.
#[derive(Debug, Clone)]
pub struct LayerIndex {
    digest: Digest,
    blob_len: u64,
    compression: Compression,
    out_len: u64,
    toc: Toc,
    access: Access,
    checks: Checks,
    damage: Option<Damage>,
    notes: Notes,
    /// The file's name in a gzip header.
    name: Option<Vec<u8>>,
    trade: Option<TradeChoice>,
    /// What makes decoders, if it is here; not stored.
    decoders: Option<MakeDecoder>,
}

/// Why an index is not made of what was read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The bytes that came are not the blob that was asked for.
    #[error("the blob's digest is {actual}, but {expected} was asked for")]
    DigestMismatch {
        /// What was asked for.
        expected: Digest,
        /// What came.
        actual: Digest,
    },
    /// Index and digests were made of different bytes: a mistake of the caller.
    #[error("{indexed} bytes were indexed, but {hashed} were hashed")]
    LengthMismatch {
        /// Compressed bytes that the index saw.
        indexed: u64,
        /// Compressed bytes that were hashed.
        hashed: u64,
    },
}

impl Built {
    /// Whether [`LayerIndex::seal`] will take it; asked first by who wants to keep the rows of a
    /// blob that is not what it should be.
    ///
    /// # Errors
    /// As [`LayerIndex::seal`].
    pub fn check(&self, digests: &BlobDigests, expected: &Digest) -> Result<(), SealError> {
        if digests.digest() != expected {
            return Err(SealError::DigestMismatch {
                expected: expected.clone(),
                actual: digests.digest().clone(),
            });
        }
        if self.in_len != digests.len() {
            return Err(SealError::LengthMismatch {
                indexed: self.in_len,
                hashed: digests.len(),
            });
        }
        Ok(())
    }
}

impl LayerIndex {
    /// Makes an index of what was read, if it was the blob that was asked for.
    ///
    /// # Errors
    /// The digest is another one, or the two parts saw different bytes.
    pub fn seal(
        built: Built,
        digests: BlobDigests,
        expected: &Digest,
    ) -> Result<LayerIndex, SealError> {
        built.check(&digests, expected)?;
        let positions = match &built.access {
            Access::Gzip(index) => index.landmarks.iter().map(|l| l.in_offset).collect(),
            Access::Plain | Access::Chunks(_) | Access::Frames(_) => {
                digests::plain_positions(built.in_len)
            }
        };
        Ok(LayerIndex {
            digest: expected.clone(),
            blob_len: built.in_len,
            compression: built.compression,
            out_len: built.out_len,
            toc: built.toc,
            access: built.access,
            checks: Checks::Units(digests.into_units(&positions)),
            damage: built.damage,
            notes: built.notes,
            name: built.name,
            trade: built.trade,
            decoders: built.decoders,
        })
    }

    /// One that somebody else made: it is whole in itself, and nothing else is known of it.
    #[must_use]
    pub fn as_stated(mut self) -> LayerIndex {
        if let Checks::Units(units) = self.checks {
            self.checks = Checks::Stated(units);
        }
        self
    }

    /// From what SOCI's index of a layer says; none of the layer's bytes have been seen.
    pub fn from_ztoc(digest: Digest, ztoc: Ztoc) -> LayerIndex {
        LayerIndex {
            digest,
            blob_len: ztoc.blob_len,
            compression: ztoc.compression,
            out_len: ztoc.out_len,
            toc: ztoc.toc,
            access: ztoc.access,
            checks: Checks::Spans(ztoc.spans),
            damage: None,
            notes: Notes::default(),
            name: None,
            trade: None,
            decoders: None,
        }
    }

    /// An index by the table of contents that the layer's publisher put into it. `anchored` says
    /// that the manifest has a digest of that table.
    pub fn of_publisher(
        digest: Digest,
        blob_len: u64,
        compression: Compression,
        toc: Toc,
        chunks: Arc<dyn ChunkAccess>,
        anchored: bool,
    ) -> LayerIndex {
        LayerIndex {
            digest,
            blob_len,
            compression,
            out_len: 0,
            toc,
            access: Access::Chunks(chunks),
            checks: Checks::Publisher { anchored },
            damage: None,
            notes: Notes::default(),
            name: None,
            trade: None,
            decoders: None,
        }
    }

    /// Gives it what makes decoders, without which [`LayerIndex::reader`] cannot read a blob whose
    /// compression [needs one](Compression::needs_decoder).
    pub fn set_decoders(&mut self, decoders: MakeDecoder) {
        self.decoders = Some(decoders);
    }

    /// It has what makes decoders.
    pub fn has_decoders(&self) -> bool {
        self.decoders.is_some()
    }

    /// The blob's digest (of its compressed bytes).
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Compressed bytes of the blob.
    pub fn blob_len(&self) -> u64 {
        self.blob_len
    }

    /// How the blob is compressed, by its magic bytes.
    pub fn compression(&self) -> Compression {
        self.compression
    }

    /// Uncompressed bytes of the blob, as far as it could be inflated; 0 if it was not.
    pub fn out_len(&self) -> u64 {
        self.out_len
    }

    /// Its entries.
    pub fn toc(&self) -> &Toc {
        &self.toc
    }

    /// How to get at parts of it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// By what its bytes are checked.
    pub fn checks(&self) -> &Checks {
        &self.checks
    }

    /// What is wrong with it; the entries before that are good.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// It is no archive but one file, of [`LayerIndex::out_len`] bytes; see
    /// [`LayerIndex::plan_inflated`].
    pub fn is_bare(&self) -> bool {
        self.damage
            .as_ref()
            .is_some_and(|d| d.kind == DamageKind::NotTar)
    }

    /// The name that its gzip header gives to what is in it.
    pub fn stored_name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// The choice by which its checkpoints were placed, if there are such and it is known.
    pub fn trade(&self) -> Option<TradeChoice> {
        self.trade
    }

    /// What is unusual about its archive.
    pub fn notes(&self) -> Notes {
        self.notes
    }

    /// What to fetch for bytes `range` of a file, counted from the file's start and cut to its
    /// size; see [`ReadPlan`]. Hard links are followed; sparse files are put together.
    ///
    /// # Errors
    /// There is no such entry, it is no file, or its bytes are not there.
    pub fn plan_read(&self, ordinal: u32, range: Range<u64>) -> Result<ReadPlan, ReadError> {
        plan::plan_entry(&self.toc, &self.source(), ordinal, range)
    }

    /// The same for a range of all uncompressed bytes: of a bare gzip file, or of a tar's headers.
    ///
    /// # Errors
    /// The bytes are not there.
    pub fn plan_inflated(&self, range: Range<u64>) -> Result<ReadPlan, ReadError> {
        plan::plan_inflated(&self.source(), range)
    }

    /// Turns the bytes of a plan of this index into the file's bytes, each unit checked first.
    ///
    /// # Errors
    /// The index is damaged where the plan starts, or the plan is of another index.
    pub fn reader(&self, plan: ReadPlan) -> Result<EntryReader, ReadError> {
        let expected = self.checks.expected(plan.in_range.clone());
        EntryReader::new(self.access_ref(), plan, expected)
    }

    fn access_ref(&self) -> plan::AccessRef<'_> {
        match &self.access {
            Access::Plain => plan::AccessRef::Plain,
            Access::Gzip(index) => plan::AccessRef::Gzip(index),
            Access::Chunks(chunks) => plan::AccessRef::Chunks(chunks),
            Access::Frames(index) => plan::AccessRef::Frames(plan::Frames {
                compression: self.compression,
                index,
                decoders: self.decoders,
            }),
        }
    }

    fn source(&self) -> plan::Source<'_> {
        plan::Source {
            access: self.access_ref(),
            out_len: self.out_len,
            checks: &self.checks,
        }
    }
}
