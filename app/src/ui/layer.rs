//! A layer: its list, and beside it the file that is open.

mod root;

use layerscope_core::digest::Digest;
use layerscope_core::job::{Found, Phase};
use layerscope_core::layer_index::Compression;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Repository;
use layerscope_core::route::{ListMode, Route};
use layerscope_core::view::command::{self, TarFilter};
use layerscope_core::view::compression;
use layerscope_core::view::human;
use layerscope_core::view::problem::Problem;
use leptos::html;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::widget::command::Commands;
use super::widget::copy::CopyButton;
use super::widget::exchange::IndexExchange;
use super::widget::listing::{Listing, is_root, place};
use super::widget::problem::ProblemPanel;
use super::widget::progress::LayerProgress;
use super::widget::refocus;
use super::{App, app, file};
use crate::browser::page;
use crate::state::State;
use root::RootTools;

/// What the layer is, by the route.
fn layer_of(route: &Route) -> Option<(Repository, Digest, EntryPath)> {
    match route {
        Route::Fs {
            repository, digest, ..
        } => {
            let path = route.shown_path()?;
            Some((repository.clone(), digest.clone(), path.clone()))
        }
        Route::Layers {
            repository, digest, ..
        } => {
            let path = route.shown_path()?;
            Some((repository.clone(), digest.clone(), path.clone()))
        }
        _ => None,
    }
}

/// The file that is open as a folder, in whose top directory the route is.
fn archive_name(route: &Route) -> Option<String> {
    let (Route::Fs { path, inner, .. } | Route::Layers { path, inner, .. }) = route else {
        return None;
    };
    let mut paths = std::iter::once(path).chain(inner);
    paths.rfind(|p| !p.is_root()).map(EntryPath::display)
}

/// What is shown is in an archive in the layer.
pub fn is_inside(state: State) -> bool {
    let opened = state.layer.opened();
    opened.with(|o| o.as_ref().is_some_and(|o| o.depth > 0))
}

/// What is shown is in the root file system of an image, or in an archive in that.
pub fn is_of_root(route: &Route) -> bool {
    matches!(route, Route::Layers { .. })
}

/// The bytes are of a file that nobody has given a digest.
fn is_unnamed(state: State) -> bool {
    let opened = state.layer.opened();
    opened.with(|o| o.as_ref().is_some_and(|o| o.source.unnamed))
}

fn media_type(state: State) -> Option<String> {
    let opened = state.layer.opened();
    opened.with(|o| {
        let o = o.as_ref().filter(|o| !o.is_root())?;
        o.source.media_type.clone()
    })
}

/// How tar is to unpack the layer.
pub fn tar_filter(state: State) -> TarFilter {
    let bytes = state.layer.progress().with(|p| p.compression);
    compression::tar_filter(media_type(state).as_deref(), bytes)
}

/// How the blob is compressed, if it is no archive but one file.
pub fn bare(state: State) -> Option<Compression> {
    let progress = state.layer.progress();
    progress.with(|p| p.bare.then(|| p.compression.unwrap_or(Compression::None)))
}

/// What is told where the manifest is wrong about the compression.
fn disagreement(state: State) -> Option<String> {
    let bytes = state.layer.progress().with(|p| p.compression)?;
    compression::disagreement(&media_type(state)?, bytes)
}

/// The page.
#[component]
pub fn Layer() -> impl IntoView {
    let app = app();
    let state = app.state;
    let route = app.route();
    let layer = Memo::new(move |_| layer_of(&route.get()));
    let with_file = Memo::new(move |_| state.file.entry().with(Option::is_some));
    // A file is closed: back to its row.
    Effect::new(move |before: Option<bool>| {
        let now = with_file.get();
        if before == Some(true) && !now {
            refocus(vec![LISTING.to_owned()]);
        }
        now
    });
    let problem = Memo::new(move |_| state.layer.progress().with(|p| p.problem.clone()));
    let listed = Memo::new(move |_| {
        state.layer.list().with(|l| l.info.is_some()) && missing(state).is_none()
    });
    let commands = Signal::derive(move || {
        layer.with(|l| {
            l.as_ref()
                .map_or(Vec::new(), |(repository, digest, _)| match bare(state) {
                    _ if is_inside(state) || route.with(is_of_root) => Vec::new(),
                    Some(_) => command::blob(repository, digest),
                    None => command::layer(repository, digest, tar_filter(state)),
                })
        })
    });
    view! {
        <div class="pane">
            <Head/>
            <LayerProgress/>
            {live(move || problem.get().map(|problem| {
                let (rows, can_go_on) =
                    state.layer.progress().with_untracked(|p| (p.entries > 0, p.can_go_on));
                let note = match rows {
                    true if route.with_untracked(is_of_root) => "What is listed below is of the layers before it.",
                    true => "What was read before stays listed below, unverified.",
                    false => "",
                };
                match can_go_on && !is_inside(state) {
                    true => {
                        let again = Callback::new(move |()| app.effects.go_on_with_layer());
                        view! { <ProblemPanel problem=problem note=note again=again/> }.into_any()
                    }
                    false => view! { <ProblemPanel problem=problem note=note/> }.into_any(),
                }
            }))}
            {live(move || disagreement(state).map(|note| view! { <p class="problem mild small">{note}</p> }))}
            {live(move || bare(state).map(|c| view! { <p class="small" data-bare=c.name()>{compression::one_file(c, is_inside(state))}</p> }))}
            {live(move || missing(state).map(|nearest| view! { <Missing nearest=nearest/> }))}
            <div class="panes" class:with-file=move || with_file.get()>
                <div class="pane list-pane" hidden=move || !listed.get()>
                    <Tools/>
                    <When when=move || is_root(app)>
                        <RootTools/>
                    </When>
                    <Listing/>
                    <Tally/>
                    <When when=move || !with_file.get()>
                        <Commands commands=commands/>
                    </When>
                    <When when=move || {
                        !with_file.get() && !is_inside(state) && !route.with(is_of_root) && !is_unnamed(state)
                    }>
                        <IndexExchange/>
                    </When>
                </div>
                <When when=move || with_file.get()>
                    <file::FilePane/>
                </When>
            </div>
            <When
                when=move || !listed.get() && problem.with(Option::is_none) && missing(state).is_none()>
                <super::widget::skeleton::Skeleton lines=12/>
            </When>
        </div>
    }
}

/// The list, which has the keyboard's cursor.
const LISTING: &str = ".listing";
/// What the top of a file that is no layer is called.
const ARCHIVE: &str = "Top of the archive";
/// The same in a layer.
const LAYER: &str = "Top of the layer";
/// What the top of a root file system is called.
const ROOT: &str = "Root file system";

/// Name, digest, size.
#[component]
fn Head() -> impl IntoView {
    let app = app();
    let route = app.route();
    let layer = Memo::new(move |_| layer_of(&route.get()));
    let heading = move || {
        layer.with(|l| match l {
            Some((_, _, path)) if !path.is_root() => path.display(),
            Some(_) => route
                .with(archive_name)
                .unwrap_or_else(|| match route.with(is_of_root) {
                    true => ROOT.to_owned(),
                    false if is_unnamed(app.state) => ARCHIVE.to_owned(),
                    false => LAYER.to_owned(),
                }),
            None => String::new(),
        })
    };
    let digest = Signal::derive(move || {
        layer.with(|l| l.as_ref().map_or(String::new(), |l| l.1.to_string()))
    });
    let size = move || {
        let opened = app.state.layer.opened();
        let known = opened.with(|o| o.as_ref().and_then(|o| o.source.size));
        app.state
            .layer
            .progress()
            .with(|p| p.size)
            .or(known)
            .map(human::size)
    };
    let within = move || {
        let opened = app.state.layer.opened();
        let layers = opened.with(|o| o.as_ref().map_or(0, |o| o.layers.len()));
        match route.with(is_of_root) {
            true => format!("of {}, ", human::plural(layers as u64, "layer", "layers")),
            false if is_unnamed(app.state) => "in a file of ".to_owned(),
            false => "in a layer of ".to_owned(),
        }
    };
    view! {
        <div class="layer-head">
            <h1 class:mono=move || ![LAYER, ROOT, ARCHIVE].contains(&&*heading())><bdi>{live(heading)}</bdi></h1>
            <span class="muted hide-narrow">{live(within)}{live(size)}</span>
            <When when=move || !is_unnamed(app.state)>
                <span class="digest muted hide-narrow">{live(move || digest.get())}</span>
                <CopyButton text=digest what="the digest" label="Copy digest"/>
            </When>
        </div>
    }
}

/// How a search text is read (`core::view::listing`).
const SEARCH_RULE: &str = "Case counts only if you type a capital. \
    With * (any text) or ? (one character) the whole name must match.";

/// Search and order.
#[component]
fn Tools() -> impl IntoView {
    let app = app();
    let route = app.route();
    let search = NodeRef::<html::Input>::new();
    // `/` goes to the search, from anywhere but a field.
    let keys = window_event_listener(leptos::ev::keydown, move |ev| {
        let typing = page::document()
            .active_element()
            .is_some_and(|e| ["INPUT", "TEXTAREA", "SELECT"].contains(&e.tag_name().as_str()));
        if ev.key() == "/"
            && !typing
            && !ev.ctrl_key()
            && !ev.meta_key()
            && !ev.alt_key()
            && let Some(search) = search.get_untracked()
        {
            ev.prevent_default();
            drop(search.focus());
        }
    });
    on_cleanup(move || keys.remove());
    let query = query_of(route);
    let flat = Memo::new(move |_| {
        route.with(|r| r.show().is_some_and(|show| show.mode == ListMode::Flat))
    });
    let on_search = move |ev| {
        let text = event_target_value(&ev);
        search_for(app, text);
    };
    let toggle_flat = move |_| {
        let mut to = base_of(app);
        if let Some(to) = &mut to
            && let Some(show) = to.show_mut()
        {
            show.mode = if flat.get_untracked() {
                ListMode::Dir
            } else {
                ListMode::Flat
            };
            app.effects.adjust(to);
        }
    };
    view! {
        <div class="tools">
            <input
                class="field"
                type="search"
                placeholder="Search by name, * and ? allowed  ( / )"
                title=SEARCH_RULE
                aria-label="Search names under this directory"
                aria-describedby="search-rule"
                autocomplete="off"
                spellcheck="false"
                prop:value=query
                node_ref=search
                on:input=on_search
            />
            <button
                type="button"
                class="btn"
                title="List everything below, not only this directory"
                aria-pressed=move || flat.get().to_string()
                on:click=toggle_flat
            >
                "Flat"
            </button>
            <span class="rule muted small" id="search-rule">{SEARCH_RULE}</span>
        </div>
    }
}

/// The directory that is listed, also when a file is open beside it.
fn base_of(app: App) -> Option<Route> {
    let at = app.state.layer.list().with_untracked(|l| l.spec.at.clone());
    let route = app.state.shell.route_now();
    place(&route, at)
}

/// Searches under the directory that is listed.
fn search_for(app: App, text: String) {
    let mut to = base_of(app);
    if let Some(to) = &mut to
        && let Some(show) = to.show_mut()
    {
        show.query = (!text.is_empty()).then_some(text);
        app.effects.adjust(to);
    }
}

fn query_of(route: Memo<Route>) -> Memo<String> {
    Memo::new(move |_| {
        let query = route.with(|r| r.show().and_then(|show| show.query.clone()));
        query.unwrap_or_default()
    })
}

/// What the list adds up to.
#[component]
fn Tally() -> impl IntoView {
    let list = app().state.layer.list();
    let words = move || {
        list.with(|l| {
            l.info.as_ref().map(|i| {
                let so_far = if i.complete { "" } else { " so far" };
                format!(
                    "{}, {}{so_far}",
                    human::plural(u64::from(i.total), "entry", "entries"),
                    human::size(i.bytes)
                )
            })
        })
    };
    view! { <p class="tally" role="status">{live(words)}</p> }
}

/// The nearest directory of a path that is not there; none while it may still come.
fn missing(state: State) -> Option<EntryPath> {
    // Nothing can be said to be missing where reading failed; that is said instead.
    if state.layer.progress().with(|p| p.phase == Phase::Failed) {
        return None;
    }
    state.layer.look().with(|l| {
        let info = l.info.as_ref()?;
        match &info.found {
            Found::Missing { nearest } if info.complete => Some(nearest.clone()),
            _ => None,
        }
    })
}

#[component]
fn Missing(nearest: EntryPath) -> impl IntoView {
    let app = app();
    let route = app.route();
    let path = layer_of(&route.get_untracked()).map_or(String::new(), |l| l.2.display());
    let (title, remedy) = match route.with_untracked(is_of_root) {
        true => (
            "This image has no such path",
            "A directory that a layer deleted is listed with “Hidden”.",
        ),
        false => (
            "This layer has no such path",
            "It may be in another layer of the image: each holds only what it adds or changes.",
        ),
    };
    let cause = format!("“{path}” is not in it");
    let problem = Problem::new("PATH_MISSING", title, cause, remedy);
    let up = place(&route.get_untracked(), nearest.clone());
    view! {
        <ProblemPanel problem=problem/>
        {up.map(|up| view! {
            <p>
                <a href=up.href()>
                    {match nearest.is_root() {
                        true => "Open the top directory".to_owned(),
                        false => format!("Open {}", nearest.display()),
                    }}
                </a>
            </p>
        })}
    }
}
