//! A checkpoint's window, packed: runs of what is kept, then several windows deflated together.
//! Neighbours are of the same kind of data, so a group takes a sixth less than its windows alone.

use std::ops::Range;
use std::sync::Arc;

use miniz_oxide::deflate::compress_to_vec;

use crate::gzip::error::GzipError;
use crate::raw::inflate_whole;
use crate::varint::{Cursor, put};

/// How far deflate's distances reach (RFC 1951 section 2): 32 KiB.
pub const WINDOW_BYTES: usize = 32 * 1024;

/// Zeros fewer than this stay inside a run: a new run would cost as much.
const MIN_GAP: usize = 3;

/// Level 1 takes 5 % more space in 0.7 of the time, level 9 gains nothing.
const PACK_LEVEL: u8 = 5;

/// The run lists cost at most four bytes for each `MIN_GAP + 1` bytes of window.
const MAX_RUNS_LEN: usize = 2 * WINDOW_BYTES + 16;

/// Windows in a group at most. To read from one of them the whole group is inflated: some 50 KB.
pub(crate) const GROUP: usize = 16;

/// A group is full beyond this many bytes, however few windows that are.
pub(crate) const GROUP_BYTES: usize = 64 * 1024;

/// What a group inflates to at most: each window has its length before it.
const MAX_GROUP_LEN: usize = GROUP * (MAX_RUNS_LEN + 4);

/// The longest packed group, with deflate's own overhead.
pub(crate) const MAX_PACKED_LEN: u64 = MAX_GROUP_LEN as u64 + 4096;

/// Up to 32 KiB of history. Bytes that nothing after the checkpoint refers to are zero, and runs
/// of zeros cost next to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedWindow(Packed);

#[derive(Debug, Clone, PartialEq, Eq, Default)]
enum Packed {
    /// There is no history.
    #[default]
    None,
    /// Its runs, not deflated yet.
    Loose(Box<[u8]>),
    /// One of several that are deflated together.
    Grouped { group: Arc<[u8]>, number: u8 },
}

impl PackedWindow {
    /// Packs the last [`WINDOW_BYTES`] of `window`, alone.
    pub fn pack(window: &[u8]) -> Self {
        let window = &window[window.len().saturating_sub(WINDOW_BYTES)..];
        if window.is_empty() {
            return PackedWindow::default();
        }
        let mut packed = PackedWindow::loose(to_runs(window));
        group(std::slice::from_mut(&mut packed));
        packed
    }

    /// A window of these runs (see [`to_runs`]), which [`group`] will pack.
    pub(crate) fn loose(runs: Vec<u8>) -> Self {
        PackedWindow(Packed::Loose(runs.into_boxed_slice()))
    }

    /// The same of runs that a stranger may have written; none if they are no window.
    pub(crate) fn loose_checked(runs: &[u8]) -> Option<Self> {
        let fits = runs.len() <= MAX_RUNS_LEN && from_runs(runs).is_some();
        fits.then(|| PackedWindow::loose(runs.to_vec()))
    }

    /// The runs of a loose window; of another there are none.
    pub(crate) fn loose_runs(&self) -> &[u8] {
        match &self.0 {
            Packed::Loose(runs) => runs,
            Packed::None | Packed::Grouped { .. } => &[],
        }
    }

    /// A window in a packed group.
    pub(crate) fn grouped(group: Arc<[u8]>, number: u8) -> Self {
        PackedWindow(Packed::Grouped { group, number })
    }

    /// The packed group that it is in, and its number there.
    pub(crate) fn packed(&self) -> Option<(&Arc<[u8]>, u8)> {
        match &self.0 {
            Packed::Grouped { group, number } => Some((group, *number)),
            _ => None,
        }
    }

    /// The window's bytes, oldest first; at most [`WINDOW_BYTES`].
    ///
    /// # Errors
    /// [`GzipError::BadWindow`] when what is stored is no window.
    pub fn unpack(&self) -> Result<Vec<u8>, GzipError> {
        match &self.0 {
            Packed::None => Ok(Vec::new()),
            Packed::Loose(runs) => from_runs(runs).ok_or(GzipError::BadWindow),
            Packed::Grouped { group, number } => {
                let all = inflate_whole(group, MAX_GROUP_LEN).ok_or(GzipError::BadWindow)?;
                let mut cursor = Cursor(&all);
                let mut runs = None;
                for _ in 0..=*number {
                    runs = cursor.varint().and_then(|len| cursor.bytes(len));
                }
                runs.and_then(from_runs).ok_or(GzipError::BadWindow)
            }
        }
    }

    /// A group of this loose window alone.
    pub(crate) fn pack_alone(&self) -> Arc<[u8]> {
        let mut alone = self.clone();
        group([&mut alone]);
        let packed = alone.packed().map(|(group, _)| group.clone());
        packed.unwrap_or_default()
    }

    /// Bytes that it takes; the first window of a group counts for the whole.
    pub fn packed_len(&self) -> usize {
        match &self.0 {
            Packed::None => 0,
            Packed::Loose(runs) => runs.len(),
            Packed::Grouped { group, number: 0 } => group.len(),
            Packed::Grouped { .. } => 0,
        }
    }

    /// There is no history: the checkpoint is a member's start.
    pub fn is_empty(&self) -> bool {
        self.0 == Packed::None
    }
}

/// Packs loose windows, at most [`GROUP`], into one group.
pub(crate) fn group<'a>(windows: impl IntoIterator<Item = &'a mut PackedWindow>) {
    let (mut all, mut members) = (Vec::new(), Vec::new());
    for window in windows {
        if let Packed::Loose(runs) = &window.0 {
            put(&mut all, runs.len() as u64);
            all.extend_from_slice(runs);
            members.push(window);
        }
    }
    let packed: Arc<[u8]> = compress_to_vec(&all, PACK_LEVEL).into();
    for (number, window) in (0..).zip(members) {
        *window = PackedWindow::grouped(packed.clone(), number);
    }
}

/// Takes windows out of their groups again, in order; inflates each group once.
#[derive(Default)]
pub(crate) struct Unpacked {
    group: Option<Arc<[u8]>>,
    runs: Vec<Box<[u8]>>,
}

impl Unpacked {
    /// The same window, loose.
    pub(crate) fn loosen(&mut self, window: PackedWindow) -> PackedWindow {
        let Packed::Grouped { group, number } = &window.0 else {
            return window;
        };
        if !self.group.as_ref().is_some_and(|g| Arc::ptr_eq(g, group)) {
            self.group = Some(group.clone());
            self.runs.clear();
            let all = inflate_whole(group, MAX_GROUP_LEN).unwrap_or_default();
            let mut cursor = Cursor(&all);
            while let Some(runs) = cursor.varint().and_then(|len| cursor.bytes(len)) {
                self.runs.push(runs.into());
            }
        }
        match self.runs.get(usize::from(*number)) {
            Some(runs) => PackedWindow(Packed::Loose(runs.clone())),
            None => window,
        }
    }
}

/// The runs of a window of which only some stretches (in order and apart) are kept.
pub(crate) fn keep_runs(window: &[u8], kept: impl Iterator<Item = Range<usize>>) -> Vec<u8> {
    let mut writer = RunWriter::default();
    let mut last: Option<Range<usize>> = None;
    for next in kept {
        match &mut last {
            Some(run) if next.start - run.end < MIN_GAP => run.end = next.end,
            _ => writer.run(window, last.replace(next)),
        }
    }
    writer.run(window, last);
    writer.finish(window.len())
}

/// Puts runs together.
#[derive(Default)]
struct RunWriter {
    runs: Vec<u8>,
    kept: Vec<u8>,
    count: u64,
    end_of_last: usize,
}

impl RunWriter {
    fn run(&mut self, window: &[u8], run: Option<Range<usize>>) {
        let Some((run, bytes)) = run.and_then(|run| Some((run.clone(), window.get(run)?))) else {
            return;
        };
        put(&mut self.runs, (run.start - self.end_of_last) as u64);
        put(&mut self.runs, bytes.len() as u64);
        self.kept.extend_from_slice(bytes);
        self.count += 1;
        self.end_of_last = run.end;
    }

    fn finish(self, window_len: usize) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.runs.len() + self.kept.len() + 8);
        put(&mut out, window_len as u64);
        put(&mut out, self.count);
        out.extend_from_slice(&self.runs);
        out.extend_from_slice(&self.kept);
        out
    }
}

/// The window's length, the number of runs, for each run the zeros before it and its length, and
/// then the runs' bytes. Zeros after the last run follow from the length.
fn to_runs(window: &[u8]) -> Vec<u8> {
    let mut writer = RunWriter::default();
    let mut at = 0;
    while let Some(start) = window[at..].iter().position(|b| *b != 0).map(|n| at + n) {
        at = run_end(window, start);
        writer.run(window, Some(start..at));
    }
    writer.finish(window.len())
}

/// Where the run that begins at `start` ends: before [`MIN_GAP`] zeros, or after its last byte.
fn run_end(window: &[u8], start: usize) -> usize {
    let mut end = start + 1;
    while let Some(next) = window[end..].iter().take(MIN_GAP).position(|b| *b != 0) {
        end += next + 1;
    }
    end
}

fn from_runs(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut cursor = Cursor(bytes);
    let len = usize::try_from(cursor.varint()?).ok()?;
    if len > WINDOW_BYTES {
        return None;
    }
    let count = cursor.varint()?;
    let mut kept = Cursor(cursor.0);
    for _ in 0..count {
        kept.varint()?;
        kept.varint()?;
    }
    let mut window = vec![0; len];
    let mut at = 0usize;
    for _ in 0..count {
        at = at.checked_add(usize::try_from(cursor.varint()?).ok()?)?;
        let run = kept.bytes(cursor.varint()?)?;
        let end = at.checked_add(run.len())?;
        window.get_mut(at..end)?.copy_from_slice(run);
        at = end;
    }
    kept.0.is_empty().then_some(window)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(window: &[u8]) {
        let packed = PackedWindow::pack(window);
        assert!(packed.packed_len() as u64 <= MAX_PACKED_LEN);
        let kept = &window[window.len().saturating_sub(WINDOW_BYTES)..];
        assert!(packed.unpack().expect("own bytes") == kept);
    }

    #[test]
    fn windows_come_back() {
        check(b"");
        check(b"\0");
        check(b"a");
        check(b"\0\0\0\0ab\0\0c\0\0\0d\0\0\0\0");
        check(&[0; WINDOW_BYTES]);
        check(&[7; WINDOW_BYTES]);
        check(&[7; WINDOW_BYTES + 5]);
        let noise = |n: usize| (n.wrapping_mul(2_654_435_761) >> 7) as u8 | 1;
        check(&(0..WINDOW_BYTES).map(noise).collect::<Vec<_>>());
        for period in 2..12 {
            let sparse = |n| if n % period == 0 { noise(n) } else { 0 };
            check(&(0..WINDOW_BYTES).map(sparse).collect::<Vec<_>>());
        }
    }

    #[track_caller]
    fn refused(runs: &[u8]) {
        let mut packed = PackedWindow::loose(runs.to_vec());
        assert_eq!(packed.unpack(), Err(GzipError::BadWindow));
        group([&mut packed]);
        assert_eq!(packed.unpack(), Err(GzipError::BadWindow));
    }

    #[test]
    fn a_group_gives_each_of_its_windows() {
        let window = |seed: usize| -> Vec<u8> {
            let byte = |n: usize| (n % 7 == seed % 7) as u8 * (n * seed) as u8;
            (0..seed * 1000).map(byte).collect()
        };
        let mut windows: Vec<_> = (1..=GROUP)
            .map(|seed| PackedWindow::loose(to_runs(&window(seed))))
            .collect();
        group(&mut windows);
        for (seed, packed) in (1..).zip(&windows) {
            assert!(packed.unpack() == Ok(window(seed)));
        }
        let (whole, _) = windows[3].packed().expect("it is grouped");
        let none = PackedWindow::grouped(whole.clone(), GROUP as u8);
        assert_eq!(none.unpack(), Err(GzipError::BadWindow));
    }

    #[test]
    fn what_is_no_window_is_refused() {
        refused(b"");
        refused(&[5]); // no count
        refused(&[5, 1, 0, 6, 1, 2, 3, 4, 5, 6]); // a run over the end
        refused(&[5, 1, 4, 2, 1, 2]); // likewise, after zeros
        refused(&[5, 1, 0, 3, 1, 2]); // fewer bytes than the run says
        refused(&[5, 1, 0, 1, 1, 2]); // more
        refused(&[0x81, 0x80, 2, 0]); // 32769 bytes
        refused(&[5, 0xff, 0xff, 0xff, 0xff, 0x0f, 0, 1, 1]); // more runs than bytes
        refused(&vec![0; MAX_RUNS_LEN + 1]);
        let none = PackedWindow::grouped(Arc::from([0xff_u8, 1, 2]), 0);
        assert_eq!(none.unpack(), Err(GzipError::BadWindow));
    }
}
