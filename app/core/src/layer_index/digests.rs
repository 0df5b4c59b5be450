//! The digests that make a blob's bytes trustworthy: of the whole, and of each part of it.
//!
//! The whole blob is hashed while it streams. In the same pass the state of SHA-256 is kept at
//! certain positions (its eight words after the last whole block, FIPS 180-4 section 6.2.2). A
//! *unit*, the bytes between two such positions, fetched later, is checked alone: hashing goes on
//! from the state before it and must come to the state after it. To find other bytes that do is as
//! hard as a second preimage of SHA-256 itself, and no byte is hashed twice.

use std::ops::Range;

use layerscope_inflate::{is_line, next_line};
use sha2::Digest as _;
use sha2::Sha256;
use sha2::digest::common::hazmat::SerializableState;

use crate::digest::{Algorithm, Digest, Hasher};
use crate::toc::varint::{Reader, put, put_bytes};

/// Compressed bytes between the positions that are kept where nothing tells better ones.
pub const UNIT_BYTES: u64 = 32 << 10;

/// A state of SHA-256 between two blocks, or a digest.
type State = [u8; 32];

/// SHA-256's block in bytes; states are only kept between blocks.
const BLOCK: u64 = 64;

/// Positions are stored in such steps; all lines are multiples of it.
const STEP: u64 = 4 << 10;

/// States of a blob of a tebibyte; a worker's memory ends long before.
const MAX_STATES: usize = 1 << 25;

/// How many states there are up to a line, its own included.
pub(super) fn states_up_to(line: u64) -> usize {
    lines()
        .take_while(|other| *other <= line)
        .take(MAX_STATES)
        .count()
}

fn state_of(hasher: &Sha256) -> State {
    let mut state = [0; 32];
    // The words come first in the library's form; the counter and an empty buffer follow.
    state.copy_from_slice(&hasher.serialize()[..32]);
    state
}

/// The hasher that has this state after `in_offset` bytes, a multiple of [`BLOCK`].
fn hasher_at(state: &State, in_offset: u64) -> Option<Sha256> {
    let mut serialized = Sha256::new().serialize();
    serialized[..32].copy_from_slice(state);
    serialized[32..40].copy_from_slice(&(in_offset / BLOCK).to_le_bytes());
    Sha256::deserialize(&serialized).ok()
}

/// Hashes a blob as it streams, and keeps the state at every line ([`next_line`]). Chunks of any
/// size give the same.
pub struct BlobHasher {
    /// Of the blob's own digest, if that is not SHA-256.
    other: Option<Hasher>,
    sha256: Sha256,
    len: u64,
    states: Vec<State>,
}

impl BlobHasher {
    /// A hasher at a blob's start; `algorithm` is that of the digest which the blob should have.
    pub fn new(algorithm: Algorithm) -> Self {
        BlobHasher {
            other: (algorithm != Algorithm::Sha256).then(|| Hasher::new(algorithm)),
            sha256: Sha256::new(),
            len: 0,
            states: Vec::new(),
        }
    }

    /// A hasher that goes on where another stopped that had all these states, 32 bytes each: behind
    /// the line of the last one. `None` if they are no whole number of them, or more than any blob
    /// has.
    pub fn resume(states: &[u8]) -> Option<Self> {
        let mut hasher = BlobHasher::new(Algorithm::Sha256);
        let (states, rest) = states.as_chunks::<32>();
        if !rest.is_empty() || states.len() > MAX_STATES {
            return None;
        }
        if let Some(last) = states.last() {
            hasher.len = lines().nth(states.len() - 1)?;
            hasher.sha256 = hasher_at(last, hasher.len)?;
        }
        hasher.states = states.to_vec();
        Some(hasher)
    }

    /// The states so far but for the first `told` ones, 32 bytes each.
    pub fn states_since(&self, told: usize) -> &[u8] {
        self.states.get(told..).unwrap_or_default().as_flattened()
    }

    /// Takes the blob's next (compressed) bytes.
    pub fn push(&mut self, mut input: &[u8]) {
        if let Some(other) = &mut self.other {
            other.update(input);
        }
        while !input.is_empty() {
            let room = next_line(self.len) - self.len;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = input.split_at(room.min(input.len()));
            self.sha256.update(now);
            self.len += now.len() as u64;
            if now.len() == room {
                self.states.push(state_of(&self.sha256));
            }
            input = later;
        }
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
    pub fn finish(self) -> BlobDigests {
        let end: State = self.sha256.finalize().into();
        let digest = match self.other {
            Some(other) => other.finish(),
            None => sha256_digest(&end),
        };
        BlobDigests {
            digest,
            len: self.len,
            states: self.states,
            end,
        }
    }
}

fn sha256_digest(raw: &State) -> Digest {
    // 32 bytes are what SHA-256 has; the other arm is never taken.
    Digest::from_raw(Algorithm::Sha256, raw).unwrap_or_else(|| Digest::of(Algorithm::Sha256, &[]))
}

/// The digests of a whole blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlobDigests {
    digest: Digest,
    len: u64,
    /// At every line.
    states: Vec<State>,
    /// The SHA-256 of the blob.
    end: State,
}

impl BlobDigests {
    /// To hand it from one worker to another.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.states.len() * 32 + 256);
        put_bytes(&mut out, self.digest.to_string().as_bytes());
        put(&mut out, self.len);
        out.extend_from_slice(&self.end);
        out.extend_from_slice(self.states.as_flattened());
        out
    }

    /// Reads what [`BlobDigests::to_bytes`] wrote; `None` for anything else.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let digest = std::str::from_utf8(reader.bytes()?).ok()?.parse().ok()?;
        let len = reader.number()?;
        let end = reader.take(32)?.try_into().ok()?;
        let (states, rest) = reader.take(reader.len())?.as_chunks::<32>();
        let lines = lines()
            .take_while(|line| *line <= len)
            .take(states.len() + 1);
        (rest.is_empty() && lines.count() == states.len()).then(|| BlobDigests {
            digest,
            len,
            states: states.to_vec(),
            end,
        })
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

    /// Keeps the states at these positions, as far as they are lines inside the blob.
    pub(super) fn into_units(self, positions: &[u64]) -> UnitDigests {
        let wanted = |line: &u64| positions.binary_search(line).is_ok() && *line < self.len;
        let (ends, states) = lines()
            .zip(&self.states)
            .filter(|(line, _)| wanted(line))
            .unzip();
        UnitDigests {
            ends,
            states,
            blob_len: self.len,
            end: self.end,
        }
    }
}

/// All lines, without end.
fn lines() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(next_line(0)), |line| Some(next_line(*line)))
}

/// The positions that serve where nothing tells better ones: every [`UNIT_BYTES`].
pub(super) fn plain_positions(blob_len: u64) -> Vec<u64> {
    let count = blob_len / UNIT_BYTES;
    (1..=count).map(|n| n * UNIT_BYTES).collect()
}

/// What the units of a blob have to match.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDigests {
    /// Where units end, but the last: compressed bytes from the blob's first, rising.
    ends: Vec<u64>,
    /// The state at each.
    states: Vec<State>,
    blob_len: u64,
    /// The SHA-256 of the blob, at which the last unit has to come out.
    end: State,
}

impl UnitDigests {
    /// How many units there are.
    pub fn count(&self) -> usize {
        self.ends.len() + usize::from(self.ends.last().copied().unwrap_or(0) < self.blob_len)
    }

    /// The stored form.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.states.len() * 34 + 40);
        put(&mut out, self.ends.len() as u64);
        let mut last = 0;
        for end in &self.ends {
            put(&mut out, end / STEP - last);
            last = end / STEP;
        }
        out.extend_from_slice(self.states.as_flattened());
        out.extend_from_slice(&self.end);
        out
    }

    /// Reads the stored form; `None` if it is not one of a blob of this length.
    pub(super) fn from_bytes(bytes: &[u8], blob_len: u64) -> Option<Self> {
        let mut reader = Reader::new(bytes);
        let count = reader.number()?;
        let (mut ends, mut last) = (Vec::new(), 0u64);
        for _ in 0..count {
            let end = last.checked_add(reader.number()?.checked_mul(STEP)?)?;
            if end <= last || end >= blob_len || !is_line(end) {
                return None;
            }
            ends.push(end);
            last = end;
        }
        let states = reader.take(ends.len().checked_mul(32)?)?;
        let end = reader.take(32)?.try_into().ok()?;
        reader.is_empty().then(|| UnitDigests {
            ends,
            states: states.as_chunks().0.to_vec(),
            blob_len,
            end,
        })
    }

    /// Rounds a range of compressed bytes out to units.
    pub(super) fn round(&self, range: &Range<u64>) -> Range<u64> {
        let before = self.ends.partition_point(|end| *end <= range.start);
        let after = self.ends.partition_point(|end| *end < range.end);
        let start = before.checked_sub(1).map_or(0, |n| self.ends[n]);
        start..self.ends.get(after).copied().unwrap_or(self.blob_len)
    }

    /// What the units of a rounded range of compressed bytes have to match.
    pub(super) fn expected(&self, in_range: Range<u64>) -> ExpectedUnits {
        let first = self.ends.partition_point(|end| *end <= in_range.start);
        let last = self.ends.partition_point(|end| *end < in_range.end);
        let known = first..(last + 1).min(self.ends.len()).max(first);
        let from = first.checked_sub(1);
        ExpectedUnits {
            start: from.map_or(0, |n| self.ends[n]),
            state: from.map_or_else(|| state_of(&Sha256::new()), |n| self.states[n]),
            ends: self.ends[known.clone()].to_vec(),
            states: self.states[known].to_vec(),
            blob_len: self.blob_len,
            end: self.end,
        }
    }
}

/// What the units of one read have to match.
#[derive(Debug, Clone)]
pub(super) struct ExpectedUnits {
    /// Where the first unit starts, and the state there.
    start: u64,
    state: State,
    ends: Vec<u64>,
    states: Vec<State>,
    blob_len: u64,
    end: State,
}

impl ExpectedUnits {
    /// Where the unit ends that a byte of the blob is in.
    pub(super) fn unit_end(&self, in_offset: u64) -> u64 {
        let after = self.ends.partition_point(|end| *end <= in_offset);
        self.ends.get(after).copied().unwrap_or(self.blob_len)
    }

    /// Whether these bytes are the unit that starts there in the blob.
    pub(super) fn matches(&self, in_offset: u64, bytes: &[u8]) -> bool {
        let before = match self.ends.binary_search(&in_offset) {
            Ok(at) => self.states.get(at),
            Err(_) if in_offset == self.start => Some(&self.state),
            Err(_) => None,
        };
        let Some(mut hasher) = before.and_then(|state| hasher_at(state, in_offset)) else {
            return false;
        };
        hasher.update(bytes);
        let end = in_offset.saturating_add(bytes.len() as u64);
        if let Ok(at) = self.ends.binary_search(&end) {
            return self.states.get(at) == Some(&state_of(&hasher));
        }
        end == self.blob_len && State::from(hasher.finalize()) == self.end
    }
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
            for chunk in [1, 7, 4095, 4096, 4097, 100_000] {
                assert_eq!(digests(&blob, chunk, algorithm), all);
            }
            assert_eq!(BlobDigests::from_bytes(&all.to_bytes()), Some(all.clone()));
            assert_eq!(BlobDigests::from_bytes(&all.to_bytes()[1..]), None);
            let short = all.to_bytes();
            assert_eq!(BlobDigests::from_bytes(&short[..short.len() - 32]), None);

            // What is no line, or not inside, is not kept.
            let units = all.into_units(&[4096, 5000, 40_960, 49_152, 147_456, 150_000, 151_552]);
            assert_eq!(units.count(), 5);
            let stored = units.to_bytes();
            assert_eq!(
                UnitDigests::from_bytes(&stored, 150_000),
                Some(units.clone())
            );
            assert_eq!(UnitDigests::from_bytes(&stored, 147_456), None);
            assert_eq!(UnitDigests::from_bytes(&stored[1..], 150_000), None);
            for (range, rounded) in [
                (0..1, 0..4096),
                (4095..4097, 0..40_960),
                (4096..40_960, 4096..40_960),
                (50_000..147_457, 49_152..150_000),
            ] {
                assert_eq!(units.round(&range), rounded);
            }
            let expected = units.expected(40_960..150_000);
            for piece in [
                4096..40_960,
                40_960..49_152,
                49_152..147_456,
                147_456..150_000,
            ] {
                let (start, end) = (piece.start as usize, piece.end as usize);
                // The first is not in the range.
                let inside = start > 4096;
                let unit = &blob[start..end];
                assert_eq!(expected.matches(piece.start, unit), inside, "{piece:?}");
                assert!(!inside || expected.unit_end(piece.start) == piece.end);
                assert!(!expected.matches(piece.start + 4096, unit));
                let mut changed = unit.to_vec();
                changed[9] ^= 1;
                assert!(!expected.matches(piece.start, &changed));
                assert!(!expected.matches(piece.start, &unit[..unit.len() - 1]));
            }
        }
    }

    #[test]
    fn it_goes_on_from_any_line() {
        let blob: Vec<u8> = (0..70_000u32).map(|n| (n % 251) as u8).collect();
        let whole = digests(&blob, 999, Algorithm::Sha256);
        let mut first = BlobHasher::new(Algorithm::Sha256);
        first.push(&blob[..33_000]);
        let all = first.states_since(0).to_vec();
        assert_eq!(all.len(), 32 * states_up_to(33_000));
        assert_eq!(first.states_since(3), &all[96..]);
        assert_eq!(first.states_since(100), &[0u8; 0]);
        for count in 0..=8 {
            let mut second = BlobHasher::resume(&all[..32 * count]).unwrap();
            assert_eq!(second.len(), 4096 * count as u64);
            second.push(&blob[4096 * count..]);
            assert_eq!(second.finish(), whole, "{count}");
        }
        assert!(BlobHasher::resume(&all[1..]).is_none());
    }

    #[test]
    fn no_bytes_have_no_units() {
        let none = digests(b"", 1, Algorithm::Sha256);
        assert_eq!((none.len(), none.into_units(&[4096]).count()), (0, 0));
        let units = digests(&[0; 32_768], 999, Algorithm::Sha256).into_units(&[32_768]);
        assert_eq!(units.count(), 1);
        assert!(units.expected(0..32_768).matches(0, &[0; 32_768]));
    }
}
