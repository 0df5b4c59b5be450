//! A JSON document with what one does with it: filter it, search it, read it raw.

use std::collections::BTreeSet;
use std::sync::Arc;

use layerscope_core::job::Verified;
use layerscope_core::view::json::{Context, Filter, JsonView, MAX_FILTER};
use leptos::prelude::*;

use super::json::{Json, Shown, lines};
use super::live::live;
use super::text::TextView;
use crate::browser::page;
use crate::state::text::TextDoc;

/// A document that matched its digest.
#[component]
pub fn JsonDocument(
    /// Its bytes.
    bytes: Arc<[u8]>,
    /// What its links are relative to.
    context: Context,
    /// The filter of the address.
    filter: Memo<String>,
    /// Puts another there.
    set_filter: Callback<String>,
) -> impl IntoView {
    let raw = RwSignal::new(false); // tidy: local
    let read = Memo::new(move |_| filter.with(|f| f.parse::<Filter>()));
    let view = {
        let bytes = bytes.clone();
        Memo::new(move |_| {
            let filter = read.with(|f| f.clone().unwrap_or_default());
            lines(&bytes, &context, &filter)
        })
    };
    // What is folded and found belongs to the lines that are shown.
    let shown = Memo::new(move |_| view.with(|v| v.as_ref().map(|v| (v.clone(), Shown::new(v)))));
    let problem = move || read.with(|f| f.as_ref().err().map(ToString::to_string));
    let count = move || {
        let filtered = read.with(|f| f.as_ref().is_ok_and(|f| !f.is_whole()));
        let found = view.with(|v| v.as_ref().map_or(0, |v| v.found));
        filtered.then(|| match found {
            0 => "Nothing is at this path.".to_owned(),
            1 => "1 value".to_owned(),
            n => format!("{n} values"),
        })
    };
    let on_filter = move |ev| set_filter.run(event_target_value(&ev));
    view! {
        <div class="tools json-tools">
            <input
                type="search"
                class="field mono"
                aria-label="Show a part of the document, by a path as jq has it"
                placeholder=".layers[0].digest"
                maxlength=MAX_FILTER.to_string()
                autocapitalize="off"
                autocomplete="off"
                spellcheck="false"
                data-action="filter-json"
                aria-invalid=move || problem().is_some().then_some("true")
                prop:value=move || filter.get()
                on:input=on_filter
            />
            <Find shown=shown/>
            <button
                type="button"
                class="btn tiny"
                aria-pressed=move || raw.get().to_string()
                on:click=move |_| raw.update(|r| *r = !*r)
            >
                "Raw"
            </button>
            <span class="muted small" role="status">
                {live(move || problem().map(|p| format!("No path: {p}.")).or_else(count))}
            </span>
        </div>
        {live(move || match (raw.get(), shown.get()) {
            (true, _) => {
                let doc = Arc::new(TextDoc::new(&bytes, true));
                view! {
                    <div class="content blob-content">
                        <TextView doc=Memo::new(move |_| doc.clone()) verified=Signal::stored(Verified::Blob) wrap=Signal::stored(true)/>
                    </div>
                }
                .into_any()
            }
            (false, Some((view, shown))) => view! { <Json view=view shown=shown/> }.into_any(),
            (false, None) => view! { <p class="empty">"Too large to be laid out here; read it raw."</p> }.into_any(),
        })}
    }
}

/// A search in the lines, and steps from one to the next.
#[component]
fn Find(shown: Memo<Option<(Arc<JsonView>, Shown)>>) -> impl IntoView {
    let text = RwSignal::new(String::new()); // tidy: local
    let at = RwSignal::new(0_usize); // tidy: local
    let hits = Memo::new(move |_| {
        let text = text.get().to_lowercase();
        shown.with(|s| match (s, text.is_empty()) {
            (Some((view, _)), false) => Arc::new(view.lines_with(&text)),
            _ => Arc::default(),
        })
    });
    Effect::new(move |_| {
        let (hits, at) = (hits.get(), at.get());
        let Some((view, shown)) = shown.get() else {
            return;
        };
        let line = hits.iter().nth(at).copied();
        shown.mark(&view, hits, line);
        if let Some(line) = line {
            let selector = format!(".json-line[data-line=\"{line}\"]");
            page::request_frame(move || page::scroll_to(&selector));
        }
    });
    let count = move || hits.with(|h| BTreeSet::len(h));
    let step = move |by: usize| {
        let count = hits.with_untracked(|h| h.len());
        at.update(|at| *at = (*at + by).checked_rem(count).unwrap_or(0));
    };
    let back = move || hits.with_untracked(|h| h.len()).saturating_sub(1);
    view! {
        <input
            type="search"
            class="field"
            aria-label="Search in the document"
            placeholder="Search"
            autocomplete="off"
            spellcheck="false"
            data-action="find-json"
            on:input=move |ev| {
                at.set(0);
                text.set(event_target_value(&ev));
            }
            on:keydown=move |ev| if ev.key() == "Enter" {
                step(if ev.shift_key() { back() } else { 1 });
            }
        />
        {live(move || (!text.with(String::is_empty)).then(|| view! {
            <span class="muted small" role="status">
                {live(move || match count() {
                    0 => "not found".to_owned(),
                    n => format!("{} of {n}", at.get() + 1),
                })}
            </span>
            <button type="button" class="btn tiny" aria-label="Previous" disabled=move || count() < 2 on:click=move |_| step(back())>"↑"</button>
            <button type="button" class="btn tiny" aria-label="Next" disabled=move || count() < 2 on:click=move |_| step(1)>"↓"</button>
        }))}
    }
}
