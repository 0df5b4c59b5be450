//! A checkpoint's window, packed: runs of what is kept, then deflated.

use miniz_oxide::deflate::compress_to_vec;
use miniz_oxide::inflate::decompress_to_vec_with_limit;

use crate::gzip::error::GzipError;
use crate::varint::{Cursor, put};

/// How far deflate's distances reach (RFC 1951 section 2): 32 KiB.
pub const WINDOW_BYTES: usize = 32 * 1024;

/// Zeros fewer than this stay inside a run: a new run would cost as much.
const MIN_GAP: usize = 3;

/// Measured on 357 windows of a Debian /usr: 2220 bytes a window. Level 1 gives 2332 in 0.7 of the
/// time, level 9 gives 2219.
const PACK_LEVEL: u8 = 5;

/// The run lists cost at most four bytes for each `MIN_GAP + 1` bytes of window.
const MAX_RUNS_LEN: usize = 2 * WINDOW_BYTES + 16;

/// The longest packed form that [`PackedWindow::pack`] can give, with deflate's own overhead.
pub(crate) const MAX_PACKED_LEN: u64 = MAX_RUNS_LEN as u64 + 1024;

/// Up to 32 KiB of history, kept deflated. Bytes that nothing after the checkpoint refers to are
/// zero, and runs of zeros cost next to nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackedWindow(pub(crate) Box<[u8]>);

impl PackedWindow {
    /// Packs the last [`WINDOW_BYTES`] of `window`.
    pub fn pack(window: &[u8]) -> Self {
        let window = &window[window.len().saturating_sub(WINDOW_BYTES)..];
        if window.is_empty() {
            return PackedWindow::default();
        }
        PackedWindow(compress_to_vec(&to_runs(window), PACK_LEVEL).into_boxed_slice())
    }

    /// The window's bytes, oldest first; at most [`WINDOW_BYTES`].
    ///
    /// # Errors
    /// [`GzipError::BadWindow`] when what is stored is no window.
    pub fn unpack(&self) -> Result<Vec<u8>, GzipError> {
        if self.0.is_empty() {
            return Ok(Vec::new());
        }
        let runs = decompress_to_vec_with_limit(&self.0, MAX_RUNS_LEN)
            .map_err(|_| GzipError::BadWindow)?;
        from_runs(&runs).ok_or(GzipError::BadWindow)
    }

    /// Bytes that it takes.
    pub fn packed_len(&self) -> usize {
        self.0.len()
    }

    /// There is no history: the checkpoint is a member's start.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The window's length, the number of runs, for each run the zeros before it and its length, and
/// then the runs' bytes. Zeros after the last run follow from the length.
fn to_runs(window: &[u8]) -> Vec<u8> {
    let (mut runs, mut kept, mut count) = (Vec::new(), Vec::new(), 0);
    let (mut at, mut end_of_last) = (0, 0);
    while let Some(start) = window[at..].iter().position(|b| *b != 0).map(|n| at + n) {
        let end = run_end(window, start);
        put(&mut runs, (start - end_of_last) as u64);
        put(&mut runs, (end - start) as u64);
        kept.extend_from_slice(&window[start..end]);
        count += 1;
        (at, end_of_last) = (end, end);
    }
    let mut out = Vec::with_capacity(runs.len() + kept.len() + 8);
    put(&mut out, window.len() as u64);
    put(&mut out, count);
    out.extend_from_slice(&runs);
    out.extend_from_slice(&kept);
    out
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
        let packed = PackedWindow(compress_to_vec(runs, 1).into_boxed_slice());
        assert_eq!(packed.unpack(), Err(GzipError::BadWindow));
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
        let none = PackedWindow(Box::from([0xff_u8, 1, 2]));
        assert_eq!(none.unpack(), Err(GzipError::BadWindow));
    }
}
