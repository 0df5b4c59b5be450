//! What only the list of a root file system has: filters, and what is hidden.

use std::sync::Arc;

use layerscope_core::path::EntryPath;
use layerscope_core::registry::client::Fetched;
use layerscope_core::rootfs::words;
use layerscope_core::route::Route;
use layerscope_core::view::run::{self, Place};
use leptos::prelude::*;

use super::{query_of, search_for};
use crate::state::Load;
use crate::ui::widget::live::live;
use crate::ui::{App, app};

/// How a search text is read in a root file system (`core::rootfs::query`).
const FILTER_RULE: &str = "Beside a name, words such as type:file, size:>1M, mode:setuid, \
    owner:0, group:tty and layer:2 filter, and path:/usr/bin:/bin lists what is in these directories, \
    as a PATH has them; re: and what follows is a regular expression over the whole path.";

/// A filter's word, its label, and its choices: value and label.
type Choices = (
    &'static str,
    &'static str,
    &'static [(&'static str, &'static str)],
);

/// Filters with fields of their own.
const FILTERS: [Choices; 3] = [
    (
        "type",
        "Type",
        &[
            ("file", "Files"),
            ("dir", "Directories"),
            ("symlink", "Symbolic links"),
            ("hardlink", "Hard links"),
            ("device", "Devices"),
        ],
    ),
    (
        "size",
        "Size",
        &[
            (">100k", "over 100 kB"),
            (">1M", "over 1 MB"),
            (">10M", "over 10 MB"),
            (">100M", "over 100 MB"),
            ("0", "empty"),
        ],
    ),
    (
        "mode",
        "Mode",
        &[
            ("setuid", "setuid"),
            ("setgid", "setgid"),
            ("world-writable", "world-writable"),
            ("sticky", "sticky"),
            ("executable", "executable"),
        ],
    ),
];

/// What only a root file system has: filters, and what is hidden.
#[component]
pub(super) fn RootTools() -> impl IntoView {
    let app = app();
    let route = app.route();
    let query = query_of(route);
    let hidden = Memo::new(move |_| route.with(|r| r.show().is_some_and(|show| show.hidden)));
    let toggle = move |_| {
        // The list stays as it is, search and all.
        let mut to = app.state.shell.route_now();
        if let Some(show) = to.show_mut() {
            show.hidden = !show.hidden;
            app.effects.adjust(&to);
        }
    };
    let select = move |name: &'static str, label: &'static str, choices: Vec<(String, String)>| {
        let chosen = Memo::new(move |_| {
            query.with(|q| words::value(q, name).unwrap_or_default().to_owned())
        });
        let change = move |ev| {
            let value = event_target_value(&ev);
            let value = (!value.is_empty()).then_some(value);
            let text = query.with_untracked(|q| words::with_value(q, name, value.as_deref()));
            search_for(app, text);
        };
        view! {
            <label class="filter">
                <span class="muted small">{label}</span>
                <select class="field" name=name on:change=change prop:value=chosen>
                    <option value="">"any"</option>
                    {choices
                        .into_iter()
                        .map(|(value, label)| {
                            let mine = value.clone();
                            view! {
                                <option value=value selected=move || chosen.with(|c| *c == mine)>{label}</option>
                            }
                        })
                        .collect_view()}
                </select>
            </label>
        }
    };
    let layers = move || {
        let opened = app.state.layer.opened();
        let count = opened.with(|o| o.as_ref().map_or(0, |o| o.layers.len()));
        let number = |n: usize| ((n + 1).to_string(), (n + 1).to_string());
        select("layer", "Layer", (0..count).map(number).collect())
    };
    let directories = move || {
        let mut choices = route.with(|r| variables(app, r));
        let value = query.with(|q| words::value(q, "path").map(str::to_owned));
        if let Some(value) = value.filter(|v| choices.iter().all(|(of, _)| of != v)) {
            choices.push((value.clone(), value));
        }
        (!choices.is_empty()).then(|| select("path", "In", choices))
    };
    let owned = |list: &[(&str, &str)]| {
        let pair = |(value, label): &(&str, &str)| ((*value).to_owned(), (*label).to_owned());
        list.iter().map(pair).collect::<Vec<_>>()
    };
    view! {
        <div class="tools filters">
            {FILTERS.map(|(name, label, choices)| select(name, label, owned(choices))).collect_view()}
            {live(layers)}
            {live(directories)}
            <button
                type="button"
                class="btn"
                data-action="show-hidden"
                title="Also list what later layers replaced or deleted"
                aria-pressed=move || hidden.get().to_string()
                on:click=toggle
            >
                "Hidden"
            </button>
            {live(move || sizes_of(&route.get()).map(|to| view! {
                <a class="btn" data-action="sizes" href=to.href()>"Sizes and waste"</a>
            }))}
            <span class="rule muted small">{FILTER_RULE}</span>
        </div>
    }
}

/// The image's variables that are lists of directories, such as `PATH`: value and name. They are
/// known if its page was looked at.
fn variables(app: App, route: &Route) -> Vec<(String, String)> {
    let image = app.state.image;
    let Route::Layers { digest, .. } = route else {
        return Vec::new();
    };
    let its_own = |m: &Load<Arc<Fetched>>| m.ready().is_some_and(|m| m.digest == *digest);
    if !image.manifest().with(its_own) {
        return Vec::new();
    }
    let facts = image.config().with(|c| {
        let config = c.ready().and_then(|c| c.image.as_ref());
        config.map_or(Vec::new(), run::environment)
    });
    let list = facts.into_iter().filter_map(|fact| match fact.to {
        Some(Place::Search(text)) => Some((words::value(&text, "path")?.to_owned(), fact.name)),
        _ => None,
    });
    list.collect()
}

/// Where the bytes are of the image whose root file system is shown.
fn sizes_of(route: &Route) -> Option<Route> {
    match route {
        Route::Layers {
            repository, digest, ..
        } => Some(Route::Sizes {
            repository: repository.clone(),
            digest: digest.clone(),
            path: EntryPath::ROOT,
        }),
        _ => None,
    }
}
