//! Two images side by side: what is known of each, how their files differ, one file of both.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use layerscope_core::compare::ask::{FileAnswer, Hashed, InstalledAnswer};
use layerscope_core::compare::files::Summary;
use layerscope_core::compare::list::{ChangeRow, ListSpec};
use layerscope_core::compare::text::Compared;
use layerscope_core::job::{JobId, Phase, Progress};
use layerscope_core::manifest::Descriptor;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Reference;
use layerscope_core::registry::client::Fetched;
use layerscope_core::view::problem::Problem;

use super::Load;
use super::image::Config;
use super::later::{Later, ReadLater};

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The first.
    Left,
    /// The second.
    Right,
}

impl Which {
    /// Both.
    pub const BOTH: [Which; 2] = [Which::Left, Which::Right];

    /// The letter that the page calls it by.
    pub fn letter(self) -> &'static str {
        match self {
            Which::Left => "A",
            Which::Right => "B",
        }
    }

    /// Its place in a pair.
    pub fn index(self) -> usize {
        match self {
            Which::Left => 0,
            Which::Right => 1,
        }
    }
}

/// One of the two images.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Side {
    /// What it is called.
    pub reference: Option<Reference>,
    /// What that names: an index, or a manifest.
    pub top: Load<Arc<Fetched>>,
    /// The index's entry that is compared.
    pub chosen: Option<Descriptor>,
    /// The manifest that is compared.
    pub manifest: Load<Arc<Fetched>>,
    /// Its configuration.
    pub config: Load<Arc<Config>>,
    /// The job that has its root file system.
    pub job: Option<JobId>,
    /// Why there is none.
    pub no_root: Option<Problem>,
}

impl Side {
    /// Why it did not come.
    pub fn problem(&self) -> Option<&Problem> {
        self.top.problem().or(self.manifest.problem())
    }
}

/// Contents that are being read.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Files that are done.
    pub done: u32,
    /// Of how many.
    pub of: u32,
    /// The place among the changes from which to go on.
    pub from: u32,
    /// The files on their way: the change, and the entries in both images.
    pub batch: Vec<(u32, u32, u32)>,
    /// What came of them.
    pub hashes: [Option<Vec<(u32, Hashed)>>; 2],
}

/// How the files differ.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Files {
    /// In numbers, once both root file systems are here.
    pub summary: Option<Summary>,
    /// Which are listed.
    pub spec: ListSpec,
    /// How many those are.
    pub total: Option<u32>,
    /// Those that are here, by their place.
    rows: BTreeMap<u32, ChangeRow>,
    /// They are of the list as it was.
    stale: bool,
    /// The rows asked for last.
    asked: Range<u32>,
    /// The rows that are looked at.
    window: Range<u32>,
    /// Contents that are being read.
    pub reading: Option<Reading>,
}

impl Files {
    /// A row, if it is here.
    pub fn row(&self, at: u32) -> Option<&ChangeRow> {
        self.rows.get(&at)
    }
}

/// How the contents of one path differ.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// There are none to compare.
    Nothing,
    /// They are the same.
    Same,
    /// They are not, and this is where.
    Differ(Arc<Compared>),
    /// They are not; they are too large to be shown.
    Large,
    /// They were not compared: too large.
    TooLarge,
    /// They were not compared: one could not be read.
    Failed(String),
}

/// One path of both.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OneFile {
    /// Which.
    pub path: EntryPath,
    /// What it is in each.
    pub sides: [Option<Arc<FileAnswer>>; 2],
    /// Digests of large files.
    pub hashes: [Option<Hashed>; 2],
    /// How the contents differ.
    pub outcome: Load<Outcome>,
}

/// The state.
#[derive(Clone, Copy)]
pub struct CompareState {
    sides: [Later<Side>; 2],
    progress: [Later<Progress>; 2],
    installed: [Later<Load<Arc<InstalledAnswer>>>; 2],
    files: Later<Files>,
    file: Later<Option<OneFile>>,
}

impl CompareState {
    pub(super) fn new() -> Self {
        CompareState {
            sides: [Later::new(), Later::new()],
            progress: [Later::new(), Later::new()],
            installed: [Later::new(), Later::new()],
            files: Later::new(),
            file: Later::new(),
        }
    }

    /// One of the images.
    pub fn side(self, which: Which) -> ReadLater<Side> {
        self.sides[which.index()].read_only()
    }

    /// How its root file system stands.
    pub fn progress(self, which: Which) -> ReadLater<Progress> {
        self.progress[which.index()].read_only()
    }

    /// What is installed in it.
    pub fn installed(self, which: Which) -> ReadLater<Load<Arc<InstalledAnswer>>> {
        self.installed[which.index()].read_only()
    }

    /// How the files differ.
    pub fn files(self) -> ReadLater<Files> {
        self.files.read_only()
    }

    /// The path that is shown of both.
    pub fn file(self) -> ReadLater<Option<OneFile>> {
        self.file.read_only()
    }

    /// Two others: everything is on its way.
    pub fn begin(self, references: [Reference; 2], spec: ListSpec) {
        for (which, reference) in Which::BOTH.into_iter().zip(references) {
            self.sides[which.index()].set(Side {
                reference: Some(reference),
                top: Load::Loading,
                ..Side::default()
            });
            self.progress[which.index()].set(Progress::default());
            self.installed[which.index()].set(Load::Idle);
        }
        self.files.set(Files {
            spec,
            ..Files::default()
        });
        self.file.set(None);
    }

    /// Something is known of one of them.
    pub fn update_side(self, which: Which, change: impl FnOnce(&mut Side)) {
        self.sides[which.index()].update(change);
    }

    /// The one that a job belongs to.
    pub fn which(self, job: JobId) -> Option<Which> {
        let of = |which: &Which| self.side(*which).with_untracked(|s| s.job == Some(job));
        Which::BOTH.into_iter().find(of)
    }

    /// The job of one of them, without subscribing.
    pub fn job(self, which: Which) -> Option<JobId> {
        self.side(which).with_untracked(|s| s.job)
    }

    /// How a root file system stands. True if it came to its end with this.
    pub fn set_progress(self, which: Which, progress: Progress) -> bool {
        let before = self.progress(which).with_untracked(|p| p.phase);
        let done = progress.phase == Phase::Done && before != Phase::Done;
        self.progress[which.index()].set(progress);
        done
    }

    /// Both root file systems are here; followed by who asks.
    pub fn both_done(self) -> bool {
        let done = |which: Which| {
            self.side(which).with(|s| s.job.is_some())
                && self.progress(which).with(|p| p.phase == Phase::Done)
        };
        Which::BOTH.into_iter().all(done)
    }

    /// What is installed.
    pub fn set_installed(self, which: Which, installed: Load<Arc<InstalledAnswer>>) {
        self.installed[which.index()].set(installed);
    }

    /// Another list of files is wanted. True if it has to be asked for.
    pub fn set_spec(self, spec: ListSpec) -> bool {
        if self.files.with_untracked(|f| f.spec == spec) {
            return false;
        }
        self.files.update(|files| {
            files.spec = spec;
            files.total = None;
            files.rows.clear();
            (files.stale, files.asked) = (false, 0..0);
        });
        self.files.with_untracked(|f| f.summary.is_some())
    }

    /// How the files differ, in numbers; what is listed has changed.
    pub fn set_summary(self, summary: Summary) {
        self.files.update(|files| {
            files.summary = Some(summary);
            (files.stale, files.asked) = (true, 0..0);
        });
    }

    /// These rows are looked at.
    pub fn look_at(self, window: Range<u32>) {
        self.files.update_untracked(|files| files.window = window);
    }

    /// Rows that are looked at and not here, and some around.
    pub fn missing(self) -> Option<Range<u32>> {
        /// About two screens.
        const AROUND: u32 = 64;
        let wanted = self.files.with_untracked(|files| {
            let window = files.window.clone();
            let end = files
                .total
                .map_or(window.end.max(AROUND), |t| window.end.min(t));
            let here = |at: u32| files.rows.contains_key(&at) && !files.stale;
            let missing = files.total.is_none() || (window.start..end).any(|at| !here(at));
            let on_their_way = files.asked.start <= window.start && files.asked.end >= end;
            let ask = files.summary.is_some() && missing && !(on_their_way && end > 0);
            ask.then(|| window.start.saturating_sub(AROUND)..end.saturating_add(AROUND))
        });
        if let Some(range) = &wanted {
            let asked = range.clone();
            self.files.update_untracked(|files| files.asked = asked);
        }
        wanted
    }

    /// Rows of a list came.
    pub fn take_rows(self, spec: &ListSpec, total: u32, start: u32, rows: Vec<ChangeRow>) {
        if self.files.with_untracked(|f| f.spec != *spec) {
            return; // of a list that was left
        }
        self.files.update(|files| {
            if std::mem::take(&mut files.stale) {
                files.rows.clear();
            }
            files.total = Some(total);
            files.rows.extend((start..).zip(rows));
        });
    }

    /// Contents are read, or no more.
    pub fn set_reading(self, reading: Option<Reading>) {
        self.files.update(|files| files.reading = reading);
    }

    /// A path is shown of both, or none.
    pub fn set_file(self, file: Option<OneFile>) {
        self.file.set(file);
    }
}
