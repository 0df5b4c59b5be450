//! Sparse files: which parts of a file are in the archive.

use super::error::{Limit, TarProblem};
use super::limits::Limits;
use super::number;
use super::pax::Record;
use crate::toc::SparseRun;

/// Checks that runs are in order, apart, within the file's `size` and as long together as the
/// `stored` bytes; all in uncompressed bytes. Empty runs, which GNU writes to state the size, go.
///
/// # Errors
/// A text that says which of these does not hold.
pub fn check_runs(
    runs: Vec<SparseRun>,
    size: u64,
    stored: u64,
) -> Result<Vec<SparseRun>, &'static str> {
    let (mut end, mut sum) = (0u64, 0u64);
    for run in &runs {
        if run.start < end {
            return Err("runs overlap or are out of order");
        }
        end = run.start.checked_add(run.len).ok_or("a run is too long")?;
        if end > size {
            return Err("a run ends after the file");
        }
        sum += run.len; // cannot overflow: runs are apart and end within size
    }
    if sum != stored {
        return Err("the runs are not as long as the data");
    }
    let mut runs = runs;
    runs.retain(|run| run.len > 0);
    runs.shrink_to_fit();
    Ok(runs)
}

/// What a PAX header says of a sparse file (GNU tar manual, "PAX Format, Versions 0.0 to 1.0").
#[derive(Debug, Default)]
pub(super) struct PaxSparse {
    /// The map stands before the data (format 1.0) instead of in the header.
    pub(super) map_in_data: bool,
    /// Runs from the header (formats 0.0 and 0.1).
    pub(super) runs: Vec<SparseRun>,
    /// The size of the file with its holes.
    pub(super) size: u64,
    /// The file's name; the header's is made up.
    pub(super) name: Option<Vec<u8>>,
}

/// Reads the sparse records, if there are any.
pub(super) fn from_records(
    records: &[Record],
    limits: &Limits,
) -> Result<Option<PaxSparse>, TarProblem> {
    let bad = |detail| TarProblem::Sparse { detail };
    let (mut major, mut minor, mut size, mut name) = (None, None, None, None);
    let mut runs = Vec::new();
    let mut has_map = false;
    let mut start = None;
    for (key, value) in records {
        let Some(key) = key.strip_prefix(b"GNU.sparse.") else {
            continue;
        };
        let number = || number::decimal(value).ok_or(bad("a number is malformed"));
        match key {
            b"major" => major = Some(number()?),
            b"minor" => minor = Some(number()?),
            b"size" | b"realsize" => size = Some(number()?),
            b"name" => name = Some(value.clone()),
            b"offset" => {
                has_map = true;
                if start.replace(number()?).is_some() {
                    return Err(bad("a run has no length"));
                }
            }
            b"numbytes" => {
                let start = start.take().ok_or(bad("a run has no start"))?;
                push_run(&mut runs, start, number()?, limits)?;
            }
            b"map" => {
                has_map = true;
                runs.clear();
                let mut numbers = value
                    .split(|b| *b == b',')
                    .map(|n| number::decimal(n).ok_or(bad("a number is malformed")));
                while !value.is_empty()
                    && let Some(start) = numbers.next()
                {
                    let len = numbers.next().ok_or(bad("a run has no length"))?;
                    push_run(&mut runs, start?, len?, limits)?;
                }
            }
            // numblocks is counted, not believed.
            _ => {}
        }
    }
    let map_in_data = match (major, minor) {
        (None | Some(0), _) if has_map => false,
        (None | Some(0), _) => return Ok(None),
        (Some(1), None | Some(0)) => true,
        _ => return Err(bad("an unknown version")),
    };
    if start.is_some() {
        return Err(bad("a run has no length"));
    }
    let size = size.ok_or(bad("the real size is missing"))?;
    Ok(Some(PaxSparse {
        map_in_data,
        runs,
        size,
        name,
    }))
}

/// Adds a run, if that many are allowed.
pub(super) fn push_run(
    runs: &mut Vec<SparseRun>,
    start: u64,
    len: u64,
    limits: &Limits,
) -> Result<(), TarProblem> {
    if runs.len() >= limits.sparse_runs as usize {
        return Err(TarProblem::TooMuch {
            limit: Limit::SparseRuns,
            allowed: u64::from(limits.sparse_runs),
        });
    }
    runs.push(SparseRun { start, len });
    Ok(())
}

/// Reads the map of format 1.0: decimal lines, the count of runs and then start and length of
/// each, padded to a block.
#[derive(Debug, Default)]
pub(super) struct MapReader {
    line: Vec<u8>,
    left: Option<u64>,
    start: Option<u64>,
    pub(super) runs: Vec<SparseRun>,
}

impl MapReader {
    /// Takes a block; true when the map is complete (the rest of that block is padding).
    pub(super) fn push(&mut self, block: &[u8], limits: &Limits) -> Result<bool, TarProblem> {
        let bad = |detail| TarProblem::Sparse { detail };
        for byte in block {
            if *byte != b'\n' {
                // 19 digits hold every number that is allowed.
                if self.line.len() >= 19 {
                    return Err(bad("a number is too long"));
                }
                self.line.push(*byte);
                continue;
            }
            let number = number::decimal(&self.line).ok_or(bad("a number is malformed"))?;
            self.line.clear();
            let left = match (self.left, self.start.take()) {
                (None, _) => number,
                (Some(left), None) => {
                    self.start = Some(number);
                    left
                }
                (Some(left), Some(start)) => {
                    push_run(&mut self.runs, start, number, limits)?;
                    left - 1 // at least 1: the map is complete at 0
                }
            };
            self.left = Some(left);
            if left == 0 {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
