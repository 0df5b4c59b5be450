//! SHA-256 of many files of a root file system: neighbours in a layer are read in one go, since each
//! read of its own would inflate again from the checkpoint before it.

use std::collections::BTreeMap;
use std::ops::Range;

use sha2::{Digest as _, Sha256};

use crate::compare::ask::Hashed;
use crate::compare::snapshot::bytes_of;
use crate::layer_index::ReadError;

use super::error::ExploreError;
use super::job_state::Job;
use super::ports::Ports;
use super::read::{self, NO_READ, open_by};

/// Plain bytes between two files that are unpacked along rather than left out: a new start costs a
/// request and, on average, half of what is between two checkpoints.
const GAP: u64 = 256 * 1024;

/// A file's number, and its entry in the root file system.
type Numbered = (u32, u32);

/// Files of one layer that have the same place in it; all but one are hard links.
struct Wanted {
    range: Range<u64>,
    files: Vec<Numbered>,
}

/// Hashes files.
pub(super) async fn hash<P: Ports>(job: &Job<P>, files: &[Numbered]) -> Vec<(u32, Hashed)> {
    let mut out = Vec::new();
    let mut layers: BTreeMap<usize, BTreeMap<(u64, u64), Vec<Numbered>>> = BTreeMap::new();
    let mut alone = Vec::new();
    let parts = job.parts();
    for (number, ordinal) in files {
        let at = job.layer.borrow().part_of(*ordinal);
        let place = at.and_then(|(part, place)| {
            let layer = parts.get(part)?.layer.borrow();
            let range = bytes_of(layer.toc(), place)?;
            Some((part, (range.start, range.end)))
        });
        match place {
            Some((part, range)) => {
                let layer = layers.entry(part).or_default();
                layer.entry(range).or_default().push((*number, *ordinal));
            }
            None => alone.push((*number, *ordinal)),
        }
    }
    for (part, wanted) in layers {
        let wanted = wanted.into_iter().map(|((start, end), files)| Wanted {
            range: start..end,
            files,
        });
        for run in runs(wanted) {
            let hashed = match parts.get(part) {
                Some(part) => hash_run(part, &run).await,
                None => Ok(Vec::new()),
            };
            let hashed = match hashed {
                Ok(hashed) => hashed,
                // Such a layer can only be read file by file.
                Err(ExploreError::Read(ReadError::NotAvailable { .. })) => Vec::new(),
                Err(_) => {
                    let files = run.iter().flat_map(|wanted| &wanted.files);
                    out.extend(files.map(|(number, _)| (*number, None)));
                    continue;
                }
            };
            for (at, wanted) in run.iter().enumerate() {
                match hashed.get(at) {
                    Some(digest) => {
                        let files = wanted.files.iter();
                        out.extend(files.map(|(number, _)| (*number, Some(*digest))));
                    }
                    // It may be one that lies in pieces, which only a read of the file puts together.
                    None => alone.extend(&wanted.files),
                }
            }
        }
    }
    for (number, ordinal) in alone {
        out.push((number, hash_one(job, ordinal).await.ok()));
    }
    out
}

/// Files that are read in one go: in order, apart, and near each other.
fn runs(wanted: impl Iterator<Item = Wanted>) -> Vec<Vec<Wanted>> {
    let mut runs: Vec<Vec<Wanted>> = Vec::new();
    for next in wanted {
        let run = runs.last_mut().filter(|run| {
            let end = run.last().map_or(u64::MAX, |last| last.range.end);
            (end..=end.saturating_add(GAP)).contains(&next.range.start)
        });
        match run {
            Some(run) => run.push(next),
            None => runs.push(vec![next]),
        }
    }
    runs
}

/// The digests of the files of a run, in their order; of those that came whole.
async fn hash_run<P: Ports>(job: &Job<P>, run: &[Wanted]) -> Result<Vec<[u8; 32]>, ExploreError> {
    let (Some(first), Some(last)) = (run.first(), run.last()) else {
        return Ok(Vec::new());
    };
    let range = first.range.start..last.range.end;
    let opened = open_by(job, &|layer| layer.open_range(range.clone())).await;
    let (opened, _turn) = opened?;
    let mut digests = Vec::with_capacity(run.len());
    let mut at = range.start;
    let mut hasher = Sha256::new();
    let mut take = |mut piece: &[u8]| {
        while let Some(file) = run.get(digests.len())
            && !piece.is_empty()
        {
            let wanted = at >= file.range.start;
            let until = if wanted {
                file.range.end
            } else {
                file.range.start
            };
            let room = usize::try_from(until - at).unwrap_or(usize::MAX);
            let (now, later) = piece.split_at(room.min(piece.len()));
            if wanted {
                hasher.update(now);
            }
            at += now.len() as u64;
            piece = later;
            if wanted && at == file.range.end {
                digests.push(std::mem::take(&mut hasher).finalize().into());
            }
        }
        Ok(())
    };
    read::pump(job, NO_READ, opened, &mut take).await?;
    Ok(digests)
}

/// The digest of one file, read by itself.
async fn hash_one<P: Ports>(job: &Job<P>, ordinal: u32) -> Result<[u8; 32], ExploreError> {
    let mut hasher = Sha256::new();
    let mut take = |piece: &[u8]| {
        hasher.update(piece);
        Ok(())
    };
    read::pump_whole(job, ordinal, u64::MAX, &mut take).await?;
    Ok(hasher.finalize().into())
}
