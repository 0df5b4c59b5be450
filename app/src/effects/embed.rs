//! Dealing with the page that frames this one. In the second part of the program.

use std::rc::Rc;

use layerscope_core::app_config::{APP_CONFIG, AppConfig, MAX_APP_CONFIG_BYTES};
use layerscope_core::embed::{DENIED, Embed, Reaction, Selection, Told, Wish};
use layerscope_core::job::{Found, RowKind};
use layerscope_core::path::EntryPath;
use layerscope_core::port::{Body, Http, HttpRequest};
use layerscope_core::registry::client::Credentials;
use layerscope_core::registry::docker_config::IDENTITY_USER;
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Inner, local};
use crate::browser::fetch::FetchHttp;
use crate::browser::{embed, location, page};
use crate::state::State;

/// Listens to the parent window, if there is one; only the first call does something.
pub(super) fn begin(inner: &Rc<Inner>) {
    if !page::is_framed() || inner.listens.replace(true) {
        return;
    }
    embed::keep_links_inside();
    let inner = inner.clone();
    spawn_local(async move {
        let mut allowed = vec![embed::own_origin()];
        allowed.extend(config().await.embed_origins);
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
                    tell_place(&inner);
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

/// What whoever runs the app has set; nothing where it cannot be read.
async fn config() -> AppConfig {
    let read = async {
        let mut answer = FetchHttp.send(HttpRequest::get(APP_CONFIG)).await.ok()?;
        let mut bytes = Vec::new();
        while let Some(piece) = answer.body.next().await.ok()? {
            bytes.extend_from_slice(&piece);
            if bytes.len() as u64 > MAX_APP_CONFIG_BYTES {
                return None;
            }
        }
        (answer.status == 200).then(|| AppConfig::parse(&bytes).ok())?
    };
    read.await.unwrap_or_default()
}

fn tell(inner: &Inner, told: &Told) {
    let embed = inner.embed.borrow();
    if let Some(host) = embed.as_ref().and_then(Embed::host) {
        embed::tell(host, &told.to_json());
    }
}

async fn act(
    inner: &Rc<Inner>,
    wish: Wish,
    content: Option<embed::Content>,
) -> Result<(), Problem> {
    match wish {
        Wish::Open(route) => location::navigate(&route.fragment()),
        Wish::Content { name } => {
            if let Some(content) = content {
                local::open_content(inner, &name, content).await?;
            }
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
    // The page and the effects live equally long.
    let (places, selections, files, errors) =
        (inner.clone(), inner.clone(), inner.clone(), inner.clone());
    let settled = Memo::new(move |_| {
        let place = state.shell.place().get();
        (super::status::of(state, &place.route), place.fragment)
    });
    Effect::new(move |_| {
        let (status, fragment) = settled.get();
        if status == super::status::READY {
            tell_place(&places);
        } else if status == super::status::ERROR {
            let problem = problem(state)
                .unwrap_or_else(|| Problem::new("FAILED", "The page could not be shown", "", ""));
            let route = format!("#{fragment}");
            tell(&errors, &Told::Error { route, problem });
        }
    });
    let selected = Memo::new(move |_| selection(state));
    Effect::new(move |_| {
        if let Some(selection) = selected.get() {
            tell(&selections, &Told::Selected(selection));
        }
    });
    let file = Memo::new(move |_| {
        let here = state.file.head().with(|h| h.ready().map(|h| h.total));
        let selection = selection(state).filter(|s| s.kind == "file")?;
        here.map(|size| Selection {
            size: Some(size),
            ..selection
        })
    });
    Effect::new(move |_| {
        if let Some(selection) = file.get() {
            tell(&files, &Told::File(selection));
        }
    });
    let heights = Rc::downgrade(inner);
    page::on_height(move || {
        if let Some(inner) = heights.upgrade() {
            let px = embed::height();
            tell(&inner, &Told::Height { px });
        }
    });
}

fn tell_place(inner: &Inner) {
    let place = inner.state.shell.place();
    let (fragment, route) = place.with_untracked(|p| (p.fragment.clone(), p.route.clone()));
    let title = untrack(|| super::status::title(inner.state, &route));
    let route = format!("#{fragment}");
    tell(inner, &Told::Navigated { route, title });
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
        match state.shell.place().with(|p| p.route.clone()) {
            Route::Image { .. } | Route::Referrers { .. } => image.or_else(manifest),
            Route::Fs { .. } => layer().or_else(file),
            Route::Repo { .. } => repo(),
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
        Route::Fs { digest, .. } => {
            let active = state.layer.active().get();
            let row = active.and_then(|at| state.layer.list().with(|l| l.row(at).cloned()));
            let (path, kind, size) = match &row {
                Some(row) => (row.path.clone(), kind(row.kind), Some(row.size)),
                None => named(state)?,
            };
            let mut to = route.clone();
            to.set_shown_path(path.clone());
            Some(Selection {
                path: path.normalised().encode(),
                size: size.filter(|_| kind == "file"),
                route: to.href(),
                ..of(kind, digest.to_string())?
            })
        }
        _ => None,
    }
}

/// What the route's path is, once that is known.
fn named(state: State) -> Option<(EntryPath, &'static str, Option<u64>)> {
    state.layer.look().with(|look| {
        let path = look.spec.at.clone();
        match &look.info.as_ref()?.found {
            Found::Directory { .. } => Some((path, "directory", None)),
            Found::Entry { row, .. } => Some((path, kind(row.kind), Some(row.size))),
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
