//! A ztoc read, and nothing in it believed.

use layerscope_inflate::{Checkpoint, CheckpointKind, GzipIndex, PackedWindow};

use super::checkpoints::{self, Record};
use super::error::ZtocError;
use super::flat::{self, Field, Flat};
use super::{GZIP, UNCOMPRESSED, slots, time};
use crate::layer_index::{Access, Compression, Span, SpanDigests};
use crate::tar::{BLOCK, Limits};
use crate::toc::{Entry, EntryKind, Toc};

/// A ztoc that is longer is not read. One has 32 KiB for each 4 MiB of a layer and some 200 bytes
/// an entry: this is for layers of 10 GB.
pub const MAX_ZTOC_BYTES: u64 = 128 << 20;

/// No blob is longer, so that positions are added up without overflow.
const MAX_BLOB_BYTES: u64 = 1 << 50;

/// Spans of an archive that is not compressed are as many as its length says; this many are 256 GB
/// of SOCI's default.
const MAX_SPANS: u64 = 1 << 16;

/// What a ztoc says of a layer.
#[derive(Debug, Clone)]
pub struct Ztoc {
    /// Compressed bytes of the layer.
    pub blob_len: u64,
    /// Uncompressed bytes that can be reached.
    pub out_len: u64,
    /// How it is compressed: gzip or not at all.
    pub compression: Compression,
    /// Its entries.
    pub toc: Toc,
    /// How to get at parts of it.
    pub access: Access,
    /// The digests of its compressed bytes.
    pub spans: SpanDigests,
}

impl Ztoc {
    /// Reads a ztoc of a layer of `blob_len` compressed bytes, if that is known.
    ///
    /// # Errors
    /// It is no ztoc, of another layer, or contradicts itself.
    pub fn parse(bytes: &[u8], blob_len: Option<u64>) -> Result<Ztoc, ZtocError> {
        if bytes.len() as u64 > MAX_ZTOC_BYTES {
            return Err(ZtocError::TooLong {
                len: bytes.len() as u64,
                limit: MAX_ZTOC_BYTES,
            });
        }
        let limits = flat::limits(bytes.len());
        let mut flat = Flat::new(bytes, &limits);
        let root = flat.root::<{ slots::ztoc::FIELDS }>()?;
        let stated = flat.long(root[slots::ztoc::COMPRESSED_ARCHIVE_SIZE])?;
        let stated = length(stated).ok_or(ZtocError::Field("compressed size"))?;
        if let Some(actual) = blob_len.filter(|len| *len != stated) {
            return Err(ZtocError::OtherBlob { stated, actual });
        }
        let archive_len = flat.long(root[slots::ztoc::UNCOMPRESSED_ARCHIVE_SIZE])?;
        let archive_len = length(archive_len).ok_or(ZtocError::Field("uncompressed size"))?;

        let info = flat.table::<{ slots::info::FIELDS }>(root[slots::ztoc::COMPRESSION_INFO])?;
        let blob = flat.bytes(info[slots::info::CHECKPOINTS])?;
        let algorithm = flat.byte(info[slots::info::COMPRESSION_ALGORITHM])?;
        let (compression, access, out_len, bounds) = match algorithm.unwrap_or(GZIP) {
            GZIP => gzip(blob, stated, archive_len)?,
            UNCOMPRESSED => plain(blob, stated, archive_len)?,
            _ => return Err(ZtocError::Field("compression")),
        };
        let max_span_id = flat.int(info[slots::info::MAX_SPAN_ID])?;
        if u64::from(max_span_id) + 1 != bounds.len() as u64 {
            return Err(ZtocError::Field("number of spans"));
        }
        let spans = spans(&mut flat, info[slots::info::SPAN_DIGESTS], bounds)?;
        let toc = entries(&mut flat, root[slots::ztoc::TOC], archive_len)?;
        Ok(Ztoc {
            blob_len: stated,
            out_len,
            compression,
            toc,
            access,
            spans,
        })
    }
}

/// Compression, access, uncompressed bytes, and where each span starts and ends.
type Layout = (Compression, Access, u64, Vec<(u64, u64)>);

fn gzip(blob: &[u8], blob_len: u64, archive_len: u64) -> Result<Layout, ZtocError> {
    let records = checkpoints::parse(blob)?;
    let ends = records.iter().skip(1).map(|r| r.in_offset);
    let bounds: Vec<_> = records
        .iter()
        .map(Record::span_start)
        .zip(ends.chain([blob_len]))
        .collect();
    // The tar reader that told the size stops at the archive's end.
    let last = records.last().map_or(0, |r| r.out_offset);
    let out_len = archive_len.max(last);
    let mut checkpoints: Vec<Checkpoint> = Vec::with_capacity(records.len());
    for record in &records {
        // Of several with nothing between them the last serves.
        if checkpoints
            .last()
            .is_some_and(|c| c.out_offset == record.out_offset)
        {
            checkpoints.pop();
        }
        if record.in_offset > blob_len {
            return Err(ZtocError::Field("checkpoints"));
        }
        checkpoints.push(Checkpoint {
            in_bit_offset: record.in_offset * 8 - u64::from(record.bits),
            out_offset: record.out_offset,
            kind: CheckpointKind::Block,
            window: PackedWindow::pack(record.window),
        });
    }
    let index = GzipIndex::from_checkpoints(blob_len, out_len, checkpoints)?;
    Ok((Compression::Gzip, Access::Gzip(index), out_len, bounds))
}

fn plain(blob: &[u8], blob_len: u64, archive_len: u64) -> Result<Layout, ZtocError> {
    let limits = flat::limits(blob.len());
    let mut flat = Flat::new(blob, &limits);
    let root = flat.root::<{ slots::tar::FIELDS }>()?;
    let size = length(flat.long(root[slots::tar::SIZE])?);
    let span = length(flat.long(root[slots::tar::SPAN_SIZE])?).filter(|n| *n > 0);
    let span = span.ok_or(ZtocError::Field("span size"))?;
    if size != Some(blob_len) || archive_len > blob_len {
        return Err(ZtocError::Field("size"));
    }
    let count = blob_len.div_ceil(span);
    if count > MAX_SPANS {
        return Err(ZtocError::Field("number of spans"));
    }
    let bounds = (0..count).map(|n| (n * span, ((n + 1) * span).min(blob_len)));
    Ok((Compression::None, Access::Plain, blob_len, bounds.collect()))
}

fn spans(
    flat: &mut Flat<'_>,
    field: Field,
    bounds: Vec<(u64, u64)>,
) -> Result<SpanDigests, ZtocError> {
    let digests = flat.positions(field)?;
    if digests.len != bounds.len() {
        return Err(ZtocError::Field("number of digests"));
    }
    let mut spans = Vec::with_capacity(bounds.len());
    for (n, (start, end)) in bounds.into_iter().enumerate() {
        let text = std::str::from_utf8(flat.bytes(digests.at(n))?).ok();
        let digest = text.and_then(|text| text.parse().ok());
        let digest = digest.ok_or(ZtocError::Field("span digest"))?;
        spans.push(Span { start, end, digest });
    }
    SpanDigests::new(spans).ok_or(ZtocError::Field("spans"))
}

/// The entries by their positions. Where an entry's headers begin is not told: behind the data of
/// the one before, as SOCI's own reader has it.
fn entries(flat: &mut Flat<'_>, field: Field, archive_len: u64) -> Result<Toc, ZtocError> {
    let toc = flat.table::<{ slots::toc::FIELDS }>(field)?;
    let files = flat.positions(toc[slots::toc::METADATA])?;
    if files.len > Limits::ENTRIES as usize {
        return Err(ZtocError::TooMuch);
    }
    let mut order = Vec::with_capacity(files.len); // no more than the bytes have room for
    for n in 0..files.len {
        let fields = flat.table::<{ slots::file::FIELDS }>(files.at(n))?;
        let at = flat.long(fields[slots::file::UNCOMPRESSED_OFFSET])?;
        order.push((at, n));
    }
    order.sort(); // stable by the number beside it
    let mut toc = Toc::new();
    let mut header = 0;
    for (_, n) in order {
        let entry = entry(flat, files.at(n), header)?;
        let data = entry.data_out_offset.unwrap_or_default();
        let data_end = data + entry.stored_len; // each is below MAX_BLOB_BYTES
        if data_end > archive_len {
            return Err(ZtocError::Field("position of an entry"));
        }
        header = data_end.next_multiple_of(BLOCK);
        let names = entry.path.len().max(entry.linkname.len());
        if names > Limits::NAME_LEN || !toc.push(&entry) {
            return Err(ZtocError::TooMuch);
        }
    }
    Ok(toc)
}

fn entry(flat: &mut Flat<'_>, field: Field, header: u64) -> Result<Entry, ZtocError> {
    let bad = ZtocError::Field;
    let fields = flat.table::<{ slots::file::FIELDS }>(field)?;
    let kind = match flat.bytes(fields[slots::file::TYPE])? {
        b"reg" => EntryKind::File,
        b"dir" => EntryKind::Dir,
        b"symlink" => EntryKind::Symlink,
        b"hardlink" => EntryKind::Hardlink,
        b"char" => EntryKind::Char,
        b"block" => EntryKind::Block,
        b"fifo" => EntryKind::Fifo,
        _ => return Err(bad("type of an entry")),
    };
    let path = flat.bytes(fields[slots::file::NAME])?.to_vec();
    let mut linkname = Vec::new();
    if matches!(kind, EntryKind::Symlink | EntryKind::Hardlink) {
        linkname = flat.bytes(fields[slots::file::LINKNAME])?.to_vec();
    }
    let (uname, gname) = (
        flat.bytes(fields[slots::file::UNAME])?.to_vec(),
        flat.bytes(fields[slots::file::GNAME])?.to_vec(),
    );
    if [&path, &linkname, &uname, &gname]
        .iter()
        .any(|name| name.contains(&0))
    {
        return Err(bad("name with a NUL"));
    }
    let data = length(flat.long(fields[slots::file::UNCOMPRESSED_OFFSET])?);
    let data = data.filter(|at| *at >= header + BLOCK && at.is_multiple_of(BLOCK));
    let size = length(flat.long(fields[slots::file::UNCOMPRESSED_SIZE])?);
    let size = size.ok_or(bad("size of an entry"))?;
    let size = if kind.has_data() { size } else { 0 };
    let mode = flat.long(fields[slots::file::MODE])?;
    let (mtime_s, mtime_ns) = match flat.bytes(fields[slots::file::MOD_TIME])? {
        b"" => (0, 0),
        text => time::parse(text).ok_or(bad("time of an entry"))?,
    };
    let device = match kind {
        EntryKind::Char | EntryKind::Block => {
            let major = flat.long(fields[slots::file::DEVMAJOR])?;
            let minor = flat.long(fields[slots::file::DEVMINOR])?;
            let numbers = u32::try_from(major).ok().zip(u32::try_from(minor).ok());
            Some(numbers.ok_or(bad("device"))?)
        }
        _ => None,
    };
    Ok(Entry {
        path,
        kind,
        size,
        mode: u32::try_from(mode).map_err(|_| bad("mode of an entry"))?,
        uid: u64::from(flat.int(fields[slots::file::UID])?),
        gid: u64::from(flat.int(fields[slots::file::GID])?),
        uname,
        gname,
        mtime_s,
        mtime_ns,
        linkname,
        device,
        pax: records(flat, fields[slots::file::XATTRS])?,
        header_out_offset: Some(header),
        data_out_offset: Some(data.ok_or(bad("position of an entry"))?),
        stored_len: size,
        sparse: None,
    })
}

/// A PAX record's key and value, raw.
type PaxRecord = (Vec<u8>, Vec<u8>);

/// An entry's PAX records but for those that other fields tell.
fn records(flat: &mut Flat<'_>, field: Field) -> Result<Vec<PaxRecord>, ZtocError> {
    let xattrs = flat.positions(field)?;
    let mut records = Vec::new();
    let mut held = 0;
    for n in 0..xattrs.len {
        let fields = flat.table::<{ slots::xattr::FIELDS }>(xattrs.at(n))?;
        let key = flat.bytes(fields[slots::xattr::KEY])?;
        let value = flat.bytes(fields[slots::xattr::VALUE])?;
        held += key.len() + value.len();
        if held as u64 > Limits::PAX_LEN {
            return Err(ZtocError::TooMuch);
        }
        match key {
            b"path" | b"linkpath" | b"size" | b"uid" | b"gid" | b"uname" | b"gname" | b"mtime" => {}
            // Which parts of it are in the archive is not told.
            _ if key.starts_with(b"GNU.sparse.") => return Err(ZtocError::Field("a sparse file")),
            _ => records.push((key.to_vec(), value.to_vec())),
        }
    }
    Ok(records)
}

/// A length or a position that is not negative and not beyond any blob.
fn length(value: i64) -> Option<u64> {
    u64::try_from(value).ok().filter(|n| *n <= MAX_BLOB_BYTES)
}
