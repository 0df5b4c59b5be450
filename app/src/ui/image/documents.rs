//! The documents themselves: manifest, index, configuration.

use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::manifest::Document;
use layerscope_core::registry::client::Fetched;
use layerscope_core::route::{ImageDocument, Route};
use layerscope_core::view::command;
use layerscope_core::view::json::Context;
use leptos::prelude::*;

use crate::ui::widget::live::live;

use crate::ui::app;
use crate::ui::widget::command::Commands;
use crate::ui::widget::copy::CopyButton;
use crate::ui::widget::document::JsonDocument;

/// One that is here: which, how it is called, its bytes.
type Entry = (ImageDocument, &'static str, Arc<[u8]>);

/// One of them in lines, and a choice of which.
#[component]
pub fn Documents() -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let route = app.route();
    let picked =
        Memo::new(move |_| parts(&mut route.get()).map_or_else(Default::default, |(d, _)| *d));
    let filter = Memo::new(move |_| {
        parts(&mut route.get())
            .and_then(|(_, f)| f.take())
            .unwrap_or_default()
    });
    let change = move |change: &dyn Fn(&mut ImageDocument, &mut Option<String>)| {
        let mut route = route.get_untracked();
        if let Some((document, filter)) = parts(&mut route) {
            change(document, filter);
            app.effects.adjust(&route);
        }
    };
    let documents = Memo::new(move |_| {
        let mut list: Vec<Entry> = Vec::new();
        let bytes = |f: &Arc<Fetched>| -> Arc<[u8]> { f.bytes.clone().into() };
        let top = state.top().with(|t| t.ready().cloned());
        let manifest = state.manifest().with(|m| m.ready().cloned());
        if let Some(manifest) = &manifest {
            list.push((ImageDocument::Manifest, "Manifest", bytes(manifest)));
        }
        if let Some(top) = top.filter(|t| manifest.as_ref().is_none_or(|m| m.digest != t.digest)) {
            list.push(match top.document {
                Document::Index(_) => (ImageDocument::Index, "Index", bytes(&top)),
                _ => (ImageDocument::Manifest, "Document", bytes(&top)),
            });
        }
        if let Some(config) = state.config().with(|c| c.ready().map(|c| c.bytes.clone())) {
            list.push((ImageDocument::Config, "Config", config));
        }
        list
    });
    let shown = Memo::new(move |_| {
        let picked = picked.get();
        documents.with(|d| d.iter().find(|e| e.0 == picked).or(d.first()).cloned())
    });
    let text = Signal::derive(move || {
        shown.with(|s| {
            s.as_ref().map_or(String::new(), |(.., b)| {
                String::from_utf8_lossy(b).into_owned()
            })
        })
    });
    let commands = Signal::derive(move || {
        let (document, filter) = (shown.with(|s| s.as_ref().map(|s| s.0)), filter.get());
        match (route.get(), document) {
            (
                Route::Image {
                    reference,
                    platform,
                    ..
                },
                Some(document),
            ) => command::document(&reference, platform.as_ref(), document, &filter),
            _ => Vec::new(),
        }
    });
    let image = move |document| -> Option<Digest> {
        let manifest = state
            .manifest()
            .with(|m| m.ready().map(|m| m.digest.clone()));
        manifest.filter(|_| document == ImageDocument::Config)
    };
    view! {
        <section class="stack tight" aria-labelledby="documents">
            <div class="section-head">
                <h2 id="documents">"Documents"</h2>
                <div class="row" role="group" aria-label="Which document">
                    {live(move || documents
                        .get()
                        .into_iter()
                        .map(|(which, name, _)| view! {
                            <button
                                type="button"
                                class="btn tiny"
                                aria-pressed=move || (shown.with(|s| s.as_ref().is_some_and(|s| s.0 == which))).to_string()
                                on:click=move |_| change(&|document, filter| (*document, *filter) = (which, None))
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
                    let ((which, _, bytes), repository) = (shown.get()?, state.repository()?);
                    let context = Context { repository, image: image(which), now_s: None };
                    let set_filter = Callback::new(move |text: String| {
                        let text = Some(text).filter(|t| !t.trim().is_empty());
                        change(&|_, filter| filter.clone_from(&text));
                    });
                    Some(view! { <JsonDocument bytes=bytes context=context filter=filter set_filter=set_filter/> })
                })}
            </div>
            <Commands commands=commands/>
        </section>
    }
}

fn parts(route: &mut Route) -> Option<(&mut ImageDocument, &mut Option<String>)> {
    match route {
        Route::Image {
            document, filter, ..
        } => Some((document, filter)),
        _ => None,
    }
}
