//! From the bytes of a table of contents to a layer index.

use std::sync::Arc;

use layerscope_inflate::{GzipIndexBuilder, GzipLimits, GzipOptions, Trade};

use super::claim::Position;
use super::table::Frame;
use super::{ForeignError, MAX_TOC_BYTES, entries};
use crate::decode::{self, DecodeLimits, FramePoint};
use crate::digest::Digest;
use crate::layer_index::{Compression, LayerIndex};
use crate::tar::{TarEvent, TarParser};

/// The only file in the tar archive that an eStargz table of contents is packed in.
const TOC_NAME: &[u8] = b"stargz.index.json";

/// From the gzip member that an eStargz footer names, which starts at `in_offset`. `toc` is the
/// digest of its JSON in the manifest, if there is one.
///
/// # Errors
/// It cannot be unpacked or read, or is not what the digest says.
pub fn from_estargz(
    member: &[u8],
    in_offset: u64,
    toc: Option<&Digest>,
    blob: &Digest,
    blob_len: u64,
) -> Result<LayerIndex, ForeignError> {
    let json = unpack_member(member)?;
    check(&json, toc)?;
    from_json(&json, Frame::Gzip, in_offset, toc.is_some(), blob, blob_len)
}

/// From the bytes at a zstd:chunked blob's [`Position`]. `checksum` is their digest in the manifest,
/// if there is one.
///
/// # Errors
/// As [`from_estargz`].
pub fn from_zstd_chunked(
    frame: &[u8],
    position: &Position,
    checksum: Option<&Digest>,
    blob: &Digest,
    blob_len: u64,
) -> Result<LayerIndex, ForeignError> {
    check(frame, checksum)?;
    let json = unpack_zstd(frame, position.out_len)?;
    let (end, anchored) = (position.payload_end(), checksum.is_some());
    from_json(&json, Frame::Zstd, end, anchored, blob, blob_len)
}

/// From a table's JSON. `payload_end` is where the pieces of files end in the blob (compressed
/// bytes); `anchored` says that a digest in the manifest covers the table.
///
/// # Errors
/// It cannot be read.
pub fn from_json(
    json: &[u8],
    frame: Frame,
    payload_end: u64,
    anchored: bool,
    blob: &Digest,
    blob_len: u64,
) -> Result<LayerIndex, ForeignError> {
    let (toc, table) = entries::read(json, frame, payload_end, anchored)?;
    let compression = match frame {
        Frame::Gzip => Compression::Gzip,
        Frame::Zstd => Compression::Zstd,
    };
    let table = Arc::new(table);
    let index = LayerIndex::of_publisher(blob.clone(), blob_len, compression, toc, table, anchored);
    Ok(index)
}

fn check(bytes: &[u8], expected: Option<&Digest>) -> Result<(), ForeignError> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let actual = Digest::of(expected.algorithm(), bytes);
    match actual == *expected {
        true => Ok(()),
        false => Err(ForeignError::TocDigest {
            expected: expected.clone(),
            actual,
        }),
    }
}

/// The first file of a tar archive in a gzip member.
fn unpack_member(member: &[u8]) -> Result<Vec<u8>, ForeignError> {
    let mut parser = TarParser::new(crate::tar::Limits::default());
    let (mut json, mut stated, mut files) = (Vec::new(), 0, 0);
    let mut problem = None;
    let options = GzipOptions {
        trade: Trade::NONE,
        limits: GzipLimits {
            // Its tar has a few headers and padding besides.
            max_out: MAX_TOC_BYTES + (64 << 10),
            ..GzipLimits::default()
        },
        ..GzipOptions::default()
    };
    let mut gzip: GzipIndexBuilder = GzipIndexBuilder::new(options);
    let inflated = gzip.push(member, &mut |bytes| {
        if problem.is_some() {
            return;
        }
        let parsed = parser.push(bytes, &mut |event| match event {
            TarEvent::Entry(entry) => {
                files += 1;
                if files == 1 && entry.path == TOC_NAME {
                    stated = entry.stored_len;
                }
            }
            TarEvent::Data(data) if files == 1 && stated > 0 => json.extend_from_slice(data),
            TarEvent::Data(_) | TarEvent::EndOfArchive => {}
        });
        if let Err(error) = parsed {
            problem = Some(ForeignError::Unpack(error.to_string()));
        }
    });
    if stated > MAX_TOC_BYTES {
        let limit = MAX_TOC_BYTES;
        return Err(ForeignError::TooLarge { limit });
    }
    if stated > 0 && json.len() as u64 == stated {
        return Ok(json); // whatever follows
    }
    inflated.map_err(|error| ForeignError::Unpack(error.to_string()))?;
    Err(problem.unwrap_or(ForeignError::Unpack(
        "there is no stargz.index.json in it".to_owned(),
    )))
}

fn unpack_zstd(frame: &[u8], out_len: u64) -> Result<Vec<u8>, ForeignError> {
    let limits = DecodeLimits {
        max_out: out_len,
        ..DecodeLimits::default()
    };
    let decoder = decode::decoder(Compression::Zstd, FramePoint::default(), limits);
    let mut decoder = decoder.ok_or(ForeignError::Unpack("nothing decodes zstd".to_owned()))?;
    let mut json = Vec::new();
    decoder
        .push(frame, &mut |bytes| json.extend_from_slice(bytes))
        .and_then(|()| decoder.finish())
        .map_err(|error| ForeignError::Unpack(error.to_string()))?;
    if json.len() as u64 != out_len {
        let detail = format!("it has {} bytes, and {out_len} are stated", json.len());
        return Err(ForeignError::Unpack(detail));
    }
    Ok(json)
}
