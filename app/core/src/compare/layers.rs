//! Which layers two images share.

use super::align::{Pair, align};
use crate::digest::Digest;

/// A layer of one of the images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layer {
    /// Of its compressed bytes.
    pub digest: Digest,
    /// Of its uncompressed bytes, as the configuration says.
    pub diff_id: Option<Digest>,
    /// Compressed bytes.
    pub size: u64,
}

/// What two layers have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shared {
    /// They are one blob.
    Digest,
    /// By their configurations they unpack to the same bytes, and are compressed otherwise.
    DiffId,
}

/// A row of the two lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// Where it stands in each.
    pub at: Pair,
    /// How the two are the same; of one that stands alone, how it is the same as another further up
    /// or down in the other image.
    pub shared: Option<Shared>,
}

/// Which layers are shared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Layers {
    /// The rows, the base first.
    pub rows: Vec<Row>,
    /// Layers that both have, wherever they stand.
    pub shared: usize,
    /// Compressed bytes that need be fetched once for both.
    pub shared_bytes: u64,
    /// Compressed bytes of the first image alone.
    pub left_bytes: u64,
    /// Compressed bytes of the second image alone.
    pub right_bytes: u64,
}

/// How two layers are the same.
pub fn shared(a: &Layer, b: &Layer) -> Option<Shared> {
    if a.digest == b.digest {
        return Some(Shared::Digest);
    }
    (a.diff_id.is_some() && a.diff_id == b.diff_id).then_some(Shared::DiffId)
}

/// Compares two lists of layers.
pub fn layers(left: &[Layer], right: &[Layer]) -> Layers {
    let mut out = Layers::default();
    let anywhere = |layer: &Layer, others: &[Layer]| {
        let found = others.iter().filter_map(|other| shared(layer, other));
        found.min_by_key(|s| *s == Shared::DiffId)
    };
    for at in align(left, right, |a, b| shared(a, b).is_some()) {
        let how = match at {
            Pair::Both(i, j) => shared(&left[i], &right[j]),
            Pair::Left(i) => anywhere(&left[i], right),
            Pair::Right(j) => anywhere(&right[j], left),
        };
        out.rows.push(Row { at, shared: how });
    }
    for layer in left {
        match anywhere(layer, right) {
            Some(how) => {
                out.shared += 1;
                // Of two compressions each has to be fetched.
                match how {
                    Shared::Digest => {
                        out.shared_bytes = out.shared_bytes.saturating_add(layer.size)
                    }
                    Shared::DiffId => out.left_bytes = out.left_bytes.saturating_add(layer.size),
                }
            }
            None => out.left_bytes = out.left_bytes.saturating_add(layer.size),
        }
    }
    for layer in right {
        if anywhere(layer, left) != Some(Shared::Digest) {
            out.right_bytes = out.right_bytes.saturating_add(layer.size);
        }
    }
    out
}
