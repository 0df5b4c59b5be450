//! Route to fragment: one spelling for each.

use super::{ImageDocument, ImageView, ListMode, Render, Route, Show};
use crate::compare::list::Only;
use crate::digest::Digest;
use crate::job::SortKey;
use crate::path::{EntryPath, encode_bytes};
use crate::reference::Repository;

/// Names in `?view=`.
pub(super) const VIEWS: [(&str, ImageView); 4] = [
    ("manifest", ImageView::Manifest),
    ("history", ImageView::History),
    ("waste", ImageView::Waste),
    ("packages", ImageView::Packages),
];

/// Names in `?doc=`.
pub(super) const DOCUMENTS: [(&str, ImageDocument); 3] = [
    ("manifest", ImageDocument::Manifest),
    ("index", ImageDocument::Index),
    ("config", ImageDocument::Config),
];

/// Names in `?render=`.
pub(super) const RENDERS: [(&str, Render); 5] = [
    ("text", Render::Text),
    ("hex", Render::Hex),
    ("image", Render::Image),
    ("json", Render::Json),
    ("details", Render::Details),
];

/// Names in `?show=` of a comparison.
pub(super) const ONLY: [(&str, Only); 5] = [
    ("all", Only::All),
    ("added", Only::Added),
    ("removed", Only::Removed),
    ("changed", Only::Changed),
    ("unread", Only::Unread),
];

/// Names in `?sort=`.
pub(super) const SORTS: [(&str, SortKey); 4] = [
    ("name", SortKey::Name),
    ("size", SortKey::Size),
    ("time", SortKey::Time),
    ("archive", SortKey::Archive),
];

fn name_of<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, v)| v == value);
    found.map_or("", |(name, _)| name)
}

/// A fragment in the making: the path, then its parameters.
struct Out {
    text: String,
    params: usize,
}

impl Out {
    fn new(text: String) -> Out {
        Out { text, params: 0 }
    }

    fn param(&mut self, name: &str, value: Option<impl ToString>) {
        let Some(value) = value else { return };
        self.text.push(if self.params == 0 { '?' } else { '&' });
        self.params += 1;
        self.text.push_str(name);
        self.text.push('=');
        let value = value.to_string();
        self.text.push_str(&encode_bytes(value.as_bytes(), true));
    }

    fn show(&mut self, show: &Show) {
        self.param("render", show.render.map(|r| name_of(&RENDERS, &r)));
        self.param("lines", show.lines);
        let flat = show.mode == ListMode::Flat;
        self.param("mode", flat.then_some("flat"));
        self.param("q", show.query.as_ref().filter(|q| !q.is_empty()));
        let sorted = show.sort != SortKey::Name;
        self.param("sort", sorted.then(|| name_of(&SORTS, &show.sort)));
        self.param("desc", show.descending.then_some("1"));
        self.param("hidden", show.hidden.then_some("1"));
    }
}

fn at(kind: &str, repository: &Repository, digest: &Digest) -> String {
    format!("/{kind}/{repository}@{digest}")
}

fn with_path(mut text: String, path: &EntryPath, inner: &[EntryPath]) -> String {
    text.push('/');
    text.push_str(&path.normalised().encode());
    for path in inner {
        text.push_str("!/");
        text.push_str(&path.normalised().encode());
    }
    text
}

fn with_optional_path(text: String, path: &EntryPath) -> String {
    match path.normalised().is_root() {
        true => text,
        false => with_path(text, path, &[]),
    }
}

pub(super) fn fragment(route: &Route) -> String {
    let out = match route {
        Route::Start => return "/".into(),
        Route::Settings => return "/settings".into(),
        Route::Help => return "/help".into(),
        Route::Invalid { fragment, .. } => return fragment.clone(),
        Route::Local { id } => return format!("/local/{id}/"),
        Route::Repo {
            registry,
            repository,
        } => {
            return match repository {
                Some(local) if local.registry().is_local() => format!("/local/{}/", local.path()),
                Some(repository) => format!("/repo/{repository}"),
                None => format!("/repo/{registry}"),
            };
        }
        Route::Namespace {
            registry,
            namespace,
        } => {
            let mut out = Out::new(format!("/repo/{registry}"));
            out.param("namespace", Some(namespace));
            out
        }
        Route::Image {
            reference,
            platform,
            view,
            document,
            filter,
        } => {
            let mut out = Out::new(format!("/image/{reference}"));
            out.param("platform", platform.as_ref());
            let other = *view != ImageView::Manifest;
            out.param("view", other.then(|| name_of(&VIEWS, view)));
            let other = *document != ImageDocument::Manifest;
            out.param("doc", other.then(|| name_of(&DOCUMENTS, document)));
            out.param("jq", filter.as_ref().filter(|f| !f.is_empty()));
            out
        }
        Route::Blob {
            repository,
            digest,
            media_type,
            render,
            lines,
            filter,
        } => {
            let mut out = Out::new(at("blob", repository, digest));
            out.param("mt", media_type.as_ref().filter(|t| !t.is_empty()));
            out.param("render", render.map(|r| name_of(&RENDERS, &r)));
            out.param("lines", *lines);
            out.param("jq", filter.as_ref().filter(|f| !f.is_empty()));
            out
        }
        Route::Referrers {
            repository,
            digest,
            artifact_type,
        } => {
            let mut out = Out::new(at("referrers", repository, digest));
            out.param(
                "artifactType",
                artifact_type.as_ref().filter(|t| !t.is_empty()),
            );
            out
        }
        Route::Fs {
            repository,
            digest,
            path,
            inner,
            entry,
            show,
        } => {
            let mut out = Out::new(with_path(at("fs", repository, digest), path, inner));
            out.param("entry", *entry);
            out.show(show);
            out
        }
        Route::Layers {
            repository,
            digest,
            path,
            inner,
            layer,
            show,
        } => {
            let mut out = Out::new(with_path(at("layers", repository, digest), path, inner));
            out.param("layer", layer.as_ref());
            out.show(show);
            out
        }
        Route::Size {
            repository,
            digest,
            path,
        } => Out::new(with_optional_path(at("size", repository, digest), path)),
        Route::Sizes {
            repository,
            digest,
            path,
        } => Out::new(with_optional_path(at("sizes", repository, digest), path)),
        Route::Compare {
            left,
            right,
            left_platform,
            right_platform,
            path,
            list,
        } => {
            let mut out = Out::new(format!("/compare/{left},{right}"));
            out.param("pa", left_platform.as_ref());
            out.param("pb", right_platform.as_ref());
            if let Some(path) = path {
                // Bytes, which a text parameter could not carry.
                out.param("path", Some(""));
                out.text.push_str(&path.normalised().encode());
            }
            let some = list.only != Only::All;
            out.param("show", some.then(|| name_of(&ONLY, &list.only)));
            out.param("q", Some(&list.query).filter(|q| !q.is_empty()));
            out.param("sort", list.by_growth.then_some("growth"));
            out
        }
        Route::Search {
            reference,
            platform,
            query,
        } => {
            let mut out = Out::new(format!("/search/{reference}"));
            out.param("platform", platform.as_ref());
            out.param("q", Some(query));
            out
        }
    };
    local(route, out.text)
}

/// What was opened from disk has addresses of its own: `/fs/<host>/<id>@<rest>` is
/// `/local/<id>/fs/<rest>`.
fn local(route: &Route, text: String) -> String {
    let shorter = || {
        let id = route.local_id()?;
        let (kind, rest) = text.strip_prefix('/')?.split_once('/')?;
        let repository = route.repository()?.to_string();
        let rest = rest.strip_prefix(&repository)?.strip_prefix('@')?;
        // Of two references the first alone would be so.
        let single = !matches!(route, Route::Compare { .. });
        single.then(|| format!("/local/{id}/{kind}/{rest}"))
    };
    shorter().unwrap_or(text)
}
