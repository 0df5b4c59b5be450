//! A layer in its worker: opening, listing, reading, downloading.

use std::ops::Range;
use std::rc::Rc;
use std::sync::Arc;

use layerscope_core::archive::MAX_DEPTH;
use layerscope_core::digest::Digest;
use layerscope_core::job::{
    Access, Event, Found, JobId, LayerSource, Phase, Request, Row, RowKind, SociIndex, Verified,
    ViewInfo, ViewMode, ViewSpec,
};
use layerscope_core::manifest::Descriptor;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Repository;
use layerscope_core::route::{ListMode, Route, Show};
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Effects, Inner, export, local, login, root, save, status, viewer, way};
use crate::browser::{page, seen};
use crate::state::Load;
use crate::state::file::{HEAD_BYTES, HEX_PAGE, MAX_PICTURE, OpenFile, Purpose, TEXT_BYTES};
use crate::state::layer::{Ask, Opened, ROOT_TYPE};
use crate::state::text::Sniff;

/// Layers that go on streaming after their page was left.
const MAX_BACKGROUND: usize = 3;

/// Opens a layer, or another path in the one that is open.
pub(super) fn load(
    inner: &Rc<Inner>,
    (repository, digest): (&Repository, &Digest),
    path: &EntryPath,
    archives: &[EntryPath],
    show: &Show,
    same: bool,
) {
    if !same {
        leave(inner);
        inner.tell_origin(digest);
        let origin = inner.state.shell.origin().get_untracked();
        // Another repository's manifest vouches for nothing here.
        let here = origin
            .as_ref()
            .filter(|o| o.reference.repository() == repository);
        let annotations = here.map_or(Vec::new(), |o| o.descriptor.annotations.clone());
        let manifest = here.map(|o| o.manifest.clone());
        let soci = here.map_or(SociIndex::Unknown, |o| o.soci.clone());
        let mut source = LayerSource {
            endpoint: inner.client.endpoint(repository.registry()),
            repository: repository.clone(),
            digest: digest.clone(),
            size: origin.as_ref().map(|o| o.descriptor.size),
            media_type: origin.map(|o| o.descriptor.media_type),
            annotations,
            manifest,
            soci,
            given: None,
            whole: false,
            again: false,
            trade: inner.state.shell.trade().get_untracked(),
            unnamed: false,
        };
        local::describe(inner, &mut source);
        begin(inner, source, Arc::default());
    }
    look_at(inner, path, archives, show, same);
}

/// Shows a path of what is open.
pub(super) fn look_at(
    inner: &Rc<Inner>,
    path: &EntryPath,
    archives: &[EntryPath],
    show: &Show,
    same: bool,
) {
    let state = inner.state.layer;
    open_chain(inner, path, archives);
    let path = archives.last().unwrap_or(path);
    let spec = ViewSpec {
        at: path.clone(),
        mode: match (&show.query, show.mode) {
            (Some(text), _) => ViewMode::Search(text.clone()),
            (None, ListMode::Flat) => ViewMode::Flat,
            (None, ListMode::Dir) => ViewMode::Dir,
        },
        sort: show.sort,
        descending: show.descending,
        hidden: show.hidden,
    };
    let asked = state
        .look()
        .with_untracked(|l| l.view > 0 && l.spec == spec);
    if same && asked {
        // Only how it is shown has changed; the duplicate chosen may have.
        if let Some(info) = state.look().with_untracked(|l| l.info.clone()) {
            show_entry(inner, &info);
        }
        return;
    }
    post(inner, state.look_at(spec));
}

/// Starts a layer's job, or that of the layers of an image together.
pub(super) fn start(inner: &Inner, source: &LayerSource, layers: &[Descriptor]) -> JobId {
    let repository = &source.repository;
    let access = Access {
        authorization: inner.client.authorization(repository),
        ..login::access(inner, repository.registry())
    };
    let is_root = source.media_type.as_deref() == Some(ROOT_TYPE);
    let job = match is_root {
        false => inner.pool.open(source.clone(), access),
        true => {
            let sources = root::sources_of(inner, source, layers);
            inner.pool.open_root(source.clone(), &sources, access)
        }
    };
    inner.background.borrow_mut().retain(|j| *j != job);
    job
}

/// Opens a layer, or the layers of an image together.
pub(super) fn begin(inner: &Inner, source: LayerSource, layers: Arc<[Descriptor]>) {
    let job = start(inner, &source, &layers);
    let opened = Opened {
        job,
        source,
        depth: 0,
        layers,
    };
    inner.base.replace(Some(opened.clone()));
    inner.state.export.set(None);
    inner.state.layer.open(opened);
}

/// Opens the archives that the route leads into, and closes those that it has left. What is shown
/// is the innermost one, or the layer.
fn open_chain(inner: &Rc<Inner>, path: &EntryPath, archives: &[EntryPath]) {
    let Some(base) = inner.base.borrow().clone() else {
        return;
    };
    // Each lies in the one before; the last path is in the innermost. What is deeper than allowed
    // is refused by the worker.
    let files = std::iter::once(path).chain(archives);
    let files: Vec<EntryPath> = files
        .take(archives.len().min(MAX_DEPTH + 1))
        .cloned()
        .collect();
    let current = {
        let mut chain = inner.chain.borrow_mut();
        let same = chain.iter().zip(&files).take_while(|((at, _), f)| at == *f);
        let same = same.count();
        for (_, job) in chain.drain(same..).rev() {
            inner.pool.close_inner(job);
        }
        for file in files.into_iter().skip(same) {
            let outer = chain.last().map_or(base.job, |(_, job)| *job);
            let Some(job) = inner.pool.open_inner(outer, file.clone()) else {
                break;
            };
            chain.push((file, job));
        }
        Opened {
            job: chain.last().map_or(base.job, |(_, job)| *job),
            depth: chain.len(),
            source: match chain.is_empty() {
                true => base.source,
                // What a manifest says is of the layer.
                false => LayerSource {
                    size: None,
                    media_type: None,
                    ..base.source
                },
            },
            layers: base.layers,
        }
    };
    let state = inner.state.layer;
    if state.job() != Some(current.job) {
        give_up(inner, None);
        let progress = inner.pool.progress(current.job);
        inner.state.export.set(None);
        state.open(current);
        if let Some(progress) = progress {
            state.set_progress(progress);
        }
    }
}

/// Closes all archives.
fn close_chain(inner: &Inner) {
    for (_, job) in inner.chain.borrow_mut().drain(..).rev() {
        inner.pool.close_inner(job);
    }
}

/// The layer has matched its digest: archives that were opened before that are opened again.
fn reopen_chain(inner: &Rc<Inner>) {
    let base = inner
        .base
        .borrow()
        .as_ref()
        .is_some_and(|b| b.source.unnamed);
    let unchecked = !base
        && inner
            .state
            .layer
            .progress()
            .with_untracked(|p| p.phase == Phase::Done && p.verified == Verified::None);
    if inner.chain.borrow().is_empty() || !unchecked {
        return;
    }
    close_chain(inner);
    let route = inner.state.shell.route_now();
    inner.load(&route);
}

/// Opens the open layer again, in another way.
pub(super) fn reopen(inner: &Inner, change: impl FnOnce(LayerSource) -> LayerSource) {
    let state = inner.state.layer;
    let spec = state.look().with_untracked(|l| l.spec.clone());
    give_up(inner, None);
    close_chain(inner);
    state.close();
    let Some(opened) = inner.base.take() else {
        return;
    };
    begin(inner, change(opened.source), opened.layers);
    post(inner, state.look_at(spec));
}

/// The page shows no layer any more. One that still streams goes on in the background, so that
/// several can be opened one after the other.
pub(super) fn leave(inner: &Inner) {
    give_up(inner, None);
    close_chain(inner);
    inner.state.layer.close();
    if let Some(opened) = inner.base.take() {
        let_go(inner, opened.job);
    }
}

/// Nobody looks at a job any more.
pub(super) fn let_go(inner: &Inner, job: JobId) {
    let streams = inner
        .pool
        .progress(job)
        .is_some_and(|p| p.phase.is_running());
    if !streams {
        return inner.pool.close(job);
    }
    let mut background = inner.background.borrow_mut();
    background.push_back(job);
    if background.len() > MAX_BACKGROUND
        && let Some(oldest) = background.pop_front()
    {
        inner.pool.close(oldest);
    }
}

fn post(inner: &Inner, ask: Ask) {
    let Some(job) = inner.state.layer.job() else {
        return;
    };
    inner.pool.post(match ask {
        Ask::View(view, spec) => Request::View { job, view, spec },
        Ask::Rows(view, range) => Request::Rows {
            job,
            view,
            start: range.start,
            end: range.end,
        },
        Ask::Find(view, path) => Request::Find { job, view, path },
    });
}

/// A worker says something.
pub(super) fn on_event(inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
    match way::unexplained(&event) {
        // A worker cannot tell why a registry that it asks directly does not answer.
        true => way::explain(inner, event, bytes),
        false => way::turn_or_tell(inner, event, bytes),
    }
}

/// The same, when all that can be known of it is.
pub(super) fn explained(inner: &Rc<Inner>, event: Event, bytes: Option<Vec<u8>>) {
    let state = inner.state.layer;
    let current = |job: JobId| state.job() == Some(job);
    match event {
        Event::Notice { problem } => inner.state.shell.notify(problem),
        Event::Seen if state.job().is_some() => inner.state.offline.set_from_store(true),
        Event::Keep { key } => seen::store(key, bytes.unwrap_or_default()),
        Event::Renew { job, refused } => login::renew_for(inner, job, refused),
        Event::Progress { job, progress } if current(job) => {
            root::on_progress(inner, &progress);
            let done = state.set_progress(progress);
            if done {
                page::mark("layerscope:index-done");
                read_again_verified(inner);
            }
        }
        Event::Progress { job, progress } => {
            let over = matches!(
                progress.phase,
                Phase::Done | Phase::Failed | Phase::Cancelled
            );
            let is_base = inner.base.borrow().as_ref().is_some_and(|b| b.job == job);
            if is_base && progress.phase == Phase::Done {
                reopen_chain(inner);
            }
            let mut background = inner.background.borrow_mut();
            if over && background.contains(&job) {
                background.retain(|j| *j != job);
                // It may not be closed while it speaks.
                let pool = inner.pool.clone();
                spawn_local(async move { pool.close(job) });
            }
        }
        Event::View {
            job,
            view,
            info,
            rows,
        } if current(job) => {
            let looked_at = state.look().with_untracked(|l| l.view == view);
            let (asks, first) = state.set_view(view, info.clone(), rows);
            for ask in asks {
                post(inner, ask);
            }
            if first {
                status::mark_when_shown("layerscope:first-row");
            }
            if looked_at {
                show_entry(inner, &info);
            }
        }
        Event::Rows {
            job,
            view,
            start,
            generation,
            rows,
        } if current(job) => {
            let (ask, first) = state.take_rows(view, start, generation, rows);
            if let Some(ask) = ask {
                post(inner, ask);
            }
            if first {
                status::mark_when_shown("layerscope:first-row");
            }
        }
        Event::Place {
            job,
            view,
            path,
            generation,
            index,
        } if current(job) => state.take_place(view, &path, generation, index),
        Event::Content {
            job,
            read,
            start,
            total,
            verified,
            fetched,
        } if current(job) => {
            let file = inner.state.file;
            let bytes = bytes.unwrap_or_default();
            match file.end_read(read) {
                Some(Purpose::Head) => {
                    let name = entry_path_name(inner);
                    viewer::open(inner, Some(&name), total, &bytes, verified);
                    file.set_head(bytes, total, verified, fetched);
                    status::mark_when_shown("layerscope:content");
                    read_picture(inner);
                    // It may have been on its way when the layer came to its end.
                    let progress = inner.state.layer.progress();
                    if progress.with_untracked(|p| p.verified == Verified::Blob) {
                        read_again_verified(inner);
                    }
                }
                Some(Purpose::More) => file.add_text(start, &bytes, verified, fetched),
                Some(Purpose::Page(number)) => file.add_page(number, bytes),
                Some(Purpose::Picture) => show_picture(inner, &bytes),
                Some(Purpose::View(doc)) => viewer::add(inner, doc, start, &bytes, verified),
                Some(Purpose::Save) | None => {}
            }
        }
        Event::Decoding {
            job,
            read,
            decoded,
            total,
        } if current(job) => inner.state.file.set_decoding(read, decoded, total),
        Event::Download {
            job,
            read,
            written,
            total,
            ready,
        } if current(job) => save::on_download(inner, read, written, total, ready, bytes),
        Event::Root { job, .. } if current(job) => root::on_answer(inner, bytes.as_deref()),
        Event::Exporting {
            job,
            read,
            received,
        } if current(job) => export::on_exporting(inner, read, received),
        Event::Exported {
            job,
            read,
            exported,
        } if current(job) => {
            export::on_exported(inner, read, exported, &bytes.unwrap_or_default());
        }
        Event::ReadFailed { job, read, problem } if current(job) => {
            if export::on_failed(inner, read, &problem) {
                return;
            }
            let file = inner.state.file;
            if let Some(purpose) = file.end_read(read) {
                match purpose {
                    Purpose::More | Purpose::Page(_) => inner.state.shell.notify(problem.clone()),
                    Purpose::View(doc) => viewer::fail(inner, doc, &problem),
                    _ => {}
                }
                file.fail(purpose, problem);
            }
        }
        _ => {} // late: of a job that is no longer looked at
    }
}

/// Opens the entry that the route's path names, if it is one.
fn show_entry(inner: &Rc<Inner>, info: &ViewInfo) {
    let file = inner.state.file;
    let Some(job) = inner.state.layer.job() else {
        return;
    };
    let Found::Entry {
        row,
        others,
        target,
    } = &info.found
    else {
        if file.entry().with_untracked(Option::is_some) {
            give_up(inner, None);
        }
        return;
    };
    let place = inner.state.shell.place();
    let mut all: Vec<Row> = others.clone();
    all.push(row.clone());
    let chosen = place.with_untracked(|p| match &p.route {
        Route::Fs { entry, .. } => {
            let wanted = (*entry)?;
            all.iter().position(|r| r.ordinal == Some(wanted))
        }
        Route::Layers { layer, .. } => {
            let wanted = layer.as_ref()?;
            let of = |r: &Row| inner.state.layer.layer_of(r);
            // Of one layer the last counts.
            all.iter().rposition(|r| of(r).as_ref() == Some(wanted))
        }
        _ => None,
    });
    let chosen = all.remove(chosen.unwrap_or(all.len() - 1));
    // The target is that of the entry that counts.
    let target = target.clone().filter(|_| chosen.ordinal == row.ordinal);
    let entry = OpenFile {
        job,
        row: chosen,
        others: all,
        target,
    };
    let before = file.entry().get_untracked();
    match before {
        Some(before) if *before == entry => {}
        Some(before) if before.job == job && before.row == entry.row => file.refresh(entry),
        _ => {
            give_up(inner, Some(entry));
            read_head(inner);
        }
    }
}

/// Drops the file that was open, and its reads.
fn give_up(inner: &Inner, next: Option<OpenFile>) {
    let job = inner.state.layer.job();
    inner.state.viewer.close();
    let going_on = inner.state.file.open(next);
    for read in going_on {
        if let Some(job) = job {
            inner.pool.post(Request::CancelRead { job, read });
        }
    }
}

/// Whether an entry has bytes of its own or by its target.
fn has_content(entry: &OpenFile) -> bool {
    match entry.row.kind {
        RowKind::File => true,
        RowKind::Hardlink => entry.target.as_ref().is_some_and(|t| t.row().is_some()),
        _ => false,
    }
}

fn read_head(inner: &Rc<Inner>) {
    let file = inner.state.file;
    let Some(entry) = file.entry().get_untracked() else {
        return;
    };
    if !has_content(&entry) {
        return;
    }
    if entry.row.kind == RowKind::File && entry.row.size == 0 {
        let progress = inner.state.layer.progress();
        let verified = progress.with_untracked(|p| p.verified);
        file.set_head(Vec::new(), 0, verified, 0);
        status::mark_when_shown("layerscope:content");
        return;
    }
    read(inner, Purpose::Head, 0, HEAD_BYTES);
}

pub(super) fn read(inner: &Inner, purpose: Purpose, start: u64, len: u64) {
    let file = inner.state.file;
    let entry = file.entry().get_untracked();
    let Some((entry, ordinal)) = entry.and_then(|e| e.row.ordinal.map(|o| (e, o))) else {
        return;
    };
    let read = file.begin_read(purpose);
    let job = entry.job;
    inner.pool.post(match purpose {
        Purpose::Save => Request::Download { job, read, ordinal },
        _ => Request::Read {
            job,
            read,
            ordinal,
            start,
            len,
        },
    });
}

/// The whole layer has matched its digest: what was shown before that is read again, checked.
fn read_again_verified(inner: &Rc<Inner>) {
    let unchecked = inner
        .state
        .file
        .head()
        .with_untracked(|h| h.ready().is_some_and(|h| h.verified == Verified::None));
    if unchecked {
        read_head(inner);
    }
}

/// A picture is read whole, unless it is here already.
fn read_picture(inner: &Rc<Inner>) {
    let file = inner.state.file;
    let head = file.head().with_untracked(|h| h.ready().cloned());
    let Some(head) = head else { return };
    if !matches!(head.sniff, Sniff::Picture(_)) || head.total > MAX_PICTURE {
        return;
    }
    if head.is_whole() {
        show_picture(inner, &head.bytes);
    } else if !file.is_reading(Purpose::Picture) {
        read(inner, Purpose::Picture, 0, MAX_PICTURE);
    }
}

fn show_picture(inner: &Inner, bytes: &[u8]) {
    let Sniff::Picture(mime) = crate::state::text::sniff(bytes) else {
        return;
    };
    let url = page::object_url(bytes, mime).map(std::sync::Arc::new);
    inner.state.file.set_picture(match url {
        Ok(url) => Load::Ready(url),
        Err(error) => Load::Failed(browser_problem(
            "PICTURE",
            "The picture cannot be shown",
            &error,
        )),
    });
}

pub(super) fn browser_problem(
    code: &str,
    title: &str,
    error: &crate::browser::error::BrowserError,
) -> Problem {
    Problem::new(
        code,
        title,
        error.to_string(),
        "Copy the command below to get the file to your disk.",
    )
}

/// The last part of the open file's path, raw; empty if there is none.
pub(super) fn entry_path_name(inner: &Inner) -> Vec<u8> {
    let entry = inner.state.file.entry().get_untracked();
    let name = entry.as_ref().and_then(|e| e.row.path.file_name());
    name.unwrap_or_default().to_vec()
}

impl Effects {
    /// The page looks at these rows of the list.
    pub fn look_at_rows(self, rows: Range<u32>) {
        self.with(|inner| {
            if let Some(ask) = inner.state.layer.set_window(rows) {
                post(inner, ask);
            }
        });
    }

    /// Reads the open layer whole, though its publisher's table of contents is here.
    pub fn read_whole_layer(self) {
        self.with(|inner| {
            reopen(inner, |source| LayerSource {
                whole: true,
                ..source
            });
        });
    }

    /// Makes the open layer's index again, by the setting of now.
    pub fn remake_index(self) {
        self.with(|inner| {
            let trade = inner.state.shell.trade().get_untracked();
            reopen(inner, |source| LayerSource {
                given: None,
                again: true,
                trade,
                ..source
            });
        });
    }

    /// Stops streaming; what is listed stays.
    pub fn cancel_layer(self) {
        self.with(|inner| {
            if let Some(job) = inner.state.layer.job() {
                inner.pool.cancel(job);
            }
        });
    }

    /// Goes on streaming where it was stopped.
    pub fn go_on_with_layer(self) {
        self.with(|inner| {
            if let Some(job) = inner.state.layer.job() {
                inner.pool.post(Request::GoOn { job });
            }
        });
    }

    /// Reads what follows in a text.
    pub fn more_text(self) {
        self.with(|inner| {
            let file = inner.state.file;
            let have = file
                .head()
                .with_untracked(|h| h.ready().map(|h| h.bytes.len() as u64));
            if let Some(have) = have.filter(|_| !file.is_reading(Purpose::More)) {
                read(inner, Purpose::More, have, TEXT_BYTES);
            }
        });
    }

    /// Reads the pages of the hex view in which these bytes of the file are.
    pub fn look_at_bytes(self, bytes: Range<u64>) {
        self.with(|inner| {
            let file = inner.state.file;
            let whole = file
                .head()
                .with_untracked(|h| h.ready().is_none_or(crate::state::file::Head::is_whole));
            if whole {
                return;
            }
            for number in bytes.start / HEX_PAGE..bytes.end.div_ceil(HEX_PAGE) {
                let here = file.pages().with_untracked(|p| p.contains_key(&number));
                let in_head = (number + 1) * HEX_PAGE <= HEAD_BYTES;
                if !here && !in_head && !file.is_reading(Purpose::Page(number)) {
                    read(inner, Purpose::Page(number), number * HEX_PAGE, HEX_PAGE);
                }
            }
        });
    }
}
