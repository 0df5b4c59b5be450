//! The files that differ: in numbers, and as a list of which only what is in view is on the page.

use layerscope_core::compare::files::{Content, Fate, Summary, Tally};
use layerscope_core::compare::list::{ChangeRow, ListSpec, Only};
use layerscope_core::compare::snapshot::Side;
use layerscope_core::job::RowKind;
use layerscope_core::path::visible;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use leptos::html;
use leptos::prelude::*;

use super::contents::HowCompared;
use super::{at_path, growth, in_root, with_route};
use crate::state::compare::Which;
use crate::ui::widget::live::{When, live};
use crate::ui::widget::window::{ROW_PX, Scrolled, px};
use crate::ui::{App, app};

/// The section.
#[component]
pub fn Changes() -> impl IntoView {
    let app = app();
    let files = app.state.compare.files();
    let summary = Memo::new(move |_| files.with(|f| f.summary));
    let here = Memo::new(move |_| summary.with(Option::is_some));
    let opened = Memo::new(move |_| {
        let side = |which| app.state.compare.side(which).with(|s| s.job.is_some());
        side(Which::Left) && side(Which::Right)
    });
    view! {
        <When when=move || opened.get()>
            <section class="stack tight" aria-labelledby="files" data-section="files">
                <div class="section-head">
                    <h2 id="files">"Files"</h2>
                    {live(move || summary.get().map(head))}
                </div>
                <When when=move || !here.get()>
                    <p class="muted" role="status">"Compared when all layers of both are here."</p>
                </When>
                <When when=move || here.get()>
                    <Filters/>
                    <List/>
                    <HowCompared/>
                </When>
            </section>
        </When>
    }
}

fn head(sum: Summary) -> AnyView {
    let files = |tally: Tally| tally.names().to_string();
    let differ = sum.added.names() + sum.removed.names() + sum.changed.names();
    view! {
        <span
            class="muted small"
            data-compared="true"
            data-added=files(sum.added)
            data-removed=files(sum.removed)
            data-changed=files(sum.changed)
            data-unread=files(sum.unread)
            data-same=files(sum.same)
        >
            {match differ {
                0 => "no differences".to_owned(),
                n => human::plural(n, "difference", "differences"),
            }}
            ", "{human::count(sum.same.names())}" the same"
        </span>
    }
    .into_any()
}

fn spec_of(route: &Route) -> ListSpec {
    match route {
        Route::Compare { list, .. } => list.clone(),
        _ => ListSpec::default(),
    }
}

fn with_spec(app: App, change: impl FnOnce(&mut ListSpec)) -> Route {
    with_route(app, |route| {
        if let Route::Compare { list, .. } = route {
            change(list);
        }
    })
}

/// Which are listed.
#[component]
fn Filters() -> impl IntoView {
    let app = app();
    let route = app.route();
    let files = app.state.compare.files();
    let summary = Memo::new(move |_| files.with(|f| f.summary.unwrap_or_default()));
    let spec = Memo::new(move |_| route.with(spec_of));
    let choice = move |only: Only, label: &'static str| {
        let count = move || {
            let sum = summary.get();
            human::count(match only {
                Only::All => {
                    let tallies = [sum.added, sum.removed, sum.changed];
                    tallies.iter().map(|t| t.names()).sum::<u64>()
                }
                Only::Added => sum.added.names(),
                Only::Removed => sum.removed.names(),
                Only::Changed => sum.changed.names(),
                Only::Unread => sum.unread.names() + sum.failed.names(),
            })
        };
        view! {
            <button
                type="button"
                class="btn"
                data-only=label
                aria-pressed=move || spec.with(|s| s.only == only).to_string()
                on:click=move |_| app.effects.adjust(&with_spec(app, |s| s.only = only))
            >
                {label}" "<small>{live(count)}</small>
            </button>
        }
    };
    let unread = Memo::new(move |_| summary.with(|s| s.unread.names() + s.failed.names() > 0));
    view! {
        <div class="tools">
            {choice(Only::All, "All")}
            {choice(Only::Added, "Added")}
            {choice(Only::Removed, "Removed")}
            {choice(Only::Changed, "Changed")}
            <When when=move || unread.get() || spec.with(|s| s.only == Only::Unread)>
                {choice(Only::Unread, "Not compared")}
            </When>
            <input
                class="field"
                type="search"
                placeholder="Filter by path"
                aria-label="Filter by path"
                prop:value=move || spec.with(|s| s.query.clone())
                on:input=move |ev| {
                    let query = event_target_value(&ev);
                    app.effects.adjust(&with_spec(app, |s| s.query = query));
                }
            />
            <button
                type="button"
                class="btn"
                data-action="by-growth"
                aria-pressed=move || spec.with(|s| s.by_growth).to_string()
                on:click=move |_| app.effects.adjust(&with_spec(app, |s| s.by_growth = !s.by_growth))
            >
                "Largest change first"
            </button>
        </div>
    }
}

/// The list.
#[component]
fn List() -> impl IntoView {
    let app = app();
    let files = app.state.compare.files();
    let scroller = NodeRef::<html::Div>::new();
    let top = RwSignal::new(0.0_f64); // tidy: local
    let height = app.state.shell.height();
    let total = Memo::new(move |_| files.with(|f| f.total));
    let spec = Memo::new(move |_| files.with(|f| f.spec.clone()));
    let scrolled = move || Scrolled {
        rows: u64::from(total.get().unwrap_or(0)),
        row_px: ROW_PX,
        top: top.get(),
        seen: scroller.get().map_or(0.0, |s| f64::from(s.client_height())),
        cover: height.get(),
    };
    let range = Memo::new(move |_| {
        let range = scrolled().range();
        range.start as u32..range.end as u32 // rows are numbered by u32
    });
    Effect::new(move |_| {
        spec.track();
        app.effects.look_at_changes(range.get());
    });
    // Another list begins at its top.
    Effect::new(move |before: Option<ListSpec>| {
        let now = spec.get();
        if before.is_some_and(|before| before != now) {
            top.set(0.0); // tidy: local
            if let Some(scroller) = scroller.get_untracked() {
                scroller.set_scroll_top(0);
            }
        }
        now
    });
    let rows = move || {
        let range = range.get();
        files.with(|f| range.map(|i| (i, f.row(i).cloned())).collect::<Vec<_>>())
    };
    let room = move || px(f64::from(total.get().unwrap_or(0).clamp(3, 18)) * ROW_PX + 34.0);
    view! {
        <div
            class="listing changes"
            role="table"
            aria-label="Files that differ"
            aria-rowcount=move || total.get().unwrap_or(0) + 1
            style:height=room
        >
            <div role="rowgroup">
                <div class="lhead" role="row" aria-rowindex="1">
                    <span class="fate muted small" role="columnheader">"Change"</span>
                    <span class="right muted small" role="columnheader">"Size"</span>
                    <span class="what muted small" role="columnheader">"What differs"</span>
                    <span class="name muted small" role="columnheader">"Path"</span>
                </div>
            </div>
            <div
                class="scroller"
                role="rowgroup"
                tabindex="0"
                aria-label="Files that differ"
                node_ref=scroller
                on:scroll=move |_| {
                    if let Some(element) = scroller.get_untracked() {
                        top.set(f64::from(element.scroll_top()));
                    }
                }
            >
                <div class="spacer" role="presentation" style:height=move || px(scrolled().height())>
                    <div
                        class="window"
                        role="presentation"
                        style:transform=move || format!("translateY({})", px(scrolled().start()))
                    >
                        <For
                            each=rows
                            key=|(i, row)| (*i, row.as_ref().map(|r| (r.path.encode(), r.fate, r.facets, r.content)))
                            children=move |(i, row)| row_view(app, i, row)
                        />
                    </div>
                </div>
                <When when=move || total.get() == Some(0)>
                    <p class="empty">"Nothing here."</p>
                </When>
            </div>
        </div>
    }
}

fn row_view(app: App, index: u32, row: Option<ChangeRow>) -> AnyView {
    let Some(row) = row else {
        return view! {
            <div class="lrow blank" role="row" aria-rowindex=index + 2 aria-busy="true">
                <span class="fate" role="cell"></span>
                <span class="right" role="cell"></span>
                <span class="what" role="cell"></span>
                <span class="name" role="cell"></span>
            </div>
        }
        .into_any();
    };
    let dir = |side: &Option<Side>| side.as_ref().is_some_and(|s| s.kind == RowKind::Dir);
    let (in_left, in_right) = (dir(&row.left), dir(&row.right));
    // A directory of one alone leads into that one.
    let to = match row.fate {
        Fate::Added if in_right => in_root(app, Which::Right, row.path.clone()),
        Fate::Removed if in_left => in_root(app, Which::Left, row.path.clone()),
        _ => None,
    };
    let to = to.unwrap_or_else(|| at_path(app, Some(row.path.clone())));
    let (from, into) = (row.left.as_ref(), row.right.as_ref());
    let size = match (from, into) {
        // A further name of a file takes no room; what it names is of that size all the same.
        (Some(a), Some(b)) if a.size == b.size => b.is_file().then(|| human::size(b.size)),
        (Some(a), Some(b)) => Some(growth(a.size, b.size)),
        (a, b) => {
            let takes = |side: Option<&Side>| side.map_or(0, Side::takes);
            (takes(a) != takes(b)).then(|| growth(takes(a), takes(b)))
        }
    };
    let is_dir = in_right || (in_left && row.right.is_none());
    let slash = if is_dir { "/" } else { "" };
    let (parent, name) = split(&row);
    let word = match row.fate {
        Fate::Added => "added",
        Fate::Removed => "removed",
        Fate::Changed => "changed",
        Fate::Unread => "not compared",
        Fate::Same => "the same",
    };
    view! {
        <div
            class="lrow"
            role="row"
            aria-rowindex=index + 2
            data-change-path=row.path.encode()
            data-change=row.fate.name()
            data-facets=row.facets.words().join(",")
        >
            <span class=format!("fate {}", row.fate.name()) role="cell">{word}</span>
            <span class="right" role="cell">{size}</span>
            <span class="what" role="cell" title=why(&row)>{why(&row)}</span>
            <span class="name" role="cell">
                <a href=to.href() title=row.path.display()><bdi><span class="dir">{parent}</span>{name}{slash}</bdi></a>
            </span>
        </div>
    }
    .into_any()
}

fn split(row: &ChangeRow) -> (String, String) {
    let name = visible(row.path.file_name().unwrap_or_default());
    let parent = row.path.parent().filter(|p| !p.is_root());
    let parent = parent.map_or(String::new(), |p| format!("{}/", p.display()));
    (parent, name)
}

/// In what it differs, in a few words.
fn why(row: &ChangeRow) -> String {
    let mut words = row.facets.words();
    match (row.fate, row.content) {
        (Fate::Unread | Fate::Changed, Content::Unread) => words.push("content not read"),
        (Fate::Unread | Fate::Changed, Content::Failed) => words.push("content not readable"),
        (Fate::Added | Fate::Removed, _) => {
            let side = row.right.as_ref().or(row.left.as_ref());
            words.push(match side.map(|s| s.kind) {
                Some(RowKind::Dir) => "directory",
                Some(RowKind::Symlink) => "symbolic link",
                Some(RowKind::Char | RowKind::Block) => "device",
                Some(RowKind::Fifo) => "pipe",
                _ if side.is_some_and(|s| s.linked) => "hard link",
                _ => "file",
            });
        }
        _ => {}
    }
    words.join(", ")
}
