//! How the image is run: its configuration in facts, its environment, its labels.

use layerscope_core::config::ImageConfig;
use layerscope_core::digest::Digest;
use layerscope_core::path::EntryPath;
use layerscope_core::reference::Repository;
use layerscope_core::route::Route;
use layerscope_core::view::human;
use layerscope_core::view::run::{self, Fact, Place};
use leptos::prelude::*;

use super::MAX_ROWS;

/// Labels that are shown without a click.
const FEW: usize = 8;

/// Where a place is in the root file system of an image, by its manifest.
fn href(repository: &Repository, manifest: &Digest, place: &Place) -> String {
    let at = |path: EntryPath| Route::layers(repository.clone(), manifest.clone(), path);
    let route = match place {
        Place::Path(path) => at(path.clone()),
        Place::Search(text) => {
            let mut route = at(EntryPath::ROOT);
            if let Some(show) = route.show_mut() {
                show.query = Some(text.clone());
            }
            route
        }
    };
    route.href()
}

fn value(fact: Fact, repository: &Repository, manifest: &Digest) -> AnyView {
    match &fact.to {
        Some(place) => {
            let href = href(repository, manifest, place);
            view! { <a href=href><bdi>{fact.value}</bdi></a> }.into_any()
        }
        None => view! { <bdi>{fact.value}</bdi> }.into_any(),
    }
}

/// The facts, as rows of a list.
pub fn facts(image: &ImageConfig, repository: &Repository, manifest: &Digest) -> AnyView {
    run::facts(image)
        .into_iter()
        .take(MAX_ROWS)
        .map(|fact| {
            let name = fact.name.clone();
            view! {
                <dt>{fact.name.clone()}</dt>
                <dd class="mono" data-fact=name>{value(fact, repository, manifest)}</dd>
            }
        })
        .collect_view()
        .into_any()
}

/// The environment and the labels.
pub fn lists(image: &ImageConfig, repository: &Repository, manifest: &Digest) -> AnyView {
    let list = |(one, many): (&str, &str), facts: Vec<Fact>, open: bool| {
        let title = human::plural(facts.len() as u64, one, many);
        let rows = facts.into_iter().take(MAX_ROWS).map(|fact| {
            let name = fact.name.clone();
            view! {
                <dt class="mono break"><bdi>{fact.name.clone()}</bdi></dt>
                <dd class="mono" data-value=name>{value(fact, repository, manifest)}</dd>
            }
        });
        let rows = rows.collect_view();
        view! {
            <details class="fold" open=open>
                <summary>{title}</summary>
                <dl class="facts">{rows}</dl>
            </details>
        }
    };
    let (environment, labels) = (run::environment(image), run::labels(image));
    let few = labels.len() <= FEW;
    view! {
        {(!environment.is_empty()).then(|| {
            list(("variable", "variables"), environment, true)
        })}
        {(!labels.is_empty()).then(|| list(("label", "labels"), labels, few))}
    }
    .into_any()
}
