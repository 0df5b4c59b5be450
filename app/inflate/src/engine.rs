//! What the rest asks of a deflate decoder (RFC 1951), so that a second one can be measured.

use std::ops::Range;

use crate::gzip::window::WINDOW_BYTES;

/// What builders and readers decode with unless they are told: the fastest that was measured
/// (`cargo xtask bench`). [`crate::MinizEngine`] stays as the one that it is compared with.
pub type DefaultEngine = crate::fast::FastEngine;

/// A raw-deflate decoder that stops at every block boundary.
///
/// The output buffer is linear: what lies before `out_pos` is the history that distances may
/// reach, and the decoder never wraps. A new stream therefore starts at `out_pos == 0`.
pub trait Engine: Sized {
    /// Whether [`Engine::step_watched`] marks only what is copied.
    const TELLS_COPIES: bool = false;

    /// A decoder at the start of a deflate stream.
    fn start() -> Self;

    /// A decoder at a block's header. The top `bits` bits (0 to 7) of `byte`, the last byte
    /// consumed before, belong to that header.
    fn resume(bits: u8, byte: u8) -> Self;

    /// Decodes from `input` into `out[out_pos..]`, as far as either reaches or to the next block
    /// boundary. Further input may always follow: a stream cut short ends in
    /// [`StepStatus::NeedsInput`]. What was decoded before a failure is told too.
    fn step(&mut self, input: &[u8], out: &mut [u8], out_pos: usize) -> Step;

    /// As [`Engine::step`], and marks which bytes before the watched block's start are copied. An
    /// engine that cannot tell marks them all.
    fn step_watched(
        &mut self,
        input: &[u8],
        out: &mut [u8],
        out_pos: usize,
        watched: &mut Watched,
    ) -> Step {
        watched.mark_all();
        self.step(input, out, out_pos)
    }

    /// After [`StepStatus::BlockBoundary`]: how many top bits (0 to 7) of the last consumed byte
    /// belong to the next block.
    fn pending_bits(&self) -> u8;
}

/// Which bytes of a block's window its data refers to.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Where the block's data begins in the output buffer, and so where its window ends.
    start: usize,
    /// Bytes of window before that, at most [`WINDOW_BYTES`].
    window_len: usize,
    /// One bit for each byte of a whole window that ends at `start`.
    marks: Box<[u64; MARKS]>,
}

const MARKS: usize = WINDOW_BYTES / 64;

impl Watched {
    /// Watches the data from `start` of the output buffer on; nothing is marked yet.
    pub fn new(start: usize) -> Self {
        Watched {
            start,
            window_len: start.min(WINDOW_BYTES),
            marks: Box::new([0; MARKS]),
        }
    }

    /// Where the block's data begins in the output buffer.
    pub fn start(&self) -> usize {
        self.start
    }

    /// The output buffer's bytes were moved down by `by`.
    pub fn moved(&mut self, by: usize) {
        self.start = self.start.saturating_sub(by);
    }

    /// A copy of `len` bytes from `from` of the output buffer.
    #[inline]
    pub fn copied(&mut self, from: usize, len: usize) {
        if from < self.start {
            self.mark(from, len);
        }
    }

    fn mark(&mut self, from: usize, len: usize) {
        let end = (from + len).min(self.start);
        // Distances reach no further than a whole window.
        let base = (self.start - from).min(WINDOW_BYTES);
        let mut at = WINDOW_BYTES - base;
        let mut left = end - from;
        while left > 0 {
            let Some(word) = self.marks.get_mut(at / 64) else {
                return;
            };
            let now = left.min(64 - at % 64);
            *word |= (u64::MAX >> (64 - now)) << (at % 64);
            at += now;
            left -= now;
        }
    }

    /// Marks the whole window.
    pub fn mark_all(&mut self) {
        self.marks.fill(u64::MAX);
    }

    /// The marked stretches of the window, as positions in it, in order and apart.
    pub fn runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let first = WINDOW_BYTES - self.window_len;
        let mut at = first;
        std::iter::from_fn(move || {
            let start = self.next(at, true)?;
            let end = self.next(start, false).unwrap_or(WINDOW_BYTES);
            at = end;
            Some(start - first..end - first)
        })
    }

    /// The next byte from `at` on that is marked, or is not.
    fn next(&self, at: usize, marked: bool) -> Option<usize> {
        let flip = if marked { 0 } else { u64::MAX };
        let mut word = at / 64;
        let mut bits = (self.marks.get(word)? ^ flip) & (u64::MAX << (at % 64));
        while bits == 0 {
            word += 1;
            bits = self.marks.get(word)? ^ flip;
        }
        Some(word * 64 + bits.trailing_zeros() as usize)
    }
}

/// What a [`Engine::step`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Compressed bytes taken from the input.
    pub consumed: usize,
    /// Uncompressed bytes written.
    pub produced: usize,
    /// Why it stopped.
    pub status: StepStatus,
}

/// Why a step stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepStatus {
    /// All input is used up.
    NeedsInput,
    /// The output buffer is full.
    NeedsOutput,
    /// A block that is not the last has ended.
    BlockBoundary,
    /// The last block has ended; the next byte is the one after the stream.
    Done,
    /// The stream is damaged.
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(watched: &Watched) -> Vec<(usize, usize)> {
        watched.runs().map(|run| (run.start, run.end)).collect()
    }

    #[track_caller]
    fn check(start: usize, copies: &[(usize, usize)], expect: &[(usize, usize)]) {
        let mut watched = Watched::new(start);
        for &(from, len) in copies {
            watched.copied(from, len);
        }
        assert_eq!(runs(&watched), expect);
    }

    #[test]
    fn only_what_is_before_the_block_is_marked() {
        check(100, &[], &[]);
        check(100, &[(100, 5), (300, 9)], &[]);
        check(100, &[(0, 1)], &[(0, 1)]);
        check(100, &[(98, 258)], &[(98, 100)]);
        check(100, &[(3, 4), (5, 4), (63, 3)], &[(3, 9), (63, 66)]);
        check(0, &[(0, 4)], &[]);
        let start = WINDOW_BYTES + 1000;
        check(
            start,
            &[(1000, 200), (start - 1, 1)],
            &[(0, 200), (WINDOW_BYTES - 1, WINDOW_BYTES)],
        );
        let mut all = Watched::new(70);
        all.mark_all();
        assert_eq!(runs(&all), [(0, 70)]);
        all.moved(30);
        all.copied(39, 9);
        assert_eq!((all.start(), all.runs().count()), (40, 1));
    }
}
