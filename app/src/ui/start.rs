//! The start page.

use layerscope_core::reference::typed::Typed;
use layerscope_core::route::Route;
use leptos::prelude::*;

use crate::ui::widget::live::When;

use super::app;
use super::widget::choose::Choose;
use super::widget::refbox::{RefBox, route_of};
use super::widget::refocus;

/// Things to try: the sample works with no network.
const EXAMPLES: [(&str, &str); 6] = [
    ("sample.localhost/demo/hello", "built in, works offline"),
    ("debian:bookworm", ""),
    ("alpine", ""),
    ("ghcr.io/stefanprodan/podinfo:latest", ""),
    ("registry.k8s.io/pause:3.10", ""),
    ("cgr.dev/chainguard/static", ""),
];

/// The start page.
#[component]
pub fn Start() -> impl IntoView {
    let app = app();
    let recents = app.state.shell.recents();
    view! {
        <div class="start stack">
            <div>
                <h1>"Look inside any container image"</h1>
                <p class="lead">
                    "Open an image from a registry, walk into its layers and read single files, "
                    "without pulling it. All unpacking and checking happens in this tab."
                </p>
            </div>
            <RefBox big=true/>
            <section class="stack tight" aria-labelledby="examples">
                <h2 id="examples">"Try one"</h2>
                <ul class="chips">
                    {EXAMPLES
                        .iter()
                        .enumerate()
                        .map(|(i, (name, note))| {
                            view! {
                                <li>
                                    <a class="chip" class:first=i == 0 href=href(name)>
                                        {*name}
                                        {(!note.is_empty()).then(|| view! { <small>{*note}</small> })}
                                    </a>
                                </li>
                            }
                        })
                        .collect_view()}
                </ul>
            </section>
            <FromDisk/>
            <When when=move || recents.with(|r| !r.is_empty())>
                <section class="stack tight" aria-labelledby="recent">
                    <div class="row">
                        <h2 id="recent">"Opened lately"</h2>
                        <button
                            type="button"
                            class="btn quiet tiny"
                            on:click=move |_| {
                                app.effects.clear_recents();
                                refocus(vec!["main input".to_owned()]);
                            }
                        >
                            "Clear"
                        </button>
                    </div>
                    <ul class="chips">
                        <For each=move || recents.get() key=Clone::clone let(name)>
                            <li>
                                <a class="chip" href=href(&name)>{name.clone()}</a>
                            </li>
                        </For>
                    </ul>
                </section>
            </When>
        </div>
    }
}

/// What is opened from this computer.
#[component]
fn FromDisk() -> impl IntoView {
    let app = app();
    let remembered = app.state.local.remembered();
    view! {
        <section class="stack tight" aria-labelledby="from-disk">
            <h2 id="from-disk">"Or open what you have"</h2>
            <div class="drop-zone">
                <p>
                    "Drop a file or folder anywhere on this page: a saved image, an OCI layout, a layer, "
                    "a package or an archive. It is read in this tab and sent nowhere."
                </p>
                <div class="row">
                    <Choose folder=false/>
                    <Choose folder=true/>
                </div>
                <ul class="chips" hidden=move || remembered.with(Vec::is_empty)>
                    <For each=move || remembered.get() key=|(id, _)| id.clone() let((id, name))>
                        <li><a class="chip" href=local_href(id)><bdi>{name}</bdi></a></li>
                    </For>
                </ul>
            </div>
        </section>
    }
}

fn local_href(id: String) -> String {
    Route::Local { id }.href()
}

fn href(text: &str) -> String {
    let route = Typed::parse(text).map_or(Route::Start, |typed| route_of(&typed));
    route.href()
}
