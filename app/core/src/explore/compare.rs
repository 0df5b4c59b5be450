//! A root file system beside another one, which another worker has: what this worker tells of its
//! own, and what the first image's worker makes of both.

use crate::compare::ask::{
    CompareAnswer, CompareAsk, FileAnswer, FileContent, InstalledAnswer, Raw,
};
use crate::compare::files::Comparison;
use crate::compare::installed::Installed;
use crate::compare::list::List;
use crate::compare::snapshot::{self, Snapshot};
use crate::compare::text;
use crate::path::EntryPath;
use crate::rootfs::RootFs;
use crate::rootfs::packages::{self, Packages, RPM};
use crate::view::problem::Problem;

use super::hash_files::hash;
use super::job_state::Job;
use super::ports::Ports;
use super::root::{Part, database, read_whole};

/// Files that are hashed between two answers, so that the page can say how far it is and give up.
const BATCH_FILES: usize = 400;
/// Bytes of them, of one image: some seconds' download at most.
const BATCH_BYTES: u64 = 16 << 20;

/// The comparison that a worker keeps.
#[derive(Default)]
pub(super) struct Compared {
    comparison: Comparison,
    list: List,
}

/// Answers a question; none if there is no root file system.
pub(super) async fn answer<P: Ports>(job: &Job<P>, ask: CompareAsk) -> Option<CompareAnswer> {
    match ask {
        CompareAsk::Hash(files) => return Some(CompareAnswer::Hashes(hash(job, &files).await)),
        CompareAsk::Installed => return Some(CompareAnswer::Installed(installed(job).await)),
        CompareAsk::File(path) => return Some(CompareAnswer::File(file(job, path).await)),
        CompareAsk::Contents { left, right } => {
            return Some(CompareAnswer::Contents(text::compare(&left.0, &right.0)));
        }
        _ => {}
    }
    let layers = || {
        job.parts()
            .iter()
            .map(|p| p.source.digest.clone())
            .collect()
    };
    let layer = job.layer.borrow();
    let merged = layer.merged()?;
    let mut compared = merged.compared().borrow_mut();
    let Compared { comparison, list } = &mut *compared;
    Some(match ask {
        CompareAsk::Snapshot => {
            CompareAnswer::Snapshot(Raw(Snapshot::of(merged.root(), layers()).pack()))
        }
        CompareAsk::With(other) => {
            let own = Snapshot::of(merged.root(), layers());
            *comparison = Comparison::of(&own, &Snapshot::unpack(&other.0)?);
            list.forget();
            CompareAnswer::Summary(comparison.summary())
        }
        CompareAsk::Settle(digests) => {
            for (at, left, right) in digests {
                comparison.settle(at, left, right);
            }
            list.forget();
            CompareAnswer::Summary(comparison.summary())
        }
        CompareAsk::Rows { spec, start, end } => {
            let (total, rows) = list.rows(comparison, &spec, (start, end));
            CompareAnswer::Rows {
                spec,
                total,
                start,
                rows,
            }
        }
        CompareAsk::Unread { from } => {
            CompareAnswer::Unread(comparison.unread(from, BATCH_FILES, BATCH_BYTES))
        }
        // Answered above.
        CompareAsk::Hash(_)
        | CompareAsk::Installed
        | CompareAsk::File(_)
        | CompareAsk::Contents { .. } => return None,
    })
}

/// One path, and its bytes if they are not many.
async fn file<P: Ports>(job: &Job<P>, path: EntryPath) -> FileAnswer {
    let side = {
        let layer = job.layer.borrow();
        let root = layer.merged().map(|merged| merged.root());
        root.and_then(|root| {
            let node = root.visible().find(path.as_bytes())?;
            Some(snapshot::side(root, node))
        })
    };
    let content = match &side {
        Some(side) if !side.is_file() => FileContent::None,
        None => FileContent::None,
        Some(side) if side.size == 0 => FileContent::Whole(Raw::default()),
        Some(side) if side.size > text::MAX_TEXT => FileContent::Large,
        Some(side) => match read_whole(job, side.ordinal).await {
            Ok(bytes) => FileContent::Whole(Raw(bytes)),
            Err(error) => FileContent::Failed(Problem::from(&error).cause),
        },
    };
    FileAnswer {
        path,
        side,
        content,
    }
}

/// Reads what is installed, without the lists of what belongs to each.
async fn installed<P: Ports>(job: &Job<P>) -> InstalledAnswer {
    let mut answer = InstalledAnswer::default();
    let files = {
        let layer = job.layer.borrow();
        let Some(merged) = layer.merged() else {
            return answer;
        };
        let root = merged.root();
        let mut at = RPM.iter();
        answer.rpm = at.any(|path| packages::file_at(root, path).is_some());
        database(root)
    };
    let mut packages = Packages::default();
    // The owners of files are nobody's question here.
    let nothing = RootFs::new();
    let is_list = |part: &Part| matches!(part, Part::DpkgList(_));
    for (part, ordinal) in files.into_iter().filter(|(part, _)| !is_list(part)) {
        match (read_whole(job, ordinal).await, part) {
            (Ok(bytes), Part::Apk) => packages.add_apk(&nothing, &bytes),
            (Ok(bytes), _) => packages.add_dpkg_status(&bytes),
            (Err(error), _) => {
                answer.problem = Some(Problem::from(&error).cause);
                break;
            }
        }
    }
    let all = packages.packages().iter().map(|p| Installed {
        name: p.name.clone(),
        version: p.version.clone(),
        architecture: p.architecture.clone(),
        stated: p.stated,
    });
    answer.packages = all.collect();
    answer
}
