//! The list of a layer's entries: of a million only those in view are on the page.

use std::sync::Arc;

use layerscope_core::job::{Row, RowKind, SortKey, Verified, ViewMode, ViewSpec};
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::rootfs::{Fate, Version};
use layerscope_core::route::{ListMode, Route, Show as RouteShow};
use layerscope_core::view::human;
use leptos::html;
use leptos::prelude::*;

use super::live::live;

use super::window::{ROW_PX, Scrolled, px};
use crate::browser::{location, timer};
use crate::ui::{App, app};

/// Columns by which one can sort, in their order; the first in a root file system alone.
const COLUMNS: [(&str, &str, Option<SortKey>); 6] = [
    ("layer", "Layer", None),
    ("mode", "Mode", None),
    ("owner", "Owner", None),
    ("size right", "Size", Some(SortKey::Size)),
    ("time", "Modified", Some(SortKey::Time)),
    ("name", "Name", Some(SortKey::Name)),
];
/// Scrolling is noted in the history once it rests this long.
const SCROLL_REST: std::time::Duration = std::time::Duration::from_millis(250);

/// The list, with its header, its keys, and a row for the directory above.
#[component]
pub fn Listing() -> impl IntoView {
    let app = app();
    let layer = app.state.layer;
    let list = layer.list();
    let route = app.route();
    let rooted = Memo::new(move |_| is_root(app));
    let scroller = NodeRef::<html::Div>::new();
    let top = RwSignal::new(0.0_f64); // tidy: local
    let page_height = app.state.shell.height();
    let scrolled = move || Scrolled {
        rows: u64::from(list.with(|l| l.total())),
        row_px: ROW_PX,
        top: top.get(),
        seen: scroller.get().map_or(0.0, |s| f64::from(s.client_height())),
        cover: page_height.get(),
    };
    let range = Memo::new(move |_| {
        let range = scrolled().range();
        range.start as u32..range.end as u32 // rows are numbered by u32
    });
    let view = Memo::new(move |_| list.with(|l| l.view));
    Effect::new(move |_| {
        // Another listing knows nothing yet of what is looked at.
        view.track();
        app.effects.look_at_rows(range.get());
    });
    let rows = move || {
        let range = range.get();
        list.with(|l| {
            let view = l.view;
            range
                .map(|i| (view, i, l.row(i).cloned()))
                .collect::<Vec<_>>()
        })
    };

    // Another listing begins at its top, or where the history says.
    Effect::new(move |before: Option<Option<u32>>| {
        let view = list.with(|l| l.view);
        let scroller = scroller.get()?;
        if before.flatten() != Some(view) {
            let position = location::restore_scroll().unwrap_or(0.0);
            top.set(position);
            super::later(move || scroller.set_scroll_top(position as i32));
        }
        Some(view)
    });
    Effect::new(move |_| {
        let reveal = layer.reveal().get();
        if reveal.wish == 0 {
            return;
        }
        let now = untrack(scrolled);
        if let Some(to) = now.reveal(u64::from(reveal.index))
            && let Some(scroller) = scroller.get_untracked()
        {
            top.set(to);
            super::later(move || scroller.set_scroll_top(to as i32));
        }
    });
    let resting = StoredValue::new(0_u32);
    let on_scroll = move |_| {
        let Some(element) = scroller.get_untracked() else {
            return;
        };
        let now = f64::from(element.scroll_top());
        top.set(now);
        resting.update_value(|n| *n += 1);
        let step = resting.get_value();
        let epoch = app.state.shell.epoch();
        leptos::task::spawn_local(async move {
            timer::sleep(SCROLL_REST).await;
            if resting.try_get_value() == Some(step) && app.state.shell.epoch() == epoch {
                location::save_scroll(now);
            }
        });
    };

    let parent = Memo::new(move |_| {
        list.with(|l| match l.spec.mode {
            ViewMode::Dir => l.spec.at.parent(),
            ViewMode::Flat | ViewMode::Search(_) => None,
        })
    });
    // From a file to the list it is in, from there to the directory above.
    let up = move || {
        let route = route.get_untracked();
        let listed = list.with_untracked(|l| l.spec.clone());
        match &route {
            _ if route.shown_path().is_some_and(|path| *path != listed.at) => {
                list_route(&route, &listed)
            }
            _ => parent.get_untracked().and_then(|p| place(&route, p)),
        }
    };
    let active_row = move || {
        let index = layer.active().get_untracked()?;
        list.with_untracked(|l| l.row(index).cloned())
    };
    let on_key = move |ev: leptos::ev::KeyboardEvent| {
        if ev.ctrl_key() || ev.alt_key() || ev.meta_key() {
            return;
        }
        let seen = scroller.get_untracked().map_or(0, |s| s.client_height());
        let page = (f64::from(seen) / ROW_PX) as u32;
        let total = list.with_untracked(|l| l.total());
        let at = layer.active().get_untracked();
        let next = match ev.key().as_str() {
            "ArrowDown" => at.map_or(0, |i| i + 1),
            "ArrowUp" => at.map_or(0, |i| i.saturating_sub(1)),
            "PageDown" => at.unwrap_or(0) + page.max(1),
            "PageUp" => at.unwrap_or(0).saturating_sub(page.max(1)),
            "Home" => 0,
            "End" => total.saturating_sub(1),
            "Enter" | "ArrowRight" => {
                if let Some(row) = active_row() {
                    ev.prevent_default();
                    app.effects
                        .go(&row_route(app, &route.get_untracked(), &row));
                }
                return;
            }
            "Backspace" | "ArrowLeft" => {
                if let Some(up) = up() {
                    ev.prevent_default();
                    app.effects.go(&up);
                }
                return;
            }
            _ => return,
        };
        ev.prevent_default();
        layer.show_row(next);
    };
    let label = move || {
        list.with(|l| match l.spec.at.file_name() {
            Some(name) => format!("Entries of {}", visible(name)),
            None if rooted.get_untracked() => "Entries of the root file system".to_owned(),
            None => "Entries of the layer".to_owned(),
        })
    };
    let verified = Memo::new(move |_| layer.progress().with(|p| p.verified));
    let waiting = move || {
        list.with(|l| l.info.is_some() && l.total() == 0).then(|| {
            let complete = list.with(|l| l.is_complete());
            let filtered = list.with(|l| l.spec.mode != ViewMode::Dir);
            let problem = list.with(|l| l.info.as_ref().and_then(|i| i.problem.clone()));
            view! {
                <p class="empty">
                    {match (problem, complete, filtered) {
                        (Some(why), _, _) => format!("The search cannot be read: {why}."),
                        (None, false, _) => "Nothing here yet: it is still coming in.".to_owned(),
                        (None, true, true) => "Nothing matches.".to_owned(),
                        (None, true, false) => "This directory is empty.".to_owned(),
                    }}
                </p>
            }
        })
    };
    view! {
        <div
            class="listing"
            class:rooted=rooted
            role="grid"
            tabindex="0"
            aria-label=label
            aria-rowcount=move || list.with(|l| l.total() + 1)
            aria-activedescendant=move || layer.active().get().map(|i| format!("row-{i}"))
            on:keydown=on_key
        >
            <Header/>
            {live(move || parent.get().and_then(|p| place(&route.get(), p)).map(|up| view! {
                <div role="rowgroup">
                    <div class="lrow" role="row">
                        {rooted.get_untracked().then(|| view! { <span class="layer" role="gridcell"></span> })}
                        <span class="mode" role="gridcell"></span>
                        <span class="owner" role="gridcell"></span>
                        <span class="right" role="gridcell"></span>
                        <span class="time" role="gridcell"></span>
                        <span class="name" role="gridcell">
                            <a href=up.href() tabindex="-1" aria-label="Directory above">".."</a>
                        </span>
                    </div>
                </div>
            }))}
            <div class="scroller" role="rowgroup" tabindex="-1" node_ref=scroller on:scroll=on_scroll>
                <div class="spacer" role="presentation" style:height=move || px(scrolled().height())>
                    <div
                        class="window"
                        role="presentation"
                        style:transform=move || format!("translateY({})", px(scrolled().start()))
                    >
                        <For
                            each=rows
                            key=|(view, i, row)| (*view, *i, row.as_ref().map(|r| (r.ordinal, r.duplicate, r.version)))
                            children=move |(_, i, row)| match row {
                                Some(row) => row_view(i, row, verified).into_any(),
                                None => blank(i).into_any(),
                            }
                        />
                    </div>
                </div>
                {live(waiting)}
            </div>
        </div>
    }
}

#[component]
fn Header() -> impl IntoView {
    let app = app();
    let spec = Memo::new(move |_| {
        app.state
            .layer
            .list()
            .with(|l| (l.spec.sort, l.spec.descending))
    });
    let cell = move |(class, label, key): (&'static str, &'static str, Option<SortKey>)| {
        let Some(key) = key else {
            return view! {
                <span class=format!("{class} muted small") role="columnheader">{label}</span>
            }
            .into_any();
        };
        let sort = move || {
            spec.with(|(sort, descending)| match (*sort == key, descending) {
                (false, _) => "none",
                (true, false) => "ascending",
                (true, true) => "descending",
            })
        };
        let click = move |_| {
            let (sort, descending) = spec.get_untracked();
            // Sizes and times are most telling from the top.
            let descending = match sort == key {
                true => !descending,
                false => key != SortKey::Name,
            };
            sort_by(app, key, descending);
        };
        view! {
            <span class=class role="columnheader" aria-sort=sort>
                <button type="button" on:click=click>{label}</button>
            </span>
        }
        .into_any()
    };
    view! {
        <div role="rowgroup">
            <div class="lhead" role="row" aria-rowindex="1">
                {live(move || {
                    let from = usize::from(!is_root(app));
                    COLUMNS.into_iter().skip(from).map(cell).collect_view()
                })}
            </div>
        </div>
    }
}

/// Sorts what is listed: by the route where it names the directory, else that of the list.
fn sort_by(app: App, key: SortKey, descending: bool) {
    let list_at = app.state.layer.list().with_untracked(|l| l.spec.at.clone());
    let mut route = app.state.shell.route_now();
    let elsewhere = route.shown_path().is_some_and(|path| *path != list_at);
    route.set_shown_path(list_at);
    if elsewhere {
        let hidden = route.show().is_some_and(|show| show.hidden);
        route.set_show(RouteShow {
            hidden,
            ..RouteShow::default()
        });
    }
    if let Some(show) = route.show_mut() {
        show.sort = key;
        show.descending = descending;
        app.effects.adjust(&route);
    }
}

/// The directory `path` in the layer of `route`, ordered as now.
pub fn place(route: &Route, path: EntryPath) -> Option<Route> {
    let mut to = route.clone();
    to.set_shown_path(path);
    let show = to.show()?;
    let show = RouteShow {
        sort: show.sort,
        descending: show.descending,
        hidden: show.hidden,
        mode: ListMode::Dir,
        ..RouteShow::default()
    };
    to.set_show(show);
    Some(to)
}

/// The list as it was made: from a file back to what was searched, where that is how it was found.
pub fn list_route(route: &Route, spec: &ViewSpec) -> Option<Route> {
    let mut to = place(route, spec.at.clone())?;
    if let Some(show) = to.show_mut() {
        (show.sort, show.descending) = (spec.sort, spec.descending);
        match &spec.mode {
            ViewMode::Dir => {}
            ViewMode::Flat => show.mode = ListMode::Flat,
            ViewMode::Search(text) => show.query = Some(text.clone()),
        }
    }
    Some(to)
}

/// The page of a row.
pub fn row_route(app: App, route: &Route, row: &Row) -> Route {
    if row.kind == RowKind::Dir {
        return place(route, row.path.clone()).unwrap_or(Route::Start);
    }
    let mut to = route.clone();
    to.set_shown_path(row.path.clone());
    let hidden = route.show().is_some_and(|show| show.hidden);
    to.set_show(RouteShow {
        hidden,
        ..RouteShow::default()
    });
    match &mut to {
        Route::Fs { entry, .. } => *entry = row.ordinal.filter(|_| row.duplicate),
        Route::Layers { layer, inner, .. } if inner.is_empty() && !is_visible(row) => {
            *layer = app.state.layer.layer_of(row);
        }
        _ => {}
    }
    to
}

/// What is listed is the root file system of an image, not an archive in it.
pub fn is_root(app: App) -> bool {
    let opened = app.state.layer.opened();
    opened.with(|o| o.as_ref().is_some_and(|o| o.depth == 0 && o.is_root()))
}

/// No later layer hides it.
pub fn is_visible(row: &Row) -> bool {
    row.version.is_none_or(|v| v.fate == Fate::Visible)
}

/// What became of what is hidden, in few words.
pub fn fate(version: Version) -> Option<String> {
    let by = u32::from(version.by) + 1;
    let same = version.by == version.layer;
    Some(match version.fate {
        Fate::Visible => return None,
        Fate::Replaced if same => "replaced later in its own layer".to_owned(),
        Fate::Replaced => format!("replaced by layer {by}"),
        Fate::Deleted => format!("deleted by layer {by}"),
        Fate::Cleared => format!("its directory was emptied by layer {by}"),
        Fate::Buried => format!("its directory was replaced by layer {by}"),
        Fate::Unplaced => "nowhere: its directory is a circle of links".to_owned(),
    })
}

/// The colour of a layer; styles/main.css has as many.
pub fn hue(layer: usize) -> String {
    format!("hue-{}", layer % 8)
}

/// The layer of a row: its colour and its number from 1.
fn layer_cell(app: App, row: &Row) -> AnyView {
    let Some(version) = row.version else {
        return view! { <span class="layer" role="gridcell"></span> }.into_any();
    };
    let digest = app.state.layer.layer_of(row);
    let title = digest.map_or(String::new(), |d| d.to_string());
    let number = u32::from(version.layer) + 1;
    view! {
        <span class="layer" role="gridcell" title=title>
            <span class=format!("swatch {}", hue(usize::from(version.layer))) aria-hidden="true"></span>
            {number}
        </span>
    }
    .into_any()
}

fn blank(index: u32) -> impl IntoView {
    let rooted = is_root(app());
    view! {
        <div class="lrow blank" role="row" aria-rowindex=index + 2 aria-busy="true">
            {rooted.then(|| view! { <span class="layer" role="gridcell"></span> })}
            <span class="mode" role="gridcell"></span>
            <span class="owner" role="gridcell"></span>
            <span class="right" role="gridcell"></span>
            <span class="time" role="gridcell"></span>
            <span class="name" role="gridcell"></span>
        </div>
    }
}

fn row_view(index: u32, row: Arc<Row>, verified: Memo<Verified>) -> impl IntoView {
    let app = app();
    let layer = app.state.layer;
    let route = app.state.shell.route_now();
    let (base, whole_path) = layer
        .list()
        .with_untracked(|l| (l.spec.at.clone(), l.spec.mode != ViewMode::Dir));
    let href = row_route(app, &route, &row).href();
    let rooted = is_root(app);
    let gone = row.version.and_then(fate);
    let deleted = gone.clone();
    let (dir, name) = name_parts(&row, &base, whole_path);
    let target = (!row.link.is_root()).then(|| row.link.display());
    let is_active = move || layer.active().get() == Some(index);
    view! {
        <div
            class="lrow"
            id=format!("row-{index}")
            role="row"
            aria-rowindex=index + 2
            aria-selected=move || is_active().to_string()
            class:active=is_active
            data-entry-path=row.path.encode()
            data-entry-type=row.kind.name()
            data-entry-size=row.size.to_string()
            data-entry-layer=rooted.then(|| app.state.layer.layer_of(&row).map(|d| d.to_string())).flatten()
            data-deleted=deleted
            data-entry-ordinal=row.ordinal.filter(|_| row.duplicate).map(|o| o.to_string())
            data-verified=move || verified.get().name()
            on:click=move |_| layer.set_active(index)
        >
            {rooted.then(|| layer_cell(app, &row))}
            <span class="mode" class:setid=row.mode & 0o6000 != 0 role="gridcell">{mode(&row)}</span>
            <span class="owner" role="gridcell"><bdi>{owner(&row)}</bdi></span>
            <span class="right" role="gridcell" title=exact_size(&row)>{size(&row)}</span>
            <span class="time" role="gridcell" title=human::time_exact(row.mtime)>{time(&row)}</span>
            <span class="name" role="gridcell">
                <a href=href tabindex="-1">
                    {(!dir.is_empty()).then(|| view! { <bdi class="dir">{dir}</bdi> })}
                    <bdi>{name}</bdi>
                </a>
                {target.map(|t| view! { <span class="target">" → "<bdi>{t}</bdi></span> })}
                {gone.map(|gone| view! { <span class="gone">{gone}</span> })}
            </span>
        </div>
    }
}

fn name_parts(row: &Row, base: &EntryPath, whole_path: bool) -> (String, String) {
    let name = visible(row.path.file_name().unwrap_or_default());
    let slash = if row.kind == RowKind::Dir { "/" } else { "" };
    let name = format!("{name}{slash}");
    if !whole_path {
        return (String::new(), name);
    }
    let parent = row.path.parent().unwrap_or_default();
    let below = parent.as_bytes().strip_prefix(base.as_bytes());
    let below = below.unwrap_or(parent.as_bytes());
    let below = below.strip_prefix(b"/").unwrap_or(below);
    let dir = match below {
        [] => String::new(),
        below => format!("{}/", visible(below)),
    };
    (dir, name)
}

/// `-rwxr-xr-x`, as `ls -l` has it.
pub fn mode(row: &Row) -> String {
    let letter = match row.kind {
        RowKind::File | RowKind::Hardlink | RowKind::Whiteout => '-',
        RowKind::Dir => 'd',
        RowKind::Symlink => 'l',
        RowKind::Char => 'c',
        RowKind::Block => 'b',
        RowKind::Fifo => 'p',
    };
    match row.has_attributes() {
        true => format!("{letter}{}", human::permissions(row.mode)),
        false => format!("{letter} (implied)"),
    }
}

/// `user group`, by name where there is one.
pub fn owner(row: &Row) -> String {
    if !row.has_attributes() {
        return String::new();
    }
    let one = |name: &str, id: u64| match name {
        "" => id.to_string(),
        name => visible(name.as_bytes()),
    };
    format!("{} {}", one(&row.uname, row.uid), one(&row.gname, row.gid))
}

/// A size in few letters, or a device's numbers.
pub fn size(row: &Row) -> String {
    match (row.kind, row.device) {
        (_, Some((major, minor))) => format!("{major}, {minor}"),
        (RowKind::File, None) => human::size(row.size),
        (RowKind::Hardlink, None) if row.size > 0 => human::size(row.size),
        _ => String::new(),
    }
}

fn exact_size(row: &Row) -> Option<String> {
    (row.kind == RowKind::File).then(|| human::plural(row.size, "byte", "bytes"))
}

/// When it was changed last.
pub fn time(row: &Row) -> String {
    match row.has_attributes() {
        true => human::time(row.mtime),
        false => String::new(),
    }
}
