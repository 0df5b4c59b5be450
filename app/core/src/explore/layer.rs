//! The bytes side of one job: the index while it grows or once it is whole, and its tree.

use std::ops::Range;

use crate::digest::Digest;
use crate::job::{Row, ViewInfo};
use crate::layer_index::{
    BlobDigests, BuildError, BuildOptions, Damage, IndexBuilder, LayerIndex, ReadError, SealError,
};
use crate::path::EntryPath;
use crate::toc::Toc;
use crate::tree::Tree;
use crate::view::listing::Listing;

use super::read::Opened;

/// What is known of the layer.
#[derive(Default)]
enum Content {
    /// Nothing yet.
    #[default]
    Nothing,
    /// It streams in, or did until it was cancelled or failed.
    Growing(Box<IndexBuilder>),
    /// All of it, with the blob's digest checked.
    Whole(Box<LayerIndex>),
}

/// One layer, as far as it is known.
#[derive(Default)]
pub(super) struct Layer {
    content: Content,
    tree: Tree,
    /// What a layer has of which nothing is known.
    empty: Toc,
}

impl Layer {
    /// Its bytes are about to come.
    pub(super) fn begin(&mut self) {
        let builder = IndexBuilder::new(BuildOptions::default());
        self.content = Content::Growing(Box::new(builder));
    }

    /// Takes the next compressed bytes.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        match &mut self.content {
            Content::Growing(builder) => builder.push(bytes),
            Content::Nothing | Content::Whole(_) => Ok(()),
        }
    }

    /// Takes an index from the store.
    pub(super) fn set_whole(&mut self, index: LayerIndex) {
        self.content = Content::Whole(Box::new(index));
    }

    /// All bytes have come and their digest is the expected one. The rows stay if it is not.
    pub(super) fn seal(
        &mut self,
        digests: BlobDigests,
        expected: &Digest,
    ) -> Result<&LayerIndex, SealError> {
        let Content::Growing(builder) = std::mem::take(&mut self.content) else {
            // Sealing ends a stream, and a stream begins with `begin`.
            return Err(SealError::LengthMismatch {
                indexed: 0,
                hashed: digests.len(),
            });
        };
        let index = LayerIndex::seal(builder.finish(), digests, expected)?;
        let whole = Box::new(index);
        self.content = Content::Whole(whole);
        match &self.content {
            Content::Whole(index) => Ok(index),
            Content::Nothing | Content::Growing(_) => unreachable!("it was set just now"),
        }
    }

    fn toc(&self) -> &Toc {
        match &self.content {
            Content::Nothing => &self.empty,
            Content::Growing(builder) => builder.toc(),
            Content::Whole(index) => index.toc(),
        }
    }

    /// What is wrong with the bytes so far.
    pub(super) fn damage(&self) -> Option<&Damage> {
        match &self.content {
            Content::Nothing => None,
            Content::Growing(builder) => builder.damage(),
            Content::Whole(index) => index.damage(),
        }
    }

    /// Entries so far.
    pub(super) fn entries(&self) -> u32 {
        self.toc().len()
    }

    /// Uncompressed bytes so far.
    pub(super) fn out_len(&self) -> u64 {
        match &self.content {
            Content::Nothing => 0,
            Content::Growing(builder) => builder.out_len(),
            Content::Whole(index) => index.out_len(),
        }
    }

    /// Takes the entries that are new into the tree.
    pub(super) fn update_tree(&mut self) {
        let toc = match &self.content {
            Content::Nothing => &self.empty,
            Content::Growing(builder) => builder.toc(),
            Content::Whole(index) => index.toc(),
        };
        self.tree.update(toc);
    }

    /// Makes a listing again; true if it has changed.
    pub(super) fn refresh(&self, listing: &mut Listing) -> bool {
        listing.refresh(&self.tree, self.toc())
    }

    /// What a listing has.
    pub(super) fn info(&self, listing: &Listing, complete: bool) -> ViewInfo {
        listing.info(&self.tree, self.toc(), complete)
    }

    /// Rows of a listing.
    pub(super) fn rows(&self, listing: &Listing, range: Range<u32>) -> Vec<Row> {
        listing.rows(&self.tree, self.toc(), range.start, range.end)
    }

    /// Which row of a listing an entry has.
    pub(super) fn position(&self, listing: &Listing, path: &EntryPath) -> Option<u32> {
        listing.position(&self.tree, self.toc(), path.as_bytes())
    }

    /// Plans a read of `len` bytes of a file from its byte `start` on.
    pub(super) fn open_entry(
        &self,
        ordinal: u32,
        start: u64,
        len: u64,
    ) -> Result<Opened, ReadError> {
        let range = start..start.saturating_add(len);
        let (plan, reader) = match &self.content {
            Content::Nothing => return Err(ReadError::NotAvailable { available: 0 }),
            Content::Growing(builder) => {
                let plan = builder.plan_read(ordinal, range)?;
                (plan.clone(), builder.reader(plan)?)
            }
            Content::Whole(index) => {
                let plan = index.plan_read(ordinal, range)?;
                (plan.clone(), index.reader(plan)?)
            }
        };
        Ok(Opened {
            range: plan.range,
            total: plan.total,
            in_range: plan.in_range,
            reader,
        })
    }
}
