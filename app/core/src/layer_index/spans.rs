//! The digests of SOCI's spans: of the compressed bytes from one checkpoint to the next.
//!
//! Where a block ends inside a byte, that byte belongs to two spans, and is hashed in both.

use std::ops::Range;

use crate::digest::{Digest, Hasher};

/// Compressed bytes that a span may have: it is held in memory until its digest is checked. SOCI's
/// default is 4 MiB of uncompressed bytes, and one block beyond it.
pub const MAX_SPAN_BYTES: u64 = 64 << 20;

/// Compressed bytes with a digest of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its first compressed byte, from the blob's start.
    pub start: u64,
    /// The first compressed byte after it.
    pub end: u64,
    /// Over exactly these bytes.
    pub digest: Digest,
}

/// The digests of a blob from its first checkpoint to its end, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanDigests {
    spans: Vec<Span>,
}

impl SpanDigests {
    /// Spans with no hole between them, each at most a byte into the one before. None for others,
    /// and for one that is longer than [`MAX_SPAN_BYTES`].
    pub fn new(spans: Vec<Span>) -> Option<Self> {
        let each = |s: &Span| s.start < s.end && s.end - s.start <= MAX_SPAN_BYTES;
        let next = |pair: &[Span]| {
            let (a, b) = (&pair[0], &pair[1]);
            a.start < b.start && a.end < b.end && (b.start == a.end || b.start + 1 == a.end)
        };
        let good = spans.iter().all(each) && spans.windows(2).all(next);
        good.then_some(SpanDigests { spans })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// The digests alone.
    #[cfg(test)]
    pub(crate) fn digests(&self) -> Vec<Digest> {
        self.spans.iter().map(|s| s.digest.clone()).collect()
    }

    /// There are none: the blob is empty.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Rounds compressed bytes out to whole spans.
    pub(super) fn round(&self, needed: &Range<u64>) -> Range<u64> {
        // The last that starts there: its first byte may be another's last.
        let from = self.spans.partition_point(|s| s.start <= needed.start);
        let start = from.checked_sub(1).map(|n| self.spans[n].start);
        let to = self.spans.partition_point(|s| s.end < needed.end);
        let end = self.spans.get(to).map(|s| s.end);
        start.unwrap_or(needed.start)..end.unwrap_or(needed.end)
    }

    /// What the spans of a rounded range have to match.
    pub(super) fn expected(&self, in_range: Range<u64>) -> ExpectedSpans {
        let inside = |s: &&Span| s.start >= in_range.start && s.end <= in_range.end;
        ExpectedSpans {
            spans: self.spans.iter().filter(inside).cloned().collect(),
            last_byte: 0,
        }
    }
}

/// What the spans of one read have to match.
#[derive(Debug, Clone)]
pub(super) struct ExpectedSpans {
    spans: Vec<Span>,
    /// Of the piece before, which the next span may have too.
    last_byte: u8,
}

impl ExpectedSpans {
    /// The end of the span that is checked next after what came before this place.
    pub(super) fn piece_end(&self, in_offset: u64) -> Option<u64> {
        let after = self.spans.partition_point(|s| s.end <= in_offset);
        // Bytes behind the last span belong to nothing: they fail as a piece without a digest.
        Some(self.spans.get(after).map_or(u64::MAX, |s| s.end))
    }

    /// Whether these bytes, with the last one before them where a span begins with it, are a span.
    pub(super) fn matches(&mut self, in_offset: u64, bytes: &[u8]) -> bool {
        let last_byte = self.last_byte;
        self.last_byte = bytes.last().copied().unwrap_or(last_byte);
        let end = in_offset + bytes.len() as u64;
        let Some(span) = self.spans.iter().find(|s| s.end == end) else {
            return false;
        };
        let mut hasher = Hasher::new(span.digest.algorithm());
        match in_offset.checked_sub(span.start) {
            Some(0) => {}
            Some(1) => hasher.update(&[last_byte]),
            _ => return false,
        }
        hasher.update(bytes);
        hasher.finish() == span.digest
    }
}
