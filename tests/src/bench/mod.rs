//! What `cargo xtask bench` measures in Chromium: the app as its readers use it, and beside it on
//! the same bytes the browser's own decompressor and the parts of ours.

pub mod app;
pub mod layer;
pub mod load;
pub mod many;
pub mod rival;
pub mod scale;
pub mod slow;
pub mod start;

use std::collections::BTreeMap;

/// Bytes in a MiB, in which memory is told.
pub const MIB: f64 = (1 << 20) as f64;
/// Bytes in a megabyte, in which speeds are told.
pub const MEGABYTE: f64 = 1_000_000.0;

/// Figures by name.
pub type Figures = BTreeMap<String, f64>;

/// The middle of some measurements; of an even number the lower one.
///
/// # Panics
/// There is none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[(sorted.len() - 1) / 2]
}

/// How far apart the measurements are, as a share of the middle one: the machine's noise.
pub fn spread(values: &[f64]) -> f64 {
    let max = values.iter().copied().fold(f64::MIN, f64::max);
    let min = values.iter().copied().fold(f64::MAX, f64::min);
    (max - min) / median(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_and_the_noise() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0]), 1.0);
        assert_eq!(spread(&[2.0, 1.0, 3.0]), 1.0);
        assert_eq!(spread(&[5.0]), 0.0);
    }
}
