//! Dealing with the page that frames this one. In the second part of the program.

use std::rc::Rc;

use layerscope_core::app_config::AppConfig;
use layerscope_core::embed::{DENIED, Embed, Reaction, Selection, Told, Wish};
use layerscope_core::job::{Found, Row, RowKind};
use layerscope_core::path::EntryPath;
use layerscope_core::registry::client::Credentials;
use layerscope_core::registry::docker_config::IDENTITY_USER;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Inner, local};
use crate::browser::{embed, location, page};
use crate::state::State;
use crate::state::local::Local;

/// Listens to the parent window, if there is one; only the first call does something.
pub(super) fn begin(inner: &Rc<Inner>) {
    if !page::is_framed() || inner.listens.replace(true) {
        return;
    }
    embed::keep_links_inside();
    let inner = inner.clone();
    spawn_local(async move {
        let mut allowed = vec![embed::own_origin()];
        let (config, _) = page::early_config().await;
        // One that cannot be read names nobody; that it cannot is told elsewhere.
        let config = AppConfig::parse(&config).unwrap_or_default();
        allowed.extend(config.embed_origins);
        inner.embed.replace(Some(Embed::new(allowed)));
        let hearing = Rc::downgrade(&inner);
        embed::listen(move |heard, content| {
            let Some(inner) = hearing.upgrade() else {
                return;
            };
            let origin = heard.origin.clone();
            let reaction = match inner.embed.borrow_mut().as_mut() {
                Some(dealings) => dealings.hear(heard),
                None => Reaction::Ignore,
            };
            match reaction {
                Reaction::Ignore => {}
                Reaction::Deny(origin) => embed::tell(&origin, DENIED),
                Reaction::Welcome => {
                    let build = page::build_id();
                    tell(&inner, &Told::Welcome { build });
                    tell_present(&inner);
                }
                Reaction::Refuse(id, problem) => tell(&inner, &Told::Failed { id, problem }),
                Reaction::Do(id, wish) => {
                    let inner = inner.clone();
                    spawn_local(async move {
                        let told = match (act(&inner, wish, content).await, id) {
                            (Ok(()), Some(id)) => Told::Done { id },
                            (Ok(()), None) => return,
                            (Err(problem), id) => Told::Failed { id, problem },
                        };
                        // To whoever asked, also if another has greeted meanwhile.
                        embed::tell(&origin, &told.to_json());
                    });
                }
            }
        });
        follow(&inner);
    });
}

fn tell(inner: &Inner, told: &Told) {
    let embed = inner.embed.borrow();
    if let Some(host) = embed.as_ref().and_then(Embed::host) {
        embed::tell(host, &told.to_json());
    }
}

async fn act(inner: &Rc<Inner>, wish: Wish, content: embed::Content) -> Result<(), Problem> {
    match wish {
        Wish::Open(route) => location::navigate(&route.fragment()),
        Wish::Content { name } => {
            local::open_content(inner, &name, content).await?;
        }
        Wish::Credential {
            registry,
            username,
            secret,
        } => {
            let username = username.unwrap_or_else(|| IDENTITY_USER.to_owned());
            let credentials = Credentials::typed(username, secret);
            inner.client.set_credentials(&registry, Some(credentials));
            let access = super::login::access(inner, &registry);
            inner.pool.set_access(&registry, &access);
        }
    }
    Ok(())
}

/// Tells what happens, for the life of the page.
fn follow(inner: &Rc<Inner>) {
    let state = inner.state;
    let tells = |told: Memo<Option<Told>>| {
        // The page and the effects live equally long.
        let inner = inner.clone();
        Effect::new(move |_| {
            if let Some(told) = told.get() {
                tell(&inner, &told);
            }
        });
    };
    // One after the other, as they are told to whoever comes late.
    tells(Memo::new(move |_| place(state)));
    tells(Memo::new(move |_| selection(state).map(Told::Selected)));
    tells(Memo::new(move |_| file(state).map(Told::File)));
    let heights = Rc::downgrade(inner);
    page::on_height(move || {
        if let Some(inner) = heights.upgrade() {
            let px = embed::height();
            tell(&inner, &Told::Height { px });
        }
    });
}

/// Tells a host that has just greeted what happened before.
fn tell_present(inner: &Inner) {
    let state = inner.state;
    let px = embed::height();
    let present = untrack(|| {
        [
            place(state),
            selection(state).map(Told::Selected),
            file(state).map(Told::File),
            Some(Told::Height { px }),
        ]
    });
    for told in present.iter().flatten() {
        tell(inner, told);
    }
}

/// What the present place has come to; none while it is loading.
fn place(state: State) -> Option<Told> {
    let place = state.shell.place().get();
    let route = format!("#{}", place.fragment);
    let status = super::status::of(state, &place.route);
    if status == super::status::READY {
        let title = untrack(|| super::status::title(state, &place.route));
        return Some(Told::Navigated { route, title });
    }
    (status == super::status::ERROR).then(|| {
        let problem = problem(state)
            .unwrap_or_else(|| Problem::new("FAILED", "The page could not be shown", "", ""));
        Told::Error { route, problem }
    })
}

/// The file that is open, once its first bytes are here.
fn file(state: State) -> Option<Selection> {
    let size = state.file.head().with(|h| h.ready().map(|h| h.total));
    let selection = selection(state).filter(|s| s.kind == "file")?;
    Some(Selection {
        size: Some(size?),
        ..selection
    })
}

/// What the present page failed for.
fn problem(state: State) -> Option<Problem> {
    untrack(|| {
        let image = state.image.top().with(|t| t.problem().cloned());
        let manifest = || state.image.manifest().with(|m| m.problem().cloned());
        let layer = || state.layer.progress().with(|p| p.problem.clone());
        let file = || state.file.head().with(|h| h.problem().cloned());
        let repo = || state.repo.names().with(|n| n.problem.clone());
        let blob = || state.blob.bytes().with(|b| b.problem().cloned());
        let route = state.shell.place().with(|p| p.route.clone());
        if let Some(Local::Failed(problem)) = route.local_id().and_then(|id| state.local.get(id)) {
            return Some(problem);
        }
        match route {
            Route::Image { .. } | Route::Referrers { .. } => image.or_else(manifest),
            Route::Fs { .. } | Route::Layers { .. } | Route::Size { .. } | Route::Sizes { .. } => {
                layer().or_else(file)
            }
            Route::Repo { .. } | Route::Namespace { .. } => repo(),
            Route::Blob { .. } => blob(),
            _ => None,
        }
    })
}

/// What is looked at: the row under the keyboard's cursor, else what the route names.
fn selection(state: State) -> Option<Selection> {
    let route = state.shell.place().with(|p| p.route.clone());
    let of = |kind: &str, digest: String| {
        route.repository().map(|repository| Selection {
            kind: kind.to_owned(),
            repository: repository.to_string(),
            digest,
            route: route.href(),
            ..Selection::default()
        })
    };
    match &route {
        Route::Image { .. } => {
            let digest = state
                .image
                .manifest()
                .with(|m| m.ready().map(|f| f.digest.to_string()))?;
            of("image", digest)
        }
        Route::Blob { digest, .. } => of("blob", digest.to_string()),
        Route::Fs { digest, .. } | Route::Layers { digest, .. } => {
            let active = state.layer.active().get();
            let row = active.and_then(|at| state.layer.list().with(|l| l.row(at).cloned()));
            let (path, row) = match row {
                Some(row) => (row.path.clone(), Some((*row).clone())),
                None => named(state)?,
            };
            // Of a root file system the layer that the entry is from; of a directory that no layer
            // has an entry for, and of an archive inside, the image.
            let layer = row.as_ref().and_then(|row| state.layer.layer_of(row));
            let digest = layer.unwrap_or_else(|| digest.clone());
            let kind = row.as_ref().map_or("directory", |row| kind(row.kind));
            let mut to = route.clone();
            to.set_shown_path(path.clone());
            Some(Selection {
                path: path.normalised().encode(),
                size: row.map(|row| row.size).filter(|_| kind == "file"),
                route: to.href(),
                ..of(kind, digest.to_string())?
            })
        }
        _ => None,
    }
}

/// What the route's path is, once that is known, and the row of it if it has one.
fn named(state: State) -> Option<(EntryPath, Option<Row>)> {
    state.layer.look().with(|look| {
        let path = look.spec.at.clone();
        match &look.info.as_ref()?.found {
            Found::Directory { row } => Some((path, row.clone())),
            Found::Entry { row, .. } => Some((path, Some(row.clone()))),
            Found::Missing { .. } => None,
        }
    })
}

fn kind(kind: RowKind) -> &'static str {
    match kind {
        RowKind::File => "file",
        RowKind::Dir => "directory",
        RowKind::Symlink | RowKind::Hardlink => "link",
        _ => "other",
    }
}
