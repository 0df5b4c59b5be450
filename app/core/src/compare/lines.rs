//! Which lines of two texts differ, in bounded work.
//!
//! Texts are first cut at lines that both have exactly once and in the same order, as patience diff
//! does; what is between is left to imara-diff (git's histogram diff), as long as a budget lasts: at
//! its worst the work grows with the product of both lengths, and it knows no bound of its own. Beyond,
//! all lines in between count as different.

use std::collections::HashMap;
use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Pairs of lines that may have to be looked at: 10,000 lines of few kinds beside as many others are
/// half of it, and take a second.
const BUDGET: u64 = 200_000_000;

/// Lines of the first text, and those of the second that stand in their place.
pub type Place = (Range<u32>, Range<u32>);

/// The places where two texts differ, in order and apart, and whether all of them are as small as
/// they could be.
pub fn places(left: &[&[u8]], right: &[&[u8]]) -> (Vec<Place>, bool) {
    let (n, m) = (left.len(), right.len());
    let start = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let rest = (n - start).min(m - start);
    let back = left.iter().rev().zip(right.iter().rev());
    let end = back.take(rest).take_while(|(a, b)| a == b).count();
    let mut out = Vec::new();
    let mut budget = BUDGET;
    let mut fine = true;
    let mut at = (start, start);
    let anchors = anchors(&left[start..n - end], &right[start..m - end]);
    let cuts = anchors.into_iter().map(|(i, j)| (start + i, start + j));
    for (i, j) in cuts.chain([(n - end, m - end)]) {
        fine &= region(left, right, (at.0..i, at.1..j), &mut budget, &mut out);
        at = (i + 1, j + 1);
    }
    (out, fine)
}

/// Compares what is between two lines that are the same. False if that would be too much work.
fn region(
    left: &[&[u8]],
    right: &[&[u8]],
    (a, b): (Range<usize>, Range<usize>),
    budget: &mut u64,
    out: &mut Vec<Place>,
) -> bool {
    // Texts are cut far below four billion lines.
    let place = |a: Range<usize>, b: Range<usize>| {
        (a.start as u32..a.end as u32, b.start as u32..b.end as u32)
    };
    if a.is_empty() && b.is_empty() {
        return true;
    }
    let work = (a.len() as u64).saturating_mul(b.len() as u64);
    if work == 0 || work > *budget {
        out.push(place(a, b));
        return work == 0;
    }
    *budget -= work;
    let mut input = InternedInput::default();
    input.update_before(left[a.clone()].iter().copied());
    input.update_after(right[b.clone()].iter().copied());
    let mut diff = Diff::compute(Algorithm::Histogram, &input);
    diff.postprocess_lines(&input);
    for hunk in diff.hunks() {
        let within = |range: Range<u32>, of: &Range<usize>| {
            of.start + range.start as usize..of.start + range.end as usize
        };
        out.push(place(within(hunk.before, &a), within(hunk.after, &b)));
    }
    true
}

/// Lines that stand once in each text, in the longest row that has the same order in both.
fn anchors(left: &[&[u8]], right: &[&[u8]]) -> Vec<(usize, usize)> {
    /// How often a line is there, and where it was last.
    type Seen = (u32, usize);
    let mut seen: HashMap<&[u8], (Seen, Seen)> = HashMap::new();
    for (i, line) in left.iter().enumerate() {
        let (of_left, _) = seen.entry(line).or_default();
        *of_left = (of_left.0.saturating_add(1), i);
    }
    for (j, line) in right.iter().enumerate() {
        if let Some((_, of_right)) = seen.get_mut(line) {
            *of_right = (of_right.0.saturating_add(1), j);
        }
    }
    let once = left.iter().filter_map(|line| match seen.get(line) {
        Some(((1, i), (1, j))) => Some((*i, *j)),
        _ => None,
    });
    let pairs: Vec<(usize, usize)> = once.collect();
    // By length: the pair with which the best row of that length ends. For each pair the one before.
    let mut ends: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (at, (_, j)) in pairs.iter().enumerate() {
        let len = ends.partition_point(|end| pairs[*end].1 < *j);
        before.push(len.checked_sub(1).map(|len| ends[len]));
        match ends.get_mut(len) {
            Some(end) => *end = at,
            None => ends.push(at),
        }
    }
    let mut row: Vec<(usize, usize)> =
        std::iter::successors(ends.last().copied(), |at| before[*at])
            .map(|at| pairs[at])
            .collect();
    row.reverse();
    row
}
