//! Colours, sign-ins, and what this browser keeps.

mod registries;

use layerscope_core::digest::Digest;
use layerscope_core::layer_index::TradeChoice;
use layerscope_core::path::EntryPath;
use layerscope_core::port::digest_of_key;
use layerscope_core::reference::Repository;
use layerscope_core::route::Route;
use layerscope_core::view::{human, trade};
use leptos::prelude::*;

use crate::ui::widget::live::{When, live};

use super::app;
use super::widget::problem::ProblemPanel;
use super::widget::refocus;
use super::widget::sign_in::Remember;
use super::widget::skeleton::Skeleton;
use crate::browser::offline::NotKept;
use crate::browser::prefs::Theme;
use crate::browser::store::StoredLayer;
use crate::browser::timer;
use crate::browser::{location, page};
use crate::state::Load;
use crate::state::cache::Kept;
use crate::state::offline::AppKept;
use registries::Registries;

/// Budgets to choose from beside the present one, in bytes.
const BUDGETS: [u64; 4] = [50_000_000, 250_000_000, 1_000_000_000, 4_000_000_000];

/// The page.
#[component]
pub fn Settings() -> impl IntoView {
    let app = app();
    let kept = app.state.cache.kept();
    // While it is here it follows what is kept, so that the focus stays where it is.
    let here = Memo::new(move |_| kept.with(|k| k.ready().is_some()));
    let app_kept = move || app_kept(app.state.offline.app().get());
    if page::is_framed() {
        return view! {
            <div class="stack">
                <h1>"Settings"</h1>
                <p class="prose">
                    "There are none inside another page. "
                    <a href=location::unframed() target="_blank" rel="noopener noreferrer">"Open it in a tab of its own"</a>
                </p>
                <p class="muted prose" data-app-kept="">{live(app_kept)}</p>
            </div>
        }
        .into_any();
    }
    view! {
        <div class="stack">
            <h1>"Settings"</h1>
            <section class="stack tight" aria-labelledby="colours">
                <h2 id="colours">"Colours"</h2>
                <div class="row" role="group" aria-labelledby="colours">
                    {[(Theme::System, "As the system"), (Theme::Light, "Light"), (Theme::Dark, "Dark")]
                        .map(|(theme, name)| view! {
                            <button
                                type="button"
                                class="btn"
                                aria-pressed=move || (app.state.shell.theme().get() == theme).to_string()
                                on:click=move |_| app.effects.set_theme(theme)
                            >
                                {name}
                            </button>
                        })
                        .collect_view()}
                </div>
            </section>
            <IndexTrade/>
            <SignedIn/>
            <Registries/>
            <section class="stack tight" aria-labelledby="kept">
                <h2 id="kept">"Kept in this browser"</h2>
                <p class="muted prose">
                    "The list of files of each layer that was read, so that it opens at once the next time; "
                    "and manifests and parts of files that were looked at, for when there is no network. "
                    "Losing it costs only time."
                </p>
                <p class="muted prose" data-app-kept="">{live(app_kept)}</p>
                <When when=move || here.get()>
                    <KeptList/>
                </When>
                {live(move || (!here.get()).then(|| match kept.get() {
                    Load::Failed(problem) => view! { <ProblemPanel problem=problem/> }.into_any(),
                    _ => view! { <Skeleton lines=4/> }.into_any(),
                }))}
            </section>
        </div>
    }
    .into_any()
}

/// What indices keep, and for what.
#[component]
fn IndexTrade() -> impl IntoView {
    let app = app();
    let chosen = app.state.shell.trade();
    view! {
        <section class="stack tight" aria-labelledby="trade">
            <h2 id="trade">"Index of a layer"</h2>
            <p class="muted prose" id="trade-what">
                "A layer is read whole once. What is kept of it then lets any file be opened by a small part of the layer: \
                the more is kept, the smaller that part. The choice holds for layers that are read from now on; what is kept \
                already stays in use, and each layer's page can make its index again."
            </p>
            <div class="stack tight" role="radiogroup" aria-labelledby="trade" aria-describedby="trade-what">
                {TradeChoice::ALL
                    .map(|choice| view! {
                        <label class="row">
                            <input
                                type="radio"
                                name="trade"
                                value=choice.name()
                                prop:checked=move || chosen.get() == choice
                                on:change=move |_| app.effects.set_trade(choice)
                            />
                            <span class="prose">
                                {trade::title(choice)}
                                ". "
                                <span class="muted">{trade::cost(choice)}</span>
                            </span>
                        </label>
                    })
                    .collect_view()}
            </div>
        </section>
    }
}

/// Whether the app opens without a network, and if not, why.
fn app_kept(kept: AppKept) -> &'static str {
    match kept {
        AppKept::Unknown => "",
        AppKept::Kept => "Layerscope itself is kept too: it opens without a network.",
        AppKept::Not(NotKept::Framed) => {
            "Layerscope itself is not kept for use without a network: it is inside another page."
        }
        AppKept::Not(NotKept::Development) => {
            "Layerscope itself is not kept for use without a network: this is a development build."
        }
        AppKept::Not(NotKept::Missing | NotKept::Refused) => {
            "Layerscope itself is not kept for use without a network: the browser does not do it at this address, or may store nothing here."
        }
    }
}

#[component]
fn SignedIn() -> impl IntoView {
    let app = app();
    let list = app.state.login.list();
    view! {
        <section class="stack tight" aria-labelledby="signed-in">
            <h2 id="signed-in" tabindex="-1">"Signed in"</h2>
            <When when=move || list.with(Vec::is_empty)>
                <p class="muted">"Nowhere. When a registry asks for a sign-in, a form stands where the content would be."</p>
            </When>
            <When when=move || list.with(|l| !l.is_empty())>
                <ul class="card list">
                    <For each=move || list.get() key=Clone::clone let(one)>
                        {signed_in(one)}
                    </For>
                </ul>
            </When>
            <Import/>
            <Accepted/>
        </section>
    }
}

/// A registry, as whom one is signed in to it, and the way out.
fn signed_in(one: crate::state::login::SignedIn) -> impl IntoView {
    let app = app();
    let name = one.registry.familiar().to_owned();
    let title = format!("Sign out of {name}");
    let kept = match one.remembered {
        true => "remembered in this browser",
        false => "in this tab's memory",
    };
    let registry = one.registry.clone();
    let out = move |_| {
        app.effects.sign_out(&registry);
        refocus(vec!["#signed-in".to_owned()]);
    };
    view! {
        <li data-signed-in=one.registry.to_string()>
            <span class="mono">{name}</span>
            <span class="muted small">{one.how}", "{kept}</span>
            <button type="button" class="btn tiny" aria-label=title on:click=out>
                "Sign out"
            </button>
        </li>
    }
}

/// Proxies that may have sign-ins although only a link has named them, and the way back.
#[component]
fn Accepted() -> impl IntoView {
    let app = app();
    let list = app.state.login.accepted();
    view! {
        <When when=move || list.with(|l| !l.is_empty())>
            <p id="accepted" class="muted prose" tabindex="-1">
                "Proxies that links have named, and that you let have what you sign in with:"
            </p>
            <ul class="card list" aria-labelledby="accepted">
                <For each=move || list.get() key=Clone::clone let(proxy)>
                    {accepted(proxy)}
                </For>
            </ul>
        </When>
    }
}

/// One of them.
fn accepted(proxy: String) -> impl IntoView {
    let app = app();
    let title = format!("Let {proxy} have nothing any more, and forget its sign-ins");
    let (name, shown) = (proxy.clone(), proxy.clone());
    let out = move |_| {
        app.effects.refuse_proxy(&proxy);
        refocus(vec!["#accepted".to_owned(), "#signed-in".to_owned()]);
    };
    view! {
        <li data-accepted=name>
            <span class="mono">{shown}</span>
            <button type="button" class="btn tiny" aria-label=title on:click=out>
                "Take it back"
            </button>
        </li>
    }
}

/// Takes sign-ins out of a file of docker's.
#[component]
fn Import() -> impl IntoView {
    let app = app();
    let remember = NodeRef::<leptos::html::Input>::new();
    let told = RwSignal::new(String::new()); // tidy: local
    let chosen = move |event| {
        if let Some(file) = page::ChosenFile::of(&event) {
            let wanted = remember
                .get_untracked()
                .is_some_and(|field| field.checked());
            app.effects
                .import_sign_ins(file, wanted, move |text| told.set(text)); // tidy: local
        }
    };
    view! {
        <p id="import" class="muted prose">
            "Or take the sign-ins of docker's config.json: the file is read here, and each password is sent to "
            "its own registry's sign-in only."
        </p>
        <Remember field=remember/>
        <input type="file" accept=".json,application/json" aria-labelledby="import" data-action="import" on:change=chosen/>
        <p role="status" data-imported="">{move || told.get()}</p>
    }
}

/// How much is kept, the limit, and each layer.
#[component]
fn KeptList() -> impl IntoView {
    let app = app();
    let kept = app.state.cache.kept();
    let of_kept =
        move |f: fn(&Kept) -> u64| Memo::new(move |_| kept.with(|k| k.ready().map_or(0, f)));
    let used = of_kept(|k| k.used);
    let budget = of_kept(|k| k.budget);
    let count = of_kept(|k| k.layers.len() as u64);
    let seen = of_kept(|k| k.seen.into());
    let seen_bytes = of_kept(|k| k.seen_bytes.into());
    let layers = move || kept.with(|k| k.ready().map_or(Vec::new(), |k| k.layers.clone()));
    let share = move || (used.get() as f64 / budget.get().max(1) as f64).min(1.0);
    let budgets = move || {
        let mut budgets = BUDGETS.to_vec();
        if !budgets.contains(&budget.get()) {
            budgets.push(budget.get());
            budgets.sort_unstable();
        }
        budgets
    };
    // What had the focus may be gone: the next in its place has it then, else the sum of all.
    let removed = StoredValue::new(0_usize);
    Effect::new(move |before: Option<()>| {
        kept.track();
        if before.is_some() {
            refocus(vec![
                format!(
                    "[data-stored]:nth-child({}) button",
                    removed.get_value() + 1
                ),
                "[data-stored]:last-child button".to_owned(),
                "#kept-sum".to_owned(),
            ]);
        }
    });
    let remove = move |key: &str| {
        let at = layers().iter().position(|l| l.key == key);
        removed.set_value(at.unwrap_or(0));
        app.effects.forget_stored(Some(key.to_owned()));
    };
    view! {
        <div class="stack tight" data-kept=move || count.get().to_string()>
            <p id="kept-sum" tabindex="-1" role="status">
                {live(move || format!(
                    "{} of {} used by {}",
                    human::size(used.get()),
                    human::size_round(budget.get()),
                    human::plural(count.get(), "layer", "layers"),
                ))}
                {live(move || match seen.get() {
                    0 => String::new(),
                    n => format!(
                        "; {} by {}, for when there is no network",
                        human::size(seen_bytes.get()),
                        human::plural(n, "answer of a registry", "answers of registries"),
                    ),
                })}
            </p>
            <div class="meter" aria-hidden="true">
                <i style:transform=move || format!("scaleX({})", human::decimal(share(), 4))></i>
            </div>
            <div class="row">
                <label class="row">
                    <span class="muted">"Use at most"</span>
                    <select
                        class="field"
                        on:change=move |ev| {
                            if let Ok(bytes) = event_target_value(&ev).parse() {
                                app.effects.set_budget(bytes);
                            }
                        }
                    >
                        <For each=budgets key=|bytes| *bytes let(bytes)>
                            <option value=bytes.to_string() prop:selected=move || bytes == budget.get()>
                                {human::size_round(bytes)}
                            </option>
                        </For>
                    </select>
                </label>
                <button
                    type="button"
                    class="btn"
                    data-action="clear"
                    disabled=move || count.get() + seen.get() == 0
                    on:click=move |_| app.effects.forget_stored(None)
                >
                    "Remove all"
                </button>
            </div>
        </div>
        <ul class="card list" hidden=move || count.get() == 0>
            <For each=layers key=|layer| (layer.key.clone(), layer.last_used_ms) let(layer)>
                {stored(layer, remove)}
            </For>
        </ul>
    }
}

/// A stored layer: of which repository, which layer, how large its list is and when it was used.
fn stored(layer: StoredLayer, remove: impl Fn(&str) + 'static) -> impl IntoView {
    let now = (timer::wall_clock_ms() / 1000.0) as i64;
    let used = human::ago((layer.last_used_ms / 1000) as i64, now);
    let (digest, partial) = digest_of_key(&layer.key).unzip();
    let what = match partial {
        Some(true) => "beginning of the list of ",
        _ => "list of ",
    };
    let short = digest.as_ref().map(Digest::short);
    let repository = Repository::parse(&layer.label).ok();
    let label = repository
        .as_ref()
        .map_or(layer.label, Repository::qualified);
    let title = format!(
        "Remove layer {} of {label}",
        short.as_deref().unwrap_or_default()
    );
    let link = repository.zip(digest).map(|(repository, digest)| {
        let full = digest.to_string();
        let route = Route::fs(repository, digest, EntryPath::ROOT);
        view! { <a class="mono small" href=route.href() title=full>{short}</a> }
    });
    let key = layer.key.clone();
    view! {
        <li data-stored=layer.key data-stored-bytes=layer.bytes.to_string()>
            <span class="mono small break">{label}</span>
            {link}
            <span class="muted small">{what}{human::size(layer.bytes)}", used "{used}</span>
            <button type="button" class="btn quiet tiny" aria-label=title on:click=move |_| remove(&key)>
                "Remove"
            </button>
        </li>
    }
}
