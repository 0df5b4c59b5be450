//! Writes a ztoc in the order in which SOCI's own builder does, so that both can be compared byte
//! for byte.

use flatbuffers::{
    FlatBufferBuilder, TableFinishedWIPOffset, VOffsetT, WIPOffset, field_index_to_field_offset,
};

use super::error::ZtocBuildError;
use super::{GZIP, UNCOMPRESSED, VERSION, slots, time};
use crate::digest::{Algorithm, Digest};
use crate::toc::{Entry, EntryKind, Toc};

/// A flatbuffer's positions have 32 bits, one of which is a sign.
const MAX_BYTES: usize = i32::MAX as usize;
/// More than the fixed fields of an entry, or of anything else with texts, take.
const FIXED_BYTES: usize = 256;

type Table = WIPOffset<TableFinishedWIPOffset>;

/// A ztoc ready to be stored or pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Their SHA-256.
    pub digest: Digest,
}

/// What is written.
pub(super) struct Parts<'a> {
    pub(super) tool: &'a str,
    pub(super) gzip: bool,
    pub(super) blob_len: u64,
    pub(super) archive_len: u64,
    /// With all PAX records of each entry.
    pub(super) toc: &'a Toc,
    pub(super) digests: &'a [Digest],
    pub(super) checkpoints: &'a [u8],
}

pub(super) fn encode(parts: &Parts<'_>) -> Result<Encoded, ZtocBuildError> {
    if estimate(parts) > MAX_BYTES {
        return Err(ZtocBuildError::TooLong);
    }
    let mut builder = FlatBufferBuilder::new();
    let version = builder.create_string(VERSION);
    let tool = builder.create_string(parts.tool);
    let toc = entries(&mut builder, parts.toc);
    let info = compression_info(&mut builder, parts);
    let table = builder.start_table();
    builder.push_slot_always(slot(slots::ztoc::VERSION), version);
    builder.push_slot_always(slot(slots::ztoc::BUILD_TOOL_IDENTIFIER), tool);
    builder.push_slot_always(slot(slots::ztoc::TOC), toc);
    long(
        &mut builder,
        slots::ztoc::COMPRESSED_ARCHIVE_SIZE,
        parts.blob_len,
    );
    long(
        &mut builder,
        slots::ztoc::UNCOMPRESSED_ARCHIVE_SIZE,
        parts.archive_len,
    );
    builder.push_slot_always(slot(slots::ztoc::COMPRESSION_INFO), info);
    let root = builder.end_table(table);
    builder.finish_minimal(root);
    let bytes = builder.finished_data().to_vec();
    let digest = Digest::of(Algorithm::Sha256, &bytes);
    Ok(Encoded { bytes, digest })
}

/// The checkpoints of an archive that is not compressed.
pub(super) fn tar_zinfo(span_size: u64, size: u64) -> Vec<u8> {
    /// SOCI's version of them.
    const TAR_ZINFO_VERSION: i32 = 2;
    let mut builder = FlatBufferBuilder::new();
    let table = builder.start_table();
    builder.push_slot(slot(slots::tar::VERSION), TAR_ZINFO_VERSION, 0);
    long(&mut builder, slots::tar::SPAN_SIZE, span_size);
    long(&mut builder, slots::tar::SIZE, size);
    let root = builder.end_table(table);
    builder.finish_minimal(root);
    builder.finished_data().to_vec()
}

/// At least what it takes.
fn estimate(parts: &Parts<'_>) -> usize {
    let spans = parts.digests.len().saturating_mul(FIXED_BYTES);
    let texts = parts.toc.memory();
    let fixed = (parts.toc.len() as usize + 1).saturating_mul(FIXED_BYTES);
    // A name's directory is kept once and written with each of its entries.
    let names: usize = (0..parts.toc.len())
        .map(|n| parts.toc.path(n).map_or(0, |path| path.len()))
        .sum();
    let sum = [spans, texts, fixed, names, parts.checkpoints.len()];
    sum.iter().fold(0, |a, b| a.saturating_add(*b))
}

fn entries(builder: &mut FlatBufferBuilder<'_>, toc: &Toc) -> Table {
    let mut files = Vec::with_capacity(toc.len() as usize);
    for ordinal in (0..toc.len()).rev() {
        if let Some(entry) = toc.get(ordinal) {
            files.push(file(builder, &entry));
        }
    }
    files.reverse();
    let files = builder.create_vector(&files);
    let table = builder.start_table();
    builder.push_slot_always(slot(slots::toc::METADATA), files);
    builder.end_table(table)
}

fn file(builder: &mut FlatBufferBuilder<'_>, entry: &Entry) -> Table {
    let name = builder.create_byte_string(&entry.path);
    let kind = builder.create_string(type_name(entry.kind));
    let link = builder.create_byte_string(&entry.linkname);
    let uname = builder.create_byte_string(&entry.uname);
    let gname = builder.create_byte_string(&entry.gname);
    let mod_time = builder.create_string(&time::format(entry.mtime_s, entry.mtime_ns));
    let mut xattrs = Vec::with_capacity(entry.pax.len());
    for (key, value) in &entry.pax {
        let key = builder.create_byte_string(key);
        let value = builder.create_byte_string(value);
        let table = builder.start_table();
        builder.push_slot_always(slot(slots::xattr::KEY), key);
        builder.push_slot_always(slot(slots::xattr::VALUE), value);
        xattrs.push(builder.end_table(table));
    }
    let xattrs = builder.create_vector(&xattrs);
    let (major, minor) = entry.device.unwrap_or_default();
    let table = builder.start_table();
    builder.push_slot_always(slot(slots::file::NAME), name);
    builder.push_slot_always(slot(slots::file::TYPE), kind);
    long(
        builder,
        slots::file::UNCOMPRESSED_OFFSET,
        entry.data_out_offset.unwrap_or_default(),
    );
    long(builder, slots::file::UNCOMPRESSED_SIZE, entry.size);
    builder.push_slot_always(slot(slots::file::LINKNAME), link);
    long(builder, slots::file::MODE, entry.mode.into());
    // 32 bits are all that there is for them, and what SOCI makes of a larger one.
    builder.push_slot(slot(slots::file::UID), entry.uid as u32, 0);
    builder.push_slot(slot(slots::file::GID), entry.gid as u32, 0);
    builder.push_slot_always(slot(slots::file::UNAME), uname);
    builder.push_slot_always(slot(slots::file::GNAME), gname);
    builder.push_slot_always(slot(slots::file::MOD_TIME), mod_time);
    long(builder, slots::file::DEVMAJOR, major.into());
    long(builder, slots::file::DEVMINOR, minor.into());
    builder.push_slot_always(slot(slots::file::XATTRS), xattrs);
    builder.end_table(table)
}

fn compression_info(builder: &mut FlatBufferBuilder<'_>, parts: &Parts<'_>) -> Table {
    let checkpoints = builder.create_vector(parts.checkpoints);
    let mut digests = Vec::with_capacity(parts.digests.len());
    for digest in parts.digests {
        digests.push(builder.create_string(&digest.to_string()));
    }
    let digests = builder.create_vector(&digests);
    let table = builder.start_table();
    // Below 2^31: their records are within MAX_BYTES.
    let max_span_id = parts.digests.len() as i32 - 1;
    builder.push_slot(slot(slots::info::MAX_SPAN_ID), max_span_id, 0);
    builder.push_slot_always(slot(slots::info::SPAN_DIGESTS), digests);
    builder.push_slot_always(slot(slots::info::CHECKPOINTS), checkpoints);
    let algorithm = if parts.gzip { GZIP } else { UNCOMPRESSED };
    builder.push_slot(
        slot(slots::info::COMPRESSION_ALGORITHM),
        algorithm as i8,
        GZIP as i8,
    );
    builder.end_table(table)
}

fn long(builder: &mut FlatBufferBuilder<'_>, field: usize, value: u64) {
    // Positions are below 2^63: the parser's limits, or bytes that really came.
    builder.push_slot(slot(field), value as i64, 0);
}

fn slot(field: usize) -> VOffsetT {
    field_index_to_field_offset(field as VOffsetT) // a number of a few fields
}

fn type_name(kind: EntryKind) -> &'static str {
    match kind {
        EntryKind::File | EntryKind::Other(_) => "reg", // no other is let in
        EntryKind::Dir => "dir",
        EntryKind::Symlink => "symlink",
        EntryKind::Hardlink => "hardlink",
        EntryKind::Char => "char",
        EntryKind::Block => "block",
        EntryKind::Fifo => "fifo",
    }
}
