//! Two images side by side: their manifests, their root file systems in a worker each, and what is
//! carried from one worker to the other.

mod contents;
mod file;

use std::rc::Rc;
use std::sync::Arc;

use layerscope_core::compare::ask::{CompareAnswer, CompareAsk};
use layerscope_core::compare::files::Summary;
use layerscope_core::job::{Event, Request};
use layerscope_core::manifest::{Descriptor, Platform};
use layerscope_core::reference::{ManifestRef, Reference, Repository};
use layerscope_core::registry::client::Fetched;
use layerscope_core::rootfs::ask::{RootAnswer, RootAsk};
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;

use super::{Effects, Inner, image, layer, root};
use crate::browser::prefs;
use crate::state::Load;
use crate::state::compare::{Outcome, Which};

/// No read of a file has this id: those count up from 1.
const ASK: u32 = 0;
/// Bytes of contents that are compared without being asked for: what most pairs of tags have.
const AUTO_BYTES: u64 = 8 << 20;
/// The same as files.
const AUTO_FILES: u32 = 2000;

/// Loads two images; the same two in another way.
pub(super) fn load(inner: &Rc<Inner>, route: &Route, same: bool) {
    let Route::Compare {
        left,
        right,
        left_platform,
        right_platform,
        path,
        list,
    } = route
    else {
        return;
    };
    let state = inner.state.compare;
    if same {
        if state.set_spec(list.clone()) {
            ask_rows(inner);
        }
        file::show(inner, path.as_ref());
        return;
    }
    state.begin([left.clone(), right.clone()], list.clone());
    inner.listener.set(Some(on_event));
    if let Some(path) = path {
        state.set_file(Some(file::new(path)));
    }
    for (which, reference, platform) in [
        (Which::Left, left, left_platform),
        (Which::Right, right, right_platform),
    ] {
        let (itself, reference, platform) = (inner.clone(), reference.clone(), platform.clone());
        inner.spawn(async move {
            load_side(&itself, which, &reference, platform).await;
        });
    }
}

async fn load_side(
    inner: &Rc<Inner>,
    which: Which,
    reference: &Reference,
    platform: Option<Platform>,
) {
    let state = inner.state.compare;
    let repository = reference.repository();
    let by = reference.manifest();
    let ask = async || inner.client.manifest(repository, &by).await;
    let top = match inner.by_either_way(repository.registry(), ask).await {
        Ok(top) => Arc::new(top),
        Err(error) => {
            return state.update_side(which, |s| s.top = Load::Failed((&error).into()));
        }
    };
    prefs::add_recent(&reference.familiar());
    state.update_side(which, |s| {
        s.top = Load::Ready(top.clone());
        s.manifest = Load::Loading;
    });
    let manifest = match image::choose(&top.document, platform.as_ref()) {
        Err(problem) => Err(problem),
        Ok(None) => Ok(top),
        Ok(Some(chosen)) => {
            let by = ManifestRef::Digest(chosen.digest.clone());
            state.update_side(which, |s| s.chosen = Some(chosen));
            let fetched = inner.client.manifest(repository, &by).await;
            fetched.map(Arc::new).map_err(|e| Problem::from(&e))
        }
    };
    let manifest = match manifest {
        Ok(manifest) => manifest,
        Err(problem) => return state.update_side(which, |s| s.manifest = Load::Failed(problem)),
    };
    state.update_side(which, |s| s.manifest = Load::Ready(manifest.clone()));
    open_roots(inner);
    let config = image::config_of(inner, repository, &manifest).await;
    state.update_side(which, |s| s.config = config.unwrap_or_default());
}

/// Opens both root file systems, once both manifests are here and are not the same one.
fn open_roots(inner: &Rc<Inner>) {
    let state = inner.state.compare;
    let manifest = |which| {
        let side = state.side(which);
        side.with_untracked(|s| Some((s.reference.clone()?, s.manifest.ready()?.clone())))
    };
    let (Some(left), Some(right)) = (manifest(Which::Left), manifest(Which::Right)) else {
        return;
    };
    if left.1.digest == right.1.digest {
        return;
    }
    for (which, (reference, manifest)) in [(Which::Left, left), (Which::Right, right)] {
        match root::layers_in(&manifest.document) {
            Ok(layers) => open_root(inner, which, reference.repository(), &manifest, &layers),
            Err(problem) => state.update_side(which, |s| s.no_root = Some(problem)),
        }
    }
}

fn open_root(
    inner: &Rc<Inner>,
    which: Which,
    repository: &Repository,
    manifest: &Fetched,
    layers: &[Descriptor],
) {
    let digest = &manifest.digest;
    let source = root::source_of(inner, repository, digest, Some(digest.clone()), layers);
    let job = layer::start(inner, &source, layers);
    inner.beside.borrow_mut().push(job);
    inner
        .state
        .compare
        .update_side(which, |s| s.job = Some(job));
}

/// A worker says something. Gives back what is not about these two.
fn on_event(inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) -> super::Unheard {
    let state = inner.state.compare;
    match event {
        Event::Progress { job, progress } => match state.which(job) {
            Some(which) => {
                if state.set_progress(which, progress) {
                    on_done(inner, which);
                }
                None
            }
            None => Some((Event::Progress { job, progress }, bytes)),
        },
        Event::Root { job, read } => match state.which(job) {
            Some(which) => {
                let answer = bytes.and_then(|b| postcard::from_bytes::<RootAnswer>(&b).ok());
                if let Some(RootAnswer::Compare(answer)) = answer {
                    on_answer(inner, which, answer);
                }
                None
            }
            None => Some((Event::Root { job, read }, bytes)),
        },
        other => Some((other, bytes)),
    }
}

fn ask(inner: &Inner, which: Which, ask: CompareAsk) {
    let Some(job) = inner.state.compare.job(which) else {
        return;
    };
    // Each of its parts can be packed.
    if let Ok(ask) = postcard::to_allocvec(&RootAsk::Compare(ask)) {
        inner.pool.post(Request::Root {
            job,
            read: ASK,
            ask,
        });
    }
}

/// A root file system is here.
fn on_done(inner: &Inner, which: Which) {
    let state = inner.state.compare;
    state.set_installed(which, Load::Loading);
    ask(inner, which, CompareAsk::Installed);
    if untrack(|| state.both_done()) {
        ask(inner, Which::Right, CompareAsk::Snapshot);
        file::ask_both(inner);
    }
}

fn on_answer(inner: &Rc<Inner>, which: Which, answer: CompareAnswer) {
    let state = inner.state.compare;
    match answer {
        CompareAnswer::Snapshot(other) => ask(inner, Which::Left, CompareAsk::With(other)),
        CompareAnswer::Summary(summary) => on_summary(inner, summary),
        CompareAnswer::Rows {
            spec,
            total,
            start,
            rows,
        } => {
            state.take_rows(&spec, total, start, rows);
            ask_rows(inner);
        }
        CompareAnswer::Unread(files) => contents::on_unread(inner, files),
        CompareAnswer::Hashes(hashes) => contents::on_hashes(inner, which, hashes),
        CompareAnswer::Installed(installed) => {
            state.set_installed(which, Load::Ready(Arc::new(installed)));
        }
        CompareAnswer::File(file) => file::on_answer(inner, which, file),
        CompareAnswer::Contents(compared) => {
            file::settle(inner, Outcome::Differ(Arc::new(compared)))
        }
    }
}

/// Asks for the rows that are looked at and not here.
fn ask_rows(inner: &Inner) {
    let state = inner.state.compare;
    if let Some(range) = state.missing() {
        let rows = CompareAsk::Rows {
            spec: state.files().with_untracked(|f| f.spec.clone()),
            start: range.start,
            end: range.end,
        };
        ask(inner, Which::Left, rows);
    }
}

fn on_summary(inner: &Rc<Inner>, summary: Summary) {
    let state = inner.state.compare;
    let first = state.files().with_untracked(|f| f.summary.is_none());
    state.set_summary(summary);
    ask_rows(inner);
    let reading = state.files().with_untracked(|f| f.reading.clone());
    match reading {
        Some(reading) => ask(
            inner,
            Which::Left,
            CompareAsk::Unread { from: reading.from },
        ),
        None if first
            && summary.unread.bytes <= AUTO_BYTES
            && summary.unread.files <= AUTO_FILES =>
        {
            contents::read(inner, summary.unread.files);
        }
        None => {}
    }
}

impl Effects {
    /// The page looks at these rows of what differs.
    pub fn look_at_changes(self, rows: std::ops::Range<u32>) {
        self.with(|inner| {
            inner.state.compare.look_at(rows);
            ask_rows(inner);
        });
    }

    /// Stops reading the layers of both.
    pub fn cancel_compare(self) {
        self.with(|inner| {
            for which in Which::BOTH {
                let running = inner
                    .state
                    .compare
                    .progress(which)
                    .with_untracked(|p| p.phase.is_running());
                if let Some(job) = inner.state.compare.job(which).filter(|_| running) {
                    inner.pool.cancel(job);
                }
            }
        });
    }
}
