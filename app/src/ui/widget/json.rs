//! JSON in lines, with links; folded and unfolded at a click.

use std::collections::BTreeSet;
use std::sync::Arc;

use layerscope_core::view::json::{
    self, Context, Filter, Fold, JsonView, Line, Link, Token, TokenKind,
};
use leptos::prelude::*;

use super::live::{When, live};

use crate::browser::timer;

/// Largest document made into lines on the page's own thread, in bytes: some ten milliseconds.
pub const MAX_PRETTY: usize = 512 * 1024;
/// Lines shown at first, and more at each click.
const STEP: usize = 1000;

/// Makes lines of a document, or of what a filter finds in it; none if it is no JSON, or too large
/// for that. `context.now_s` is filled in.
pub fn lines(bytes: &[u8], context: &Context, filter: &Filter) -> Option<Arc<JsonView>> {
    if bytes.len() > MAX_PRETTY {
        return None;
    }
    let context = Context {
        now_s: Some((timer::wall_clock_ms() / 1000.0) as i64),
        ..context.clone()
    };
    json::filtered(bytes, &context, filter).ok().map(Arc::new)
}

/// What of a document is unfolded, how much of it is on the page, and which lines a search found.
#[derive(Clone, Copy, PartialEq)]
pub struct Shown {
    folded: RwSignal<BTreeSet<usize>>, // tidy: local
    limit: RwSignal<usize>,            // tidy: local
    /// Lines in which the search is, and the one of them that is looked at.
    hits: RwSignal<(Arc<BTreeSet<usize>>, Option<usize>)>, // tidy: local
}

impl Shown {
    /// As a document is shown at first: all but what is inside of strings.
    pub fn new(view: &JsonView) -> Self {
        let inside = view.folds.iter().filter(|fold| fold.inside);
        Shown {
            folded: RwSignal::new(inside.map(|fold| fold.start).collect()), // tidy: local
            limit: RwSignal::new(STEP),                                     // tidy: local
            hits: RwSignal::default(),                                      // tidy: local
        }
    }

    /// Marks lines, and shows one of them.
    pub fn mark(self, view: &JsonView, hits: Arc<BTreeSet<usize>>, at: Option<usize>) {
        if let Some(at) = at {
            let around = view.folds.iter().filter(|f| f.start < at && at <= f.end);
            let around: Vec<usize> = around.map(|fold| fold.start).collect();
            if self
                .folded
                .with_untracked(|f| around.iter().any(|a| f.contains(a)))
            {
                self.folded
                    .update(|f| f.retain(|start| !around.contains(start)));
            }
            if self.limit.get_untracked() <= at {
                self.limit.set(at + STEP);
            }
        }
        self.hits.set((hits, at));
    }
}

/// A document that matched its digest, in lines.
#[component]
pub fn Json(view: Arc<JsonView>, shown: Shown) -> impl IntoView {
    let Shown { folded, limit, .. } = shown;
    let total = view.lines.len();
    let folds = Arc::new(view.folds.clone());
    let visible = {
        let folds = folds.clone();
        Memo::new(move |_| folded.with(|f| visible_lines(total, &folds, f)))
    };
    let first = move || {
        let limit = limit.get();
        visible.with(|s| s.iter().take(limit).copied().collect::<Vec<usize>>())
    };
    let more = move || visible.with(Vec::len) > limit.get();
    let lines = view;
    view! {
        <div class="json" data-content="json" data-verified="blob" tabindex="0" role="group" aria-label="JSON">
            <For
                each=first
                key=|i| *i
                children=move |i| {
                    let fold = folds.iter().find(|f| f.start == i).copied();
                    let line = lines.lines.get(i).cloned().unwrap_or_default();
                    line_view(i, line, fold, shown)
                }
            />
        </div>
        <When when=more>
            <div class="pad">
                <button type="button" class="btn" on:click=move |_| limit.update(|l| *l += STEP)>
                    {live(move || format!("Show more lines ({} in all)", visible.with(Vec::len)))}
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

fn line_view(index: usize, line: Line, fold: Option<Fold>, shown: Shown) -> impl IntoView {
    let Shown { folded, hits, .. } = shown;
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
    let hit = move || {
        hits.with(|(all, at)| match *at == Some(index) {
            true => Some("now"),
            false => all.contains(&index).then_some("also"),
        })
    };
    let label = match fold {
        Some(Fold { inside: true, .. }) => "The document in this string".to_owned(),
        Some(fold) => format!("Members: {}", fold.len),
        None => String::new(),
    };
    view! {
        <div class="json-line" class:nested=line.nested != 0 style:padding-left=indent data-line=index data-hit=hit>
            {fold.map(|_| view! {
                <button
                    type="button"
                    class="json-fold"
                    style:left=at
                    aria-expanded=move || (!is_folded()).to_string()
                    aria-label=label
                    on:click=toggle
                ></button>
            })}
            {line.tokens.into_iter().map(token).collect_view()}
            {fold.map(|fold| view! {
                <span class="json-more" hidden=move || !is_folded() data-more=more_text(fold)></span>
            })}
        </div>
    }
}

fn more_text(fold: Fold) -> String {
    match fold.inside {
        true => " ▸ JSON inside".to_owned(),
        false => format!("… {}", fold.len),
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
