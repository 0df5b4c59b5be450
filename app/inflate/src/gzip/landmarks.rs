//! Where blocks end, kept in a few bytes each.

use crate::gzip::error::IndexProblem;
use crate::varint::{Cursor, put};

/// Least uncompressed distance of two landmarks. A read ends at most this and a block late, and
/// they cost about five bytes for each 32 KiB.
pub const LANDMARK_SPACING: u64 = 32 * 1024;

/// Landmarks between two that are found without counting from the start.
const ANCHOR_EVERY: usize = 64;

/// Where a block ends: a read stops soon after its last byte instead of at the next checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landmark {
    /// Compressed bytes, from the blob's first, that give all uncompressed bytes up to
    /// `out_offset`: the first compressed byte that is not needed for them.
    pub in_offset: u64,
    /// Uncompressed bytes before it, over all members.
    pub out_offset: u64,
}

/// Rising landmarks at least [`LANDMARK_SPACING`] apart, as differences.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Landmarks {
    packed: Vec<u8>,
    anchors: Vec<Anchor>,
    count: usize,
    last: Landmark,
}

/// The state before every 64th landmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Anchor {
    before: Landmark,
    at: usize,
}

impl Landmarks {
    /// Adds one, unless it is too near to the last to be worth its bytes.
    pub(crate) fn add(&mut self, landmark: Landmark) {
        let out_step = landmark.out_offset.wrapping_sub(self.last.out_offset);
        let in_step = landmark.in_offset.wrapping_sub(self.last.in_offset);
        if landmark.out_offset < self.last.out_offset || out_step < LANDMARK_SPACING {
            return;
        }
        if self.count.is_multiple_of(ANCHOR_EVERY) {
            self.anchors.push(Anchor {
                before: self.last,
                at: self.packed.len(),
            });
        }
        put(&mut self.packed, in_step);
        put(&mut self.packed, out_step - LANDMARK_SPACING);
        self.count += 1;
        self.last = landmark;
    }

    /// The first landmark with at least `out_offset` uncompressed bytes before it.
    pub fn at_or_after(&self, out_offset: u64) -> Option<Landmark> {
        let after = self
            .anchors
            .partition_point(|a| a.before.out_offset < out_offset);
        let anchor = self.anchors.get(after.saturating_sub(1))?;
        self.from(*anchor).find(|l| l.out_offset >= out_offset)
    }

    /// All of them, rising.
    pub fn iter(&self) -> impl Iterator<Item = Landmark> + '_ {
        self.from(Anchor {
            before: Landmark::default(),
            at: 0,
        })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// There are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The last one; at the blob's start if there is none.
    pub(crate) fn last(&self) -> Landmark {
        self.last
    }

    fn from(&self, anchor: Anchor) -> impl Iterator<Item = Landmark> + '_ {
        let mut cursor = Cursor(self.packed.get(anchor.at..).unwrap_or_default());
        let mut at = anchor.before;
        std::iter::from_fn(move || {
            at = next(&mut cursor, at)?;
            Some(at)
        })
    }

    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        put(out, self.count as u64);
        out.extend_from_slice(&self.packed);
    }

    pub(crate) fn read(cursor: &mut Cursor<'_>) -> Result<Self, IndexProblem> {
        let count = cursor.varint().ok_or(IndexProblem::Length)?;
        let mut landmarks = Landmarks::default();
        for _ in 0..count {
            if cursor.0.is_empty() {
                return Err(IndexProblem::Length);
            }
            let landmark = next(cursor, landmarks.last).ok_or(IndexProblem::Order)?;
            if landmark.in_offset == landmarks.last.in_offset {
                return Err(IndexProblem::Order);
            }
            landmarks.add(landmark);
        }
        Ok(landmarks)
    }
}

/// The landmark after `last`; none at the end, or where a sum is too large for any blob.
fn next(cursor: &mut Cursor<'_>, last: Landmark) -> Option<Landmark> {
    let in_offset = last.in_offset.checked_add(cursor.varint()?)?;
    let out_step = cursor.varint()?.checked_add(LANDMARK_SPACING)?;
    let out_offset = last.out_offset.checked_add(out_step)?;
    Some(Landmark {
        in_offset,
        out_offset,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_from_its_anchor() {
        let mut landmarks = Landmarks::default();
        assert_eq!(landmarks.at_or_after(0), None);
        let mut all = Vec::new();
        for n in 1..1000u64 {
            let landmark = Landmark {
                in_offset: n * 11_111,
                out_offset: n * 40_000 + n % 7,
            };
            landmarks.add(landmark);
            // Too near: not kept.
            landmarks.add(Landmark {
                in_offset: landmark.in_offset + 9,
                out_offset: landmark.out_offset + LANDMARK_SPACING - 1,
            });
            all.push(landmark);
        }
        assert_eq!(landmarks.len(), all.len());
        assert!(landmarks.iter().eq(all.iter().copied()));
        for (n, landmark) in all.iter().enumerate() {
            let at = landmark.out_offset;
            assert_eq!(landmarks.at_or_after(at), Some(*landmark), "{n}");
            assert_eq!(landmarks.at_or_after(at - 1), Some(*landmark), "{n}");
            assert_eq!(
                landmarks.at_or_after(at + 1),
                all.get(n + 1).copied(),
                "{n}"
            );
        }
        assert!(landmarks.packed.len() < 6 * all.len());
        let mut stored = Vec::new();
        landmarks.write(&mut stored);
        assert_eq!(Landmarks::read(&mut Cursor(&stored)), Ok(landmarks));
    }

    #[track_caller]
    fn refused(stored: &[u8], problem: IndexProblem) {
        assert_eq!(Landmarks::read(&mut Cursor(stored)), Err(problem));
    }

    #[test]
    fn what_was_not_written_is_refused() {
        refused(&[], IndexProblem::Length);
        refused(&[1], IndexProblem::Length);
        refused(&[1, 0, 5], IndexProblem::Order);
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        refused(&[[1, 5].as_slice(), &huge].concat(), IndexProblem::Order);
        refused(&huge, IndexProblem::Length);
    }
}
