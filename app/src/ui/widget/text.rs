//! Text with line numbers, in blocks. Blocks that were not looked at yet are empty and have the
//! right height; they are filled when they come into view, and a few at a time without that, so
//! that no step is long and a text of usual length is on the page as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use layerscope_core::job::Verified;
use layerscope_core::route::{Lines, Route};
use leptos::html;
use leptos::prelude::*;

use super::live::live;

use crate::browser::page;
use crate::state::text::TextDoc;
use crate::ui::app;

/// Lines to a block: about a screen. Filling one takes some five milliseconds.
const BLOCK: usize = 40;
/// Blocks filled without being looked at: 20,000 lines.
const EAGER: usize = 500;
/// A line's height in CSS pixels; styles/main.css has the same.
const LINE_PX: usize = 20;
/// Characters of a line that are shown unless one asks for more: laying out a line of a megabyte
/// takes seconds.
const MAX_LINE: usize = 5000;

/// Which blocks are filled; each has a switch of its own, so that filling one touches no other.
/// The second is the same again, for a block that is made anew.
type Switches = StoredValue<BTreeMap<usize, (RwSignal<bool>, bool)>>; // tidy: local

/// The text.
#[component]
pub fn TextView(
    /// Its lines.
    doc: Memo<Arc<TextDoc>>,
    /// How far it is checked.
    #[prop(into)]
    verified: Signal<Verified>,
    /// Long lines are wrapped.
    #[prop(into)]
    wrap: Signal<bool>,
    /// What stands below the last line.
    #[prop(optional)]
    children: Option<ChildrenFn>,
) -> impl IntoView {
    let route = app().route();
    let lines = Memo::new(move |_| lines_of(&route.get()));
    let switches: Switches = StoredValue::default();
    let scroller = NodeRef::<html::Div>::new();
    let total = Memo::new(move |_| doc.with(|d| d.len().div_ceil(BLOCK)));
    let fill = move |block: usize| fill_block(switches, block);
    // Goes on by itself, a block a frame.
    Effect::new(move |_| {
        fill_next(switches, total.get().min(EAGER), 0);
    });
    // What is in view is filled at once.
    let look = move || {
        let Some(scroller) = scroller.try_get_untracked().flatten() else {
            return;
        };
        let seen = scroller.get_bounding_client_rect();
        let x = (seen.left() + seen.width() / 2.0) as f32;
        for y in [
            seen.top() + 4.0,
            seen.top() + seen.height() / 2.0,
            seen.bottom() - 4.0,
        ] {
            let there = page::document().element_from_point(x, y as f32);
            let block = there.and_then(|e| e.closest(".block").ok().flatten());
            let number = block.and_then(|b| b.get_attribute("data-block"));
            if let Some(number) = number.and_then(|n| n.parse::<usize>().ok()) {
                fill(number);
                fill(number + 1);
            }
        }
    };
    let on_scroll = move |_| look();
    // The lines that the route names come into view, once they are there.
    let shown_for = StoredValue::new(None::<Lines>);
    Effect::new(move |_| {
        let Some(wanted) = lines.get() else {
            return shown_for.set_value(None);
        };
        let here = doc.with(|d| d.len() as u64);
        if shown_for.get_value() == Some(wanted) || wanted.first > here {
            return;
        }
        shown_for.set_value(Some(wanted));
        let block = (wanted.first as usize - 1) / BLOCK; // lines are counted from 1
        super::later(move || {
            fill(block);
            super::later(move || {
                show_line(wanted.first, scroller);
                look();
            });
        });
    });
    let blocks = move || (0..total.get()).collect::<Vec<usize>>();
    // A longer text has the same first blocks, but for the last of them.
    let key = move |block: &usize| {
        let end = ((block + 1) * BLOCK).min(doc.with_untracked(|d| d.len()));
        (*block, end)
    };
    let gutter = move || format!("{}ch", doc.with(|d| d.len().to_string().len().max(3)));
    view! {
        <div class="content-scroll" tabindex="0" role="group" aria-label="Content" node_ref=scroller on:scroll=on_scroll>
            <div
                class="code"
                class:wrap=wrap
                data-content="text"
                data-verified=move || verified.get().name()
                style:--gutter=gutter
            >
                <For each=blocks key=key children=move |block| block_view(block, doc, lines, route, switches)/>
            </div>
            {children.map(|below| below())}
        </div>
    }
}

/// Fills a block, unless it is filled or gone.
fn fill_block(switches: Switches, block: usize) {
    let empty = switches.try_update_value(|s| match s.get_mut(&block) {
        Some((switch, filled @ false)) => {
            *filled = true;
            Some(*switch)
        }
        _ => None,
    });
    if let Some(Some(switch)) = empty {
        switch.try_set(true); // tidy: local
    }
}

/// Fills the next empty block, and goes on in the next frame.
fn fill_next(switches: Switches, end: usize, from: usize) {
    page::request_frame(move || {
        let next = switches.try_with_value(|s| {
            let mut rest = s.range(from..end);
            rest.find(|(_, (_, filled))| !filled)
                .map(|(block, _)| *block)
        });
        if let Some(Some(block)) = next {
            fill_block(switches, block);
            fill_next(switches, end, block + 1);
        }
    });
}

/// Scrolls to a line unless it is in view.
fn show_line(number: u64, scroller: NodeRef<html::Div>) {
    let selector = format!(".ln > a[data-n=\"{number}\"]");
    let line = page::document().query_selector(&selector).ok().flatten();
    if let (Some(line), Some(scroller)) = (line, scroller.try_get_untracked().flatten()) {
        let (a, b) = (
            line.get_bounding_client_rect(),
            scroller.get_bounding_client_rect(),
        );
        if a.top() < b.top() || a.bottom() > b.bottom() {
            let to = f64::from(scroller.scroll_top()) + a.top() - b.top() - b.height() / 3.0;
            scroller.set_scroll_top(to as i32);
        }
    }
}

fn lines_of(route: &Route) -> Option<Lines> {
    match route {
        Route::Fs { show, .. } | Route::Layers { show, .. } => show.lines,
        Route::Blob { lines, .. } => *lines,
        _ => None,
    }
}

fn with_line(route: &Route, number: u64) -> Route {
    let mut route = route.clone();
    match &mut route {
        Route::Fs { show, .. } | Route::Layers { show, .. } => {
            show.lines = Lines::new(number, number);
        }
        Route::Blob { lines, .. } => *lines = Lines::new(number, number),
        _ => {}
    }
    route
}

fn block_view(
    block: usize,
    doc: Memo<Arc<TextDoc>>,
    lines: Memo<Option<Lines>>,
    route: Memo<Route>,
    switches: Switches,
) -> impl IntoView {
    let doc = doc.get_untracked();
    let before = switches.with_value(|s| s.get(&block).is_some_and(|(_, filled)| *filled));
    // The first two are what one sees first.
    let now = before || block < 2;
    let filled = RwSignal::new(now); // tidy: local
    switches.update_value(|s| {
        s.insert(block, (filled, now));
    });
    let range = block * BLOCK..((block + 1) * BLOCK).min(doc.len());
    let (first, last) = (range.start as u64 + 1, range.end as u64);
    // Only a block in which something changes is made again.
    let marked = Memo::new(move |_| {
        let lines = lines.get()?;
        (lines.first <= last && lines.last >= first)
            .then(|| (lines.first.max(first), lines.last.min(last)))
    });
    let px = range.len() * LINE_PX;
    let size = format!("auto {px}px");
    let height = move || (!filled.get()).then(|| format!("{px}px"));
    let base = route.get_untracked();
    view! {
        <div
            class="block"
            data-block=block.to_string()
            style:contain-intrinsic-size=size
            style:height=height
        >
            {live(move || {
                if !filled.get() {
                    return Vec::new();
                }
                let marked = marked.get();
                range
                    .clone()
                    .map(|index| {
                        let number = index as u64 + 1;
                        let on = marked.is_some_and(|(a, b)| (a..=b).contains(&number));
                        line_view(&doc, index, on, &base)
                    })
                    .collect()
            })}
        </div>
    }
}

fn line_view(doc: &TextDoc, index: usize, on: bool, route: &Route) -> impl IntoView + use<> {
    let number = index as u64 + 1;
    let text = doc.line(index);
    let cut = text.char_indices().nth(MAX_LINE).map(|(at, _)| at);
    let (shown, rest) = text.split_at(cut.unwrap_or(text.len()));
    let (shown, rest) = (shown.to_owned(), rest.to_owned());
    let href = with_line(route, number).href();
    view! {
        <span class=if on { "ln on" } else { "ln" }>
            <a href=href tabindex="-1" aria-label=format!("Line {number}") data-n=number.to_string()></a>
            {shown}
            {(!rest.is_empty()).then(|| view! { <LongRest rest=rest/> })}
        </span>
    }
}

/// The rest of a very long line, on demand.
#[component]
fn LongRest(rest: String) -> impl IntoView {
    let open = RwSignal::new(false); // tidy: local
    let label = format!("… {} more characters", rest.chars().count());
    let rest = Arc::new(rest);
    move || match open.get() {
        true => rest.to_string().into_any(),
        false => view! {
            <button type="button" class="btn tiny" on:click=move |_| open.set(true)>
                {label.clone()}
            </button>
        }
        .into_any(),
    }
}
