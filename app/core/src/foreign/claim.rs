//! What a layer's annotations say of a table of contents in it.

use super::{ForeignError, MAX_TOC_BYTES, MAX_TOC_IN_BYTES};
use crate::digest::Digest;

const STARGZ_DIGEST: &str = "containerd.io/snapshot/stargz/toc.digest";
/// stargz-snapshotter still writes the older one.
const ZSTD_PREFIXES: [&str; 2] = [
    "io.github.containers.zstd-chunked.",
    "io.containers.zstd-chunked.",
];
const CHECKSUM: &str = "manifest-checksum";
const POSITION: &str = "manifest-position";
/// Of a skippable frame: magic and length.
const FRAME_HEADER: u64 = 8;
/// The only form of table that there is.
const CRFS: u64 = 1;

/// What is claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// eStargz; the blob's footer says where its table is.
    EStargz {
        /// Of the uncompressed JSON.
        toc: Digest,
    },
    /// zstd:chunked.
    ZstdChunked {
        /// Where the table is.
        position: Position,
        /// Of the compressed table, if it is given.
        checksum: Option<Digest>,
    },
}

/// Where a zstd:chunked table of contents is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Compressed bytes from the blob's start, after the header of its skippable frame.
    pub in_offset: u64,
    /// Compressed bytes.
    pub in_len: u64,
    /// Bytes of the JSON.
    pub out_len: u64,
}

/// Whether annotations claim anything, right or wrong: small enough to be asked of every layer.
pub fn is_claimed(annotations: &[(String, String)]) -> bool {
    annotations.iter().any(|(key, _)| {
        key == STARGZ_DIGEST || ZSTD_PREFIXES.iter().any(|prefix| key.starts_with(prefix))
    })
}

impl Claim {
    /// From a layer's annotations; none if they claim nothing.
    ///
    /// # Errors
    /// They claim something that cannot be.
    pub fn from_annotations(
        annotations: &[(String, String)],
        blob_len: u64,
    ) -> Result<Option<Claim>, ForeignError> {
        let get = |key: &str| {
            let found = annotations.iter().find(|(k, _)| k == key);
            found.map(|(_, value)| value.as_str())
        };
        let digest = |key: &str| {
            let parsed = get(key).map(str::parse::<Digest>).transpose();
            parsed.map_err(|error| ForeignError::Digest {
                key: key.to_owned(),
                error,
            })
        };
        for prefix in ZSTD_PREFIXES {
            let key = format!("{prefix}{POSITION}");
            let Some(value) = get(&key) else { continue };
            let numbers = four(value).ok_or(ForeignError::Annotation {
                key,
                value: value.chars().take(100).collect(),
            })?;
            return Ok(Some(Claim::ZstdChunked {
                position: Position::new(numbers, blob_len)?,
                checksum: digest(&format!("{prefix}{CHECKSUM}"))?,
            }));
        }
        Ok(digest(STARGZ_DIGEST)?.map(|toc| Claim::EStargz { toc }))
    }
}

/// `offset:length:uncompressed length:type`.
fn four(text: &str) -> Option<[u64; 4]> {
    let numbers: Option<Vec<u64>> = text
        .split(':')
        .take(5)
        .map(|n| {
            let digits = n.bytes().all(|b| b.is_ascii_digit());
            digits.then(|| n.parse().ok()).flatten()
        })
        .collect();
    numbers?.try_into().ok()
}

impl Position {
    /// Checks offset, length, uncompressed length and type.
    pub(super) fn new(numbers: [u64; 4], blob_len: u64) -> Result<Position, ForeignError> {
        let [in_offset, in_len, out_len, kind] = numbers;
        if kind != CRFS {
            return Err(ForeignError::Unpack(format!("it is of the type {kind}")));
        }
        let place = |end| ForeignError::Place {
            what: "table of contents",
            start: in_offset,
            end,
            blob_len,
        };
        let end = in_offset.checked_add(in_len).ok_or(place(u64::MAX))?;
        if in_offset < FRAME_HEADER || in_len == 0 || end > blob_len {
            return Err(place(end));
        }
        for (len, limit) in [(in_len, MAX_TOC_IN_BYTES), (out_len, MAX_TOC_BYTES)] {
            if len > limit {
                return Err(ForeignError::TooLarge { limit });
            }
        }
        Ok(Position {
            in_offset,
            in_len,
            out_len,
        })
    }

    /// The compressed bytes of the table, from the blob's start.
    pub fn in_range(&self) -> std::ops::Range<u64> {
        self.in_offset..self.in_offset + self.in_len
    }

    /// Where the pieces of files end: compressed bytes from the blob's start.
    pub(super) fn payload_end(&self) -> u64 {
        self.in_offset - FRAME_HEADER
    }
}
