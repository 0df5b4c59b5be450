//! A repository's tags, or a registry's repositories.

use layerscope_core::reference::{ManifestRef, Repository, Tag};
use layerscope_core::route::Route;
use layerscope_core::view::command::{self, Command};
use layerscope_core::view::human;
use layerscope_core::view::tags::{TagKind, TagOrder, arrange, kind};
use leptos::prelude::*;

use crate::browser::page;
use crate::state::repo::SHOWN_UNASKED;
use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::command::Commands;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;

/// The page.
#[component]
pub fn Repo() -> impl IntoView {
    let app = app();
    let route = app.route();
    let state = app.state.repo;
    let names = state.names();
    let repository = Memo::new(move |_| match route.get() {
        Route::Repo { repository, .. } => repository,
        _ => None,
    });
    let registry = Memo::new(move |_| route.with(|r| r.registry().cloned()));
    let heading = move || match (repository.get(), registry.get()) {
        (Some(r), _) => r.familiar(),
        (None, Some(r)) => r.familiar().to_owned(),
        (None, None) => String::new(),
    };
    let commands = Signal::derive(move || match (repository.get(), registry.get()) {
        (Some(repository), _) => command::tags(&repository),
        (None, Some(registry)) => command::catalog(&registry),
        (None, None) => Vec::<Command>::new(),
    });
    // Not arranged anew when only the page's state changes; equal pointers are compared first.
    let items = Memo::new(move |_| names.with(|n| n.items.clone()));
    let arranged = Memo::new(move |_| {
        items.with(|i| state.filter().with(|f| arrange(i, f, state.order().get())))
    });
    let shown = Memo::new(move |_| {
        let limit = state.shown().get();
        arranged.with(|a| a.iter().take(limit).cloned().collect::<Vec<String>>())
    });
    // More follow by themselves, a step a frame, so that no step is long.
    Effect::new(move |_| {
        let (all, limit) = (arranged.with(Vec::len), state.shown().get());
        if limit < all.min(SHOWN_UNASKED) {
            page::request_frame(move || state.show_more());
        }
    });
    let word = move |n: usize| {
        let n = n as u64;
        match repository.with(Option::is_some) {
            true => human::plural(n, "tag", "tags"),
            false => human::plural(n, "repository", "repositories"),
        }
    };
    let tally = move || {
        let (have, more) = names.with(|n| (n.items.len(), n.next.is_some() || n.problem.is_some()));
        let found = arranged.with(Vec::len);
        let so_far = if more { " so far" } else { "" };
        match state.filter().with(|f| f.trim().is_empty()) {
            true => format!("{}{so_far}", word(have)),
            false => format!("{} of {}{so_far}", human::count(found as u64), word(have)),
        }
    };
    let empty = move || names.with(|n| n.items.is_empty());
    view! {
        <div class="stack">
            <div class="section-head">
                <h1><bdi>{live(heading)}</bdi></h1>
                <span class="muted" role="status">{live(move || (!empty()).then(tally))}</span>
            </div>
            <Commands commands=commands/>
            <When when=move || !empty()>
                <div class="tools">
                    <input
                        class="field"
                        type="search"
                        placeholder="Filter"
                        aria-label="Filter the names"
                        prop:value=state.filter()
                        on:input=move |ev| state.set_filter(event_target_value(&ev))
                    />
                    <OrderButton order=TagOrder::Descending label="Highest first"/>
                    <OrderButton order=TagOrder::Ascending label="Lowest first"/>
                    <OrderButton order=TagOrder::Registry label="As listed"/>
                </div>
                <ul class="tags">
                    <For
                        each=move || shown.get()
                        key=Clone::clone
                        children=move |name| match repository.get_untracked() {
                            Some(r) => tag(&r, name).into_any(),
                            None => child(&registry.get_untracked(), name).into_any(),
                        }
                    />
                </ul>
                <When when=move || arranged.with(Vec::len) == 0>
                    <p class="empty">"Nothing here has these letters in its name."</p>
                </When>
            </When>
            <div class="row">
                <When when=move || arranged.with(Vec::len) != shown.with(Vec::len)>
                    <button type="button" class="btn" on:click=move |_| state.show_more()>
                        "Show more of these"
                    </button>
                </When>
                <When
                    when=move || names.with(|n| n.next.is_some() && !n.busy && n.problem.is_none())>
                    <button type="button" class="btn" on:click=move |_| app.effects.more_names()>
                        "Load more from the registry"
                    </button>
                </When>
            </div>
            {live(move || names.with(|n| n.problem.clone()).map(|problem| {
                let partial = !empty();
                view! {
                    <ProblemPanel
                        problem=problem
                        again=Callback::new(move |()| match partial {
                            true => app.effects.more_names(),
                            false => app.effects.retry(),
                        })
                        note=if partial { "The list above is not complete." } else { "" }
                    />
                }
            }))}
            <When when=move || names.with(|n| n.busy) && empty()>
                <Skeleton lines=8/>
            </When>
            <When
                when=move || empty() && names.with(|n| !n.busy && n.pages > 0 && n.problem.is_none())>
                <p class="empty">"The registry lists nothing here."</p>
            </When>
        </div>
    }
}

#[component]
fn OrderButton(order: TagOrder, label: &'static str) -> impl IntoView {
    let state = app().state.repo;
    view! {
        <button
            type="button"
            class="btn"
            aria-pressed=move || (state.order().get() == order).to_string()
            on:click=move |_| state.set_order(order)
        >
            {label}
        </button>
    }
}

fn tag(repository: &Repository, name: String) -> impl IntoView + use<> {
    let shown = layerscope_core::path::visible(name.as_bytes());
    let parsed = match kind(&name) {
        TagKind::Invalid => None,
        TagKind::Image | TagKind::Attached => Tag::parse(&name).ok(),
    };
    let text = view! { <bdi>{shown}</bdi> };
    let body = match parsed {
        Some(tag) => {
            let route = Route::image(repository.reference(ManifestRef::Tag(tag)));
            view! { <a href=route.href()>{text}</a> }.into_any()
        }
        None => view! { <span class="pad muted">{text}</span> }.into_any(),
    };
    view! { <li data-tag=name>{body}</li> }
}

fn child(
    registry: &Option<layerscope_core::reference::Registry>,
    name: String,
) -> impl IntoView + use<> {
    let repository = registry
        .as_ref()
        .and_then(|r| Repository::new(r.clone(), &name).ok());
    let shown = layerscope_core::path::visible(name.as_bytes());
    match repository {
        Some(r) => {
            view! { <li data-repository=name><a href=Route::repo(r).href()>{shown}</a></li> }
                .into_any()
        }
        None => view! { <li class="pad muted">{shown}</li> }.into_any(),
    }
}
