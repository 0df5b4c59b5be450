//! Which lines are kept as landmarks, where reads may stop and start to be checked.
//!
//! Each costs a few bytes here and the state of a hash beside the index; it saves each file that
//! ends before it the bytes up to the next one. Chosen once the whole blob is known, by the same
//! price as checkpoints.

use crate::gzip::builder::{Trade, allowed_bytes};
use crate::gzip::index::GzipIndex;
use crate::gzip::landmarks::{Landmark, Landmarks};

/// What a landmark takes, stored: two differences, a state of SHA-256 (32 bytes), its position.
const STOP_BYTES: u64 = 38;

/// Compressed bytes between landmarks at most: so much is gathered before any of it is checked,
/// and fetched where only a few bytes in the middle of a large file are wanted.
const MAX_GAP: u64 = 256 * 1024;

/// How far back a landmark is looked for, in lines at which files end.
const REACH: usize = 96;

/// Doublings of the price until the landmarks fit into their share.
const MAX_DOUBLINGS: u32 = 16;

/// A line at which files end, or that has to be kept.
struct Line {
    landmark: Landmark,
    files: u64,
    must: bool,
}

impl GzipIndex {
    /// Keeps the landmarks that are worth their bytes by `trade`, whose price rises where they
    /// would take more than their share. `file_ends` are uncompressed positions, rising; one that
    /// is not is taken for its predecessor's.
    pub fn choose_landmarks(&mut self, trade: Trade, file_ends: impl IntoIterator<Item = u64>) {
        let ends: Vec<u64> = file_ends.into_iter().collect();
        let lines = self.lines(&ends);
        let allowed = allowed_bytes(self.in_len, trade.landmarks_ppm);
        let mut price = trade.price.saturating_mul(STOP_BYTES);
        for _ in 0..MAX_DOUBLINGS {
            let chosen = self.chosen(&lines, price);
            if chosen.len() as u64 * STOP_BYTES <= allowed {
                self.landmarks = chosen;
                return;
            }
            price = price.saturating_mul(2);
        }
        // What checkpoints need is there in any case.
        self.landmarks = self.chosen(&lines, price);
    }

    /// The lines at which files end, and those before checkpoints, where checking starts.
    fn lines(&self, ends: &[u64]) -> Vec<Line> {
        let mut lines: Vec<Line> = Vec::new();
        let mut ends = ends.iter().peekable();
        let mut checkpoints = self.checkpoints.iter().map(|c| c.in_offset()).peekable();
        let mut all = self.landmarks.iter().peekable();
        while let Some(landmark) = all.next() {
            let mut files = 0;
            while ends.next_if(|end| **end <= landmark.out_offset).is_some() {
                files += 1;
            }
            let next = all.peek().map_or(u64::MAX, |next| next.in_offset);
            let mut must = false;
            while checkpoints.next_if(|at| *at < next).is_some_and(|at| {
                // Before the first line the blob's start serves.
                must |= at >= landmark.in_offset;
                true
            }) {}
            if files > 0 || must {
                lines.push(Line {
                    landmark,
                    files,
                    must,
                });
            }
        }
        lines
    }

    /// The cheapest choice, with no gap wider than [`MAX_GAP`].
    fn chosen(&self, lines: &[Line], price: u64) -> Landmarks {
        // For each line: what the best choice that ends with it costs, and the line before it
        // there, counted from one; the last is the blob's end, which is free.
        let mut best: Vec<(u64, usize)> = vec![(0, 0)];
        for n in 1..=lines.len() + 1 {
            let here = lines.get(n - 1);
            let at = here.map_or(self.in_len, |line| line.landmark.in_offset);
            let mut way = 0u64;
            let mut found = (u64::MAX, n - 1);
            for before in (n.saturating_sub(REACH)..n).rev() {
                let cost = best[before].0.saturating_add(way);
                if cost < found.0 {
                    found = (cost, before);
                }
                let Some(line) = before.checked_sub(1).and_then(|n| lines.get(n)) else {
                    break;
                };
                if line.must {
                    break;
                }
                let each = at.saturating_sub(line.landmark.in_offset);
                way = way.saturating_add(line.files.saturating_mul(each));
            }
            let fee = here.map_or(0, |line| if line.must { 0 } else { price });
            best.push((found.0.saturating_add(fee), found.1));
        }
        let mut numbers = Vec::new();
        let mut n = best.last().map_or(0, |last| last.1);
        while n > 0 {
            numbers.push(n - 1);
            n = best[n].1;
        }
        let mut chosen = Landmarks::default();
        let mut wanted = numbers
            .into_iter()
            .rev()
            .map(|n| lines[n].landmark)
            .peekable();
        let mut last = Landmark::default();
        for landmark in self.landmarks.iter() {
            // The line before it was the last that was near enough.
            if landmark.in_offset - chosen.last().in_offset > MAX_GAP {
                chosen.add(last);
            }
            if wanted
                .next_if(|w| w.in_offset <= landmark.in_offset)
                .is_some()
            {
                chosen.add(landmark);
            }
            last = landmark;
        }
        chosen
    }
}
