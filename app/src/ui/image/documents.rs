//! The documents themselves: manifest, index, configuration.

use std::sync::Arc;

use layerscope_core::manifest::Document;
use layerscope_core::registry::client::Fetched;
use leptos::prelude::*;

use crate::ui::widget::live::live;

use crate::ui::app;
use crate::ui::widget::copy::CopyButton;
use crate::ui::widget::json::{Json, lines};

/// One of them in lines, and a choice of which.
#[component]
pub fn Documents() -> impl IntoView {
    let state = app().state.image;
    let picked = RwSignal::new(0_usize); // tidy: local
    let documents = Memo::new(move |_| {
        let mut list: Vec<(&'static str, Arc<[u8]>)> = Vec::new();
        let bytes = |f: &Arc<Fetched>| -> Arc<[u8]> { f.bytes.clone().into() };
        let top = state.top().with(|t| t.ready().cloned());
        let manifest = state.manifest().with(|m| m.ready().cloned());
        if let Some(manifest) = &manifest {
            list.push(("Manifest", bytes(manifest)));
        }
        if let Some(top) = top.filter(|t| manifest.as_ref().is_none_or(|m| m.digest != t.digest)) {
            let name = if matches!(top.document, Document::Index(_)) {
                "Index"
            } else {
                "Document"
            };
            list.push((name, bytes(&top)));
        }
        if let Some(config) = state.config().with(|c| c.ready().map(|c| c.bytes.clone())) {
            list.push(("Config", config));
        }
        list
    });
    let shown = Memo::new(move |_| {
        documents.with(|d| {
            d.get(picked.get())
                .or(d.first())
                .map(|(_, bytes)| bytes.clone())
        })
    });
    let text = Signal::derive(move || {
        shown.with(|s| {
            s.as_ref()
                .map_or(String::new(), |b| String::from_utf8_lossy(b).into_owned())
        })
    });
    view! {
        <section class="stack tight" aria-labelledby="documents">
            <div class="section-head">
                <h2 id="documents">"Documents"</h2>
                <div class="row" role="group" aria-label="Which document">
                    {live(move || documents
                        .get()
                        .into_iter()
                        .enumerate()
                        .map(|(i, (name, _))| view! {
                            <button
                                type="button"
                                class="btn tiny"
                                aria-pressed=move || (picked.get() == i).to_string()
                                on:click=move |_| picked.set(i)
                            >
                                {name}
                            </button>
                        })
                        .collect_view())}
                </div>
                <CopyButton text=text what="the document" class="btn tiny" label="Copy raw"/>
            </div>
            <div class="card">
                {live(move || {
                    let (bytes, repository) = (shown.get()?, state.repository()?);
                    Some(match lines(&bytes, &repository) {
                        Some(view) => view! { <Json view=view/> }.into_any(),
                        None => view! { <p class="empty">"Too large to be laid out here; copy it raw."</p> }.into_any(),
                    })
                })}
            </div>
        </section>
    }
}
