//! The bytes side of one job: the index while it grows or once it is whole, and its tree.

use std::ops::Range;

use crate::decode::MakeDecoder;
use crate::digest::Digest;
use crate::job::{Row, Verified, ViewInfo};
use crate::layer_index::{
    Access, Aside, BlobDigests, BuildError, BuildOptions, Compression, Damage, DamageKind,
    EntryReader, IndexBuilder, LayerIndex, PartialIndex, ReadError, ReadPlan, SealError,
    TradeChoice, bare,
};
use crate::path::EntryPath;
use crate::rootfs::Laid;
use crate::toc::Toc;
use crate::tree::{Resolved, Tree};
use crate::view::listing::Listing;

use super::ahead::Stored;
use super::inner::Held;
use super::kept::Kept;
use super::read::{Opened, Source};
use super::root::Merged;
use super::slow::Slow;

/// Plain bytes that are decoded for a read before it counts as slow: some 50 ms of zstd. Where no
/// frame has more, nothing is kept: it is fetched and decoded again at once.
const SLOW_BYTES: u64 = 8 << 20;

/// How indices are built here; `unnamed` if no digest says what the bytes have to be.
pub(super) fn build_options(trade: TradeChoice, unnamed: bool) -> BuildOptions {
    let mut options = BuildOptions::default();
    options.gzip.trade = trade.trade();
    // The blob's digest covers what a CRC would; in wasm it costs more than a tenth.
    options.gzip.check_crc = unnamed || !cfg!(target_arch = "wasm32");
    options
}

/// What is known of the layer.
#[derive(Default)]
enum Content {
    /// Nothing yet.
    #[default]
    Nothing,
    /// It streams in, or did until it was cancelled or failed.
    Growing(Box<IndexBuilder>),
    /// All of it, by an index.
    Whole(Box<LayerIndex>),
    /// It is an archive in another one's files, held in memory.
    Held(Box<dyn Held>),
    /// It is what the layers of an image make together.
    Merged(Box<dyn Merged>),
}

/// One layer, as far as it is known.
#[derive(Default)]
pub(super) struct Layer {
    content: Content,
    /// Plain bytes of a layer that cannot be entered anywhere.
    kept: Kept,
    /// The list of a blob that is one file.
    bare: Option<Toc>,
    tree: Tree,
    /// What a layer has of which nothing is known.
    empty: Toc,
}

impl Layer {
    /// Its bytes are about to come; `unnamed` if no digest says what they have to be.
    pub(super) fn begin(&mut self, trade: TradeChoice, unnamed: bool) {
        self.go_on(IndexBuilder::new(build_options(trade, unnamed)));
    }

    /// Its bytes are about to come, from where this builder was put aside.
    pub(super) fn go_on(&mut self, builder: IndexBuilder) {
        self.tree = Tree::new(); // there may be one of less
        self.content = Content::Growing(Box::new(builder));
    }

    /// Takes the next compressed bytes up to the next place where it can be put aside; gives the
    /// rest. None if all were taken.
    pub(super) fn push_to_stop<'i>(&mut self, bytes: &'i [u8]) -> Option<&'i [u8]> {
        match &mut self.content {
            // What can be put aside needs no decoder.
            Content::Growing(builder) => builder.push_to_stop(bytes).ok()?,
            Content::Nothing | Content::Whole(_) | Content::Held(_) | Content::Merged(_) => None,
        }
    }

    /// Puts the build aside, where it has just stopped.
    pub(super) fn put_aside(&self, partial: &mut PartialIndex) -> Option<Aside> {
        match &self.content {
            Content::Growing(builder) => partial.put_aside(builder),
            Content::Nothing | Content::Whole(_) | Content::Held(_) | Content::Merged(_) => None,
        }
    }

    /// Takes the next compressed bytes.
    ///
    /// # Errors
    /// It needs [`Layer::set_decoders`] first, which then takes these bytes too.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), BuildError> {
        let Content::Growing(builder) = &mut self.content else {
            return Ok(());
        };
        match builder.compression() {
            Some(compression) if compression.needs_decoder() => {
                let (kept, mut at) = (&mut self.kept, builder.out_len());
                builder.push_and(bytes, &mut |plain| pass(kept, &mut at, plain))
            }
            _ => builder.push(bytes),
        }
    }

    /// Gives it what makes decoders.
    pub(super) fn set_decoders(&mut self, decoders: MakeDecoder) -> Result<(), BuildError> {
        match &mut self.content {
            Content::Nothing | Content::Held(_) | Content::Merged(_) => Ok(()),
            Content::Growing(builder) => {
                let (kept, mut at) = (&mut self.kept, 0);
                builder.set_decoders(decoders, &mut |plain| pass(kept, &mut at, plain))
            }
            Content::Whole(index) => {
                index.set_decoders(decoders);
                Ok(())
            }
        }
    }

    /// Nothing can be read before [`Layer::set_decoders`].
    pub(super) fn misses_decoders(&self) -> bool {
        match &self.content {
            Content::Whole(index) => {
                matches!(index.access(), Access::Frames(_)) && !index.has_decoders()
            }
            // Its stream sees to that itself.
            Content::Nothing | Content::Growing(_) | Content::Held(_) | Content::Merged(_) => false,
        }
    }

    /// How it is compressed, once that is known.
    pub(super) fn compression(&self) -> Option<Compression> {
        match &self.content {
            Content::Nothing | Content::Merged(_) => None,
            Content::Growing(builder) => builder.compression(),
            Content::Whole(index) => Some(index.compression()),
            Content::Held(archive) => Some(archive.compression()),
        }
    }

    /// Its compression is one of those that decoders are for.
    fn needs_decoders(&self) -> bool {
        self.compression().is_some_and(Compression::needs_decoder)
    }

    /// Takes a whole index.
    pub(super) fn set_whole(&mut self, index: LayerIndex, title: Option<&str>) {
        self.list_bare(&index, title);
        self.content = Content::Whole(Box::new(index));
    }

    /// Takes an index from the store, with the tree of its entries.
    pub(super) fn set_stored(&mut self, stored: Stored, title: Option<&str>) {
        self.tree = stored.tree;
        self.set_whole(stored.index, title);
    }

    /// Takes an archive whose bytes were checked so far.
    pub(super) fn set_held(&mut self, archive: Box<dyn Held>, verified: Verified) {
        self.kept.set_verified(verified);
        self.content = Content::Held(archive);
    }

    /// Bytes that are held of an archive.
    pub(super) fn held_len(&self) -> u64 {
        match &self.content {
            Content::Held(archive) => archive.len(),
            _ => 0,
        }
    }

    /// Takes what the layers of an image make together, as far as they are here.
    pub(super) fn set_merged(&mut self, merged: Box<dyn Merged>) {
        self.content = Content::Merged(merged);
    }

    /// Puts the next layer over those that are there, some of it at a time.
    pub(super) fn lay(&mut self, toc: &Toc, out_len: u64) -> Laid {
        match &mut self.content {
            Content::Merged(merged) => merged.lay(toc, out_len),
            _ => Laid::Whole,
        }
    }

    /// Takes back what is there of a layer that is not all in.
    pub(super) fn give_up_layer(&mut self) {
        if let Content::Merged(merged) = &mut self.content {
            merged.give_up();
        }
    }

    pub(super) fn merged(&self) -> Option<&dyn Merged> {
        match &self.content {
            Content::Merged(merged) => Some(&**merged),
            _ => None,
        }
    }

    /// Of several layers, the one in which an entry's bytes are, and its ordinal there.
    pub(super) fn part_of(&self, ordinal: u32) -> Option<(usize, u32)> {
        self.merged()?.part_of(ordinal)
    }

    /// The entry of the file that a path names, links followed.
    pub(super) fn file_at(&mut self, path: &EntryPath) -> Option<u32> {
        if let Some(merged) = self.merged() {
            return merged.file_at(path);
        }
        self.update_tree();
        match self.tree.resolve(path.as_bytes(), true, self.toc()) {
            Resolved::Node(node) => self.tree.ordinal(node),
            _ => None,
        }
    }

    /// A blob that is no archive is listed as the one file that it is.
    fn list_bare(&mut self, index: &LayerIndex, title: Option<&str>) {
        if index.is_bare() {
            let title = title.map(str::as_bytes);
            let name = bare::file_name(index.stored_name(), title, index.compression());
            self.bare = Some(bare::listed(name, index.out_len()));
        }
    }

    /// It is one file, not an archive.
    pub(super) fn is_bare(&self) -> bool {
        match &self.content {
            Content::Nothing | Content::Merged(_) => false,
            Content::Growing(builder) => {
                let not_tar = |d: &Damage| d.kind == DamageKind::NotTar;
                builder.damage().is_some_and(not_tar)
            }
            Content::Whole(index) => index.is_bare(),
            Content::Held(archive) => archive.is_bare(),
        }
    }

    /// All bytes have come and their digest is the expected one. The rows stay if it is not.
    pub(super) fn seal(
        &mut self,
        digests: BlobDigests,
        expected: &Digest,
        title: Option<&str>,
    ) -> Result<&LayerIndex, SealError> {
        let Content::Growing(builder) = std::mem::take(&mut self.content) else {
            // Sealing ends a stream, and a stream begins with `begin`.
            return Err(SealError::LengthMismatch {
                indexed: 0,
                hashed: digests.len(),
            });
        };
        let index = LayerIndex::seal(builder.finish(), digests, expected)?;
        match index.access() {
            Access::Frames(frames) if frames.longest_frame() > SLOW_BYTES => {
                // They passed together with what was hashed.
                self.kept.set_verified(Verified::Span);
            }
            _ => self.kept.clear(),
        }
        self.list_bare(&index, title);
        let whole = Box::new(index);
        self.content = Content::Whole(whole);
        match &self.content {
            Content::Whole(index) => Ok(index),
            _ => {
                unreachable!("it was set just now")
            }
        }
    }

    /// The index, once there is one.
    pub(super) fn whole(&self) -> Option<&LayerIndex> {
        match &self.content {
            Content::Whole(index) => Some(index),
            _ => None,
        }
    }

    /// Its entries so far.
    pub(super) fn toc(&self) -> &Toc {
        if let Some(bare) = &self.bare {
            return bare;
        }
        match &self.content {
            Content::Nothing => &self.empty,
            Content::Growing(builder) => builder.toc(),
            Content::Whole(index) => index.toc(),
            Content::Held(archive) => archive.toc(),
            Content::Merged(merged) => merged.toc(),
        }
    }

    /// What is wrong with the bytes so far. To be no archive is nothing wrong.
    pub(super) fn damage(&self) -> Option<&Damage> {
        let damage = match &self.content {
            Content::Nothing | Content::Merged(_) => None,
            Content::Growing(builder) => builder.damage(),
            Content::Whole(index) => index.damage(),
            Content::Held(archive) => archive.damage(),
        };
        damage.filter(|d| d.kind != DamageKind::NotTar)
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
            Content::Held(archive) => archive.len(),
            Content::Merged(merged) => merged.out_len(),
        }
    }

    /// Takes the entries that are new into the tree.
    pub(super) fn update_tree(&mut self) {
        let toc = match (&self.bare, &mut self.content) {
            (Some(bare), _) => bare,
            (None, Content::Nothing) => &self.empty,
            (None, Content::Growing(builder)) => builder.toc(),
            (None, Content::Whole(index)) => index.toc(),
            (None, Content::Held(archive)) => archive.toc(),
            (None, Content::Merged(merged)) => return merged.update(), // it has trees of its own
        };
        self.tree.update(toc);
    }

    /// There are layers that are in none of the trees yet. Rows that were told are of the trees as
    /// they are: whoever makes these anew has to make all listings anew.
    pub(super) fn is_stale(&self) -> bool {
        self.merged().is_some_and(|merged| merged.root().is_stale())
    }

    /// Makes a listing again; true if it has changed.
    pub(super) fn refresh(&self, listing: &mut Listing) -> bool {
        match self.merged() {
            Some(merged) => merged.refresh(listing),
            None => listing.refresh(&self.tree, self.toc()),
        }
    }

    /// What a listing has.
    pub(super) fn info(&self, listing: &Listing, complete: bool) -> ViewInfo {
        match self.merged() {
            Some(merged) => merged.info(listing, complete),
            None => listing.info(&self.tree, self.toc(), complete),
        }
    }

    /// Rows of a listing.
    pub(super) fn rows(&self, listing: &Listing, range: Range<u32>) -> Vec<Row> {
        match self.merged() {
            Some(merged) => merged.rows(listing, range),
            None => listing.rows(&self.tree, self.toc(), range.start, range.end),
        }
    }

    /// Which row of a listing an entry has.
    pub(super) fn position(&self, listing: &Listing, path: &EntryPath) -> Option<u32> {
        match self.merged() {
            Some(merged) => merged.position(listing, path),
            None => listing.position(&self.tree, self.toc(), path.as_bytes()),
        }
    }

    /// A slow read of a whole layer passes plain bytes that were checked so far.
    pub(super) fn keep_passing(&mut self, out_offset: u64, plain: &[u8], verified: Verified) {
        self.kept.set_verified(verified);
        self.kept.pass(out_offset, plain);
    }

    /// Keeps plain bytes that such a read gave.
    pub(super) fn keep_read(&mut self, out_offset: u64, plain: Vec<u8>) {
        self.kept.put(out_offset, plain);
    }

    /// Kept plain bytes from the start of a range; none if not all of it is here.
    pub(super) fn kept(&self, out_range: &Range<u64>) -> Option<Vec<u8>> {
        self.kept.piece(out_range)
    }

    /// A layer that is to be laid with others over this one: together they keep no more than one.
    pub(super) fn part(&self) -> Layer {
        Layer {
            kept: self.kept.beside(),
            ..Layer::default()
        }
    }

    /// Bytes kept by all such parts.
    #[cfg(test)]
    pub(super) fn kept_len(&self) -> u64 {
        self.kept.in_room()
    }

    /// Finds out where a range of all uncompressed bytes is, of a layer that is here.
    pub(super) fn open_range(&self, out_range: Range<u64>) -> Result<Opened, ReadError> {
        let Content::Whole(index) = &self.content else {
            return Err(ReadError::NotAvailable { available: 0 });
        };
        let plan = index.plan_inflated(out_range)?;
        let (range, total) = (plan.range.clone(), plan.total);
        let out_range = plan.out_range();
        let here = !out_range.is_empty() && self.kept.covers(&out_range);
        let (source, reader) = match here {
            true => {
                let reader = EntryReader::of_kept(plan, self.kept.verified());
                (Source::Kept(out_range), reader)
            }
            false => {
                let (slow, in_range) = (self.slow(&plan), plan.in_range.clone());
                (Source::Fetched { in_range, slow }, index.reader(plan)?)
            }
        };
        Ok(Opened {
            range,
            total,
            source,
            reader,
        })
    }

    /// Plans a read of `len` bytes of a file from its byte `start` on.
    pub(super) fn open_entry(
        &self,
        ordinal: u32,
        start: u64,
        len: u64,
    ) -> Result<Opened, ReadError> {
        let range = start..start.saturating_add(len);
        let plan = match &self.content {
            Content::Held(archive) => {
                let (plan, from) = archive.open(ordinal, range)?;
                return Ok(Opened {
                    range: plan.range.clone(),
                    total: plan.total,
                    source: Source::Held(from),
                    reader: EntryReader::of_kept(plan, self.kept.verified()),
                });
            }
            // Whose bytes are in a part, which is asked instead.
            Content::Nothing | Content::Merged(_) => {
                return Err(ReadError::NotAvailable { available: 0 });
            }
            Content::Growing(builder) => builder.plan_read(ordinal, range)?,
            Content::Whole(index) if self.bare.is_none() => index.plan_read(ordinal, range)?,
            Content::Whole(index) if ordinal == 0 => index.plan_inflated(range)?,
            Content::Whole(_) => return Err(ReadError::NoSuchEntry { ordinal }),
        };
        let out_range = plan.out_range();
        let (range, total) = (plan.range.clone(), plan.total);
        let here = !out_range.is_empty() && self.kept.covers(&out_range);
        let (source, reader) = if here {
            let reader = EntryReader::of_kept(plan, self.kept.verified());
            (Source::Kept(out_range), reader)
        } else {
            let slow = self.slow(&plan);
            let in_range = plan.in_range.clone();
            let reader = match &self.content {
                Content::Nothing | Content::Held(_) | Content::Merged(_) => {
                    return Err(ReadError::NotAvailable { available: 0 });
                }
                Content::Growing(builder) => builder.reader(plan)?,
                Content::Whole(index) => index.reader(plan)?,
            };
            (Source::Fetched { in_range, slow }, reader)
        };
        Ok(Opened {
            range,
            total,
            source,
            reader,
        })
    }

    fn slow(&self, plan: &ReadPlan) -> Option<Slow> {
        let slow = self.needs_decoders() && plan.decoded() > SLOW_BYTES;
        slow.then(|| Slow {
            decoded: plan.decoded(),
            out_range: plan.out_range(),
            one_piece: plan.is_one_piece(),
        })
    }
}

/// Plain bytes pass while the layer streams.
fn pass(kept: &mut Kept, at: &mut u64, plain: &[u8]) {
    kept.pass(*at, plain);
    *at += plain.len() as u64;
}
