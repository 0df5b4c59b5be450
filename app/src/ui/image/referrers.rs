//! What refers to the index and to the manifest shown, as a tree that grows as it is asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use layerscope_core::digest::Digest;
use layerscope_core::manifest::Document;
use layerscope_core::path::visible;
use layerscope_core::reference::{ManifestRef, Repository};
use layerscope_core::registry::referrers::{
    Attached, Below, Growth, Lack, Referrer, Row, Source, is_unread, merge,
};
use layerscope_core::route::Route;
use layerscope_core::view::human;
use layerscope_core::view::problem::{Problem, unreached};
use leptos::html;
use leptos::prelude::*;

use super::MAX_ROWS;
use crate::browser::page;
use crate::state::image::platform_name;
use crate::ui::app;
use crate::ui::widget::live::{When, live};
use crate::ui::widget::problem::ProblemPanel;

/// A manifest of which the page shows what refers to it.
#[derive(Debug, Clone, PartialEq)]
struct Root {
    digest: Digest,
    /// Its name, where there are two.
    name: String,
    /// What the index says refers to it.
    first: Vec<Arc<Referrer>>,
}

/// The section. Nothing is asked for before it is in view.
#[component]
pub fn Referrers() -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let route = app.route();
    let filter = Memo::new(move |_| match route.get() {
        Route::Referrers { artifact_type, .. } => artifact_type,
        _ => None,
    });
    let alone = Memo::new(move |_| route.with(|r| matches!(r, Route::Referrers { .. })));
    let picked = RwSignal::new(None::<String>); // tidy: local
    let seen = RwSignal::new(false); // tidy: local
    let place = NodeRef::<html::Section>::new();
    Effect::new(move |_| {
        if let Some(section) = place.get() {
            page::when_seen(&section, move || seen.set(true));
        }
    });
    let roots = Memo::new(move |_| roots(app, alone.get()));
    Effect::new(move |_| {
        if !(seen.get() || alone.get()) {
            return;
        }
        for root in roots.get() {
            if alone.get() && state.referrers().with(|t| t.grown(&root.digest).is_some()) {
                // A page of its own shows the whole tree, as far as a tree goes without asking.
                let more = state.referrers().with(|t| t.unknown(&root.digest));
                more.iter().for_each(|of| app.effects.find_referrers(of));
            } else if state
                .referrers()
                .with_untracked(|t| t.get(&root.digest).is_none())
            {
                app.effects.find_referrers(&root.digest);
            }
        }
    });
    let kinds = Memo::new(move |_| {
        // What is chosen stays there to be undone, where another platform has none of it.
        let mut kinds: BTreeSet<String> = picked.with(|p| p.clone()).into_iter().collect();
        for root in roots.get() {
            let more = state
                .referrers()
                .with(|t| t.kinds(&root.digest, &root.first));
            kinds.extend(more);
        }
        kinds
    });
    let wanted = Signal::derive(move || filter.get().or_else(|| picked.get()));
    let everything = move || match route.get() {
        Route::Referrers {
            repository, digest, ..
        } => Route::Referrers {
            repository,
            digest,
            artifact_type: None,
        }
        .href(),
        _ => String::new(),
    };
    view! {
        <section class="stack tight" aria-labelledby="referrers" node_ref=place>
            <div class="section-head">
                <h2 id="referrers">"Referrers"</h2>
                <When when=move || filter.with(Option::is_none) && (kinds.with(|k| k.len() > 1) || picked.with(Option::is_some))>
                    <label class="row small">
                        <span class="muted">"Show"</span>
                        <select
                            class="field"
                            data-action="kind"
                            on:change=move |ev| picked.set(Some(event_target_value(&ev)).filter(|k| !k.is_empty()))
                        >
                            <option value="">"every kind"</option>
                            <For each=move || kinds.get() key=Clone::clone let(kind)>
                                <option value=kind.clone()>{visible(kind.as_bytes())}</option>
                            </For>
                        </select>
                    </label>
                </When>
            </div>
            {live(move || filter.get().map(|kind| view! {
                <p class="small">
                    "Only those of the type "<span class="mono">{visible(kind.as_bytes())}</span>". "
                    <a href=everything()>"Show all"</a>
                </p>
            }))}
            {live(move || {
                let all = roots.get();
                let named = all.len() > 1;
                all.into_iter()
                    .map(|root| view! { <Branches root=root named=named wanted=wanted/> })
                    .collect_view()
            })}
        </section>
    }
}

/// The index, if it is one, and the manifest that is shown.
fn roots(app: crate::ui::App, alone: bool) -> Vec<Root> {
    let state = app.state.image;
    let Some(top) = state.top().with(|t| t.ready().cloned()) else {
        return Vec::new();
    };
    let mut roots = vec![Root {
        digest: top.digest.clone(),
        name: "the image index".into(),
        first: Vec::new(),
    }];
    let (chosen, manifest) = (state.chosen().get(), state.manifest().get());
    let (Some(chosen), Some(manifest)) = (chosen, manifest.ready()) else {
        return roots;
    };
    if let (Document::Index(index), false) = (&top.document, alone) {
        let attestations = index.attestations_of(&chosen.digest).cloned().collect();
        roots.push(Root {
            digest: manifest.digest.clone(),
            name: platform_name(chosen.platform.as_ref()),
            first: merge([(Source::Index, attestations)], None),
        });
    }
    roots
}

/// The tree of one of them.
#[component]
fn Branches(root: Root, named: bool, wanted: Signal<Option<String>>) -> impl IntoView {
    let app = app();
    let state = app.state.image;
    let tree = state.referrers();
    let alone = app
        .route()
        .with_untracked(|r| matches!(r, Route::Referrers { .. }));
    let Root {
        digest,
        name,
        first,
    } = root;
    let growth = {
        let digest = digest.clone();
        Memo::new(move |_| tree.with(|t| t.get(&digest).cloned()))
    };
    let shown = {
        let digest = digest.clone();
        Memo::new(move |_| {
            let kind = wanted.get();
            tree.with(|t| t.shown(&digest, &first, kind.as_deref(), MAX_ROWS))
        })
    };
    let list = move || {
        let repository = state.repository()?;
        let shown = shown.get();
        let more = shown.more as u64;
        (!shown.rows.is_empty()).then(|| {
            view! {
                <ul class="card list">
                    {shown.rows.into_iter().map(|row| line(&repository, row)).collect_view()}
                </ul>
                {(more > 0).then(|| view! {
                    <p class="small muted">{human::plural(more, "line", "lines")}" more: choose a kind."</p>
                })}
            }
        })
    };
    let lack = move |which| move || shown.with(|s| s.lack == Some(which));
    let cut = move || growth.with(|g| matches!(g, Some(Growth::Grown(a)) if a.cut));
    let of = digest.to_string();
    view! {
        <div class="stack tight" data-referrers-of=of>
            {named.then(|| view! { <h3>"Of "<bdi>{visible(name.as_bytes())}</bdi></h3> })}
            {live(list)}
            <When when=move || growth.with(|g| matches!(g, None | Some(Growth::Growing)))>
                <p class="small muted" role="status">"Looking for what refers to it …"</p>
            </When>
            <When when=lack(Lack::Nothing)>
                <p class="empty card">
                    "Nothing refers to it: neither the registry's list, nor the fallback tag, nor cosign's tags have anything."
                </p>
            </When>
            <When when=lack(Lack::OfKind)>
                <p class="empty card">"Nothing of this kind refers to it, as far as is known here."</p>
            </When>
            <When when=cut>
                <p class="small muted">"The registry's list is longer than what is read of it here."</p>
            </When>
            {live(move || growth.with(|g| match g {
                Some(Growth::Grown(attached)) => failures(&digest, attached, alone),
                _ => None,
            }))}
        </div>
    }
}

/// Which ways failed, and why; the rest of the page stands.
fn failures(of: &Digest, attached: &Arc<Attached>, alone: bool) -> Option<impl IntoView + use<>> {
    let app = app();
    let mut problems: Vec<(Vec<&'static str>, Problem)> = Vec::new();
    for (source, error) in &attached.failures {
        let problem = match is_unread(*source, error) {
            true => unreached::referrers_unread(&error.attempt().registry),
            false => Problem::from(error),
        };
        let words = source.words();
        // Five ways that fail are one reason, in words that differ by what was asked for.
        match problems.iter_mut().find(|(_, p)| p.code == problem.code) {
            Some((ways, _)) if ways.contains(&words) => {}
            Some((ways, _)) => ways.push(words),
            None => problems.push((vec![words], problem)),
        }
    }
    if problems.is_empty() {
        return None;
    }
    if alone && attached.is_failure() {
        let (_, problem) = problems.swap_remove(0);
        return Some(view! { <ProblemPanel problem=problem/> }.into_any());
    }
    let of = of.clone();
    Some(
        view! {
            <div class="problem mild small" data-referrers-failed="">
                {problems
                    .into_iter()
                    .map(|(ways, p)| view! {
                        <p data-problem=p.code>
                            "Could not be asked: "{ways.join(", ")}". "{p.title}". "{p.cause}" "{p.remedy}
                        </p>
                    })
                    .collect_view()}
                <div class="row">
                    <button type="button" class="btn tiny" on:click=move |_| app.effects.find_referrers(&of)>
                        "Try again"
                    </button>
                </div>
            </div>
        }
        .into_any(),
    )
}

fn line(repository: &Repository, row: Row) -> impl IntoView + use<> {
    let app = app();
    let digest = row.referrer.descriptor.digest.clone();
    let href = Route::image(repository.reference(ManifestRef::Digest(digest.clone()))).href();
    let ways: Vec<&str> = row.referrer.sources.iter().map(|s| s.words()).collect();
    let short = digest.short();
    let what = format!("Look for what refers to {short}");
    let of = digest.clone();
    let below = match row.below {
        Below::Unknown => view! {
            <button
                type="button"
                class="btn quiet tiny"
                aria-label=what
                on:click=move |_| app.effects.find_referrers(&of)
            >
                "Its referrers"
            </button>
        }
        .into_any(),
        Below::Growing => {
            view! { <span class="small muted" role="status">"looking …"</span> }.into_any()
        }
        Below::Nothing => {
            view! { <span class="small muted">"nothing refers to it"</span> }.into_any()
        }
        // That a registry's API cannot be read is said above, once.
        Below::Here(attached) if attached.failures.iter().all(|(s, e)| is_unread(*s, e)) => {
            ().into_any()
        }
        Below::Here(attached) => failures(&digest, &attached, false).into_any(),
        Below::Circle => {
            view! { <span class="small muted">"a circle: it is above"</span> }.into_any()
        }
        Below::TooDeep => {
            view! { <span class="small muted">"open it to go deeper"</span> }.into_any()
        }
    };
    let indent = format!("{}rem", human::decimal(0.75 + 1.25 * row.depth as f64, 2));
    view! {
        <li
            data-referrer=digest.to_string()
            data-depth=row.depth.to_string()
            data-subject=row.subject.to_string()
            style:padding-left=indent
        >
            <a class="mono" href=href title=digest.to_string()>{short}</a>
            <span class="break" data-kind="">{visible(row.referrer.kind().as_bytes())}</span>
            <span class="muted small">{human::size(row.referrer.descriptor.size)}</span>
            <span class="muted small">"by "{ways.join(", ")}</span>
            {below}
        </li>
    }
}
