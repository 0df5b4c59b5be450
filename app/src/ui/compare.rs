//! Two images side by side: sizes, configuration, history, layers, files, packages; or one file of
//! both.

mod contents;
mod documents;
mod file;
mod files;
mod layers;
mod packages;
mod sides;

use layerscope_core::digest::Digest;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::{ManifestRef, Reference, Repository};
use layerscope_core::route::Route;
use layerscope_core::view::command;
use layerscope_core::view::human;
use leptos::prelude::*;

use super::widget::command::Commands;
use super::widget::live::{When, live};
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use super::{App, app};
use crate::state::compare::Which;
use documents::{Configurations, Histories};
use file::OneFile;
use files::Changes;
use layers::{Layers, Sizes};
use packages::Packages;
use sides::{Chooser, SideCard};

/// Rows of a table; manifests and databases may state thousands.
const MAX_ROWS: usize = 500;

/// The page.
#[component]
pub fn Compare() -> impl IntoView {
    let app = app();
    let route = app.route();
    let state = app.state.compare;
    let path = Memo::new(move |_| match route.get() {
        Route::Compare { path, .. } => path,
        _ => None,
    });
    let heading = move || match path.get() {
        Some(path) => format!("/{}", path.display()),
        None => "Two images side by side".to_owned(),
    };
    let digests = Memo::new(move |_| {
        let of = |which: Which| {
            let side = state.side(which);
            side.with(|s| s.manifest.ready().map(|m| m.digest.clone()))
        };
        of(Which::Left).zip(of(Which::Right))
    });
    let both = Memo::new(move |_| digests.with(Option::is_some));
    let same = Memo::new(move |_| digests.with(|d| d.as_ref().is_some_and(|(a, b)| a == b)));
    let commands = Signal::derive(move || route.with(command::compare));
    let failed = Memo::new(move |_| {
        let of = |which: Which| state.progress(which).with(|p| p.problem.clone());
        of(Which::Left).or(of(Which::Right))
    });
    let no_root = Memo::new(move |_| {
        let of = |which: Which| state.side(which).with(|s| s.no_root.clone());
        of(Which::Left).or(of(Which::Right))
    });
    let waiting = Memo::new(move |_| {
        let problem = |which: Which| state.side(which).with(|s| s.problem().is_some());
        !both.get() && !Which::BOTH.into_iter().any(problem)
    });
    view! {
        <div class="stack compare sizes" class:one=move || path.with(Option::is_some)>
            <h1><bdi>{live(heading)}</bdi></h1>
            <Chooser/>
            <div class="two">
                <SideCard which=Which::Left/>
                <SideCard which=Which::Right/>
            </div>
            <Commands commands=commands/>
            <When when=move || waiting.get()>
                <Skeleton lines=9/>
            </When>
            <When when=move || same.get()>
                <Identical/>
            </When>
            {live(move || failed.get().map(|problem| view! {
                <ProblemPanel problem=problem note="Files and packages are compared when all layers of both are here."/>
            }))}
            {live(move || no_root.get().map(|problem| view! {
                <p class="problem mild" data-no-root="true">"Files are not compared. "{problem.title}": "{problem.cause}"."</p>
            }))}
            <When when=move || both.get() && !same.get() && path.with(Option::is_some)>
                <OneFile/>
            </When>
            <When when=move || both.get() && !same.get() && path.with(Option::is_none)>
                <Sizes/>
                <Changes/>
                <Packages/>
                <Layers/>
                <Configurations/>
                <Histories/>
            </When>
        </div>
    }
}

/// Both references name one manifest.
#[component]
fn Identical() -> impl IntoView {
    let app = app();
    let route = app.route();
    let one = Memo::new(move |_| match route.get() {
        Route::Compare {
            left,
            right,
            left_platform,
            right_platform,
            ..
        } => left == right && left_platform == right_platform,
        _ => false,
    });
    view! {
        <p class="problem mild" data-identical="true">
            {live(move || match one.get() {
                true => "Both are the same image. Put another reference into one of the boxes above, or choose another platform.",
                false => "Both names stand for the same manifest, so nothing in them differs.",
            })}
        </p>
    }
}

/// The same comparison, changed in something.
fn with_route(app: App, change: impl FnOnce(&mut Route)) -> Route {
    let mut route = app.state.shell.route_now();
    change(&mut route);
    route
}

/// The same comparison with the contents of one path, or of none.
fn at_path(app: App, path: Option<EntryPath>) -> Route {
    with_route(app, |route| {
        if let Route::Compare { path: at, .. } = route {
            *at = path;
        }
    })
}

/// A path in the root file system of one of the two, once its manifest is here.
fn in_root(app: App, which: Which, path: EntryPath) -> Option<Route> {
    named(app, which).map(|(repository, digest)| Route::layers(repository, digest, path))
}

/// One of the two, by the digest of what is compared.
fn by_digest(app: App, which: Which) -> Option<Reference> {
    named(app, which).map(|(repository, digest)| repository.reference(ManifestRef::Digest(digest)))
}

fn named(app: App, which: Which) -> Option<(Repository, Digest)> {
    app.state.compare.side(which).with_untracked(|side| {
        let repository = side.reference.as_ref()?.repository().clone();
        Some((repository, side.manifest.ready()?.digest.clone()))
    })
}

/// A size that was added or taken away.
fn growth(from: u64, to: u64) -> String {
    change(from, to, human::size)
}

/// A number that has grown or shrunk.
fn grown(from: u64, to: u64) -> String {
    change(from, to, human::count)
}

fn change(from: u64, to: u64, shown: fn(u64) -> String) -> String {
    match from.cmp(&to) {
        std::cmp::Ordering::Equal => "±0".to_owned(),
        std::cmp::Ordering::Less => format!("+{}", shown(to - from)),
        std::cmp::Ordering::Greater => format!("−{}", shown(from - to)),
    }
}
