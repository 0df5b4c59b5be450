//! The open layer: how it stands, what the route's path is in it, and the rows listed.

use std::ops::Range;
use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::job::{
    Found, JobId, LayerSource, Phase, Progress, Row, SortKey, ViewId, ViewInfo, ViewMode, ViewSpec,
};
use layerscope_core::manifest::Descriptor;
use layerscope_core::path::EntryPath;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::later::{Later, ReadLater};
use super::listing::Listing;

/// The layer that is open.
#[derive(Debug, Clone, PartialEq)]
pub struct Opened {
    /// Its job.
    pub job: JobId,
    /// What it is.
    pub source: LayerSource,
    /// Archives that what is shown is inside of.
    pub depth: usize,
    /// The layers, the lowest first, if it is the root file system that they make.
    pub layers: Arc<[Descriptor]>,
}

impl Opened {
    /// It is the root file system of several layers.
    pub fn is_root(&self) -> bool {
        self.source.media_type.as_deref() == Some(ROOT_TYPE)
    }
}

/// What stands for a media type where all layers of an image are opened together: they have none.
pub const ROOT_TYPE: &str = "layerscope/rootfs";

/// What the route's path names.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// The listing by which it is asked.
    pub view: ViewId,
    /// What was asked.
    pub spec: ViewSpec,
    /// The answer.
    pub info: Option<ViewInfo>,
}

/// What is to be asked of the worker next.
#[derive(Debug, Clone, PartialEq)]
pub enum Ask {
    /// Open a listing.
    View(ViewId, ViewSpec),
    /// Send rows of a listing.
    Rows(ViewId, Range<u32>),
    /// Which row of a listing an entry has.
    Find(ViewId, EntryPath),
}

/// Bring a row into view.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Reveal {
    /// Which row.
    pub index: u32,
    /// Grows by one with each wish.
    pub wish: u32,
}

/// The layer's state.
#[derive(Clone, Copy)]
pub struct LayerState {
    opened: Later<Option<Opened>>,
    progress: Later<Progress>,
    look: Later<Look>,
    list: Later<Listing>,
    active: Later<Option<u32>>,
    reveal: Later<Reveal>,
    last_view: StoredValue<ViewId>,
    /// The name in the directory looked at now, in which or at which one was before.
    came_from: StoredValue<Option<EntryPath>>,
}

impl LayerState {
    pub(super) fn new() -> Self {
        LayerState {
            opened: Later::new(),
            progress: Later::new(),
            look: Later::new(),
            list: Later::new(),
            active: Later::new(),
            reveal: Later::new(),
            last_view: StoredValue::new(0),
            came_from: StoredValue::new(None),
        }
    }

    /// The open layer.
    pub fn opened(self) -> ReadLater<Option<Opened>> {
        self.opened.read_only()
    }

    /// The open layer's job, without subscribing.
    pub fn job(self) -> Option<JobId> {
        self.opened.with_untracked(|o| o.as_ref().map(|o| o.job))
    }

    /// In a root file system, the digest of the layer that a row is from.
    pub fn layer_of(self, row: &Row) -> Option<Digest> {
        let layer = usize::from(row.version?.layer);
        self.opened
            .with_untracked(|o| o.as_ref()?.layers.get(layer).map(|d| d.digest.clone()))
    }

    /// How it stands.
    pub fn progress(self) -> ReadLater<Progress> {
        self.progress.read_only()
    }

    /// What the route's path is.
    pub fn look(self) -> ReadLater<Look> {
        self.look.read_only()
    }

    /// The rows listed.
    pub fn list(self) -> ReadLater<Listing> {
        self.list.read_only()
    }

    /// The row under the keyboard's cursor.
    pub fn active(self) -> ReadLater<Option<u32>> {
        self.active.read_only()
    }

    /// The row to bring into view.
    pub fn reveal(self) -> ReadLater<Reveal> {
        self.reveal.read_only()
    }

    /// Another layer.
    pub fn open(self, opened: Opened) {
        self.progress.set(Progress::default());
        self.look.set(Look::default());
        self.list.set(Listing::default());
        self.active.set(None);
        self.opened.set(Some(opened));
    }

    /// Something is about to be opened, and nothing is known of it yet.
    pub fn wait(self) {
        self.progress.set(Progress::default());
        self.look.set(Look::default());
        self.list.set(Listing::default());
    }

    /// It cannot be opened.
    pub fn fail(self, problem: Problem) {
        self.progress.set(Progress {
            phase: Phase::Failed,
            problem: Some(problem),
            ..Progress::default()
        });
    }

    /// No layer.
    pub fn close(self) -> Option<Opened> {
        let before = self.opened.read_only().get_untracked();
        if before.is_some() {
            self.opened.set(None);
            self.list.set(Listing::default());
            self.look.set(Look::default());
        }
        before
    }

    fn new_view(self) -> ViewId {
        self.last_view.update_value(|v| *v += 1);
        self.last_view.get_value()
    }

    /// The route names another path, or wants another order. Nothing of the list changes until
    /// the worker says what the path is.
    pub fn look_at(self, spec: ViewSpec) -> Ask {
        let view = self.new_view();
        let before = self.look.with_untracked(|l| l.spec.at.ancestors());
        let at = Some(&spec.at);
        self.came_from
            .set_value(before.into_iter().find(|p| p.parent().as_ref() == at));
        self.look.set(Look {
            view,
            spec: spec.clone(),
            info: None,
        });
        Ask::View(view, spec)
    }

    /// The worker tells how the layer stands. True if it has just come to its end.
    pub fn set_progress(self, progress: Progress) -> bool {
        let was = self.progress.with_untracked(|p| p.phase);
        let done = progress.phase == Phase::Done && was != Phase::Done;
        if self.progress.with_untracked(|p| *p != progress) {
            self.progress.set(progress);
        }
        done
    }

    /// The worker tells a listing's shape, perhaps with its first rows. Returns what to ask next, and
    /// whether they are the first of the list that is shown.
    pub fn set_view(self, view: ViewId, info: ViewInfo, rows: Vec<Row>) -> (Vec<Ask>, bool) {
        let mut asks = Vec::new();
        let mut first = false;
        if self.look.with_untracked(|l| l.view == view) {
            self.look.update(|l| l.info = Some(info.clone()));
            let spec = self.look.with_untracked(|l| l.spec.clone());
            match &info.found {
                Found::Directory { .. } if self.list.with_untracked(|l| l.view != view) => {
                    // The way up ends at the row from which one went down.
                    let seek = self.came_from.get_value();
                    let seek = seek.filter(|_| spec.mode == ViewMode::Dir);
                    self.list.set(Listing::new(view, spec, seek));
                    self.active.set(None);
                }
                Found::Entry { row, .. } => asks.extend(self.list_around(&row.path)),
                Found::Directory { .. } | Found::Missing { .. } => {}
            }
        }
        if self.list.with_untracked(|l| l.view == view) {
            let generation = info.generation;
            self.list.update(|l| {
                l.set_info(info);
                first = l.take(0, generation, rows);
            });
            asks.extend(self.ask_rows());
            asks.extend(self.ask_place());
        }
        (asks, first)
    }

    /// Makes the list one in which the file is: the present one, or that of its directory.
    fn list_around(self, path: &EntryPath) -> Vec<Ask> {
        let parent = path.parent().unwrap_or_default();
        let fits = |list: &Listing| {
            list.info.is_some()
                && match list.spec.mode {
                    ViewMode::Dir => list.spec.at.normalised() == parent,
                    ViewMode::Flat | ViewMode::Search(_) => list.row(0).is_some(),
                }
        };
        if self.list.with_untracked(fits) {
            let mut here = None;
            self.list.update(|l| here = l.look_for(path));
            if let Some(index) = here {
                self.show_row(index);
                return Vec::new();
            }
            return self
                .ask_rows()
                .into_iter()
                .chain(self.ask_place())
                .collect();
        }
        // It was asked for already, and has not been answered.
        if self
            .list
            .with_untracked(|l| l.spec.at == parent && l.info.is_none() && l.view > 0)
        {
            return Vec::new();
        }
        let hidden = self.look.with_untracked(|l| l.spec.hidden);
        let spec = ViewSpec {
            at: parent,
            mode: ViewMode::Dir,
            sort: SortKey::Name,
            descending: false,
            hidden,
        };
        let view = self.new_view();
        self.list
            .set(Listing::new(view, spec.clone(), Some(path.clone())));
        self.active.set(None);
        vec![Ask::View(view, spec)]
    }

    fn ask_rows(self) -> Option<Ask> {
        // Asking changes nothing that is shown.
        let mut asked = None;
        self.list.update_untracked(|l| {
            asked = l.ask().map(|range| Ask::Rows(l.view, range));
        });
        asked
    }

    fn ask_place(self) -> Option<Ask> {
        let mut asked = None;
        self.list.update_untracked(|l| {
            asked = l.ask_for_seek().map(|path| Ask::Find(l.view, path));
        });
        asked
    }

    /// The worker tells where the row is that was looked for: it is brought into view.
    pub fn take_place(self, view: ViewId, path: &EntryPath, generation: u32, index: Option<u32>) {
        let mut place = None;
        self.list.update_untracked(|l| {
            if l.view == view {
                place = l.take_place(path, generation, index);
            }
        });
        if let Some(index) = place {
            self.show_row(index);
        }
    }

    /// Rows that the worker sent. Returns what to ask next, and whether they are the first.
    pub fn take_rows(
        self,
        view: ViewId,
        start: u32,
        generation: u32,
        rows: Vec<Row>,
    ) -> (Option<Ask>, bool) {
        if self.list.with_untracked(|l| l.view != view) {
            return (None, false);
        }
        let mut first = false;
        self.list
            .update(|l| first = l.take(start, generation, rows));
        (self.ask_rows(), first)
    }

    /// The page looks at these rows.
    pub fn set_window(self, window: Range<u32>) -> Option<Ask> {
        let mut changed = false;
        self.list
            .update_untracked(|l| changed = l.set_window(window));
        changed.then(|| self.ask_rows()).flatten()
    }

    /// Moves the keyboard's cursor, within the rows that there are, and brings it into view.
    pub fn show_row(self, index: u32) {
        let total = self.list.with_untracked(Listing::total);
        let index = index.min(total.saturating_sub(1));
        self.active.set((total > 0).then_some(index));
        self.reveal.update(|r| {
            r.index = index;
            r.wish += 1;
        });
    }

    /// Moves the cursor without scrolling: a click on what is in view.
    pub fn set_active(self, index: u32) {
        self.active.set(Some(index));
    }
}
