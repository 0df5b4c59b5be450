//! By what fetched bytes are checked before anything is made of them.

use std::ops::Range;

use super::digests::{ExpectedUnits, UnitDigests};
use super::spans::{ExpectedSpans, SpanDigests};
use crate::job::Verified;

/// What an index has to check a blob's bytes by.
#[derive(Debug, Clone)]
pub enum Checks {
    /// Digests of units, from a pass in which the whole blob matched its digest.
    Units(UnitDigests),
    /// The same, as an index file of somebody else's states them.
    Stated(UnitDigests),
    /// Digests of SOCI's spans, as the ztoc that the index was made of states them.
    Spans(SpanDigests),
    /// The digests in the table of contents that the layer's publisher made: of what its pieces
    /// hold, once they are decoded.
    Publisher {
        /// The manifest has a digest of that table, so that the publisher vouches for it; else it
        /// is whatever the registry sent.
        anchored: bool,
    },
    /// Nothing: the blob still streams, or whoever made the index gave no digests of its bytes.
    Nothing,
}

impl Checks {
    /// How far an index that has these is checked itself, its entries included.
    pub fn verified(&self) -> Verified {
        match self {
            Checks::Units(_) => Verified::Blob,
            Checks::Stated(_) | Checks::Spans(_) | Checks::Publisher { anchored: true } => {
                Verified::Toc
            }
            Checks::Publisher { anchored: false } | Checks::Nothing => Verified::None,
        }
    }

    /// Rounds compressed bytes out to what can be checked.
    pub(super) fn round(&self, needed: &Range<u64>) -> Range<u64> {
        match self {
            Checks::Units(units) | Checks::Stated(units) if !needed.is_empty() => {
                units.round(needed)
            }
            Checks::Spans(spans) if !needed.is_empty() => spans.round(needed),
            _ => needed.clone(),
        }
    }

    /// What a rounded range of compressed bytes has to match.
    pub(super) fn expected(&self, in_range: Range<u64>) -> Expected {
        match self {
            Checks::Units(units) => Expected::Units(units.expected(in_range), Verified::Span),
            Checks::Stated(units) => Expected::Units(units.expected(in_range), Verified::Toc),
            Checks::Spans(spans) => Expected::Spans(spans.expected(in_range)),
            // Pieces are checked by who decodes them.
            Checks::Publisher { .. } | Checks::Nothing => Expected::Nothing,
        }
    }
}

/// What the compressed bytes of one read have to match.
#[derive(Debug, Clone)]
pub(super) enum Expected {
    /// With what a match means.
    Units(ExpectedUnits, Verified),
    Spans(ExpectedSpans),
    Nothing,
    /// They were kept, and checked so far before that.
    Before(Verified),
}

impl Expected {
    /// How far the bytes of the read are checked.
    pub(super) fn verified(&self) -> Verified {
        match self {
            Expected::Units(_, verified) => *verified,
            Expected::Spans(_) => Verified::Toc,
            Expected::Nothing => Verified::None,
            Expected::Before(verified) => *verified,
        }
    }

    /// Where the piece ends that is checked as one and in which this byte of the blob is; none if
    /// bytes are taken as they come.
    pub(super) fn piece_end(&self, in_offset: u64) -> Option<u64> {
        match self {
            Expected::Units(units, _) => Some(units.unit_end(in_offset)),
            Expected::Spans(spans) => spans.piece_end(in_offset),
            Expected::Nothing | Expected::Before(_) => None,
        }
    }

    /// Whether these bytes are the piece that starts there in the blob; asked of each
    /// piece in its turn.
    pub(super) fn matches(&mut self, in_offset: u64, bytes: &[u8]) -> bool {
        match self {
            Expected::Units(units, _) => units.matches(in_offset, bytes),
            Expected::Spans(spans) => spans.matches(in_offset, bytes),
            Expected::Nothing | Expected::Before(_) => true,
        }
    }
}
