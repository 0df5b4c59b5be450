//! The stored form of a [`LayerIndex`].
//!
//! ```text
//! "LSIX"  version  digest  blob length  compression  uncompressed length
//! notes  damage  name  trade  access (gzip: checkpoints, windows, landmarks; others: frames)  unit digests
//! packed TOC
//! CRC-32 of all before it (little-endian)
//! ```
//! Numbers are varints; texts and parts have their length before them. The checksum finds
//! accidents; that what is read holds together is checked besides, as if a stranger had written it.
//! A reader refuses every version but its own: the index is made again then.

use layerscope_inflate::{Crc32, GzipIndex, IndexProblem};

use super::digests::UnitDigests;
use super::{Access, Checks, Compression, Damage, DamageKind, LayerIndex, TradeChoice};
use crate::decode::{FrameIndex, FramesProblem};
use crate::digest::Digest;
use crate::tar::Notes;
use crate::toc::varint::{Reader, put, put_bytes};
use crate::toc::{PackError, Toc};

/// The version written and read here; another one is refused.
pub const STORED_VERSION: u8 = 4;

/// The name of the file that holds the index of a blob, in a folder of them:
/// `<algorithm>-<digest>.lsx`.
pub fn index_file_name(blob: &Digest) -> String {
    format!("{}-{}.lsx", blob.algorithm().name(), blob.encoded())
}

const MAGIC: &[u8; 4] = b"LSIX";
const CHECKSUM: usize = 4;

/// Why stored bytes are no index. The remedy is always the same: make it again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoredIndexError {
    /// They do not begin as an index does.
    #[error("the stored index does not begin as one")]
    Magic,
    /// An index of another version.
    #[error("the stored index has version {found}, this is version {STORED_VERSION}")]
    Version {
        /// Its version.
        found: u8,
    },
    /// They are not the bytes that were stored.
    #[error("the stored index is damaged: its checksum is wrong")]
    Checksum,
    /// A part that cannot be.
    #[error("the stored index contradicts itself: {0}")]
    Field(&'static str),
    /// The checkpoints cannot be.
    #[error("the stored index contradicts itself: {0}")]
    Gzip(#[from] IndexProblem),
    /// The frames cannot be.
    #[error("the stored index contradicts itself: {0}")]
    Frames(#[from] FramesProblem),
    /// The table of contents cannot be.
    #[error("the stored index contradicts itself: {0}")]
    Toc(#[from] PackError),
}

impl LayerIndex {
    /// The stored form; none for an index that was not made in a pass over the whole blob.
    pub fn to_bytes(&self) -> Option<Vec<u8>> {
        let Checks::Units(units) = &self.checks else {
            return None;
        };
        let mut out = MAGIC.to_vec();
        out.push(STORED_VERSION);
        put_bytes(&mut out, self.digest.to_string().as_bytes());
        put(&mut out, self.blob_len);
        out.push(byte_from_compression(self.compression));
        put(&mut out, self.out_len);
        out.push(u8::from(self.notes.trailer));
        put(
            &mut out,
            self.notes.after_trailer_out_offset.map_or(0, |at| at + 1),
        );
        write_damage(self.damage.as_ref(), &mut out);
        put_bytes(&mut out, self.name.as_deref().unwrap_or_default());
        out.push(TradeChoice::byte(self.trade));
        match &self.access {
            Access::Plain | Access::Chunks(_) => put_bytes(&mut out, b""),
            Access::Gzip(index) => put_bytes(&mut out, &index.to_bytes()),
            Access::Frames(index) => put_bytes(&mut out, &index.to_bytes()),
        }
        put_bytes(&mut out, &units.to_bytes());
        put_bytes(&mut out, &self.toc.pack());
        let checksum = Crc32::of(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Some(out)
    }

    /// Reads what [`LayerIndex::to_bytes`] wrote.
    ///
    /// # Errors
    /// It is of another version, damaged, or contradicts itself.
    pub fn from_bytes(bytes: &[u8]) -> Result<LayerIndex, StoredIndexError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(StoredIndexError::Magic)?;
        match rest.first() {
            Some(&STORED_VERSION) => {}
            Some(&found) => return Err(StoredIndexError::Version { found }),
            None => return Err(StoredIndexError::Magic),
        }
        let at = bytes.len().saturating_sub(CHECKSUM);
        let (body, checksum) = bytes.split_at(at);
        if Crc32::of(body).to_le_bytes() != checksum {
            return Err(StoredIndexError::Checksum);
        }
        let body = body.get(MAGIC.len() + 1..).ok_or(StoredIndexError::Magic)?;
        Self::read(&mut Reader::new(body))
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Result<LayerIndex, StoredIndexError> {
        let bad = StoredIndexError::Field;
        let digest = reader.bytes().and_then(|b| std::str::from_utf8(b).ok());
        let digest = digest
            .and_then(|text| text.parse::<Digest>().ok())
            .ok_or(bad("digest"))?;
        // Positions are added up without overflow below this.
        let length = |n: &u64| *n < 1 << 62;
        let blob_len = reader.number().filter(length).ok_or(bad("length"))?;
        let compression = reader.take(1).and_then(|b| compression_from_byte(b[0]));
        let compression = compression.ok_or(bad("compression"))?;
        let out_len = reader.number().filter(length).ok_or(bad("length"))?;
        let trailer = match reader.take(1) {
            Some([0]) => false,
            Some([1]) => true,
            _ => return Err(bad("notes")),
        };
        let after = reader.number().filter(length).ok_or(bad("notes"))?;
        let notes = Notes {
            trailer,
            after_trailer_out_offset: after.checked_sub(1),
        };
        let damage = read_damage(reader).ok_or(bad("damage"))?;
        let name = reader.bytes().ok_or(bad("name"))?.to_vec();
        let name = (!name.is_empty()).then_some(name);
        let trade = reader.take(1).and_then(|b| TradeChoice::from_byte(b[0]));
        let trade = trade.ok_or(bad("trade"))?;
        let access = reader.bytes().ok_or(bad("access"))?;
        let access = match compression {
            Compression::Gzip => Access::Gzip(GzipIndex::from_bytes(access)?),
            _ if compression.needs_decoder() => Access::Frames(FrameIndex::from_bytes(access)?),
            _ if access.is_empty() => Access::Plain,
            _ => return Err(bad("access")),
        };
        let lens = match &access {
            Access::Plain | Access::Chunks(_) => None,
            Access::Gzip(index) => Some((index.in_len, index.out_len)),
            Access::Frames(index) => Some((index.in_len, index.out_len)),
        };
        if let Some((in_seen, out_seen)) = lens {
            let fits = in_seen <= blob_len && out_seen <= out_len;
            // Only a damaged stream was not read to its end.
            let whole = out_seen == out_len;
            let broken = damage
                .as_ref()
                .is_some_and(|d| d.kind == DamageKind::Compressed);
            if !fits || !(whole || broken) {
                return Err(bad("access"));
            }
        }
        if compression == Compression::None && out_len != blob_len {
            return Err(bad("length"));
        }
        let units = reader
            .bytes()
            .and_then(|b| UnitDigests::from_bytes(b, blob_len));
        let units = units.ok_or(bad("units"))?;
        let toc = reader.bytes().ok_or(bad("table of contents"))?;
        let toc = Toc::unpack(toc, out_len, damage.is_some())?;
        if !reader.is_empty() {
            return Err(bad("there is more"));
        }
        Ok(LayerIndex {
            digest,
            blob_len,
            compression,
            out_len,
            toc,
            access,
            checks: Checks::Units(units),
            damage,
            notes,
            name,
            trade,
            decoders: None,
        })
    }
}

pub(super) fn write_damage(damage: Option<&Damage>, out: &mut Vec<u8>) {
    match damage {
        None => out.push(0),
        Some(damage) => {
            out.push(byte_from_damage(damage.kind));
            put(out, damage.out_offset);
            put_bytes(out, damage.detail.as_bytes());
        }
    }
}

/// The inner one is none if there is no damage, the outer one if this is none that was written.
pub(super) fn read_damage(reader: &mut Reader<'_>) -> Option<Option<Damage>> {
    match reader.take(1)?[0] {
        0 => Some(None),
        byte => {
            let kind = damage_from_byte(byte)?;
            let out_offset = reader.number()?;
            let detail = std::str::from_utf8(reader.bytes()?).ok()?.to_owned();
            Some(Some(Damage::new(kind, out_offset, detail)))
        }
    }
}

pub(super) fn byte_from_compression(compression: Compression) -> u8 {
    match compression {
        Compression::None => 0,
        Compression::Gzip => 1,
        Compression::Zstd => 2,
        Compression::Xz => 3,
        Compression::Bzip2 => 4,
    }
}

pub(super) fn compression_from_byte(byte: u8) -> Option<Compression> {
    use Compression::{Bzip2, Gzip, None, Xz, Zstd};
    [None, Gzip, Zstd, Xz, Bzip2]
        .into_iter()
        .find(|c| byte_from_compression(*c) == byte)
}

/// 0 is for no damage.
fn byte_from_damage(kind: DamageKind) -> u8 {
    match kind {
        DamageKind::NotTar => 1,
        DamageKind::Tar => 2,
        DamageKind::Limit => 3,
        DamageKind::Compressed => 4,
        DamageKind::Unreadable => 5,
    }
}

fn damage_from_byte(byte: u8) -> Option<DamageKind> {
    use DamageKind::{Compressed, Limit, NotTar, Tar, Unreadable};
    [NotTar, Tar, Limit, Compressed, Unreadable]
        .into_iter()
        .find(|kind| byte_from_damage(*kind) == byte)
}
