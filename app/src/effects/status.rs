//! What `<html data-state>` and the title say. They follow what is on the page, a turn later, so
//! that whoever sees `ready` finds it there.

use layerscope_core::job::{Found, Phase, RowKind};
use layerscope_core::rootfs::watch::is_in_vain;
use layerscope_core::route::{Render, Route};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser::{page, timer};
use crate::pages::Needs;
use crate::state::file::Head;
use crate::state::local::Local;
use crate::state::{Load, State};

const LOADING: &str = "loading";
pub(super) const READY: &str = "ready";
pub(super) const ERROR: &str = "error";

/// Follows the state for the life of the page.
pub(super) fn follow(state: State) {
    let status = Memo::new(move |_| {
        let place = state.shell.place().get();
        (of(state, &place.route), place)
    });
    Effect::new(move |_| {
        let (status, place) = status.get();
        page::set_title(&title(state, &place.route));
        if status == LOADING {
            return; // said when the place was entered, or soon left
        }
        spawn_local(async move {
            timer::yield_now().await;
            // Not if something else was opened meanwhile.
            if state.shell.epoch() == place.epoch {
                page::set_document_state(status, &place.fragment);
            }
        });
    });
}

/// Sets a mark after what was just set has been put on the page.
pub(super) fn mark_when_shown(name: &'static str) {
    spawn_local(async move {
        timer::yield_now().await;
        page::mark(name);
    });
}

fn load<T>(load: &Load<T>) -> &'static str {
    match load {
        Load::Idle | Load::Loading => LOADING,
        Load::Ready(_) => READY,
        Load::Failed(_) => ERROR,
    }
}

pub(super) fn of(state: State, route: &Route) -> &'static str {
    let part = match Needs::of(route) {
        Needs::First => READY,
        Needs::Layer => state.shell.layer_page().with(load),
        Needs::Others => state.shell.other_pages().with(load),
    };
    if part != READY {
        return part;
    }
    if let Some(id) = route.local_id() {
        match state.local.get(id) {
            Some(Local::Open(_)) => {}
            None | Some(Local::Opening) => return LOADING,
            Some(Local::Ask(_) | Local::Failed(_)) => return ERROR,
        }
    }
    match route {
        Route::Start | Route::Help | Route::Local { .. } => READY,
        Route::Settings => state.cache.kept().with(load),
        Route::Repo { .. } | Route::Namespace { .. } => {
            state.repo.names().with(|n| match (&n.problem, n.pages) {
                (Some(_), _) => ERROR,
                (None, 0) => LOADING,
                (None, _) => READY,
            })
        }
        Route::Image { .. } => match state.image.top().with(load) {
            READY => state.image.manifest().with(|m| match m {
                Load::Idle => READY, // an index with nothing to choose
                other => load(other),
            }),
            other => other,
        },
        Route::Referrers { digest, .. } => match state.image.top().with(load) {
            READY => state.image.referrers().with(|t| match t.grown(digest) {
                None => LOADING,
                Some(attached) if attached.is_failure() => ERROR,
                Some(_) => READY,
            }),
            other => other,
        },
        Route::Blob { render, .. } => match state.blob.bytes().with(load) {
            READY => view(state, *render),
            other => other,
        },
        Route::Fs { show, .. } | Route::Layers { show, .. } => match layer(state) {
            READY => view(state, show.render),
            other => other,
        },
        Route::Compare { path, .. } => compare(state, path.is_some()),
        Route::Size { .. } | Route::Sizes { .. } => {
            let (failed, in_vain) = state
                .layer
                .progress()
                .with(|p| (p.phase == Phase::Failed, is_in_vain(p)));
            match state.root.sizes().with(Option::is_some) {
                _ if failed => ERROR,
                here if here || in_vain => READY,
                _ => LOADING,
            }
        }
        _ => ERROR,
    }
}

fn layer(state: State) -> &'static str {
    let failed = state.layer.progress().with(|p| p.phase == Phase::Failed);
    let found = state
        .layer
        .look()
        .with(|l| l.info.as_ref().map(|i| (kind(&i.found), i.complete)));
    match found {
        _ if failed => ERROR,
        None => LOADING,
        Some((Named::Directory, complete)) => {
            let here = state.layer.list().with(|l| l.has_rows());
            let empty = state
                .layer
                .list()
                .with(|l| l.info.is_some() && l.total() == 0);
            match here || (empty && complete) {
                true => READY,
                false => LOADING,
            }
        }
        // Not by the job's phase: that may be told before what its last entries changed here.
        Some((Named::Nothing, complete)) => match complete {
            true => ERROR,
            false => LOADING,
        },
        Some((Named::Content, _)) => match state.file.head().with(load) {
            READY => picture(state),
            other => other,
        },
        Some((Named::Facts, _)) => READY,
    }
}

/// Two images: both manifests; with a path its contents.
fn compare(state: State, with_path: bool) -> &'static str {
    use crate::state::compare::Which;
    let mut both = Vec::new();
    for which in Which::BOTH {
        state.compare.side(which).with(|side| {
            let manifest = side.manifest.ready().map(|m| m.digest.clone());
            both.push((side.problem().is_some(), manifest));
        });
    }
    match &both[..] {
        [(true, _), _] | [_, (true, _)] => return ERROR,
        [(_, Some(left)), (_, Some(right))] if left == right || !with_path => return READY,
        [(_, Some(_)), (_, Some(_))] => {}
        _ => return LOADING,
    }
    let failed = Which::BOTH.into_iter().any(|which| {
        let no_root = state.compare.side(which).with(|s| s.no_root.is_some());
        no_root
            || state
                .compare
                .progress(which)
                .with(|p| p.phase == Phase::Failed)
    });
    match failed {
        true => ERROR,
        false => state
            .compare
            .file()
            .with(|f| f.as_ref().map_or(LOADING, |f| load(&f.outcome))),
    }
}

/// A file as what it is, where that is wanted and it has such a view.
fn view(state: State, render: Option<Render>) -> &'static str {
    if !matches!(render, None | Some(Render::Details)) {
        return READY;
    }
    let drawn = state.viewer.patches(|p| !p.is_empty());
    state.viewer.kind(|kind| match kind {
        Load::Loading => LOADING,
        Load::Ready(Some(_)) if !drawn => LOADING,
        _ => READY,
    })
}

/// A picture is there once it can be painted.
fn picture(state: State) -> &'static str {
    use crate::state::text::Sniff;
    let pictured = |h: &Load<Head>| {
        h.ready().is_some_and(|h| {
            matches!(h.sniff, Sniff::Picture(_)) && h.total <= crate::state::file::MAX_PICTURE
        })
    };
    match state.file.head().with(pictured) {
        true => state.file.picture().with(load),
        false => READY,
    }
}

enum Named {
    Directory,
    Content,
    Facts,
    Nothing,
}

fn kind(found: &Found) -> Named {
    match found {
        Found::Directory { .. } => Named::Directory,
        Found::Missing { .. } => Named::Nothing,
        Found::Entry { row, target, .. } => match row.kind {
            RowKind::File => Named::Content,
            RowKind::Hardlink if target.as_ref().is_some_and(|t| t.row().is_some()) => {
                Named::Content
            }
            _ => Named::Facts,
        },
    }
}

pub(super) fn title(state: State, route: &Route) -> String {
    let what = match route {
        Route::Start => return "Layerscope".to_owned(),
        Route::Repo {
            registry,
            repository,
        } => match repository {
            Some(r) => r.familiar(),
            None => registry.familiar().to_owned(),
        },
        Route::Namespace { namespace, .. } => format!("{namespace} on Docker Hub"),
        Route::Local { id } => state.local.name(id),
        Route::Image { reference, .. } | Route::Search { reference, .. } => {
            match reference.repository().local_id() {
                Some(id) => state.local.name(id),
                None => reference.familiar(),
            }
        }
        Route::Fs { path, inner, .. } | Route::Layers { path, inner, .. } => {
            // In an archive's top directory, the archive's name.
            let mut paths = std::iter::once(path).chain(inner);
            let path = paths.rfind(|p| !p.is_root()).unwrap_or(path);
            match path.file_name() {
                Some(name) => layerscope_core::path::visible(name),
                None => match route {
                    Route::Fs { digest, .. } => format!("Layer {}", digest.short()),
                    _ => "Root file system".to_owned(),
                },
            }
        }
        Route::Size { digest, .. } | Route::Sizes { digest, .. } => {
            format!("Sizes of {}", digest.short())
        }
        Route::Blob { digest, .. } => format!("Blob {}", digest.short()),
        Route::Referrers { digest, .. } => format!("Referrers of {}", digest.short()),
        Route::Compare { left, right, .. } => {
            format!("{} and {}", left.familiar(), right.familiar())
        }
        Route::Settings => "Settings".to_owned(),
        Route::Help => "Help".to_owned(),
        Route::Invalid { .. } => "Nothing here".to_owned(),
    };
    format!("{what} · Layerscope")
}
