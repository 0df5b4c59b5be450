//! Two histories, step by step.

use super::align::{Pair, align};
use crate::config::{HistoryEntry, ImageConfig};

/// A step of one or both histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Where it stands in each.
    pub at: Pair,
    /// The layer that it made in the first image, if that is known.
    pub left_layer: Option<usize>,
    /// The same in the second.
    pub right_layer: Option<usize>,
}

/// Compares two histories. Steps are the same when they say the same, whenever they ran.
pub fn steps(left: &ImageConfig, right: &ImageConfig, layers: (usize, usize)) -> Vec<Step> {
    let of_left = left.history_with_layers(layers.0);
    let of_right = right.history_with_layers(layers.1);
    align(&left.history, &right.history, same)
        .into_iter()
        .map(|at| Step {
            at,
            left_layer: at.left().and_then(|i| of_left.get(i)?.1),
            right_layer: at.right().and_then(|i| of_right.get(i)?.1),
        })
        .collect()
}

fn same(a: &HistoryEntry, b: &HistoryEntry) -> bool {
    a.created_by == b.created_by
        && a.comment == b.comment
        && a.author == b.author
        && a.empty_layer == b.empty_layer
}
