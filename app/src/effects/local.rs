//! Opening what people have on disk. In the part of the program with the other pages, but for what takes a drop.

use std::rc::Rc;
use std::sync::Arc;

use layerscope_core::job::LayerSource;
use layerscope_core::local::{self, LocalError, Opened, SCHEME};
use layerscope_core::path::EntryPath;
use layerscope_core::reference::{ManifestRef, Registry, Repository};
use layerscope_core::route::Route;
use layerscope_core::view::problem::Problem;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Effects, Inner, Key};
use crate::browser::chosen::{self, Chosen};
use crate::browser::drop::Dropped;
use crate::browser::error::BrowserError;
use crate::browser::{embed, local as answers, location, prefs};
use crate::pages::Needs;
use crate::state::local::Local;

impl Effects {
    /// Opens what was dropped or chosen.
    pub fn open_files(self, dropped: Dropped) {
        self.with(|inner| inner.take_files(dropped));
    }

    /// Opens again what the browser remembers, in an event of the user's, who may be asked.
    pub fn open_remembered(self, id: String) {
        self.with(|inner| again(inner, id, true));
    }
}

impl Inner {
    /// Something was dropped: it waits for the other pages' part of the program, if that is not here.
    pub(super) fn take_files(self: &Rc<Self>, dropped: Dropped) {
        if dropped.is_empty() {
            return;
        }
        // It has none while the browser's dialog is open.
        self.state
            .local
            .set_busy(Some(dropped.name()).filter(|name| !name.is_empty()));
        match self.other_pages() {
            Some(others) => others.open_files(self, dropped),
            None => {
                self.dropped.replace(Some(dropped));
                self.fetch(self.claim(Needs::Others));
            }
        }
    }
}

/// Opens what was dropped, and goes there.
pub(crate) fn open(inner: &Rc<Inner>, dropped: Dropped) {
    let inner = inner.clone();
    spawn_local(async move {
        let dropped = match dropped.settled().await {
            Err(error) if error.is_abort() => return, // nothing was chosen
            other => other,
        };
        let opened = match dropped {
            Ok(dropped) => {
                inner.state.local.set_busy(Some(dropped.name()));
                look_into(&inner, Chosen::of(dropped).await).await
            }
            Err(error) => look_into(&inner, Err(error)).await,
        };
        inner.state.local.set_busy(None);
        match opened {
            Ok(opened) => {
                let route = inner.state.shell.route_now();
                // An address that leads into it, and waited for it: stay there.
                if route.local_id() == Some(&opened.id) {
                    arrive(&inner, &route);
                } else {
                    location::navigate(&first_route(&opened).fragment());
                }
            }
            Err(problem) => inner.state.shell.notify(problem),
        }
    });
}

/// Opens bytes or a file that the page around this one hands over, and goes there.
pub(super) async fn open_content(
    inner: &Inner,
    name: &str,
    content: embed::Content,
) -> Result<(), Problem> {
    let opened = look_into(inner, Chosen::of_content(name, content).await).await?;
    location::navigate(&first_route(&opened).fragment());
    Ok(())
}

/// Looks into chosen files and answers for them from now on.
async fn look_into(
    inner: &Inner,
    chosen: Result<Chosen, BrowserError>,
) -> Result<Arc<Opened>, Problem> {
    let chosen = chosen.map_err(|error| {
        let (name, detail) = ("what was chosen".to_owned(), error.to_string());
        Problem::from(&LocalError::Unreadable { name, detail })
    })?;
    let opened = local::open(&chosen).await.map_err(|e| Problem::from(&e))?;
    let opened = Arc::new(opened);
    let id = opened.id.clone();
    // Its name, length and time are the same; what is in it may not be.
    if let Some(repository) = opened.repository() {
        inner.pool.end_all(&repository);
    }
    hold(inner, &id);
    // Storage that is refused costs a reload its convenience; nothing else.
    if matches!(chosen.remember(&id).await, Ok(true)) {
        prefs::add_local(&id, &opened.name);
        inner.state.local.set_remembered(prefs::locals());
    }
    let found = opened.clone();
    answers::answer(format!("{SCHEME}{id}/"), move |url| {
        chosen.find(&found, url)
    });
    inner.state.local.set(&id, Local::Open(opened.clone()));
    Ok(opened)
}

/// Things that are open at once. Of those on disk it is their list; what was handed over is held in
/// memory, and a page around this one may hand over as often as it likes.
const MAX_HELD: usize = 8;

/// Holds one more; of too many the oldest is given up, but for what is shown.
fn hold(inner: &Inner, id: &str) {
    let shown = inner.state.shell.place();
    let shown = shown.with_untracked(|p| p.route.local_id().map(str::to_owned));
    let mut held = inner.held.borrow_mut();
    held.retain(|other| other != id);
    held.push_back(id.to_owned());
    let oldest = held.iter().position(|other| Some(other) != shown.as_ref());
    if held.len() > MAX_HELD
        && let Some(oldest) = oldest.and_then(|at| held.remove(at))
    {
        answers::forget(&format!("{SCHEME}{oldest}/"));
        inner.state.local.remove(&oldest);
        if let Ok(repository) = Repository::new(Registry::local(), &oldest) {
            inner.pool.end_all(&repository);
        }
    }
}

/// What a reader wants to see first: the image or archive, if there is one alone.
fn first_route(opened: &Opened) -> Route {
    let list = Route::Local {
        id: opened.id.clone(),
    };
    let Some(repository) = opened.repository() else {
        return list;
    };
    match (opened.images.as_slice(), opened.archives.as_slice()) {
        ([image], []) => {
            let by = ManifestRef::Digest(image.digest.clone());
            Route::image(repository.reference(by))
        }
        ([], [archive]) => archive_route(opened, archive).unwrap_or(list),
        _ => list,
    }
}

/// Where an archive is looked into.
pub fn archive_route(opened: &Opened, archive: &local::Archive) -> Option<Route> {
    let (repository, digest) = (opened.repository()?, archive.digest.clone());
    Some(match archive.folder {
        true => {
            let file = EntryPath::from(archive.name.as_bytes().to_vec());
            Route::fs(repository, digest, file).into_archive()
        }
        false => Route::fs(repository, digest, EntryPath::ROOT),
    })
}

/// Whether the route's file is open. If not, it is looked for among those that are remembered.
pub(crate) fn is_here(inner: &Rc<Inner>, route: &Route) -> bool {
    let Some(id) = route.local_id() else {
        return true;
    };
    let state = inner.state.local;
    match untrack(|| state.get(id)) {
        Some(Local::Open(_)) => true,
        Some(Local::Opening) => false,
        _ => {
            again(inner, id.to_owned(), false);
            false
        }
    }
}

/// Opens something again by what the browser keeps of it.
fn again(inner: &Rc<Inner>, id: String, ask_user: bool) {
    let inner = inner.clone();
    inner.state.local.set(&id, Local::Opening);
    spawn_local(async move {
        let local = match reopen(&inner, &id, ask_user).await {
            Ok(local) => local,
            Err(problem) => Local::Failed(problem),
        };
        let open = matches!(local, Local::Open(_));
        inner.state.local.set(&id, local);
        let route = inner.state.shell.route_now();
        if open && route.local_id() == Some(&id) {
            arrive(&inner, &route);
        }
    });
}

/// What the route is about is open now: its loads begin.
fn arrive(inner: &Rc<Inner>, route: &Route) {
    *inner.key.borrow_mut() = Key::Nothing;
    inner.load(route);
}

async fn reopen(inner: &Inner, id: &str, ask_user: bool) -> Result<Local, Problem> {
    let missing = |cause: &str| {
        Problem::new(
            "LOCAL_CLOSED",
            "This file is not open",
            cause,
            "Drop it here, or choose it on the start page: the address then leads to the same place again.",
        )
    };
    let none = "the address speaks of a file on the computer on which it was opened; only there can it be opened again";
    // Storage that is refused is like one that has nothing.
    let Some(handles) = chosen::remembered(id).await.ok().flatten() else {
        return Err(missing(none));
    };
    if !chosen::may_read(&handles, ask_user).await {
        return Ok(Local::Ask(chosen::name_of(&handles)));
    }
    let opened = look_into(inner, Chosen::of_handles(&handles).await).await?;
    match opened.id == id {
        true => Ok(Local::Open(opened)),
        false => Err(missing("the file was changed since this address was made")),
    }
}

/// What is known of a layer on disk.
pub(super) fn describe(inner: &Inner, source: &mut LayerSource) {
    let Some(id) = source.repository.local_id() else {
        return;
    };
    let Some(opened) = inner.state.local.opened_untracked(id) else {
        return;
    };
    source.unnamed = opened.is_unnamed(&source.digest);
    source.size = opened.piece(&source.digest).map(|piece| piece.len);
    let archives = opened.archives.iter();
    if let Some(archive) = archives.into_iter().find(|a| a.digest == source.digest) {
        let key = "org.opencontainers.image.title".to_owned();
        source.annotations.push((key, archive.name.clone()));
    }
}
