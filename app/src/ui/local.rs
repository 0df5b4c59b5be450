//! What was opened from disk: the images or archives in it; or, where it is not open, how to open
//! it again.

use std::sync::Arc;

use layerscope_core::local::{Archive, Image, Opened};
use layerscope_core::path::visible;
use layerscope_core::reference::ManifestRef;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use layerscope_core::view::local as words;
use leptos::prelude::*;

use super::app;
use super::widget::choose::Choose;
use super::widget::command::Commands;
use super::widget::live::live;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use crate::effects::local::archive_route;
use crate::state::local::Local as Stands;

/// The page.
#[component]
pub fn Local() -> impl IntoView {
    let app = app();
    let route = app.route();
    let id = Memo::new(move |_| route.with(|r| r.local_id().unwrap_or_default().to_owned()));
    let stands = Memo::new(move |_| id.with(|id| app.state.local.get(id)));
    view! {
        <div class="stack">
            <h1><bdi>{live(move || id.with(|id| app.state.local.name(id)))}</bdi></h1>
            {live(move || match stands.get() {
                None | Some(Stands::Opening) => view! { <Skeleton lines=6/> }.into_any(),
                Some(Stands::Open(opened)) => view! { <Inside opened=opened/> }.into_any(),
                Some(Stands::Ask(_)) => view! { <Ask id=id.get_untracked()/> }.into_any(),
                Some(Stands::Failed(problem)) => view! {
                    <ProblemPanel problem=problem/>
                    <div class="row"><Choose folder=false/><Choose folder=true/></div>
                }
                .into_any(),
            })}
        </div>
    }
}

#[component]
fn Ask(id: String) -> impl IntoView {
    let app = app();
    view! {
        <section class="problem mild" role="alert" data-problem="LOCAL_ASK">
            <h2>"This file was open on an earlier visit"</h2>
            <p>"The browser remembers where it is, and reads it again when you say so."</p>
            <div class="row">
                <button
                    type="button"
                    class="btn main"
                    data-action="open-again"
                    on:click=move |_| app.effects.open_remembered(id.clone())
                >
                    "Open it again"
                </button>
                <Choose folder=false/>
            </div>
        </section>
    }
}

#[component]
fn Inside(opened: Arc<Opened>) -> impl IntoView {
    let commands = words::commands(&opened);
    view! {
        <div class="row small muted">
            <span>{words::form(opened.form)}</span>
            <span>{human::size(opened.len)}</span>
            <span>"read in this tab, sent nowhere"</span>
        </div>
        <Commands commands=Signal::stored(commands)/>
        {(!opened.images.is_empty()).then(|| view! {
            <section class="stack tight" aria-labelledby="images">
                <h2 id="images">"Images"</h2>
                <ul class="card list">
                    {opened.images.iter().map(|i| image(&opened, i)).collect_view()}
                </ul>
            </section>
        })}
        {(!opened.archives.is_empty()).then(|| view! {
            <section class="stack tight" aria-labelledby="archives">
                <h2 id="archives">"Archives"</h2>
                <ul class="card list">
                    {opened.archives.iter().map(|a| archive(&opened, a)).collect_view()}
                </ul>
            </section>
        })}
        {(opened.images.is_empty() && opened.archives.is_empty()).then(|| view! {
            <p class="empty card">"Its list of images is empty."</p>
        })}
    }
}

fn image(opened: &Opened, image: &Image) -> impl IntoView + use<> {
    let by = ManifestRef::Digest(image.digest.clone());
    let href = opened
        .repository()
        .map(|r| Route::image(r.reference(by)).href());
    let names: Vec<String> = image.names.iter().map(|n| visible(n.as_bytes())).collect();
    let (first, others) = match names.split_first() {
        Some((first, others)) => (first.clone(), others.join(", ")),
        None => (image.digest.short(), String::new()),
    };
    view! {
        <li data-local-image=image.digest.to_string()>
            <a href=href><bdi>{first}</bdi></a>
            {(!others.is_empty()).then(|| view! { <span class="muted">"also "<bdi>{others}</bdi></span> })}
            {image.platform.as_ref().map(|p| view! { <span>{p.to_string()}</span> })}
            <span class="muted small">{visible(image.media_type.as_bytes())}</span>
            {image.made.then(|| view! {
                <span class="muted small">"The archive has no manifest: it is put together from its manifest.json."</span>
            })}
        </li>
    }
}

fn archive(opened: &Opened, archive: &Archive) -> impl IntoView + use<> {
    let href = archive_route(opened, archive).map(|r| r.href());
    view! {
        <li data-local-archive=archive.name.clone()>
            <a href=href><bdi>{visible(archive.name.as_bytes())}</bdi></a>
            <span class="muted small">{human::size(archive.len)}</span>
        </li>
    }
}
