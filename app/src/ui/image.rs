//! An image or another artifact: platforms, layers, configuration, documents.

mod compare;
mod documents;
mod history;
mod layers;
mod referrers;
mod run;

use std::sync::Arc;

use layerscope_core::config::ImageConfig;
use layerscope_core::digest::Digest;
use layerscope_core::manifest::{Descriptor, Document, ImageIndex};
use layerscope_core::path::{EntryPath, visible};
use layerscope_core::reference::{ManifestRef, Repository};
use layerscope_core::registry::client::Fetched;
use layerscope_core::route::{ImageView, Route};
use layerscope_core::view::command;
use layerscope_core::view::history::steps;
use layerscope_core::view::human;
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::badge::VerifiedBadge;
use super::widget::command::Commands;
use super::widget::copy::CopyButton;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;
use crate::state::Load;
use crate::state::image::platform_name;
use compare::CompareLinks;
use documents::Documents;
use history::History;
use layers::Layers;
use referrers::Referrers;

/// Rows of a list put on the page; a manifest may state thousands.
const MAX_ROWS: usize = 500;

/// The page.
#[component]
pub fn Image() -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let route = app.route();
    let heading = move || {
        state.reference().with(|r| {
            let reference = r.as_ref()?;
            Some(match reference.repository().local_id() {
                Some(id) => app.state.local.image_name(id, reference.digest()),
                None => reference.familiar(),
            })
        })
    };
    let commands = Signal::derive(move || {
        state
            .reference()
            .with(|r| r.as_ref().map_or(Vec::new(), command::manifest))
    });
    let top = state.top();
    let view = Memo::new(move |_| match route.get() {
        Route::Image { view, .. } => view,
        _ => ImageView::Manifest,
    });
    let index = move || {
        top.with(|t| {
            t.ready()
                .filter(|f| matches!(f.document, Document::Index(_)))
                .cloned()
        })
    };
    view! {
        <div class="stack">
            <div class="stack tight">
                <h1><bdi>{live(heading)}</bdi></h1>
                <div class="stack tight top-facts">
                    {live(move || top.get().ready().map(|f| view! { <TopFacts fetched=f.clone()/> }))}
                </div>
            </div>
            <Commands commands=commands/>
            <CompareLinks/>
            {live(move || top.with(|t| t.problem().cloned()).map(|p| view! { <ProblemPanel problem=p/> }))}
            <When when=move || top.with(Load::is_loading)>
                <Skeleton lines=9/>
            </When>
            <When when=move || matches!(view.get(), ImageView::Waste | ImageView::Packages)>
                <p class="problem mild">"Waste and packages have a page of their own: “Sizes and waste”, below."</p>
            </When>
            {live(move || index().map(|f| view! { <Platforms fetched=f/> }))}
            {live(move || match state.manifest().get() {
                Load::Ready(fetched) => view! { <Manifest fetched=fetched/> }.into_any(),
                Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                Load::Loading if top.with(|t| t.ready().is_some()) => view! { <Skeleton lines=7/> }.into_any(),
                _ => ().into_any(),
            })}
            <When when=move || top.with(|t| t.ready().is_some())>
                <Referrers/>
                <Documents/>
            </When>
        </div>
    }
}

/// What the reference names: type, digest, size, what is odd about it, the limit on pulls.
#[component]
fn TopFacts(fetched: Arc<Fetched>) -> impl IntoView {
    let word = match &fetched.document {
        Document::Index(_) => "Image index",
        Document::Manifest(m) if m.is_image() => "Image manifest",
        Document::Manifest(_) => "Artifact manifest",
        Document::Schema1(_) => "Docker schema 1 manifest",
        Document::Other => "JSON document",
    };
    let problems = fetched.document.problems().to_vec();
    let limit = fetched.rate_limit.map(|l| {
        let of = l.limit.map_or(String::new(), |n| format!(" of {n}"));
        let window = l
            .window_s
            .map_or(String::new(), |s| format!(" in {}", human::duration_s(s)));
        format!("{} pulls left{of}{window}", l.remaining)
    });
    let digest = fetched.digest.to_string();
    view! {
        <div class="row small">
            <span>{word}</span>
            <span class="muted">{human::size(fetched.bytes.len() as u64)}</span>
            {limit.map(|l| view! { <span class="muted">{l}</span> })}
            <VerifiedBadge level=Signal::stored(layerscope_core::job::Verified::Blob)/>
        </div>
        <div class="row">
            <span class="digest muted">{digest.clone()}</span>
            <CopyButton text=Signal::stored(digest) what="the digest"/>
        </div>
        {(!problems.is_empty()).then(|| view! {
            <div class="problem mild small">
                <p>"Parts of this document make no sense and are left out:"</p>
                <ul>{problems.into_iter().take(20).map(|p| view! { <li>{visible(p.as_bytes())}</li> }).collect_view()}</ul>
            </div>
        })}
    }
}

/// The choice that an index gives.
#[component]
fn Platforms(fetched: Arc<Fetched>) -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let Document::Index(index) = &fetched.document else {
        return ().into_any();
    };
    let choices: Vec<Descriptor> = index.choices().take(MAX_ROWS).cloned().collect();
    let chosen = state.chosen();
    let items = choices
        .into_iter()
        .map(|d| {
            let name = platform_name(d.platform.as_ref());
            let attested = index.attestations_of(&d.digest).count();
            let digest = d.digest.clone();
            let is_chosen = move || chosen.with(|c| c.as_ref().is_some_and(|c| c.digest == digest));
            let href = choice_href(app, &d);
            view! {
                <li>
                    <a
                        href=href
                        data-platform=name.clone()
                        title=d.digest.to_string()
                        aria-current=move || is_chosen().then_some("true")
                    >
                        <bdi>{visible(name.as_bytes())}</bdi>
                        <small>{about_choice(&d, attested)}</small>
                    </a>
                </li>
            }
        })
        .collect_view();
    let other = others(index);
    view! {
        <section class="stack tight" aria-labelledby="platforms">
            <h2 id="platforms">"Platforms"</h2>
            <ul class="platforms">{items}</ul>
            {(other > 0).then(|| view! {
                <p class="small muted">{human::plural(other as u64, "further entry", "further entries")}" of the index: see the document below."</p>
            })}
        </section>
    }
    .into_any()
}

/// Entries that are neither a choice nor attest one of the choices.
fn others(index: &ImageIndex) -> usize {
    let tied = |d: &Descriptor| {
        d.attests()
            .is_some_and(|of| index.manifests.iter().any(|m| m.digest == of))
    };
    index.manifests.iter().filter(|d| !tied(d)).count()
        - index.choices().count().min(index.manifests.len())
}

fn about_choice(d: &Descriptor, attested: usize) -> String {
    let mut parts = vec![d.digest.short()];
    if let Some(kind) = &d.artifact_type {
        parts.push(visible(kind.as_bytes()));
    }
    if attested > 0 {
        parts.push(human::plural(
            attested as u64,
            "attestation",
            "attestations",
        ));
    }
    parts.join(" · ")
}

fn choice_href(app: super::App, d: &Descriptor) -> String {
    let Some(reference) = app.state.image.reference().get_untracked() else {
        return String::new();
    };
    match &d.platform {
        Some(chosen) => Route::image_for(reference, Some(chosen.clone())),
        None => Route::image(
            reference
                .repository()
                .reference(ManifestRef::Digest(d.digest.clone())),
        ),
    }
    .href()
}

/// The manifest shown: summary, layers, configuration in short.
#[component]
fn Manifest(fetched: Arc<Fetched>) -> impl IntoView {
    let state = app().state.image;
    let Some(repository) = state.repository() else {
        return ().into_any();
    };
    match &fetched.document {
        Document::Manifest(manifest) => {
            let manifest = manifest.clone();
            view! {
                <Layers manifest=manifest digest=fetched.digest.clone() repository=repository/>
                <Summary fetched=fetched.clone()/>
                <HistoryOf fetched=fetched.clone()/>
            }
            .into_any()
        }
        Document::Schema1(old) => {
            let image = ImageConfig::from_schema1(old);
            let facts = run::facts(&image, &repository, &fetched.digest);
            let lists = run::lists(&image, &repository, &fetched.digest);
            view! {
                <OldLayers layers=old.layers.clone() digest=fetched.digest.clone() repository=repository/>
                <section class="card pad" aria-label="Summary">
                    <dl class="facts">{facts}</dl>
                    {lists}
                </section>
                <HistoryOf fetched=fetched.clone()/>
            }
            .into_any()
        }
        Document::Index(_) => view! {
            <p class="muted">"The entry chosen is an index itself. "<a href=Route::image(repository.reference(ManifestRef::Digest(fetched.digest.clone()))).href()>"Open it"</a></p>
        }
        .into_any(),
        Document::Other => ().into_any(),
    }
}

/// The layers of a schema 1 manifest, which tells no sizes.
#[component]
fn OldLayers(layers: Vec<Digest>, digest: Digest, repository: Repository) -> impl IntoView {
    let together = Route::layers(repository.clone(), digest, EntryPath::ROOT).href();
    let rows = layers.iter().enumerate().take(MAX_ROWS).map(|(i, digest)| {
        let href = Route::fs(repository.clone(), digest.clone(), EntryPath::ROOT).href();
        view! {
            <li data-layer=digest.to_string()>
                <span class="muted">{i + 1}</span>
                <a class="digest" href=href>{digest.to_string()}</a>
            </li>
        }
    });
    let rows = rows.collect_view();
    view! {
        <section class="stack tight" aria-labelledby="layers">
            <h2 id="layers">"Layers"</h2>
            <p class="row">
                <a class="btn main" data-action="root" href=together>"Browse all layers as one file system"</a>
            </p>
            <ol class="card list">{rows}</ol>
        </section>
    }
}

/// The history, once it is here.
#[component]
fn HistoryOf(fetched: Arc<Fetched>) -> impl IntoView {
    let state = app().state.image;
    let config = state.config();
    let told = move || match &fetched.document {
        Document::Schema1(old) => {
            let sizes = vec![None; old.layers.len()];
            let steps = steps(&ImageConfig::from_schema1(old), &sizes);
            Some((steps, old.layers.clone()))
        }
        Document::Manifest(manifest) => config.with(|c| {
            let image = c.ready()?.image.as_ref()?;
            let sizes: Vec<Option<u64>> = manifest.layers.iter().map(|d| Some(d.size)).collect();
            let digests = manifest.layers.iter().map(|d| d.digest.clone()).collect();
            Some((steps(image, &sizes), digests))
        }),
        _ => None,
    };
    live(move || {
        let (steps, layers) = told()?;
        let repository = state.repository()?;
        (!steps.is_empty()).then(|| {
            view! { <History steps=steps.into() layers=layers.into() repository=repository/> }
        })
    })
}

#[component]
fn Summary(fetched: Arc<Fetched>) -> impl IntoView {
    let state = app().state.image;
    let chosen = state.chosen();
    let digest = fetched.digest.to_string();
    let copied = digest.clone();
    let config = state.config();
    let image = Memo::new(move |_| config.with(|c| c.ready().and_then(|c| c.image.clone())));
    let (repository, manifest) = (state.repository(), fetched.digest.clone());
    let facts = {
        let (repository, manifest) = (repository.clone(), manifest.clone());
        move || {
            let repository = repository.as_ref()?;
            image.with(|i| Some(run::facts(i.as_ref()?, repository, &manifest)))
        }
    };
    let lists = move || {
        let repository = repository.as_ref()?;
        image.with(|i| Some(run::lists(i.as_ref()?, repository, &manifest)))
    };
    let later = matches!(&fetched.document, Document::Manifest(m) if m.is_image());
    let artifact = match &fetched.document {
        Document::Manifest(m) if !m.is_image() => {
            m.kind_of_artifact().map(|k| visible(k.as_bytes()))
        }
        _ => None,
    };
    view! {
        <section class="card pad" aria-label="Summary">
            <dl class="facts" class:later=later>
                {live(move || chosen.get().map(|_| view! {
                    <dt>"Manifest"</dt>
                    <dd><span class="digest">{digest.clone()}</span>" "<CopyButton text=Signal::stored(copied.clone()) what="the manifest's digest"/></dd>
                }))}
                {artifact.map(|a| view! { <dt>"Artifact"</dt><dd class="mono">{a}</dd> })}
                {live(facts)}
                <ConfigFact/>
            </dl>
            {live(lists)}
        </section>
    }
}

/// The configuration: that it loads, a link to it, or why it did not come.
#[component]
fn ConfigFact() -> impl IntoView {
    let state = app().state.image;
    let descriptor = move || {
        state
            .manifest()
            .with(|m| match m.ready().map(|f| f.document.clone()) {
                Some(Document::Manifest(m)) => m.config,
                _ => None,
            })
    };
    move || {
        let (d, repository) = (descriptor()?, state.repository()?);
        let href = Route::blob(repository, d.digest.clone(), Some(d.media_type.clone())).href();
        let failed = state
            .config()
            .with(|c| c.problem().map(|p| format!("{}: {}", p.title, p.cause)));
        Some(view! {
            <dt>"Config"</dt>
            <dd>
                <a class="digest" href=href>{d.digest.short()}</a>
                " "<span class="muted small">{human::size(d.size)}" · "{visible(d.media_type.as_bytes())}</span>
                {failed.map(|f| view! { <p class="field-error">{f}</p> })}
            </dd>
        })
    }
}
