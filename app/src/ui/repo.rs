//! A repository's tags, or a registry's repositories.

use layerscope_core::digest::Digest;
use layerscope_core::reference::{ManifestRef, Registry, Repository, Tag};
use layerscope_core::registry::listing::Detail;
use layerscope_core::route::Route;
use layerscope_core::view::command::{self, Command};
use layerscope_core::view::human;
use layerscope_core::view::tags::{TagKind, TagOrder, arrange, kind};
use leptos::html;
use leptos::prelude::*;

use crate::browser::page;
use crate::state::repo::SHOWN_UNASKED;
use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::command::Commands;
use super::widget::problem::ProblemPanel;
use super::widget::skeleton::Skeleton;

/// Rows of a list put on the page that has no button for more.
const MAX_ROWS: usize = 500;

/// The page.
#[component]
pub fn Repo() -> impl IntoView {
    let app = app();
    let route = app.route();
    let state = app.state.repo;
    let (names, beside) = (state.names(), state.beside());
    let repository = Memo::new(move |_| match route.get() {
        Route::Repo { repository, .. } => repository,
        _ => None,
    });
    let registry = Memo::new(move |_| route.with(|r| r.registry().cloned()));
    let namespace = Memo::new(move |_| match route.get() {
        Route::Namespace { namespace, .. } => Some(namespace),
        _ => None,
    });
    let hub =
        Memo::new(move |_| registry.with(|r| r.as_ref().is_some_and(Registry::is_docker_hub)));
    let heading = move || match (repository.get(), registry.get()) {
        (None, Some(r)) if namespace.with(Option::is_some) => {
            format!("{} · {}", r.familiar(), namespace.get().unwrap_or_default())
        }
        (Some(r), _) => r.familiar(),
        (None, Some(r)) => r.familiar().to_owned(),
        (None, None) => String::new(),
    };
    let commands = Signal::derive(move || match (repository.get(), registry.get()) {
        (Some(repository), _) => command::tags(&repository),
        (None, Some(registry)) if registry.is_docker_hub() => Vec::new(),
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
            <When when=move || hub.get()>
                <Namespaces/>
            </When>
            <Children/>
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
                    {live(move || arranged.with(|all| two_tags(&repository.get()?, all)).map(|to| view! {
                        <a class="btn" data-action="compare" href=to.href()>"Compare two tags…"</a>
                    }))}
                </div>
                <ul class="tags">
                    <For
                        each=move || shown.get()
                        key=Clone::clone
                        children=move |name| {
                            let detail = beside.with_untracked(|b| b.details.get(&name).copied());
                            match repository.get_untracked() {
                                Some(r) => tag(&r, name, detail).into_any(),
                                None => child(&registry.get_untracked(), name, detail).into_any(),
                            }
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
            <Untagged/>
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
                when=move || empty() && names.with(|n| !n.busy && n.pages > 0 && n.problem.is_none())
                    && beside.with(|b| b.children.is_empty() && b.untagged.is_empty())>
                <p class="empty">"The registry lists nothing here."</p>
            </When>
        </div>
    }
}

/// The first two of the tags side by side; others can be chosen there.
fn two_tags(repository: &Repository, names: &[String]) -> Option<Route> {
    let tags = names.iter().filter(|name| kind(name) == TagKind::Image);
    let mut tags = tags.filter_map(|name| Tag::parse(name).ok());
    let (first, second) = (tags.next()?, tags.next()?);
    let image = |tag| repository.reference(ManifestRef::Tag(tag));
    // The lower one is what the other grew from.
    Some(Route::compare(image(second), image(first)))
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

/// Asks for a namespace of Docker Hub, which does not list them.
#[component]
fn Namespaces() -> impl IntoView {
    let app = app();
    let route = app.route();
    let field = NodeRef::<html::Input>::new();
    let wrong = RwSignal::new(false); // tidy: local
    // From a repository, its own.
    let here = Memo::new(move |_| match route.get() {
        Route::Repo {
            repository: Some(r),
            ..
        } => r
            .path()
            .split_once('/')
            .map(|(namespace, _)| namespace.to_owned()),
        _ => None,
    });
    let submit = move |ev: leptos::ev::SubmitEvent| {
        ev.prevent_default();
        let typed = field.get_untracked().map_or(String::new(), |f| f.value());
        let named = Route::namespace(typed.trim());
        wrong.set(named.is_none());
        if let Some(route) = named {
            app.effects.go(&route);
        }
    };
    view! {
        {live(move || here.get().map(|namespace| {
            let href = Route::namespace(&namespace).map(|r| r.href());
            view! { <p class="small"><a href=href data-action="namespace">"All repositories of "{namespace}</a></p> }
        }))}
        <When when=move || here.with(Option::is_none)>
            <form class="tools" on:submit=submit>
                <label class="row small">
                    <span class="muted">"Namespace"</span>
                    <input
                        class="field"
                        name="namespace"
                        placeholder="library, grafana, …"
                        autocomplete="off"
                        autocapitalize="none"
                        spellcheck="false"
                        aria-invalid=move || wrong.get().to_string()
                        node_ref=field
                    />
                </label>
                <button type="submit" class="btn">"List"</button>
            </form>
        </When>
        <When when=move || wrong.get()>
            <p class="field-error">"This is no name of a namespace: lower-case letters, digits, and - or _ between them."</p>
        </When>
    }
}

/// Repositories below this one.
#[component]
fn Children() -> impl IntoView {
    let app = app();
    let route = app.route();
    let beside = app.state.repo.beside();
    let children = Memo::new(move |_| beside.with(|b| b.children.clone()));
    let list = move || {
        let Route::Repo {
            repository: Some(above),
            ..
        } = route.get()
        else {
            return None;
        };
        let all = children.get();
        (!all.is_empty()).then(|| {
            let below = |name: &String| {
                let path = format!("{}/{name}", above.path());
                let shown = layerscope_core::path::visible(name.as_bytes());
                match Repository::new(above.registry().clone(), &path) {
                    Ok(r) => view! { <li data-repository=path><a href=Route::repo(r).href()>{shown}</a></li> }.into_any(),
                    Err(_) => view! { <li class="pad muted">{shown}</li> }.into_any(),
                }
            };
            view! {
                <section class="stack tight" aria-labelledby="children">
                    <h2 id="children">"Below it"</h2>
                    <ul class="tags">{all.iter().take(MAX_ROWS).map(below).collect_view()}</ul>
                    {rest(all.len())}
                </section>
            }
        })
    };
    live(list)
}

/// Manifests that no tag names.
#[component]
fn Untagged() -> impl IntoView {
    let app = app();
    let route = app.route();
    let beside = app.state.repo.beside();
    let untagged = Memo::new(move |_| beside.with(|b| b.untagged.clone()));
    let list = move || {
        let Route::Repo {
            repository: Some(repository),
            ..
        } = route.get()
        else {
            return None;
        };
        let all = untagged.get();
        (!all.is_empty()).then(|| {
            let row = |(digest, detail): &(Digest, Detail)| {
                let by = ManifestRef::Digest(digest.clone());
                let href = Route::image(repository.reference(by)).href();
                view! {
                    <li data-untagged=digest.to_string()>
                        <a class="mono" href=href title=digest.to_string()>{digest.short()}</a>
                        <span class="muted small">{words(detail)}</span>
                    </li>
                }
            };
            view! {
                <section class="stack tight" aria-labelledby="untagged">
                    <h2 id="untagged">"Without a tag"</h2>
                    <ul class="card list">{all.iter().take(MAX_ROWS).map(row).collect_view()}</ul>
                    {rest(all.len())}
                </section>
            }
        })
    };
    live(list)
}

fn rest(all: usize) -> Option<impl IntoView> {
    let more = all.saturating_sub(MAX_ROWS) as u64;
    (more > 0)
        .then(|| view! { <p class="small muted">{human::count(more)}" more are not shown."</p> })
}

/// Size and time, as far as they are known.
fn words(detail: &Detail) -> String {
    let size = detail.size.map(human::size);
    let time = detail.time_s.map(human::time);
    let both: Vec<String> = size.into_iter().chain(time).collect();
    both.join(" · ")
}

fn note(detail: Option<Detail>) -> Option<impl IntoView> {
    let text = words(&detail?);
    (!text.is_empty()).then(|| view! { " "<small class="muted">{text}</small> })
}

fn tag(repository: &Repository, name: String, detail: Option<Detail>) -> impl IntoView + use<> {
    let shown = layerscope_core::path::visible(name.as_bytes());
    let parsed = match kind(&name) {
        TagKind::Invalid => None,
        TagKind::Image | TagKind::Attached => Tag::parse(&name).ok(),
    };
    let text = view! { <bdi>{shown}</bdi>{note(detail)} };
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
    registry: &Option<Registry>,
    name: String,
    detail: Option<Detail>,
) -> impl IntoView + use<> {
    let repository = registry
        .as_ref()
        .and_then(|r| Repository::new(r.clone(), &name).ok());
    let shown = layerscope_core::path::visible(name.as_bytes());
    match repository {
        Some(r) => view! {
            <li data-repository=name><a href=Route::repo(r).href()>{shown}{note(detail)}</a></li>
        }
        .into_any(),
        None => view! { <li class="pad muted">{shown}</li> }.into_any(),
    }
}
