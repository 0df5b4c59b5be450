//! A blob by its kind: JSON in lines, text, or bytes in hex.

use std::ops::Range;
use std::sync::Arc;

use layerscope_core::job::Verified;
use layerscope_core::layer_index::Compression;
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::route::{Render, Route};
use layerscope_core::view::command;
use layerscope_core::view::human;
use layerscope_core::view::json::{self, Context};
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::badge::VerifiedBadge;
use super::widget::command::Commands;
use super::widget::copy::CopyButton;
use super::widget::details::Details;
use super::widget::document::JsonDocument;
use super::widget::hex::{Bytes, HexView};
use super::widget::json::MAX_PRETTY;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use super::widget::text::TextView;
use crate::state::Load;
use crate::state::text::{Sniff, TextDoc, sniff};

/// The page.
#[component]
pub fn Blob() -> impl IntoView {
    let app = app();
    let route = app.route();
    let state = app.state.blob;
    let digest = Signal::derive(move || {
        state
            .digest()
            .with(|d| d.as_ref().map_or(String::new(), ToString::to_string))
    });
    let commands = Signal::derive(move || match route.get() {
        Route::Blob {
            repository, digest, ..
        } => command::blob(&repository, &digest),
        _ => Vec::new(),
    });
    let media_type = move || match route.get() {
        Route::Blob { media_type, .. } => media_type.map(|t| visible(t.as_bytes())),
        _ => None,
    };
    let as_layer = move || match route.get() {
        Route::Blob {
            repository, digest, ..
        } => Route::fs(repository, digest, EntryPath::ROOT).href(),
        _ => String::new(),
    };
    let packed = move || {
        state.bytes().with(|b| {
            let found = b.ready().map(|bytes| Compression::detect(bytes));
            found.is_some_and(|c| c != Compression::None)
        })
    };
    let size = move || {
        state
            .bytes()
            .with(|b| b.ready().map(|b| human::size(b.len() as u64)))
    };
    view! {
        <div class="stack">
            <div class="stack tight">
                <h1>"Blob"</h1>
                <div class="row">
                    <span class="digest">{live(move || digest.get())}</span>
                    <CopyButton text=digest what="the digest"/>
                </div>
                <div class="row small">
                    <span class="muted">{live(size)}</span>
                    <span class="muted break">{live(media_type)}</span>
                    <When when=move || state.bytes().with(|b| b.ready().is_some())>
                        <VerifiedBadge level=Signal::stored(Verified::Blob)/>
                    </When>
                    <a href=as_layer>{live(move || if packed() { "Open unpacked" } else { "Open as a layer" })}</a>
                </div>
            </div>
            <Commands commands=commands/>
            {live(move || match state.bytes().get() {
                Load::Ready(bytes) => view! { <Content bytes=bytes/> }.into_any(),
                Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                Load::Idle | Load::Loading => view! { <Skeleton lines=9/> }.into_any(),
            })}
        </div>
    }
}

#[component]
fn Content(bytes: Arc<[u8]>) -> impl IntoView {
    let app = app();
    let route = app.route();
    let wanted = Memo::new(move |_| match route.get() {
        Route::Blob { render, .. } => render,
        _ => None,
    });
    let wrap = RwSignal::new(false); // tidy: local
    let to = move |render: Render| {
        let mut route = route.get();
        if let Route::Blob { render: shown, .. } = &mut route {
            *shown = Some(render);
        }
        route.href()
    };
    let repository = match route.get_untracked() {
        Route::Blob { repository, .. } => Some(repository),
        _ => None,
    };
    let context = repository.map(|repository| Context {
        repository,
        image: None,
        now_s: None,
    });
    let has_json = context.is_some() && bytes.len() <= MAX_PRETTY && json::is_json(&bytes);
    let filter = Memo::new(move |_| match route.get() {
        Route::Blob { filter, .. } => filter.unwrap_or_default(),
        _ => String::new(),
    });
    let set_filter = Callback::new(move |text: String| {
        let mut route = route.get_untracked();
        if let Route::Blob { filter, .. } = &mut route {
            *filter = Some(text).filter(|t| !t.trim().is_empty());
            app.effects.adjust(&route);
        }
    });
    let is_text = matches!(sniff(&bytes), Sniff::Text | Sniff::Empty);
    let form = move || match wanted.get() {
        Some(render @ (Render::Text | Render::Hex)) => render,
        None | Some(Render::Details) if app.state.viewer.name().is_some() => Render::Details,
        _ if has_json => Render::Json,
        _ if is_text => Render::Text,
        _ => Render::Hex,
    };
    let verified = Signal::stored(Verified::Blob);
    view! {
        <div class="row">
            {live(move || app.state.viewer.name().map(|kind| view! {
                <a class="btn tiny" data-action="details" href=move || to(Render::Details) aria-current=move || (form() == Render::Details).then_some("true")>{kind}</a>
            }))}
            {has_json.then(|| view! { <a class="btn tiny" href=move || to(Render::Json) aria-current=move || (form() == Render::Json).then_some("true")>"JSON"</a> })}
            <a class="btn tiny" href=move || to(Render::Text) aria-current=move || (form() == Render::Text).then_some("true")>"Text"</a>
            <a class="btn tiny" href=move || to(Render::Hex) aria-current=move || (form() == Render::Hex).then_some("true")>"Hex"</a>
        </div>
        {live(move || match (form(), context.clone()) {
            (Render::Details, _) => view! {
                <div class="card"><Details verified=verified/></div>
            }
            .into_any(),
            (Render::Json, Some(context)) => view! {
                <div class="card">
                    <JsonDocument bytes=bytes.clone() context=context filter=filter set_filter=set_filter/>
                </div>
            }
            .into_any(),
            (Render::Hex, _) => {
                let (total, bytes) = (bytes.len() as u64, bytes.clone());
                let source: Bytes = Arc::new(move |at, len| bytes.get(at as usize..at as usize + len).map(<[u8]>::to_vec));
                view! {
                    <div class="content blob-content">
                        <HexView
                            total=Signal::stored(total)
                            bytes=source
                            verified=verified
                            look=Callback::new(|_: Range<u64>| ())
                        />
                    </div>
                }
                .into_any()
            }
            _ => {
                let doc = Arc::new(TextDoc::new(&bytes, true));
                let doc = Memo::new(move |_| doc.clone());
                view! {
                    <div class="content blob-content">
                        <TextView doc=doc verified=verified wrap=wrap/>
                    </div>
                }
                .into_any()
            }
        })}
    }
}
