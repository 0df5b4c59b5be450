//! JSON in lines, with links; folded and unfolded at a click.

use std::collections::BTreeSet;
use std::sync::Arc;

use layerscope_core::reference::Repository;
use layerscope_core::view::json::{self, Context, Fold, JsonView, Line, Link, Token, TokenKind};
use leptos::prelude::*;

use super::live::{When, live};

use crate::browser::timer;

/// Largest document made into lines on the page's own thread, in bytes: some ten milliseconds.
pub const MAX_PRETTY: usize = 512 * 1024;
/// Lines shown at first, and more at each click.
const STEP: usize = 1000;

/// Makes lines of a document; none if it is no JSON, or too large for that.
pub fn lines(bytes: &[u8], repository: &Repository) -> Option<Arc<JsonView>> {
    if bytes.len() > MAX_PRETTY {
        return None;
    }
    let context = Context {
        repository: repository.clone(),
        now_s: Some((timer::wall_clock_ms() / 1000.0) as i64),
    };
    json::view(bytes, &context).ok().map(Arc::new)
}

/// A document that matched its digest, in lines.
#[component]
pub fn Json(view: Arc<JsonView>) -> impl IntoView {
    let folded = RwSignal::new(BTreeSet::<usize>::new()); // tidy: local
    let limit = RwSignal::new(STEP); // tidy: local
    let total = view.lines.len();
    let folds = Arc::new(view.folds.clone());
    let shown = {
        let folds = folds.clone();
        Memo::new(move |_| folded.with(|f| visible_lines(total, &folds, f)))
    };
    let first = move || {
        let limit = limit.get();
        shown.with(|s| s.iter().take(limit).copied().collect::<Vec<usize>>())
    };
    let more = move || shown.with(Vec::len) > limit.get();
    let lines = view;
    view! {
        <div class="json" data-content="json" data-verified="blob" tabindex="0" role="group" aria-label="JSON">
            <For
                each=first
                key=|i| *i
                children=move |i| {
                    let fold = folds.iter().find(|f| f.start == i).copied();
                    let line = lines.lines.get(i).cloned().unwrap_or_default();
                    line_view(i, line, fold, folded)
                }
            />
        </div>
        <When when=more>
            <div class="pad">
                <button type="button" class="btn" on:click=move |_| limit.update(|l| *l += STEP)>
                    {live(move || format!("Show more lines ({} in all)", shown.with(Vec::len)))}
                </button>
            </div>
        </When>
    }
}

/// The lines that no fold hides: of a folded part its first line stays.
fn visible_lines(total: usize, folds: &[Fold], folded: &BTreeSet<usize>) -> Vec<usize> {
    let mut out = Vec::with_capacity(total);
    let mut at = 0;
    while at < total {
        out.push(at);
        let hidden = folded
            .contains(&at)
            .then(|| folds.iter().find(|f| f.start == at))
            .flatten();
        at = hidden.map_or(at, |f| f.end) + 1;
    }
    out
}

fn line_view(
    index: usize,
    line: Line,
    fold: Option<Fold>,
    folded: RwSignal<BTreeSet<usize>>, // tidy: local
) -> impl IntoView {
    let indent = rem(1.6 + line.indent as f64 * 1.25);
    let at = rem(0.2 + line.indent as f64 * 1.25);
    let is_folded = move || folded.with(|f| f.contains(&index));
    let toggle = move |_| {
        folded.update(|f| {
            if !f.remove(&index) {
                f.insert(index);
            }
        });
    };
    view! {
        <div class="json-line" style:padding-left=indent>
            {fold.map(|fold| view! {
                <button
                    type="button"
                    class="json-fold"
                    style:left=at
                    aria-expanded=move || (!is_folded()).to_string()
                    aria-label=format!("Members: {}", fold.len)
                    on:click=toggle
                ></button>
            })}
            {line.tokens.into_iter().map(token).collect_view()}
            {fold.map(|fold| view! {
                <span class="json-more" hidden=move || !is_folded() data-more=format!("… {}", fold.len)></span>
            })}
        </div>
    }
}

fn token(token: Token) -> impl IntoView {
    let class = format!("tok-{}", token.kind.name());
    match token.link {
        Some(Link::Url(url)) => view! {
            <a class=class href=url title=token.title rel="noopener noreferrer" target="_blank">{token.text}</a>
        }
        .into_any(),
        Some(link) => {
            view! { <a class=class href=link.href() title=token.title>{token.text}</a> }.into_any()
        }
        // Nothing is told of most: bare text is lighter than an element.
        None if token.kind == TokenKind::Punct => token.text.into_any(),
        None => view! { <span class=class title=token.title>{token.text}</span> }.into_any(),
    }
}

fn rem(length: f64) -> String {
    format!("{}rem", layerscope_core::view::human::decimal(length, 2))
}
