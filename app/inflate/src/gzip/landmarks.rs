//! Up to where compressed bytes give uncompressed ones, kept in a few bytes each.

use crate::gzip::error::IndexProblem;
use crate::varint::{Cursor, put};

/// Compressed bytes between lines: where decoding stops to tell what was given, and where the state
/// of the blob's hash can be kept. Smaller ones save few bytes of a read and slow down decoding.
const LINE_BYTES: u64 = 4 * 1024;

/// From this compressed position on lines are further apart, so that all those of a blob of any
/// sensible size fit into a worker.
const FAR: u64 = 1 << 30;

/// Compressed bytes between lines from [`FAR`] on.
const FAR_LINE_BYTES: u64 = 32 * 1024;

/// The first line after `in_offset` (compressed bytes from the blob's first).
pub fn next_line(in_offset: u64) -> u64 {
    let step = if in_offset < FAR {
        LINE_BYTES
    } else {
        FAR_LINE_BYTES
    };
    (in_offset / step).saturating_add(1).saturating_mul(step)
}

/// Whether there is a line at `in_offset`.
pub fn is_line(in_offset: u64) -> bool {
    in_offset > 0 && next_line(in_offset - 1) == in_offset
}

/// The last line at or before `in_offset`; 0 if there is none.
pub fn line_before(in_offset: u64) -> u64 {
    let step = if in_offset < FAR {
        LINE_BYTES
    } else {
        FAR_LINE_BYTES
    };
    in_offset / step * step
}

/// Landmarks between two that are found without counting from the start.
const ANCHOR_EVERY: usize = 64;

/// A place where a read may stop: soon after a file's last byte instead of at the next checkpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Landmark {
    /// Compressed bytes, from the blob's first, that give all uncompressed bytes up to
    /// `out_offset`: the first compressed byte that is not needed for them.
    pub in_offset: u64,
    /// Uncompressed bytes before it, over all members.
    pub out_offset: u64,
}

/// Rising landmarks, as differences.
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
    /// Adds one, unless it says no more than the last.
    pub fn add(&mut self, landmark: Landmark) {
        let rises = |of: fn(&Landmark) -> u64| of(&landmark) > of(&self.last);
        if !rises(|l| l.in_offset) || !rises(|l| l.out_offset) {
            return;
        }
        let out_step = landmark.out_offset - self.last.out_offset;
        let in_step = landmark.in_offset - self.last.in_offset;
        if self.count.is_multiple_of(ANCHOR_EVERY) {
            self.anchors.push(Anchor {
                before: self.last,
                at: self.packed.len(),
            });
        }
        put(&mut self.packed, in_step);
        put(&mut self.packed, out_step);
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

    /// Bytes that they take, packed.
    pub(crate) fn packed_len(&self) -> usize {
        self.packed.len()
    }

    /// Those that take the packed bytes from `from` on, which is one that was their length once.
    pub(crate) fn write_since(&self, from: usize, out: &mut Vec<u8>) {
        out.extend_from_slice(self.packed.get(from..).unwrap_or_default());
    }

    /// Adds what [`Landmarks::write_since`] wrote, all of the cursor.
    pub(crate) fn read_more(&mut self, mut cursor: Cursor<'_>) -> Result<(), IndexProblem> {
        while !cursor.0.is_empty() {
            self.read_one(&mut cursor)?;
        }
        Ok(())
    }

    fn read_one(&mut self, cursor: &mut Cursor<'_>) -> Result<(), IndexProblem> {
        let landmark = next(cursor, self.last).ok_or(IndexProblem::Order)?;
        let before = self.count;
        self.add(landmark);
        if self.count == before {
            return Err(IndexProblem::Order);
        }
        Ok(())
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
            landmarks.read_one(cursor)?;
        }
        Ok(landmarks)
    }
}

/// The landmark after `last`; none at the end, or where a sum is too large for any blob.
fn next(cursor: &mut Cursor<'_>, last: Landmark) -> Option<Landmark> {
    let in_offset = last.in_offset.checked_add(cursor.varint()?)?;
    let out_offset = last.out_offset.checked_add(cursor.varint()?)?;
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
            // Nothing new: not kept.
            landmarks.add(Landmark {
                in_offset: landmark.in_offset + 9,
                ..landmark
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
    fn lines_are_where_the_last_one_leads() {
        let mut at = 0;
        for line in [4096, 8192] {
            assert!(!is_line(at + 1));
            at = next_line(at);
            assert_eq!(at, line);
            assert!(is_line(at));
        }
        assert_eq!(next_line(FAR - 1), FAR);
        assert_eq!(next_line(FAR), FAR + FAR_LINE_BYTES);
        assert!(is_line(FAR) && !is_line(FAR + LINE_BYTES) && !is_line(0));
        assert!(next_line(u64::MAX) > FAR);
        for line in [4096, 8192, FAR - LINE_BYTES, FAR, FAR + FAR_LINE_BYTES] {
            assert_eq!((line_before(line), line_before(line + 1)), (line, line));
            assert_eq!(next_line(line_before(line - 1)), line);
        }
        assert_eq!(line_before(4095), 0);
    }

    #[test]
    fn what_was_not_written_is_refused() {
        refused(&[], IndexProblem::Length);
        refused(&[1], IndexProblem::Length);
        refused(&[1, 0, 5], IndexProblem::Order);
        refused(&[2, 5, 5, 5, 0], IndexProblem::Order);
        let huge = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];
        let second = [[2, 5, 5, 5].as_slice(), &huge].concat();
        refused(&second, IndexProblem::Order);
        refused(&huge, IndexProblem::Length);
    }
}
