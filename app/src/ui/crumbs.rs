//! The trail: registry, repository, image, layer, path.

use layerscope_core::digest::Digest;
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::reference::{ManifestRef, Registry, Repository};
use layerscope_core::route::Route;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::app;
use crate::state::shell::Origin;

#[derive(Debug, Clone, PartialEq)]
struct Crumb {
    text: String,
    /// None for where we are.
    href: Option<String>,
    /// A step of another kind than the one before it: registry, image, layer.
    kind: bool,
}

/// The trail of the present route; empty on pages that are nowhere.
#[component]
pub fn Crumbs() -> impl IntoView {
    let app = app();
    let route = app.route();
    let origin = app.state.shell.origin();
    let crumbs = Memo::new(move |_| {
        route.with(|r| {
            let trail = origin.with(|o| trail(r, o.as_ref()));
            match r.local_id() {
                Some(id) => {
                    let local = app.state.local;
                    // Before it is open nobody knows.
                    let unnamed = !local.is_open(id)
                        || matches!(r, Route::Fs { digest, .. } if local.is_unnamed(id, digest));
                    on_disk(trail, id, local.name(id), unnamed)
                }
                None => trail,
            }
        })
    });
    view! {
        <When when=move || crumbs.with(|c| !c.is_empty())>
            <nav class="crumbs" aria-label="Breadcrumbs">
                <ol>
                    {live(move || {
                        crumbs
                            .get()
                            .into_iter()
                            .map(|crumb| match crumb.href {
                                Some(href) => view! {
                                    <li class:kind=crumb.kind><a href=href><bdi>{crumb.text}</bdi></a></li>
                                }
                                .into_any(),
                                None => view! {
                                    <li class:kind=crumb.kind>
                                        <span aria-current="page"><bdi>{crumb.text}</bdi></span>
                                    </li>
                                }
                                .into_any(),
                            })
                            .collect_view()
                    })}
                </ol>
            </nav>
        </When>
    }
}

fn crumb(text: impl Into<String>, route: Option<&Route>, kind: bool) -> Crumb {
    Crumb {
        text: text.into(),
        href: route.map(Route::href),
        kind,
    }
}

fn registry(registry: &Registry) -> Crumb {
    let route = Route::Repo {
        registry: registry.clone(),
        repository: None,
    };
    crumb(registry.familiar(), Some(&route), false)
}

fn repository(repository: &Repository) -> Vec<Crumb> {
    let route = Route::repo(repository.clone());
    let here = crumb(repository.path(), Some(&route), true);
    vec![registry(repository.registry()), here]
}

/// What is on disk has no registry: the trail begins with the file.
fn on_disk(trail: Vec<Crumb>, id: &str, name: String, unnamed: bool) -> Vec<Crumb> {
    let all = Route::Local { id: id.to_owned() };
    let mut trail: Vec<Crumb> = trail.into_iter().skip(2).collect();
    // A digest that is only a name for the page says nothing to people.
    if let Some(layer) = trail
        .first_mut()
        .filter(|c| unnamed && c.text.starts_with("layer "))
    {
        layer.text = "contents".to_owned();
    }
    trail.insert(0, crumb(name, (!trail.is_empty()).then_some(&all), false));
    trail
}

fn last(mut trail: Vec<Crumb>) -> Vec<Crumb> {
    if let Some(last) = trail.last_mut() {
        last.href = None;
    }
    trail
}

fn trail(route: &Route, origin: Option<&Origin>) -> Vec<Crumb> {
    match route {
        Route::Repo {
            registry: r,
            repository: None,
        } => last(vec![registry(r)]),
        Route::Repo {
            repository: Some(r),
            ..
        } => last(repository(r)),
        Route::Namespace {
            registry: r,
            namespace,
        } => vec![registry(r), crumb(namespace.clone(), None, false)],
        Route::Image { reference, .. } => {
            let mut trail = repository(reference.repository());
            let name = match (reference.digest(), reference.tag()) {
                (Some(digest), _) => digest.short(),
                (None, Some(tag)) => tag.to_string(),
                (None, None) => String::new(),
            };
            trail.push(crumb(name, None, true));
            trail
        }
        Route::Referrers {
            repository: r,
            digest,
            ..
        } => {
            let mut trail = repository(r);
            trail.push(crumb(
                format!("referrers of {}", digest.short()),
                None,
                true,
            ));
            trail
        }
        Route::Compare { left, right, .. } => {
            let mut trail = repository(left.repository());
            let image = Route::image(left.clone());
            let name = left
                .tag()
                .map_or_else(|| "image".to_owned(), ToString::to_string);
            trail.push(crumb(name, Some(&image), true));
            let mut whole = route.clone();
            if let Route::Compare { path, .. } = &mut whole {
                let beside = format!("beside {}", right.familiar());
                let path = path.take();
                trail.push(crumb(beside, path.is_some().then_some(&whole), true));
                trail.extend(path.map(|path| crumb(path.display(), None, true)));
            }
            trail
        }
        Route::Blob {
            repository: r,
            digest,
            ..
        } => {
            let mut trail = from_origin(r, origin);
            trail.push(crumb(format!("blob {}", digest.short()), None, true));
            trail
        }
        Route::Size {
            repository: r,
            digest,
            path,
        }
        | Route::Sizes {
            repository: r,
            digest,
            path,
        } => {
            let mut trail = match route {
                Route::Size { .. } => {
                    let mut trail = from_origin(r, origin);
                    let to = Route::fs(r.clone(), digest.clone(), EntryPath::ROOT);
                    trail.push(crumb(layer_name(digest, origin), Some(&to), true));
                    trail
                }
                _ => of_image(r, digest, origin),
            };
            let at = |path: EntryPath| {
                let mut to = route.clone();
                if let Route::Size { path: at, .. } | Route::Sizes { path: at, .. } = &mut to {
                    *at = path;
                }
                to
            };
            trail.push(crumb("sizes", Some(&at(EntryPath::ROOT)), true));
            for (i, step) in path.ancestors().into_iter().enumerate() {
                let name = visible(step.file_name().unwrap_or_default());
                trail.push(crumb(name, Some(&at(step)), i == 0));
            }
            last(trail)
        }
        Route::Fs {
            repository: r,
            digest,
            path,
            inner,
            ..
        }
        | Route::Layers {
            repository: r,
            digest,
            path,
            inner,
            ..
        } => {
            let (mut trail, name, mut to) = match route {
                Route::Fs { .. } => (
                    from_origin(r, origin),
                    layer_name(digest, origin),
                    Route::fs(r.clone(), digest.clone(), EntryPath::ROOT),
                ),
                _ => (
                    of_image(r, digest, origin),
                    "root file system".to_owned(),
                    Route::layers(r.clone(), digest.clone(), EntryPath::ROOT),
                ),
            };
            trail.push(crumb(name, Some(&to), true));
            for (depth, path) in std::iter::once(path).chain(inner).enumerate() {
                if depth > 0 {
                    to = to.into_archive();
                    // The step before leads into the archive, not to its file.
                    if let Some(archive) = trail.last_mut() {
                        archive.href = Some(to.href());
                    }
                }
                for (i, step) in path.ancestors().into_iter().enumerate() {
                    let name = visible(step.file_name().unwrap_or_default());
                    to.set_shown_path(step);
                    trail.push(crumb(name, Some(&to), i == 0));
                }
            }
            last(trail)
        }
        _ => Vec::new(),
    }
}

fn layer_name(digest: &Digest, origin: Option<&Origin>) -> String {
    match origin.and_then(|o| o.layer.map(|l| (l, o.layers))) {
        Some((layer, layers)) => format!("layer {} of {layers}", layer + 1),
        None => format!("layer {}", digest.short()),
    }
}

/// To the image that a manifest's digest names, by its tag if it was come upon so.
fn of_image(of: &Repository, manifest: &Digest, origin: Option<&Origin>) -> Vec<Crumb> {
    if origin.is_some_and(|o| o.manifest == *manifest && o.reference.repository() == of) {
        return from_origin(of, origin);
    }
    let mut trail = repository(of);
    let by = ManifestRef::Digest(manifest.clone());
    let image = Route::image(of.reference(by));
    trail.push(crumb(manifest.short(), Some(&image), true));
    trail
}

fn from_origin(of: &Repository, origin: Option<&Origin>) -> Vec<Crumb> {
    let mut trail = repository(of);
    if let Some(origin) = origin.filter(|o| o.reference.repository() == of) {
        let reference = &origin.reference;
        let name = match (reference.tag(), reference.digest()) {
            (Some(tag), _) => tag.to_string(),
            (None, Some(digest)) => digest.short(),
            (None, None) => "image".to_owned(),
        };
        trail.push(crumb(name, Some(&origin.route), true));
    }
    trail
}
