//! The digests that make a blob's bytes trustworthy: of the whole, and of each part of it.
//!
//! The whole blob is hashed while it streams. In the same pass each *unit*, a fixed 32 KiB of the
//! compressed bytes, is hashed with SHA-256, so that a unit fetched later can be checked alone.
//!
//! Only 16 bytes are kept of a unit's digest, which halves what an index takes. Cutting a digest
//! to 128 bits makes collisions cheap enough (2^64) for a strong attacker who writes a blob, and so
//! could prepare two units that pass for each other. What is kept is therefore not the cut digest
//! of the unit but that of (blob digest, unit's number, unit's full digest). The blob digest
//! depends on every byte of the blob, so whoever looks for a second unit looks for one blob at a
//! time: nothing can be prepared in advance, and 2^128 tries remain, as for a second preimage.

use std::ops::Range;

use crate::digest::{Algorithm, Digest, Hasher};

/// Compressed bytes in a unit. A file of 12 KB needs one or two units more than its checkpoint
/// does; at 32 KiB the kept digests are 0.05 % of the blob.
pub const UNIT_BYTES: u64 = 32 << 10;

/// Bytes kept of a unit's digest; see the module's text.
pub(super) const KEPT: usize = 16;

/// What a unit has to match.
pub(super) type Kept = [u8; KEPT];

/// Hashes a blob as it streams: the whole and each unit. Chunks of any size give the same.
pub struct BlobHasher {
    whole: Hasher,
    unit: Hasher,
    in_unit: u64,
    len: u64,
    units: Vec<[u8; 32]>,
}

impl BlobHasher {
    /// A hasher at a blob's start; `algorithm` is that of the digest which the blob should have.
    pub fn new(algorithm: Algorithm) -> Self {
        BlobHasher {
            whole: Hasher::new(algorithm),
            unit: Hasher::new(Algorithm::Sha256),
            in_unit: 0,
            len: 0,
            units: Vec::new(),
        }
    }

    /// Takes the blob's next (compressed) bytes.
    pub fn push(&mut self, mut input: &[u8]) {
        self.whole.update(input);
        self.len += input.len() as u64;
        while !input.is_empty() {
            let room = (UNIT_BYTES - self.in_unit) as usize; // at most UNIT_BYTES
            let (now, later) = input.split_at(room.min(input.len()));
            self.unit.update(now);
            self.in_unit += now.len() as u64;
            if self.in_unit == UNIT_BYTES {
                self.end_unit();
            }
            input = later;
        }
    }

    fn end_unit(&mut self) {
        let unit = std::mem::replace(&mut self.unit, Hasher::new(Algorithm::Sha256));
        self.units.push(raw_sha256(unit.finish()));
        self.in_unit = 0;
    }

    /// Bytes taken so far.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// No bytes were taken yet.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The blob has ended.
    pub fn finish(mut self) -> BlobDigests {
        if self.in_unit > 0 {
            self.end_unit();
        }
        let digest = self.whole.finish();
        let units = UnitDigests::bind(&digest, &self.units);
        BlobDigests {
            digest,
            len: self.len,
            units,
        }
    }
}

/// The digests of a whole blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobDigests {
    digest: Digest,
    len: u64,
    units: UnitDigests,
}

impl BlobDigests {
    /// From digests made elsewhere (such as by the browser's own SHA-256): that of the blob, its
    /// length in bytes, and the SHA-256 of each [`UNIT_BYTES`] of it. `None` if there are not as
    /// many as that length has units.
    pub fn from_parts(digest: Digest, len: u64, units: &[[u8; 32]]) -> Option<Self> {
        let units = UnitDigests::bind(&digest, units);
        (units.count() == len.div_ceil(UNIT_BYTES)).then_some(BlobDigests { digest, len, units })
    }

    /// To hand it from one worker to another.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        crate::toc::varint::put_bytes(&mut out, self.digest.to_string().as_bytes());
        crate::toc::varint::put(&mut out, self.len);
        out.extend_from_slice(self.units.as_bytes());
        out
    }

    /// Reads what [`BlobDigests::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = crate::toc::varint::Reader::new(bytes);
        let digest = std::str::from_utf8(reader.bytes()?).ok()?.parse().ok()?;
        let len = reader.number()?;
        let units = UnitDigests::from_bytes(reader.take(reader.len())?, len)?;
        Some(BlobDigests { digest, len, units })
    }

    /// The blob's digest.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The blob's length in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// The blob has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(super) fn into_units(self) -> UnitDigests {
        self.units
    }
}

/// The kept digests of a blob's units, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDigests {
    kept: Vec<u8>,
}

impl UnitDigests {
    fn bind(blob: &Digest, units: &[[u8; 32]]) -> Self {
        let mut kept = Vec::with_capacity(units.len() * KEPT);
        for (number, unit) in (0u64..).zip(units) {
            kept.extend_from_slice(&bound(blob, number, unit));
        }
        UnitDigests { kept }
    }

    /// How many units there are.
    pub fn count(&self) -> u64 {
        (self.kept.len() / KEPT) as u64
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.kept
    }

    /// `None` if the bytes are not as many as a blob of this length has.
    pub(super) fn from_bytes(bytes: &[u8], blob_len: u64) -> Option<Self> {
        let expect = blob_len.div_ceil(UNIT_BYTES).checked_mul(KEPT as u64)?;
        (bytes.len() as u64 == expect).then(|| UnitDigests {
            kept: bytes.to_vec(),
        })
    }

    /// What the units of a range of compressed bytes have to match.
    pub(super) fn expected(&self, blob: &Digest, in_range: Range<u64>) -> ExpectedUnits {
        let first = in_range.start / UNIT_BYTES;
        let end = in_range.end.div_ceil(UNIT_BYTES);
        let at = |unit: u64| {
            usize::try_from(unit)
                .unwrap_or(usize::MAX)
                .saturating_mul(KEPT)
        };
        let bytes = self.kept.get(at(first)..at(end)).unwrap_or_default();
        let (kept, _) = bytes.as_chunks::<KEPT>();
        ExpectedUnits {
            blob: blob.clone(),
            first,
            kept: kept.to_vec(),
        }
    }
}

/// What the units of one read have to match.
#[derive(Debug, Clone)]
pub(super) struct ExpectedUnits {
    blob: Digest,
    first: u64,
    kept: Vec<Kept>,
}

impl ExpectedUnits {
    /// Whether these bytes are the unit with this number in the blob.
    pub(super) fn matches(&self, number: u64, bytes: &[u8]) -> bool {
        let mut hasher = Hasher::new(Algorithm::Sha256);
        hasher.update(bytes);
        let unit = raw_sha256(hasher.finish());
        let expected = number
            .checked_sub(self.first)
            .and_then(|i| self.kept.get(usize::try_from(i).ok()?));
        expected == Some(&bound(&self.blob, number, &unit))
    }
}

/// What is kept of a unit.
fn bound(blob: &Digest, number: u64, unit: &[u8; 32]) -> Kept {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    // A digest's text has no NUL, and what follows has fixed lengths: no two inputs run together.
    hasher.update(b"layerscope unit\0");
    hasher.update(blob.to_string().as_bytes());
    hasher.update(&[0]);
    hasher.update(&number.to_le_bytes());
    hasher.update(unit);
    let whole = raw_sha256(hasher.finish());
    let mut kept = [0; KEPT];
    kept.copy_from_slice(&whole[..KEPT]);
    kept
}

/// The raw value of a SHA-256 digest.
pub(super) fn raw_sha256(digest: Digest) -> [u8; 32] {
    let mut raw = [0; 32];
    raw.copy_from_slice(&digest.raw()); // SHA-256 has 32 bytes
    raw
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digests(bytes: &[u8], chunk: usize, algorithm: Algorithm) -> BlobDigests {
        let mut hasher = BlobHasher::new(algorithm);
        for chunk in bytes.chunks(chunk) {
            hasher.push(chunk);
        }
        hasher.finish()
    }

    #[test]
    fn units_are_checked_alone_and_in_their_place() {
        let blob: Vec<u8> = (0..150_000u32)
            .map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8)
            .collect();
        for algorithm in [Algorithm::Sha256, Algorithm::Sha512] {
            let all = digests(&blob, usize::MAX, algorithm);
            assert_eq!(all.digest(), &Digest::of(algorithm, &blob));
            for chunk in [1, 7, 32_767, 32_768, 32_769, 100_000] {
                assert_eq!(digests(&blob, chunk, algorithm), all);
            }
            assert_eq!(all.units.count(), 5);
            let expected = all.units.expected(all.digest(), 40_000..150_000);
            for (number, unit) in (0u64..).zip(blob.chunks(UNIT_BYTES as usize)) {
                // Unit 0 is not in the range.
                assert_eq!(expected.matches(number, unit), number > 0, "{number}");
                assert!(!expected.matches(number + 1, unit));
                let mut changed = unit.to_vec();
                changed[9] ^= 1;
                assert!(!expected.matches(number, &changed));
                assert!(!expected.matches(number, &unit[1..]));
            }
            assert_eq!(BlobDigests::from_bytes(&all.to_bytes()), Some(all.clone()));
            assert_eq!(BlobDigests::from_bytes(&all.to_bytes()[1..]), None);
            let units: Vec<[u8; 32]> = blob
                .chunks(UNIT_BYTES as usize)
                .map(|unit| raw_sha256(Digest::of(Algorithm::Sha256, unit)))
                .collect();
            let parts = BlobDigests::from_parts(all.digest().clone(), 150_000, &units);
            assert_eq!(parts, Some(all.clone()));
            assert_eq!(
                BlobDigests::from_parts(all.digest().clone(), 170_000, &units),
                None
            );
        }
    }

    #[test]
    fn no_bytes_have_no_units() {
        let none = digests(b"", 1, Algorithm::Sha256);
        assert_eq!((none.units.count(), none.len()), (0, 0));
        assert_eq!(
            digests(&[0; 32_768], 999, Algorithm::Sha256).units.count(),
            1
        );
    }
}
